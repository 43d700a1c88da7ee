//! Rows that are moved to another stream, writer, tenant or vault.

use causal_vault::ChainRule::*;
use causal_vault::{Event, EventId, Vault, Writer};
use rusqlite::Connection;

use super::Caught::By;
use super::PlainEdit::{Absent, Through};
use super::forger::{leaves, settle};
use super::scene::{Copy, scene, sql, write_story};
use super::{Attack, rules, run};

#[test]
fn a_row_or_a_log_that_changes_its_owner_is_caught() {
    run(&[
        Attack {
            name: "move a log to another stream",
            edit: |conn| sql(conn, "UPDATE vault_log SET stream = 'gifts' WHERE id = 1"),
            caught: By(Scope),
            plain: Through(|plain| plain.entries.iter_mut().for_each(|entry| entry.stream = "gifts")),
        },
        Attack {
            name: "move a log to another writer",
            edit: |conn| {
                sql(
                    conn,
                    "UPDATE vault_log SET writer = (SELECT id FROM vault_writer WHERE name = 'carol') WHERE id = 1",
                )
            },
            caught: By(Scope),
            plain: Through(|plain| plain.entries.iter_mut().for_each(|entry| entry.writer = "carol")),
        },
        Attack {
            name: "move an entry to the end of another log",
            edit: |conn| sql(conn, "UPDATE vault_entry SET log = 2, seq = 4 WHERE id = (1<<40)+12"),
            caught: By(Scope),
            plain: super::PlainEdit::Caught(|plain| {
                let moved = plain.entries.remove(4);
                plain.entries.push(moved);
            }),
        },
        Attack {
            name: "move a log to another epoch",
            edit: |conn| sql(conn, "UPDATE vault_log SET epoch = 1 WHERE id = 1"),
            caught: By(Scope),
            plain: Absent("it has no epochs"),
        },
        Attack {
            name: "move a log to another tenant",
            edit: |conn| sql(conn, "UPDATE vault_log SET timeline = 2, stream = 'gifts' WHERE id = 3"),
            caught: By(Scope),
            plain: Absent("it has no tenants"),
        },
        Attack {
            name: "swap two tenants",
            edit: |conn| {
                sql(
                    conn,
                    "UPDATE vault_timeline SET tenant = 'nobody' WHERE id = 1; \
                     UPDATE vault_timeline SET tenant = 'default' WHERE id = 2",
                );
            },
            caught: By(Scope),
            plain: Absent("it has no tenants"),
        },
        Attack {
            name: "append another tenant's entry",
            edit: |conn| {
                sql(
                    conn,
                    "INSERT INTO vault_entry SELECT (1<<40)+13, 1, 7, 1, event_key, kind, lamport, hash, causal, bytes, \
                     signature, payload, payload_id FROM vault_entry WHERE id = (2<<40)+1",
                );
                settle(conn, &leaves(conn));
            },
            caught: By(Scope),
            plain: Absent("it has no tenants"),
        },
        Attack {
            name: "name another realm",
            edit: |conn| sql(conn, "UPDATE vault_realm SET realm = zeroblob(32)"),
            caught: By(Scope),
            // Nothing in a row says which store it belongs to.
            plain: Through(|_| {}),
        },
        Attack {
            name: "forget a log's row",
            edit: |conn| sql(conn, "DELETE FROM vault_log WHERE id = 1"),
            caught: By(WriterIdentity),
            plain: Absent("it has no table of logs"),
        },
    ]);
}

/// The story of another vault, told with the same words by the same writers.
fn graft(conn: &Connection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.vault");
    write_story(&Vault::open(&path).unwrap());
    conn.execute("ATTACH ? AS other", [path.to_str().unwrap()]).unwrap();
    sql(
        conn,
        "DELETE FROM vault_entry WHERE log = 3; \
         INSERT INTO vault_entry SELECT * FROM other.vault_entry WHERE log = 3",
    );
    settle(conn, &leaves(conn));
    conn.execute("DETACH other", []).unwrap();
}

#[test]
fn a_signed_log_of_another_vault_does_not_pass_for_one_of_this() {
    run(&[Attack {
        name: "graft the same log from another vault",
        edit: graft,
        caught: By(Scope),
        plain: Through(|_| {}),
    }]);
}

#[test]
fn an_edge_into_another_tenant_is_noticed_by_both() {
    let copy = scene().copy();
    copy.edit(|conn| sql(conn, "INSERT INTO vault_edge VALUES ((2<<40)+1, (1<<40)+1)"));
    let vault = Vault::open(&copy.path).unwrap();
    for tenant in ["default", "acme"] {
        let report = vault.for_tenant(tenant).unwrap().verify(&[]).unwrap();
        assert!(rules(&report).contains(&Edge), "{tenant}: {report}");
    }
}

#[test]
fn an_entry_that_stands_before_its_parent_is_caught() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::open(folder.path().join("agents.vault")).unwrap();
    let note = || Event::raw("note", "hi").stream("ledger").id(EventId::new());
    let parent = vault.named_writer("alice").unwrap().commit(note()).unwrap();
    vault.named_writer("bob").unwrap().commit(note().parent(&parent)).unwrap();
    assert!(vault.verify(&[]).unwrap().is_intact());
    drop(vault);
    let conn = Connection::open(folder.path().join("agents.vault")).unwrap();
    sql(
        &conn,
        "UPDATE vault_entry SET id = 7 WHERE id = (1<<40)+1; \
         UPDATE vault_entry SET id = (1<<40)+1 WHERE id = (1<<40)+2; \
         UPDATE vault_entry SET id = (1<<40)+2 WHERE id = 7; \
         UPDATE vault_edge SET child = parent, parent = child",
    );
    settle(&conn, &leaves(&conn));
    drop(conn);
    let vault = Vault::open(folder.path().join("agents.vault")).unwrap();
    assert_eq!(rules(&vault.verify(&[]).unwrap()), [Parent]);
}

#[test]
fn what_is_said_of_a_log_whose_writer_is_gone_is_said_of_the_log() {
    let copy: Copy = scene().copy();
    copy.edit(|conn| sql(conn, "DELETE FROM vault_writer WHERE name = 'alice'"));
    let report = copy.open().verify(&[]).unwrap().to_string();
    assert!(
        report.contains("found the indexes over logs") && !report.contains("by the index over writers"),
        "{report}"
    );
}

#[test]
fn what_happens_to_one_tenant_leaves_the_other_intact() {
    let copy: Copy = scene().copy();
    copy.edit(|conn| sql(conn, "UPDATE vault_entry SET payload = x'00' WHERE id > (2<<40)"));
    let vault = Vault::open(&copy.path).unwrap();
    assert!(vault.verify(&[scene().anchor]).unwrap().is_intact());
    let acme = vault.for_tenant("acme").unwrap();
    assert_eq!(rules(&acme.verify(&[]).unwrap()), [Payload, Payload]);
    let alice: Writer = vault.named_writer("alice").unwrap();
    alice.commit(Event::raw("note", "still here").stream("ledger")).unwrap();
    assert!(vault.verify(&[scene().anchor]).unwrap().is_intact());
}
