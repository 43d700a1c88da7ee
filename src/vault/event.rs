//! An event on its way into the vault.

use serde::Serialize;
use uuid::Uuid;

use super::codec;
use super::header::EventId;
use crate::causal::draft::Draft;
use crate::causal::extension::embedding_bytes;
use crate::causal::hash;
use crate::causal::key_event::RESERVED;
use crate::causal::{EntryHash, EventRef, Extension};
use crate::intent::UnitVector;
use crate::words::{Result, StoreError};

/// An event to be committed: its kind and payload, and what it is about.
///
/// ```
/// use causal_vault::{Event, Vault};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Mint { amount: u64 }
///
/// let vault = Vault::in_memory()?;
/// let alice = vault.named_writer("alice")?;
/// let mint = alice.commit(Event::new("ledger.mint", &Mint { amount: 5 })?.stream("ledger"))?;
/// alice.commit(Event::raw("ledger.note", "paid in full").stream("ledger").parent(&mint))?;
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "an event is stored when a writer commits it"]
pub struct Event {
    kind: String,
    payload: Vec<u8>,
    stream: Option<String>,
    id: Option<Uuid>,
    timestamp: Option<i64>,
    parents: Vec<EventRef>,
    extensions: Vec<Extension>,
    attachments: Vec<Vec<u8>>,
    embedding: Option<(String, Vec<f32>)>,
    expected_seq: Option<u64>,
    /// Whether it may be of a kind that is the vault's own.
    is_the_vaults: bool,
}

