//! Single commits are assigned before they return; batches when somebody asks.

use std::sync::Arc;

use causal_vault::{
    ErrorKind, Event, Filter, IntentEvent, IntentId, IntentOptions, IntentStore, Position, StoreError, Vault, limits,
};
use parking_lot::Mutex;

use super::super::{alice, on_disk, vault};
use super::{Oracle, STREAM, check, thought};

#[test]
fn a_single_commit_tells_its_subscribers_the_intent() {
    let vault = vault();
    let told: Arc<Mutex<Vec<Option<IntentId>>>> = Arc::default();
    let heard = Arc::clone(&told);
    let _guard = vault.subscribe(Filter::all(), move |header| heard.lock().push(header.intent)).unwrap();
    let alice = alice(&vault);
    for (n, values) in STREAM.events().0.iter().enumerate() {
        alice.commit(thought(n, values)).unwrap();
        assert_eq!(vault.assigned_up_to().unwrap(), Position::new(n as u64 + 1));
    }
    let oracle = check(&vault);
    let expected: Vec<_> = oracle.labels.values().map(|(_, intent, _)| Some(*intent)).collect();
    assert_eq!(*told.lock(), expected);
    assert!(oracle.facts() > 3, "consolidations found {} facts", oracle.facts());
}

#[test]
fn a_single_commit_is_assigned_at_once_however_many_are_to_pass_again_before_it() {
    let (events, _) = STREAM.events();
    for left in [33, 64, 250] {
        let (folder, mut vault) = on_disk();
        let path = folder.path().join("agents.vault");
        for (n, values) in events.iter().take(left).enumerate() {
            alice(&vault).commit(thought(n, values)).unwrap();
        }
        // A vault that is closed leaves a few events, and another one that is open as many as it likes.
        let ours = if left > 64 {
            Some(vault)
        } else {
            drop(vault);
            None
        };
        vault = Vault::open(&path).unwrap();
        let receipt = alice(&vault).commit(thought(left, &events[left])).unwrap();
        assert!(vault.get(&receipt).unwrap().header.intent.is_some(), "behind {left}");
        assert_eq!(vault.assigned_up_to().unwrap(), receipt.position);
        check(&vault);
        drop(ours);
    }
}

#[test]
fn batches_are_assigned_when_somebody_asks_and_single_commits_catch_up_a_part() {
    let vault = vault();
    let (events, _) = STREAM.events();
    let batch: Vec<Event> = events.iter().enumerate().map(|(n, values)| thought(n, values)).collect();
    let alice = alice(&vault);
    alice.commit_batch(batch).unwrap();
    assert_eq!(vault.assigned_up_to().unwrap(), Position::START);
    assert_eq!(vault.assign_up_to(Position::new(10)).unwrap(), Position::new(10));
    assert_eq!(vault.get(Position::new(11)).unwrap().header.intent, None);
    let last = alice.commit(thought(0, &events[0])).unwrap();
    let reached = vault.assigned_up_to().unwrap();
    assert!(Position::new(10) < reached && reached < last.position, "{reached}");
    check(&vault);
}

#[test]
fn threads_that_commit_at_once_are_assigned_in_the_order_of_their_positions() {
    let (_folder, vault) = on_disk();
    let (events, _) = STREAM.events();
    std::thread::scope(|scope| {
        for (name, part) in ["alice", "bob", "carol", "dave"].into_iter().zip(events.chunks(100)) {
            let vault = &vault;
            scope.spawn(move || {
                let writer = vault.named_writer(name).unwrap();
                part.iter().enumerate().for_each(|(n, values)| drop(writer.commit(thought(n, values)).unwrap()));
            });
        }
    });
    assert_eq!(vault.assigned_up_to().unwrap(), vault.tree_head().unwrap().into());
    check(&vault);
}

