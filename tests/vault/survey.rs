use causal_vault::{ErrorKind, Event, Fingerprint, Position, SignatureVerdict, Signer, SigningKey, Value};

use super::{alice, note, notes, vault};

#[test]
fn tenants_and_logs_are_listed_with_what_they_hold() {
    let vault = vault();
    notes(&alice(&vault), 3);
    let key = SigningKey::from_bytes(&[7; 32]);
    let carol = vault.writer(key.clone()).unwrap();
    let last = carol.commit(Event::raw("note", "x").stream("other")).unwrap();
    notes(&alice(&vault.for_tenant("acme").unwrap()), 1);
    vault.for_tenant("nobody").unwrap();

    assert_eq!(vault.tenants().unwrap(), ["acme", "default"]);
    let logs = vault.logs().unwrap();
    let found: Vec<_> = logs.iter().map(|log| (&*log.stream, log.writer, log.public_key, log.entries)).collect();
    assert_eq!(
        found,
        [("conv:demo", alice(&vault).id(), None, 3), ("other", carol.id(), Some(Signer::public_key(&key)), 1)]
    );
    assert_eq!((logs[0].last, logs[1].last), (Position::new(3), last.position));
    assert_eq!(&*logs[0].writer_name, "alice");
    assert_eq!(vault.for_tenant("acme").unwrap().logs().unwrap().len(), 1);
    assert!(vault.for_tenant("nobody").unwrap().logs().unwrap().is_empty());
}

#[test]
fn a_log_whose_writer_is_missing_is_named() {
    let vault = vault();
    notes(&alice(&vault), 1);
    vault.backend().exec("DELETE FROM vault_writer", &[]).unwrap();
    let error = vault.logs().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("conv:demo"), "{error}");
}

