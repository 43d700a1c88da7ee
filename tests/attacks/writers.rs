//! Keys, epochs and freezes that are forged: entries that are right in every hash and that their writer may not write.

use std::sync::OnceLock;

use causal_vault::ChainRule::{self, *};
use causal_vault::{
    EntryHash, EntryV1, Event, EventRef, Extensions, Fingerprint, LogVerdict, PayloadDigest, Realm, Scheme, Signer,
    SigningKey, Uuid, Vault, VerifyReport, WriterLog,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::forger::{TIMELINE, event_key, genesis, leaves, settle, sign_for};
use super::scene::{Copy, sql};
use super::{rules, threads};

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

fn id(byte: u8) -> Fingerprint {
    Fingerprint::from_ed25519_pubkey(&key(byte).public_key())
}

fn about(writer: Fingerprint) -> String {
    format!("vault:writer:{writer}")
}

fn vault_itself() -> Fingerprint {
    Fingerprint::named("causal-vault").unwrap()
}

/// Positions:
/// ```text
/// 1 2 3   alice, key 1: a note, a rotation to key 2, and a note in epoch 1
/// 4 5     carol, key 5: a note, and her revocation behind it
/// 6 7     mallory, key 6: a note, and the proof that she has signed another one elsewhere
/// 8       bob, named: a note
/// ```
fn story() -> &'static [u8] {
    static STORY: OnceLock<Vec<u8>> = OnceLock::new();
    STORY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let [path, twin] = ["agents.vault", "twin"].map(|name| folder.path().join(name));
        let vault = Vault::open(&path).unwrap();
        let note = || Event::raw("note", "hi").stream("ledger");
        let alice = vault.writer(key(1)).unwrap();
        alice.commit(note()).unwrap();
        alice.rotate(key(2)).unwrap().commit(note()).unwrap();
        let carol = vault.writer(key(5)).unwrap();
        let last = carol.commit(note()).unwrap();
        carol.revoke(EventRef::from(&last)).unwrap();
        drop((vault, alice, carol));
        std::fs::copy(&path, &twin).unwrap();
        let [vault, twin] = [&path, &twin].map(|path| Vault::open(path).unwrap());
        let [_, other] = [&vault, &twin].map(|vault| vault.writer(key(6)).unwrap().commit(note()).unwrap());
        let proof = vault.find_equivocation(&twin.signed_entry(&other).unwrap()).unwrap().unwrap();
        vault.report_equivocation(&proof).unwrap();
        vault.named_writer("bob").unwrap().commit(note()).unwrap();
        assert_eq!(vault.tree_head().unwrap().size, 8);
        drop((vault, twin));
        std::fs::read(path).unwrap()
    })
}

/// An entry that is appended behind the vault's back.
struct Forged {
    stream: String,
    writer: Fingerprint,
    epoch: u32,
    kind: &'static str,
    payload: Vec<u8>,
    /// Whose signature, and for what purpose.
    signed: Option<(u8, u8)>,
    realm: Option<Realm>,
    tenant: &'static str,
}

impl Forged {
    fn note(writer: Fingerprint, epoch: u32, key: u8) -> Self {
        Self {
            stream: "ledger".to_owned(),
            writer,
            epoch,
            kind: "note",
            payload: b"hi".to_vec(),
            signed: Some((key, 1)),
            realm: None,
            tenant: "default",
        }
    }

    /// A rotation of a writer to a key that the forger has.
    fn rotation(writer: Fingerprint, epoch: u32, signed: Option<(u8, u8)>) -> Self {
        let payload = key(66).public_key().to_vec();
        Self { stream: about(writer), kind: "vault.rotation", payload, signed, ..Self::note(writer, epoch, 0) }
    }

    fn by_the_vault(stream: String, epoch: u32, kind: &'static str, payload: &[u8]) -> Self {
        let payload = payload.to_vec();
        Self { stream, kind, payload, signed: None, ..Self::note(vault_itself(), epoch, 0) }
    }

