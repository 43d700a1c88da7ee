//! The rows of [`entry`](super::entry), as they are written and as they are read.

use super::{blob, int};
use crate::backend::Value;
use crate::causal::entry::EntryV1;
use crate::causal::hash::{CausalDigest, EntryHash, causal_hash};
use crate::words::limits::POSITION_MAX;
use crate::words::{Result, StoreError};

/// Bits of an id that hold the position.
const POSITION_BITS: u32 = 40;

/// The id of a position, if the timeline has room for it.
pub(crate) fn id(timeline: u64, position: u64) -> Result<u64> {
    if position > POSITION_MAX {
        return Err(StoreError::Limit {
            what: "the timeline",
            found: position,
            limit: POSITION_MAX,
            unit: "positions",
        });
    }
    Ok(timeline << POSITION_BITS | position)
}

/// The position in an id.
pub(crate) fn position(id: u64) -> u64 {
    id & POSITION_MAX
}

/// The timeline in an id.
pub(crate) fn timeline(id: u64) -> u64 {
    id >> POSITION_BITS
}

/// A row to be inserted.
pub(crate) struct NewRow {
    pub(crate) id: u64,
    pub(crate) log: i64,
    pub(crate) seq: u64,
    /// How many positions back the entry before it in its log stands; 0 for the first.
    pub(crate) back: u64,
    /// Where the event's id does not name this position.
    pub(crate) event_key: Option<i64>,
    pub(crate) kind: i64,
    pub(crate) lamport: u64,
    pub(crate) hash: EntryHash,
    /// Where there are parents.
    pub(crate) causal: Option<CausalDigest>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) signature: Option<[u8; 64]>,
    pub(crate) payload: StoredPayload<Vec<u8>>,
}

impl NewRow {
    /// What its columns hold, in their order.
    pub(super) fn into_values(self) -> [Value; 13] {
        let (payload, payload_id) = match self.payload {
            StoredPayload::Inline(bytes) => (Value::Blob(bytes), Value::Null),
            StoredPayload::Shared(id) => (Value::Null, Value::Int(id)),
            StoredPayload::None => (Value::Null, Value::Null),
        };
        [
            int(self.id),
            Value::Int(self.log),
            int(self.seq),
            int(self.back),
            self.event_key.map_or(Value::Null, Value::Int),
            Value::Int(self.kind),
            int(self.lamport),
            blob(self.hash.as_bytes()),
            self.causal.map_or(Value::Null, |causal| blob(causal.as_bytes())),
            Value::Blob(self.bytes),
            self.signature.map_or(Value::Null, |signature| blob(&signature)),
            payload,
            payload_id,
        ]
    }
}

/// Where a payload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredPayload<B> {
    /// In the entry's row.
    Inline(B),
    /// In a row of its own.
    Shared(i64),
    /// Nowhere: there is none.
    None,
}

/// A row as it is read, its bytes still the engine's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) id: u64,
    pub(crate) log: i64,
    pub(crate) seq: u64,
    /// How many positions back the entry before it in its log stands; 0 for the first.
    pub(crate) back: u64,
    /// Where the event's id does not name this position.
    pub(crate) event_key: Option<i64>,
    pub(crate) kind: i64,
    pub(crate) lamport: u64,
    pub(crate) hash: EntryHash,
    pub(crate) causal: Option<CausalDigest>,
    pub(crate) bytes: &'a [u8],
    pub(crate) signature: Option<[u8; 64]>,
    pub(crate) payload: StoredPayload<&'a [u8]>,
}

pub(super) fn decode(id: u64, bytes: &[u8]) -> Result<EntryV1<'_>> {
    EntryV1::decode(bytes).map_err(|error| StoreError::Corrupt {
        what: format!("the entry at position {}", position(id)),
        detail: format!("{error}; run verify"),
    })
}

impl<'a> Row<'a> {
    /// What its bytes say. That they do not decode is the store's fault and not the caller's.
    pub(crate) fn decode(&self) -> Result<EntryV1<'a>> {
        decode(self.id, self.bytes)
    }

    /// The same row over other bytes, and another inline payload where it has one.
    pub(crate) fn with_bytes<'b>(&self, bytes: &'b [u8], inline: &'b [u8]) -> Row<'b> {
        let Row { id, log, seq, back, event_key, kind, lamport, hash, causal, signature, .. } = *self;
        let payload = match self.payload {
            StoredPayload::Inline(_) => StoredPayload::Inline(inline),
            StoredPayload::Shared(id) => StoredPayload::Shared(id),
            StoredPayload::None => StoredPayload::None,
        };
        Row { id, log, seq, back, event_key, kind, lamport, hash, causal, bytes, signature, payload }
    }

    /// The causal digest of the entry whose bytes say `stored`.
    pub(crate) fn causal(&self, stored: &EntryV1<'_>) -> CausalDigest {
        self.causal.unwrap_or_else(|| causal_hash(&stored.payload_digest, &[]))
    }
}

/// Where an entry stands in its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) log: i64,
    pub(crate) seq: u64,
    /// How many positions back the entry before it stands; 0 for the first.
    pub(crate) back: u64,
}

/// What an entry's successors need of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) id: u64,
    pub(crate) seq: u64,
    pub(crate) lamport: u64,
    pub(crate) hash: EntryHash,
    pub(crate) causal: CausalDigest,
}

/// An entry without the columns that follow from its bytes.
pub(crate) struct Evidence<'a> {
    pub(crate) id: u64,
    pub(crate) bytes: &'a [u8],
    pub(crate) signature: Option<[u8; 64]>,
    /// An inline payload.
    pub(crate) payload: Option<&'a [u8]>,
}
