//! What the signatures say about one entry.

use std::ops::ControlFlow;

use super::find::EventKey;
use super::header::Position;
use super::open::Vault;
use crate::causal::authority::{Authority, first_key};
use crate::causal::key_event::purpose;
use crate::causal::signer::verify_signature;
use crate::causal::table::chain;
use crate::causal::table::entry::{self, Row};
use crate::causal::{EntryHash, EntryV1};
use crate::words::{Result, StoreError};

/// What the signatures say about one entry. See [`Vault::signature`].
///
/// ```
/// use causal_vault::{Event, SignatureVerdict, Vault};
///
/// let vault = Vault::in_memory()?;
/// let note = vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
/// assert_eq!(vault.signature(&note)?, SignatureVerdict::Unsigned);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureVerdict {
    /// Something does not hold.
    Broken {
        /// The entry it was found at: this one, or one on the way to the next signature.
        at: Position,
        /// What does not hold.
        reason: &'static str,
    },
    /// It has no signature of its own, and the chain of hashes leads from it to one that holds.
    Covered {
        /// The entry that is signed.
        by: Position,
        /// The public key that it is signed with.
        key: [u8; 32],
    },
    /// Its own signature holds.
    Signed {
        /// The public key that it is signed with.
        key: [u8; 32],
    },
    /// Nothing signs it: its writer has a name and no key, or has signed nothing in this log since.
    Unsigned,
}

impl Vault {
    /// Checks the hash of one entry and its signature, or the first one behind it in its log, which covers it.
    ///
    /// That the entry stands where it should, [`verify`](Self::verify) says and [`prove_inclusion`](Self::prove_inclusion)
    /// proves.
    ///
    /// ```
    /// use causal_vault::{Event, Signer, SignatureVerdict, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let key = SigningKey::from_bytes(&[7; 32]);
    /// let note = vault.writer(key.clone())?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// assert_eq!(vault.signature(&note)?, SignatureVerdict::Signed { key: key.public_key() });
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn signature(&self, event: impl Into<EventKey>) -> Result<SignatureVerdict> {
        let (db, key) = (self.db(), event.into());
        let missing = || StoreError::NotFound { what: "the event", name: key.to_string() };
        let start = self.find(&key)?.ok_or_else(missing)?;
        let found = entry::by_id(db, start, |row| Ok((row.log, row.seq, row.decode()?.writer)))?;
        let (log, seq, writer) = found.ok_or_else(missing)?;
        let (authority, first) = (Authority::read(db, self.scope()?, &writer)?, first_key(db, &writer)?);
        let (mut verdict, mut before) = (SignatureVerdict::Unsigned, None);
        chain::scan(db, log, seq, |row| {
            let broken = |reason| SignatureVerdict::Broken { at: Position::new(entry::position(row.id)), reason };
            let stored = row.decode()?;
            verdict = if EntryHash::of(row.bytes) != row.hash {
                broken("its bytes do not have the hash that is stored")
            } else if before.is_some_and(|before| before != stored.prev) {
                broken("it does not follow the entry before it")
            } else {
                match (row.signature, authority.rotated_key_at(row.id).or(first)) {
                    (None, _) => {
                        before = Some(row.hash);
                        return Ok(ControlFlow::Continue(()));
                    }
                    (Some(_), None) => broken("it is signed, and its writer has no key"),
                    (Some(signature), Some(key)) if self.holds(&key, row, &stored, &signature) => {
                        match row.id == start {
                            true => SignatureVerdict::Signed { key },
                            false => SignatureVerdict::Covered { by: Position::new(entry::position(row.id)), key },
                        }
                    }
                    (Some(_), Some(_)) => broken("its signature is not by its writer's key"),
                }
            };
            Ok(ControlFlow::Break(()))
        })?;
        Ok(verdict)
    }

    /// The bytes of one entry, as they are hashed, signed and stored: [`EntryV1`] decodes them.
    ///
    /// ```
    /// use causal_vault::{EntryHash, EntryV1, Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let note = vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// let bytes = vault.entry_bytes(&note)?;
    /// assert_eq!(EntryHash::of(&bytes), note.hash);
    /// assert_eq!(EntryV1::decode(&bytes)?.epoch, 0);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn entry_bytes(&self, event: impl Into<EventKey>) -> Result<Vec<u8>> {
        let key = event.into();
        let missing = || StoreError::NotFound { what: "the event", name: key.to_string() };
        let id = self.find(&key)?.ok_or_else(missing)?;
        entry::by_id(self.db(), id, |row| Ok(row.bytes.to_vec()))?.ok_or_else(missing)
    }

    fn holds(&self, key: &[u8; 32], row: &Row<'_>, stored: &EntryV1<'_>, signature: &[u8; 64]) -> bool {
        verify_signature(purpose(stored.kind), key, self.realm().as_bytes(), row.hash.as_bytes(), signature)
    }
}
