//! Editing, deleting and moving rows.

use causal_vault::ChainRule::*;

use super::Caught::{By, Unreadable};
use super::PlainEdit::{Absent, Caught, Through, ThroughUnpinned};
use super::forger::{leaves, settle};
use super::scene::sql;
use super::{Attack, run};

/// What the plain chain has no counterpart of.
const COLUMNS: &str = "its hash covers no column, and so it keeps none to compare";

#[test]
fn an_edited_payload_is_caught() {
    run(&[
        Attack {
            name: "edit a payload",
            edit: |conn| {
                sql(conn, "UPDATE vault_entry SET payload = CAST('pay 9 to bob' AS BLOB) WHERE id = (1<<40)+2")
            },
            caught: By(Payload),
            plain: Caught(|plain| plain.entries[2].payload[5] = b'9'),
        },
        Attack {
            name: "lengthen a payload",
            edit: |conn| sql(conn, "UPDATE vault_entry SET payload = zeroblob(13) WHERE id = (1<<40)+2"),
            caught: By(Payload),
            plain: Caught(|plain| plain.entries[2].payload.push(0)),
        },
        Attack {
            name: "swap two payloads of the same length",
            edit: |conn| {
                sql(
                    conn,
                    "UPDATE vault_entry SET payload = (SELECT payload FROM vault_entry AS other \
                     WHERE other.id = (1<<41) + 5 - vault_entry.id) WHERE id IN ((1<<40)+2, (1<<40)+3)",
                );
            },
            caught: By(Payload),
            plain: Caught(|plain| {
                let third = plain.entries[2].payload.clone();
                plain.entries[2].payload = std::mem::replace(&mut plain.entries[3].payload, third);
            }),
        },
        Attack {
            name: "take a payload away",
            edit: |conn| sql(conn, "UPDATE vault_entry SET payload = NULL WHERE id = (1<<40)+2"),
            caught: By(Payload),
            plain: Caught(|plain| plain.entries[2].payload.clear()),
        },
        Attack {
            name: "edit a shared payload",
            edit: |conn| sql(conn, "UPDATE vault_payload SET bytes = zeroblob(5000) WHERE id = 1"),
            caught: By(Payload),
            plain: Absent("every payload stands in its row"),
        },
        Attack {
            name: "edit a shared payload and its digest",
            edit: |conn| {
                let digest = causal_vault::PayloadDigest::of(&[0; 5000]);
                conn.execute(
                    "UPDATE vault_payload SET bytes = zeroblob(5000), digest = ? WHERE id = 1",
                    [digest.as_bytes()],
                )
                .unwrap();
            },
            caught: By(Payload),
            plain: Absent("every payload stands in its row"),
        },
        Attack {
            name: "edit a shared payload and hide it with another tenant",
            edit: |conn| sql(conn, "UPDATE vault_payload SET bytes = zeroblob(5000), tenant = 2 WHERE id = 1"),
            caught: By(Payload),
            plain: Absent("every payload stands in its row"),
        },
        Attack {
            name: "delete a shared payload",
            edit: |conn| sql(conn, "DELETE FROM vault_payload WHERE id = 2"),
            caught: By(Payload),
            plain: Absent("every payload stands in its row"),
        },
        Attack {
            name: "give an entry another entry's shared payload",
            edit: |conn| sql(conn, "UPDATE vault_entry SET payload_id = 1 WHERE payload_id = 2"),
            caught: By(Payload),
            plain: Absent("every payload stands in its row"),
        },
        Attack {
            name: "give an entry two payloads",
            edit: |conn| sql(conn, "UPDATE vault_entry SET payload_id = 1 WHERE id = (1<<40)+2"),
            caught: Unreadable,
            plain: Absent("every payload stands in its row"),
        },
    ]);
}

