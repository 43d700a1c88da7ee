use causal_vault::{ErrorKind, Event, EventId, StoreError};

use super::{alice, assert_intact, note, size, vault};

#[test]
fn a_retry_returns_the_first_receipt_and_rings_nobody() {
    let vault = vault();
    let alice = alice(&vault);
    let parent = alice.commit(note("parent")).unwrap();
    let event = note("once").id(EventId::new()).parent(&parent).expect_seq(1).touches(["file:a"]);
    let first = alice.commit(event.clone()).unwrap();
    assert!(first.is_new);
    alice.commit(note("meanwhile")).unwrap();
    let (send, rung) = std::sync::mpsc::channel();
    let _guard = vault.subscribe(causal_vault::Filter::all(), move |_| send.send(()).unwrap()).unwrap();
    let again = alice.commit(event.clone().timestamp(5)).unwrap();
    assert!(!again.is_new);
    assert_eq!((again.hash, again.position, again.seq), (first.hash, first.position, first.seq));
    assert_eq!(
        (again.id, again.digest, again.writer, again.stream),
        (first.id, first.digest, first.writer, first.stream)
    );
    // Twice in one batch, and beside a new one.
    let batch = alice.commit_batch([event.clone(), note("new"), event]).unwrap();
    assert_eq!(batch.iter().map(|receipt| receipt.is_new).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(rung.try_iter().count(), 1);
    assert_eq!(size(&vault), 4);
    assert_intact(&vault);
}

#[test]
fn an_id_that_is_taken_by_other_content_is_a_conflict_that_names_the_difference() {
    let vault = vault();
    let (alice, bob) = (alice(&vault), vault.named_writer("bob").unwrap());
    let parent = alice.commit(note("parent")).unwrap();
    let id = EventId::new();
    alice.commit(note("once").id(id).attach("a file")).unwrap();
    let differs = |writer: &causal_vault::Writer, event: Event| match writer.commit(event.id(id)).unwrap_err() {
        StoreError::IdempotencyConflict { event_id, differs } => {
            assert_eq!(EventId::from(event_id), id);
            differs
        }
        other => panic!("{other}"),
    };
    assert_eq!(differs(&alice, note("twice")), "payload");
    assert_eq!(differs(&alice, note("once").stream("other")), "stream");
    assert_eq!(differs(&bob, note("once")), "writer");
    assert_eq!(differs(&alice, Event::raw("other", "once").stream("conv:demo")), "kind");
    assert_eq!(differs(&alice, note("once").parent(&parent)), "parents");
    assert_eq!(differs(&alice, note("once").grant([1; 32])), "extensions");
    assert_eq!(size(&vault), 2);
}

/// The hash does not cover attachments: a retry that brought others was answered with Ok, and they were nowhere.
#[test]
fn a_retry_whose_attachments_are_not_stored_is_a_conflict() {
    let vault = vault();
    let alice = alice(&vault);
    let event = note("once").id(EventId::new());
    alice.commit(event.clone().attach("a file")).unwrap();
    assert!(!alice.commit(event.clone().attach("a file")).unwrap().is_new);
    let error = alice.commit(event.attach("another file")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("attachments differs"), "{error}");
}

/// Ids are compared by a part of them first; that part must differ for ids that are numbers, or each commit looks at
/// all before it.
#[test]
fn ids_made_from_small_numbers_are_found_without_looking_at_all_the_others() {
    let vault = vault();
    let alice = alice(&vault);
    let id = |n: u128| EventId::from(uuid::Uuid::from_u128(n));
    for batch in 0..4 {
        alice.commit_batch((0..4096).map(|n| note("x").id(id(batch * 4096 + n)))).unwrap();
    }
    let alike = vault
        .backend()
        .query("SELECT max(n) FROM (SELECT count(*) AS n FROM vault_entry GROUP BY event_key)", &[])
        .unwrap();
    assert_eq!(alike, vec![vec![causal_vault::Value::Int(1)]]);
    assert_intact(&vault);
}
