//! What names an entry from outside: its place in its log, and its hash.

use std::fmt;
use std::sync::Arc;

use super::fingerprint::Fingerprint;
use super::hash::EntryHash;

/// A reference to an entry: found by its place, believed by its hash.
///
/// It resolves through the log's own key, so that no index over random hashes slows every append.
///
/// ```
/// use causal_vault::{EntryHash, EventRef, Fingerprint};
///
/// let mint = EventRef {
///     stream: "ledger".into(),
///     writer: Fingerprint::named("alice")?,
///     seq: 1,
///     hash: EntryHash::from_bytes([7; 32]),
/// };
/// assert!(mint.to_string().starts_with("ledger/e06d30fb/1@0707"));
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct EventRef {
    /// The stream it was appended to.
    pub stream: Arc<str>,
    /// The writer that appended it.
    pub writer: Fingerprint,
    /// Its number in that log.
    pub seq: u64,
    /// Its hash.
    pub hash: EntryHash,
}

impl fmt::Display for EventRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let writer = self.writer.to_hex();
        write!(f, "{}/{}/{}@{}", self.stream, writer.get(..8).unwrap_or_default(), self.seq, self.hash)
    }
}
