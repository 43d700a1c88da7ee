//! The consumer's own SQL beside ours: `connection()` and `from_connection`.

use std::ops::ControlFlow;

use causal_vault::{Access, Backend, ErrorKind, SqliteBackend, Value};
use rusqlite::Connection;
use tempfile::tempdir;

use super::{assert_explains, ensure_notes, note, notes};

#[test]
fn a_consumer_prepares_queries_and_transacts_on_the_connection() {
    let db = SqliteBackend::in_memory().unwrap();
    db.connection().execute_batch("CREATE TABLE mine (x INTEGER); INSERT INTO mine VALUES (1), (2), (3)").unwrap();
    let mut stmt = db.connection().prepare("SELECT x FROM mine WHERE x > ?1").unwrap();
    let found: Vec<i64> = stmt.query_map([1], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(found, [2, 3]);
    let mut rows = stmt.query([0]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        // The backend works while a statement of the consumer's is in the middle.
        let x: i64 = row.get(0).unwrap();
        assert_eq!(db.query("SELECT x FROM mine WHERE x = ?", &[Value::Int(x)]).unwrap().len(), 1);
    }
    drop(rows);
    let theirs = db.connection().unchecked_transaction().unwrap();
    theirs.execute("DELETE FROM mine", []).unwrap();
    theirs.commit().unwrap();
    assert_eq!(db.query("SELECT x FROM mine", &[]), Ok(vec![]));
}

#[test]
fn a_visitor_may_begin_commit_and_drop_transactions() {
    let folder = tempdir().unwrap();
    for db in [SqliteBackend::in_memory().unwrap(), SqliteBackend::open(folder.path().join("agents.vault")).unwrap()] {
        ensure_notes(&db);
        db.exec("CREATE TABLE copy (n INTEGER)", &[]).unwrap();
        (1..=3).for_each(|n| note(&db, n));
        let mut seen = 0;
        db.visit("SELECT n FROM note", &[], &mut |row| {
            seen += 1;
            for commits in [true, false] {
                let tx = db.begin(Access::Write)?;
                tx.exec("INSERT INTO copy VALUES (?)", &[row[0].to_value()])?;
                if commits {
                    tx.commit()?;
                }
            }
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        assert_eq!(seen, 3);
        assert_eq!(db.query("SELECT count(*), sum(n) FROM copy", &[]), Ok(vec![vec![Value::Int(3), Value::Int(6)]]));
    }
}

#[test]
fn a_visitor_of_returning_that_stops_early_undoes_nothing() {
    let db = SqliteBackend::in_memory().unwrap();
    ensure_notes(&db);
    db.visit("INSERT INTO note VALUES (1), (2), (3) RETURNING n", &[], &mut |_| Ok(ControlFlow::Break(()))).unwrap();
    assert_eq!(notes(&db), [1, 2, 3]);
    std::thread::scope(|scope| scope.spawn(|| note(&db, 4)).join().unwrap());
    assert_eq!(notes(&db), [1, 2, 3, 4]);
}

#[test]
fn our_transaction_inside_of_a_consumers_ends_with_it() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("agents.vault");
    let db = SqliteBackend::open(&path).unwrap();
    let other = SqliteBackend::open(&path).unwrap();
    ensure_notes(&db);
    for access in [Access::Write, Access::Read] {
        let theirs = db.connection().unchecked_transaction().unwrap();
        theirs.execute("INSERT INTO note VALUES (1)", []).unwrap();
        drop(db.begin(access).unwrap());
        assert_eq!(notes(&db), [1], "a drop of ours spares theirs");
        let ours = db.begin(Access::Write).unwrap();
        note(&db, 2);
        drop(ours);
        assert_eq!(notes(&db), [1], "a drop of ours takes only ours");
        let ours = db.begin(Access::Write).unwrap();
        note(&db, 3);
        ours.commit().unwrap();
        assert_eq!((notes(&db), notes(&other)), (vec![1, 3], vec![]), "a commit of ours waits for theirs");
        theirs.rollback().unwrap();
        assert!(notes(&db).is_empty(), "their rollback undoes ours");
    }
    let theirs = db.connection().unchecked_transaction().unwrap();
    let ours = db.begin(Access::Write).unwrap();
    note(&db, 4);
    ours.commit().unwrap();
    theirs.commit().unwrap();
    assert_eq!(notes(&other), [4], "their commit keeps ours");
}

#[test]
fn a_consumer_that_ends_its_transaction_under_ours_gets_an_error_and_loses_no_rollback() {
    let db = SqliteBackend::in_memory().unwrap();
    ensure_notes(&db);
    db.connection().execute_batch("BEGIN").unwrap();
    let ours = db.begin(Access::Write).unwrap();
    note(&db, 1);
    db.connection().execute_batch("ROLLBACK; BEGIN").unwrap();
    let error = ours.commit().unwrap_err();
    assert!(error.to_string().contains("no such savepoint"), "{error}");
    db.connection().execute_batch("COMMIT").unwrap();
    assert!(notes(&db).is_empty());
    db.begin(Access::Write).unwrap().commit().unwrap();
}

#[test]
fn a_handed_in_database_in_memory_belongs_to_its_thread() {
    let db = SqliteBackend::from_connection(Connection::open_in_memory().unwrap());
    ensure_notes(&db);
    db.check().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let error = db.exec("INSERT INTO note VALUES (1)", &[]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("use a file, or SqliteBackend::in_memory"), "{error}");
            assert_eq!(db.query("SELECT n FROM note", &[]), Err(error.clone()));
            assert_eq!(db.begin(Access::Write).map(drop), Err(error.clone()));
            assert_eq!(db.try_connection().map(drop), Err(error));
            let barren = db.connection();
            for sql in
                ["SELECT 1", "CREATE TABLE note (n INTEGER)", "BEGIN", "PRAGMA user_version = 1", "ATTACH 'x' AS y"]
            {
                assert!(barren.execute_batch(sql).is_err(), "{sql}");
                assert!(barren.prepare(sql).is_err(), "{sql}");
            }
        });
    });
    note(&db, 2);
    assert_eq!(notes(&db), [2]);
}

