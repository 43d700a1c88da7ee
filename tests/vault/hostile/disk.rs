//! A full disk, played by a limit on the number of pages.

use causal_vault::{ErrorKind, Event, EventId, Result, StoreError, Value, Vault};

use super::{Untouched, contents};

/// Lets the file grow by this many pages.
fn leave_pages(vault: &Vault, pages: i64) {
    let rows = vault.backend().query("PRAGMA page_count", &[]).unwrap();
    let [Value::Int(now)] = rows[0][..] else { panic!("{rows:?}") };
    vault.backend().query(&format!("PRAGMA max_page_count = {}", now + pages), &[]).unwrap();
}

fn large(id: u128) -> Event {
    Event::raw("note", id.to_be_bytes().repeat(400)).stream("demo").id(EventId::from_bytes(id.to_be_bytes()))
}

fn fill(vault: &Vault, mut commit: impl FnMut(u128) -> Result<()>) -> (u128, StoreError) {
    vault.backend().exec("CREATE TABLE IF NOT EXISTS mine (n INTEGER)", &[]).unwrap();
    leave_pages(vault, 25);
    (1..1000).find_map(|id| commit(id).err().map(|error| (id, error))).expect("the disk never filled")
}

fn own_rows(vault: &Vault) -> u128 {
    let rows = vault.backend().query("SELECT count(*) FROM mine", &[]).unwrap();
    let [Value::Int(count)] = rows[0][..] else { panic!("{rows:?}") };
    u128::try_from(count).unwrap()
}

fn in_a_file() -> (tempfile::TempDir, Untouched) {
    let folder = tempfile::tempdir().unwrap();
    let here = Untouched::of(Vault::open(folder.path().join("agents.vault")).unwrap());
    (folder, here)
}

/// The events of the commits before the failed one are there and no others; with space again, a retry succeeds.
#[track_caller]
fn assert_only_the_failed_one_is_missing(
    here: &Untouched,
    error: &StoreError,
    stored: u128,
    retry: impl Fn() -> Result<()>,
) {
    assert_eq!(error.kind(), ErrorKind::Backend, "{error:?}");
    assert!(error.to_string().contains("agents.vault") && error.to_string().contains("free some space"), "{error}");
    let (head, events) = contents(&here.vault);
    assert_eq!((u128::from(head.size), events.len() as u128), (2 + stored, 2 + stored));
    assert!(here.vault.verify(&[here.before.0.into(), head.into()]).unwrap().is_intact());
    leave_pages(&here.vault, 10_000);
    retry().unwrap();
    retry().unwrap();
    assert!(contents(&here.vault).0.size > head.size);
    assert!(here.vault.verify(&[head.into()]).unwrap().is_intact());
}

#[test]
fn a_commit_that_the_disk_has_no_space_for_is_refused_and_can_be_retried() {
    let (_folder, here) = in_a_file();
    let commit = |id| here.alice.commit(large(id)).map(drop);
    let (failed, error) = fill(&here.vault, commit);
    assert!(failed > 2);
    assert_only_the_failed_one_is_missing(&here, &error, failed - 1, || commit(failed));
    assert_eq!(u128::from(contents(&here.vault).0.size), 2 + failed);
}

#[test]
fn a_batch_that_the_disk_has_no_space_for_is_refused_whole() {
    let (_folder, here) = in_a_file();
    let commit = |n: u128| here.alice.commit_batch((0..3).map(|event| large(n * 10 + event))).map(drop);
    let (failed, error) = fill(&here.vault, commit);
    assert_only_the_failed_one_is_missing(&here, &error, 3 * (failed - 1), || commit(failed));
    assert_eq!(u128::from(contents(&here.vault).0.size), 2 + 3 * failed);
}

#[test]
fn a_transaction_that_the_disk_has_no_space_for_leaves_neither_events_nor_the_consumers_rows() {
    let (_folder, here) = in_a_file();
    let commit = |id| {
        here.vault.transaction(|tx| {
            if tx.append(&here.alice, large(id))?.is_new {
                tx.exec("INSERT INTO mine VALUES (1)", &[])?;
            }
            Ok(())
        })
    };
    let (failed, error) = fill(&here.vault, commit);
    assert_eq!(own_rows(&here.vault), failed - 1);
    assert_only_the_failed_one_is_missing(&here, &error, failed - 1, || commit(failed));
    assert_eq!(own_rows(&here.vault), failed);
}

#[test]
fn a_transaction_whose_body_overlooks_the_full_disk_does_not_commit_by_halves() {
    let (_folder, here) = in_a_file();
    let overlook = |id| {
        here.vault.transaction(|tx| {
            tx.exec("INSERT INTO mine VALUES (1)", &[])?;
            let _ = tx.append(&here.alice, large(id));
            let _ = tx.append(&here.alice, super::note("small"));
            Ok(())
        })
    };
    let (failed, error) = fill(&here.vault, overlook);
    assert!(matches!(error.kind(), ErrorKind::Backend | ErrorKind::Conflict), "{error:?}");
    assert_eq!(own_rows(&here.vault), failed - 1);
    assert_eq!(u128::from(contents(&here.vault).0.size), 2 + 2 * (failed - 1));
    leave_pages(&here.vault, 1000);
    overlook(failed).unwrap();
    assert!(here.vault.verify(&[here.before.0.into()]).unwrap().is_intact());
}