#[test]
fn an_entry_is_found_by_its_number_in_its_log_and_its_parents_are_shown() {
    let vault = vault();
    let first = notes(&alice(&vault), 2);
    let bob = vault.named_writer("bob").unwrap();
    let child = bob.commit(note("child").parent(&first[0]).parent(&first[1])).unwrap();
    assert_eq!(vault.positions_of("conv:demo", bob.id(), 1).unwrap(), [child.position]);
    assert!(vault.positions_of("conv:demo", bob.id(), 2).unwrap().is_empty());
    assert!(vault.positions_of("other", bob.id(), 1).unwrap().is_empty());
    assert!(vault.positions_of("conv:demo", Fingerprint::named("eve").unwrap(), 1).unwrap().is_empty());
    let parents = vault.parents(&child).unwrap();
    assert_eq!(parents.iter().map(|parent| parent.hash).collect::<Vec<_>>(), [first[0].hash, first[1].hash]);
    assert!(vault.parents(&first[0]).unwrap().is_empty());
    assert_eq!(vault.parents(Position::new(9)).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_short_hash_names_every_entry_that_begins_with_it() {
    let vault = vault();
    let batch = (0..3000).map(|n: u32| Event::raw("tick", n.to_be_bytes()).stream("clock"));
    let hashes: Vec<_> = alice(&vault).commit_batch(batch).unwrap().into_iter().map(|tick| tick.hash).collect();
    // Some are indexed, the last ones are looked at one by one.
    vault.get(hashes[0]).unwrap();
    let hashes: Vec<_> = hashes.into_iter().chain(notes(&alice(&vault), 100).iter().map(|note| note.hash)).collect();
    for digits in [4, 5, 15, 16, 17, 64] {
        for hash in hashes.iter().step_by(97).chain(hashes.last()) {
            let prefix = &hash.to_hex()[..digits];
            let mut expected: Vec<_> = hashes.iter().filter(|hash| hash.to_hex().starts_with(prefix)).collect();
            let mut found = vault.hashes_with_prefix(&prefix.to_uppercase(), 1000).unwrap();
            expected.sort();
            found.sort();
            assert_eq!(found.iter().collect::<Vec<_>>(), expected);
            assert_eq!(vault.hashes_with_prefix(prefix, 1).unwrap().len(), 1);
        }
    }
    assert!(vault.hashes_with_prefix("abcd", 0).unwrap().is_empty());
    for bad in ["", "abc", "xyzt", "-123", "éééé", &"a".repeat(65)] {
        assert_eq!(vault.hashes_with_prefix(bad, 2).unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
    }
}

#[test]
fn the_head_of_a_signed_batch_covers_the_entries_before_it_and_no_others() {
    let vault = vault();
    let key = SigningKey::from_bytes(&[7; 32]);
    let carol = vault.writer(key.clone()).unwrap().signing_last();
    let batch = carol.commit_batch((0..3).map(|n| note(n.to_string()))).unwrap();
    let key = Signer::public_key(&key);
    let covered = SignatureVerdict::Covered { by: batch[2].position, key };
    assert_eq!(vault.signature(&batch[0]).unwrap(), covered);
    assert_eq!(vault.signature(&batch[1]).unwrap(), covered);
    assert_eq!(vault.signature(&batch[2]).unwrap(), SignatureVerdict::Signed { key });
    let unsigned = notes(&alice(&vault), 1);
    assert_eq!(vault.signature(&unsigned[0]).unwrap(), SignatureVerdict::Unsigned);
    vault.backend().exec("UPDATE vault_entry SET signature = NULL", &[]).unwrap();
    assert_eq!(vault.signature(&batch[0]).unwrap(), SignatureVerdict::Unsigned);
}

#[test]
fn a_signature_is_checked_with_the_key_that_its_writer_had_there() {
    let vault = vault();
    let (old, new) = (SigningKey::from_bytes(&[7; 32]), SigningKey::from_bytes(&[8; 32]));
    let carol = vault.writer(old.clone()).unwrap();
    let before = carol.commit(note("before")).unwrap();
    let rotation = vault.tree_head().unwrap().size + 1;
    let carol = carol.rotate(new.clone()).unwrap();
    let after = carol.commit(note("after")).unwrap();
    let signed = |key: &SigningKey| SignatureVerdict::Signed { key: Signer::public_key(key) };
    assert_eq!(vault.signature(&before).unwrap(), signed(&old));
    assert_eq!(vault.signature(Position::new(rotation)).unwrap(), signed(&old));
    assert_eq!(vault.signature(&after).unwrap(), signed(&new));
    let signed = vault.signed_entry(&after).unwrap();
    assert_eq!(vault.entry_bytes(&after), Ok(signed.bytes));
}

#[test]
fn whatever_breaks_the_way_to_a_signature_is_said() {
    let broken = |change: &str, params: &[Value], reason: &str, at: usize| {
        let vault = vault();
        let carol = vault.writer(SigningKey::from_bytes(&[7; 32])).unwrap().signing_last();
        let batch = carol.commit_batch((0..3).map(|n| note(n.to_string()))).unwrap();
        vault.backend().exec(change, params).unwrap();
        let found = vault.signature(batch[0].position).unwrap();
        assert!(
            matches!(found, SignatureVerdict::Broken { at: place, reason: words } if place == batch[at].position && words.contains(reason)),
            "{change}: {found:?}"
        );
    };
    broken("UPDATE vault_entry SET hash = zeroblob(32) WHERE seq = 2", &[], "bytes do not have the hash", 1);
    broken("UPDATE vault_entry SET signature = zeroblob(64) WHERE seq = 3", &[], "not by its writer's key", 2);
    broken("UPDATE vault_writer SET public_key = zeroblob(32)", &[], "has no key", 2);
    let twice = "UPDATE vault_entry SET (hash, bytes) = (SELECT e.hash, e.bytes FROM vault_entry e WHERE e.seq = 1) WHERE seq = 2";
    broken(twice, &[], "does not follow", 1);
}
