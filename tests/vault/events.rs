use causal_vault::{ErrorKind, Event, EventId, Filter, Vault, WriterLog};

/// Found in review: where a parent had a page of children behind the last wanted position, the reader asked for the same
/// page for ever.
#[test]
fn children_behind_the_last_wanted_position_end_the_reading() {
    let vault = Vault::in_memory().unwrap();
    let alice = vault.named_writer("alice").unwrap();
    let parent = alice.commit(Event::raw("note", "parent").stream("demo")).unwrap();
    let event = |n: u16| Event::raw("note", n.to_be_bytes()).stream("demo").parent(&parent);
    let children = alice.commit_batch((0..600).map(event)).unwrap();
    for wanted in [0, 1, 255, 256, 257, 511, 512, 600] {
        let up_to = if wanted == 0 { parent.position } else { children[wanted - 1].position };
        let events = vault.events(Filter::parent(&parent).up_to(up_to)).unwrap();
        assert_eq!(events.take(601).count(), wanted);
    }
}

/// Found by the attack suite: stored bytes that do not decode were called invalid input, as if the caller had given them.
#[test]
fn stored_bytes_that_do_not_decode_are_the_stores_fault() {
    let vault = Vault::in_memory().unwrap();
    let alice = vault.named_writer("alice").unwrap();
    let id = EventId::new();
    let receipt = alice.commit(Event::raw("note", "one").stream("demo").id(id)).unwrap();
    vault.backend().exec("UPDATE vault_entry SET bytes = CAST(bytes || x'00' AS BLOB)", &[]).unwrap();
    let errors = [
        vault.get(&receipt).unwrap_err(),
        vault.get(id).unwrap_err(),
        vault.events(Filter::all()).unwrap().next().unwrap().unwrap_err(),
        alice.commit(Event::raw("note", "one").stream("demo").id(id)).unwrap_err(),
        WriterLog::entries(vault.backend(), "demo", "alice").unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().starts_with("the entry at position 1 is damaged"), "{error}");
    }
}
