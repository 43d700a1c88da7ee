//! What an event does: the same everywhere, whatever the embedding is.

use std::collections::BTreeSet;

use causal_vault::limits::INTENT_CELLS;
use causal_vault::{ErrorKind, Fingerprint, IntentEvent, IntentId, IntentOptions, IntentStore};
use proptest::prelude::*;

use super::filled;
use crate::suite::stream::Stream;
use crate::suite::suite;

fn store() -> IntentStore {
    IntentStore::new(IntentOptions::new("model", 3)).unwrap()
}

#[test]
fn an_embedding_that_is_no_direction_is_refused_and_changes_nothing() {
    let store = store();
    store.assign(&[1.0, 0.0, 0.0]).unwrap();
    let before = store.snapshot().unwrap();
    for (embedding, expected) in [
        (&[f32::NAN, 0.0, 0.0][..], "value 0 is NaN"),
        (&[0.0, f32::INFINITY, 0.0], "value 1 is inf"),
        (&[0.0, 0.0, 0.0], "all of its 3 values are zero"),
        (&[1.0, 0.0], "it has 2 dimensions and 3 are expected"),
        (&[], "it has 0 dimensions and 3 are expected"),
    ] {
        for error in [store.assign(embedding).unwrap_err(), store.classify(embedding).unwrap_err()] {
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
    }
    assert_eq!(store.snapshot().unwrap(), before);
}

#[test]
fn options_out_of_range_are_refused_by_what_is_wrong_with_them() {
    let options = || IntentOptions::new("model", 3);
    let reason = |options| IntentStore::new(options).unwrap_err().to_string();
    assert!(reason(IntentOptions::new("", 3)).contains("invalid model name"));
    assert!(reason(options().tenant("a\nb")).contains("invalid tenant name"));
    assert!(reason(IntentOptions::new("model", 0)).contains("no dimensions"));
    assert!(reason(options().cells(1)).contains("cells is 1; give at least 2"));
    assert!(reason(options().cells(INTENT_CELLS + 1)).contains("more than the limit of 16384 cells"));
    assert!(reason(options().separation(f32::NAN)).contains("separation is NaN"));
    assert!(reason(options().separation(0.0)).contains("separation is 0"));
    assert!(reason(options().threshold(1.5)).contains("threshold is 1.5"));
    assert!(reason(options().horizon(0)).contains("horizon is 0"));
}

#[test]
fn an_unscaled_vector_weighs_no_more_than_any_other() {
    let long = filled(IntentOptions::new("model", 2), &[vec![1e30, 0.0], vec![1e30, 1e29], vec![0.0, 1e-30]]);
    let short = filled(IntentOptions::new("model", 2), &[vec![1.0, 0.0], vec![10.0, 1.0], vec![0.0, 1.0]]);
    assert_eq!(
        long.1.iter().map(|event| event.cell).collect::<Vec<_>>(),
        short.1.iter().map(|event| event.cell).collect::<Vec<_>>()
    );
}

#[test]
fn ids_depend_on_the_tenant_the_model_and_the_founding_event_and_on_nothing_else() {
    let alice = Fingerprint::named("alice").unwrap();
    let founded = |tenant: &str, model: &str, reference: u8, writer| -> IntentId {
        let store = IntentStore::new(IntentOptions::new(model, 2).tenant(tenant)).unwrap();
        let event = IntentEvent::from(&[1.0, 0.0]).reference([reference; 32]);
        store.assign_event(if writer { event.writer(alice) } else { event }).unwrap().intent
    };
    let first = founded("t", "m", 1, false);
    assert_eq!(founded("t", "m", 1, true), first);
    let others = [founded("u", "m", 1, false), founded("t", "n", 1, false), founded("t", "m", 2, false)];
    assert_eq!(others.iter().chain([&first]).collect::<BTreeSet<_>>().len(), 4);
    // What these bytes hash to is what stores hold by now.
    assert_eq!(first.to_hex()[..16], *"80f1476a0e3c3969");
}

#[test]
fn the_runner_up_is_another_intent_and_the_margin_is_what_lies_between() {
    let store = store();
    let east = store.assign(&[1.0, 0.0, 0.0]).unwrap().0;
    let north = store.assign_event(&[0.0, 1.0, 0.0]).unwrap();
    assert_eq!((north.similarity, north.margin, north.runner_up), (1.0, 1.0, Some(east)));
    let found = store.classify(&[4.0, 3.0, 0.0]).unwrap().unwrap();
    assert_eq!((found.intent, found.runner_up), (east, Some(north.intent)));
    assert!((found.similarity - 0.8).abs() < 1e-6 && (found.margin - 0.2).abs() < 1e-6, "{found:?}");
}

#[test]
fn threads_share_a_store_and_no_event_is_lost() {
    let (events, _) = Stream::PLAIN.events();
    let store = IntentStore::new(IntentOptions::new("model", 32)).unwrap();
    std::thread::scope(|scope| {
        for part in events.chunks(150) {
            let store = &store;
            scope.spawn(move || part.iter().for_each(|event| _ = store.assign(event).unwrap()));
        }
    });
    assert_eq!(store.events(), 600);
    assert_eq!(store.intents().iter().map(|intent| intent.events).sum::<u64>(), 600);
}

#[test]
fn hostile_embeddings_of_every_kind_are_refused_or_assigned_and_the_counts_add_up() {
    let suite = suite("intent embeddings", 64, 4_000);
    let value = || {
        prop_oneof![
            4 => -1.0f32..1.0,
            1 => any::<f32>(),
            1 => prop::sample::select(vec![0.0, -0.0, f32::MIN_POSITIVE, 1e-45, f32::MAX, f32::MIN, 1.0, -1.0]),
        ]
    };
    let events = prop::collection::vec(prop::collection::vec(value(), 1..4), 1..200);
    let case = (events, 2usize..20, 1u64..100);
    suite
        .runner()
        .run(&case, |(events, cells, horizon)| {
            let store = IntentStore::new(IntentOptions::new("model", 2).cells(cells).horizon(horizon)).unwrap();
            let mut accepted = Vec::new();
            for event in &events {
                let is_fine =
                    event.len() == 2 && event.iter().all(|v| v.is_finite()) && event.iter().any(|v| *v != 0.0);
                let assigned = store.assign_event(event.as_slice());
                prop_assert_eq!(assigned.is_ok(), is_fine, "{:?}: {:?}", event, assigned);
                accepted.extend(assigned.ok());
            }
            let intents = store.intents();
            prop_assert_eq!(intents.iter().map(|intent| intent.events).sum::<u64>(), accepted.len() as u64);
            prop_assert!(intents.iter().map(|intent| intent.cells).sum::<usize>() <= 2 * cells);
            for assigned in &accepted {
                let now = store.intent_of(assigned.cell).unwrap();
                prop_assert!(intents.iter().any(|intent| intent.id == now));
                prop_assert!(store.resolve(&assigned.intent).is_some());
                prop_assert!((-1.001..=1.001).contains(&assigned.similarity), "{:?}", assigned);
            }
            Ok(())
        })
        .unwrap();
}
