//! Tables that only say where to look: edges, SQLite's own indexes, the look-up by hash.

use causal_vault::ChainRule::*;
use causal_vault::{Derived, ErrorKind, Event, EventId, Filter, Vault};
use rusqlite::Connection;

use super::Caught::By;
use super::PlainEdit::Absent;
use super::scene::{fine_scene, scene, sql};
use super::{Attack, examine, rules, run};

const NO_EDGES: &str = "its entries have no parents";

#[test]
fn edges_are_those_that_the_entries_name() {
    run(&[
        Attack {
            name: "add an edge",
            edit: |conn| sql(conn, "INSERT INTO vault_edge VALUES ((1<<40)+4, (1<<40)+1)"),
            caught: By(Edge),
            plain: Absent(NO_EDGES),
        },
        Attack {
            name: "remove an edge",
            edit: |conn| sql(conn, "DELETE FROM vault_edge WHERE child = (1<<40)+5"),
            caught: By(Edge),
            plain: Absent(NO_EDGES),
        },
        Attack {
            name: "redirect an edge",
            edit: |conn| sql(conn, "UPDATE vault_edge SET parent = (1<<40)+3 WHERE child = (1<<40)+5"),
            caught: By(Edge),
            plain: Absent(NO_EDGES),
        },
        Attack {
            name: "give one entry's edge to another",
            edit: |conn| sql(conn, "UPDATE vault_edge SET child = (1<<40)+7 WHERE child = (1<<40)+5"),
            caught: By(Edge),
            plain: Absent(NO_EDGES),
        },
        Attack {
            name: "add an edge to an entry that is not there",
            edit: |conn| sql(conn, "INSERT INTO vault_edge VALUES ((1<<40)+5, (1<<40)+99)"),
            caught: By(Edge),
            plain: Absent(NO_EDGES),
        },
        Attack {
            name: "turn an edge round",
            edit: |conn| {
                sql(
                    conn,
                    "DELETE FROM vault_edge WHERE child = (1<<40)+5; INSERT INTO vault_edge VALUES ((1<<40)+1, (1<<40)+5)",
                );
            },
            caught: By(Edge),
            plain: Absent(NO_EDGES),
        },
    ]);
}

/// A circle of edges ends every walk with an error, and never runs for ever.
#[test]
fn a_circle_of_edges_is_walked_to_an_error() {
    let copy = scene().copy();
    copy.edit(|conn| sql(conn, "INSERT INTO vault_edge VALUES ((1<<40)+1, (1<<40)+6)"));
    let vault = Vault::open(&copy.path).unwrap();
    let first = vault.events(Filter::all()).unwrap().next().unwrap().unwrap();
    for walk in [vault.ancestors(&first), vault.descendants(&first)] {
        let error = walk.and_then(|walk| walk.collect::<Result<Vec<_>, _>>()).unwrap_err();
        assert!(error.to_string().contains("run verify"), "{error}");
    }
}

/// Lets an index lead into an empty tree, so that nothing is found through it.
fn hollow(conn: &Connection, index: &str) {
    let hollowed = "CREATE TABLE hollow (x INTEGER PRIMARY KEY); PRAGMA writable_schema = ON";
    conn.execute_batch(hollowed).unwrap();
    conn.execute_batch("CREATE TABLE donor (a, b, c, UNIQUE (a, b, c))").unwrap();
    let changed = conn
        .execute(
            "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_donor_1') \
             WHERE name = ?",
            [index],
        )
        .unwrap();
    assert_eq!(changed, 1, "{index}");
    conn.execute_batch(
        "DELETE FROM sqlite_master WHERE tbl_name IN ('donor', 'hollow'); PRAGMA writable_schema = RESET",
    )
    .unwrap();
}

#[test]
fn an_index_that_hides_rows_is_noticed_and_rebuilt() {
    for index in [
        "sqlite_autoindex_vault_kind_1",
        "sqlite_autoindex_vault_log_1",
        "sqlite_autoindex_vault_timeline_1",
        "sqlite_autoindex_vault_writer_1",
        "vault_edge_parent",
        "vault_entry_event",
        "vault_entry_milestone",
        "vault_log_writer",
        "vault_payload_prefix",
    ] {
        // The logs of the small scene are too short for milestones.
        let scene = if index == "vault_entry_milestone" { fine_scene() } else { scene() };
        let expected = super::bitflips::read(&scene.copy().open()).unwrap();
        let findings = examine(scene, |conn| hollow(conn, index)).unwrap();
        let report = findings.unanchored.unwrap();
        assert!(!report.is_intact(), "{index}: {report}");
        assert!(rules(&report).iter().any(|rule| matches!(rule, Index | Edge)), "{index}: {report}");
        let damaged = if index == "vault_edge_parent" { Derived::Edges } else { Derived::Indexes };
        assert_eq!(report.derived(), [damaged], "{index}: {report}");
        let copy = scene.copy();
        copy.edit(|conn| hollow(conn, index));
        assert!(super::bitflips::rebuild(&copy.path, scene.anchor, &expected), "{index}");
    }
}

