//! What is in a vault: counted from what it gives back, not from what was put in.

use std::collections::HashMap;

use causal_vault::limits::PARENTS;

use crate::record::CommitRecord;

/// The recorded commits in numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    pub(crate) events: u64,
    pub(crate) merges: u64,
    /// Merges of more parents than an event can name.
    pub(crate) wide_merges: u64,
    /// Commits whose parents are not here, because the clone was shallow.
    pub(crate) cut_off: u64,
    pub(crate) files_changed: u64,
    /// The events' own payloads, and every file as often as a commit left a new version of it.
    pub(crate) bytes_named: u64,
    /// The payloads as they are stored: each once.
    pub(crate) bytes_stored: u64,
    /// Events per writer.
    pub(crate) writers: HashMap<String, u64>,
}

impl Census {
    pub(crate) fn count(&mut self, writer: &str, payload_bytes: u64, commit: &CommitRecord) {
        self.events += 1;
        self.merges += u64::from(commit.parents.len() > 1);
        self.wide_merges += u64::from(commit.parents.len() > PARENTS);
        self.cut_off += u64::from(commit.is_cut_off());
        self.files_changed += commit.changes.len() as u64;
        let files = commit.changes.iter().filter_map(|change| change.entry.as_ref());
        self.bytes_named += payload_bytes + files.map(|entry| entry.size).sum::<u64>();
        match self.writers.get_mut(writer) {
            Some(events) => *events += 1,
            None => drop(self.writers.insert(writer.to_owned(), 1)),
        }
    }
}
