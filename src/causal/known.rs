//! What the last transaction learnt about a timeline, kept in memory for the next one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fingerprint::Fingerprint;
use super::hash::{EntryHash, Realm};
use super::table::entry::Link;
use super::table::model::Model;
use super::table::timeline::Timeline;

/// Rows that are kept at most, so that a writer to a million streams does not hold a million heads.
const ROWS_MAX: usize = 4096;

/// The rows that appending needs, as they were committed under one tree head.
///
/// The tree head, which every transaction reads under the write lock, covers every entry: while it is the same, so are
/// the heads of the logs, whoever else may have had the lock in between. Where it is another, all of this is forgotten.
pub(crate) struct Known {
    pub(super) realm: Realm,
    pub(super) timeline: Timeline,
    /// Whether there are events about writers at all.
    is_told: Option<bool>,
    /// The tenant's newest epoch.
    epoch: Option<u32>,
    writers: BTreeMap<Fingerprint, KnownWriter>,
    logs: BTreeMap<Fingerprint, BTreeMap<Arc<str>, LogHead>>,
    kinds: BTreeMap<Box<str>, i64>,
    models: BTreeMap<Box<str>, Model>,
    rows: usize,
}

/// A writer that may append.
#[derive(Clone, Copy)]
pub(super) struct KnownWriter {
    pub(super) row: i64,
    /// The key that it signs with.
    pub(super) key: Option<[u8; 32]>,
    /// How many keys it had before.
    pub(super) rotations: u32,
}

/// A log and its newest entry.
#[derive(Clone)]
pub(super) struct LogHead {
    pub(super) id: i64,
    pub(super) stream: Arc<str>,
    /// The key that its writer signs with.
    pub(super) key: Option<[u8; 32]>,
    pub(super) epoch: u32,
    pub(super) genesis: EntryHash,
    pub(super) last: Option<Link>,
}

impl Known {
    pub(super) fn new(realm: Realm, timeline: Timeline) -> Self {
        let (writers, logs, kinds, models) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { realm, timeline, is_told: None, epoch: None, writers, logs, kinds, models, rows: 0 }
    }

    /// Whether it is worth keeping for the next transaction.
    pub(super) fn is_small(&self) -> bool {
        self.rows <= ROWS_MAX
    }

    pub(super) fn is_told(&self) -> Option<bool> {
        self.is_told
    }

    pub(super) fn learn_is_told(&mut self, is_told: bool) -> bool {
        *self.is_told.insert(is_told)
    }

    pub(super) fn epoch(&self) -> Option<u32> {
        self.epoch
    }

    pub(super) fn learn_epoch(&mut self, epoch: u32) -> u32 {
        *self.epoch.insert(epoch)
    }

    /// After an event that changes what writers may append.
    pub(super) fn forget_writers(&mut self) {
        (self.is_told, self.epoch) = (None, None);
        (self.writers, self.logs) = (BTreeMap::new(), BTreeMap::new());
        self.rows = self.kinds.len() + self.models.len();
    }

    pub(super) fn writer(&self, writer: &Fingerprint) -> Option<KnownWriter> {
        self.writers.get(writer).copied()
    }

    pub(super) fn learn_writer(&mut self, writer: Fingerprint, known: KnownWriter) -> KnownWriter {
        self.rows += usize::from(self.writers.insert(writer, known).is_none());
        known
    }

    pub(super) fn log(&self, writer: &Fingerprint, stream: &str) -> Option<&LogHead> {
        self.logs.get(writer)?.get(stream)
    }

    pub(super) fn learn_log(&mut self, writer: Fingerprint, head: LogHead) {
        let logs = self.logs.entry(writer).or_default();
        self.rows += usize::from(logs.insert(Arc::clone(&head.stream), head).is_none());
    }

    pub(super) fn advance(&mut self, writer: &Fingerprint, stream: &str, last: Link) {
        if let Some(head) = self.logs.get_mut(writer).and_then(|logs| logs.get_mut(stream)) {
            head.last = Some(last);
        }
    }

    pub(super) fn kind(&self, name: &str) -> Option<i64> {
        self.kinds.get(name).copied()
    }

    pub(super) fn learn_kind(&mut self, name: &str, row: i64) -> i64 {
        self.rows += usize::from(self.kinds.insert(name.into(), row).is_none());
        row
    }

    pub(super) fn model(&self, name: &str) -> Option<&Model> {
        self.models.get(name)
    }

    pub(super) fn learn_model(&mut self, model: &Model) {
        self.rows += usize::from(self.models.insert(model.name.as_str().into(), model.clone()).is_none());
    }
}
