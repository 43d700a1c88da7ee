//! Events are found and recognised by their ids, given or made.

use causal_vault::{Event, EventId, StoreError, Value, Vault};

fn note(text: &str) -> Event {
    Event::raw("note", text).stream("conv:demo")
}

fn indexed(vault: &Vault) -> Vec<Vec<Value>> {
    vault
        .backend()
        .query("SELECT id & 1099511627775 FROM vault_entry WHERE event_key IS NOT NULL ORDER BY id", &[])
        .unwrap()
}

#[test]
fn an_event_without_an_id_is_recognised_when_it_is_retried_under_the_id_it_was_given() {
    let vault = Vault::in_memory().unwrap();
    let alice = vault.named_writer("alice").unwrap();
    alice.commit(note("one")).unwrap();
    let two = alice.commit(note("two")).unwrap();
    assert_eq!(vault.get(two.id).unwrap().payload, b"two");
    let again = alice.commit(note("two").id(two.id)).unwrap();
    assert_eq!((again.hash, again.is_new), (two.hash, false));
    let error = alice.commit(note("three").id(two.id)).unwrap_err();
    assert!(matches!(error, StoreError::IdempotencyConflict { differs: "payload", .. }));
    assert_eq!(indexed(&vault), Vec::<Vec<Value>>::new());
    assert!(vault.verify(&[]).unwrap().is_intact());
}

/// The id that a commit made is all that is known of it when its outcome is not: whether or not it was stored, the
/// position that the id names may belong to another event by the time of the retry.
#[test]
fn an_id_that_names_another_position_than_its_events_is_found_and_taken_once() {
    let (vault, other) = (Vault::in_memory().unwrap(), Vault::in_memory().unwrap());
    let bob = other.named_writer("bob").unwrap();
    let made: Vec<EventId> = (0..6).map(|_| bob.commit(note("elsewhere")).unwrap().id).collect();
    let alice = vault.named_writer("alice").unwrap();
    // Ids that name the positions 4, 2, 1 and 6: of a later event, of this one, of an earlier one, of one to come.
    for (position, id) in [(1, made[3]), (2, made[1]), (3, made[0]), (4, made[5])] {
        let first = alice.commit(note("here").id(id)).unwrap();
        assert_eq!(first.position.number(), position);
        for _ in 0..2 {
            let again = alice.commit(note("here").id(id)).unwrap();
            assert_eq!((again.hash, again.is_new), (first.hash, false));
        }
        assert_eq!(vault.get(id).unwrap().header.position, first.position);
    }
    let rest: Vec<_> = (0..4).map(|_| alice.commit(note("more")).unwrap()).collect();
    for receipt in &rest {
        assert_eq!(vault.get(receipt.id).unwrap().header.position, receipt.position);
    }
    assert_eq!(vault.get(made[3]).unwrap().header.position.number(), 1);
    assert_eq!(vault.try_get(made[2]).unwrap(), None);
    assert_eq!(indexed(&vault), [1, 3, 4].map(|position| vec![Value::Int(position)]));
    assert!(vault.verify(&[]).unwrap().is_intact());
}

#[test]
fn an_id_leads_to_no_event_of_another_tenant() {
    let vault = Vault::in_memory().unwrap();
    let other = vault.for_tenant("other").unwrap();
    let receipt = vault.named_writer("alice").unwrap().commit(note("mine")).unwrap();
    other.named_writer("bob").unwrap().commit(note("theirs")).unwrap();
    assert_eq!(other.try_get(receipt.id).unwrap(), None);
    let theirs = other.named_writer("bob").unwrap().commit(note("mine").id(receipt.id)).unwrap();
    assert!(theirs.is_new);
    assert_eq!(other.get(receipt.id).unwrap().header.hash, theirs.hash);
    assert_eq!(vault.get(receipt.id).unwrap().header.hash, receipt.hash);
}

#[test]
fn an_index_key_that_was_taken_away_or_put_in_is_reported() {
    for change in ["NULL", "event_key + 1", "1"] {
        let vault = Vault::in_memory().unwrap();
        vault.named_writer("alice").unwrap().commit(note("given").id(EventId::new())).unwrap();
        assert!(vault.verify(&[]).unwrap().is_intact());
        vault.backend().exec(&format!("UPDATE vault_entry SET event_key = {change}"), &[]).unwrap();
        assert!(!vault.verify(&[]).unwrap().is_intact());
    }
}
