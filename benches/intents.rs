//! How good the intents are that are found as events arrive, in one default configuration without labels: on streams whose
//! intents are known, and on the sentences of CLINC150 where `CAUSAL_VAULT_INTENTS` names the folder that holds them.
//!
//! Beside it stand the usual first scheme, the nearest running mean above a cosine of 0.82, and k-means over all events at
//! once, which is told how many intents there are.

#[path = "../tests/suite/agreement.rs"]
mod agreement;
mod shared;
#[path = "../tests/suite/stream.rs"]
mod stream;

use std::collections::BTreeMap;
use std::path::Path;

use agreement::{adjusted_information, adjusted_rand};
use causal_vault::{IntentId, IntentOptions, IntentStore};
use shared::{Race, Report, numpy, size, time};
use stream::{Dice, Stream};

/// The cosine above which the first scheme takes two things for one.
const FIRST_SCHEME: f32 = 0.82;
const KMEANS_ROUNDS: usize = 10;

fn main() {
    let plain = Stream { events: size(10_000, 300), dimension: 256, intents: 100, noise: 1.2, ..Stream::PLAIN };
    let skewed = Stream { events: size(8_000, 300), intents: 80, skew: 1.0, seed: 2, ..plain };
    let streams = [
        ("many, alike in size", plain),
        ("few large, many small", skewed),
        ("families, drifting, half of them late", Stream { family: 0.8, noise: 0.9, drift: 0.4, late: 0.7, ..skewed }),
        ("few events, few values", Stream { events: size(500, 100), intents: 10, dimension: 32, noise: 0.7, ..plain }),
    ];
    println!("| stream | events | intents | scheme | found | AMI | ARI |\n|---|---|---|---|---|---|---|");
    for (name, stream) in streams {
        let (events, truth) = stream.events();
        compare(name, &events, &truth);
    }
    match std::env::var_os("CAUSAL_VAULT_INTENTS") {
        None => println!("CAUSAL_VAULT_INTENTS names no folder: CLINC150 is not measured"),
        Some(folder) => {
            let folder = Path::new(&folder);
            let mut events = numpy::half_floats(&folder.join("clinc150-minilm.npy"));
            let mut truth = numpy::labels(&folder.join("clinc150-labels.npy"));
            events.truncate(size(events.len(), 300));
            truth.truncate(events.len());
            compare("CLINC150", &events, &truth);
        }
    }
    speed(&plain.events().0[..size(4_000, 100)]);
}

fn compare(name: &str, events: &[Vec<f32>], truth: &[usize]) {
    let intents = count(truth);
    let print = |scheme: &str, found: &[usize]| {
        let (information, rand) = (adjusted_information(found, truth), adjusted_rand(found, truth));
        let k = count(found);
        println!("| {name} | {} | {intents} | {scheme} | {k} | {information:.3} | {rand:.3} |", events.len());
    };
    let store = IntentStore::new(options(events)).unwrap();
    let assigned: Vec<_> = events.iter().map(|event| store.assign_event(event.as_slice()).unwrap()).collect();
    store.consolidate().unwrap();
    let now = |cell| store.intent_of(cell).unwrap();
    print("as labelled then", &numbered(assigned.iter().map(|event| event.intent)));
    print("as seen now", &numbered(assigned.iter().map(|event| now(event.cell))));
    print("classified anew", &numbered(events.iter().map(|event| store.classify(event).unwrap().unwrap().intent)));
    print("first scheme", &first_scheme(events));
    print("k-means, told how many", &kmeans(events, intents));
}

fn options(events: &[Vec<f32>]) -> IntentOptions {
    IntentOptions::new("bench", events[0].len())
}

fn count(labels: &[usize]) -> usize {
    labels.iter().collect::<std::collections::BTreeSet<_>>().len()
}

