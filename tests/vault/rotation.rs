//! Keys that are rotated, and writers that are revoked.

use causal_vault::{
    ChainRule, ErrorKind, EventRef, Filter, Fingerprint, LogVerdict, Result, Signer, SigningKey, StoreError, Vault,
    VerifyReport, Writer,
};

use super::{assert_intact, events, note, notes, on_disk, size, vault};

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

fn signing(vault: &Vault, byte: u8) -> Writer {
    vault.writer(key(byte)).unwrap()
}

fn broken(report: &VerifyReport) -> Vec<ChainRule> {
    let rules = report.logs.iter().filter_map(|log| match &log.verdict {
        LogVerdict::Broken(broken) => Some(broken.rule),
        _ => None,
    });
    rules.chain(report.breaks.iter().map(|broken| broken.rule)).collect()
}

#[test]
fn a_writer_keeps_its_id_and_goes_on_with_the_new_key_in_a_new_epoch_of_every_stream() {
    let vault = vault();
    let old = signing(&vault, 1);
    notes(&old, 2);
    let new = old.rotate(key(2)).unwrap();
    let newest = new.rotate(key(3)).unwrap();
    assert_eq!((new.id(), newest.id()), (old.id(), old.id()));
    let receipts = [newest.commit(note("a")).unwrap(), newest.commit(note("b").stream("another")).unwrap()];
    for receipt in &receipts {
        let header = vault.get(receipt).unwrap().header;
        assert_eq!((receipt.epoch, receipt.seq, receipt.writer), (2, 1, old.id()));
        assert_eq!((header.epoch, header.seq), (2, 1));
    }
    let standing = vault.standing(old.id()).unwrap();
    assert_eq!((standing.epoch, standing.key), (2, Some(key(3).public_key())));
    let keys: Vec<_> = vault.rotations(old.id()).unwrap().into_iter().map(|rotation| rotation.key).collect();
    assert_eq!(keys, [key(2).public_key(), key(3).public_key()]);
    let report = vault.verify(&[]).unwrap();
    assert!(report.is_intact(), "{report}");
    let mut epochs: Vec<_> = report.logs.iter().map(|log| (log.epoch, log.entries)).collect();
    epochs.sort_unstable();
    assert_eq!(epochs, [(0, 1), (0, 2), (1, 1), (2, 1), (2, 1)]);
    assert!(report.logs.iter().all(|log| log.verdict == LogVerdict::SignedUnanchored), "{report:#?}");
}

#[test]
fn an_old_key_is_refused_by_whatever_handle_and_in_whatever_process() {
    let (folder, vault) = on_disk();
    let elsewhere = Vault::open(folder.path().join("agents.vault")).unwrap();
    let (old, there) = (signing(&vault, 1), signing(&elsewhere, 1));
    notes(&old, 1);
    notes(&there, 1);
    let new = old.rotate(key(2)).unwrap();
    notes(&new, 1);
    for stale in [&old, &there] {
        let before = size(&vault);
        for error in [
            stale.commit(note("old key")).unwrap_err(),
            stale.commit_batch([note("old key")]).unwrap_err(),
            stale.clone().signing_last().commit(note("old key")).unwrap_err(),
            stale.rotate(key(3)).err().unwrap(),
            stale.revoke(None).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Denied);
            let StoreError::KeyNotCurrent { writer, found, expected } = error else { panic!("{error}") };
            let hex = |byte: u8| Fingerprint::from_bytes(key(byte).public_key()).to_hex();
            assert_eq!((writer, found, expected), (old.id().to_hex(), hex(1), hex(2)));
        }
        assert_eq!(size(&vault), before);
    }
    new.commit(note("new key")).unwrap();
    elsewhere.writer_as(old.id(), key(2)).unwrap().commit(note("new key")).unwrap();
    assert!(matches!(elsewhere.writer_as(old.id(), key(1)), Err(StoreError::KeyNotCurrent { .. })));
    assert_intact(&vault);
}

