use causal_vault::{Event, Filter, Vault};

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
