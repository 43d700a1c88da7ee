use std::sync::Barrier;

use causal_vault::{Access, Backend, ChainRule, ErrorKind, SqliteBackend, StoreError, Transaction, Value, WriterLog};

use crate::suite::hooked::{Hook, Hooked};

fn db() -> SqliteBackend {
    let db = SqliteBackend::in_memory().unwrap();
    WriterLog::ensure_schema(&db).unwrap();
    db
}

#[test]
fn the_head_is_the_last_of_the_entries() {
    let db = db();
    let appended = [b"hello", b"world"].map(|payload| WriterLog::append(&db, "conv:x", "alice", payload).unwrap());
    assert_eq!(WriterLog::head(&db, "conv:x", "alice").unwrap().as_ref(), appended.last());
    assert_eq!(WriterLog::entries(&db, "conv:x", "alice").unwrap(), appended);
}

#[test]
fn an_edited_payload_breaks_the_payload_rule() {
    let db = db();
    WriterLog::append(&db, "conv:x", "alice", b"original").unwrap();
    WriterLog::append(&db, "conv:x", "alice", b"second").unwrap();
    db.exec("UPDATE vault_entry SET payload = ? WHERE seq = 1", &[Value::Blob(b"TAMPERED".to_vec())]).unwrap();
    let error = WriterLog::verify(&db, "conv:x", "alice").unwrap_err();
    assert!(matches!(error, StoreError::ChainBroken { seq: 1, rule: ChainRule::Payload, .. }), "{error}");
}

#[test]
fn an_empty_log_is_in_order() {
    let db = db();
    WriterLog::verify(&db, "conv:none", "nobody").unwrap();
    assert_eq!(WriterLog::head(&db, "conv:none", "nobody"), Ok(None));
    assert!(WriterLog::entries(&db, "conv:none", "nobody").unwrap().is_empty());
}

#[test]
fn a_large_payload_is_stored_once_and_read_back() {
    let db = db();
    let large = vec![7; 100_000];
    for _ in 0..3 {
        WriterLog::append(&db, "conv:x", "alice", &large).unwrap();
    }
    let stored = db.query("SELECT count(*) FROM vault_payload", &[]).unwrap();
    assert_eq!(stored, vec![vec![Value::Int(1)]]);
    assert!(WriterLog::reader(&db, "conv:x", "alice").unwrap().all(|entry| entry.unwrap().payload == large));
    WriterLog::verify(&db, "conv:x", "alice").unwrap();
    db.exec("UPDATE vault_payload SET bytes = zeroblob(100000)", &[]).unwrap();
    let error = WriterLog::verify(&db, "conv:x", "alice").unwrap_err();
    assert!(matches!(error, StoreError::ChainBroken { seq: 1, rule: ChainRule::Payload, .. }), "{error}");
}

#[test]
fn a_batch_is_stored_whole_or_not_at_all() {
    let db = db();
    let too_large = vec![0; (1 << 20) + 1];
    let error = WriterLog::append_batch(&db, "conv:x", "alice", &[b"fine".to_vec(), too_large]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.to_string().contains("1048577") && error.to_string().contains("1048576"), "{error}");
    assert_eq!(WriterLog::head(&db, "conv:x", "alice"), Ok(None));
    let error = WriterLog::append_batch(&db, "conv:x", "alice", &vec![b""; 4097]).unwrap_err();
    assert_eq!(error.to_string(), "the batch has 4097 events, more than the limit of 4096 events");
    assert_eq!(WriterLog::append_batch(&db, "conv:x", "alice", &vec![b""; 4096]).unwrap().len(), 4096);
    assert_eq!(WriterLog::reader(&db, "conv:x", "alice").unwrap().count(), 4096);
}

#[test]
fn racing_appends_of_one_writer_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let db = SqliteBackend::open(folder.path().join("race.vault")).unwrap();
    WriterLog::ensure_schema(&db).unwrap();
    let start = Barrier::new(8);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (db, start) = (&db, &start);
            scope.spawn(move || {
                start.wait();
                for append in 0..50 {
                    WriterLog::append(db, "conv:x", "alice", format!("{thread}:{append}").as_bytes()).unwrap();
                }
            });
        }
    });
    let entries = WriterLog::entries(&db, "conv:x", "alice").unwrap();
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), (1..=400).collect::<Vec<_>>());
    for thread in 0..8 {
        let mine = |payload: &[u8]| payload.starts_with(format!("{thread}:").as_bytes());
        assert_eq!(entries.iter().filter(|entry| mine(&entry.payload)).count(), 50);
    }
    WriterLog::verify(&db, "conv:x", "alice").unwrap();
}

#[test]
fn an_append_in_the_callers_own_transaction_shares_its_fate() {
    let db = db();
    db.connection().execute_batch("CREATE TABLE mine (x INTEGER); BEGIN; INSERT INTO mine VALUES (1)").unwrap();
    WriterLog::append(&db, "conv:x", "alice", b"undone").unwrap();
    db.connection().execute_batch("ROLLBACK").unwrap();
    assert_eq!(WriterLog::head(&db, "conv:x", "alice"), Ok(None));
    db.connection().execute_batch("BEGIN; INSERT INTO mine VALUES (2)").unwrap();
    let kept = WriterLog::append(&db, "conv:x", "alice", b"kept").unwrap();
    db.connection().execute_batch("COMMIT").unwrap();
    assert_eq!(WriterLog::head(&db, "conv:x", "alice"), Ok(Some(kept)));
}

/// Whether it stores what is committed: it fails in either case.
struct Fails(bool);

impl Hook for Fails {
    fn commit(&self, tx: Box<dyn Transaction + '_>, _: Access) -> Result<(), StoreError> {
        if self.0 {
            tx.commit()?;
        }
        Err(StoreError::Backend("the flush failed".into()))
    }
}

#[test]
fn after_a_failed_commit_the_head_tells_whether_the_entries_are_stored() {
    for stores in [true, false] {
        let db = Hooked { inner: db(), hook: Fails(stores) };
        let error = WriterLog::append_batch(&db, "conv:x", "alice", &[b"one", b"two"]).unwrap_err();
        let StoreError::UnknownOutcome { events, cause } = &error else { panic!("{error:?}") };
        assert_eq!(**cause, StoreError::Backend("the flush failed".into()));
        assert_eq!(events.len(), 2);
        let head = WriterLog::head(&db, "conv:x", "alice").unwrap().map(|entry| hex::encode(entry.content_hash));
        assert_eq!(head, stores.then(|| events[1].entry_hash.clone()));
    }
}