    /// Appends it with every hash, number and index as they must be.
    fn append(&self, conn: &Connection) {
        let one =
            |sql: &str, param: &dyn rusqlite::ToSql| -> i64 { conn.query_row(sql, [param], |row| row.get(0)).unwrap() };
        let row = one("SELECT id FROM vault_writer WHERE writer = ?", self.writer.as_bytes());
        let find = "SELECT id FROM vault_log WHERE timeline = 1 AND stream = ? AND writer = ? AND epoch = ?";
        let known = conn.query_row(find, params![self.stream, row, self.epoch], |row| row.get(0)).optional().unwrap();
        let log: i64 = known.unwrap_or_else(|| {
            let insert = "INSERT INTO vault_log (timeline, stream, writer, epoch) VALUES (1, ?, ?, ?)";
            conn.execute(insert, params![self.stream, row, self.epoch]).unwrap();
            conn.last_insert_rowid()
        });
        conn.execute("INSERT INTO vault_kind (kind) VALUES (?) ON CONFLICT DO NOTHING", [self.kind]).unwrap();
        let last: Option<(u64, u64, [u8; 32])> = conn
            .query_row(
                "SELECT seq, lamport, hash FROM vault_entry WHERE log = ? ORDER BY seq DESC LIMIT 1",
                [log],
                |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned(), row.get(2)?)),
            )
            .optional()
            .unwrap();
        let realm = conn.query_row("SELECT realm FROM vault_realm", [], |row| row.get(0)).unwrap();
        let mut leaves = leaves(conn);
        let position = i64::try_from(leaves.len()).unwrap() + 1;
        let payload_digest = PayloadDigest::of(&self.payload);
        let mut entry = EntryV1 {
            realm: self.realm.unwrap_or(Realm::from_bytes(realm)),
            tenant: self.tenant,
            stream: &self.stream,
            writer: self.writer,
            epoch: self.epoch,
            seq: last.map_or(0, |last| last.0) + 1,
            prev: EntryHash::from_bytes([0; 32]),
            lamport: last.map_or(0, |last| last.1) + 1,
            parents: Default::default(),
            kind: self.kind,
            ts_ms: 0,
            event_id: Uuid::now_v7(),
            scheme: Scheme::Plain,
            payload_len: self.payload.len() as u64,
            payload_digest,
            extensions: Extensions::NONE,
        };
        entry.prev = last.map_or_else(|| genesis(&entry), |last| EntryHash::from_bytes(last.2));
        let bytes = entry.encode().unwrap();
        let hash = EntryHash::of(&bytes);
        let signature = self.signed.map(|(signer, purpose)| sign_for(purpose, &key(signer), &entry, &hash));
        conn.execute(
            "INSERT INTO vault_entry VALUES (?, ?, ?, 0, ?, (SELECT id FROM vault_kind WHERE kind = ?), ?, ?, NULL, ?, ?, ?, NULL)",
            params![
                TIMELINE + position,
                log,
                entry.seq.cast_signed(),
                event_key(entry.event_id.as_bytes(), position),
                entry.kind,
                entry.lamport.cast_signed(),
                hash.as_bytes(),
                bytes,
                signature,
                self.payload
            ],
        )
        .unwrap();
        leaves.push(*hash.as_bytes());
        settle(conn, &leaves);
    }
}

fn report(edit: impl FnOnce(&Connection)) -> (Copy, Vault, VerifyReport) {
    let copy = Copy::of(story());
    copy.edit(edit);
    let vault = copy.open();
    let report = threads::verify(&copy.path, &[]).unwrap();
    (copy, vault, report)
}

#[track_caller]
fn caught(expected: &[ChainRule], edit: impl FnOnce(&Connection)) -> (Copy, Vault) {
    let (copy, vault, report) = report(edit);
    assert_eq!(rules(&report), expected, "{report}");
    (copy, vault)
}

#[test]
fn an_untouched_story_and_what_may_be_appended_to_it_are_in_order() {
    let (_copy, vault, untouched) = report(|_| {});
    assert!(untouched.is_intact(), "{untouched}");
    drop(vault);
    let (_copy, vault, more) = report(|conn| {
        Forged::note(id(1), 1, 2).append(conn);
        Forged::rotation(id(1), 1, Some((2, 2))).append(conn);
        Forged::note(id(1), 2, 66).append(conn);
        Forged::by_the_vault("vault:writers".to_owned(), 7, "vault.epoch", b"restored").append(conn);
        Forged::note(id(1), 9, 66).append(conn);
        Forged::by_the_vault("ledger".to_owned(), 7, "note", b"").append(conn);
    });
    assert!(more.is_intact(), "{more}");
    assert_eq!(vault.standing(id(1)).unwrap().epoch, 9);
}

