//! What is known of an event without its payload.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use uuid::Uuid;

use crate::causal::{CausalDigest, EntryHash, EventRef, Extension, Fingerprint, PayloadDigest, TreeHead};
use crate::intent::IntentId;

/// The identity of an event: a UUID, and the key under which a retry finds it.
///
/// ```
/// use causal_vault::EventId;
///
/// let id = EventId::new();
/// assert_eq!(id.to_string().parse(), Ok(id));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(Uuid);

impl EventId {
    /// A new one (UUID version 7). Its order in time is a convenience: nothing is decided by it.
    #[allow(clippy::new_without_default)] // Two calls never give the same.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// Wraps 16 bytes that already are one.
    ///
    /// ```
    /// assert_eq!(causal_vault::EventId::from_bytes([7; 16]).as_bytes(), &[7; 16]);
    /// ```
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The 16 bytes.
    ///
    /// ```
    /// assert_eq!(causal_vault::EventId::from_bytes([7; 16]).as_bytes(), &[7; 16]);
    /// ```
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl From<Uuid> for EventId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl From<EventId> for Uuid {
    fn from(id: EventId) -> Self {
        id.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for EventId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A place in the commit order of a tenant's timeline: what cursors hold.
///
/// Positions are gap-free: the first event has [`number`](Self::number) 1, and an event committed later has a larger one.
///
/// ```
/// use causal_vault::{Event, Position, Vault};
///
/// let vault = Vault::in_memory()?;
/// let note = vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
/// assert!(note.position > Position::START);
/// assert_eq!(note.position.number(), 1);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(u64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The number of events up to here.
    ///
    /// ```
    /// assert_eq!(causal_vault::Position::START.number(), 0);
    /// ```
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The place with this number: of the first event for 1.
    ///
    /// ```
    /// use causal_vault::{Event, Position, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let note = vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// assert_eq!(vault.get(Position::new(1))?.header.hash, note.hash);
    /// assert_eq!(vault.try_get(Position::new(2))?, None);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub const fn new(number: u64) -> Self {
        Self(number)
    }
}

/// The end of the history that a tree is over.
///
/// ```
/// use causal_vault::{Filter, Vault};
///
/// let vault = Vault::in_memory()?;
/// let news = Filter::all().after(vault.tree_head()?.into());
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
impl From<TreeHead> for Position {
    fn from(head: TreeHead) -> Self {
        Self(head.size)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is known of an event without its payload: what subscribers get.
///
/// ```
/// use causal_vault::{Event, Vault};
///
/// let vault = Vault::in_memory()?;
/// let alice = vault.named_writer("alice")?;
/// let note = alice.commit(Event::raw("note", "hi").stream("conv:demo"))?;
/// let header = vault.get(&note)?.header;
/// assert_eq!((&*header.stream, &*header.writer_name, &*header.kind), ("conv:demo", "alice", "note"));
/// assert_eq!(header.hash, note.hash);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EventHeader {
    /// The event's identity.
    pub id: EventId,
    /// The hashes of the entries that it explicitly follows, ascending.
    pub parents: SmallVec<[EntryHash; 4]>,
    /// The time it claims, in milliseconds since 1970.
    pub timestamp: i64,
    /// Its lineage identity.
    pub digest: CausalDigest,
    /// What kind of event it is.
    pub kind: Arc<str>,
    /// The stream.
    pub stream: Arc<str>,
    /// The writer.
    pub writer: Fingerprint,
    /// The writer's name, or its fingerprint in hex.
    pub writer_name: Arc<str>,
    /// The epoch of the writer's log: raised when its key is rotated, and after a restore from a backup.
    pub epoch: u32,
    /// Its number in the writer's log, from 1 in each epoch.
    pub seq: u64,
    /// Its place in the commit order.
    pub position: Position,
    /// The hash of its entry.
    pub hash: EntryHash,
    /// Its Lamport time.
    pub lamport: u64,
    /// The digest of its payload.
    pub payload_digest: PayloadDigest,
    /// The length of its payload in bytes.
    pub payload_len: u64,
    /// Its extensions.
    pub extensions: Vec<Extension>,
    /// The intent that its embedding was put under when it was assigned; `None` where it has no embedding, or is still to be
    /// assigned. What became of that intent since [`Vault::resolve_intent`](crate::Vault::resolve_intent) tells.
    pub intent: Option<IntentId>,
}

impl EventHeader {
    /// The payload's media type; `application/msgpack` unless it was given another.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let note = alice.commit(Event::new("note", "hi")?.stream("conv:demo"))?;
    /// assert_eq!(vault.get(&note)?.header.content_type(), "application/msgpack");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn content_type(&self) -> &str {
        self.extensions
            .iter()
            .find_map(|extension| match extension {
                Extension::ContentType(media_type) => Some(media_type.as_str()),
                _ => None,
            })
            .unwrap_or(MESSAGE_PACK)
    }

    /// The model of its embedding, if it has one.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let event = Event::raw("note", "hi").stream("conv:demo").embedding("minilm", &[0.6, 0.8]);
    /// let note = vault.named_writer("alice")?.commit(event)?;
    /// assert_eq!(vault.get(&note)?.header.model(), Some("minilm"));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn model(&self) -> Option<&str> {
        self.extensions.iter().find_map(|extension| match extension {
            Extension::Embedding { model, .. } => Some(model.as_str()),
            _ => None,
        })
    }
}

/// The media type of a payload that names none.
pub(crate) const MESSAGE_PACK: &str = "application/msgpack";

impl From<&EventHeader> for EventRef {
    fn from(header: &EventHeader) -> Self {
        Self { stream: Arc::clone(&header.stream), writer: header.writer, seq: header.seq, hash: header.hash }
    }
}
