//! What is committed elsewhere rings here.

use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use causal_vault::{
    Access, Durability, ErrorKind, Event, EventHeader, Filter, Position, Result, SqliteBackend, Subscription,
    Transaction, Vault, WatchOptions, WriterLog,
};
use parking_lot::Mutex;
use tempfile::{TempDir, tempdir};

use crate::suite::hooked::{Hook, Hooked};

const JOB: &str = "CAUSAL_VAULT_WATCH_JOB";
const FILE: &str = "agents.vault";
const EVENTS: u64 = 40;
/// Far more than anything takes: a test that waits this long has failed.
const LONG: Duration = Duration::from_secs(60);

/// Runs [`child`] in a process of its own, in `folder`.
fn start(job: &str, folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "vault::watch::child", "--nocapture"]).env(JOB, job).current_dir(folder);
    command.spawn().unwrap()
}

/// What [`start`] runs; as a test of its own it has no job and does nothing.
#[test]
fn child() {
    let Ok(job) = std::env::var(JOB) else { return };
    let vault = Vault::open(FILE).unwrap();
    let events = match &*job {
        "endless" => u64::MAX,
        "threads" => return threads_come_and_go(&vault),
        _ => EVENTS,
    };
    let writer = vault.named_writer(&job).unwrap();
    (0..events).for_each(|n| drop(writer.commit(note(n)).unwrap()));
}

fn note(n: u64) -> Event {
    Event::raw("note", n.to_string()).stream("conv:demo")
}

fn vaults() -> (TempDir, Vault, Vault) {
    let folder = tempdir().unwrap();
    let open = || Vault::builder().durability(Durability::Fast).open(folder.path().join(FILE)).unwrap();
    let (here, elsewhere) = (open(), open());
    (folder, here, elsewhere)
}

/// What the vault's subscribers hear; each event is read back when it is heard.
fn heard(vault: &Vault) -> (Subscription<EventHeader>, Receiver<EventHeader>) {
    let (send, receive) = channel();
    let reader = vault.clone();
    let guard = vault
        .subscribe(Filter::all(), move |header| {
            assert_eq!(reader.get(header.position).unwrap().header, *header);
            send.send(header.clone()).unwrap();
        })
        .unwrap();
    (guard, receive)
}

#[track_caller]
fn positions(heard: &Receiver<EventHeader>, count: u64) -> Vec<u64> {
    (0..count).map(|_| heard.recv_timeout(LONG).unwrap().position.number()).collect()
}

#[test]
fn every_commit_of_another_process_is_announced_in_order_and_can_be_read_then() {
    let (folder, vault, _) = vaults();
    let (_guard, heard) = heard(&vault);
    let watcher = vault.watch(WatchOptions::new()).unwrap();
    let mut child = start("alice", folder.path());
    assert_eq!(positions(&heard, EVENTS), (1..=EVENTS).collect::<Vec<_>>());
    assert!(child.wait().unwrap().success());
    while watcher.announced().number() < EVENTS {
        std::thread::yield_now();
    }
    assert_eq!(watcher.errors(), 0);
    drop(watcher);
    assert_eq!((heard.try_recv().ok(), vault.doorbell().panics()), (None, 0));
}

#[test]
fn both_bells_ring_with_what_they_would_have_rung_where_it_was_committed() {
    let (_folder, here, elsewhere) = vaults();
    let (_guard, heard_here) = heard(&here);
    let (_guard, heard_elsewhere) = heard(&elsewhere);
    let (send, commits) = channel();
    for vault in [&here, &elsewhere] {
        let send = send.clone();
        vault.doorbell().subscribe(move |event| send.send(event.clone()).unwrap());
    }
    let _watcher = here.watch(WatchOptions::new()).unwrap();
    let alice = elsewhere.named_writer("alice").unwrap();
    let first = alice.commit(note(1)).unwrap();
    alice.commit_batch([note(2).parent(&first).content_type("text/plain"), note(3)]).unwrap();
    for _ in 0..3 {
        assert_eq!(heard_here.recv_timeout(LONG), heard_elsewhere.recv_timeout(LONG));
    }
    let mut commits: Vec<_> = (0..6).map(|_| commits.recv_timeout(LONG).unwrap()).collect();
    commits.sort_by_key(|event| event.seq);
    assert!(commits.chunks(2).all(|pair| pair[0] == pair[1]), "{commits:?}");
}

#[test]
fn what_a_killed_writer_left_is_announced_to_its_end() {
    let (folder, vault, _) = vaults();
    let (_guard, heard) = heard(&vault);
    let _watcher = vault.watch(WatchOptions::new()).unwrap();
    let mut child = start("endless", folder.path());
    let before = positions(&heard, 100);
    child.kill().unwrap();
    child.wait().unwrap();
    let size = vault.tree_head().unwrap().size;
    let after = positions(&heard, size - 100);
    assert_eq!([before, after].concat(), (1..=size).collect::<Vec<_>>());
    assert!(start("alice", folder.path()).wait().unwrap().success());
    assert_eq!(positions(&heard, EVENTS), (size + 1..=size + EVENTS).collect::<Vec<_>>());
}

