//! What there is: the tenants, their logs, and how far each has come.

use std::sync::Arc;

use super::header::Position;
use super::open::Vault;
use crate::backend::{Access, Transaction};
use crate::causal::Fingerprint;
use crate::causal::table::{chain, entry, log, timeline, writer};
use crate::causal::writer::Proof;
use crate::words::{Result, StoreError};

/// One log, as the file says: nothing of it is verified. See [`Vault::logs`].
///
/// ```
/// use causal_vault::{Event, LogSummary, Vault};
///
/// let vault = Vault::in_memory()?;
/// let note = vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
/// let log: &LogSummary = &vault.logs()?[0];
/// assert_eq!((&*log.stream, &*log.writer_name, log.entries, log.last), ("conv:demo", "alice", 1, note.position));
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogSummary {
    /// The stream.
    pub stream: Arc<str>,
    /// The writer.
    pub writer: Fingerprint,
    /// The writer's name, or its fingerprint in hex.
    pub writer_name: Arc<str>,
    /// The key that the writer's fingerprint is made from; `None` for a named writer, which can sign nothing.
    pub public_key: Option<[u8; 32]>,
    /// The epoch.
    pub epoch: u32,
    /// How many entries it has: the number of its newest one.
    pub entries: u64,
    /// Where its newest entry stands.
    pub last: Position,
}

impl Vault {
    /// Every tenant that has stored something, in the order of their names.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let acme = vault.for_tenant("acme")?;
    /// assert!(vault.tenants()?.is_empty());
    /// acme.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// assert_eq!(vault.tenants()?, ["acme"]);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn tenants(&self) -> Result<Vec<String>> {
        let mut tenants = timeline::tenants(self.db())?;
        tenants.sort();
        Ok(tenants)
    }

    /// Every log of this tenant, the oldest first: one look-up each, however long they are.
    ///
    /// ```
    /// use causal_vault::{Event, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// vault.writer(SigningKey::from_bytes(&[7; 32]))?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// let signed = vault.logs()?.into_iter().filter(|log| log.public_key.is_some());
    /// assert_eq!(signed.map(|log| log.entries).sum::<u64>(), 1);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn logs(&self) -> Result<Vec<LogSummary>> {
        let tx = self.db().begin(Access::Read)?;
        let Some((timeline, _)) = timeline::size(&*tx, self.tenant(), timeline::MAIN)? else { return Ok(Vec::new()) };
        log::select(&*tx, timeline, None, None)?.into_iter().map(|log| summary(&*tx, log)).collect()
    }

    /// Where the entry with this number stands in a writer's log of a stream: nowhere, at one position, or at one of each
    /// epoch that has an entry of this number, the newest epoch first.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let note = alice.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// assert_eq!(vault.positions_of("conv:demo", alice.id(), 1)?, [note.position]);
    /// assert!(vault.positions_of("conv:demo", alice.id(), 2)?.is_empty());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn positions_of(&self, stream: &str, writer: Fingerprint, seq: u64) -> Result<Vec<Position>> {
        let db = self.db();
        let Some((timeline, _)) = timeline::size(db, self.tenant(), timeline::MAIN)? else { return Ok(Vec::new()) };
        let Some(row) = writer::find(db, &writer)? else { return Ok(Vec::new()) };
        let mut positions = Vec::new();
        for (log, _) in log::epochs(db, timeline, stream, row)? {
            positions.extend(chain::id_at(db, log, seq)?.map(|id| Position::new(entry::position(id))));
        }
        Ok(positions)
    }
}

fn summary(tx: &dyn Transaction, log: log::Log) -> Result<LogSummary> {
    let (writer, identity) = writer::read(tx, log.writer)?.ok_or_else(|| StoreError::Corrupt {
        what: format!("log {} of stream {:?}", log.id, log.stream),
        detail: format!("its writer {} is missing; run verify", log.writer),
    })?;
    let (last, entries) = chain::last(tx, log.id)?.unwrap_or_default();
    Ok(LogSummary {
        stream: log.stream.into(),
        writer,
        writer_name: identity.label(),
        public_key: match identity.proof() {
            Proof::Name(_) => None,
            Proof::PublicKey(key) => Some(*key),
        },
        epoch: log.epoch,
        entries,
        last: Position::new(entry::position(last)),
    })
}
