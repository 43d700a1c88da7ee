//! The settings of every connection, read back.

use std::time::Duration;

use causal_vault::{Access, Backend, Durability, SqliteBackend, SqliteOptions};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tempfile::tempdir;

/// `(journal_mode, synchronous, busy_timeout, cell_size_check, QPSG, DEFENSIVE, TRUSTED_SCHEMA)`
type Settings = (String, i64, i64, bool, bool, bool, bool);

fn settings(conn: &Connection) -> Settings {
    let number = |pragma: &str| conn.query_row(pragma, [], |row| row.get::<_, i64>(0)).unwrap();
    (
        conn.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap(),
        number("PRAGMA synchronous"),
        number("PRAGMA busy_timeout"),
        number("PRAGMA cell_size_check") == 1,
        conn.db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG).unwrap(),
        conn.db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE).unwrap(),
        conn.db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA).unwrap(),
    )
}

fn on_two_threads(db: &SqliteBackend) -> [Settings; 2] {
    let here = settings(db.connection());
    [here, std::thread::scope(|scope| scope.spawn(|| settings(db.connection())).join().unwrap())]
}

#[test]
fn every_thread_has_the_durability_and_the_defences_that_were_asked_for() {
    let folder = tempdir().unwrap();
    for (durability, synchronous) in [(Durability::Durable, 2), (Durability::Fast, 1)] {
        let options = SqliteOptions::new().durability(durability);
        let file = options.open(folder.path().join("agents.vault")).unwrap();
        let expected = ("wal".to_owned(), synchronous, 30_000, true, true, true, false);
        assert_eq!(on_two_threads(&file), [expected.clone(), expected]);
        let expected = ("memory".to_owned(), synchronous, 30_000, true, true, true, false);
        assert_eq!(on_two_threads(&options.in_memory().unwrap()), [expected.clone(), expected]);
    }
}

/// Found in review: the engine's binding panics on a time-out that does not fit in 32 bits of milliseconds.
#[test]
fn a_time_out_without_end_is_accepted() {
    let db = SqliteOptions::new().busy_timeout(Duration::MAX).in_memory().unwrap();
    assert_eq!(settings(db.connection()).2, i64::from(i32::MAX));
    db.begin(Access::Write).unwrap().commit().unwrap();
}

#[test]
fn a_connection_that_was_handed_in_keeps_its_settings() {
    let folder = tempdir().unwrap();
    let conn = Connection::open(folder.path().join("mine.db")).unwrap();
    conn.execute_batch("PRAGMA journal_mode = wal; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 77").unwrap();
    let before = settings(&conn);
    let db = SqliteBackend::from_connection(conn);
    db.check().unwrap();
    let [here, elsewhere] = on_two_threads(&db);
    assert_eq!(here, before);
    assert_eq!(elsewhere, ("wal".to_owned(), 2, 30_000, false, true, false, true), "SQLite's defaults, and our wait");
}
