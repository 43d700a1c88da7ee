//! Forgers who know the format and recompute what can be recomputed.

use causal_vault::ChainRule::*;
use causal_vault::{SigningKey, TailVerdict};

use super::Caught::{By, OnlyAnchored};
use super::PlainEdit::{Absent, Through, ThroughUnpinned};
use super::forger::{Fate, leaves, rewrite, settle};
use super::scene::sql;
use super::{Attack, run};

/// Entry 8 of the plain chain becomes its first: the payload takes in the link that the hash ran over.
fn confuse_the_genesis(plain: &mut super::Plain) {
    plain.entries.drain(..7);
    let first = &mut plain.entries[0];
    first.payload = [first.prev.take().unwrap().as_slice(), &first.payload].concat();
    (1..).zip(&mut plain.entries).for_each(|(seq, entry)| entry.seq = seq);
}

#[test]
fn a_cut_tail_is_noticed_by_the_stored_head_or_by_an_anchor() {
    run(&[
        Attack {
            name: "cut the tail",
            edit: |conn| sql(conn, "DELETE FROM vault_entry WHERE id > (1<<40)+10 AND id < (1<<41)"),
            caught: By(TreeHead),
            plain: ThroughUnpinned(|plain| plain.entries.truncate(8)),
        },
        Attack {
            name: "cut the tail and put the head right",
            edit: |conn| {
                sql(conn, "DELETE FROM vault_entry WHERE id > (1<<40)+10 AND id < (1<<41)");
                settle(conn, &leaves(conn));
            },
            caught: OnlyAnchored(TailVerdict::Truncated { anchored: 12, found: 10 }),
            plain: ThroughUnpinned(|plain| plain.entries.truncate(8)),
        },
        Attack {
            name: "cut the tail in the middle of a signed batch and put the head right",
            edit: |conn| {
                sql(conn, "DELETE FROM vault_entry WHERE id > (1<<40)+9 AND id < (1<<41)");
                settle(conn, &leaves(conn));
            },
            caught: By(Signature),
            plain: Absent("it has no signatures"),
        },
        Attack {
            name: "empty the timeline and put the head right",
            edit: |conn| {
                sql(
                    conn,
                    "DELETE FROM vault_entry WHERE id < (1<<41); DELETE FROM vault_edge; DELETE FROM vault_embedding",
                );
                settle(conn, &[]);
            },
            caught: OnlyAnchored(TailVerdict::Truncated { anchored: 12, found: 0 }),
            plain: ThroughUnpinned(|plain| plain.entries.clear()),
        },
        Attack {
            name: "forget the tenant",
            edit: |conn| sql(conn, "DELETE FROM vault_timeline WHERE id = 1"),
            caught: OnlyAnchored(TailVerdict::Truncated { anchored: 12, found: 0 }),
            plain: ThroughUnpinned(|plain| plain.entries.clear()),
        },
        Attack {
            name: "rename the tenant",
            edit: |conn| sql(conn, "UPDATE vault_timeline SET tenant = 'elsewhere' WHERE id = 1"),
            caught: OnlyAnchored(TailVerdict::Truncated { anchored: 12, found: 0 }),
            plain: Absent("it has no tenants"),
        },
    ]);
}

#[test]
fn an_unsigned_log_that_is_rewritten_whole_is_noticed_by_an_anchor_alone() {
    run(&[
        Attack {
            name: "rewrite an unsigned suffix",
            edit: |conn| {
                rewrite(conn, None, |position, _, payload| {
                    if position == 3 {
                        *payload = Some(b"pay 9 to eve".to_vec());
                    }
                    Fate::Keep
                });
            },
            caught: OnlyAnchored(TailVerdict::Diverged { at: 12 }),
            plain: ThroughUnpinned(|plain| {
                plain.entries[2].payload[5] = b'9';
                plain.rechain();
            }),
        },
        Attack {
            name: "backdate an unsigned entry",
            edit: |conn| {
                rewrite(conn, None, |position, entry, _| {
                    entry.ts_ms -= i64::from(position == 12);
                    Fate::Keep
                });
            },
            caught: OnlyAnchored(TailVerdict::Diverged { at: 12 }),
            plain: Through(|plain| plain.entries[9].timestamp -= 1),
        },
        Attack {
            name: "drop an unsigned entry that nobody follows",
            edit: |conn| {
                rewrite(conn, None, |position, _, _| if position == 4 { Fate::Drop } else { Fate::Keep });
            },
            caught: OnlyAnchored(TailVerdict::Truncated { anchored: 12, found: 11 }),
            plain: ThroughUnpinned(|plain| {
                plain.entries.remove(3);
                plain.rechain();
            }),
        },
    ]);
}

