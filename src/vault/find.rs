//! Finding one event, one payload, one lineage.

use std::fmt;

use uuid::Uuid;

use super::filter::Filter;
use super::header::{EventHeader, EventId, Position};
use super::lineage::{Direction, Lineage};
use super::lookup;
use super::open::Vault;
use super::read::Events;
use super::receipt::Receipt;
use super::record::{Names, StoredEvent};
use crate::causal::append::find_entry;
use crate::causal::table::{edge, entry, payload, timeline};
use crate::causal::{EntryHash, EventRef, PayloadDigest};
use crate::words::limits::POSITION_MAX;
use crate::words::{Result, StoreError};

/// What names one event: made from its id, its reference, its hash, its position, a receipt, a header or the event.
///
/// ```
/// use causal_vault::{Event, Vault};
///
/// let vault = Vault::in_memory()?;
/// let note = vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
/// let by_reference = vault.get(&note)?;
/// assert_eq!(vault.get(note.id)?, by_reference);
/// assert_eq!(vault.get(note.hash)?, by_reference);
/// assert_eq!(vault.get(note.position)?, by_reference);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKey {
    /// Its hash alone: the first look-up after many appends indexes them.
    Hash(EntryHash),
    /// Its identity.
    Id(EventId),
    /// Its place in the commit order.
    Position(Position),
    /// Its place in its log, believed by its hash.
    Reference(EventRef),
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash(hash) => write!(f, "with hash {hash}"),
            Self::Id(id) => write!(f, "with id {id}"),
            Self::Position(position) => write!(f, "at position {position}"),
            Self::Reference(reference) => reference.fmt(f),
        }
    }
}

macro_rules! key_from {
    ($($from:ty => $key:expr),* $(,)?) => {
        $(impl From<$from> for EventKey {
            fn from(from: $from) -> Self {
                $key(from.into())
            }
        })*
    };
}

key_from! {
    EntryHash => Self::Hash,
    EventId => Self::Id,
    Position => Self::Position,
    EventRef => Self::Reference,
    &EventRef => Self::Reference,
    &Receipt => Self::Reference,
    &EventHeader => Self::Reference,
    &StoredEvent => Self::Reference,
}

