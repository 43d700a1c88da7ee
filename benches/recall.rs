//! Nearest neighbours: the two nearest of many centroids, an event classified by many intents and assigned to one, and the
//! ten nearest of many events.
//!
//! The baseline of the first three is the usual first scheme, written plainly with `ndarray`: the cosine with every
//! centroid, its norms taken each time. The baseline of a search is the product of the matrix of all rows with the query,
//! and a sort.
//! Every answer is compared with a plain search before anything is measured.

mod shared;

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use causal_vault::{
    Durability, Event, Filter, FlatIndex, FlatMatches, IntentOptions, IntentStore, Position, Query, UnitVector, Vault,
};
use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use ndarray::{Array1, Array2, ArrayView1};
use shared::{Folder, Race, Report, is_quick, numpy, payload, size, time};

/// Topics that rows and queries lie around.
const TOPICS: u64 = 150;
const QUERIES: usize = 64;

fn main() {
    let mut criterion = shared::criterion();
    let mut report = Report::default();
    let mut group = criterion.benchmark_group("recall");
    let thousand = Rows::topical(size(1_000, 50), 768);
    let ten_thousand = Rows::topical(size(10_000, 500), 768);
    let events = Rows::topical(size(100_000, 500), 384);
    println!("{} rows of 768 values: {} bytes in memory", thousand.len(), thousand.index.bytes());
    for rows in [&thousand, &ten_thousand] {
        rows.compare(2);
        nearest_two(&mut report, &mut group, rows, PLAIN);
        nearest_two(&mut report, &mut group, rows, FASTER);
    }
    let unlike = Rows::unlike(size(1_000, 50), 768);
    unlike.compare(2);
    nearest_two(&mut report, &mut group, &unlike, FASTER);
    for rows in [&thousand, &ten_thousand, &unlike] {
        intents_of(&mut report, &mut group, rows);
    }
    growth(&mut report, &mut group, &thousand, &ten_thousand);
    events.compare(10);
    search(&mut report, &mut group, &events);
    group.finish();
    criterion.final_summary();
    report.print("recall: queries a second");
    utterances();
}

/// Rows in an index, in full, and as the baselines have them.
struct Rows {
    vectors: Vec<UnitVector>,
    queries: Vec<Vec<f32>>,
    index: FlatIndex,
    note: &'static str,
}

impl Rows {
    fn new(vectors: Vec<UnitVector>, queries: Vec<Vec<f32>>, note: &'static str) -> Self {
        let mut index = FlatIndex::new(vectors[0].dimension()).unwrap();
        for (position, vector) in (0..).zip(&vectors) {
            index.push(position, vector).unwrap();
        }
        Self { vectors, queries, index, note }
    }

    /// Topics, so that some rows are near to a query and most are not.
    fn topical(rows: usize, dimension: usize) -> Self {
        Self::around(rows, |seed| topical(seed, dimension), "")
    }

    /// Nothing near to anything: the most that has to be compared.
    fn unlike(rows: usize, dimension: usize) -> Self {
        Self::around(rows, |seed| noise(seed, dimension), ", nothing alike")
    }

    fn around(rows: usize, values: impl Fn(u64) -> Vec<f32>, note: &'static str) -> Self {
        let vectors = (0..rows as u64).map(|seed| UnitVector::new(&values(seed)).unwrap());
        let queries = (0..QUERIES as u64).map(|seed| values(1_000_000_007 + seed * 31));
        Self::new(vectors.collect(), queries.collect(), note)
    }

    fn len(&self) -> usize {
        self.vectors.len()
    }

    /// A vault with an event for each row.
    fn vault(&self, folder: &Folder) -> Vault {
        let vault = Vault::builder().durability(Durability::Fast).open(folder.file("agents.vault")).unwrap();
        let alice = vault.named_writer("alice").unwrap();
        let event = |(number, row): (u64, &UnitVector)| {
            Event::raw("note", "hi").stream(stream(number)).embedding("bench", row.values())
        };
        let mut events = (0..).zip(&self.vectors).map(event).peekable();
        while events.peek().is_some() {
            alice.commit_batch(events.by_ref().take(1_024)).unwrap();
        }
        vault
    }

    /// The rows as the first scheme has them.
    fn centroids(&self) -> Vec<Array1<f32>> {
        self.vectors.iter().map(|row| Array1::from(row.values().to_vec())).collect()
    }

    fn nearest(&self, query: &[f32], k: usize) -> FlatMatches {
        let query = UnitVector::new(query).unwrap();
        let read = |position: u64, row: &mut [f32]| {
            row.copy_from_slice(self.vectors[whole(position)].values());
            Ok(())
        };
        self.index.nearest(&query, k, u64::MAX, |_| true, read).unwrap()
    }

