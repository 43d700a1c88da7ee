//! One writer cannot drag what others have made.

use causal_vault::{Fingerprint, IntentEvent, IntentOptions, IntentStore};

use crate::suite::stream::Dice;

/// How similar an intent of forty events is to them after another writer has sent four hundred that lead away from them
/// step by step, and whether the last of them is still told as it.
fn attacked(is_one: bool, has_names: bool) -> (f32, bool) {
    let options = IntentOptions::new("model", 16).cells(50);
    let store = IntentStore::new(if is_one { options.manual().threshold(-1.0) } else { options }).unwrap();
    let mut dice = Dice::new(5);
    let [home, goal] = [0, 1].map(|axis| (0..16).map(|place| f32::from(u8::from(place == axis))).collect::<Vec<f32>>());
    let writers = ["alice", "mallory"].map(|name| Fingerprint::named(name).unwrap());
    let mut send = |writer: usize, step: f32| {
        let values: Vec<f32> = home
            .iter()
            .zip(&goal)
            .map(|(home, goal)| (1.0 - step) * home + step * goal + 0.03 * dice.normal())
            .collect();
        let event = IntentEvent::from(values.as_slice());
        store.assign_event(if has_names { event.writer(writers[writer]) } else { event }).unwrap().intent
    };
    let made = (0..40).map(|_| send(0, 0.0)).last().unwrap();
    for number in 0..400 {
        send(1, (number as f32 / 100.0).min(1.0));
    }
    if !is_one {
        store.consolidate().unwrap();
    }
    let found = store.classify(&home).unwrap().unwrap();
    (found.similarity, store.resolve(&made) == Some(found.intent))
}

#[test]
fn a_writer_that_floods_the_store_founds_intents_of_its_own_and_moves_no_other() {
    let (similarity, is_same) = attacked(false, true);
    assert!(is_same && similarity > 0.9, "{similarity}");
}

#[test]
fn where_all_is_one_intent_the_quota_of_a_writer_is_what_holds_it() {
    let ((named, _), (nameless, _)) = (attacked(true, true), attacked(true, false));
    assert!(named > 0.6 && nameless < 0.4, "{named} with names, {nameless} without");
}