impl Vault {
    /// The event that a key names, or `None` if this tenant has none. It is what the file says;
    /// [`verify`](Self::verify) proves that it is what was committed.
    ///
    /// ```
    /// use causal_vault::{EventId, Vault};
    ///
    /// assert_eq!(Vault::in_memory()?.try_get(EventId::new())?, None);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn try_get(&self, key: impl Into<EventKey>) -> Result<Option<StoredEvent>> {
        let Some(id) = self.find(&key.into())? else { return Ok(None) };
        entry::by_id(self.db(), id, |row| Names::default().event(self.db(), &row))
    }

    /// The event that a key names; its absence is an error.
    ///
    /// ```
    /// use causal_vault::{ErrorKind, EventId, Vault};
    ///
    /// let error = Vault::in_memory()?.get(EventId::new()).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn get(&self, key: impl Into<EventKey>) -> Result<StoredEvent> {
        let key = key.into();
        self.try_get(key.clone())?.ok_or_else(|| StoreError::NotFound { what: "the event", name: key.to_string() })
    }

    /// The bytes with this digest, whether they came as a payload or as an attachment; `None` if this tenant has none.
    /// They are hashed again, so that what is returned is what the digest names.
    ///
    /// ```
    /// use causal_vault::{PayloadDigest, Vault};
    ///
    /// assert_eq!(Vault::in_memory()?.try_payload(&PayloadDigest::of(b"hi"))?, None);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn try_payload(&self, digest: &PayloadDigest) -> Result<Option<Vec<u8>>> {
        let Some(timeline) = timeline::find(self.db(), self.tenant(), timeline::MAIN)? else { return Ok(None) };
        let found = match payload::find(self.db(), timeline.id, digest)? {
            Some(id) => payload::read(self.db(), id)?,
            None => lookup::by_digest(self.db(), &timeline, digest)?,
        };
        match found {
            Some(bytes) if PayloadDigest::of(&bytes) != *digest => Err(StoreError::Corrupt {
                what: format!("the payload with digest {digest}"),
                detail: format!("its bytes have digest {}; run verify", PayloadDigest::of(&bytes)),
            }),
            other => Ok(other),
        }
    }

    /// The bytes with this digest; their absence is an error.
    ///
    /// ```
    /// use causal_vault::{Event, PayloadDigest, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// assert_eq!(vault.payload(&PayloadDigest::of(b"hi"))?, b"hi");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn payload(&self, digest: &PayloadDigest) -> Result<Vec<u8>> {
        self.try_payload(digest)?
            .ok_or_else(|| StoreError::NotFound { what: "the payload with digest", name: digest.to_hex() })
    }

    /// The events that a filter wants, in commit order. See [`Events`].
    ///
    /// ```
    /// use causal_vault::{Filter, Vault};
    ///
    /// assert_eq!(Vault::in_memory()?.events(Filter::all())?.count(), 0);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn events(&self, filter: Filter) -> Result<Events> {
        filter.check()?;
        Events::open(self.clone(), &filter, usize::MAX)
    }

    /// What an event came from: its parents, their parents and so on, newest first. See [`Lineage`].
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let question = alice.commit(Event::raw("question", "why?").stream("conv:demo"))?;
    /// let answer = alice.commit(Event::raw("answer", "because").stream("conv:demo").parent(&question))?;
    /// assert_eq!(vault.ancestors(&answer)?.count(), 1);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn ancestors(&self, key: impl Into<EventKey>) -> Result<Lineage> {
        self.lineage(key.into(), Direction::Ancestors)
    }

    /// What came of an event: the events that name it as a parent, those that name these and so on, oldest first. See
    /// [`Lineage`].
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let question = alice.commit(Event::raw("question", "why?").stream("conv:demo"))?;
    /// let answer = alice.commit(Event::raw("answer", "because").stream("conv:demo").parent(&question))?;
    /// assert_eq!(vault.descendants(&question)?.count(), 1);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn descendants(&self, key: impl Into<EventKey>) -> Result<Lineage> {
        self.lineage(key.into(), Direction::Descendants)
    }

    /// The events that an event explicitly follows, in commit order.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let question = alice.commit(Event::raw("question", "why?").stream("conv:demo"))?;
    /// let answer = alice.commit(Event::raw("answer", "because").stream("conv:demo").parent(&question))?;
    /// assert_eq!(vault.parents(&answer)?[0].hash, question.hash);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn parents(&self, event: impl Into<EventKey>) -> Result<Vec<EventHeader>> {
        let key = event.into();
        let missing = || StoreError::NotFound { what: "the event", name: key.to_string() };
        let (db, mut names) = (self.db(), Names::default());
        let mut parents = Vec::new();
        let id = self.find(&key)?.ok_or_else(missing)?;
        let child = entry::link_by_id(db, id)?.ok_or_else(missing)?;
        for parent in edge::parents(db, child.id)? {
            parents.extend(entry::by_id(db, parent, |row| names.header(db, &row))?);
        }
        Ok(parents)
    }

    /// The hashes of entries that begin with these hexadecimal digits, four at least, in no order: at most as many as are
    /// asked for. Two are enough to see that a short form is ambiguous.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let note = vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// assert_eq!(vault.hashes_with_prefix(&note.hash.to_hex()[..8], 2)?, [note.hash]);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn hashes_with_prefix(&self, hex: &str, most: usize) -> Result<Vec<EntryHash>> {
        if !(4..=64).contains(&hex.len()) || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(StoreError::Invalid {
                what: "prefix of a hash",
                reason: format!("{hex:?} is not 4 to 64 hexadecimal digits"),
            });
        }
        match timeline::find(self.db(), self.tenant(), timeline::MAIN)? {
            Some(timeline) => lookup::by_hash_prefix(self.db(), &timeline, &hex.to_lowercase(), most),
            None => Ok(Vec::new()),
        }
    }

    fn lineage(&self, key: EventKey, direction: Direction) -> Result<Lineage> {
        match self.find(&key)? {
            Some(id) => Lineage::open(self.clone(), id, direction),
            None => Err(StoreError::NotFound { what: "the event", name: key.to_string() }),
        }
    }

    /// The row that a key names.
    pub(super) fn find(&self, key: &EventKey) -> Result<Option<u64>> {
        let db = self.db();
        let Some(timeline) = timeline::find(db, self.tenant(), timeline::MAIN)? else { return Ok(None) };
        match key {
            EventKey::Reference(reference) => Ok(find_entry(db, timeline.id, reference)?.map(|link| link.id)),
            EventKey::Hash(hash) => lookup::by_hash(db, &timeline, hash),
            EventKey::Id(event) => entry::by_event_id(db, timeline.id, &Uuid::from(*event), |row| {
                let same = row.decode()?.event_id.as_bytes() == event.as_bytes();
                Ok((same && entry::timeline(row.id) == timeline.id).then_some(row.id))
            }),
            EventKey::Position(position) => {
                let number = position.number();
                Ok(if (1..=POSITION_MAX).contains(&number) { Some(entry::id(timeline.id, number)?) } else { None })
            }
        }
    }
}