#[test]
fn what_is_no_embedding_is_refused_and_nothing_is_stored() {
    let vault = vault();
    let alice = alice(&vault);
    alice.commit(thought(0, &[1.0, 0.5])).unwrap();
    let before = vault.tree_head().unwrap();
    let long = vec![1.0; limits::EMBEDDING_DIMENSIONS + 1];
    for (values, says) in [
        (&[f32::NAN, 1.0][..], "NaN"),
        (&[1.0, f32::INFINITY], "inf"),
        (&[0.0, -0.0], "zero"),
        (&[], "no dimensions"),
        (&[1.0, 0.5, 0.5], "it has 3 dimensions, and those of model \"plane\" have 2"),
        (&long, "4097"),
    ] {
        for error in [
            alice.commit(thought(1, values)).unwrap_err(),
            alice.commit_batch([thought(1, &[1.0, 0.0]), thought(2, values)]).unwrap_err(),
        ] {
            assert!(error.to_string().contains(says), "{says}: {error}");
            assert!(matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Limit), "{error}");
        }
    }
    assert!(alice.commit(Event::raw("thought", "").stream("mind").embedding("", &[1.0])).is_err());
    assert_eq!(vault.tree_head().unwrap(), before);
    let tiny = thought(1, &[f32::MIN_POSITIVE / 2.0, f32::from_bits(1)]);
    alice.commit_batch([tiny, thought(2, &[f32::MAX, f32::MIN])]).unwrap();
    check(&vault);
    assert!(vault.verify(&[]).unwrap().is_intact());
}

#[test]
fn an_event_that_is_committed_again_is_assigned_once_and_must_have_the_same_embedding() {
    let vault = vault();
    let alice = alice(&vault);
    let once = thought(0, &[1.0, 0.5]).id(causal_vault::EventId::from_bytes([5; 16]));
    assert!(alice.commit(once.clone()).unwrap().is_new);
    assert!(!alice.commit(once).unwrap().is_new);
    let other = thought(0, &[1.0, 0.6]).id(causal_vault::EventId::from_bytes([5; 16]));
    assert!(matches!(alice.commit(other).unwrap_err(), StoreError::IdempotencyConflict { differs: "extensions", .. }));
    assert_eq!(check(&vault).labels.len(), 1);
}

#[test]
fn other_options_assign_everything_anew() {
    let vault = vault();
    let alice = alice(&vault);
    for (n, values) in STREAM.events().0.iter().take(120).enumerate() {
        alice.commit(thought(n, values)).unwrap();
    }
    let acme = vault.for_tenant("acme").unwrap();
    super::super::alice(&acme).commit(thought(0, &[1.0; 16])).unwrap();
    let before = Oracle::of(&vault);
    let fine: usize = before.stores["plane"].intents().len();
    vault.choose_intents(IntentOptions::new("plane", 16).separation(2.0).threshold(-1.0)).unwrap();
    assert_eq!(vault.assigned_up_to().unwrap(), Position::START);
    vault.assign_up_to(vault.tree_head().unwrap().into()).unwrap();
    let labels: std::collections::BTreeSet<_> =
        vault.events(Filter::all()).unwrap().map(|event| event.unwrap().header.intent).collect();
    assert!(labels.len() < fine, "{} labels, and {fine} intents before", labels.len());
    // Ids of then stand for nothing now.
    let gone: Vec<_> =
        before.labels.into_values().map(|(_, id, _)| id).filter(|id| !labels.contains(&Some(*id))).collect();
    assert!(!gone.is_empty());
    assert!(gone.iter().all(|id| vault.resolve_intent(id) == Ok(None)));
    // Another tenant's are as they were.
    check(&acme);
    // The same again changes nothing.
    vault.choose_intents(IntentOptions::new("plane", 16).separation(2.0).threshold(-1.0)).unwrap();
    assert_eq!(vault.assigned_up_to().unwrap(), vault.tree_head().unwrap().into());
    // A vault that is opened again goes on with what was chosen.
    let error = vault.choose_intents(IntentOptions::new("plane", 16).separation(0.0)).unwrap_err();
    assert!(error.to_string().contains("separation is 0"), "{error}");
}

#[test]
fn an_embedding_that_options_of_another_dimension_were_chosen_for_is_refused() {
    let vault = vault();
    vault.choose_intents(IntentOptions::new("plane", 3)).unwrap();
    let alice = alice(&vault);
    let (bare, other) = (Event::raw("note", "hi").stream("mind"), thought(0, &[1.0, 0.5]));
    for error in [
        alice.commit(other.clone()).unwrap_err(),
        alice.commit_batch([bare.clone(), other.clone()]).unwrap_err(),
        vault.transaction(|tx| tx.append(&alice, other.clone())).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("it has 2 dimensions"), "{error}");
        assert!(error.to_string().contains("model \"plane\" were chosen for 3"), "{error}");
    }
    assert_eq!(vault.tree_head().unwrap().size, 0);
    vault
        .transaction(|tx| {
            assert!(tx.append(&alice, other.clone()).is_err());
            tx.append(&alice, bare)
        })
        .unwrap();
    vault.choose_intents(IntentOptions::new("plane", 2)).unwrap();
    let receipt = alice.commit(other).unwrap();
    assert!(vault.get(&receipt).unwrap().header.intent.is_some());
    let error = vault.choose_intents(IntentOptions::new("plane", 3)).unwrap_err();
    assert!(error.to_string().contains("3 dimensions"), "{error}");
    check(&vault);
}