#[test]
fn a_handed_in_file_serves_every_thread() {
    let folder = tempdir().unwrap();
    let conn = Connection::open(folder.path().join("mine.db")).unwrap();
    conn.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE mine (x INTEGER)").unwrap();
    let db = SqliteBackend::from_connection(conn);
    db.check().unwrap();
    ensure_notes(&db);
    std::thread::scope(|scope| scope.spawn(|| note(&db, 1)).join().unwrap());
    assert_eq!(notes(&db), [1]);
}

#[test]
fn a_handed_in_file_that_cannot_keep_the_promise_is_refused_at_the_check_and_left_as_it_is() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("mine.db");
    for mode in ["delete", "truncate", "persist", "memory", "off"] {
        let conn = Connection::open(&path).unwrap();
        conn.query_row(&format!("PRAGMA journal_mode = {mode}"), [], |_| Ok(())).unwrap();
        conn.execute_batch("CREATE TABLE IF NOT EXISTS mine (x INTEGER)").unwrap();
        let db = SqliteBackend::from_connection(conn);
        let error = db.check().unwrap_err();
        assert_explains(&error, ErrorKind::Denied, &path, "PRAGMA journal_mode=WAL");
        assert!(error.to_string().contains(&format!("{mode:?}")), "{error}");
        let kept: String = db.connection().query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, mode);
    }
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("PRAGMA journal_mode = wal; PRAGMA synchronous = OFF").unwrap();
    assert_explains(&SqliteBackend::from_connection(conn).check().unwrap_err(), ErrorKind::Denied, &path, "FULL");
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let conn = Connection::open_with_flags(&path, flags).unwrap();
    assert_explains(
        &SqliteBackend::from_connection(conn).check().unwrap_err(),
        ErrorKind::Denied,
        &path,
        "permissions",
    );
}
