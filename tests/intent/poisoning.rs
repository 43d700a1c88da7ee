//! One writer cannot drag what others have made.

use causal_vault::{Fingerprint, IntentEvent, IntentId, IntentOptions, IntentStore};

use crate::suite::stream::Dice;

/// How similar an intent that one writer made still is to that writer's events, after another has sent a thousand that lead
/// away from it step by step. And whether that writer's next event is still told as it.
fn attacked(has_names: bool) -> (f32, IntentId, IntentId) {
    let store = IntentStore::new(IntentOptions::new("model", 32)).unwrap();
    let mut dice = Dice::new(5);
    let [home, goal] = [dice.direction(32), dice.direction(32)];
    let writers = ["alice", "mallory"].map(|name| Fingerprint::named(name).unwrap());
    let mut send = |writer: usize, step: f32| {
        let values: Vec<f32> = home
            .iter()
            .zip(&goal)
            .map(|(home, goal)| (1.0 - step) * home + step * goal + 0.02 * dice.normal())
            .collect();
        let event = IntentEvent::from(values.as_slice());
        store.assign_event(&if has_names { event.writer(writers[writer]) } else { event }).unwrap().intent
    };
    let mut first = None;
    for _ in 0..40 {
        first.get_or_insert(send(0, 0.0));
    }
    for number in 0..1_000 {
        send(1, number as f32 / 1_000.0);
    }
    store.consolidate().unwrap();
    let found = store.classify(&home).unwrap().unwrap();
    (found.similarity, found.intent, store.resolve(&first.unwrap()).unwrap())
}

#[test]
fn a_writer_that_floods_an_intent_moves_it_no_further_than_half() {
    let (similarity, found, made) = attacked(true);
    assert_eq!(found, made);
    assert!(similarity > 0.8, "{similarity}");
}

#[test]
fn without_names_the_same_flood_does_move_it() {
    let (named, ..) = attacked(true);
    let (nameless, ..) = attacked(false);
    assert!(nameless < named, "{nameless} and {named}: the quota makes no difference");
}
