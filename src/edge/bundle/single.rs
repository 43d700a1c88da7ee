//! The rules that an entry can break by itself.

use super::check::Checker;
use super::header::BundleContents;
use super::record::{Entry, Payload};
use crate::causal::key_event::purpose;
use crate::causal::signer::verify_signature;
use crate::causal::{EntryHash, EntryV1, PayloadDigest, Scheme};
use crate::words::{ChainRule, Result};

impl Checker<'_> {
    pub(super) fn check_position(&self, entry: &Entry<'_>) -> Result<()> {
        let (next, up_to) = (self.last + 1, self.header.up_to());
        let range = if self.header.is_sparse() { next..=up_to } else { next..=next.min(up_to) };
        ensure!(self, Position, range.contains(&entry.position), entry.position, format!("{range:?}"));
        ensure!(self, Parent, entry.children == 0 || !self.header.is_sparse(), "children", "none are counted here");
        Ok(())
    }

    pub(super) fn check_scope(&self, stored: &EntryV1<'_>) -> Result<()> {
        let header = self.header;
        ensure!(self, Scope, stored.realm == header.realm, stored.realm, header.realm);
        ensure!(self, Scope, stored.tenant == header.tenant, stored.tenant, &header.tenant);
        if let BundleContents::Logs { stream, writer, .. } = &header.contents {
            let stream = stream.as_deref().unwrap_or(stored.stream);
            ensure!(self, Scope, stored.stream == stream, stored.stream, stream);
            let writer = writer.unwrap_or(stored.writer);
            ensure!(self, Scope, stored.writer == writer, stored.writer, writer);
        }
        let is_known = self.knows(&stored.writer);
        ensure!(
            self,
            WriterIdentity,
            is_known,
            format!("writer {} unannounced", stored.writer),
            "a record of it before"
        );
        Ok(())
    }

    pub(super) fn check_signature(&self, entry: &Entry<'_>, stored: &EntryV1<'_>, hash: &EntryHash) -> Result<()> {
        let Some(signature) = &entry.signature else { return Ok(()) };
        // A named writer has no key.
        let holds = self.key(&stored.writer, stored.epoch).is_some_and(|key| {
            let purpose = purpose(stored.kind);
            verify_signature(purpose, &key, stored.realm.as_bytes(), hash.as_bytes(), signature)
        });
        ensure!(self, Signature, holds, "a signature that does not verify", "one by the writer's key, or none");
        Ok(())
    }

    pub(super) fn check_embedding(&self, entry: &Entry<'_>, stored: &EntryV1<'_>) -> Result<()> {
        let found = format!("{} bytes of an embedding", entry.embedding.len());
        match stored.extensions.embedding() {
            Some(said) => ensure!(self, Embedding, said.is_of(entry.embedding), found, format!("{said:?}")),
            None => ensure!(self, Embedding, entry.embedding.is_empty(), found, "none"),
        }
        Ok(())
    }

    pub(super) fn check_payload(&self, entry: &Entry<'_>, stored: &EntryV1<'_>) -> Result<()> {
        let (expected, len) = (stored.payload_digest, stored.payload_len);
        match (entry.payload, stored.scheme) {
            (Payload::None, Scheme::None) => {}
            (Payload::Inline(bytes), Scheme::Plain) => {
                let (digest, found) = (PayloadDigest::of(bytes), bytes.len() as u64);
                ensure!(
                    self,
                    Payload,
                    (digest, found) == (expected, len),
                    format!("{digest}, {found} bytes"),
                    expected
                );
            }
            // The data key is not in the bundle: only the length can be compared.
            (Payload::Inline(bytes), Scheme::Commitment) => {
                ensure!(self, Payload, bytes.len() as u64 == len, format!("{} bytes", bytes.len()), len);
            }
            (Payload::Before, Scheme::Plain) => {
                let found = self.payload_len(&expected);
                let expected = format!("{expected}, {len} bytes");
                ensure!(
                    self,
                    Payload,
                    found == Some(len),
                    found.map_or("no payload with its digest".to_owned(), |found| format!("{found} bytes")),
                    expected
                );
            }
            (found, scheme) => {
                let form = match found {
                    Payload::None => "no payload",
                    Payload::Inline(_) => "a payload",
                    Payload::Before => "a payload in a record before",
                };
                return Err(self.broken(ChainRule::Payload, form, format!("one of scheme {scheme:?}")));
            }
        }
        Ok(())
    }
}
