use causal_vault::{ErrorKind, EventId, EventKey, EventRef, Filter, StoreError};

use super::{alice, events, note, notes, on_disk, vault};

#[test]
fn an_event_is_found_by_each_of_its_names_and_only_by_its_own() {
    let vault = vault();
    let receipts = notes(&alice(&vault), 20);
    for (number, receipt) in receipts.iter().enumerate() {
        let event = vault.get(receipt).unwrap();
        assert_eq!(event.payload, number.to_string().into_bytes());
        let reference = EventRef::from(receipt);
        for key in [
            EventKey::from(&event),
            EventKey::from(&event.header),
            EventKey::from(receipt.id),
            EventKey::from(receipt.hash),
            EventKey::from(receipt.position),
            EventKey::from(reference),
        ] {
            assert_eq!(vault.get(key).unwrap(), event);
        }
    }
    let mut wrong = EventRef::from(&receipts[3]);
    wrong.hash = receipts[4].hash;
    assert_eq!(vault.try_get(wrong.clone()), Ok(None));
    let error = vault.get(wrong).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("conv:demo"), "{error}");
    assert_eq!(vault.try_get(EventId::new()), Ok(None));
}

#[test]
fn ids_that_begin_alike_name_different_events() {
    let vault = vault();
    let alice = alice(&vault);
    let id = |last: u8| {
        let mut bytes = [0x5a; 16];
        // Neither the first half nor the last two bytes, by which ids are compared first.
        bytes[10] = last;
        EventId::from_bytes(bytes)
    };
    let told: Vec<_> = (0..50).map(|n| alice.commit(note(vec![n]).id(id(n))).unwrap()).collect();
    for (n, receipt) in (0..50).zip(&told) {
        assert_eq!(vault.get(id(n)).unwrap().payload, [n]);
        assert_eq!(vault.get(id(n)).unwrap().header.hash, receipt.hash);
        assert_eq!(alice.commit(note(vec![n]).id(id(n))).unwrap().hash, receipt.hash);
    }
    assert_eq!(vault.try_get(id(50)), Ok(None));
}

#[test]
fn an_event_id_is_written_and_read_as_a_uuid() {
    let id: EventId = "01234567-89ab-7def-8123-456789abcdef".parse().unwrap();
    assert_eq!(id.to_string(), "01234567-89ab-7def-8123-456789abcdef");
    assert_eq!(serde_json::to_string(&id).unwrap(), "\"01234567-89ab-7def-8123-456789abcdef\"");
    assert!("not-an-id".parse::<EventId>().is_err());
    assert!(EventId::new() < EventId::new(), "ids of one process follow each other");
}

#[test]
fn a_bare_hash_is_found_right_after_its_commit_and_in_a_vault_larger_than_one_step() {
    let vault = vault();
    let alice = alice(&vault);
    let mut told = Vec::new();
    for batch in 0..3 {
        told.extend(alice.commit_batch((0..3000).map(|n| note(format!("{batch}:{n}")))).unwrap());
        for receipt in told.iter().step_by(611) {
            assert_eq!(vault.get(receipt.hash).unwrap().header.position, receipt.position);
        }
        let last = alice.commit(note("last")).unwrap();
        assert_eq!(vault.get(last.hash).unwrap().payload, b"last");
    }
}

/// To look something up by its hash may write an index, which a thread within a transaction cannot begin.
#[test]
fn look_ups_by_hash_and_digest_work_within_a_transaction() {
    let (_folder, vault) = on_disk();
    let alice = alice(&vault);
    let told = alice.commit_batch((0..600).map(|n| note(n.to_string()))).unwrap();
    vault
        .transaction(|tx| {
            let found = vault.get(told[300].hash)?;
            assert_eq!(found.payload, b"300");
            assert_eq!(vault.payload(&found.header.payload_digest)?, b"300");
            tx.append(&alice, note("within").parent(&found))
        })
        .unwrap();
    assert_eq!(vault.get(told[301].hash).unwrap().payload, b"301");
}

/// A reader must not stand in the queue of the writers.
#[test]
fn a_look_up_by_hash_does_not_wait_for_a_transaction_of_another_thread() {
    let (_folder, vault) = on_disk();
    let alice = alice(&vault);
    let told = notes(&alice, 3);
    vault
        .transaction(|tx| {
            tx.append(&alice, note("open"))?;
            let found = std::thread::scope(|scope| scope.spawn(|| vault.get(told[1].hash)).join().unwrap());
            assert_eq!(found?.payload, b"1");
            Ok::<_, StoreError>(())
        })
        .unwrap();
    assert_eq!(events(&vault, Filter::all()).len(), 4);
}
