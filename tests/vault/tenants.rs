use std::time::Duration;

use causal_vault::{ErrorKind, EventId, Filter, PayloadDigest, StoreError, Value, WriterLog};

use super::{alice, assert_intact, events, note, notes, size, vault};

#[test]
fn tenants_see_nothing_of_each_other() {
    let vault = vault();
    let (acme, rival) = (vault.for_tenant("acme").unwrap(), vault.for_tenant("rival").unwrap());
    let large = vec![9; 5000];
    let secret = alice(&acme).commit(note(large.clone()).attach("a file")).unwrap();
    let small = alice(&acme).commit(note("small").parent(&secret)).unwrap();
    for receipt in [&secret, &small] {
        assert_eq!(rival.try_get(receipt), Ok(None));
        assert_eq!(rival.try_get(receipt.hash), Ok(None));
        assert_eq!(rival.try_get(receipt.id), Ok(None));
        assert_eq!(rival.try_get(receipt.position), Ok(None));
        assert!(rival.ancestors(receipt).is_err() && rival.descendants(receipt).is_err());
        assert!(rival.events(Filter::parent(receipt)).unwrap().next().is_none());
    }
    for bytes in [&large[..], b"small", b"a file"] {
        assert_eq!(rival.try_payload(&PayloadDigest::of(bytes)), Ok(None));
        assert_eq!(acme.payload(&PayloadDigest::of(bytes)).unwrap(), bytes);
    }
    for filter in [Filter::all(), Filter::stream("conv:demo"), Filter::kind("note"), Filter::writer(secret.writer)] {
        assert!(events(&rival, filter).is_empty());
    }
    let error = alice(&rival).commit(note("x").parent(&secret)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("tenant \"rival\""), "{error}");
    assert_eq!((size(&acme), size(&rival), size(&vault)), (2, 0, 0));
}

#[test]
fn the_same_bytes_id_and_names_live_side_by_side() {
    let vault = vault();
    let (acme, rival) = (vault.for_tenant("acme").unwrap(), vault.for_tenant("rival").unwrap());
    let event = note(vec![7; 5000]).id(EventId::new());
    let receipts = [&acme, &rival].map(|tenant| alice(tenant).commit(event.clone()).unwrap());
    assert!(receipts.iter().all(|receipt| receipt.is_new && receipt.seq == 1 && receipt.position.number() == 1));
    assert_ne!(receipts[0].hash, receipts[1].hash);
    // Once for each tenant: whether another has the same bytes must not show.
    assert_eq!(vault.backend().query("SELECT count(*) FROM vault_payload", &[]), Ok(vec![vec![Value::Int(2)]]));
    for (tenant, receipt) in [&acme, &rival].into_iter().zip(&receipts) {
        assert_eq!(tenant.get(receipt.id).unwrap().header.hash, receipt.hash);
        assert!(!alice(tenant).commit(event.clone()).unwrap().is_new);
        assert_intact(tenant);
    }
}

#[test]
fn subscribers_and_cursors_are_their_own_tenants() {
    let vault = vault();
    let (acme, rival) = (vault.for_tenant("acme").unwrap(), vault.for_tenant("rival").unwrap());
    let (send, rung) = std::sync::mpsc::channel();
    let _guard = acme.subscribe(Filter::all(), move |header| send.send(header.position.number()).unwrap()).unwrap();
    notes(&alice(&rival), 2);
    let mine = notes(&alice(&vault.for_tenant("acme").unwrap()), 3);
    assert_eq!(rung.try_iter().collect::<Vec<_>>(), [1, 2, 3]);
    let mut cursor = acme.cursor("reader", Filter::all()).unwrap();
    let seen = cursor.poll(10, Duration::ZERO).unwrap();
    assert_eq!(seen.len(), mine.len());
    cursor.ack(&seen[2]).unwrap();
    assert_eq!(rival.cursor("reader", Filter::all()).unwrap().poll(10, Duration::ZERO).unwrap().len(), 2);
}

#[test]
fn a_transaction_is_on_one_tenant() {
    let vault = vault();
    let (acme, rival) = (vault.for_tenant("acme").unwrap(), vault.for_tenant("rival").unwrap());
    let error = acme.transaction(|tx| tx.append(&alice(&rival), note("x"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("\"rival\"") && error.to_string().contains("\"acme\""), "{error}");
    acme.transaction(|tx| tx.append(&alice(&vault.for_tenant("acme")?), note("x")).map(drop)).unwrap();
    assert_eq!((size(&acme), size(&rival)), (1, 0));
}

#[test]
fn a_writer_log_is_of_the_default_tenant() {
    let vault = vault();
    WriterLog::append(vault.backend(), "conv:demo", "alice", b"from the log").unwrap();
    alice(&vault).commit(note("from the vault")).unwrap();
    alice(&vault.for_tenant("acme").unwrap()).commit(note("elsewhere")).unwrap();
    let log: Vec<_> = WriterLog::entries(vault.backend(), "conv:demo", "alice").unwrap();
    assert_eq!(
        log.iter().map(|entry| &entry.payload[..]).collect::<Vec<_>>(),
        [&b"from the log"[..], b"from the vault"]
    );
    assert_eq!(events(&vault, Filter::kind("log.entry")).len(), 1);
    WriterLog::verify(vault.backend(), "conv:demo", "alice").unwrap();
    assert_intact(&vault);
}

#[test]
fn bad_tenant_names_are_refused() {
    let vault = vault();
    for bad in ["", "a\0b", "line\nbreak"] {
        assert_eq!(vault.for_tenant(bad).unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(causal_vault::Vault::builder().tenant(bad).in_memory().unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert!(matches!(vault.for_tenant(&"x".repeat(129)), Err(StoreError::Limit { found: 129, .. })));
}

/// A subscription lasts as long as the vault, whatever becomes of the handle it was made on.
#[test]
fn a_tenants_subscribers_outlive_the_handle_and_thousands_of_other_tenants() {
    let vault = vault();
    let (send, rung) = std::sync::mpsc::channel();
    vault.for_tenant("acme").unwrap().doorbell().subscribe(move |event| send.send(event.seq).unwrap());
    for n in 0..3000 {
        vault.for_tenant(&format!("tenant {n}")).unwrap();
    }
    notes(&alice(&vault.for_tenant("acme").unwrap()), 2);
    assert_eq!(rung.try_iter().collect::<Vec<_>>(), [1, 2]);
}