#[test]
fn what_a_signature_covers_cannot_be_rewritten() {
    run(&[
        Attack {
            name: "rewrite the unsigned entry that a signed one follows, and drop the signatures",
            edit: |conn| {
                rewrite(conn, None, |position, _, payload| {
                    if position == 1 {
                        *payload = Some(b"pay 9 to eve".to_vec());
                    }
                    Fate::Keep
                });
            },
            caught: By(Signature),
            plain: Absent("it has neither parents nor signatures"),
        },
        Attack {
            name: "rewrite a signed suffix with another key",
            edit: |conn| {
                rewrite(conn, Some(&SigningKey::from_bytes(&[66; 32])), |position, entry, _| {
                    entry.ts_ms += i64::from(position == 6);
                    Fate::Keep
                });
            },
            caught: By(Signature),
            plain: Absent("it has no signatures"),
        },
        Attack {
            name: "rewrite the first of a signed batch, whose last entry carries the signature",
            edit: |conn| {
                rewrite(conn, None, |position, _, payload| {
                    if position == 8 {
                        *payload = Some(vec![99]);
                    }
                    Fate::Keep
                });
            },
            caught: By(Signature),
            plain: Absent("it has no signatures"),
        },
        Attack {
            name: "drop a parent of a signed entry",
            edit: |conn| {
                rewrite(conn, None, |position, _, _| if position == 2 { Fate::Drop } else { Fate::Keep });
            },
            caught: By(Signature),
            plain: Absent("it has neither parents nor signatures"),
        },
    ]);
}

#[test]
fn what_the_rules_pin_cannot_be_chosen() {
    run(&[
        Attack {
            name: "rewrite entry 4 as a first entry whose payload is its link and its payload",
            edit: |conn| {
                let link: Vec<u8> =
                    conn.query_row("SELECT hash FROM vault_entry WHERE id = (1<<40)+3", [], |row| row.get(0)).unwrap();
                sql(conn, "DELETE FROM vault_entry WHERE id <= (1<<40)+3");
                conn.execute(
                    "UPDATE vault_entry SET seq = 1, payload = CAST(? || payload AS BLOB) WHERE id = (1<<40)+4",
                    [link],
                )
                .unwrap();
            },
            caught: By(Column),
            plain: Through(confuse_the_genesis),
        },
        Attack {
            name: "begin a log with a link of one's own",
            edit: |conn| {
                rewrite(conn, None, |position, entry, _| {
                    if position == 1 {
                        entry.prev = causal_vault::EntryHash::from_bytes([7; 32]);
                    }
                    Fate::Keep
                });
            },
            caught: By(Previous),
            plain: Absent("its first entry has no link"),
        },
        Attack {
            name: "claim a later Lamport time",
            edit: |conn| {
                rewrite(conn, None, |position, entry, _| {
                    entry.lamport += if position == 12 { 5 } else { 0 };
                    Fate::Keep
                });
            },
            caught: By(Lamport),
            plain: Absent("it has no logical time"),
        },
        Attack {
            name: "skip a number",
            edit: |conn| {
                rewrite(conn, None, |position, entry, _| {
                    entry.seq += u64::from(position == 12);
                    Fate::Keep
                });
            },
            caught: By(Sequence),
            plain: super::PlainEdit::Caught(|plain| plain.entries[9].seq = 11),
        },
        Attack {
            name: "claim another epoch",
            edit: |conn| {
                rewrite(conn, None, |position, entry, _| {
                    entry.epoch += u32::from(position == 12);
                    Fate::Keep
                });
            },
            caught: By(Scope),
            plain: Absent("it has no epochs"),
        },
    ]);
}
