//! The catalogue: triggers, views, temporary objects, edited schema text.

use causal_vault::{Backend, Event, Filter, SqliteBackend, Vault, WriterLog};
use rusqlite::Connection;

use super::Caught::Opening;
use super::PlainEdit::Absent;
use super::scene::{scene, sql};
use super::{Attack, run};

const NO_SCHEMA: &str = "it does not look at the schema, and appends return whatever the engine says";

macro_rules! catalogue {
    ($($name:literal, $sql:literal => $words:literal;)*) => {
        [$(Attack {
            name: $name,
            edit: |conn| conn.execute_batch($sql).unwrap(),
            caught: Opening($words),
            plain: Absent(NO_SCHEMA),
        }),*]
    };
}

#[test]
fn what_stands_in_the_way_of_a_vault_table_is_refused_at_opening() {
    run(&catalogue! {
        "a trigger that ignores inserts",
            "CREATE TRIGGER t BEFORE INSERT ON vault_entry BEGIN SELECT RAISE(IGNORE); END" => "trigger \"t\"";
        "a trigger on the table's name in capitals",
            "CREATE TRIGGER t AFTER INSERT ON VAULT_ENTRY BEGIN DELETE FROM vault_entry WHERE id = NEW.id; END"
            => "trigger \"t\"";
        "a trigger on updates of the heads",
            "CREATE TRIGGER t BEFORE UPDATE ON vault_head BEGIN SELECT RAISE(IGNORE); END" => "trigger \"t\"";
        "a trigger on the cursors",
            "CREATE TRIGGER t BEFORE INSERT ON Vault_Cursor BEGIN SELECT RAISE(IGNORE); END" => "trigger \"t\"";
        "a view under a vault's name",
            "ALTER TABLE vault_kind RENAME TO hidden; CREATE VIEW vault_kind AS SELECT * FROM hidden"
            => "view \"vault_kind\"";
        "a view under a vault's name in capitals",
            "ALTER TABLE vault_kind RENAME TO hidden; CREATE VIEW VAULT_KIND AS SELECT * FROM hidden"
            => "vault_kind";
        "a table of another shape",
            "ALTER TABLE vault_entry ADD COLUMN more TEXT" => "table vault_entry";
        "an index that is missing",
            "DROP INDEX vault_entry_event" => "CREATE INDEX vault_entry_event";
        "a table that is missing",
            "DROP TABLE vault_edge" => "table vault_edge";
        "the realm's row is missing",
            "DELETE FROM vault_realm" => "its one row is missing";
        "the realm's table is missing",
            "DROP TABLE vault_realm" => "vault_timeline";
        "a newer format in the realm's row",
            "UPDATE vault_realm SET format = 2" => "upgrade causal-vault";
        "a format that never was",
            "UPDATE vault_realm SET format = 0" => "format 0";
        "a newer format in the file's mark",
            "PRAGMA user_version = 2" => "format 2";
        "an edited schema text",
            "PRAGMA writable_schema = ON; \
             UPDATE sqlite_master SET sql = replace(sql, 'seq & 15', 'seq & 31') WHERE name = 'vault_entry_milestone'"
            => "table vault_entry";
    });
}

#[test]
fn a_temporary_object_on_a_handed_in_connection_is_refused() {
    for statement in [
        "CREATE TEMP TRIGGER t BEFORE INSERT ON main.vault_entry BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TEMP TRIGGER t BEFORE INSERT ON main.VAULT_ENTRY BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TEMP VIEW vault_kind AS SELECT 1 AS id, 'x' AS kind",
        "CREATE TEMP TABLE Vault_Kind (id INTEGER PRIMARY KEY, kind TEXT)",
    ] {
        let copy = scene().copy();
        let conn = Connection::open(&copy.path).unwrap();
        conn.execute_batch(statement).unwrap();
        let error = Vault::builder().over(SqliteBackend::from_connection(conn)).unwrap_err();
        assert!(error.to_string().contains("stands in its way"), "{statement}: {error}");
    }
}

