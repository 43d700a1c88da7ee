//! A full disk, a lock that is not free, a file that goes away: a clear error, and nothing acknowledged is lost.

use std::path::Path;
use std::time::Duration;

use causal_vault::{Access, Backend, ErrorKind, SqliteBackend, SqliteOptions, StoreError, Value};
use tempfile::tempdir;

use super::{assert_explains, ensure_notes, note, notes};

/// Lets the database grow by this many pages.
fn leave_pages(db: &SqliteBackend, pages: i64) {
    let conn = db.connection();
    let now: i64 = conn.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    conn.query_row(&format!("PRAGMA max_page_count = {}", now + pages), [], |_| Ok(())).unwrap();
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged_and_ends_when_there_is_space_again() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("agents.vault");
    let db = SqliteBackend::open(&path).unwrap();
    ensure_notes(&db);
    db.exec("CREATE TABLE payload (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)", &[]).unwrap();
    leave_pages(&db, 20);
    let mut acknowledged = 0;
    let error = loop {
        let tx = db.begin(Access::Write).unwrap();
        let stored = tx
            .exec("INSERT INTO payload (bytes) VALUES (?)", &[Value::Blob(vec![7; 3000])])
            .and_then(|_| tx.exec("INSERT INTO note VALUES (?)", &[Value::Int(acknowledged)]))
            .and_then(|_| tx.commit());
        match stored {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 100, "the disk never filled");
    };
    assert_explains(&error, ErrorKind::Backend, &path, "free some space");
    assert!(acknowledged > 5);
    let expected: Vec<_> = (0..acknowledged).collect();
    let payloads = "SELECT count(*) FROM payload WHERE length(bytes) = 3000";
    assert_eq!(notes(&db), expected);
    assert_eq!(db.query(payloads, &[]), Ok(vec![vec![Value::Int(acknowledged)]]));
    assert_eq!(notes(&SqliteBackend::open(&path).unwrap()), expected);
    leave_pages(&db, 1000);
    note(&db, acknowledged);
    assert_eq!(notes(&db).len(), expected.len() + 1);
}

/// Found in review: SQLite answers a full disk by rolling the whole transaction back, and left the connection in
/// autocommit mode. A caller that went on stored its later statements one by one, although its commit then failed.
#[test]
fn a_transaction_that_the_engine_has_rolled_back_takes_no_more_statements() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("agents.vault");
    let db = SqliteOptions::new().busy_timeout(Duration::from_millis(100)).open(&path).unwrap();
    ensure_notes(&db);
    for ending in ["commit", "drop", "drop before any other statement"] {
        leave_pages(&db, 1000);
        let tx = db.begin(Access::Write).unwrap();
        note(&db, 1);
        db.connection().execute_batch("ROLLBACK").unwrap();
        if ending == "drop before any other statement" {
            drop(tx);
        } else {
            let insert = tx.exec("INSERT INTO note VALUES (2)", &[]).unwrap_err();
            assert_explains(&insert, ErrorKind::Conflict, &path, "begin again");
            assert_eq!(db.exec("INSERT INTO note VALUES (3)", &[]), Err(insert.clone()));
            assert_eq!(tx.query("SELECT n FROM note", &[]), Err(insert.clone()));
            assert!(matches!(db.begin(Access::Write).map(drop), Err(StoreError::Unsupported { .. })));
            if ending == "commit" {
                assert_eq!(tx.commit(), Err(insert));
            } else {
                drop(tx);
            }
        }
        assert!(notes(&db).is_empty(), "{ending}");
        let tx = db.begin(Access::Write).unwrap();
        note(&db, 4);
        tx.commit().unwrap();
        assert_eq!(notes(&db), [4], "{ending}");
        db.exec("DELETE FROM note", &[]).unwrap();
    }
}

#[test]
fn a_full_disk_in_the_middle_of_a_transaction_stores_nothing_of_it() {
    let folder = tempdir().unwrap();
    let db = SqliteBackend::open(folder.path().join("agents.vault")).unwrap();
    ensure_notes(&db);
    note(&db, 0);
    leave_pages(&db, 5);
    let tx = db.begin(Access::Write).unwrap();
    note(&db, 1);
    tx.exec("CREATE TABLE large (bytes BLOB)", &[]).unwrap();
    let full = tx.exec("INSERT INTO large VALUES (zeroblob(1000000))", &[]).unwrap_err();
    assert!(full.to_string().contains("the disk is full"), "{full}");
    let later = tx.exec("INSERT INTO note VALUES (2)", &[]);
    let committed = tx.commit();
    let stored = notes(&db);
    match committed {
        Ok(()) => assert_eq!((later.is_ok(), stored), (true, vec![0, 1, 2])),
        Err(_) => assert_eq!((later.is_ok(), stored), (false, vec![0])),
    }
}

