//! Embeddings and snapshots of intents: what is refused changes nothing, what is taken in is counted, and a snapshot that is
//! read is the snapshot that is written.

use causal_vault::{IntentOptions, IntentStore, Result};

/// Values of an embedding.
const DIMENSION: usize = 4;
/// Embeddings that are looked at.
const EVENTS: usize = 64;

/// A snapshot begins with its own first bytes; all else are embeddings.
pub fn target(data: &[u8]) -> bool {
    target_with(data, IntentStore::restore)
}

pub fn target_with(data: &[u8], restore: impl Fn(&[u8]) -> Result<IntentStore>) -> bool {
    if data.starts_with(b"CVINTNT") {
        let Ok(store) = restore(data) else { return false };
        assert!(store.snapshot().expect("what was read") == data, "other bytes are read as the same state");
        return go_on(&store);
    }
    let store = IntentStore::new(IntentOptions::new("fuzz", DIMENSION)).expect("good options");
    let mut taken = 0;
    for values in data.chunks(DIMENSION * 4).take(EVENTS) {
        let values: Vec<f32> = values.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let before = store.snapshot().expect("a state");
        let is_good = values.len() == DIMENSION
            && values.iter().all(|value| value.is_finite())
            && values.iter().any(|value| *value != 0.0);
        match store.assign(&values) {
            Ok((id, _)) => {
                assert!(is_good, "{values:?} is no embedding and was taken in");
                assert!(store.resolve(&id).is_some(), "an id that is not known");
                taken += 1;
            }
            Err(error) => {
                assert!(!is_good, "{values:?} was refused: {error}");
                assert!(store.snapshot().expect("a state") == before, "what was refused has changed something");
            }
        }
    }
    assert_eq!(store.events(), taken);
    taken > 0 && go_on(&store)
}

/// Whatever the state is, it goes on and stays one.
fn go_on(store: &IntentStore) -> bool {
    let dimension = store.options().dimension();
    for n in 0..3 {
        let values: Vec<f32> = (0..dimension).map(|at| if at % 3 == n { 1.0 } else { 0.25 }).collect();
        if store.assign(&values).is_err() {
            return false;
        }
    }
    if store.consolidate().is_err() {
        return false;
    }
    let intents = store.intents();
    assert_eq!(intents.iter().map(|intent| intent.events).sum::<u64>(), store.events(), "events are lost");
    assert!(intents.iter().all(|intent| store.resolve(&intent.id) == Some(intent.id)));
    let snapshot = store.snapshot().expect("a state");
    assert!(IntentStore::restore(&snapshot).expect("its own").snapshot().expect("a state") == snapshot);
    true
}
