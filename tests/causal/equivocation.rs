//! Proofs that a writer has signed two entries at one place. The vectors come from the few lines of Python beside them.

use causal_vault::{
    EntryHash, EntryV1, Equivocation, ErrorKind, Fingerprint, KeyRotation, PayloadDigest, SignedEntry, Signer,
    SigningKey,
};
use proptest::prelude::*;
use serde_json::Value;

fn vector(name: &str) -> Vec<u8> {
    let vectors: Value = serde_json::from_str(include_str!("../data/vectors-identity-v1.json")).unwrap();
    hex::decode(vectors[name].as_str().unwrap()).unwrap()
}

fn array<const N: usize>(name: &str) -> [u8; N] {
    vector(name).try_into().unwrap()
}

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

fn proof() -> Equivocation {
    Equivocation::from_bytes(&vector("proof")).unwrap()
}

fn rotation() -> KeyRotation {
    let entry = SignedEntry { bytes: vector("rotation_entry"), signature: array("rotation_signature") };
    KeyRotation { entry, key: array("new_key") }
}

/// The entry with another content, signed as its kind asks for.
fn change(entry: &SignedEntry, by: u8, edit: impl FnOnce(&mut EntryV1<'_>)) -> SignedEntry {
    let mut decoded = EntryV1::decode(&entry.bytes).unwrap();
    edit(&mut decoded);
    let bytes = decoded.encode().unwrap();
    let purpose = if decoded.kind == "vault.rotation" { 2 } else { 1 };
    let hash = EntryHash::of(&bytes);
    let message = [b"CVSIG\x01".as_slice(), &[purpose], decoded.realm.as_bytes(), hash.as_bytes()].concat();
    SignedEntry { signature: Signer::sign(&key(by), &message).unwrap(), bytes }
}

#[track_caller]
fn refused(outcome: causal_vault::Result<Equivocation>, words: &str) {
    let error = outcome.unwrap_err();
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains(words), "{error}");
}

#[test]
fn the_proofs_of_the_vectors_are_read_and_written_again_byte_for_byte() {
    for (name, rotations, signer) in [("proof", Vec::new(), 7), ("proof_after_rotation", vec![rotation()], 8)] {
        let proof = Equivocation::from_bytes(&vector(name)).unwrap();
        assert_eq!(proof.to_bytes(), vector(name));
        assert_eq!((proof.rotations(), proof.key()), (&*rotations, key(signer).public_key()));
        let place = proof.place();
        assert_eq!((&*place.tenant, &*place.stream, place.seq), ("acme", "ledger", 1));
        assert_eq!(place.writer, Fingerprint::from_bytes(array("writer")));
        assert_eq!(usize::try_from(place.epoch).unwrap(), rotations.len());
        let digests = proof.entries().each_ref().map(|entry| EntryV1::decode(&entry.bytes).unwrap().payload_digest);
        for payload in [b"5 to bob", b"5 to eve"] {
            assert!(digests.contains(&PayloadDigest::of(payload)));
        }
        let rebuilt = Equivocation::new(array("first_key"), rotations, proof.entries().clone());
        assert_eq!(rebuilt, Ok(proof));
    }
}

#[test]
fn what_proves_nothing_is_refused_and_told_why() {
    let first = key(7).public_key();
    let [one, other] = proof().entries().clone();
    let with = |entry: SignedEntry| Equivocation::new(first, Vec::new(), [one.clone(), entry]);
    assert_eq!(with(other.clone()), Ok(proof()));
    refused(with(one.clone()), "the same entry twice");
    refused(with(change(&other, 7, |entry| entry.epoch = 1)), "two places");
    refused(with(change(&other, 7, |entry| entry.seq = 2)), "two places");
    refused(with(change(&other, 7, |entry| entry.stream = "gifts")), "two places");
    refused(with(change(&other, 7, |entry| entry.tenant = "default")), "two places");
    refused(with(change(&other, 7, |entry| entry.realm = [9; 32].into())), "two places");
    refused(with(change(&other, 7, |entry| entry.writer = [9; 32].into())), "two places");
    refused(with(change(&other, 8, |_| {})), "is not by key");
    refused(with(SignedEntry { signature: [0; 64], ..other.clone() }), "is not by key");
    refused(with(SignedEntry { bytes: other.bytes[1..].to_vec(), ..other.clone() }), "CVENTRY");
    // Signed, but as a key event: that is another statement.
    let hash = EntryHash::of(&other.bytes);
    let message = [b"CVSIG\x01\x02".as_slice(), &[0x11; 32], hash.as_bytes()].concat();
    let signature = Signer::sign(&key(7), &message).unwrap();
    refused(with(SignedEntry { signature, ..other.clone() }), "is not by key");
    refused(Equivocation::new(key(8).public_key(), Vec::new(), [one, other]), "is not that of writer");
}

