//! What a consumer takes back with a transaction of its own is remembered by nobody.

use causal_vault::{Event, EventId, Query, Vault};

use super::super::{alice, on_disk, vault};
use super::{STREAM, check, thought};

fn take_back(vault: &Vault, amid: impl FnOnce()) {
    vault.backend().exec("BEGIN IMMEDIATE", &[]).unwrap();
    amid();
    vault.backend().exec("ROLLBACK", &[]).unwrap();
}

fn assign_all(vault: &Vault) {
    vault.assign_up_to(vault.tree_head().unwrap().into()).unwrap();
}

#[test]
fn tables_of_intents_that_were_taken_back_are_made_again() {
    let vault = vault();
    take_back(&vault, || {
        alice(&vault).commit(thought(0, &[1.0, 0.0])).unwrap();
        assign_all(&vault);
    });
    alice(&vault).commit(thought(1, &[1.0, 0.0])).unwrap();
    assert_eq!(check(&vault).labels.len(), 1);
}

#[test]
fn events_that_were_taken_back_are_in_no_intent_whatever_was_committed_in_their_place() {
    let (folder, ours) = on_disk();
    let theirs = Vault::open(folder.path().join("agents.vault")).unwrap();
    let (events, _) = STREAM.events();
    let mut events = events.iter().enumerate().map(|(n, values)| thought(n, values));
    let mut next = || events.next().unwrap();
    for _ in 0..60 {
        alice(&ours).commit(next()).unwrap();
        take_back(&ours, || {
            alice(&ours).commit(next()).unwrap();
            assign_all(&ours);
        });
        alice(&theirs).commit(next()).unwrap();
    }
    assert_eq!(check(&ours).labels.len(), 120);
}

#[test]
fn an_event_that_was_taken_back_and_is_committed_again_as_it_was_is_assigned_again() {
    let vault = vault();
    alice(&vault).commit(thought(0, &[1.0, 0.0])).unwrap();
    let event = || thought(1, &[0.0, 1.0]).id(EventId::from_bytes([5; 16])).timestamp(7);
    take_back(&vault, || {
        alice(&vault).commit(event()).unwrap();
        assign_all(&vault);
    });
    let receipt = alice(&vault).commit(event()).unwrap();
    assert!(vault.get(&receipt).unwrap().header.intent.is_some());
    check(&vault);
}

#[test]
fn a_tenant_whose_first_events_were_taken_back_has_none_of_another_tenants_intents() {
    let vault = vault();
    vault.choose_intents(causal_vault::IntentOptions::new("nobody's", 2)).unwrap();
    let acme = vault.for_tenant("acme").unwrap();
    take_back(&vault, || {
        alice(&acme).commit(thought(0, &[1.0, 0.0])).unwrap();
        assert_eq!(acme.calibration("plane").unwrap(), None);
    });
    let globex = vault.for_tenant("globex").unwrap();
    for values in STREAM.events().0.iter().take(40) {
        alice(&globex).commit(thought(0, values)).unwrap();
    }
    alice(&acme).commit(thought(1, &STREAM.events().0[50])).unwrap();
    assert_eq!(check(&acme).labels.len(), 1);
    assert_eq!(check(&globex).labels.len(), 40);
}

#[test]
fn an_event_that_was_taken_back_is_near_nothing() {
    let vault = vault();
    let note = |text: &str, turn: f32| Event::raw("note", text).stream("mind").embedding("plane", &[1.0, turn]);
    let near = || {
        let found = vault.similar(&Query::embedding("plane", &[1.0, 0.0]), 9).unwrap();
        found.iter().map(|found| (found.event.payload.clone(), found.similarity)).collect::<Vec<_>>()
    };
    alice(&vault).commit(note("kept", 0.0)).unwrap();
    take_back(&vault, || {
        alice(&vault).commit(note("gone", 0.0)).unwrap();
        assert_eq!(near().len(), 2);
    });
    assert_eq!(near(), [(b"kept".to_vec(), 1.0)]);
    alice(&vault).commit(note("other", 1.0)).unwrap();
    let found = near();
    assert_eq!(found.len(), 2);
    assert!(found[1].0 == b"other" && found[1].1 < 0.8, "{found:?}");
}
