//! batpak, a writer's log being an entity and the stream a scope.

#[path = "../../workload.rs"]
mod workload;

use std::process::ExitCode;
use std::time::Duration;

use batpak::prelude::*;
use batpak::store::{BatchAppendItem, CausationRef, DurabilityGate, WatermarkKind};
use serde::{Serialize, Serializer};
use workload::{BATCH, Peer, Session, Task};

const KIND: EventKind = EventKind::custom(0xF, 1);

fn main() -> ExitCode {
    workload::main::<Batpak>()
}

struct Batpak {
    store: Store,
    durable: bool,
}

impl Peer for Batpak {
    type Session<'a> = Entity<'a>;

    fn open(task: &Task) -> Result<Self, &'static str> {
        if task.work == "batch" && !task.durable {
            return Err("flushes every batch");
        }
        let config = StoreConfig::new(task.folder.join("batpak"))
            .with_sync_mode(SyncMode::SyncData)
            .with_sync_every_n_events(if task.durable { 1 } else { u32::MAX })
            // Unbounded: what is queued by other threads shares the flush, and no idempotency keys are needed for it.
            .with_group_commit_max_batch(if task.work == "threads" { 0 } else { 1 })
            .with_batch_max_size(u32::try_from(BATCH).unwrap());
        Ok(Self { store: Store::open(config).unwrap(), durable: task.durable })
    }

    fn session(&self, thread: usize) -> Entity<'_> {
        let coordinate = Coordinate::new(format!("writer:{thread}"), "conv:demo").unwrap();
        Entity { store: &self.store, durable: self.durable, coordinate }
    }

    /// Among its events are a few of its own, for each time that it was opened and closed.
    fn verify(&self, task: &Task) -> Result<usize, &'static str> {
        if task.work == "read" {
            let entries = self.store.query(&Region::all());
            let events = entries.iter().map(|entry| self.store.read_raw(entry.event_id()).unwrap());
            return Ok(events.filter(|stored| !stored.event.payload.is_empty()).count().min(task.count));
        }
        let report = self.store.verify_chain().unwrap();
        assert!(report.is_intact());
        Ok(report.events_checked.min(task.count))
    }

    fn close(self) {
        self.store.close().unwrap();
    }
}

struct Entity<'a> {
    store: &'a Store,
    durable: bool,
    coordinate: Coordinate,
}

impl Session for Entity<'_> {
    type Row = Vec<u8>;

    fn prepare(&mut self, payload: Vec<u8>) -> Vec<u8> {
        payload
    }

    /// A receipt by itself comes before the flush; the gate waits for it.
    fn append(&mut self, row: Vec<u8>) {
        let options = if self.durable {
            let gate = DurabilityGate::new(WatermarkKind::Durable, Duration::from_secs(60));
            AppendOptions::new().with_gate(gate)
        } else {
            AppendOptions::new()
        };
        let _receipt = self.store.append_with_options(&self.coordinate, KIND, &Bytes(row), options).unwrap();
    }

    fn batch(&mut self, rows: Vec<Vec<u8>>) {
        let item = |row| {
            let (coordinate, options) = (self.coordinate.clone(), AppendOptions::new());
            BatchAppendItem::new(coordinate, KIND, &Bytes(row), options, CausationRef::None).unwrap()
        };
        self.store.append_batch(rows.into_iter().map(item).collect()).unwrap();
    }
}

/// Bytes as MessagePack's own bytes.
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}
