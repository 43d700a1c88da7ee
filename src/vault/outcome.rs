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
    failure: Mutex<Failure>,
}

#[derive(Default)]
struct Failure {
    /// The first since the vault was reopened.
    cause: Option<StoreError>,
    /// How many there ever were.
    count: u64,
}

impl Failure {
    fn check(&self) -> Result<()> {
        match &self.cause {
            Some(cause) => Err(StoreError::Poisoned { cause: Box::new(cause.clone()) }),
            None => Ok(()),
        }
    }

    fn note(&mut self, cause: &StoreError) {
        self.count += 1;
        self.cause.get_or_insert_with(|| cause.clone());
    }
}

impl Health {
    pub(super) fn check(&self) -> Result<()> {
        self.failure.lock().check()
    }

    /// Takes notice of a disk that fails within a transaction.
    pub(super) fn heed<T>(&self, result: Result<T>) -> Result<T> {
        result.inspect_err(|error| match error {
            StoreError::UnknownOutcome { cause, .. } => self.failure.lock().note(cause),
            error if is_failed_io(error) => self.failure.lock().note(error),
            _ => {}
        })
    }

    /// Commits, and takes notice of a failure that leaves it unknown what is stored: before anybody who has waited for the
    /// lock [looks](Vault::begin_sound).
    pub(super) fn commit(
        &self,
        tx: Box<dyn Transaction + '_>,
        events: impl FnOnce() -> Vec<UnknownEvent>,
    ) -> Result<()> {
        let mut failure = self.failure.lock();
        commit(tx, events).inspect_err(|error| {
            if let StoreError::UnknownOutcome { cause, .. } = error {
                failure.note(cause);
            }
        })
    }
}

impl Vault {
    /// Settles what became of an event of a [`StoreError::UnknownOutcome`]: after `Ok` the answer does not change by
    /// itself, not even when the process dies; nor, where the vault is [`Durable`](crate::Durability::Durable), when the
    /// power fails.
    ///
    /// It commits a small write of its own, at the vault's durability. While that fails, nothing is known; try again, or
    /// open the vault anew. It works on a vault that is [poisoned](StoreError::Poisoned), and leaves it so. Within a
    /// transaction that the caller began on the connection it handed in, nothing can be settled: that is an error.
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
    /// committed at the vault's durability. While that fails, so does this; and so it does where something else failed
    /// meanwhile, or within a transaction that the caller began on the connection it handed in.
    ///
    /// ```
    /// let vault = causal_vault::Vault::in_memory()?;
    /// vault.reopen()?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn reopen(&self) -> Result<()> {
        let seen = self.health().failure.lock().count;
        self.settle()?;
        self.forget();
        let mut failure = self.health().failure.lock();
        if failure.count == seen {
            failure.cause = None;
        }
        failure.check()
    }

    /// Begins a transaction that appends, unless the vault is poisoned; also where that came while this waited.
    pub(super) fn begin_sound(&self, access: Access) -> Result<Box<dyn Transaction + '_>> {
        // Who commits now holds the lock: what comes of it is asked for below.
        self.health().failure.try_lock().map_or(Ok(()), |failure| failure.check())?;
        let tx = self.db().begin(access)?;
        self.health().check()?;
        Ok(tx)
    }

    /// Commits what is no event.
    pub(super) fn commit_own(&self, tx: Box<dyn Transaction + '_>) -> Result<()> {
        self.health().commit(tx, Vec::new)
    }

    /// Commits a write that leaves nothing behind. It stands where a failed commit may have left its own in the engine's
    /// log, so that this cannot come back after a crash, and its flush, where there is one, covers all that can be read now.
    fn settle(&self) -> Result<()> {
        let tx = self.db().begin(Access::Write)?;
        if !tx.is_outermost() {
            return Err(StoreError::Unsupported {
                what: "to settle what became of a commit within the caller's own transaction",
                reason: "it could still be rolled back; end it first".to_owned(),
            });
        }
        tx.exec("CREATE TABLE vault_settled (n INTEGER)", &[])?;
        tx.exec("DROP TABLE vault_settled", &[])?;
        tx.commit()
    }
}
