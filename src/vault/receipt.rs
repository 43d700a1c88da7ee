//! The proof of a commit.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::header::{EventId, Position};
use crate::causal::append::Appended;
use crate::causal::{CausalDigest, EntryHash, EventRef, Fingerprint};

/// What a commit returns: where the event stands, and that it is stored at the vault's durability.
///
/// ```
/// use causal_vault::{Event, Vault};
///
/// let vault = Vault::in_memory()?;
/// let receipt = vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
/// assert_eq!((receipt.seq, receipt.position.number(), receipt.is_new), (1, 1, true));
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Receipt {
    /// The event's identity.
    pub id: EventId,
    /// The stream.
    pub stream: Arc<str>,
    /// The writer.
    pub writer: Fingerprint,
    /// The epoch of the writer's log.
    pub epoch: u32,
    /// Its number in the writer's log, from 1 in each epoch.
    pub seq: u64,
    /// Its place in the commit order.
    pub position: Position,
    /// The hash of its entry.
    pub hash: EntryHash,
    /// Its lineage identity.
    pub digest: CausalDigest,
    /// Whether this commit stored it: false when it was already there.
    pub is_new: bool,
}

impl From<&Receipt> for EventRef {
    fn from(receipt: &Receipt) -> Self {
        Self { stream: Arc::clone(&receipt.stream), writer: receipt.writer, seq: receipt.seq, hash: receipt.hash }
    }
}

impl From<&EventRef> for EventRef {
    fn from(reference: &EventRef) -> Self {
        reference.clone()
    }
}

impl From<&Appended> for Receipt {
    fn from(appended: &Appended) -> Self {
        Self {
            id: appended.event_id.into(),
            stream: Arc::clone(&appended.reference.stream),
            writer: appended.reference.writer,
            epoch: appended.epoch,
            seq: appended.reference.seq,
            position: Position::new(appended.position),
            hash: appended.reference.hash,
            digest: appended.causal,
            is_new: appended.is_new,
        }
    }
}
