use causal_vault::{ErrorKind, Event, EventHeader, EventId, Filter, StoreError, causal_hash, limits};
use serde::{Deserialize, Serialize};

use super::{alice, assert_intact, events, note, size, vault};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Transfer {
    to: String,
    amount: i64,
    memo: Option<String>,
}

#[test]
fn a_typed_payload_comes_back_and_a_raw_one_stays_the_bytes_it_was() {
    let vault = vault();
    let alice = alice(&vault);
    let transfer = Transfer { to: "bob".into(), amount: -5, memo: None };
    let typed = alice.commit(Event::new("ledger.transfer", &transfer).unwrap().stream("ledger")).unwrap();
    assert_eq!(vault.get(&typed).unwrap().decode::<Transfer>().unwrap(), transfer);
    let bytes: Vec<u8> = (0..=255).collect();
    let raw = alice.commit(Event::raw("blob", bytes.clone()).stream("ledger")).unwrap();
    let stored = vault.get(&raw).unwrap();
    assert_eq!((stored.header.content_type(), &stored.payload), ("application/octet-stream", &bytes));
    assert_eq!(stored.decode::<Transfer>().unwrap_err().kind(), ErrorKind::Invalid);
    let error = vault.get(&typed).unwrap().decode::<u8>().unwrap_err();
    assert!(error.to_string().contains("does not decode as u8"), "{error}");
}

