use causal_vault::{EntryHash, ErrorKind, Event, EventRef, Result, SigningKey, StoreError, Vault, Writer, WriterLog};
use serde::Deserialize;

use super::{Untouched, note};

const MIB: usize = 1 << 20;

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>, kind: ErrorKind, message: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), message);
    assert_eq!(error.kind(), kind);
}

#[test]
fn what_is_too_large_is_refused_with_its_size_and_the_limit() {
    let here = Untouched::new();
    let alice = &here.alice;
    let large = |bytes: usize| Event::raw("note", vec![0; bytes]).stream("demo");
    let limit = ErrorKind::Limit;
    let text = "the payload has 1048577 bytes, more than the limit of 1048576 bytes";
    refused(alice.commit(large(MIB + 1)), limit, text);
    refused(alice.commit_batch([note("fine"), large(MIB + 1)]), limit, text);
    refused(here.vault.transaction(|tx| tx.append(alice, large(MIB + 1))), limit, text);
    refused(WriterLog::append(here.vault.backend(), "demo", "alice", &vec![0; MIB + 1]), limit, text);
    let text = "the attachment has 1048577 bytes, more than the limit of 1048576 bytes";
    refused(alice.commit(note("fine").attach(vec![0; MIB + 1])), limit, text);
    let text = "the batch has 17825792 bytes, more than the limit of 16777216 bytes";
    refused(alice.commit_batch((0..17).map(|_| large(MIB))), limit, text);
    refused(alice.commit_batch((0..17).map(|_| note("fine").attach(vec![0; MIB]))), limit, {
        "the batch has 16777280 bytes, more than the limit of 16777216 bytes"
    });
    let text = "the batch has 4097 events, more than the limit of 4096 events";
    refused(alice.commit_batch((0..4097).map(|_| note("fine"))), limit, text);
    let text = "extension has 65602 bytes, more than the limit of 65536 bytes";
    refused(alice.commit(note("fine").reads(vec![EntryHash::from_bytes([1; 32]); 2050])), limit, text);
    let text = "touched resources has 65536 elements, more than the limit of 65535 elements";
    refused(alice.commit(note("fine").touches(vec!["x"; 65_536])), limit, text);
    let text = "the payload limit has 67108865 bytes, more than the limit of 67108864 bytes";
    refused(Vault::builder().payload_limit(64 * MIB + 1).in_memory(), limit, text);
    refused(Vault::builder().payload_limit(usize::MAX).in_memory().map(drop), limit, {
        "the payload limit has 18446744073709551615 bytes, more than the limit of 67108864 bytes"
    });
    here.assert_unharmed();
}

#[test]
fn what_is_exactly_as_large_as_allowed_is_stored() {
    let here = Untouched::new();
    let whole = here.alice.commit(Event::raw("note", vec![1; MIB]).stream("demo")).unwrap();
    assert_eq!(here.vault.get(&whole).unwrap().payload.len(), MIB);
    let parents = here.alice.commit_batch((0..64).map(|_| note("parent"))).unwrap();
    let child = here.alice.commit(parents.iter().fold(note("child"), Event::parent)).unwrap();
    assert_eq!(here.vault.ancestors(&child).unwrap().count(), 64);
    assert_eq!(here.alice.commit_batch((0..4096).map(|_| note("tick"))).unwrap().len(), 4096);
    assert!(here.alice.commit_batch([]).unwrap().is_empty());
    assert!(here.vault.verify(&[here.before.0.into()]).unwrap().is_intact());
}