#[test]
fn a_rotation_that_the_current_key_has_not_signed_as_one_counts_for_nothing() {
    for signed in [None, Some((66, 2)), Some((1, 2)), Some((2, 1))] {
        let forged = |conn: &Connection| Forged::rotation(id(1), 1, signed).append(conn);
        let (_copy, vault) = caught(&[KeyEvent], forged);
        assert_eq!(vault.standing(id(1)).unwrap().key, Some(key(2).public_key()), "{signed:?}");
        assert!(vault.writer_as(id(1), key(66)).is_err());
        caught(&[KeyEvent, Epoch], |conn| {
            forged(conn);
            Forged::note(id(1), 2, 66).append(conn);
        });
        caught(&[Signature, KeyEvent], |conn| {
            forged(conn);
            Forged::note(id(1), 1, 66).append(conn);
        });
    }
}

#[test]
fn a_rotation_with_a_payload_that_is_no_key_or_in_another_stream_changes_nothing() {
    caught(&[KeyEvent], |conn| {
        Forged { payload: vec![1; 31], ..Forged::rotation(id(1), 1, Some((2, 2))) }.append(conn);
    });
    caught(&[KeyEvent], |conn| {
        Forged { stream: about(id(5)), ..Forged::rotation(id(1), 1, Some((2, 2))) }.append(conn);
    });
    let (_copy, vault, elsewhere) = report(|conn| {
        Forged { stream: "ledger".to_owned(), ..Forged::rotation(id(1), 1, Some((2, 2))) }.append(conn);
    });
    assert!(elsewhere.is_intact(), "{elsewhere}");
    assert_eq!(vault.rotations(id(1)).unwrap().len(), 1);
}

#[test]
fn what_another_says_of_a_writer_or_it_has_not_signed_itself_counts_for_nothing() {
    let revocation =
        |signed| Forged { kind: "vault.revocation", payload: Vec::new(), ..Forged::rotation(id(1), 1, signed) };
    let by_bob = |forged| Forged { writer: Fingerprint::named("bob").unwrap(), epoch: 0, ..forged };
    for forged in [
        by_bob(Forged::rotation(id(1), 0, None)),
        by_bob(revocation(None)),
        revocation(None),
        revocation(Some((1, 2))),
        revocation(Some((2, 1))),
    ] {
        let (_copy, vault, told) = report(|conn| forged.append(conn));
        assert_eq!(rules(&told), [KeyEvent], "{told}");
        assert!(told.to_string().contains("it is not by whoever may say it"), "{told}");
        assert!(vault.standing(id(1)).unwrap().may_write());
    }
    let (_copy, vault, _) = report(|conn| revocation(Some((2, 2))).append(conn));
    assert!(!vault.standing(id(1)).unwrap().may_write());
}

#[test]
fn a_rotation_that_was_signed_for_another_vault_or_tenant_is_good_in_that_one_alone() {
    for replayed in [
        Forged { realm: Some(Realm::from_bytes([9; 32])), ..Forged::rotation(id(1), 1, Some((2, 2))) },
        Forged { tenant: "acme", ..Forged::rotation(id(1), 1, Some((2, 2))) },
    ] {
        let (_copy, vault) = caught(&[Scope, Epoch], |conn| {
            replayed.append(conn);
            Forged::note(id(1), 2, 66).append(conn);
        });
        assert_eq!(vault.rotations(id(1)).unwrap().len(), 1);
    }
}

#[test]
fn an_entry_by_a_key_that_was_rotated_away_is_caught_in_either_epoch() {
    caught(&[Epoch], |conn| Forged::note(id(1), 0, 1).append(conn));
    caught(&[Signature], |conn| Forged::note(id(1), 1, 1).append(conn));
}

#[test]
fn a_revoked_and_a_frozen_writer_that_go_on_are_caught() {
    caught(&[Revoked], |conn| Forged::note(id(5), 0, 5).append(conn));
    caught(&[KeyEvent], |conn| Forged::rotation(id(5), 0, Some((5, 2))).append(conn));
    caught(&[KeyEvent], |conn| {
        Forged { kind: "vault.revocation", ..Forged::rotation(id(1), 1, Some((2, 2))) }.append(conn);
    });
    caught(&[Frozen], |conn| Forged::note(id(6), 0, 6).append(conn));
    caught(&[KeyEvent], |conn| Forged::rotation(id(6), 0, Some((6, 2))).append(conn));
}