    /// Compares answers with those of a plain search, bit for bit, and says how many vectors were read in full.
    fn compare(&self, k: usize) {
        let (mut read, mut found, mut same) = (0, 0, 0);
        for query in &self.queries {
            let ours = self.nearest(query, k);
            let plain = plain(&self.vectors, &UnitVector::new(query).unwrap(), k);
            let ours_bits = ours.rows.iter().map(|row| (whole(row.position), row.similarity.to_bits()));
            read += ours.read;
            found += plain.len();
            same += ours_bits.zip(&plain).filter(|(ours, plain)| ours == *plain).count();
        }
        println!(
            "{} rows of {} values{}, {} queries: {:.4} of the {k} nearest are those of a plain search, {:.1} rows read for each",
            self.len(),
            self.index.dimension(),
            self.note,
            self.queries.len(),
            same as f64 / found as f64,
            read as f64 / self.queries.len() as f64,
        );
        assert_eq!(same, found);
    }
}

fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

/// A topic and as much noise.
fn topical(seed: u64, dimension: usize) -> Vec<f32> {
    let topic = noise(u64::MAX - seed % TOPICS, dimension);
    topic.into_iter().zip(noise(seed, dimension)).map(|(topic, noise)| topic + noise).collect()
}

fn noise(seed: u64, dimension: usize) -> Vec<f32> {
    let bytes = payload(seed, dimension * 2);
    bytes.chunks_exact(2).map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]]))).collect()
}

/// The nearest rows and the bits of their similarities, one value after the other in the order that is promised.
fn plain(vectors: &[UnitVector], query: &UnitVector, k: usize) -> Vec<(usize, u32)> {
    let mut all: Vec<(usize, f32)> =
        vectors.iter().map(|vector| plain_dot(query.values(), vector.values())).enumerate().collect();
    all.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
    all.into_iter().take(k).map(|(row, similarity)| (row, similarity.to_bits())).collect()
}

fn plain_dot(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [0.0; 32];
    for (index, (left, right)) in left.iter().zip(right).enumerate() {
        sums[index % 32] += left * right;
    }
    for width in [16, 8, 4, 2, 1] {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
    }
    sums[0]
}

/// Does `work` with one query after the other.
fn each<T>(queries: &[Vec<f32>], count: u64, mut work: impl FnMut(&[f32]) -> T) -> Duration {
    time(|| {
        for query in queries.iter().cycle().take(whole(count)) {
            black_box(work(query));
        }
    })
}

fn nearest_two(report: &mut Report, group: &mut BenchmarkGroup<'_, WallTime>, rows: &Rows, norm: Norm) {
    let centroids = rows.centroids();
    let work = format!("nearest 2 of {} x {}{}{}", rows.len(), rows.index.dimension(), rows.note, norm.note);
    report.race(
        group,
        Race { work, samples: 30, units: 1, reach: norm.reach },
        |n| each(&rows.queries, n, |query| first_scheme(&centroids, query, norm.of)),
        |n| each(&rows.queries, n, |query| rows.nearest(query, 2)),
    );
}

/// A store with an intent for each row: an event is classified by them, and one like an event before it is assigned.
fn intents_of(report: &mut Report, group: &mut BenchmarkGroup<'_, WallTime>, rows: &Rows) {
    let (dimension, centroids) = (rows.index.dimension(), rows.centroids());
    let store =
        IntentStore::new(IntentOptions::new("bench", dimension).cells(rows.len()).threshold(0.99).manual()).unwrap();
    for row in &rows.vectors {
        store.assign(row.values()).unwrap();
    }
    let (intents, (few, many)) = (store.intents().len(), store.bytes());
    assert_eq!(intents, rows.len());
    println!("{intents} intents of {dimension} values: {few} bytes of centroids in memory, {many} of the cells' sums");
    // What is assigned is near to an intent and joins it, so that there are no more of them in the end.
    let near = |(seed, row): (u64, &UnitVector)| {
        let noise = UnitVector::new(&noise(2_000_000_011 + seed, dimension)).unwrap();
        row.values().iter().zip(noise.values()).map(|(value, noise)| value + 0.1 * noise).collect()
    };
    let events: Vec<Vec<f32>> = (0..).zip(&rows.vectors).step_by((rows.len() / QUERIES).max(1)).map(near).collect();
    let mut race = |work: &str, queries: &[Vec<f32>], ours: &mut dyn FnMut(&[f32])| {
        let work = format!("{work}, {intents} intents x {dimension}{}", rows.note);
        report.race(
            group,
            Race { work, samples: 30, units: 1, reach: rows.note.is_empty().then_some(20.0) },
            |n| each(queries, n, |query| first_scheme(&centroids, query, PLAIN.of)),
            |n| each(queries, n, &mut *ours),
        );
    };
    race("classify", &rows.queries, &mut |query| {
        black_box(store.classify(query).unwrap());
    });
    race("assign", &events, &mut |event| {
        black_box(store.assign(event).unwrap());
    });
    assert_eq!(store.intents().len(), intents);
}

/// How the first scheme takes a norm.
#[derive(Clone, Copy)]
struct Norm {
    of: fn(&Array1<f32>) -> f32,
    note: &'static str,
    reach: Option<f64>,
}

/// As it is written first.
const PLAIN: Norm = Norm { of: |vector| vector.mapv(|value| value * value).sum().sqrt(), note: "", reach: Some(20.0) };
/// As somebody who measures would write it next.
const FASTER: Norm = Norm { of: |vector| vector.dot(vector).sqrt(), note: ", faster norms", reach: None };

