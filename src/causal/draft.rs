//! An event before it has a place: checked, and its payload hashed, outside of any lock.

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;
use uuid::Uuid;

use super::entry::EntryV1;
use super::extension::{Extension, Extensions};
use super::hash::{EntryHash, PayloadDigest};
use super::reference::EventRef;
use super::signer::Signer;
use super::writer::Identity;
use crate::words::limits::PARENTS;
use crate::words::{Result, StoreError, check_name};

/// Who appends, and how its entries are signed.
#[derive(Clone)]
pub(crate) struct Author {
    pub(crate) identity: Identity,
    /// The key that it signs with: after a rotation not the one that its id is the hash of.
    pub(crate) key: Option<[u8; 32]>,
    pub(crate) signing: Signing,
}

impl Author {
    /// One that signs nothing.
    pub(crate) fn named(identity: Identity) -> Self {
        Self { identity, key: None, signing: Signing::Never }
    }

    /// One that signs every entry.
    pub(crate) fn signing(identity: Identity, signer: impl Signer + 'static) -> Self {
        Self { identity, key: Some(signer.public_key()), signing: Signing::Each(Arc::new(signer)) }
    }
}

/// Which entries of a writer carry a signature.
#[derive(Clone)]
pub(crate) enum Signing {
    /// None: a named writer has no key.
    Never,
    /// Every entry.
    Each(Arc<dyn Signer>),
    /// The last entry of each transaction: it covers the ones before it through the chain.
    Last(Arc<dyn Signer>),
}

/// One event to be appended.
pub(crate) struct Draft<'a> {
    pub(crate) stream: Cow<'a, str>,
    pub(crate) kind: Cow<'a, str>,
    pub(crate) payload: Cow<'a, [u8]>,
    pub(crate) digest: PayloadDigest,
    pub(crate) ts_ms: i64,
    /// The id it was given; otherwise one is made once its position is known.
    pub(crate) event_id: Option<Uuid>,
    pub(crate) parents: Cow<'a, [EventRef]>,
    /// Encoded.
    pub(crate) extensions: Cow<'a, [u8]>,
    pub(crate) attachments: Vec<(PayloadDigest, Cow<'a, [u8]>)>,
    /// The model of its embedding, and the values as little-endian `f32`; the digest is among the extensions.
    pub(crate) embedding: Option<(String, Vec<u8>)>,
    /// The sequence number that the log must be at.
    pub(crate) expected_seq: Option<u64>,
}

impl<'a> Draft<'a> {
    /// An event without parents, extensions or attachments.
    pub(crate) fn new(
        stream: impl Into<Cow<'a, str>>,
        kind: impl Into<Cow<'a, str>>,
        payload: impl Into<Cow<'a, [u8]>>,
        limit: usize,
    ) -> Result<Self> {
        Self::unhashed(stream, kind, payload, limit).map(Self::hashed)
    }

    /// The same with a digest of zeros, until it is [`hashed`](Self::hashed).
    pub(crate) fn unhashed(
        stream: impl Into<Cow<'a, str>>,
        kind: impl Into<Cow<'a, str>>,
        payload: impl Into<Cow<'a, [u8]>>,
        limit: usize,
    ) -> Result<Self> {
        let (stream, kind, payload) = (stream.into(), kind.into(), payload.into());
        check_name("stream", &stream)?;
        check_name("kind", &kind)?;
        check_payload("the payload", payload.len(), limit)?;
        Ok(Self {
            stream,
            kind,
            digest: PayloadDigest::from_bytes([0; 32]),
            payload,
            ts_ms: super::claim::now_ms(),
            event_id: None,
            parents: Cow::Borrowed(&[]),
            extensions: Cow::Borrowed(Extensions::NONE.as_bytes()),
            attachments: Vec::new(),
            embedding: None,
            expected_seq: None,
        })
    }

    pub(crate) fn hashed(self) -> Self {
        Self { digest: PayloadDigest::of(&self.payload), ..self }
    }

    /// Hashes the payloads of a batch together, which costs a fraction of hashing them one by one.
    pub(crate) fn hash_each(drafts: &mut [Self]) {
        let digests = PayloadDigest::of_each(&drafts.iter().map(|draft| &*draft.payload).collect::<Vec<_>>());
        drafts.iter_mut().zip(digests).for_each(|(draft, digest)| draft.digest = digest);
    }

    pub(crate) fn identified(mut self, event_id: Option<Uuid>) -> Self {
        self.event_id = event_id;
        self
    }

    pub(crate) fn with_parents(mut self, parents: impl Into<Cow<'a, [EventRef]>>) -> Result<Self> {
        self.parents = parents.into();
        if self.parents.len() > PARENTS {
            return Err(StoreError::Limit {
                what: "the event",
                found: self.parents.len() as u64,
                limit: PARENTS as u64,
                unit: "parents",
            });
        }
        Ok(self)
    }

    pub(crate) fn with_extensions(mut self, extensions: &[Extension]) -> Result<Self> {
        if !extensions.is_empty() {
            self.extensions = Cow::Owned(Extensions::encode(extensions)?);
        }
        Ok(self)
    }

    pub(crate) fn attach(mut self, bytes: impl Into<Cow<'a, [u8]>>, limit: usize) -> Result<Self> {
        let bytes = bytes.into();
        check_payload("the attachment", bytes.len(), limit)?;
        self.attachments.push((PayloadDigest::of(&bytes), bytes));
        Ok(self)
    }

    /// Payload, attachment and embedding bytes.
    pub(crate) fn bytes(&self) -> usize {
        let embedding = self.embedding.as_ref().map_or(0, |(_, bytes)| bytes.len());
        self.payload.len() + self.attachments.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() + embedding
    }

    /// The first part in which it is not the stored event that it is a retry of. The claimed time may differ.
    pub(crate) fn difference(&self, stored: &EntryV1<'_>, author: &Author) -> Option<&'static str> {
        let mut parents: SmallVec<[EntryHash; 4]> = self.parents.iter().map(|parent| parent.hash).collect();
        parents.sort_unstable();
        [
            ("stream", stored.stream == self.stream),
            ("writer", stored.writer == author.identity.id()),
            ("kind", stored.kind == self.kind),
            ("payload", stored.payload_digest == self.digest),
            ("parents", stored.parents == parents),
            ("extensions", stored.extensions.as_bytes() == &*self.extensions),
        ]
        .into_iter()
        .find_map(|(part, same)| (!same).then_some(part))
    }
}

/// Refuses bytes that are more than a payload may have.
pub(crate) fn check_payload(what: &'static str, found: usize, limit: usize) -> Result<()> {
    if found > limit {
        return Err(StoreError::Limit { what, found: found as u64, limit: limit as u64, unit: "bytes" });
    }
    Ok(())
}