#[test]
fn an_edited_column_is_caught() {
    run(&[
        Attack {
            name: "the number of an entry",
            edit: |conn| sql(conn, "UPDATE vault_entry SET seq = 99 WHERE id = (1<<40)+4"),
            caught: By(Column),
            plain: Caught(|plain| plain.entries[3].seq = 99),
        },
        Attack {
            name: "how far back the entry before it stands",
            edit: |conn| sql(conn, "UPDATE vault_entry SET back = back + 1 WHERE id = (1<<40)+4"),
            caught: By(Column),
            plain: Absent(COLUMNS),
        },
        Attack {
            name: "the key of an event id",
            edit: |conn| sql(conn, "UPDATE vault_entry SET event_key = 1 WHERE id = (1<<40)+4"),
            caught: By(Column),
            plain: Absent(COLUMNS),
        },
        Attack {
            name: "the kind of an entry",
            edit: |conn| sql(conn, "UPDATE vault_entry SET kind = kind + 1 WHERE id = (1<<40)+4"),
            caught: By(Column),
            plain: Through(|plain| plain.entries[3].kind = "ledger.refund"),
        },
        Attack {
            name: "the name of a kind",
            edit: |conn| sql(conn, "UPDATE vault_kind SET kind = 'ledger.refund' WHERE kind = 'ledger.pay'"),
            caught: By(Column),
            plain: Through(|plain| plain.entries.iter_mut().for_each(|entry| entry.kind = "ledger.refund")),
        },
        Attack {
            name: "the Lamport time",
            edit: |conn| sql(conn, "UPDATE vault_entry SET lamport = lamport + 1 WHERE id = (1<<40)+12"),
            caught: By(Column),
            plain: Absent(COLUMNS),
        },
        Attack {
            name: "the hash",
            edit: |conn| sql(conn, "UPDATE vault_entry SET hash = zeroblob(32) WHERE id = (1<<40)+12"),
            caught: By(EntryHash),
            plain: Caught(|plain| plain.entries[9].hash = [0; 32]),
        },
        Attack {
            name: "the causal digest",
            edit: |conn| sql(conn, "UPDATE vault_entry SET causal = zeroblob(32) WHERE id = (1<<40)+12"),
            caught: By(CausalDigest),
            plain: Absent(COLUMNS),
        },
        Attack {
            name: "a hash of another length",
            edit: |conn| sql(conn, "UPDATE vault_entry SET hash = zeroblob(31) WHERE id = (1<<40)+12"),
            caught: Unreadable,
            plain: Caught(|plain| plain.entries[9].hash[31] ^= 1),
        },
        Attack {
            name: "a negative number",
            edit: |conn| sql(conn, "UPDATE vault_entry SET seq = -1 WHERE id = (1<<40)+12"),
            caught: Unreadable,
            plain: Caught(|plain| plain.entries[9].seq = u64::MAX),
        },
        Attack {
            name: "the position",
            edit: |conn| sql(conn, "UPDATE vault_entry SET id = id + 5 WHERE id = (1<<40)+12"),
            caught: By(Position),
            plain: Absent("it has no positions"),
        },
        Attack {
            name: "a log's newest entry",
            edit: |conn| sql(conn, "UPDATE vault_head SET entry = entry - 1 WHERE id = 1"),
            caught: By(Index),
            plain: Absent(COLUMNS),
        },
        Attack {
            name: "the stored tree head's peaks",
            edit: |conn| sql(conn, "UPDATE vault_head SET peaks = zeroblob(64) WHERE id = -1"),
            caught: By(TreeHead),
            plain: Absent("it has no tree"),
        },
        Attack {
            name: "the stored tree head's size",
            edit: |conn| sql(conn, "UPDATE vault_head SET entry = (1<<40)+9 WHERE id = -1"),
            caught: By(TreeHead),
            plain: Absent("it has no tree"),
        },
        Attack {
            name: "a size that its peaks do not fit",
            edit: |conn| sql(conn, "UPDATE vault_head SET entry = (1<<40)+8 WHERE id = -1"),
            caught: Unreadable,
            plain: Absent("it has no tree"),
        },
    ]);
}

#[test]
fn edited_entry_bytes_are_caught() {
    run(&[
        Attack {
            name: "a header, such as the time or the event id, without a new hash",
            edit: |conn| {
                let bytes: Vec<u8> =
                    conn.query_row("SELECT bytes FROM vault_entry WHERE id = (1<<40)+4", [], |row| row.get(0)).unwrap();
                let mut entry = causal_vault::EntryV1::decode(&bytes).unwrap();
                entry.ts_ms -= 1000;
                conn.execute("UPDATE vault_entry SET bytes = ? WHERE id = (1<<40)+4", [entry.encode().unwrap()])
                    .unwrap();
            },
            caught: By(EntryHash),
            plain: Through(|plain| plain.entries[3].timestamp -= 1000),
        },
        Attack {
            name: "entry bytes that do not decode",
            edit: |conn| sql(conn, "UPDATE vault_entry SET bytes = substr(bytes, 1, 200) WHERE id = (1<<40)+4"),
            caught: By(Encoding),
            plain: Absent("it has no entry bytes"),
        },
        Attack {
            name: "bytes behind the entry's own",
            edit: |conn| sql(conn, "UPDATE vault_entry SET bytes = CAST(bytes || x'00' AS BLOB) WHERE id = (1<<40)+4"),
            caught: By(Encoding),
            plain: Absent("it has no entry bytes"),
        },
        Attack {
            name: "no bytes",
            edit: |conn| sql(conn, "UPDATE vault_entry SET bytes = x'' WHERE id = (1<<40)+4"),
            caught: By(Encoding),
            plain: Absent("it has no entry bytes"),
        },
    ]);
}

