//! Events with embeddings in a vault: what batches and commits pay for them, catching up, and opening with many intents.
//!
//! A batch with embeddings runs beside the same batch whose payloads are longer by as many bytes, kept in the row: what is
//! left is what it costs that they are embeddings. A single commit runs beside the same in a batch of one, which assigns
//! nothing.

mod shared;

use std::cell::RefCell;
use std::time::Duration;

use causal_vault::{Durability, Event, IntentOptions, Position, Vault, VaultBuilder};
use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use shared::{Folder, Race, Report, is_quick, payload, size, time};

const DIMENSION: usize = 384;
const BATCH: usize = 1024;
/// Purposes that the events have.
const TOPICS: u64 = 150;

fn main() {
    let mut criterion = shared::criterion();
    let mut report = Report::default();
    let mut group = criterion.benchmark_group("assign");
    for durability in [Durability::Fast, Durability::Durable] {
        batch(&mut report, &mut group, durability);
        single(&mut report, &mut group, durability);
    }
    group.finish();
    criterion.final_summary();
    report.print("assign: events a second");
    catch_up();
    opening();
}

fn builder(durability: Durability) -> VaultBuilder {
    // Longer payloads stand in the row as well.
    Vault::builder().durability(durability).inline_threshold(1 << 16)
}

/// An embedding near one of the topics.
fn embedding(number: u64, dimension: usize, topics: u64) -> Vec<f32> {
    let values = |seed: u64| payload(seed, dimension).into_iter().map(|byte| f32::from(byte) - 127.5);
    values((1 << 40) | (number % topics)).zip(values(number)).map(|(topic, own)| topic + 0.6 * own).collect()
}

fn bare(number: u64, bytes: usize) -> Event {
    Event::raw("note", payload(number, bytes)).stream("conv:demo")
}

fn embedded(number: u64) -> Event {
    bare(number, 256).embedding("bench", &embedding(number, DIMENSION, TOPICS))
}

fn batch(report: &mut Report, group: &mut BenchmarkGroup<'_, WallTime>, durability: Durability) {
    let folder = Folder::new();
    let [longer, vault] = ["longer", "vault"].map(|name| builder(durability).open(folder.file(name)).unwrap());
    let [theirs, ours] = [&longer, &vault].map(|vault| vault.named_writer("alice").unwrap());
    let batch = size(BATCH, 16) as u64;
    report.race(
        group,
        Race {
            work: format!("batch of {batch} {durability:?}, 256 B and {DIMENSION} values"),
            samples: 30,
            units: batch,
            reach: Some(0.9),
        },
        |n| {
            let batches: Vec<Vec<Event>> =
                (0..n).map(|_| (0..batch).map(|number| bare(number, 256 + DIMENSION * 4)).collect()).collect();
            time(|| batches.into_iter().for_each(|batch| drop(theirs.commit_batch(batch).unwrap())))
        },
        |n| {
            let batches: Vec<Vec<Event>> = (0..n).map(|_| (0..batch).map(embedded).collect()).collect();
            time(|| batches.into_iter().for_each(|batch| drop(ours.commit_batch(batch).unwrap())))
        },
    );
}

fn single(report: &mut Report, group: &mut BenchmarkGroup<'_, WallTime>, durability: Durability) {
    let folder = Folder::new();
    let [unassigned, vault] = ["unassigned", "vault"].map(|name| builder(durability).open(folder.file(name)).unwrap());
    let [theirs, ours] = [&unassigned, &vault].map(|vault| vault.named_writer("alice").unwrap());
    // As many events as make intents of the topics.
    for first in (0..size(4_096, 64) as u64).step_by(BATCH) {
        ours.commit_batch((first..first + size(BATCH, 64) as u64).map(embedded)).unwrap();
    }
    vault.assign_up_to(vault.tree_head().unwrap().into()).unwrap();
    let mut number = 1 << 20;
    let mut events = |n: u64| {
        number += n;
        (number..number + n).map(embedded).collect::<Vec<_>>()
    };
    let events = RefCell::new(&mut events);
    report.race(
        group,
        Race {
            work: format!("commit {durability:?}, 256 B and {DIMENSION} values, assigned at once"),
            samples: 30,
            units: 1,
            reach: None,
        },
        |n| {
            let events = (events.borrow_mut())(n);
            time(|| events.into_iter().for_each(|event| drop(theirs.commit_batch([event]).unwrap())))
        },
        |n| {
            let events = (events.borrow_mut())(n);
            time(|| events.into_iter().for_each(|event| drop(ours.commit(event).unwrap())))
        },
    );
}

/// Assigning what batches have left behind, beside committing it.
fn catch_up() {
    let folder = Folder::new();
    let vault = builder(Durability::Fast).open(folder.file("vault")).unwrap();
    let alice = vault.named_writer("alice").unwrap();
    let events = size(20_480, 64) as u64;
    let committed = time(|| {
        for first in (0..events).step_by(BATCH) {
            alice.commit_batch((first..(first + BATCH as u64).min(events)).map(embedded)).unwrap();
        }
    });
    let assigned = time(|| assert_eq!(vault.assign_up_to(Position::new(events)).unwrap().number(), events));
    if !is_quick() {
        let rate = |time: Duration| events as f64 / time.as_secs_f64();
        println!(
            "catching up: {:.0} events a second, {:.2} x of what commits them, with the making of the embeddings",
            rate(assigned),
            committed.as_secs_f64() / assigned.as_secs_f64()
        );
    }
}

/// The first answer of a vault with many intents, after it is opened.
fn opening() {
    let folder = Folder::new();
    let path = folder.file("vault");
    let (intents, dimension) = (size(10_000, 50) as u64, size(768, 16));
    let vault = builder(Durability::Fast).open(&path).unwrap();
    // Each is an intent of its own: nothing is ever similar enough.
    let options = IntentOptions::new("bench", dimension).cells(12_000).threshold(1.0).manual();
    vault.choose_intents(options).unwrap();
    let alice = vault.named_writer("alice").unwrap();
    for first in (0..intents).step_by(1_000) {
        let events = (first..(first + 1_000).min(intents))
            .map(|number| bare(number, 16).embedding("bench", &embedding(number, dimension, intents)));
        alice.commit_batch(events).unwrap();
    }
    vault.assign_up_to(Position::new(intents)).unwrap();
    drop((alice, vault));
    let about = embedding(7, dimension, intents);
    let mut times: Vec<[Duration; 3]> = (0..size(15, 1))
        .map(|_| {
            let mut vault = None;
            let opened = time(|| vault = Some(builder(Durability::Fast).open(&path).unwrap()));
            let vault = vault.unwrap();
            let first = time(|| assert!(vault.classify("bench", &about).unwrap().is_some()));
            let next = time(|| assert!(vault.classify("bench", &about).unwrap().is_some()));
            [opened, first, next]
        })
        .collect();
    times.sort();
    let [opened, first, next] = times[times.len() / 2];
    println!(
        "{intents} intents of {dimension} values: opened in {opened:.1?}, the first answer in {first:.1?}, the next in {next:.1?}"
    );
}