fn numbered(ids: impl Iterator<Item = IntentId>) -> Vec<usize> {
    let mut numbers = BTreeMap::new();
    ids.map(|id| {
        let next = numbers.len();
        *numbers.entry(id).or_insert(next)
    })
    .collect()
}

fn first_scheme(events: &[Vec<f32>]) -> Vec<usize> {
    let mut centroids: Vec<(Vec<f32>, f32)> = Vec::new();
    let mut assign = |event: &Vec<f32>| {
        let event = unit(event);
        let best = nearest(&event, centroids.iter().map(|(centroid, _)| centroid));
        match best.filter(|(_, cosine)| *cosine > FIRST_SCHEME) {
            Some((place, _)) => {
                let (centroid, count) = &mut centroids[place];
                *count += 1.0;
                centroid.iter_mut().zip(&event).for_each(|(mean, value)| *mean += (value - *mean) / *count);
                place
            }
            None => {
                centroids.push((event, 1.0));
                centroids.len() - 1
            }
        }
    };
    events.iter().map(&mut assign).collect()
}

/// Lloyd's rounds from events that lie far apart.
fn kmeans(events: &[Vec<f32>], count: usize) -> Vec<usize> {
    let units: Vec<Vec<f32>> = events.iter().map(|event| unit(event)).collect();
    let mut dice = Dice::new(7);
    let mut centroids: Vec<Vec<f32>> = Vec::new();
    let mut apart = vec![1.0f32; units.len()];
    while centroids.len() < count {
        let mut left = dice.uniform() * apart.iter().sum::<f32>();
        let chosen = apart.iter().position(|apart| {
            left -= apart;
            left < 0.0
        });
        let centroid = units[chosen.unwrap_or(0)].clone();
        for (apart, event) in apart.iter_mut().zip(&units) {
            *apart = apart.min((2.0 - 2.0 * product(event, &centroid)).max(0.0));
        }
        centroids.push(centroid);
    }
    let mut found = Vec::new();
    for _ in 0..KMEANS_ROUNDS {
        found = units.iter().map(|event| nearest(event, centroids.iter()).map_or(0, |(place, _)| place)).collect();
        let mut sums = vec![vec![0.0; units[0].len()]; count];
        for (event, place) in units.iter().zip(&found) {
            sums[*place].iter_mut().zip(event).for_each(|(sum, value)| *sum += value);
        }
        centroids = sums.into_iter().map(|sum| unit(&sum)).collect();
    }
    found
}

/// The place of the largest cosine with an event of length 1, and that cosine.
fn nearest<'a>(event: &[f32], centroids: impl Iterator<Item = &'a Vec<f32>>) -> Option<(usize, f32)> {
    let cosine = |centroid: &Vec<f32>| product(event, centroid) / product(centroid, centroid).sqrt().max(1e-12);
    centroids.map(cosine).enumerate().max_by(|left, right| left.1.total_cmp(&right.1))
}

fn unit(values: &[f32]) -> Vec<f32> {
    let length = product(values, values).sqrt().max(1e-12);
    values.iter().map(|value| value / length).collect()
}

/// The dot product as a compiler makes it fast.
fn product(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [0.0; 16];
    for (left, right) in left.chunks(16).zip(right.chunks(16)) {
        for (sum, (left, right)) in sums.iter_mut().zip(left.iter().zip(right)) {
            *sum += left * right;
        }
    }
    sums.iter().sum()
}

/// A whole stream, its consolidations included.
fn speed(events: &[Vec<f32>]) {
    let mut report = Report::default();
    report.turns(
        Race {
            work: format!("{} events assigned and consolidated", events.len()),
            samples: size(3, 1),
            units: events.len() as u64,
            reach: None,
        },
        |_| time(|| drop(first_scheme(events))),
        |_| {
            time(|| {
                let store = IntentStore::new(options(events)).unwrap();
                events.iter().for_each(|event| _ = store.assign(event).unwrap());
            })
        },
    );
    report.print("intents: events a second, beside the first scheme");
}
