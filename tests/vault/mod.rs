//! Tests of `src/vault` through the public API.

mod checkpoint;
mod commits;
mod cursors;
mod damage;
mod epochs;
mod equivocation;
mod events;
mod faulty;
mod group;
mod heads;
mod history;
mod hostile;
mod ids;
mod keys;
mod lineage;
mod opening;
mod outcomes;
mod payloads;
mod prove;
mod read_only;
mod reading;
mod rebuild;
mod recall;
mod redeeming;
mod retries;
mod rotation;
mod signing;
mod since;
mod sink;
mod subscriptions;
mod survey;
mod tenants;
mod text;
mod threads;
mod transaction;
mod transactions;
mod verifier;
mod watch;

use std::sync::Barrier;
use std::thread;

use causal_vault::{Event, Filter, Receipt, StoredEvent, Vault, Writer};

fn vault() -> Vault {
    Vault::in_memory().unwrap()
}

/// A vault in a file that lives as long as the folder.
fn on_disk() -> (tempfile::TempDir, Vault) {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::open(folder.path().join("agents.vault")).unwrap();
    (folder, vault)
}

fn alice(vault: &Vault) -> Writer {
    vault.named_writer("alice").unwrap()
}

fn note(text: impl Into<Vec<u8>>) -> Event {
    Event::raw("note", text).stream("conv:demo")
}

/// Commits as many notes as asked for, numbered from 0.
fn notes(writer: &Writer, count: usize) -> Vec<Receipt> {
    (0..count).map(|n| writer.commit(note(n.to_string())).unwrap()).collect()
}

fn events(vault: &Vault, filter: Filter) -> Vec<StoredEvent> {
    vault.events(filter).unwrap().collect::<Result<_, _>>().unwrap()
}

fn texts(events: &[StoredEvent]) -> Vec<String> {
    events.iter().map(|event| String::from_utf8(event.payload.clone()).unwrap()).collect()
}

/// Four threads, two for each of these writers, commit at once; amid that something else is done. Returns what came of
/// that and of the commits.
fn while_threads_commit<T>(
    vault: &Vault,
    writers: [Writer; 2],
    amid: impl FnOnce() -> T,
) -> (T, Vec<Vec<causal_vault::Result<Receipt>>>) {
    let (start, before) = (Barrier::new(5), size(vault));
    thread::scope(|scope| {
        let threads: Vec<_> = [&writers[0], &writers[1], &writers[0], &writers[1]]
            .map(|writer| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    (0..60).map(|_| writer.commit(note("at once"))).collect::<Vec<_>>()
                })
            })
            .into();
        start.wait();
        while size(vault) < before + 20 {
            thread::yield_now();
        }
        let done = amid();
        (done, threads.into_iter().map(|thread| thread.join().unwrap()).collect())
    })
}

/// How many events there are: an error must leave as many.
fn size(vault: &Vault) -> u64 {
    vault.tree_head().unwrap().size
}

#[track_caller]
fn assert_intact(vault: &Vault) {
    let report = vault.verify(&[]).unwrap();
    assert!(report.is_intact(), "{report:#?}");
}
