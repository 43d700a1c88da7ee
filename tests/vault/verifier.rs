//! Verification on several threads: the report is the one that a single thread gives.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, ThreadId};

use causal_vault::{
    Anchor, ErrorKind, LogVerdict, Result, SigningKey, SqliteBackend, StoreError, Vault, VerifyReport, WriterLog,
};

use super::{alice, note, notes, on_disk, vault};
use crate::suite::hooked::{Hook, Hooked};

/// The report, once it was found to be the same on any number of threads.
#[track_caller]
fn report(vault: &Vault) -> Result<VerifyReport> {
    let alone = vault.verify(&[]);
    for threads in [2, 5, usize::MAX] {
        assert_eq!(vault.verifier().threads(threads).run(), alone, "{threads} threads");
    }
    alone
}

fn batches(vault: &Vault, count: usize) {
    (0..count).step_by(1000).for_each(|_| drop(alice(vault).commit_batch((0..1000).map(|_| note("x"))).unwrap()));
}

#[test]
fn no_thread_at_all_is_an_error_and_the_calling_thread_is_one() {
    let (_folder, vault) = on_disk();
    notes(&alice(&vault), 3);
    let error = vault.verifier().threads(0).run().unwrap_err();
    assert_eq!((error.kind(), error.to_string().contains("give it 1")), (ErrorKind::Invalid, true), "{error}");
    assert!(report(&vault).unwrap().is_intact());
}

#[test]
fn a_break_is_found_on_both_sides_of_every_joint() {
    let (folder, vault) = on_disk();
    batches(&vault, 9000);
    drop(vault);
    for seq in [1, 4096, 4097, 8193, 9000] {
        for edit in ["DELETE FROM vault_entry", "UPDATE vault_entry SET payload = x'00'"] {
            let copy = folder.path().join(format!("{seq} {}", edit.len()));
            std::fs::copy(folder.path().join("agents.vault"), &copy).unwrap();
            let vault = Vault::open(copy).unwrap();
            vault.backend().exec(&format!("{edit} WHERE seq = {seq}"), &[]).unwrap();
            let report = report(&vault).unwrap();
            let is_cut = edit.starts_with("DELETE");
            let expected = if is_cut { seq + 1 } else { seq };
            match &report.logs[0].verdict {
                LogVerdict::Broken(broken) => assert_eq!(broken.seq, Some(expected), "{edit} {seq}: {report}"),
                verdict => assert!(is_cut && seq == 9000 && !report.is_intact(), "{edit} {seq}: {verdict:?}"),
            }
            let gap = report.breaks.iter().find_map(|broken| broken.position);
            assert_eq!(gap, (is_cut && seq < 9000).then_some(seq), "{edit} {seq}: {report}");
        }
    }
}

#[test]
fn a_row_at_the_last_position_there_can_be_is_reached_at_once() {
    let (_folder, vault) = on_disk();
    notes(&alice(&vault), 50);
    let moved = "UPDATE vault_entry SET id = (1 << 40) + (1 << 40) - 1 WHERE seq = 50";
    vault.backend().exec(moved, &[]).unwrap();
    assert!(report(&vault).unwrap().to_string().contains("found 1099511627775, expected 50"));
}

/// In memory a helper waits for a writer, which waits for the thread that leads: this one waits for neither.
#[test]
fn what_is_committed_meanwhile_is_not_looked_at() {
    for (folder, vault) in [on_disk(), (tempfile::tempdir().unwrap(), vault())] {
        batches(&vault, 1000);
        thread::scope(|scope| {
            let writer = scope.spawn(|| notes(&vault.named_writer("busy").unwrap(), 500));
            while !writer.is_finished() {
                let report = vault.verifier().threads(3).run().unwrap();
                assert!(report.is_intact(), "{report}");
            }
        });
        drop(folder);
    }
}

#[test]
fn what_a_transaction_around_it_has_written_is_verified() {
    let (_folder, vault) = on_disk();
    notes(&alice(&vault), 20);
    vault.backend().exec("BEGIN IMMEDIATE", &[]).unwrap();
    notes(&alice(&vault), 20);
    let inside = report(&vault).unwrap();
    assert!(inside.is_intact() && inside.tree.size == 40, "{inside}");
    vault.backend().exec("ROLLBACK", &[]).unwrap();
    assert_eq!(report(&vault).unwrap().tree.size, 20);
}

#[test]
fn a_database_that_only_the_calling_thread_can_read_is_verified_by_it() {
    let conn = rusqlite::Connection::open_in_memory().unwrap();
    let vault = Vault::builder().over(SqliteBackend::from_connection(conn)).unwrap();
    notes(&alice(&vault), 20);
    assert!(report(&vault).unwrap().is_intact());
}

/// Fails the threads that did not open it, at their n-th statement.
struct Partial {
    home: ThreadId,
    left: AtomicU32,
    fail: fn() -> StoreError,
}

impl Hook for Partial {
    fn visit(&self) -> Result<()> {
        let elsewhere = thread::current().id() != self.home;
        if elsewhere && self.left.fetch_sub(1, Ordering::Relaxed) == 0 { Err((self.fail)()) } else { Ok(()) }
    }
}