impl Event {
    /// An event with a typed payload, encoded as MessagePack with named fields.
    ///
    /// A payload that could not be read back is refused: duplicate keys, nesting deeper than 64.
    ///
    /// ```
    /// use causal_vault::Event;
    ///
    /// let event = Event::new("ledger.mint", &("alice", 5))?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn new<T: Serialize + ?Sized>(kind: impl Into<String>, payload: &T) -> Result<Self> {
        Ok(Self::from_parts(kind.into(), codec::encode(payload)?))
    }

    /// An event whose payload is bytes of the caller's own making, marked as `application/octet-stream`.
    ///
    /// ```
    /// use causal_vault::Event;
    ///
    /// let event = Event::raw("screenshot", vec![0x89, 0x50]).content_type("image/png");
    /// ```
    pub fn raw(kind: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        Self::from_parts(kind.into(), payload.into()).content_type("application/octet-stream")
    }

    fn from_parts(kind: String, payload: Vec<u8>) -> Self {
        Self {
            kind,
            payload,
            stream: None,
            id: None,
            timestamp: None,
            parents: Vec::new(),
            extensions: Vec::new(),
            attachments: Vec::new(),
            embedding: None,
            expected_seq: None,
            is_the_vaults: false,
        }
    }

    /// Lets the vault itself use its own kinds.
    pub(crate) fn by_the_vault(mut self) -> Self {
        self.is_the_vaults = true;
        self
    }

    /// The stream it belongs to: every event needs one.
    ///
    /// ```
    /// let event = causal_vault::Event::raw("note", "hi").stream("conv:demo");
    /// ```
    pub fn stream(mut self, stream: impl Into<String>) -> Self {
        self.stream = Some(stream.into());
        self
    }

    /// An event of any writer that this one causally follows. At most 64, each once.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let question = alice.commit(Event::raw("question", "why?").stream("conv:demo"))?;
    /// let bob = vault.named_writer("bob")?;
    /// bob.commit(Event::raw("answer", "because").stream("conv:demo").parent(&question))?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn parent(mut self, parent: impl Into<EventRef>) -> Self {
        self.parents.push(parent.into());
        self
    }

    /// The id under which a retry finds it: committing the same event again under the same id returns the first
    /// receipt, and another event under it is a conflict. The claimed time may differ. Without one, a new id is made.
    ///
    /// ```
    /// use causal_vault::{Event, EventId, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let event = Event::raw("note", "once").stream("conv:demo").id(EventId::new());
    /// let first = alice.commit(event.clone())?;
    /// let again = alice.commit(event)?;
    /// assert_eq!((again.hash, again.is_new), (first.hash, false));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn id(mut self, id: impl Into<EventId>) -> Self {
        self.id = Some(id.into().into());
        self
    }

    /// The time it claims to have happened, in milliseconds since 1970; this machine's clock unless given. For display:
    /// nothing compares it.
    ///
    /// ```
    /// let event = causal_vault::Event::raw("note", "hi").timestamp(1_767_225_600_000);
    /// ```
    pub fn timestamp(mut self, ms: i64) -> Self {
        self.timestamp = Some(ms);
        self
    }

    /// Requires the writer's log in this stream to be at this sequence number, 0 for empty and in a new epoch; otherwise
    /// the commit is a [`StoreError::HeadMoved`](crate::StoreError::HeadMoved). A retry of an event that is already there
    /// is not held to it.
    ///
    /// ```
    /// use causal_vault::{ErrorKind, Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// alice.commit(Event::raw("note", "first").stream("conv:demo").expect_seq(0))?;
    /// let error = alice.commit(Event::raw("note", "stale").stream("conv:demo").expect_seq(0)).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Conflict);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn expect_seq(mut self, seq: u64) -> Self {
        self.expected_seq = Some(seq);
        self
    }

    /// The payload's media type, where it is not MessagePack: 1 to 128 bytes.
    ///
    /// ```
    /// let event = causal_vault::Event::raw("page", "<p>hi</p>").content_type("text/html");
    /// ```
    pub fn content_type(self, media_type: impl Into<String>) -> Self {
        self.extend(Extension::ContentType(media_type.into()))
    }

    /// The resources it changes, such as `file:src/a.rs`: names of 1 to 128 bytes, 64 KiB together.
    ///
    /// ```
    /// let event = causal_vault::Event::raw("edit", "").touches(["file:src/a.rs"]);
    /// ```
    pub fn touches(self, resources: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.extend(Extension::Touches(resources.into_iter().map(Into::into).collect()))
    }

    /// The entries that were in context when it was made. At most 2,047.
    ///
    /// ```
    /// use causal_vault::{EntryHash, Event};
    ///
    /// let event = Event::raw("answer", "because").reads([EntryHash::from_bytes([7; 32])]);
    /// ```
    pub fn reads(self, entries: impl IntoIterator<Item = EntryHash>) -> Self {
        self.extend(Extension::Reads(entries.into_iter().collect()))
    }

    /// The W3C trace context it was made in.
    ///
    /// ```
    /// let event = causal_vault::Event::raw("call", "").trace([1; 16], [2; 8]);
    /// ```
    pub fn trace(self, trace_id: [u8; 16], span_id: [u8; 8]) -> Self {
        self.extend(Extension::Trace { trace_id, span_id })
    }

    /// The digest of the grant that allowed it.
    ///
    /// ```
    /// let event = causal_vault::Event::raw("call", "").grant([1; 32]);
    /// ```
    pub fn grant(self, digest: [u8; 32]) -> Self {
        self.extend(Extension::Grant(digest))
    }

    /// Bytes stored with it, once for each digest and tenant, and redeemed by
    /// [`Vault::payload`](crate::Vault::payload). Their digests belong into the payload: only so the hash covers them.
    /// Each may be as large as a payload; a batch or transaction of more than one event holds 16 MiB of both.
    ///
    /// ```
    /// use causal_vault::{Event, PayloadDigest, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let digest = PayloadDigest::of(b"a whole file");
    /// let event = Event::new("file.saved", &digest)?.attach("a whole file").stream("files");
    /// vault.named_writer("alice")?.commit(event)?;
    /// assert_eq!(vault.payload(&digest)?, b"a whole file");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn attach(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.attachments.push(bytes.into());
        self
    }

    /// What a model makes of it: 1 to 4,096 finite values that are not all zero, as many for every event of the model. By its
    /// embedding the vault finds the event's [intent](crate::EventHeader::intent), and the events that are
    /// [similar](crate::Vault::similar).
    ///
    /// The values are stored as they are, beside the entry, whose hash covers their digest.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let note = alice.commit(Event::raw("note", "hi").stream("conv:demo").embedding("minilm", &[0.6, 0.8]))?;
    /// assert_eq!(vault.embedding(&note)?, Some(("minilm".into(), vec![0.6, 0.8])));
    ///
    /// let longer = Event::raw("note", "ho").stream("conv:demo").embedding("minilm", &[0.6, 0.8, 0.0]);
    /// assert!(alice.commit(longer).unwrap_err().to_string().contains("it has 3 dimensions"));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn embedding(mut self, model: impl Into<String>, values: &[f32]) -> Self {
        self.embedding = Some((model.into(), values.to_vec()));
        self
    }

    /// The bytes of its payload, attachments and embedding: what it counts towards the 16 MiB of a batch or transaction.
    ///
    /// ```
    /// use causal_vault::Event;
    ///
    /// assert_eq!(Event::raw("note", "four").attach("a file").bytes(), 10);
    /// ```
    pub fn bytes(&self) -> usize {
        let embedding = self.embedding.as_ref().map_or(0, |(_, values)| size_of_val(values.as_slice()));
        self.payload.len() + self.attachments.iter().map(Vec::len).sum::<usize>() + embedding
    }

    /// An extension of the format; one given before with the same tag is replaced.
    fn extend(mut self, extension: Extension) -> Self {
        self.extensions.retain(|other| other.tag() != extension.tag());
        self.extensions.push(extension);
        self
    }

    /// Checks it against the limits and hashes its payload.
    pub(crate) fn draft(self, limit: usize) -> Result<Draft<'static>> {
        self.unhashed(limit).map(Draft::hashed)
    }

    /// Checks it against the limits, where its payload is hashed with others'.
    pub(crate) fn unhashed(mut self, limit: usize) -> Result<Draft<'static>> {
        let Some(stream) = self.stream else {
            return Err(StoreError::Invalid {
                what: "event",
                reason: format!("the event of kind {:?} has no stream; name one with .stream(..)", self.kind),
            });
        };
        if self.kind.starts_with(RESERVED) && !self.is_the_vaults {
            return Err(StoreError::InvalidName {
                what: "kind",
                name: self.kind,
                reason: "kinds that begin with \"vault.\" are the vault's own; choose another",
            });
        }
        let embedding = self.embedding.take().map(|(model, values)| encode_embedding(model, &values)).transpose()?;
        self.extensions.extend(embedding.iter().map(|(said, _, _)| said.clone()));
        let mut draft = Draft::unhashed(stream, self.kind, self.payload, limit)?
            .identified(self.id)
            .with_parents(self.parents)?
            .with_extensions(&self.extensions)?;
        if let Some(timestamp) = self.timestamp {
            draft.ts_ms = timestamp;
        }
        draft.expected_seq = self.expected_seq;
        draft.embedding = embedding.map(|(_, model, bytes)| (model, bytes));
        self.attachments.into_iter().try_fold(draft, |draft, bytes| draft.attach(bytes, limit))
    }
}

/// What an entry says of an embedding, its model, and its values as they are stored.
fn encode_embedding(model: String, values: &[f32]) -> Result<(Extension, String, Vec<u8>)> {
    UnitVector::new(values)?;
    let bytes = embedding_bytes(values);
    let dimensions = u16::try_from(values.len()).expect("a checked embedding has at most 4,096 values");
    let digest = hash::embedding(&bytes);
    Ok((Extension::Embedding { model: model.clone(), dimensions, digest }, model, bytes))
}
