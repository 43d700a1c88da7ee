//! Writers that sign two entries at one place.

use std::path::Path;

use causal_vault::{Equivocation, ErrorKind, EventRef, Filter, SigningKey, StoreError, Vault, Writer, WriterLog};

use super::{assert_intact, events, note, notes, on_disk, size};

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

/// A vault and a copy of its file, which others went on with.
fn twins() -> (tempfile::TempDir, [Vault; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let [here, there] = ["here", "there"].map(|name| folder.path().join(name));
    let vault = Vault::open(&here).unwrap();
    notes(&vault.writer(key(1)).unwrap(), 2);
    notes(&vault.named_writer("bob").unwrap(), 1);
    drop(vault);
    copy(&here, &there);
    let vaults = [&here, &there].map(|path| Vault::open(path).unwrap());
    (folder, vaults)
}

fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
}

/// Signs one thing here and another there.
fn lie(here: &Vault, there: &Vault, writer: impl Fn(&Vault) -> Writer) -> Equivocation {
    writer(here).commit(note("5 to bob")).unwrap();
    let other = writer(there).commit(note("5 to eve")).unwrap();
    here.find_equivocation(&there.signed_entry(&other).unwrap()).unwrap().unwrap()
}

fn alice(vault: &Vault) -> Writer {
    vault.writer(key(1)).unwrap()
}

#[test]
fn a_writer_that_lied_is_frozen_for_every_handle_and_the_proof_is_kept() {
    let (folder, [here, there]) = twins();
    let proof = lie(&here, &there, alice);
    assert_eq!((&*proof.place().stream, proof.place().seq, proof.place().epoch), ("conv:demo", 3, 0));
    let elsewhere = Vault::open(folder.path().join("here")).unwrap();
    notes(&alice(&elsewhere), 1);
    let receipt = here.report_equivocation(&proof).unwrap();
    for vault in [&here, &elsewhere, &Vault::open(folder.path().join("here")).unwrap()] {
        for error in [
            alice(vault).commit(note("more")).unwrap_err(),
            alice(vault).commit(note("more").stream("another")).unwrap_err(),
            alice(vault).commit_batch([note("more")]).unwrap_err(),
            vault.transaction(|tx| tx.append(&alice(vault), note("more"))).unwrap_err(),
            alice(vault).rotate(key(2)).err().unwrap(),
            alice(vault).revoke(None).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Denied);
            let text = error.to_string();
            for part in [&alice(vault).id().to_hex(), "entries 3 of stream \"conv:demo\" in epoch 0", "position 6"] {
                assert!(text.contains(part), "{text}");
            }
        }
        assert_eq!(vault.standing(alice(vault).id()).unwrap().frozen, Some(receipt.position));
        assert_eq!(vault.equivocations().unwrap(), std::slice::from_ref(&proof));
    }
    assert_eq!((receipt.position.number(), size(&here)), (6, 6));
    notes(&here.named_writer("bob").unwrap(), 1);
    let event = events(&here, Filter::kind("vault.equivocation")).pop().unwrap();
    assert_eq!(event.payload, proof.to_bytes());
    assert_eq!(&*event.header.writer_name, "causal-vault");
    assert_intact(&here);
}

#[test]
fn the_same_proof_is_one_event_however_its_halves_are_given() {
    let (_folder, [here, there]) = twins();
    let proof = lie(&here, &there, alice);
    let ours = here.signed_entry(events(&here, Filter::all()).last().unwrap()).unwrap();
    let swapped = there.find_equivocation(&ours).unwrap().unwrap();
    assert_eq!(swapped.to_bytes(), proof.to_bytes());
    let [one, other] = proof.entries().clone();
    let first = causal_vault::Signer::public_key(&key(1));
    assert_eq!(Equivocation::new(first, Vec::new(), [other, one]), Ok(proof.clone()));
    let receipt = here.report_equivocation(&proof).unwrap();
    let again = here.report_equivocation(&swapped).unwrap();
    assert_eq!((receipt.is_new, again.is_new, again.hash), (true, false, receipt.hash));
    assert_eq!(events(&here, Filter::kind("vault.equivocation")).len(), 1);
}

#[test]
fn a_proof_about_another_tenant_or_vault_freezes_nobody_here() {
    let (_folder, [here, there]) = twins();
    let proof = lie(&here, &there, alice);
    let stranger = Vault::in_memory().unwrap();
    for vault in [&here.for_tenant("acme").unwrap(), &stranger] {
        let error = vault.report_equivocation(&proof).unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("is about entry 3"), "{error}");
        assert_eq!(vault.find_equivocation(&proof.entries()[0]).unwrap_err().kind(), ErrorKind::Invalid);
        notes(&alice(vault), 1);
    }
}

#[test]
fn a_vault_that_never_saw_the_writer_can_freeze_it_beforehand() {
    let (folder, [here, there]) = twins();
    copy(&folder.path().join("there"), &folder.path().join("third"));
    let new = |vault: &Vault| vault.writer(key(9)).unwrap();
    let proof = lie(&here, &there, new);
    let third = Vault::open(folder.path().join("third")).unwrap();
    third.report_equivocation(&proof).unwrap();
    assert!(matches!(new(&third).commit(note("hello")), Err(StoreError::WriterFrozen { .. })));
    assert_intact(&third);
}