/// Lets an index lead into one over rows that somebody else has thought of.
fn poison(conn: &Connection, (table, copied): (&str, &str), index: &str, columns: &str, edit: &str) {
    let thought_of = format!(
        "CREATE TABLE spare (id INTEGER PRIMARY KEY, {copied}); \
         INSERT INTO spare SELECT id, {copied} FROM {table} NOT INDEXED; {edit}; \
         CREATE INDEX spare_index ON spare ({columns}); PRAGMA writable_schema = ON"
    );
    conn.execute_batch(&thought_of).unwrap();
    let root = "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'spare_index') \
                WHERE name = ?";
    assert_eq!(conn.execute(root, [index]).unwrap(), 1, "{index}");
    let reset = "DELETE FROM sqlite_master WHERE tbl_name = 'spare'; PRAGMA writable_schema = RESET";
    conn.execute_batch(reset).unwrap();
}

const LOGS: (&str, &str) = ("vault_log", "timeline, stream, writer, epoch");
const LOGS_BY_NAME: (&str, &str) = ("sqlite_autoindex_vault_log_1", "timeline, stream, writer, epoch");

#[test]
fn an_index_over_logs_that_shows_others_is_noticed() {
    let by_writer = ("vault_log_writer", "timeline, writer");
    for ((index, columns), edit) in [
        (LOGS_BY_NAME, "UPDATE spare SET epoch = 7 WHERE id = 2"),
        (LOGS_BY_NAME, "UPDATE spare SET stream = 'gifts' WHERE id = 2"),
        (LOGS_BY_NAME, "UPDATE spare SET stream = stream || 's'"),
        (LOGS_BY_NAME, "UPDATE spare SET writer = 3 - writer WHERE id < 3"),
        (LOGS_BY_NAME, "UPDATE spare SET id = 99 WHERE id = 2"),
        (LOGS_BY_NAME, "DELETE FROM spare WHERE id = 2"),
        (LOGS_BY_NAME, "INSERT INTO spare VALUES (99, 1, 'gifts', 1, 0)"),
        (by_writer, "UPDATE spare SET writer = 3 - writer WHERE id < 3"),
        (by_writer, "UPDATE spare SET id = 99 WHERE id = 2"),
        (by_writer, "DELETE FROM spare WHERE id = 2"),
        (by_writer, "INSERT INTO spare VALUES (99, 1, 'gifts', 1, 0)"),
    ] {
        let report = match examine(scene(), |conn| poison(conn, LOGS, index, columns, edit)).unwrap().unanchored {
            Ok(report) => report,
            // The engine itself misses the row that it is led to.
            Err(error) => {
                assert!(edit.contains("99") && error.kind() == ErrorKind::Corrupt, "{index}, {edit}: {error}");
                continue;
            }
        };
        let found = "found the indexes over logs, expected those of the logs that there are";
        assert!(report.to_string().contains(found), "{index}, {edit}: {report}");
        assert!(report.derived().contains(&Derived::Indexes), "{index}, {edit}: {report}");
    }
    let untouched = examine(scene(), |conn| poison(conn, LOGS, LOGS_BY_NAME.0, LOGS_BY_NAME.1, "")).unwrap();
    assert!(untouched.unanchored.unwrap().is_intact(), "the control");
}

/// Searches miss what stands in another order than that of its keys.
#[test]
fn nodes_in_another_order_are_noticed_and_rebuilt_and_so_are_the_other_tenants() {
    let copy = fine_scene().copy();
    for tenant in [copy.open(), copy.open().for_tenant("acme").unwrap()] {
        let ticks = (0..600_u16).map(|n| Event::raw("tick", n.to_be_bytes()).stream("clock"));
        tenant.named_writer("alice").unwrap().commit_batch(ticks).unwrap();
    }
    let nodes = || copy.open().backend().query("SELECT timeline, level, number, hash FROM vault_node", &[]).unwrap();
    let before = nodes();
    copy.edit(|conn| {
        sql(
            conn,
            "CREATE TABLE spare (timeline INTEGER NOT NULL, level INTEGER NOT NULL, number INTEGER NOT NULL, \
             hash BLOB NOT NULL, PRIMARY KEY (timeline DESC, level DESC, number DESC)) STRICT, WITHOUT ROWID; \
             INSERT INTO spare SELECT * FROM vault_node; PRAGMA writable_schema = ON; \
             UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'spare') \
             WHERE name = 'vault_node'; \
             DELETE FROM sqlite_master WHERE tbl_name = 'spare'; PRAGMA writable_schema = RESET",
        );
    });
    assert_eq!(nodes(), before.iter().rev().cloned().collect::<Vec<_>>());
    let report = copy.open().verify(&[]).unwrap();
    assert_eq!(report.derived(), [Derived::Nodes], "{report}");
    assert!(copy.open().rebuild(&[]).unwrap().is_intact());
    assert_eq!(nodes(), before);
    assert!(copy.open().for_tenant("acme").unwrap().verify(&[]).unwrap().is_intact());
}

