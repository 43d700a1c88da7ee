//! Commits of several threads at once, against those of one thread on a vault of its own, and how many share a flush.

mod shared;

use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use causal_vault::{Durability, Event, TreeHead, Vault};
use criterion::Criterion;
use shared::{Folder, Race, Report, payload, size};

/// Commits of each thread in one turn.
const EACH: usize = 256;

fn main() {
    let mut criterion = shared::criterion();
    let mut report = Report::default();
    let shared: Vec<_> = [(1, 1, 1.0), (2, 2, 1.0), (8, 1, 5.0), (8, 8, 5.0), (16, 1, 7.0), (16, 16, 7.0)]
        .map(|(threads, writers, reach)| threaded(&mut criterion, &mut report, threads, writers, reach))
        .into();
    criterion.final_summary();
    report.print("group commit, Durable, 256 B: commits a second against one thread");
    shared.iter().for_each(|line| println!("{line}"));
}

fn threaded(criterion: &mut Criterion, report: &mut Report, threads: usize, writers: usize, reach: f64) -> String {
    let folder = Folder::new();
    let open = |name| Vault::builder().durability(Durability::Durable).open(folder.file(name)).unwrap();
    let (lone, vault) = (open("lone"), open("shared"));
    // A head is told once for each transaction.
    let transactions = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&transactions);
    let _guard = vault.heads().subscribe_guarded(move |_: &TreeHead| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let each = size(EACH, 2);
    let units = (threads * each) as u64;
    let mut group = criterion.benchmark_group("group");
    report.race(
        &mut group,
        Race { work: format!("{threads} threads, {writers} writers"), samples: 15, units, reach: Some(reach) },
        |turns| (0..turns).map(|_| commit(&lone, 1, 1, threads * each)).sum(),
        |turns| (0..turns).map(|_| commit(&vault, threads, writers, each)).sum(),
    );
    group.finish();
    let (commits, transactions) = (vault.tree_head().unwrap().size, transactions.load(Ordering::Relaxed));
    format!("{threads} threads, {writers} writers: {:.2} commits a transaction", commits as f64 / transactions as f64)
}

/// From the moment that all threads are ready to the end of the last.
fn commit(vault: &Vault, threads: usize, writers: usize, each: usize) -> Duration {
    let start = Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let start = &start;
            scope.spawn(move || {
                let writer = vault.named_writer(&format!("writer {}", thread % writers)).unwrap();
                let events: Vec<_> =
                    (0..each as u64).map(|n| Event::raw("note", payload(n, 256)).stream("conv:demo")).collect();
                start.wait();
                for event in events {
                    writer.commit(event).unwrap();
                }
            });
        }
        start.wait();
        Instant::now()
    })
    .elapsed()
}
