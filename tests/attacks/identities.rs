//! Signatures and writers.

use causal_vault::ChainRule::*;
use causal_vault::{EntryHash, EntryV1, Signer, SigningKey};

use super::Caught::{By, OnlyAnchored};
use super::PlainEdit::{Absent, Through};
use super::forger::sign;
use super::scene::{scene, sql};
use super::{Attack, examine, run};

const UNSIGNED: &str = "it has no signatures";

#[test]
fn signatures_cannot_be_stripped_swapped_or_replaced() {
    run(&[
        Attack {
            name: "strip the last signature",
            edit: |conn| sql(conn, "UPDATE vault_entry SET signature = NULL WHERE id = (1<<40)+7"),
            caught: By(Signature),
            plain: Absent(UNSIGNED),
        },
        Attack {
            name: "strip every signature",
            edit: |conn| sql(conn, "UPDATE vault_entry SET signature = NULL"),
            caught: By(Signature),
            plain: Absent(UNSIGNED),
        },
        Attack {
            name: "swap two signatures of one writer",
            edit: |conn| {
                sql(
                    conn,
                    "UPDATE vault_entry SET signature = (SELECT signature FROM vault_entry AS other \
                     WHERE other.id = (1<<41) + 11 - vault_entry.id) WHERE id IN ((1<<40)+5, (1<<40)+6)",
                );
            },
            caught: By(Signature),
            plain: Absent(UNSIGNED),
        },
        Attack {
            name: "sign with another key",
            edit: |conn| {
                let bytes: Vec<u8> =
                    conn.query_row("SELECT bytes FROM vault_entry WHERE id = (1<<40)+7", [], |row| row.get(0)).unwrap();
                let forged =
                    sign(&SigningKey::from_bytes(&[66; 32]), &EntryV1::decode(&bytes).unwrap(), &EntryHash::of(&bytes));
                conn.execute("UPDATE vault_entry SET signature = ? WHERE id = (1<<40)+7", [forged]).unwrap();
            },
            caught: By(Signature),
            plain: Absent(UNSIGNED),
        },
        Attack {
            name: "sign in the name of a writer that has no key",
            edit: |conn| sql(conn, "UPDATE vault_entry SET signature = zeroblob(64) WHERE id = (1<<40)+4"),
            caught: By(Signature),
            plain: Absent(UNSIGNED),
        },
    ]);
}

#[test]
fn a_writer_cannot_become_another() {
    run(&[
        Attack {
            name: "relabel a signed writer as a named one and strip its signatures",
            edit: |conn| {
                sql(
                    conn,
                    "UPDATE vault_writer SET public_key = NULL, name = 'audit' WHERE id = 2; \
                     UPDATE vault_entry SET signature = NULL WHERE log = 2",
                );
            },
            caught: By(WriterIdentity),
            plain: Through(|plain| plain.entries.iter_mut().for_each(|entry| entry.writer = "audit")),
        },
        Attack {
            name: "relabel a signed writer as a named one, its id too",
            edit: |conn| {
                let named = causal_vault::Fingerprint::named("audit").unwrap();
                conn.execute(
                    "UPDATE vault_writer SET public_key = NULL, name = 'audit', writer = ? WHERE id = 2",
                    [named.as_bytes()],
                )
                .unwrap();
                sql(conn, "UPDATE vault_entry SET signature = NULL WHERE log = 2");
            },
            caught: By(Scope),
            plain: Through(|plain| plain.entries.iter_mut().for_each(|entry| entry.writer = "audit")),
        },
        Attack {
            name: "replace a public key",
            edit: |conn| {
                let key = SigningKey::from_bytes(&[66; 32]).public_key();
                conn.execute("UPDATE vault_writer SET public_key = ? WHERE id = 2", [key]).unwrap();
            },
            caught: By(WriterIdentity),
            plain: Absent(UNSIGNED),
        },
        Attack {
            name: "rename a writer",
            edit: |conn| sql(conn, "UPDATE vault_writer SET name = 'mallory' WHERE name = 'alice'"),
            caught: By(WriterIdentity),
            plain: Through(|plain| plain.entries.iter_mut().for_each(|entry| entry.writer = "mallory")),
        },
        Attack {
            name: "rename a writer to what no writer may be called",
            edit: |conn| sql(conn, "UPDATE vault_writer SET name = '' WHERE name = 'alice'"),
            caught: super::Caught::Unreadable,
            plain: Through(|plain| plain.entries.iter_mut().for_each(|entry| entry.writer = "")),
        },
        Attack {
            name: "forget a writer",
            edit: |conn| sql(conn, "DELETE FROM vault_writer WHERE name = 'alice'"),
            caught: By(WriterIdentity),
            plain: Through(|plain| plain.entries.iter_mut().for_each(|entry| entry.writer = "")),
        },
    ]);
}

/// The limit of signing: it says who wrote what is there, and not that nothing was cut off.
#[test]
fn a_signed_log_that_was_cut_at_a_signature_is_noticed_by_an_anchor_alone() {
    run(&[Attack {
        name: "cut a signed log at a signature",
        edit: |conn| {
            sql(
                conn,
                "DELETE FROM vault_entry WHERE id > (1<<40)+6 AND id < (1<<41); \
                 DELETE FROM vault_edge WHERE child > (1<<40)+6 AND child < (1<<41); \
                 DELETE FROM vault_embedding",
            );
            super::forger::settle(conn, &super::forger::leaves(conn));
        },
        caught: OnlyAnchored(causal_vault::TailVerdict::Truncated { anchored: 12, found: 6 }),
        plain: super::PlainEdit::ThroughUnpinned(|plain| plain.entries.truncate(6)),
    }]);
}

#[test]
fn a_signature_below_a_signed_head_may_be_missing_and_the_head_still_covers_it() {
    let strip = "UPDATE vault_entry SET signature = NULL WHERE id IN ((1<<40)+5, (1<<40)+6)";
    let report = examine(scene(), |conn| sql(conn, strip)).unwrap().anchored.unwrap();
    assert!(report.is_intact(), "{report}");
    assert_eq!(report.logs.iter().find(|log| log.entries == 3 && &*log.stream == "ledger").unwrap().signed, 3);
}
