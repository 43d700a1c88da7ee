//! Threads that commit, read, acknowledge, issue checkpoints and reopen, in random schedules that a seed reproduces.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{env, fs};

use causal_vault::{
    Anchor, Cursor, Durability, Event, EventHeader, Filter, NoteSigner, Receipt, SigningKey, TailVerdict, TreeHead,
    Vault, Writer,
};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread::{self, JoinHandle};
use shuttle::{Config, Runner};

/// How much is tried: `CAUSAL_VAULT_CASES`, or what is usual for a push, or with `PROOF=release` for a release.
fn schedules(usual: usize, release: usize) -> usize {
    let is_release = env::var("PROOF").is_ok_and(|size| size == "release");
    number("CAUSAL_VAULT_CASES").unwrap_or(if is_release { release } else { usual })
}

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text:?} is not a number")))
}

/// Half of the schedules switch at random, half keep to one thread but for a few switches.
fn explore(name: &str, schedules: usize, test: fn(&Vault)) {
    let seed = number("CAUSAL_VAULT_SEED").unwrap_or(1);
    println!("{name}: {schedules} schedules; again with CAUSAL_VAULT_SEED={seed} CAUSAL_VAULT_CASES={schedules}");
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.vault");
    let once = empty.clone();
    Runner::new(RandomScheduler::new_from_seed(seed, 1), config()).run(move || drop(open(&once)));
    let run = {
        let folder = folder.path().to_owned();
        let count = AtomicU64::new(0);
        Arc::new(move || {
            let path = folder.join(format!("{}.vault", count.fetch_add(1, Ordering::Relaxed)));
            fs::copy(&empty, &path).unwrap();
            test(&open(&path));
            for suffix in ["", "-wal", "-shm"] {
                let _ = fs::remove_file(format!("{}{suffix}", path.display()));
            }
        })
    };
    let (half, other) = (schedules.div_ceil(2), Arc::clone(&run));
    Runner::new(RandomScheduler::new_from_seed(seed, half), config()).run(move || run());
    Runner::new(PctScheduler::new_from_seed(seed, 3, schedules / 2), config()).run(move || other());
}

fn config() -> Config {
    let mut config = Config::new();
    // SQLite's calls are deep.
    config.stack_size = 1 << 21;
    config
}

fn open(path: &std::path::Path) -> Vault {
    Vault::builder().durability(Durability::Fast).open(path).unwrap()
}

fn note(text: String) -> Event {
    Event::raw("note", text).stream("conv:demo")
}

/// A thread that commits so many events, one after the other.
fn commits(writer: &Writer, count: usize) -> JoinHandle<Vec<Receipt>> {
    let writer = writer.clone();
    thread::spawn(move || (0..count).map(|n| writer.commit(note(n.to_string())).unwrap()).collect())
}

/// What was subscribed to, as it was heard.
fn heard(vault: &Vault) -> (Arc<StdMutex<Vec<u64>>>, causal_vault::Subscription<EventHeader>) {
    let positions = Arc::new(StdMutex::new(Vec::new()));
    let told = Arc::clone(&positions);
    let bell =
        vault.subscribe(Filter::all(), move |header| told.lock().unwrap().push(header.position.number())).unwrap();
    (positions, bell)
}

fn signer(vault: &Vault) -> NoteSigner {
    NoteSigner::new(vault.origin("vault.example").unwrap(), SigningKey::from_bytes(&[9; 32])).unwrap()
}

/// Reads to the end of what there is, and acknowledges each event.
fn follow(cursor: &mut Cursor, seen: &mut Vec<u64>) {
    for event in cursor.poll(10, Duration::ZERO).unwrap() {
        cursor.ack(&event).unwrap();
        seen.push(event.header.position.number());
    }
}

/// Two writers, one of whom signs, and one that writes for itself: a batch, and its own SQL.
fn writers_share_one_order(vault: &Vault) {
    let (positions, _bell) = heard(vault);
    let signed = vault.writer(SigningKey::from_bytes(&[7; 32])).unwrap();
    let named = vault.named_writer("bob").unwrap();
    let threads = [commits(&signed, 2), commits(&named, 2), commits(&named, 1)];
    let batch = named.commit_batch([note("x".into()), note("y".into())]).unwrap();
    vault.transaction(|tx| tx.append(&named, note("z".into()))).unwrap();
    let receipts: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).chain(batch).collect();
    let all: BTreeSet<u64> = (1..=8).collect();
    let places: BTreeSet<_> = receipts.iter().map(|receipt| (receipt.writer, receipt.seq)).collect();
    assert_eq!((receipts.len(), places.len()), (7, 7), "two have the same place");
    assert!(receipts.iter().all(|receipt| receipt.is_new && all.contains(&receipt.position.number())));
    let mut positions = positions.lock().unwrap().clone();
    positions.sort_unstable();
    assert_eq!(positions, Vec::from_iter(all), "each is heard once");
    assert_whole(vault, 8);
}

