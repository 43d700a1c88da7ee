//! Appends of one thread, a transaction each, and batches, against a prepared INSERT of the same bytes.

mod shared;

use causal_vault::{Durability, Event, SigningKey, Vault, Writer};
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion};
use shared::{Baseline, Folder, Race, Report, payload, size, time};

/// Events in a batch.
const BATCH: usize = 1024;

fn main() {
    let mut criterion = shared::criterion();
    let mut report = Report::default();
    let mut group = criterion.benchmark_group("append");
    for (durability, bytes, reach) in
        [(Durability::Fast, 256, 0.6), (Durability::Fast, 1024, 0.6), (Durability::Durable, 256, 0.9)]
    {
        append(&mut report, &mut group, durability, bytes, Author::Named, Some(reach));
    }
    for durability in [Durability::Fast, Durability::Durable] {
        append(&mut report, &mut group, durability, 256, Author::SignsEach, None);
    }
    for durability in [Durability::Fast, Durability::Durable] {
        batch(&mut report, &mut group, durability, Author::Named, Rows::Lean, Some(0.5));
        batch(&mut report, &mut group, durability, Author::Named, Rows::SameBytes, Some(0.7));
    }
    for author in [Author::SignsLast, Author::SignsEach] {
        batch(&mut report, &mut group, Durability::Fast, author, Rows::Lean, None);
    }
    group.finish();
    signature(&mut criterion);
    criterion.final_summary();
    report.print("append: rows a second");
}

#[derive(Clone, Copy)]
enum Author {
    Named,
    SignsEach,
    SignsLast,
}

impl Author {
    fn writer(self, vault: &Vault) -> Writer {
        let key = || SigningKey::from_bytes(&[7; 32]);
        match self {
            Self::Named => vault.named_writer("alice").unwrap(),
            Self::SignsEach => vault.writer(key()).unwrap(),
            Self::SignsLast => vault.writer(key()).unwrap().signing_last(),
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Named => "unsigned",
            Self::SignsEach => "signed",
            Self::SignsLast => "head signed",
        }
    }
}

/// What the baseline's rows hold beside their keys and hashes.
#[derive(Clone, Copy, PartialEq)]
enum Rows {
    /// The payload.
    Lean,
    /// The payload, and as many bytes as the entry has that the hash covers.
    SameBytes,
}

/// Bytes of an entry as it is hashed, without its payload: `cargo bench --bench disk` says.
const ENTRY: usize = 247;

fn append(
    report: &mut Report,
    group: &mut BenchmarkGroup<'_, WallTime>,
    durability: Durability,
    bytes: usize,
    author: Author,
    reach: Option<f64>,
) {
    let folder = Folder::new();
    let vault = Vault::builder().durability(durability).open(folder.file("vault")).unwrap();
    let alice = author.writer(&vault);
    let mut baseline = Baseline::open(&folder.file("baseline"), durability);
    let work = format!("append {durability:?}, {bytes} B, {}", author.label());
    let payloads = |n: u64| (0..n).map(|number| payload(number, bytes)).collect::<Vec<_>>();
    report.race(
        group,
        Race { work, samples: 50, units: 1, reach },
        |n| {
            let rows = baseline.prepare(payloads(n));
            time(|| rows.iter().for_each(|row| baseline.insert(row)))
        },
        |n| {
            let payloads = payloads(n);
            time(|| payloads.into_iter().for_each(|payload| drop(alice.commit(event(payload)).unwrap())))
        },
    );
}

fn batch(
    report: &mut Report,
    group: &mut BenchmarkGroup<'_, WallTime>,
    durability: Durability,
    author: Author,
    rows: Rows,
    reach: Option<f64>,
) {
    let folder = Folder::new();
    let vault = Vault::builder().durability(durability).open(folder.file("vault")).unwrap();
    let alice = author.writer(&vault);
    let mut baseline = Baseline::open(&folder.file("baseline"), durability);
    let batch = size(BATCH, 16);
    let (entry, note) = if rows == Rows::SameBytes { (ENTRY, ", same bytes") } else { (0, "") };
    let work = format!("batch of {batch} {durability:?}, 256 B, {}{note}", author.label());
    let payloads = |bytes| (0..batch as u64).map(|number| payload(number, bytes)).collect::<Vec<_>>();
    report.race(
        group,
        Race { work, samples: 30, units: batch as u64, reach },
        |n| {
            let batches: Vec<_> = (0..n).map(|_| baseline.prepare(payloads(256 + entry))).collect();
            time(|| batches.iter().for_each(|rows| baseline.insert_all(rows)))
        },
        |n| {
            let batches: Vec<_> = (0..n).map(|_| payloads(256)).collect();
            time(|| {
                for payloads in batches {
                    alice.commit_batch(payloads.into_iter().map(event)).unwrap();
                }
            })
        },
    );
}

fn event(payload: Vec<u8>) -> Event {
    Event::raw("note", payload).stream("conv:demo")
}

/// What a signature costs by itself.
fn signature(criterion: &mut Criterion) {
    use causal_vault::Signer;
    let key = SigningKey::from_bytes(&[7; 32]);
    criterion.bench_function("one signature", |bencher| {
        bencher.iter_batched(|| [7; 70], |message| key.sign(&message), BatchSize::SmallInput);
    });
}