#[test]
fn two_entries_in_the_name_of_a_writer_without_a_key_prove_nothing() {
    let named = Fingerprint::named("alice").unwrap();
    let entries = proof().entries().clone().map(|entry| change(&entry, 7, |entry| entry.writer = named));
    refused(Equivocation::new(key(7).public_key(), Vec::new(), entries), "prove nothing against anybody");
}

#[test]
fn a_rotation_that_does_not_lead_to_the_signer_is_refused_by_its_number() {
    let rotated = Equivocation::from_bytes(&vector("proof_after_rotation")).unwrap();
    let with = |rotations| Equivocation::new(key(7).public_key(), rotations, rotated.entries().clone());
    let forged =
        |by, edit: fn(&mut EntryV1<'_>)| KeyRotation { entry: change(&rotation().entry, by, edit), ..rotation() };
    refused(with(vec![]), "is not by key");
    refused(with(vec![KeyRotation { key: [9; 32], ..rotation() }]), "rotation 1 of 1 does not count: its payload");
    refused(with(vec![forged(66, |_| {})]), "not signed as a key event by the key before it");
    refused(with(vec![forged(7, |entry| entry.kind = "vault.revocation")]), "its kind");
    refused(with(vec![forged(7, |entry| entry.stream = "ledger")]), "the writer's own stream");
    refused(with(vec![forged(7, |entry| entry.tenant = "default")]), "another vault, tenant or writer");
    refused(with(vec![forged(7, |entry| entry.realm = [9; 32].into())]), "another vault, tenant or writer");
    refused(with(vec![forged(7, |entry| entry.epoch = 1)]), "does not come before the entries");
    refused(with(vec![rotation(), rotation()]), "rotation 2 of 2");
}

#[test]
fn rotations_lead_from_key_to_key_in_the_order_of_their_epochs() {
    let first = rotation();
    let second = |epoch| {
        let to = key(9).public_key();
        let edit = |entry: &mut EntryV1<'_>| (entry.epoch, entry.payload_digest) = (epoch, PayloadDigest::of(&to));
        KeyRotation { entry: change(&first.entry, 8, edit), key: to }
    };
    let entries = proof().entries().clone().map(|entry| change(&entry, 9, |entry| entry.epoch = 2));
    let with = |rotations| Equivocation::new(key(7).public_key(), rotations, entries.clone());
    let twice = with(vec![first.clone(), second(1)]).unwrap();
    assert_eq!((twice.rotations().len(), twice.key()), (2, key(9).public_key()));
    assert_eq!(Equivocation::from_bytes(&twice.to_bytes()), Ok(twice.clone()));
    refused(
        with(vec![first.clone(), second(0)]),
        "rotation 2 of 2 does not count: it does not follow the one before it",
    );
}

#[test]
fn bytes_that_are_nearly_a_proof_are_refused() {
    for name in ["proof", "proof_after_rotation"] {
        let bytes = vector(name);
        for end in 0..bytes.len() {
            assert!(Equivocation::from_bytes(&bytes[..end]).is_err(), "a prefix of {end} bytes");
        }
        assert!(Equivocation::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    }
    let bytes = proof().to_bytes();
    let (head, halves) = bytes.split_at(8 + 32 + 2);
    let (one, other) = halves.split_at(halves.len() / 2);
    let swapped = [head, other, one].concat();
    refused(Equivocation::from_bytes(&swapped), "not in the order of their hashes");
    // Lengths and counts that promise more than there is are no reason to reserve it.
    for at in [40, 42 + 64] {
        let mut greedy = bytes.clone();
        greedy[at] = 0xff;
        assert!(Equivocation::from_bytes(&greedy).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bit_of_a_proof_can_be_flipped(name in prop_oneof![Just("proof"), Just("proof_after_rotation")], at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let mut bytes = vector(name);
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        prop_assert!(Equivocation::from_bytes(&bytes).is_err());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(head in prop::sample::select(vec![0_usize, 8, 42, 110]), tail in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = [&vector("proof")[..head], &tail].concat();
        if let Ok(proof) = Equivocation::from_bytes(&bytes) {
            prop_assert_eq!(proof.to_bytes(), bytes);
        }
    }
}

#[test]
fn a_proof_travels_through_serde_and_is_checked_on_arrival() {
    let json = serde_json::to_string(&proof()).unwrap();
    assert_eq!(serde_json::from_str::<Equivocation>(&json).unwrap(), proof());
    let mut values: Vec<u8> = serde_json::from_str(&json).unwrap();
    values[50] ^= 1;
    assert!(serde_json::from_str::<Equivocation>(&serde_json::to_string(&values).unwrap()).is_err());
}
