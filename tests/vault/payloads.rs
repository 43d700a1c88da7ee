use causal_vault::{Event, PayloadDigest, StoreError, Value, Vault, limits};

fn stored(vault: &Vault) -> i64 {
    let rows = vault.backend().query("SELECT count(*) FROM vault_payload", &[]).unwrap();
    let Value::Int(count) = rows[0][0] else { panic!("a count is an integer") };
    count
}

#[test]
fn payloads_put_before_their_event_are_stored_once_and_redeemed() {
    let vault = Vault::in_memory().unwrap();
    let digests = vault
        .transaction(|tx| {
            let first = tx.put_payload("a piece")?;
            assert_eq!(tx.put_payload("a piece")?, first);
            Ok::<_, StoreError>([first, tx.put_payload("")?])
        })
        .unwrap();
    assert_eq!(digests, [PayloadDigest::of(b"a piece"), PayloadDigest::of(b"")]);
    vault.transaction(|tx| tx.put_payload("a piece")).unwrap();
    let alice = vault.named_writer("alice").unwrap();
    alice.commit(Event::new("film.shot", &digests).unwrap().attach("a piece").stream("films")).unwrap();
    assert_eq!(stored(&vault), 2);
    assert_eq!(vault.payload(&digests[0]).unwrap(), b"a piece");
    assert!(vault.verify(&[]).unwrap().is_intact());
}

#[test]
fn a_payload_put_in_a_transaction_that_fails_is_not_there() {
    let vault = Vault::in_memory().unwrap();
    let failed = vault.transaction(|tx| {
        tx.put_payload("a piece")?;
        Err::<(), _>(StoreError::Backend("changed my mind".into()))
    });
    assert!(failed.is_err());
    assert_eq!(stored(&vault), 0);
}

#[test]
fn put_payloads_and_events_share_the_limit_of_a_transaction_and_one_alone_may_be_larger() {
    let vault = Vault::builder().payload_limit(limits::BATCH_BYTES + 1).in_memory().unwrap();
    let (large, too_large) = (vec![7; limits::BATCH_BYTES + 1], vec![7; limits::BATCH_BYTES + 2]);
    vault.transaction(|tx| tx.put_payload(&large)).unwrap();
    let over = |what, found| StoreError::Limit { what, found, limit: limits::BATCH_BYTES as u64, unit: "bytes" };

    let error = vault.transaction(|tx| tx.put_payload(&too_large)).unwrap_err();
    let limit = limits::BATCH_BYTES as u64 + 1;
    assert_eq!(error, StoreError::Limit { what: "the payload", found: limit + 1, limit, unit: "bytes" });

    let error = vault.transaction(|tx| tx.put_payload("x").and_then(|_| tx.put_payload(&large))).unwrap_err();
    assert_eq!(error, over("the batch", limits::BATCH_BYTES as u64 + 2));

    let alice = vault.named_writer("alice").unwrap();
    let event = Event::raw("note", large).stream("notes");
    let error = vault.transaction(|tx| tx.put_payload("x").and_then(|_| tx.append(&alice, event))).unwrap_err();
    assert_eq!(error, over("the batch", limits::BATCH_BYTES as u64 + 2));
    assert_eq!((stored(&vault), vault.tree_head().unwrap().size), (1, 0));
}