#[test]
fn ten_processes_and_this_one_are_each_heard_once() {
    let (folder, vault, _) = vaults();
    let (_guard, heard) = heard(&vault);
    let _watcher = vault.watch(WatchOptions::new()).unwrap();
    let children: Vec<_> = (0..10).map(|n| start(&format!("writer-{n}"), folder.path())).collect();
    let here = vault.named_writer("here").unwrap();
    (0..EVENTS).for_each(|n| drop(here.commit(note(n)).unwrap()));
    children.into_iter().for_each(|mut child| assert!(child.wait().unwrap().success()));
    let headers: Vec<_> = (0..11 * EVENTS).map(|_| heard.recv_timeout(LONG).unwrap()).collect();
    let (own, foreign): (Vec<_>, Vec<_>) = headers.iter().partition(|header| &*header.writer_name == "here");
    assert_eq!(own.len() as u64, EVENTS);
    assert!(own.is_sorted_by_key(|header| header.position) && foreign.is_sorted_by_key(|header| header.position));
    let mut all: Vec<_> = headers.iter().map(|header| header.position.number()).collect();
    all.sort_unstable();
    assert_eq!(all, (1..=11 * EVENTS).collect::<Vec<_>>());
    assert_eq!(heard.recv_timeout(Duration::from_millis(50)).ok(), None);
}

/// The watcher can read a commit before the thread that made it has returned from it, let alone rung.
#[test]
fn a_commit_of_this_process_that_lingers_is_heard_once() {
    let vault = Vault::builder().over(Hooked { inner: SqliteBackend::in_memory().unwrap(), hook: Lingers }).unwrap();
    let (_guard, heard) = heard(&vault);
    let watcher = vault.watch(WatchOptions::new()).unwrap();
    vault.named_writer("alice").unwrap().commit(note(1)).unwrap();
    while watcher.announced().number() < 1 {
        std::thread::yield_now();
    }
    drop(watcher);
    assert_eq!(heard.try_iter().count(), 1);
}

/// Its commits return late.
struct Lingers;

impl Hook for Lingers {
    fn commit(&self, tx: Box<dyn Transaction + '_>, _: Access) -> Result<()> {
        tx.commit()?;
        std::thread::sleep(Duration::from_millis(50));
        Ok(())
    }
}

/// The outer transaction is the caller's: its rollback takes back what our commit in it has rung, and the position
/// goes to somebody else.
#[test]
fn an_entry_in_the_place_of_one_that_was_rolled_back_is_announced() {
    let (_folder, here, elsewhere) = vaults();
    let (send, heard) = channel();
    let _guard =
        here.subscribe(Filter::all(), move |header| send.send(header.writer_name.to_string()).unwrap()).unwrap();
    let watcher = here.watch(WatchOptions::new()).unwrap();
    here.backend().exec("BEGIN IMMEDIATE", &[]).unwrap();
    here.named_writer("alice").unwrap().commit(note(1)).unwrap();
    here.backend().exec("ROLLBACK", &[]).unwrap();
    elsewhere.named_writer("bob").unwrap().commit(note(2)).unwrap();
    assert_eq!([heard.recv_timeout(LONG), heard.recv_timeout(LONG)], [Ok("alice".to_owned()), Ok("bob".to_owned())]);
    drop(watcher);
}

#[test]
fn without_hints_nothing_is_lost_either() {
    let (_folder, here, elsewhere) = vaults();
    let (_guard, heard) = heard(&here);
    let _watcher = here.watch(WatchOptions::new().hints(false).idle(Duration::from_millis(20))).unwrap();
    let alice = elsewhere.named_writer("alice").unwrap();
    for n in 1..=5 {
        alice.commit(note(n)).unwrap();
        assert_eq!(positions(&heard, 1), [n]);
    }
}

#[test]
fn a_batch_of_many_pages_and_what_came_before_the_watch_are_announced() {
    let (_folder, here, elsewhere) = vaults();
    elsewhere.named_writer("alice").unwrap().commit_batch((0..2000).map(note)).unwrap();
    let (_guard, heard) = heard(&here);
    let watcher = here.watch(WatchOptions::new().after(Position::START)).unwrap();
    assert_eq!(positions(&heard, 2000), (1..=2000).collect::<Vec<_>>());
    drop(watcher);
    let watcher = here.watch(WatchOptions::new()).unwrap();
    assert_eq!(watcher.announced().number(), 2000);
}