#[test]
fn an_epoch_that_nothing_announces_is_caught_and_so_is_one_that_goes_back() {
    caught(&[Epoch], |conn| Forged { signed: None, ..Forged::note(vault_itself(), 1, 0) }.append(conn));
    caught(&[Epoch], |conn| Forged::note(id(1), 2, 2).append(conn));
    let announce = |epoch| Forged::by_the_vault("vault:writers".to_owned(), epoch, "vault.epoch", b"");
    caught(&[Epoch], |conn| {
        announce(7).append(conn);
        Forged::note(id(1), 1, 2).append(conn);
    });
    let (_copy, vault, back) = report(|conn| {
        announce(7).append(conn);
        announce(5).append(conn);
    });
    let LogVerdict::Broken(broken) = &back.logs.last().unwrap().verdict else { panic!("{back}") };
    assert_eq!((rules(&back), broken.position), (vec![Epoch], Some(10)));
    assert_eq!(vault.standing(id(1)).unwrap().epoch, 8);
    caught(&[Epoch, Epoch], |conn| {
        Forged { kind: "note", ..announce(7) }.append(conn);
        Forged::note(id(1), 8, 2).append(conn);
    });
}

#[test]
fn a_freeze_that_is_deleted_or_relabelled_behind_the_vaults_back_is_noticed() {
    let (copy, vault, deleted) = report(|conn| sql(conn, "DELETE FROM vault_entry WHERE id = (1<<40)+7"));
    assert!(rules(&deleted).contains(&Position) && rules(&deleted).contains(&TreeHead), "{deleted}");
    drop((copy, vault));
    caught(&[Column], |conn| {
        sql(conn, "UPDATE vault_entry SET kind = (SELECT id FROM vault_kind WHERE kind = 'note') WHERE id = (1<<40)+7");
    });
    // The payload is what freezes: without it the event says nothing, and that is seen as well.
    let (_copy, vault, emptied) = report(|conn| {
        sql(
            conn,
            "UPDATE vault_payload SET bytes = x'00'; UPDATE vault_entry SET payload = x'00' WHERE id = (1<<40)+7 AND payload IS NOT NULL",
        )
    });
    assert!(rules(&emptied).contains(&Payload), "{emptied}");
    assert!(vault.standing(id(6)).unwrap().frozen.is_none());
}

#[test]
fn whoever_writes_a_proof_that_is_none_freezes_nobody() {
    let (_copy, vault) = caught(&[KeyEvent], |conn| {
        Forged::by_the_vault(about(id(1)), 0, "vault.equivocation", b"rubbish").append(conn);
    });
    vault.writer_as(id(1), key(2)).unwrap().commit(Event::raw("note", "hi").stream("ledger")).unwrap();
    let proof = vault.equivocations().unwrap().pop().unwrap().to_bytes();
    // A good one, about somebody else; and one by a writer that is not the vault.
    caught(&[KeyEvent], |conn| Forged::by_the_vault(about(id(1)), 0, "vault.equivocation", &proof).append(conn));
    caught(&[KeyEvent], |conn| {
        let bob = Fingerprint::named("bob").unwrap();
        Forged { writer: bob, ..Forged::by_the_vault(about(id(6)), 0, "vault.equivocation", &proof) }.append(conn);
    });
}

#[test]
fn events_about_a_writer_that_cannot_be_reached_are_missed() {
    let (_copy, vault, told) = report(|conn| {
        sql(
            conn,
            "UPDATE vault_head SET entry = entry - 1 WHERE id = \
             (SELECT min(id) FROM vault_log WHERE stream LIKE 'vault:writer:%')",
        );
    });
    let found = "found no events about writers: ";
    assert!(told.breaks.iter().any(|broken| broken.rule == Index) && told.to_string().contains(found), "{told}");
    let error = WriterLog::verify(vault.backend(), "ledger", &id(1).to_hex()).unwrap_err();
    assert_eq!(error.kind(), causal_vault::ErrorKind::Corrupt, "{error}");
}

#[test]
fn a_log_that_is_checked_alone_is_held_to_the_same_rules() {
    let (_copy, vault, _) = report(|conn| Forged::note(id(6), 0, 6).append(conn));
    let error = WriterLog::verify(vault.backend(), "ledger", &id(6).to_hex()).unwrap_err();
    assert!(matches!(error, causal_vault::StoreError::ChainBroken { rule: Frozen, seq: 2, .. }), "{error}");
    WriterLog::verify(vault.backend(), "ledger", &id(1).to_hex()).unwrap();
}
