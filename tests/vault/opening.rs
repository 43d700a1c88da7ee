use causal_vault::{Backend, ErrorKind, SqliteBackend, StoreError, Vault, WriterLog};

use super::{alice, notes, size};

fn file() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agents.vault");
    notes(&alice(&Vault::open(&path).unwrap()), 2);
    (folder, path)
}

/// Runs one statement behind the vault's back and opens it.
fn after(statement: &str) -> StoreError {
    let (_folder, path) = file();
    rusqlite::Connection::open(&path).unwrap().execute_batch(statement).unwrap();
    let error = Vault::open(&path).err().unwrap_or_else(|| panic!("{statement:?} was not noticed"));
    let db = SqliteBackend::open(&path).unwrap();
    if !statement.contains("cursor") && !statement.contains("lookup") {
        assert_eq!(WriterLog::ensure_schema(&db).unwrap_err(), error);
    }
    error
}

#[test]
fn a_table_that_was_dropped_is_named() {
    for table in [
        "vault_realm",
        "vault_head",
        "vault_timeline",
        "vault_writer",
        "vault_log",
        "vault_kind",
        "vault_entry",
        "vault_edge",
        "vault_payload",
    ] {
        let error = after(&format!("DROP TABLE {table}"));
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        let words = format!("table {table} is damaged or was changed behind the vault's back: it is missing");
        assert!(error.to_string().starts_with(&words), "{error}");
        assert!(error.to_string().contains("restore"), "{error}");
    }
}

#[test]
fn a_table_of_the_consumers_that_has_a_vault_tables_name_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for (at, name) in ["vault_log", "VAULT_log", "vault_cursor"].into_iter().enumerate() {
        let path = folder.path().join(format!("{at}.vault"));
        let db = SqliteBackend::open(&path).unwrap();
        db.exec(&format!("CREATE TABLE {name} (x INTEGER)"), &[]).unwrap();
        let error = Vault::open(&path).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.to_string().contains(&name.to_lowercase()), "{error}");
    }
}

/// SQLite compares names without regard to case and keeps a trigger's table name as it was written.
#[test]
fn a_trigger_or_a_view_is_noticed_however_its_table_is_spelt() {
    for spelt in ["vault_entry", "Vault_Entry", "VAULT_ENTRY", "\"vault_entrY\""] {
        let error = after(&format!("CREATE TRIGGER evil BEFORE INSERT ON {spelt} BEGIN SELECT RAISE(IGNORE); END"));
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.to_string().contains("trigger \"evil\""), "{error}");
    }
    let (_folder, path) = file();
    for evil in [
        "CREATE TEMP VIEW Vault_Entry AS SELECT 1",
        "CREATE TEMP TRIGGER evil BEFORE INSERT ON main.Vault_Entry BEGIN SELECT RAISE(IGNORE); END",
    ] {
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.execute_batch(evil).unwrap();
        let error = Vault::builder().over(SqliteBackend::from_connection(conn)).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
}

#[test]
fn a_format_of_the_future_is_refused_by_name() {
    let error = after("UPDATE vault_realm SET format = 2");
    assert_eq!(error, StoreError::NewerFormat { found: 2, supported: 1 });
    let error = after("DELETE FROM vault_realm");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("its one row is missing"), "{error}");
}

#[test]
fn the_consumers_own_tables_triggers_and_indexes_are_left_alone() {
    let (_folder, path) = file();
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute_batch(
        "CREATE TABLE mine (x INTEGER); CREATE TABLE log (x); CREATE VIEW entry AS SELECT 1;
         CREATE TRIGGER t AFTER INSERT ON mine BEGIN DELETE FROM log; END;",
    )
    .unwrap();
    drop(conn);
    assert_eq!(size(&Vault::open(&path).unwrap()), 2);
}

#[test]
fn many_threads_open_and_create_the_same_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agents.vault");
    let realms: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| Vault::open(&path).unwrap().realm())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(realms.iter().all(|realm| *realm == realms[0]));
}