#[test]
fn what_both_have_and_what_only_one_has_is_no_equivocation() {
    let (_folder, [here, there]) = twins();
    let same = here.signed_entry(events(&here, Filter::all()).first().unwrap()).unwrap();
    assert_eq!(there.find_equivocation(&same), Ok(None));
    let ahead = alice(&there).commit(note("ahead")).unwrap();
    assert_eq!(here.find_equivocation(&there.signed_entry(&ahead).unwrap()), Ok(None));
    here.backend().exec("UPDATE vault_entry SET signature = NULL", &[]).unwrap();
    assert_eq!(here.find_equivocation(&same), Ok(None), "the same entry, whether it is signed here or not");
    let bobs = there.named_writer("bob").unwrap().commit(note("unsigned")).unwrap();
    assert_eq!(there.signed_entry(&bobs).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn a_rotated_writer_is_proved_by_its_rotations_and_a_retired_key_proves_nothing() {
    let (folder, [here, there]) = twins();
    drop((alice(&here).rotate(key(2)).unwrap(), here, there));
    let [here, there] = ["here", "there"].map(|name| folder.path().join(name));
    copy(&here, &there);
    let [here, there] = [&here, &there].map(|path| Vault::open(path).unwrap());
    let id = alice(&here).id();
    let proof = lie(&here, &there, |vault| vault.writer_as(id, key(2)).unwrap());
    assert_eq!((proof.rotations().len(), proof.key()), (1, causal_vault::Signer::public_key(&key(2))));
    assert_eq!(Equivocation::from_bytes(&proof.to_bytes()), Ok(proof.clone()));
    let first = causal_vault::Signer::public_key(&key(1));
    let error = Equivocation::new(first, Vec::new(), proof.entries().clone()).unwrap_err();
    assert!(error.to_string().contains("the signature of entry"), "{error}");

    // Whoever has the retired key signs two entries in the epoch after it.
    let forged = proof.entries().clone().map(|entry| {
        let hash = causal_vault::EntryHash::of(&entry.bytes);
        let message = [b"CVSIG\x01\x01".as_slice(), here.realm().as_bytes(), hash.as_bytes()].concat();
        let signature = causal_vault::Signer::sign(&key(1), &message).unwrap();
        causal_vault::SignedEntry { signature, ..entry }
    });
    let forged = Equivocation::new(first, Vec::new(), forged).unwrap();
    let error = here.report_equivocation(&forged).unwrap_err();
    assert!(error.to_string().contains("does not have in epoch 1"), "{error}");
    here.writer_as(id, key(2)).unwrap().commit(note("not frozen")).unwrap();

    here.report_equivocation(&proof).unwrap();
    let error = here.writer_as(id, key(2)).unwrap().commit(note("frozen")).unwrap_err();
    assert!(matches!(error, StoreError::WriterFrozen { epoch: 1, seq: 1, .. }), "{error}");
    assert_intact(&here);
}

#[test]
fn a_writer_that_rotates_to_two_keys_from_one_is_proved_by_the_two_rotations() {
    let (_folder, [here, there]) = twins();
    drop((alice(&here).rotate(key(2)).unwrap(), alice(&there).rotate(key(3)).unwrap()));
    let theirs = there.rotations(alice(&there).id()).unwrap().pop().unwrap();
    let proof = here.find_equivocation(&theirs.entry).unwrap().unwrap();
    here.report_equivocation(&proof).unwrap();
    assert!(!here.standing(alice(&here).id()).unwrap().may_write());
    assert_intact(&here);
}

#[test]
fn a_revoked_and_a_frozen_writer_can_be_told_apart_and_what_follows_is_said_once_more() {
    let (_folder, [here, there]) = twins();
    let proof = lie(&here, &there, alice);
    let last = alice(&here).commit(note("last")).unwrap();
    alice(&here).revoke(EventRef::from(&last)).unwrap();
    let frozen = here.report_equivocation(&proof).unwrap();
    let standing = here.standing(alice(&here).id()).unwrap();
    assert_eq!((standing.frozen, standing.revoked.is_some()), (Some(frozen.position), true));
    assert_intact(&here);
}

#[test]
fn a_freeze_that_lands_while_threads_commit_refuses_every_entry_behind_it_and_nobody_else() {
    let (_folder, [here, there]) = twins();
    let proof = lie(&here, &there, alice);
    let writers = [alice(&here), here.named_writer("bob").unwrap()];
    let (frozen_at, outcomes) =
        super::while_threads_commit(&here, writers, || here.report_equivocation(&proof).unwrap().position);
    for (n, outcomes) in outcomes.into_iter().enumerate() {
        for outcome in outcomes {
            match outcome {
                Ok(receipt) => assert!(n % 2 == 1 || receipt.position < frozen_at),
                Err(error) => assert!(n % 2 == 0 && matches!(error, StoreError::WriterFrozen { .. }), "{error}"),
            }
        }
    }
    assert_intact(&here);
}

#[test]
fn an_append_through_the_primitive_after_a_revocation_in_the_vault_is_refused() {
    let (_folder, vault) = on_disk();
    WriterLog::append(vault.backend(), "conv:demo", "bob", b"before").unwrap();
    vault.revoke(vault.named_writer("bob").unwrap().id(), EventRef::from(&events(&vault, Filter::all())[0])).unwrap();
    let error = WriterLog::append(vault.backend(), "conv:demo", "bob", b"after").unwrap_err();
    assert!(matches!(error, StoreError::WriterRevoked { position: 2, .. }), "{error}");
    assert_intact(&vault);
}
