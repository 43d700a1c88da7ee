//! Tests of `src/intent` through the public API.

mod agreement;
mod assigning;
mod consolidating;
mod flat;
mod hashing;
mod poisoning;
mod quality;
mod snapshots;
mod vector;

use causal_vault::{Assignment, IntentEvent, IntentOptions, IntentStore};

/// A store that has been given all of these.
fn filled(options: IntentOptions, events: &[Vec<f32>]) -> (IntentStore, Vec<Assignment>) {
    let store = IntentStore::new(options).unwrap();
    let assigned =
        events.iter().map(|event| store.assign_event(IntentEvent::from(event.as_slice())).unwrap()).collect();
    (store, assigned)
}
