//! How good the groups are, on streams whose groups are known. The bench shows it on real sentences.

use causal_vault::{IntentOptions, IntentStore};

use super::filled;
use crate::suite::agreement::{adjusted_information, adjusted_rand};
use crate::suite::stream::Stream;

/// The agreement of what the store tells at the end with the truth, and the number of intents.
fn quality(stream: Stream, options: IntentOptions) -> (f64, f64, usize) {
    let (events, truth) = stream.events();
    let (store, assigned) = filled(options, &events);
    store.consolidate().unwrap();
    let ids: Vec<_> = store.intents().iter().map(|intent| intent.id).collect();
    let row = |cell| ids.iter().position(|id| Some(*id) == store.intent_of(cell)).unwrap();
    let found: Vec<usize> = assigned.iter().map(|event| row(event.cell)).collect();
    (adjusted_information(&found, &truth), adjusted_rand(&found, &truth), ids.len())
}

fn options(stream: Stream) -> IntentOptions {
    IntentOptions::new("model", stream.dimension).cells(200)
}

#[test]
fn one_configuration_finds_the_intents_of_streams_that_have_nothing_in_common() {
    let plain = Stream::PLAIN;
    for stream in [
        plain,
        Stream { dimension: 128, noise: 1.0, intents: 8, seed: 2, ..plain },
        Stream { drift: 0.4, late: 0.7, seed: 3, ..plain },
        Stream { family: 0.8, intents: 16, noise: 0.5, seed: 4, ..plain },
        Stream { skew: 1.0, seed: 5, ..plain },
        Stream { events: 200, intents: 8, seed: 6, ..plain },
    ] {
        let (information, rand, count) = quality(stream, options(stream));
        println!("seed {}: {information:.3} / {rand:.3}, {count} intents of {}", stream.seed, stream.intents);
        assert!(information > 0.9 && rand > 0.85, "seed {}: {information:.3} / {rand:.3}, {count}", stream.seed);
    }
}

#[test]
fn what_all_events_have_in_common_changes_nothing() {
    let (events, truth) = Stream::PLAIN.events();
    let shifted: Vec<Vec<f32>> = events
        .iter()
        .map(|event| {
            let length = event.iter().map(|value| value * value).sum::<f32>().sqrt();
            event.iter().enumerate().map(|(place, value)| value / length + if place == 0 { 2.0 } else { 0.0 }).collect()
        })
        .collect();
    let (store, assigned) = filled(options(Stream::PLAIN), &shifted);
    store.consolidate().unwrap();
    assert!(store.calibration().random > 0.7, "all of them are alike, as cosines go: {:?}", store.calibration());
    let ids: Vec<_> = store.intents().iter().map(|intent| intent.id).collect();
    let found: Vec<usize> = assigned
        .iter()
        .map(|event| ids.iter().position(|id| Some(*id) == store.intent_of(event.cell)).unwrap())
        .collect();
    let rand = adjusted_rand(&found, &truth);
    assert!(rand > 0.85, "{rand}, {} intents", ids.len());
}

#[test]
fn the_separation_sets_how_fine_the_groups_are() {
    let stream = Stream { family: 1.0, intents: 16, noise: 0.5, ..Stream::PLAIN };
    let count = |separation| quality(stream, options(stream).separation(separation)).2;
    let (fine, usual, coarse) = (count(0.01), count(0.24), count(1.0));
    assert!(fine > usual && usual > coarse, "{fine}, {usual}, {coarse}");
}

#[test]
fn the_calibration_says_what_it_rests_on() {
    let (store, _) = filled(options(Stream::PLAIN), &Stream::PLAIN.events().0);
    store.consolidate().unwrap();
    let learnt = store.calibration();
    assert!(learnt.is_learnt() && learnt.pairs > 2_000.0, "{learnt:?}");
    assert!(learnt.random < f64::from(learnt.threshold) && f64::from(learnt.threshold) < learnt.within, "{learnt:?}");
    assert!(learnt.spread > 0.0 && learnt.spread < 0.2, "{learnt:?}");
    let given = IntentStore::new(options(Stream::PLAIN).threshold(0.5)).unwrap();
    Stream::PLAIN.events().0.iter().take(300).for_each(|event| _ = given.assign(event).unwrap());
    assert_eq!(given.calibration().threshold, 0.5);
}
