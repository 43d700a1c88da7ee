//! Writers that signed two entries at one place: found, reported and frozen.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::find::EventKey;
use super::open::Vault;
use super::receipt::Receipt;
use crate::causal::authority::{Authority, first_key};
use crate::causal::draft::{Author, Draft};
use crate::causal::key_event::{EQUIVOCATION, stream_of, subject, vault_identity};
use crate::causal::table::{chain, entry, log, writer};
use crate::causal::writer_log::opaque;
use crate::causal::{EntryHash, Equivocation, LogPlace, SignedEntry};
use crate::words::limits::PAYLOAD_BYTES_MAX;
use crate::words::{Result, StoreError};

impl Vault {
    /// The entry bytes of an event and its signature: what can be shown to others. An entry that carries no signature of
    /// its own is an error.
    ///
    /// ```
    /// use causal_vault::{EntryHash, Event, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.writer(SigningKey::from_bytes(&[7; 32]))?;
    /// let note = alice.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// assert_eq!(EntryHash::of(&vault.signed_entry(&note)?.bytes), note.hash);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn signed_entry(&self, key: impl Into<EventKey>) -> Result<SignedEntry> {
        let key = key.into();
        let missing = || StoreError::NotFound { what: "the event", name: key.to_string() };
        self.signed_row(self.find(&key)?.ok_or_else(missing)?)?.ok_or_else(missing)
    }

    /// Looks for another entry here at the place of one that was seen elsewhere. `None` where this vault has the same one,
    /// or none yet. See [`Equivocation`] for an example; [`report_equivocation`](Self::report_equivocation) is the next step.
    ///
    /// ```
    /// use causal_vault::{Event, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.writer(SigningKey::from_bytes(&[7; 32]))?;
    /// let note = alice.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// assert_eq!(vault.find_equivocation(&vault.signed_entry(&note)?)?, None);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn find_equivocation(&self, seen: &SignedEntry) -> Result<Option<Equivocation>> {
        let place = LogPlace::of(&seen.bytes)?;
        self.check_place(&place)?;
        let (db, scope) = (self.db(), self.scope()?);
        let Some(row) = writer::find(db, &place.writer)? else { return Ok(None) };
        let logs = log::epochs(db, scope.timeline, &place.stream, row)?;
        let Some((log, _)) = logs.into_iter().find(|(_, epoch)| *epoch == place.epoch) else { return Ok(None) };
        let own = chain::link_at(db, log, place.seq)?.filter(|own| own.hash != EntryHash::of(&seen.bytes));
        let Some(own) = own.map(|own| self.signed_row(own.id)).transpose()?.flatten() else { return Ok(None) };
        let authority = Authority::read(db, scope, &place.writer)?;
        let rotations = authority.rotations_before_epoch(place.epoch).cloned().collect();
        let key = first_key(db, &place.writer)?.unwrap_or_default();
        Equivocation::new(key, rotations, [own, seen.clone()]).map(Some)
    }

    /// Keeps a proof that a writer has signed two entries at one place, as an event `vault.equivocation`, and freezes the
    /// writer: in this tenant nothing more of it is appended, by whatever handle or process, and verification calls entries
    /// of it behind that event broken. What stood here before stays as it is.
    ///
    /// The same proof again is the same event, with its receipt. A proof about another vault or tenant is refused, and one
    /// that is signed with a key which the writer did not have in that epoch.
    ///
    /// ```
    /// use causal_vault::{Equivocation, ErrorKind, Event, Vault, Writer};
    ///
    /// fn freeze(vault: &Vault, writer: &Writer, proof: &Equivocation) -> causal_vault::Result<()> {
    ///     vault.report_equivocation(proof)?;
    ///     let error = writer.commit(Event::raw("note", "hi").stream("conv:demo")).unwrap_err();
    ///     assert_eq!(error.kind(), ErrorKind::Denied);
    ///     Ok(())
    /// }
    /// ```
    pub fn report_equivocation(&self, proof: &Equivocation) -> Result<Receipt> {
        let place = proof.place();
        self.check_place(place)?;
        let draft = Draft::new(stream_of(&place.writer), EQUIVOCATION, proof.to_bytes(), PAYLOAD_BYTES_MAX)?
            .with_extensions(&[opaque()])?;
        let id = draft.digest.as_bytes().first_chunk().copied().unwrap_or_default();
        let draft = draft.identified(Some(Uuid::new_v8(id)));
        self.transaction(|tx| {
            let known = tx.authority(&place.writer)?;
            let mut shown = proof.rotations().iter();
            if !known
                .rotations_before_epoch(place.epoch)
                .all(|known| shown.next().is_some_and(|to| to.key == known.key))
            {
                return Err(StoreError::Invalid {
                    what: "proof of equivocation",
                    reason: format!(
                        "it is signed with a key that writer {} does not have in epoch {}; give it the rotations that \
                         this vault knows, or prove that the writer rotated twice from one key",
                        place.writer, place.epoch
                    ),
                });
            }
            tx.append_draft(&Author::named(vault_identity()), &draft)
        })
    }

    /// The proofs that were reported in this tenant, those against one writer together.
    ///
    /// ```
    /// assert!(causal_vault::Vault::in_memory()?.equivocations()?.is_empty());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn equivocations(&self) -> Result<Vec<Equivocation>> {
        let (db, scope) = (self.db(), self.scope()?);
        let Some(row) = writer::find(db, &vault_identity().id())? else { return Ok(Vec::new()) };
        let logs = log::select(db, scope.timeline, None, Some(row))?;
        let writers: BTreeSet<_> = logs.iter().filter_map(|log| subject(&log.stream)).collect();
        let mut proofs = Vec::new();
        for writer in writers {
            proofs.extend(Authority::read(db, scope, &writer)?.proofs.iter().cloned());
        }
        Ok(proofs)
    }

    fn check_place(&self, place: &LogPlace) -> Result<()> {
        if (place.realm, &*place.tenant) == (self.realm(), self.tenant()) {
            return Ok(());
        }
        Err(StoreError::Invalid {
            what: "proof of equivocation",
            reason: format!("it is about {place}, and this is tenant {:?} of vault {}", self.tenant(), self.realm()),
        })
    }

    fn signed_row(&self, id: u64) -> Result<Option<SignedEntry>> {
        entry::by_id(self.db(), id, |row| {
            let signature = row.signature.ok_or_else(|| StoreError::Unsupported {
                what: "showing an entry without a signature of its own",
                reason: format!(
                    "the one at position {} has none: its writer has no key, or signs only the last entry of each batch",
                    entry::position(row.id)
                ),
            })?;
            Ok(SignedEntry { bytes: row.bytes.to_vec(), signature })
        })
    }
}