#[test]
fn an_event_carries_everything_it_was_given() {
    let vault = vault();
    let (alice, bob) = (alice(&vault), vault.named_writer("bob").unwrap());
    let first = alice.commit(note("first")).unwrap();
    let second = bob.commit(note("second")).unwrap();
    let event = Event::raw("edit", "<p>")
        .stream("files")
        .parent(&second)
        .parent(&first)
        .timestamp(-1)
        .content_type("text/html")
        .touches(["file:a", "file:b"])
        .reads([first.hash])
        .trace([1; 16], [2; 8])
        .grant([3; 32]);
    let receipt = bob.commit(event).unwrap();
    let header = vault.get(&receipt).unwrap().header;
    let mut parents = [first.hash, second.hash];
    parents.sort_unstable();
    assert_eq!(header.parents[..], parents);
    assert_eq!((header.timestamp, header.content_type()), (-1, "text/html"));
    assert_eq!((header.seq, header.position.number(), header.lamport), (1, 3, 2));
    assert_eq!((&*header.writer_name, header.writer), ("bob", bob.id()));
    assert_eq!(header.extensions.iter().map(|extension| extension.tag()).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
    assert_eq!(header.digest, causal_hash(&header.payload_digest, &[first.digest, second.digest]));
    assert_eq!((header.id, header.hash, header.digest), (receipt.id, receipt.hash, receipt.digest));
    assert_intact(&vault);
}

/// Everything that is refused is refused by name, and leaves nothing behind.
#[test]
fn bad_events_are_refused_by_name_and_nothing_is_stored() {
    let vault = vault();
    let alice = alice(&vault);
    let here = alice.commit(note("here")).unwrap();
    let elsewhere = super::alice(&super::vault()).commit(note("elsewhere")).unwrap();
    let mut wrong_hash = causal_vault::EventRef::from(&here);
    wrong_hash.hash = elsewhere.hash;
    let mut far = causal_vault::EventRef::from(&here);
    far.seq = u64::MAX;
    let many = |count: usize| (0..count).fold(note("x"), |event, _| event.parent(&here));
    let cases: Vec<(Event, ErrorKind, &str)> = vec![
        (Event::raw("note", "x"), ErrorKind::Invalid, "name one with .stream(..)"),
        (Event::raw("", "x").stream("s"), ErrorKind::Invalid, "kind name \"\""),
        (Event::raw("a\0b", "x").stream("s"), ErrorKind::Invalid, "kind name \"a\\0b\""),
        (note("x").stream("x".repeat(129)), ErrorKind::Limit, "129 bytes, more than the limit of 128 bytes"),
        (note(vec![0; (1 << 20) + 1]), ErrorKind::Limit, "1048577 bytes, more than the limit of 1048576 bytes"),
        (note("x").attach(vec![0; (1 << 20) + 1]), ErrorKind::Limit, "the attachment has 1048577 bytes"),
        (note("x").parent(&elsewhere), ErrorKind::NotFound, "commit it first"),
        (note("x").parent(wrong_hash), ErrorKind::NotFound, "commit it first"),
        (note("x").parent(far), ErrorKind::NotFound, "commit it first"),
        (note("x").parent(&here).parent(&here), ErrorKind::Invalid, "give each parent once"),
        (many(limits::PARENTS + 1), ErrorKind::Limit, "65 parents, more than the limit of 64 parents"),
        (note("x").reads(vec![here.hash; 70_000]), ErrorKind::Limit, "read entries has 70000 elements"),
        (note("x").reads(vec![here.hash; 2048]), ErrorKind::Limit, "65538 bytes, more than the limit of 65536"),
        (note("x").touches([""]), ErrorKind::Invalid, "touched resource name \"\""),
        (note("x").content_type("a\nb"), ErrorKind::Invalid, "content type name"),
        (note("x").expect_seq(7), ErrorKind::Conflict, "is at seq 1, not at 7"),
        (note("x").expect_seq(u64::MAX), ErrorKind::Conflict, "is at seq 1"),
    ];
    for (event, kind, words) in cases {
        let error = alice.commit(event.clone()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        // In a batch it takes the good ones with it.
        assert_eq!(alice.commit_batch([note("fine").stream("other"), event]).unwrap_err(), error);
        assert_eq!(size(&vault), 1);
    }
    assert_eq!(events(&vault, Filter::all()).len(), 1);
    assert_intact(&vault);
}

#[test]
fn a_batch_of_exactly_the_limits_is_stored_and_one_more_is_not() {
    let vault = vault();
    let alice = alice(&vault);
    let error = alice.commit_batch((0..4097).map(|_| note(""))).unwrap_err();
    assert_eq!(error.to_string(), "the batch has 4097 events, more than the limit of 4096 events");
    assert_eq!(size(&vault), 0);
    assert_eq!(alice.commit_batch((0..4096).map(|_| note(""))).unwrap().len(), 4096);
    let mega = |_| note(vec![1; 1 << 20]);
    let error = alice.commit_batch((0..17).map(mega)).unwrap_err();
    assert_eq!(error.to_string(), "the batch has 17825792 bytes, more than the limit of 16777216 bytes");
    assert_eq!(alice.commit_batch((0..16).map(mega)).unwrap().len(), 16);
    assert_eq!(alice.commit_batch([]).unwrap(), []);
    assert_eq!(size(&vault), 4112);
}

#[test]
fn a_batch_is_one_run_of_positions_and_may_reach_many_streams() {
    let vault = vault();
    let streams = ["a", "b", "a", "c", "b", "a"];
    let receipts = alice(&vault).commit_batch(streams.map(|stream| note(stream).stream(stream))).unwrap();
    assert_eq!(receipts.iter().map(|receipt| receipt.position.number()).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(receipts.iter().map(|receipt| receipt.seq).collect::<Vec<_>>(), [1, 1, 2, 1, 2, 3]);
    assert_intact(&vault);
}

#[test]
fn an_expected_head_is_the_writers_own_in_that_stream() {
    let vault = vault();
    let (alice, bob) = (alice(&vault), vault.named_writer("bob").unwrap());
    for n in 0..3 {
        alice.commit(note("x").expect_seq(n)).unwrap();
    }
    bob.commit(note("x").expect_seq(0)).unwrap();
    alice.commit(note("x").stream("other").expect_seq(0)).unwrap();
    assert_eq!(
        alice.commit(note("x").expect_seq(2)),
        Err(StoreError::HeadMoved { stream: "conv:demo".into(), writer: "alice".into(), expected: 2, found: 3 })
    );
    // Each event of a batch is held to the head that the one before it leaves.
    alice.commit_batch([note("x").expect_seq(3), note("x").expect_seq(4)]).unwrap();
    assert!(alice.commit_batch([note("x").expect_seq(5), note("x").expect_seq(5)]).is_err());
    assert_eq!(size(&vault), 7);
}

#[test]
fn every_type_that_a_user_keeps_can_be_printed_and_sent_to_a_thread() {
    fn sendable<T: Send + Sync>() {}
    sendable::<causal_vault::Vault>();
    sendable::<causal_vault::Writer>();
    sendable::<causal_vault::Event>();
    sendable::<causal_vault::Filter>();
    sendable::<causal_vault::Cursor>();
    sendable::<causal_vault::Events>();
    sendable::<causal_vault::Lineage>();
    sendable::<StoreError>();
    let vault = vault();
    let alice = alice(&vault);
    let receipt = alice.commit(note("secret")).unwrap();
    let cursor = vault.cursor("reader", Filter::all()).unwrap();
    let events = vault.events(Filter::all()).unwrap();
    let lineage = vault.ancestors(&receipt).unwrap();
    assert!(format!("{vault:?}").contains("default"));
    assert!(format!("{alice:?}").contains("alice"));
    assert!(format!("{cursor:?}").contains("reader"));
    assert!(format!("{events:?}").contains("Events"));
    assert!(format!("{lineage:?}").contains("Lineage"));
    let shown = vault.transaction(|tx| Ok::<_, StoreError>(format!("{tx:?}"))).unwrap();
    assert!(shown.contains("VaultTransaction"), "{shown}");
}

#[test]
fn receipts_and_headers_travel_as_json_and_as_messagepack() {
    let vault = vault();
    let alice = alice(&vault);
    let first = alice.commit(note("first")).unwrap();
    let event = note("hi").parent(&first).touches(["file:a"]).reads([first.hash]).trace([1; 16], [2; 8]).grant([3; 32]);
    let receipt = alice.commit(event).unwrap();
    let header = vault.get(&receipt).unwrap().header;
    let json = serde_json::to_string(&receipt).unwrap();
    assert!(json.contains(&format!("\"id\":\"{}\"", receipt.id)) && json.contains(&receipt.hash.to_hex()), "{json}");
    assert_eq!(serde_json::from_str::<causal_vault::Receipt>(&json).unwrap(), receipt);
    let json = serde_json::to_string(&header).unwrap();
    assert_eq!(serde_json::from_str::<EventHeader>(&json).unwrap(), header);
    // As the payload of another event.
    let about = alice.commit(Event::new("about", &(&receipt, &header)).unwrap().stream("meta")).unwrap();
    assert_eq!(vault.get(&about).unwrap().decode::<(causal_vault::Receipt, EventHeader)>().unwrap(), (receipt, header));
}

#[test]
fn a_batch_of_any_size_is_stored_whole_and_an_event_that_it_holds_twice_is_found_again() {
    let vault = vault();
    let alice = alice(&vault);
    let mut stored = 0;
    for count in (0..=40).chain([63, 300]) {
        let again = note("again").id(EventId::new());
        let texts: Vec<String> = (0..count).map(|number| format!("{number} of {count}")).collect();
        let batch = texts.iter().map(|text| note(text.as_str())).chain([again.clone(), again]);
        let receipts = alice.commit_batch(batch).unwrap();
        let [.., first, second] = &receipts[..] else { panic!("{} receipts", receipts.len()) };
        assert!(first.is_new && !second.is_new && first.seq == second.seq && first.hash == second.hash);
        for (receipt, text) in receipts.iter().zip(&texts) {
            assert_eq!(vault.get(receipt).unwrap().payload, text.as_bytes());
        }
        stored += count + 1;
        assert_eq!(size(&vault), stored);
    }
    assert_intact(&vault);
}