#[test]
fn a_new_log_that_is_not_found_by_its_name_is_told_where_only_what_is_new_is_looked_at() {
    let copy = scene().copy();
    let fourth = copy.open().events(Filter::all()).unwrap().nth(3).unwrap().unwrap().header.position;
    let anchor = copy.open().tree_head_at(fourth).unwrap();
    copy.edit(|conn| hollow(conn, LOGS_BY_NAME.0));
    let vault = copy.open();
    let (whole, new) = (vault.verify(&[]).unwrap(), vault.verifier().since(anchor).run().unwrap());
    assert!(!whole.is_intact() && !whole.to_string().contains("found no log of"), "{whole}");
    assert!(new.to_string().contains("found no log of"), "{new}");
}

#[test]
fn an_index_over_payloads_that_leads_elsewhere_is_noticed() {
    let (payloads, columns) = (("vault_payload", "tenant, prefix"), "tenant, prefix");
    let elsewhere = "UPDATE spare SET prefix = prefix + 1 WHERE id = 1";
    let misled = |conn: &Connection| poison(conn, payloads, "vault_payload_prefix", columns, elsewhere);
    let report = examine(scene(), misled).unwrap().unanchored.unwrap();
    assert_eq!((rules(&report), report.derived()), (vec![Index], vec![Derived::Indexes]), "{report}");
}

#[test]
fn two_logs_of_one_name_are_noticed_although_every_index_shows_both() {
    let twice = |conn: &Connection| {
        hollow(conn, LOGS_BY_NAME.0);
        sql(
            conn,
            "INSERT INTO vault_log SELECT 99, timeline, stream, writer, epoch FROM vault_log NOT INDEXED WHERE id = 3",
        );
        poison(conn, LOGS, LOGS_BY_NAME.0, LOGS_BY_NAME.1, "");
    };
    let report = examine(scene(), twice).unwrap().unanchored.unwrap();
    assert!(report.to_string().contains("found the indexes over logs"), "{report}");
}

/// The look-up by hash is filled when it is used, and not before.
#[test]
fn a_look_up_that_lacks_a_hash_or_has_a_stray_one_is_noticed_and_rebuilt() {
    for damage in [
        "DELETE FROM vault_lookup WHERE entry % 7 = 3",
        "UPDATE vault_lookup SET prefix = prefix + 1 WHERE entry % 7 = 3",
        "UPDATE vault_lookup SET entry = entry + 1 WHERE entry % 40 = 3",
    ] {
        let expected = super::bitflips::read(&fine_scene().copy().open()).unwrap();
        let copy = fine_scene().copy();
        copy.edit(|conn| sql(conn, damage));
        let report = copy.open().verify(&[]).unwrap();
        assert_eq!((rules(&report), report.derived()), (vec![Lookup], vec![Derived::Lookup]), "{damage}: {report}");
        assert_eq!(report.to_string().contains(", with other keys"), damage.starts_with("UPDATE"), "{report}");
        assert!(super::bitflips::rebuild(&copy.path, fine_scene().anchor, &expected), "{damage}");
    }
}

/// What the event-id index hides would be stored a second time by a retry.
#[test]
fn a_look_up_that_hides_or_misleads_is_noticed_or_harmless() {
    let bytes = {
        let copy = scene().copy();
        let vault = Vault::open(&copy.path).unwrap();
        // A few entries are looked at one by one, without an index.
        let more = (0..1100).map(|n: u32| Event::raw("note", n.to_be_bytes()).stream("ledger"));
        vault.named_writer("alice").unwrap().commit_batch(more).unwrap();
        let event = vault.events(Filter::all()).unwrap().next().unwrap().unwrap();
        assert_eq!(vault.get(event.header.hash).unwrap(), event);
        drop(vault);
        std::fs::read(&copy.path).unwrap()
    };
    let misled = super::scene::Copy::of(&bytes);
    misled.edit(|conn| sql(conn, "UPDATE vault_lookup SET entry = (1<<40)+3"));
    let vault = Vault::open(&misled.path).unwrap();
    for event in vault.events(Filter::all()).unwrap().map(Result::unwrap) {
        let found = vault.try_get(event.header.hash).unwrap();
        assert!(found.is_none_or(|found| found == event));
    }
}

#[test]
fn an_event_id_is_found_again_after_a_reopen_and_a_retry_stores_nothing() {
    let copy = scene().copy();
    let id = EventId::new();
    let event = || Event::raw("note", "once").stream("ledger").id(id);
    for is_new in [true, false, false] {
        let vault = Vault::open(&copy.path).unwrap();
        assert_eq!(vault.named_writer("alice").unwrap().commit(event()).unwrap().is_new, is_new);
    }
}
