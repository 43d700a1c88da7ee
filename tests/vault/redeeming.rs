use std::collections::HashMap;

use causal_vault::{ErrorKind, Event, Filter, PayloadDigest, Value, Vault};
use proptest::prelude::*;

use super::history::{plans, tell};
use super::{alice, assert_intact, events, note, vault};

fn stored(vault: &Vault) -> (i64, i64) {
    let rows = vault.backend().query("SELECT count(*), coalesce(sum(length(bytes)), 0) FROM vault_payload", &[]);
    match rows.unwrap()[0][..] {
        [Value::Int(rows), Value::Int(bytes)] => (rows, bytes),
        ref other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_digest_redeems_its_bytes_and_large_ones_are_stored_once(
        plans in plans(30),
        threshold in prop_oneof![Just(0), Just(10), Just(1024), Just(1 << 20)],
    ) {
        let vault = Vault::builder().inline_threshold(threshold).in_memory().unwrap();
        let told = tell(&vault, &plans);
        let large: HashMap<_, _> =
            told.iter().map(|told| &told.payload).filter(|payload| payload.len() > threshold).map(|p| (p, ())).collect();
        prop_assert_eq!(stored(&vault).0, i64::try_from(large.len()).unwrap());
        for told in &told {
            prop_assert_eq!(&vault.payload(&PayloadDigest::of(&told.payload)).unwrap(), &told.payload);
        }
        let read: Vec<_> = events(&vault, Filter::all()).into_iter().map(|event| event.payload).collect();
        prop_assert_eq!(read, told.into_iter().map(|told| told.payload).collect::<Vec<_>>());
        assert_intact(&vault);
    }
}

#[test]
fn an_attachment_is_stored_once_beside_a_payload_of_the_same_bytes_and_redeemed_by_its_digest() {
    let vault = vault();
    let alice = alice(&vault);
    let file = vec![7; 100_000];
    for _ in 0..3 {
        alice.commit(note("with a file").attach(file.clone()).attach("small").attach("")).unwrap();
        alice.commit(note(file.clone())).unwrap();
    }
    assert_eq!(stored(&vault), (3, 100_005));
    for bytes in [&file[..], b"small", b""] {
        assert_eq!(vault.payload(&PayloadDigest::of(bytes)).unwrap(), bytes);
    }
    assert_intact(&vault);
}

#[test]
fn a_digest_that_nobody_stored_is_not_found_by_name() {
    let vault = vault();
    alice(&vault).commit(note("x")).unwrap();
    let digest = PayloadDigest::of(b"never");
    assert_eq!(vault.try_payload(&digest), Ok(None));
    let error = vault.payload(&digest).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains(&digest.to_hex()), "{error}");
}

#[test]
fn redeemed_bytes_that_are_not_what_the_digest_names_are_an_error() {
    let vault = vault();
    let alice = alice(&vault);
    alice.commit(note("inline")).unwrap();
    alice.commit(note(vec![7; 2000])).unwrap();
    vault.backend().exec("UPDATE vault_entry SET payload = x'00' WHERE payload IS NOT NULL", &[]).unwrap();
    vault.backend().exec("UPDATE vault_payload SET bytes = x'00'", &[]).unwrap();
    for digest in [PayloadDigest::of(b"inline"), PayloadDigest::of(&[7; 2000])] {
        let error = vault.payload(&digest).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("run verify"), "{error}");
    }
}

#[test]
fn a_vault_takes_payloads_up_to_the_limit_it_was_told() {
    let vault = Vault::builder().payload_limit(10).in_memory().unwrap();
    let alice = alice(&vault);
    alice.commit(note("0123456789")).unwrap();
    assert_eq!(alice.commit(note("0123456789a")).unwrap_err().kind(), ErrorKind::Limit);
    let large = Vault::builder().payload_limit(64 << 20).in_memory().unwrap();
    // Larger than a batch may be: one event by itself may always be as large as its own limit.
    let receipt = super::alice(&large).commit(Event::raw("blob", vec![1; 20 << 20]).stream("blobs")).unwrap();
    assert_eq!(large.get(&receipt).unwrap().payload.len(), 20 << 20);
}