fn first_scheme(centroids: &[Array1<f32>], query: &[f32], norm: fn(&Array1<f32>) -> f32) -> Option<(usize, f32)> {
    let query = Array1::from(query.to_vec());
    let mut best = None;
    for (index, centroid) in centroids.iter().enumerate() {
        let cosine = query.dot(centroid) / (norm(&query) * norm(centroid));
        if best.is_none_or(|(_, found)| cosine > found) {
            best = Some((index, cosine));
        }
    }
    best
}

/// Ten times as many centroids in ten times as long, or less.
fn growth(report: &mut Report, group: &mut BenchmarkGroup<'_, WallTime>, few: &Rows, many: &Rows) {
    let work = format!("nearest 2 of {} against 10 times of {}", many.len(), few.len());
    report.race(
        group,
        Race { work, samples: 30, units: 1, reach: Some(1.0) },
        |n| each(&few.queries, n * 10, |query| few.nearest(query, 2)),
        |n| each(&many.queries, n, |query| many.nearest(query, 2)),
    );
}

fn search(report: &mut Report, group: &mut BenchmarkGroup<'_, WallTime>, rows: &Rows) {
    let folder = Folder::new();
    let vault = rows.vault(&folder);
    let half = Filter::stream(stream(7)).up_to(Position::new(rows.len() as u64 / 2));
    let similar = |query: &[f32], filter: &Filter| {
        let query = Query::embedding("bench", query).filter(filter.clone());
        vault.similar(&query, 10).unwrap()
    };
    let of_stream: Vec<UnitVector> = rows.vectors[..rows.len() / 2].iter().skip(7).step_by(10).cloned().collect();
    for query in &rows.queries {
        let positions = |filter: &Filter| {
            similar(query, filter).iter().map(|found| whole(found.event.header.position.number())).collect::<Vec<_>>()
        };
        let unit = UnitVector::new(query).unwrap();
        let plain =
            |vectors: &[UnitVector]| plain(vectors, &unit, 10).into_iter().map(|(row, _)| row).collect::<Vec<_>>();
        assert_eq!(positions(&Filter::all()), plain(&rows.vectors).iter().map(|row| row + 1).collect::<Vec<_>>());
        assert_eq!(positions(&half), plain(&of_stream).iter().map(|row| 10 * row + 8).collect::<Vec<_>>());
    }
    let dimension = rows.index.dimension();
    let values = rows.vectors.iter().flat_map(|row| row.values().to_vec()).collect();
    let matrix = Array2::from_shape_vec((rows.len(), dimension), values).unwrap();
    let mut ten_nearest = |work: &str, ours: &mut dyn FnMut(&[f32])| {
        ten_nearest(report, group, &format!("{work}: {} x {dimension}", rows.len()), &matrix, &rows.queries, ours);
    };
    ten_nearest("10 nearest", &mut |query| drop(black_box(rows.nearest(query, 10))));
    let all = Filter::all();
    ten_nearest("10 nearest events in a vault", &mut |query| drop(black_box(similar(query, &all))));
    let work = "10 nearest events of one stream of ten, as of half of them, against all";
    ten_nearest(work, &mut |query| drop(black_box(similar(query, &half))));
}

fn stream(number: u64) -> String {
    format!("conv:{}", number % 10)
}

fn ten_nearest(
    report: &mut Report,
    group: &mut BenchmarkGroup<'_, WallTime>,
    work: &str,
    matrix: &Array2<f32>,
    queries: &[Vec<f32>],
    ours: &mut dyn FnMut(&[f32]),
) {
    let (mut total, mut count) = (Duration::ZERO, 0);
    report.race(
        group,
        Race { work: work.to_owned(), samples: 20, units: 1, reach: None },
        |n| {
            each(queries, n, |query| {
                let products = matrix.dot(&ArrayView1::from(query));
                let mut order: Vec<usize> = (0..products.len()).collect();
                order.select_nth_unstable_by(10, |left, right| products[*right].total_cmp(&products[*left]));
                order.truncate(10);
                order
            })
        },
        |n| {
            let spent = each(queries, n, &mut *ours);
            total += spent;
            count += n;
            spent
        },
    );
    if !is_quick() && count > 0 {
        println!("{work}: {:.2} ms in the mean", total.as_secs_f64() * 1e3 / count as f64);
    }
}

/// Real embeddings: every utterance against 1,500 of them, compared with a plain search.
fn utterances() {
    let Some(folder) = std::env::var_os("CAUSAL_VAULT_INTENTS") else {
        println!("CAUSAL_VAULT_INTENTS names no folder: no real embeddings are compared");
        return;
    };
    let all = numpy::half_floats(&Path::new(&folder).join("clinc150-minilm.npy"));
    let vectors = all.iter().step_by(15).map(|values| UnitVector::new(values).unwrap()).collect();
    let queries = all.into_iter().step_by(size(1, 500)).collect();
    Rows::new(vectors, queries, "").compare(2);
}