#[test]
fn a_deleted_added_or_moved_row_is_caught() {
    run(&[
        Attack {
            name: "delete the first entry",
            edit: |conn| sql(conn, "DELETE FROM vault_entry WHERE id = (1<<40)+1"),
            caught: By(Sequence),
            plain: Caught(|plain| drop(plain.entries.remove(0))),
        },
        Attack {
            name: "delete an entry in the middle",
            edit: |conn| sql(conn, "DELETE FROM vault_entry WHERE id = (1<<40)+3"),
            caught: By(Position),
            plain: Caught(|plain| drop(plain.entries.remove(4))),
        },
        Attack {
            name: "delete the last entry",
            edit: |conn| sql(conn, "DELETE FROM vault_entry WHERE id = (1<<40)+12"),
            caught: By(TreeHead),
            plain: ThroughUnpinned(|plain| drop(plain.entries.pop())),
        },
        Attack {
            name: "delete every entry",
            edit: |conn| sql(conn, "DELETE FROM vault_entry WHERE id < (1<<41)"),
            caught: By(TreeHead),
            plain: ThroughUnpinned(|plain| plain.entries.clear()),
        },
        Attack {
            name: "reorder two entries",
            edit: |conn| {
                sql(
                    conn,
                    "UPDATE vault_entry SET id = 7 WHERE id = (1<<40)+2; \
                     UPDATE vault_entry SET id = (1<<40)+2 WHERE id = (1<<40)+3; \
                     UPDATE vault_entry SET id = (1<<40)+3 WHERE id = 7",
                );
            },
            caught: By(Sequence),
            plain: Caught(|plain| plain.entries.swap(2, 3)),
        },
        Attack {
            name: "reorder two entries of different logs",
            edit: |conn| {
                sql(
                    conn,
                    "UPDATE vault_entry SET id = 7 WHERE id = (1<<40)+10; \
                     UPDATE vault_entry SET id = (1<<40)+10 WHERE id = (1<<40)+11; \
                     UPDATE vault_entry SET id = (1<<40)+11 WHERE id = 7",
                );
            },
            caught: By(TreeHead),
            plain: Absent("nothing orders the entries of two logs"),
        },
        Attack {
            name: "delete an entry and renumber the rest",
            edit: |conn| {
                sql(
                    conn,
                    "DELETE FROM vault_entry WHERE id = (1<<40)+4; \
                     UPDATE vault_entry SET id = id - 1 WHERE id > (1<<40)+4 AND id < (1<<41); \
                     UPDATE vault_entry SET seq = seq - 1 WHERE log = 1 AND seq > 4",
                );
                settle(conn, &leaves(conn));
            },
            caught: By(Column),
            plain: Caught(|plain| {
                plain.entries.remove(4);
                (1..).zip(&mut plain.entries).for_each(|(seq, entry)| entry.seq = seq);
            }),
        },
        Attack {
            name: "add a copy of an entry to a log, outside of every timeline",
            edit: |conn| {
                sql(
                    conn,
                    "INSERT INTO vault_entry SELECT 5, log, 7, back, event_key, kind, lamport, hash, causal, bytes, signature, \
                     payload, payload_id FROM vault_entry WHERE id = (1<<40)+12",
                );
            },
            caught: By(Scope),
            plain: Caught(|plain| plain.entries.push(plain.entries[9].clone())),
        },
        Attack {
            name: "add a copy of an entry at the end",
            edit: |conn| {
                sql(
                    conn,
                    "INSERT INTO vault_entry SELECT id + 1, log, 7, 1, event_key, kind, lamport, hash, causal, bytes, \
                     signature, payload, payload_id FROM vault_entry WHERE id = (1<<40)+12; \
                     UPDATE vault_head SET entry = (1<<40)+13 WHERE id = 1",
                );
            },
            caught: By(TreeHead),
            plain: Caught(|plain| plain.entries.push(plain.entries[9].clone())),
        },
    ]);
}