#[test]
fn a_lock_that_is_not_free_within_the_time_out_names_the_wait() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("agents.vault");
    let options = SqliteOptions::new().busy_timeout(Duration::from_millis(50));
    let (one, two) = (options.open(&path).unwrap(), options.open(&path).unwrap());
    ensure_notes(&one);
    let holder = one.begin(Access::Write).unwrap();
    note(&one, 1);
    let by_sqlite = two.begin(Access::Write).map(drop).unwrap_err();
    assert_explains(&by_sqlite, ErrorKind::Busy, &path, "retry, or raise the busy time-out");
    assert!(by_sqlite.to_string().contains("50 ms"), "{by_sqlite}");
    let statement = two.exec("INSERT INTO note VALUES (2)", &[]).unwrap_err();
    assert_explains(&statement, ErrorKind::Busy, &path, "50 ms");
    std::thread::scope(|scope| {
        let in_process = scope.spawn(|| one.begin(Access::Write).map(drop).unwrap_err()).join().unwrap();
        assert_explains(&in_process, ErrorKind::Busy, &path, "retry, or raise the time-out");
        assert!(in_process.to_string().contains("50 ms"), "{in_process}");
    });
    assert!(notes(&two).is_empty());
    holder.commit().unwrap();
    note(&two, 2);
    assert_eq!(notes(&one), [1, 2]);
}

#[test]
fn a_commit_in_memory_that_waits_for_a_reader_in_vain_stores_nothing() {
    let db = SqliteOptions::new().busy_timeout(Duration::from_millis(50)).in_memory().unwrap();
    ensure_notes(&db);
    let reader = db.begin(Access::Read).unwrap();
    assert!(notes(&db).is_empty());
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                let tx = db.begin(Access::Write).unwrap();
                note(&db, 1);
                let error = tx.commit().unwrap_err();
                assert_explains(&error, ErrorKind::Busy, Path::new("the database in memory"), "50 ms");
                assert!(notes(&db).is_empty());
            })
            .join()
            .unwrap();
    });
    reader.commit().unwrap();
    assert!(notes(&db).is_empty());
    note(&db, 2);
    assert_eq!(notes(&db), [2]);
}

#[test]
fn a_read_transaction_takes_every_pragma_that_only_reads() {
    let folder = tempdir().unwrap();
    let db = SqliteBackend::open(folder.path().join("agents.vault")).unwrap();
    ensure_notes(&db);
    let tx = db.begin(Access::Read).unwrap();
    for pragma in ["data_version", "integrity_check", "quick_check", "user_version", "page_count", "foreign_key_check"]
    {
        tx.query(&format!("PRAGMA {pragma}"), &[]).unwrap();
    }
    for write in ["PRAGMA user_version = 3", "CREATE TEMP TABLE t (x)", "DELETE FROM note", "VACUUM"] {
        let error = tx.exec(write, &[]).unwrap_err();
        assert!(error.to_string().contains("begin it with Access::Write"), "{write}: {error}");
    }
    tx.commit().unwrap();
    assert_eq!(db.query("PRAGMA user_version", &[]), Ok(vec![vec![Value::Int(0)]]));
}

#[test]
fn a_transaction_that_read_before_another_wrote_is_told_to_begin_with_write_access() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("agents.vault");
    let db = SqliteBackend::open(&path).unwrap();
    ensure_notes(&db);
    let theirs = db.connection().unchecked_transaction().unwrap();
    assert!(notes(&db).is_empty());
    std::thread::scope(|scope| scope.spawn(|| note(&db, 1)).join().unwrap());
    let error = db.exec("INSERT INTO note VALUES (2)", &[]).unwrap_err();
    assert_explains(&error, ErrorKind::Busy, &path, "begin with Access::Write");
    drop(theirs);
    assert_eq!(notes(&db), [1]);
}

/// Found in review: the next thread created a new, empty file where the old one had been, and stored there what no
/// other thread would ever see.
#[test]
fn a_file_that_was_deleted_is_not_created_anew_by_the_next_thread() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("agents.vault");
    let db = SqliteBackend::open(&path).unwrap();
    ensure_notes(&db);
    std::fs::remove_file(&path).unwrap();
    let error = std::thread::scope(|scope| {
        scope.spawn(|| db.exec("CREATE TABLE note (n INTEGER)", &[]).unwrap_err()).join().unwrap()
    });
    assert_explains(&error, ErrorKind::Denied, &path, "check that the folder exists");
    assert!(!path.exists());
}

#[test]
fn wrong_parameters_are_refused_by_number_and_reason() {
    let db = SqliteBackend::in_memory().unwrap();
    ensure_notes(&db);
    let insert = "INSERT INTO note VALUES (?)";
    let reason = |params: &[Value]| db.exec(insert, params).unwrap_err().to_string();
    assert_eq!(reason(&[]), "invalid parameters: the statement takes 1, 0 were given");
    assert_eq!(reason(&[Value::Null, Value::Null]), "invalid parameters: the statement takes 1, 2 were given");
    assert_eq!(
        reason(&[Value::Real(f64::NAN)]),
        "invalid parameter: parameter 1 is NaN, which engines store differently"
    );
    assert_eq!(
        reason(&[Value::Text("a\0b".into())]),
        "invalid parameter: parameter 1 holds a NUL character, which text cannot"
    );
    for nothing in ["", "   ", "-- a comment", ";"] {
        assert!(db.exec(nothing, &[]).is_err(), "{nothing:?}");
    }
    assert!(notes(&db).is_empty());
}