#[test]
fn a_rotation_may_be_retried_and_a_key_does_not_come_back() {
    let vault = vault();
    let first = signing(&vault, 1);
    let second = first.rotate(key(2)).unwrap();
    let before = size(&vault);
    assert!(first.rotate(key(2)).unwrap().commit(note("the retry is a writer as well")).is_ok());
    assert_eq!(size(&vault), before + 1);
    let third = second.rotate(key(3)).unwrap();
    for old in [1, 2] {
        assert_eq!(third.rotate(key(old)).err().unwrap().kind(), ErrorKind::Invalid);
    }
    third.commit(note("still good")).unwrap();
    assert_intact(&vault);
}

#[test]
fn a_key_that_cannot_sign_and_a_writer_without_one_are_refused_before_anything_is_written() {
    struct Liar;
    impl Signer for Liar {
        fn public_key(&self) -> [u8; 32] {
            key(2).public_key()
        }
        fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
            Signer::sign(&key(3), message)
        }
    }
    let vault = vault();
    let alice = signing(&vault, 1);
    assert!(matches!(alice.rotate(Liar).err().unwrap(), StoreError::Signer(_)));
    let named = vault.named_writer("alice").unwrap();
    assert_eq!(named.rotate(key(2)).err().unwrap().kind(), ErrorKind::Invalid);
    assert_eq!(named.revoke(None).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(vault.writer_as(alice.id(), key(1)).err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(size(&vault), 0);
}

#[test]
fn a_writer_that_signs_the_last_of_each_batch_still_does_after_a_rotation_which_is_signed_itself() {
    let vault = vault();
    let alice = signing(&vault, 1).signing_last();
    alice.commit_batch((0..5).map(|n| note(vec![n]))).unwrap();
    let alice = alice.rotate(key(2)).unwrap();
    alice.commit_batch((0..5).map(|n| note(vec![n]))).unwrap();
    let report = vault.verify(&[]).unwrap();
    assert!(report.is_intact(), "{report}");
    assert_eq!(report.logs.iter().map(|log| log.signed).collect::<Vec<_>>(), [5, 1, 5]);
    let rows = vault.backend().query("SELECT count(*) FROM vault_entry WHERE signature IS NOT NULL", &[]).unwrap();
    assert_eq!(rows, vec![vec![causal_vault::Value::Int(3)]]);
}

#[test]
fn tenants_have_keys_of_their_own() {
    let vault = vault();
    let acme = vault.for_tenant("acme").unwrap();
    let _renewed = signing(&vault, 1).rotate(key(2)).unwrap();
    notes(&signing(&acme, 1), 2);
    assert_eq!(acme.rotations(signing(&vault, 1).id()).unwrap(), []);
    assert_intact(&vault);
    assert_intact(&acme);
}

#[test]
fn threads_that_commit_while_the_key_changes_are_refused_from_there_on_and_fail_alone() {
    let (_folder, vault) = on_disk();
    let old = signing(&vault, 1);
    let writers = [old.clone(), vault.named_writer("bob").unwrap()];
    let ((), outcomes) = super::while_threads_commit(&vault, writers, || drop(old.rotate(key(2)).unwrap()));
    let rotated_at = events(&vault, Filter::kind("vault.rotation"))[0].header.position;
    for (n, outcomes) in outcomes.into_iter().enumerate() {
        let refused = outcomes.iter().position(std::result::Result::is_err).unwrap_or(outcomes.len());
        assert!(n % 2 == 0 || refused == outcomes.len(), "bob has nothing to do with it");
        for (at, outcome) in outcomes.into_iter().enumerate() {
            match outcome {
                Ok(receipt) => assert!(n % 2 == 1 || (receipt.position < rotated_at && at < refused)),
                Err(error) => assert!(matches!(error, StoreError::KeyNotCurrent { .. }), "{error}"),
            }
        }
    }
    assert_intact(&vault);
}

#[test]
fn a_revoked_writer_is_refused_and_what_it_wrote_before_stays_good() {
    let (folder, vault) = on_disk();
    let (alice, bob) = (signing(&vault, 1), vault.named_writer("bob").unwrap());
    let there = Vault::open(folder.path().join("agents.vault")).unwrap();
    let good = notes(&alice, 3).pop().unwrap();
    notes(&signing(&there, 1), 1);
    let head = vault.events(Filter::writer(alice.id())).unwrap().last().unwrap().unwrap();
    assert!(head.header.position > good.position);
    let at = alice.revoke(EventRef::from(&head)).unwrap().position;
    vault.revoke(bob.id(), None).unwrap();
    for writer in [alice.clone(), signing(&there, 1), bob.clone(), there.named_writer("bob").unwrap()] {
        let error = writer.commit(note("more")).unwrap_err();
        assert!(matches!(error, StoreError::WriterRevoked { .. }) && error.kind() == ErrorKind::Denied, "{error}");
    }
    assert!(
        matches!(alice.rotate(key(2)).err().unwrap(), StoreError::WriterRevoked { position, .. } if position == at.number())
    );
    let append = causal_vault::WriterLog::append(vault.backend(), "s", "bob", b"through the primitive");
    assert!(matches!(append, Err(StoreError::WriterRevoked { .. })));
    assert_eq!(vault.standing(alice.id()).unwrap().revoked, Some(at));
    assert_intact(&vault);
}

#[test]
fn entries_behind_the_last_good_one_are_broken_and_those_before_it_are_not() {
    let vault = vault();
    let alice = signing(&vault, 1);
    let receipts = notes(&alice, 4);
    alice.commit(note("in another stream").stream("another")).unwrap();
    vault.revoke(alice.id(), EventRef::from(&receipts[1])).unwrap();
    let report = vault.verify(&[]).unwrap();
    assert_eq!(broken(&report), [ChainRule::Revoked, ChainRule::Revoked]);
    let LogVerdict::Broken(first) = &report.logs[0].verdict else { panic!("{report}") };
    assert_eq!(first.position, Some(3));
}

#[test]
fn a_revocation_of_the_past_names_an_entry_of_that_writer_and_the_earliest_one_holds() {
    let vault = vault();
    let (alice, bob) = (signing(&vault, 1), signing(&vault, 2));
    let (hers, his) = (notes(&alice, 3), notes(&bob, 1));
    assert_eq!(alice.revoke(EventRef::from(&his[0])).unwrap_err().kind(), ErrorKind::Invalid);
    let unknown = EventRef { seq: 9, ..EventRef::from(&hers[0]) };
    assert!(matches!(alice.revoke(unknown), Err(StoreError::UnknownParent { .. })));
    let own = Fingerprint::named("causal-vault").unwrap();
    assert_eq!(vault.revoke(own, None).unwrap_err().kind(), ErrorKind::Invalid);
    vault.revoke(alice.id(), EventRef::from(&hers[2])).unwrap();
    assert_intact(&vault);
    vault.revoke(alice.id(), EventRef::from(&hers[1])).unwrap();
    vault.revoke(alice.id(), EventRef::from(&hers[2])).unwrap();
    assert_eq!(broken(&vault.verify(&[]).unwrap()), [ChainRule::Revoked]);
    notes(&bob, 1);
}

#[test]
fn a_retry_of_what_a_revoked_writer_had_committed_finds_its_receipt() {
    let vault = vault();
    let alice = signing(&vault, 1);
    let event = note("once").id(causal_vault::EventId::new());
    let first = alice.commit(event.clone()).unwrap();
    alice.revoke(EventRef::from(&first)).unwrap();
    assert_eq!(alice.commit(event).unwrap().hash, first.hash);
}

#[test]
fn kinds_that_are_the_vaults_own_are_nobody_elses() {
    let vault = vault();
    let alice = signing(&vault, 1);
    for kind in ["vault.rotation", "vault.equivocation", "vault.epoch", "vault.anything"] {
        let error = alice.commit(causal_vault::Event::raw(kind, "").stream("s")).unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("vault's own"), "{error}");
    }
    alice.commit(causal_vault::Event::raw("vaulted", "").stream("s")).unwrap();
}
