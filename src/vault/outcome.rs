//! What became of a commit: known, unknown and settled.

use parking_lot::Mutex;

use super::find::EventKey;
use super::header::EventId;
use super::open::Vault;
use super::receipt::Receipt;
use crate::backend::{Access, Transaction, is_failed_io};
use crate::causal::commit::commit;
use crate::words::{Result, StoreError, UnknownEvent};

/// What became of an event whose commit failed. See [`Vault::resolve`].
///
/// ```
/// use causal_vault::{EventId, Outcome, Vault};
///
/// assert_eq!(Vault::in_memory()?.resolve(EventId::new())?, Outcome::NotCommitted);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is stored at the vault's durability: the receipt that the commit should have returned.
    Committed(Receipt),
    /// It is not stored, and will not turn up: commit it again, or do not.
    NotCommitted,
}

/// Whether a write or a flush has failed, after which nothing is appended.
#[derive(Default)]
pub(super) struct Health {
    failure: Mutex<Option<StoreError>>,
}

impl Health {
    pub(super) fn check(&self) -> Result<()> {
        match &*self.failure.lock() {
            Some(cause) => Err(StoreError::Poisoned { cause: Box::new(cause.clone()) }),
            None => Ok(()),
        }
    }

    /// Takes notice of a disk that fails within a transaction.
    pub(super) fn heed<T>(&self, result: Result<T>) -> Result<T> {
        result.inspect_err(|error| {
            if is_failed_io(error) {
                self.fail(error);
            }
        })
    }

    pub(super) fn fail(&self, cause: &StoreError) {
        self.failure.lock().get_or_insert_with(|| cause.clone());
    }

    /// Commits, and takes notice of a failure that leaves it unknown what is stored.
    pub(super) fn commit(
        &self,
        tx: Box<dyn Transaction + '_>,
        events: impl FnOnce() -> Vec<UnknownEvent>,
    ) -> Result<()> {
        commit(tx, events).inspect_err(|error| {
            if let StoreError::UnknownOutcome { cause, .. } = error {
                self.fail(cause);
            }
        })
    }
}

impl Vault {
    /// Settles what became of an event of a [`StoreError::UnknownOutcome`]: after `Ok` the answer does not change by
    /// itself, not even when the process dies or the power fails.
    ///
    /// It commits and flushes a small write of its own. While that fails, nothing is known; try again, or open the vault
    /// anew. It works on a vault that is [poisoned](StoreError::Poisoned), and leaves it so.
    ///
    /// ```
    /// use causal_vault::{Event, Outcome, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let receipt = vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// let Outcome::Committed(found) = vault.resolve(receipt.id)? else { panic!("it was committed") };
    /// assert_eq!((found.hash, found.is_new), (receipt.hash, false));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn resolve(&self, event_id: impl Into<EventId>) -> Result<Outcome> {
        self.settle()?;
        let Some(event) = self.try_get(EventKey::Id(event_id.into()))? else { return Ok(Outcome::NotCommitted) };
        let header = event.header;
        Ok(Outcome::Committed(Receipt {
            id: header.id,
            stream: header.stream,
            writer: header.writer,
            epoch: header.epoch,
            seq: header.seq,
            position: header.position,
            hash: header.hash,
            digest: header.digest,
            is_new: false,
        }))
    }

    /// Lets a [poisoned](StoreError::Poisoned) vault append again: every head is read anew, once a small write was
    /// committed and flushed. While that fails, so does this.
    ///
    /// ```
    /// let vault = causal_vault::Vault::in_memory()?;
    /// vault.reopen()?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn reopen(&self) -> Result<()> {
        self.settle()?;
        self.forget();
        *self.health().failure.lock() = None;
        Ok(())
    }

    /// Commits a write that leaves nothing behind. It stands where a failed commit may have left its own in the engine's
    /// log, so that this cannot come back after a crash, and its flush covers all that can be read now.
    fn settle(&self) -> Result<()> {
        let tx = self.db().begin(Access::Write)?;
        tx.exec("CREATE TABLE vault_settled (n INTEGER)", &[])?;
        tx.exec("DROP TABLE vault_settled", &[])?;
        tx.commit()
    }
}
