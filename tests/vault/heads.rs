//! What a handle keeps in memory between its commits is never believed where the file says otherwise.

use causal_vault::{Event, SqliteBackend, StoreError, Value, Vault, WriterLog};

fn note(text: &str) -> Event {
    Event::raw("note", text).stream("conv:demo")
}

#[test]
fn handles_that_take_turns_on_one_file_continue_each_others_logs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault");
    let vaults = [Vault::open(&path).unwrap(), Vault::open(&path).unwrap()];
    let writers = vaults.each_ref().map(|vault| vault.named_writer("alice").unwrap());
    let mut seq = 0;
    for round in 0..5 {
        for writer in &writers {
            for _ in 0..=round {
                seq += 1;
                assert_eq!(writer.commit(note("turn")).unwrap().seq, seq);
            }
        }
        // The primitive knows nothing of what the handles keep.
        seq += 1;
        assert_eq!(WriterLog::append(vaults[0].backend(), "conv:demo", "alice", b"turn").unwrap().seq, seq);
    }
    assert!(vaults[1].verify(&[]).unwrap().is_intact());
}

#[test]
fn commits_that_the_consumer_rolls_back_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault");
    drop(Vault::open(&path).unwrap());
    let db = SqliteBackend::from_connection(rusqlite::Connection::open(&path).unwrap());
    let vault = Vault::builder().over(db).unwrap();
    let alice = vault.named_writer("alice").unwrap();
    alice.commit(note("kept")).unwrap();
    vault.backend().exec("BEGIN IMMEDIATE", &[]).unwrap();
    alice.commit(note("rolled back")).unwrap();
    vault.named_writer("bob").unwrap().commit(Event::raw("other", "rolled back").stream("conv:other")).unwrap();
    vault.backend().exec("ROLLBACK", &[]).unwrap();
    // The rows that the rollback took away now belong to others.
    vault.named_writer("carol").unwrap().commit(Event::raw("third", "kept").stream("conv:third")).unwrap();
    let receipt = alice.commit(note("kept as well")).unwrap();
    assert_eq!((receipt.seq, receipt.position.number()), (2, 3));
    let report = vault.verify(&[]).unwrap();
    assert!(report.is_intact(), "{report}");
    assert_eq!(report.logs.len(), 2);
}

#[test]
fn a_transaction_that_fails_leaves_nothing_behind_for_the_next() {
    let vault = Vault::in_memory().unwrap();
    let alice = vault.named_writer("alice").unwrap();
    alice.commit(note("kept")).unwrap();
    for _ in 0..3 {
        let failed = vault.transaction(|tx| {
            tx.append(&alice, note("never"))?;
            tx.append(&alice, Event::raw("new kind", "never").stream("conv:new"))?;
            Err::<(), _>(StoreError::Backend("changed my mind".into()))
        });
        assert!(failed.is_err());
    }
    // A refused append may leave the rows of its log and its writer; what commits is what the next one finds.
    let refused = vault.transaction(|tx| {
        let refused = tx.append(&alice, Event::raw("note", "never").stream("conv:later").expect_seq(7));
        Ok::<_, StoreError>(refused.is_err())
    });
    assert_eq!(refused, Ok(true));
    assert_eq!(alice.commit(note("second")).unwrap().seq, 2);
    assert_eq!(alice.commit(Event::raw("new kind", "first").stream("conv:later")).unwrap().seq, 1);
    assert!(vault.verify(&[]).unwrap().is_intact());
}

#[test]
fn a_tree_head_that_was_moved_behind_the_handle_is_read_again() {
    let vault = Vault::in_memory().unwrap();
    let alice = vault.named_writer("alice").unwrap();
    alice.commit(note("one")).unwrap();
    let (db, one) = (vault.backend(), vault.tree_head().unwrap());
    db.exec("CREATE TABLE kept AS SELECT * FROM vault_head", &[]).unwrap();
    alice.commit(note("two")).unwrap();
    db.exec("DELETE FROM vault_entry WHERE seq = 2", &[]).unwrap();
    db.exec("INSERT OR REPLACE INTO vault_head SELECT * FROM kept", &[]).unwrap();
    assert_eq!(vault.tree_head().unwrap(), one);
    assert_eq!(alice.commit(note("another two")).unwrap().seq, 2);
    assert!(vault.verify(&[]).unwrap().is_intact());
    assert_eq!(db.query("SELECT count(*) FROM vault_entry", &[]).unwrap(), vec![vec![Value::Int(2)]]);
}

#[test]
fn more_streams_than_are_kept_in_memory_are_written_to_in_turn() {
    let vault = Vault::in_memory().unwrap();
    let alice = vault.named_writer("alice").unwrap();
    for seq in 1..=3 {
        let events = (0..4096).map(|stream| Event::raw("note", "hi").stream(format!("conv:{stream}")));
        assert!(alice.commit_batch(events).unwrap().iter().all(|receipt| receipt.seq == seq));
    }
    assert!(vault.verify(&[]).unwrap().is_intact());
}
