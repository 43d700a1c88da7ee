//! A snapshot is the whole state, and is not trusted.

use causal_vault::{ErrorKind, Fingerprint, IntentEvent, IntentOptions, IntentStore};
use proptest::prelude::*;

use super::filled;
use crate::suite::stream::Stream;
use crate::suite::suite;

fn options() -> IntentOptions {
    IntentOptions::new("model", 16).cells(60)
}

fn events() -> Vec<Vec<f32>> {
    Stream { events: 500, dimension: 16, drift: 0.4, late: 0.5, ..Stream::PLAIN }.events().0
}

#[test]
fn a_restored_store_goes_on_bit_for_bit_from_wherever_it_was_left() {
    let (events, writers) = (events(), ["alice", "bob"].map(|name| Fingerprint::named(name).unwrap()));
    let event = |number: usize| IntentEvent::from(events[number].as_slice()).writer(writers[number % 3 % 2]);
    let whole = IntentStore::new(options()).unwrap();
    let mut resumed = IntentStore::new(options()).unwrap();
    for number in 0..events.len() {
        let expected = whole.assign_event(event(number)).unwrap();
        if number % 7 == 0 {
            resumed = IntentStore::restore(&resumed.snapshot().unwrap()).unwrap();
        }
        assert_eq!(resumed.assign_event(event(number)).unwrap(), expected, "event {number}");
    }
    assert_eq!(resumed.snapshot().unwrap(), whole.snapshot().unwrap());
    assert_eq!(resumed.intents(), whole.intents());
    assert_eq!(resumed.options(), whole.options());
}

#[test]
fn replaying_the_same_events_gives_the_identical_bytes_and_other_events_do_not() {
    let events = events();
    let snapshot = |events: &[Vec<f32>]| filled(options(), events).0.snapshot().unwrap();
    assert_eq!(snapshot(&events), snapshot(&events));
    let mut other = events.clone();
    other.swap(3, 4);
    assert_ne!(snapshot(&events), snapshot(&other));
}

#[test]
fn the_bytes_of_a_known_history_are_what_they_were() {
    let values = |number: u32| [1, 7, 11].map(|prime| f32::from(u8::try_from(number * prime % 19).unwrap()) - 9.0);
    let events: Vec<Vec<f32>> = (1..120).map(|number| values(number).to_vec()).filter(|e| e != &[0.0; 3]).collect();
    let (store, _) = filled(IntentOptions::new("model", 3).cells(20), &events);
    // Sums, products and square roots only: every machine has these bits.
    let digest = blake3::hash(&store.snapshot().unwrap()).to_hex();
    assert_eq!(digest[..16], *"bcf0169fc55b37de");
}

/// With as many values as every kernel takes at once, and some more.
#[test]
fn the_bytes_of_a_known_history_of_many_values_are_what_they_were() {
    let value = |number: u32, index: u32| f32::from(u8::try_from(number % 9 * (index * index + 1) % 19).unwrap()) - 9.0;
    let noise = |number: u32, index: u32| f32::from(u8::try_from(number * (index * 7 + 3) % 23).unwrap()) - 11.0;
    let event = |number| (0..299).map(|index| value(number, index) + noise(number, index) / 8.0).collect();
    let events: Vec<Vec<f32>> = (1..400).map(event).collect();
    let (store, _) = filled(IntentOptions::new("model", 299).cells(40), &events);
    assert!((5..40).contains(&store.intents().len()), "{}", store.intents().len());
    let digest = blake3::hash(&store.snapshot().unwrap()).to_hex();
    assert_eq!(digest[..16], *"f63b06de30e473b6");
}

#[test]
fn what_is_no_snapshot_is_told_as_corrupt() {
    let (store, _) = filled(options(), &events()[..50]);
    let bytes = store.snapshot().unwrap();
    let refuse = |bytes: &[u8]| IntentStore::restore(bytes).unwrap_err();
    assert!(refuse(b"").to_string().contains("43, 56"), "{}", refuse(b""));
    assert!(refuse(&bytes[..bytes.len() - 1]).to_string().contains("does not decode"));
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(refuse(&longer).to_string().contains("holds more than a state"), "{}", refuse(&longer));
    let mut newer = bytes.clone();
    newer[7] = 2;
    assert!(refuse(&newer).to_string().contains("is expected"));
    for error in [refuse(b"CVINTNT\x01"), refuse(b"CVINTNT\x01\xdd\xff\xff\xff\xff"), refuse(&longer)] {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
}

#[test]
fn a_snapshot_with_any_change_is_refused_or_is_a_store_that_works() {
    let events = events();
    let snapshots: Vec<Vec<u8>> =
        [1, 40, 130, 400].map(|count| filled(options(), &events[..count]).0.snapshot().unwrap()).to_vec();
    let suite = suite("intent snapshots", 400, 50_000);
    let case =
        (0..snapshots.len(), any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 1..9), any::<bool>());
    suite
        .runner()
        .run(&case, |(which, place, patch, overwrites)| {
            let mut bytes = snapshots[which].clone();
            let at = place.index(bytes.len());
            let end = if overwrites { (at + patch.len()).min(bytes.len()) } else { at };
            bytes.splice(at..end, patch);
            match IntentStore::restore(&bytes) {
                Err(error) => prop_assert!(
                    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Invalid | ErrorKind::Limit),
                    "{}",
                    error
                ),
                Ok(store) => {
                    prop_assert_eq!(store.snapshot().unwrap(), bytes);
                    // What the figures say may be a lie, and only a replay can tell; nothing that follows may panic.
                    for event in events.iter().take(60) {
                        let _ = store.assign(event);
                    }
                    let _ = store.consolidate();
                    let counted = store.intents().iter().map(|intent| intent.events).sum::<u64>();
                    prop_assert_eq!(counted, store.events());
                }
            }
            Ok(())
        })
        .unwrap();
}