#[test]
fn an_append_below_the_vault_in_memory_is_announced() {
    let vault = Vault::in_memory().unwrap();
    let (_guard, heard) = heard(&vault);
    let _watcher = vault.watch(WatchOptions::new()).unwrap();
    WriterLog::append(vault.backend(), "conv:demo", "alice", b"hello").unwrap();
    assert_eq!(&*heard.recv_timeout(LONG).unwrap().kind, "log.entry");
}

#[test]
fn a_waiting_cursor_is_woken_by_another_vault() {
    let (_folder, here, elsewhere) = vaults();
    let _watcher = here.watch(WatchOptions::new()).unwrap();
    let mut cursor = here.cursor("reader", Filter::stream("conv:demo")).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| cursor.poll(10, LONG).unwrap());
        elsewhere.named_writer("alice").unwrap().commit(note(1)).unwrap();
        assert_eq!(waiting.join().unwrap().len(), 1);
    });
}

#[test]
fn a_watch_that_has_nothing_to_hear_hardly_looks() {
    let (_folder, here, _elsewhere) = vaults();
    let watcher = here.watch(WatchOptions::new().idle(LONG)).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    // A wait that grows from 250 us to a minute by quarters takes 56 looks, and four minutes.
    assert!((1..=56).contains(&watcher.looks()), "{} looks", watcher.looks());
}

#[test]
fn a_failing_look_is_reported_and_what_was_missed_is_announced_afterwards() {
    let (_folder, here, elsewhere) = vaults();
    elsewhere.named_writer("alice").unwrap().commit(note(1)).unwrap();
    let (_guard, heard) = heard(&here);
    let watcher = here.watch(WatchOptions::new()).unwrap();
    elsewhere.backend().exec("UPDATE vault_head SET entry = -1 WHERE id = -1", &[]).unwrap();
    while watcher.errors() < 2 {
        std::thread::yield_now();
    }
    let error = watcher.last_error().unwrap();
    assert!(error.to_string().contains("found the integer -1"), "{error}");
    elsewhere.backend().exec("UPDATE vault_head SET entry = (1 << 40) + 1 WHERE id = -1", &[]).unwrap();
    elsewhere.named_writer("alice").unwrap().commit(note(2)).unwrap();
    assert_eq!(positions(&heard, 1), [2]);
}

#[test]
fn a_callback_that_panics_ends_neither_the_watch_nor_the_others() {
    let (_folder, here, elsewhere) = vaults();
    here.doorbell().subscribe(|_| panic!("a bug in a subscriber"));
    let (_guard, heard) = heard(&here);
    let _watcher = here.watch(WatchOptions::new()).unwrap();
    let alice = elsewhere.named_writer("alice").unwrap();
    for n in 1..=2 {
        alice.commit(note(n)).unwrap();
        assert_eq!(positions(&heard, 1), [n]);
        assert_eq!(here.doorbell().panics(), n);
    }
}

#[test]
fn a_callback_may_end_the_watch_that_it_is_called_by() {
    let (_folder, here, elsewhere) = vaults();
    let (send, receive) = channel();
    let slot = Arc::new(Mutex::new(None));
    let own = Arc::clone(&slot);
    let _guard = here
        .subscribe(Filter::all(), move |_| {
            own.lock().take();
            send.send(()).unwrap();
        })
        .unwrap();
    *slot.lock() = Some(here.watch(WatchOptions::new()).unwrap());
    elsewhere.named_writer("alice").unwrap().commit(note(1)).unwrap();
    receive.recv_timeout(LONG).unwrap();
    while here.watch(WatchOptions::new()).is_err() {
        std::thread::yield_now();
    }
}

#[test]
fn a_vault_that_cannot_be_watched_says_why_each_time() {
    let mine = rusqlite::Connection::open_in_memory().unwrap();
    let vault = Vault::builder().over(SqliteBackend::from_connection(mine)).unwrap();
    for _ in 0..2 {
        let error = vault.watch(WatchOptions::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("handed in"), "{error}");
    }
}

/// In a process of its own, where no other test starts and ends threads.
#[test]
fn dropping_the_guard_ends_the_thread() {
    let folder = tempdir().unwrap();
    assert!(start("threads", folder.path()).wait().unwrap().success());
}

#[cfg(target_os = "linux")]
fn threads_come_and_go(vault: &Vault) {
    let watching = || {
        let threads = std::fs::read_dir("/proc/self/task").unwrap();
        let names = threads.filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("comm")).ok());
        names.filter(|name| name.trim_end() == "vault-watch").count()
    };
    for _ in 0..20 {
        let watcher = vault.watch(WatchOptions::new().idle(LONG)).unwrap();
        // Until it waits for the kernel, not just for a moment.
        std::thread::sleep(Duration::from_millis(40));
        assert_eq!(watching(), 1);
        drop(watcher);
        assert_eq!(watching(), 0);
    }
}

#[cfg(not(target_os = "linux"))]
fn threads_come_and_go(_: &Vault) {}