#[test]
fn a_transaction_that_is_rolled_back_leaves_no_label_behind() {
    let (_folder, vault) = on_disk();
    let alice = alice(&vault);
    let (events, _) = STREAM.events();
    for (n, pair) in events.chunks(2).take(60).enumerate() {
        alice.commit(thought(n, &pair[0])).unwrap();
        let failed = vault.transaction(|tx| {
            tx.append(&alice, thought(n, &pair[1]))?;
            Err::<(), _>(StoreError::Backend("changed my mind".into()))
        });
        assert!(failed.is_err());
    }
    assert_eq!(check(&vault).labels.len(), 60);
}

#[test]
fn tenants_have_intents_of_their_own() {
    let vault = vault();
    let acme = vault.for_tenant("acme").unwrap();
    let (events, _) = STREAM.events();
    for (n, values) in events.iter().take(100).enumerate() {
        for vault in [&vault, &acme] {
            alice(vault).commit(thought(n, values)).unwrap();
        }
    }
    let ids = |vault: &Vault| check(vault).labels.into_values().map(|(_, intent, _)| intent).collect::<Vec<_>>();
    let (ours, theirs) = (ids(&vault), ids(&acme));
    assert!(ours.iter().all(|intent| !theirs.contains(intent)));
    assert_eq!(vault.resolve_intent(&theirs[0]).unwrap(), None);
}

#[test]
fn a_handle_takes_notice_of_options_that_another_one_chose() {
    let (folder, ours) = on_disk();
    let theirs = Vault::open(folder.path().join("agents.vault")).unwrap();
    let (events, _) = STREAM.events();
    let commit = |vault: &Vault, from: usize, count: usize| {
        for (n, values) in events.iter().enumerate().skip(from).take(count) {
            alice(vault).commit(thought(n, values)).unwrap();
        }
    };
    let acme = ours.for_tenant("acme").unwrap();
    commit(&acme, 0, 20);
    commit(&ours, 0, 100);
    let options = || IntentOptions::new("plane", 16).separation(0.6).tenant("default");
    theirs.choose_intents(options()).unwrap();
    theirs.assign_up_to(theirs.tree_head().unwrap().into()).unwrap();
    commit(&ours, 100, 100);
    ours.assign_up_to(ours.tree_head().unwrap().into()).unwrap();

    let store = IntentStore::new(options()).unwrap();
    for event in ours.events(Filter::all()).unwrap() {
        let header = event.unwrap().header;
        let (_, values) = ours.embedding(header.position).unwrap().unwrap();
        let event = IntentEvent::from(values.as_slice()).reference(header.hash.into()).writer(header.writer);
        assert_eq!(header.intent, Some(store.assign_event(event).unwrap().intent), "at {}", header.position);
    }
}

#[test]
fn one_commit_lets_no_more_pass_than_its_share_consolidations_included() {
    let vault = vault();
    let alice = alice(&vault);
    alice.commit(thought(0, &[1.0, 0.0])).unwrap();
    (0..60).for_each(|_| vault.consolidate_intents("plane").unwrap());
    vault.rebuild(&[]).unwrap();
    alice.commit(thought(1, &[1.0, 0.0])).unwrap();
    assert_eq!(vault.assigned_up_to().unwrap(), Position::new(33));
}

#[test]
fn what_else_stands_in_the_stream_of_the_intents_consolidates_nothing() {
    let vault = vault();
    let (events, _) = STREAM.events();
    for (n, values) in events.iter().take(200).enumerate() {
        alice(&vault).commit(thought(n, values)).unwrap();
        if n % 50 == 49 {
            let writer = vault.named_writer(["alice", "causal-vault"][n % 2]).unwrap();
            writer.commit(Event::raw("note", "plane").stream("vault:intents")).unwrap();
        }
    }
    check(&vault);
}