/// A cursor and a witness follow while two commit, one of them in another tenant as well.
fn readers_miss_nothing(vault: &Vault) {
    let alice = vault.named_writer("alice").unwrap();
    let other = vault.for_tenant("acme").unwrap();
    let threads = [commits(&alice, 3), commits(&other.named_writer("alice").unwrap(), 2)];
    let reader = vault.clone();
    let reader = thread::spawn(move || {
        let (mut cursor, mut seen) = (reader.cursor("view", Filter::all()).unwrap(), Vec::new());
        (0..3).for_each(|_| follow(&mut cursor, &mut seen));
        seen
    });
    let mut last: Option<TreeHead> = None;
    for _ in 0..3 {
        let head = vault.tree_head().unwrap();
        if let Some(last) = last.filter(|last| last.size > 0) {
            assert!(vault.prove_consistency(last.size, head.size).unwrap().verify(&last, &head));
        }
        last = Some(head);
    }
    threads.into_iter().for_each(|thread| drop(thread.join().unwrap()));
    let mut seen = reader.join().unwrap();
    follow(&mut vault.cursor("view", Filter::all()).unwrap(), &mut seen);
    assert_eq!(seen, [1, 2, 3], "the cursor skips, repeats or reorders");
    assert_whole(vault, 3);
    assert_whole(&other, 2);
}

/// Checkpoints are issued and the vault is reopened while others commit.
fn checkpoints_hold_whatever_comes_meanwhile(vault: &Vault) {
    let alice = vault.writer(SigningKey::from_bytes(&[7; 32])).unwrap();
    let issuer = vault.clone();
    let issuer = thread::spawn(move || [(); 2].map(|()| issuer.checkpoint(&signer(&issuer)).unwrap()));
    let again = vault.clone();
    let again = thread::spawn(move || again.reopen().unwrap());
    let same = note("same".into()).id(causal_vault::EventId::from_bytes([5; 16]));
    let twice = [same.clone(), same].map(|event| {
        let alice = alice.clone();
        thread::spawn(move || alice.commit(event).unwrap())
    });
    let thread = commits(&alice, 2);
    let twice = twice.map(|thread| thread.join().unwrap());
    assert_eq!(twice[0].hash, twice[1].hash);
    assert_ne!(twice[0].is_new, twice[1].is_new, "one id was stored twice, or not at all");
    thread.join().unwrap();
    again.join().unwrap();
    for note in issuer.join().unwrap() {
        let anchor = Anchor::from_note(&note, &signer(vault).verifier()).unwrap();
        let tail = vault.verifier().threads(1).anchors(&[anchor]).run().unwrap().tail;
        assert_eq!(tail, TailVerdict::Consistent { anchored: anchor.size });
    }
    assert_whole(vault, 3);
}

/// The control: whoever takes the bell for the order of the events is wrong.
fn a_view_that_trusts_the_bell(vault: &Vault) {
    let (positions, _bell) = heard(vault);
    let alice = vault.named_writer("alice").unwrap();
    let threads = [commits(&alice, 1), commits(&alice, 1), commits(&alice, 1)];
    threads.into_iter().for_each(|thread| drop(thread.join().unwrap()));
    assert_eq!(*positions.lock().unwrap(), [1, 2, 3], "the bell rang out of order");
}

#[track_caller]
fn assert_whole(vault: &Vault, size: u64) {
    let report = vault.verifier().threads(1).run().unwrap();
    assert!(report.is_intact() && vault.tree_head().unwrap().size == size, "{report:#?}");
}

fn failure(test: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(test)).expect_err("the mistake was not caught");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

#[test]
fn whoever_writes_shares_one_order_without_gaps() {
    explore("shuttle, writers", schedules(300, 340_000), writers_share_one_order);
}

#[test]
fn whoever_reads_misses_nothing() {
    explore("shuttle, readers", schedules(300, 340_000), readers_miss_nothing);
}

#[test]
fn whatever_was_anchored_holds() {
    explore("shuttle, checkpoints", schedules(300, 340_000), checkpoints_hold_whatever_comes_meanwhile);
}

#[test]
fn a_view_that_takes_the_bell_for_the_truth_is_caught() {
    let found = failure(|| explore("shuttle, control", 1_000, a_view_that_trusts_the_bell));
    assert!(found.contains("out of order"), "{found}");
}

#[test]
fn a_vault_in_which_nobody_is_woken_is_caught() {
    parking_lot::mute(true);
    let found = failure(|| explore("shuttle, control", 1_000, writers_share_one_order));
    parking_lot::mute(false);
    assert!(found.contains("deadlock"), "{found}");
}