#[test]
fn what_a_helping_thread_fails_at_is_done_by_the_calling_one() {
    let fails: [fn() -> StoreError; 2] =
        [|| StoreError::Backend("this thread has no luck".into()), || panic!("this thread panics on purpose")];
    for (left, fail) in (0..24).flat_map(|left| fails.map(|fail| (left, fail))) {
        let folder = tempfile::tempdir().unwrap();
        let inner = SqliteBackend::open(folder.path().join("agents.vault")).unwrap();
        let home = thread::current().id();
        let vault =
            Vault::builder().over(Hooked { inner, hook: Partial { home, left: AtomicU32::new(left), fail } }).unwrap();
        let first = alice(&vault).commit(note("first")).unwrap();
        let batch = (0..500).map(|_| note("x").parent(&first));
        alice(&vault).commit_batch(batch).unwrap();
        let found = vault.verifier().threads(2).run();
        assert!(found.as_ref().is_ok_and(|report| report.is_intact() && report.tree.size == 501), "{left}: {found:?}");
    }
}

/// Helpers are ahead of the thread that meets it, and wait for it to go on.
#[test]
fn a_row_that_cannot_be_read_ends_every_thread() {
    let (_folder, vault) = on_disk();
    batches(&vault, 2000);
    vault.backend().exec("UPDATE vault_entry SET hash = zeroblob(31) WHERE seq = 1", &[]).unwrap();
    for threads in [2, 3, 5].repeat(5) {
        let error = vault.verifier().threads(threads).run().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{threads} threads: {error}");
    }
}

/// Fails one statement: the n-th, counted down to 0.
struct Once(Arc<AtomicU32>);

impl Hook for Once {
    fn visit(&self) -> Result<()> {
        let is_due = self.0.fetch_sub(1, Ordering::Relaxed) == 1;
        if is_due { Err(StoreError::Backend("this statement has no luck".into())) } else { Ok(()) }
    }
}

#[test]
fn a_statement_that_fails_ends_a_verification_and_is_taken_for_no_break() {
    let left = Arc::new(AtomicU32::new(0));
    let inner = SqliteBackend::in_memory().unwrap();
    let vault = Vault::builder().over(Hooked { inner, hook: Once(Arc::clone(&left)) }).unwrap();
    let signed = vault.writer(SigningKey::from_bytes(&[7; 32])).unwrap();
    notes(&signed, 2);
    notes(&signed.rotate(SigningKey::from_bytes(&[8; 32])).unwrap(), 2);
    let older: Anchor = vault.tree_head().unwrap().into();
    notes(&alice(&vault), 20);
    let anchor: Anchor = vault.tree_head().unwrap().into();
    notes(&alice(&vault), 20);
    let check = |check: &dyn Fn() -> Result<bool>, expected: std::result::Result<bool, ErrorKind>| {
        for nth in 1.. {
            left.store(nth, Ordering::Relaxed);
            let found = check().map_err(|error| error.kind());
            if (1..=nth).contains(&left.load(Ordering::Relaxed)) {
                assert!(nth > 5 && found == expected, "{nth}: {found:?}");
                return;
            }
            assert_eq!(found, Err(ErrorKind::Backend), "{nth}");
        }
    };
    let log = || WriterLog::verify(vault.backend(), "conv:demo", "alice").map(|()| true);
    check(&|| vault.verify(&[]).map(|report| report.is_intact()), Ok(true));
    check(&|| vault.verifier().since(anchor).run().map(|report| report.is_intact()), Ok(true));
    check(&|| vault.verifier().since(anchor).anchor(older).run().map(|report| report.is_intact()), Ok(true));
    check(&log, Ok(true));
    vault.backend().exec("UPDATE vault_entry SET payload = x'00' WHERE seq = 1", &[]).unwrap();
    check(&log, Err(ErrorKind::Corrupt));
}

#[test]
fn a_log_is_told_with_as_many_entries_as_the_newest_anchor_covers() {
    let vault = vault();
    notes(&alice(&vault), 3);
    let anchor: Anchor = vault.tree_head().unwrap().into();
    notes(&alice(&vault), 2);
    vault.named_writer("bob").unwrap().commit(note("behind")).unwrap();
    let told = |anchor: Anchor| {
        let logs = vault.verify(&[anchor]).unwrap().logs;
        logs.iter().map(|log| (log.entries, log.anchored)).collect::<Vec<_>>()
    };
    assert_eq!(told(anchor), [(5, 3), (1, 0)]);
    assert_eq!(told(Anchor { root: [7; 32], ..anchor }), [(5, 0), (1, 0)]);
    let ranges = |report: VerifyReport| -> Vec<_> {
        report.logs[0].ranges().into_iter().map(|range| (range.first, range.last)).collect()
    };
    assert_eq!(ranges(vault.verify(&[anchor]).unwrap()), [(1, 3), (4, 5)]);
    assert_eq!(ranges(vault.verifier().since(anchor).run().unwrap()), [(4, 5)]);
    assert_eq!(vault.backend().exec("UPDATE vault_entry SET payload = x'00' WHERE seq = 5", &[]), Ok(1));
    assert_eq!(ranges(vault.verify(&[anchor]).unwrap()), [(1, 3), (4, 4), (5, 5)]);
}