#[test]
fn parents_that_are_too_many_given_twice_unknown_or_elsewhere_are_refused() {
    let here = Untouched::new();
    let alice = &here.alice;
    let many = (0..65).fold(note("child"), |event, _| event.parent(&here.receipts[0]));
    refused(alice.commit(many), ErrorKind::Limit, "the event has 65 parents, more than the limit of 64 parents");
    let twice = note("child").parent(&here.receipts[0]).parent(&here.receipts[1]).parent(&here.receipts[0]);
    let text = format!("parent {} was given twice; give each parent once", here.receipts[0].hash);
    refused(alice.commit(twice), ErrorKind::Invalid, &text);

    let known = EventRef::from(&here.receipts[0]);
    let acme = here.vault.for_tenant("acme").unwrap();
    let foreign = acme.named_writer("alice").unwrap().commit(note("one")).unwrap();
    let other = Untouched::new();
    let unknown = [
        EventRef { hash: EntryHash::from_bytes([7; 32]), ..known.clone() },
        EventRef { seq: 2, ..known.clone() },
        EventRef { seq: 0, ..known.clone() },
        EventRef { seq: u64::MAX, ..known.clone() },
        EventRef { stream: "elsewhere".into(), ..known.clone() },
        EventRef { writer: causal_vault::Fingerprint::named("bob").unwrap(), ..known },
        (&foreign).into(),
        (&other.receipts[0]).into(),
    ];
    for parent in unknown {
        let text = format!("parent {parent} does not exist in tenant \"default\"; commit it first");
        refused(alice.commit(note("child").parent(&parent)), ErrorKind::NotFound, &text);
        refused(alice.commit_batch([note("fine"), note("child").parent(&parent)]), ErrorKind::NotFound, &text);
    }
    let nul = EventRef { stream: "a\0b".into(), ..EventRef::from(&here.receipts[0]) };
    assert!(alice.commit(note("child").parent(&nul)).is_err());
    here.assert_unharmed();
}

#[test]
fn a_writer_of_another_vault_or_tenant_has_no_place_in_a_transaction() {
    let here = Untouched::new();
    let other = Untouched::new();
    let acme: Writer = here.vault.for_tenant("acme").unwrap().named_writer("alice").unwrap();
    for writer in [&other.alice, &acme] {
        let error = here
            .vault
            .transaction(|tx| {
                tx.append(&here.alice, note("undone"))?;
                tx.append(writer, note("misplaced"))
            })
            .unwrap_err();
        assert!(
            matches!(&error, StoreError::Invalid { what: "writer", reason } if reason.contains("this transaction is on tenant \"default\"")),
            "{error}"
        );
    }
    other.assert_unharmed();
    here.assert_unharmed();
}

#[test]
fn an_event_without_a_stream_and_a_signer_that_fails_store_nothing() {
    struct Broken;
    impl causal_vault::Signer for Broken {
        fn public_key(&self) -> [u8; 32] {
            causal_vault::Signer::public_key(&SigningKey::from_bytes(&[7; 32]))
        }
        fn sign(&self, _: &[u8]) -> Result<[u8; 64]> {
            Err(StoreError::Signer("the device is unplugged".to_owned()))
        }
    }
    let here = Untouched::new();
    let text = "invalid event: the event of kind \"note\" has no stream; name one with .stream(..)";
    refused(here.alice.commit(Event::raw("note", "x")), ErrorKind::Invalid, text);
    let text = "the signer failed: the device is unplugged; nothing was stored";
    refused(here.vault.writer(Broken).unwrap().commit(note("x")), ErrorKind::Backend, text);
    refused(here.vault.writer(Broken).unwrap().signing_last().commit_batch([note("x")]), ErrorKind::Backend, text);
    here.assert_unharmed();
}

#[test]
fn hostile_messagepack_is_stored_as_it_is_and_refused_when_it_is_read_as_a_value() {
    #[derive(Debug, Deserialize)]
    struct Mint {
        #[allow(dead_code)]
        amount: u32,
    }
    const MESSAGE_PACK: &str = "application/msgpack";
    let vault = Vault::in_memory().unwrap();
    let alice = vault.named_writer("alice").unwrap();
    let hostile: [(&[u8], &str); 8] = [
        (b"", "payload"),
        (b"\x81\xa6amount", "payload"),
        (b"\x81\xa6amount\x05\x00", "payload"),
        (b"\x82\xa6amount\x05\xa6amount\x06", "key"),
        (b"\xdd\xff\xff\xff\xff", "payload"),
        (b"\xdf\xff\xff\xff\xff", "payload"),
        (&[0x91; 100_000], "64"),
        (b"\xc1", "payload"),
    ];
    for (bytes, words) in hostile {
        let receipt = alice.commit(Event::raw("ledger.mint", bytes).content_type(MESSAGE_PACK).stream("demo")).unwrap();
        let event = vault.get(&receipt).unwrap();
        assert_eq!(event.payload, bytes);
        let error = event.decode::<Mint>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains(words) && error.to_string().len() < 500, "{error}");
    }
    assert!(vault.verify(&[]).unwrap().is_intact());
}