/// Found before the first line was written: an append returned `Ok` and nothing was stored.
#[test]
fn a_trigger_that_comes_after_opening_makes_no_append_lie() {
    let ignore = |table: &str, event: &str| {
        format!("CREATE TRIGGER t BEFORE {event} ON {table} BEGIN SELECT RAISE(IGNORE); END")
    };
    let delete = "CREATE TRIGGER t AFTER INSERT ON vault_entry BEGIN DELETE FROM vault_entry WHERE id = NEW.id; END";
    let edit = "CREATE TRIGGER t AFTER INSERT ON vault_entry BEGIN \
                UPDATE vault_entry SET payload = x'00' WHERE id = NEW.id; END";
    for trigger in [
        ignore("vault_entry", "INSERT"),
        ignore("vault_head", "INSERT"),
        ignore("vault_head", "UPDATE"),
        ignore("vault_log", "INSERT"),
        ignore("vault_writer", "INSERT"),
        ignore("vault_kind", "INSERT"),
        ignore("vault_edge", "INSERT"),
        ignore("vault_payload", "INSERT"),
        delete.to_owned(),
        edit.to_owned(),
    ] {
        let copy = scene().copy();
        let vault = Vault::open(&copy.path).unwrap();
        let before = vault.tree_head().unwrap();
        let first = vault.events(Filter::all()).unwrap().next().unwrap().unwrap();
        copy.edit(|conn| conn.execute_batch(&trigger).unwrap());
        let event = Event::raw("new.kind", vec![1; 4000]).stream("new").parent(&first);
        let outcome = vault.named_writer("newcomer").unwrap().commit(event);
        let error = outcome.expect_err(&trigger);
        assert!(error.to_string().contains("trigger"), "{trigger}: {error}");
        assert_eq!(vault.tree_head(), Ok(before), "{trigger}");
        copy.edit(|conn| conn.execute_batch("DROP TRIGGER t").unwrap());
        assert!(vault.verify(&[scene().anchor]).unwrap().is_intact(), "{trigger}");
    }
}

/// The primitive keeps no memory of the catalogue between two appends, and counts the rows that it changed.
#[test]
fn a_trigger_that_ignores_a_write_fails_the_append_of_a_writers_log() {
    for (table, event) in [
        ("vault_entry", "INSERT"),
        ("vault_head", "UPDATE"),
        ("vault_log", "INSERT"),
        ("vault_writer", "INSERT"),
        ("vault_kind", "INSERT"),
    ] {
        let db = SqliteBackend::in_memory().unwrap();
        WriterLog::ensure_schema(&db).unwrap();
        if table == "vault_head" {
            WriterLog::append(&db, "demo", "alice", b"one").unwrap();
        }
        let ignore = format!("CREATE TRIGGER t BEFORE {event} ON {table} BEGIN SELECT RAISE(IGNORE); END");
        db.exec(&ignore, &[]).unwrap();
        let before = WriterLog::entries(&db, "demo", "alice").unwrap();
        let error = WriterLog::append(&db, "demo", "alice", b"two").expect_err(table);
        assert!(error.to_string().contains("look for triggers on the table"), "{table}: {error}");
        assert_eq!(WriterLog::entries(&db, "demo", "alice").unwrap(), before);
    }
}

#[test]
fn a_consumers_own_objects_are_left_alone() {
    let copy = scene().copy();
    copy.edit(|conn| {
        sql(
            conn,
            "CREATE TABLE mine (n INTEGER); CREATE VIEW seen AS SELECT count(*) AS n FROM vault_entry; \
             CREATE TRIGGER mine_too AFTER INSERT ON mine BEGIN UPDATE mine SET n = n + 1; END; \
             CREATE INDEX mine_three ON mine (n); INSERT INTO mine VALUES (1)",
        );
    });
    let vault = Vault::open(&copy.path).unwrap();
    vault
        .transaction(|tx| {
            tx.exec("INSERT INTO mine VALUES (1)", &[])?;
            tx.append(&vault.named_writer("alice")?, Event::raw("note", "mine").stream("ledger"))
        })
        .unwrap();
    assert!(vault.verify(&[scene().anchor]).unwrap().is_intact());
}
