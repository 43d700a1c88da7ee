//! Turning rows into events.

use std::collections::HashMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::codec;
use super::header::{EventHeader, MESSAGE_PACK, Position};
use super::recall;
use crate::backend::Sql;
use crate::causal::table::entry::{Row, StoredPayload};
use crate::causal::table::{entry, payload, writer};
use crate::causal::{EventRef, Fingerprint, Scheme};
use crate::intent::IntentId;
use crate::words::{Result, StoreError};

/// An event as it stands in the vault.
///
/// ```
/// use causal_vault::{Event, Vault};
///
/// let vault = Vault::in_memory()?;
/// let note = vault.named_writer("alice")?.commit(Event::new("note", "hi")?.stream("conv:demo"))?;
/// let stored = vault.get(&note)?;
/// assert_eq!(stored.decode::<String>()?, "hi");
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredEvent {
    /// Everything but the payload.
    pub header: EventHeader,
    /// The payload, verbatim.
    pub payload: Vec<u8>,
}

impl StoredEvent {
    /// The typed payload. Refused: another media type, bytes behind its end, duplicate keys, nesting deeper than 64.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let raw = alice.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// assert!(vault.get(&raw)?.decode::<String>().is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        match self.header.content_type() {
            MESSAGE_PACK => codec::decode(&self.payload),
            other => Err(StoreError::Invalid {
                what: "payload",
                reason: format!("it is {other}, not {MESSAGE_PACK}; read its bytes instead"),
            }),
        }
    }
}

impl From<&StoredEvent> for EventRef {
    fn from(event: &StoredEvent) -> Self {
        (&event.header).into()
    }
}

/// Reads rows, sharing the names that repeat.
#[derive(Default)]
pub(super) struct Names {
    strings: HashMap<Box<str>, Arc<str>>,
    writers: HashMap<Fingerprint, Arc<str>>,
    /// Whether events were assigned to intents at all, once that was asked.
    has_intents: Option<bool>,
}

impl Names {
    pub(super) fn header<S: Sql + ?Sized>(&mut self, sql: &S, row: &Row<'_>) -> Result<EventHeader> {
        let stored = row.decode()?;
        Ok(EventHeader {
            id: stored.event_id.into(),
            timestamp: stored.ts_ms,
            digest: row.causal(&stored),
            kind: self.share(stored.kind),
            stream: self.share(stored.stream),
            writer: stored.writer,
            writer_name: self.writer(sql, stored.writer)?,
            epoch: stored.epoch,
            seq: stored.seq,
            position: Position::new(entry::position(row.id)),
            hash: row.hash,
            lamport: stored.lamport,
            payload_digest: stored.payload_digest,
            payload_len: stored.payload_len,
            extensions: stored.extensions.iter().collect(),
            intent: self.intent(sql, row.id, stored.extensions.embedding().is_some())?,
            parents: stored.parents,
        })
    }

    pub(super) fn event<S: Sql + ?Sized>(&mut self, sql: &S, row: &Row<'_>) -> Result<StoredEvent> {
        let header = self.header(sql, row)?;
        let payload = read_payload(sql, row, row.decode()?.scheme)?;
        Ok(StoredEvent { header, payload })
    }

    fn intent<S: Sql + ?Sized>(&mut self, sql: &S, id: u64, is_embedded: bool) -> Result<Option<IntentId>> {
        if !is_embedded {
            return Ok(None);
        }
        let has_intents = match self.has_intents {
            Some(has_intents) => has_intents,
            None => *self.has_intents.insert(recall::is_there(sql)?),
        };
        if has_intents { recall::label_of(sql, id) } else { Ok(None) }
    }

    fn share(&mut self, name: &str) -> Arc<str> {
        if let Some(shared) = self.strings.get(name) {
            return Arc::clone(shared);
        }
        // A reader of a million streams must not hold a million names.
        if self.strings.len() >= 4096 {
            self.strings.clear();
        }
        let shared: Arc<str> = name.into();
        self.strings.insert(name.into(), Arc::clone(&shared));
        shared
    }

    fn writer<S: Sql + ?Sized>(&mut self, sql: &S, id: Fingerprint) -> Result<Arc<str>> {
        if let Some(name) = self.writers.get(&id) {
            return Ok(Arc::clone(name));
        }
        if self.writers.len() >= 4096 {
            self.writers.clear();
        }
        let name = writer::label(sql, &id)?.unwrap_or_else(|| id.to_hex().into());
        self.writers.insert(id, Arc::clone(&name));
        Ok(name)
    }
}

/// The payload of a row, wherever it stands.
pub(crate) fn read_payload<S: Sql + ?Sized>(sql: &S, row: &Row<'_>, scheme: Scheme) -> Result<Vec<u8>> {
    let missing = |what: String| StoreError::Corrupt {
        what,
        detail: format!("the entry at position {} needs it and it is missing", entry::position(row.id)),
    };
    match row.payload {
        StoredPayload::Inline(bytes) => Ok(bytes.to_vec()),
        StoredPayload::Shared(id) => payload::read(sql, id)?.ok_or_else(|| missing(format!("payload {id}"))),
        StoredPayload::None if scheme == Scheme::None => Ok(Vec::new()),
        StoredPayload::None => Err(missing("a payload".to_owned())),
    }
}
