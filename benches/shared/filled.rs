//! Files that are already full of events of 256 bytes.

use std::path::Path;

use causal_vault::{Durability, Event, Vault, Writer};

use super::{Baseline, payload};

const BATCH: usize = 1024;
const BYTES: usize = 256;

/// A vault with this many unsigned events of one log.
pub(crate) fn vault(path: &Path, events: u64) -> Vault {
    let vault = Vault::builder().durability(Durability::Fast).open(path).unwrap();
    fill(&vault.named_writer("alice").unwrap(), events);
    vault
}

/// Commits this many events.
pub(crate) fn fill(writer: &Writer, events: u64) {
    for first in (0..events).step_by(BATCH) {
        let numbers = first..events.min(first + BATCH as u64);
        let batch = numbers.map(|number| Event::raw("note", payload(number, BYTES)).stream("conv:demo"));
        writer.commit_batch(batch).unwrap();
    }
}

/// The baseline's table with the same payloads.
pub(crate) fn baseline(path: &Path, events: u64) -> Baseline {
    let mut baseline = Baseline::open(path, Durability::Fast);
    for first in (0..events).step_by(BATCH) {
        let rows =
            baseline.prepare((first..events.min(first + BATCH as u64)).map(|number| payload(number, BYTES)).collect());
        baseline.insert_all(&rows);
    }
    baseline
}
