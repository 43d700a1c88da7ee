//! What it means when a commit fails.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::append::Appended;
use crate::backend::Transaction;
use crate::words::{ErrorKind, Result, StoreError, UnknownEvent};

/// Commits; a failure is [`StoreError::UnknownOutcome`], but for those that surely stored nothing: the lock was not
/// free, or the transaction had ended before.
pub(crate) fn commit(tx: Box<dyn Transaction + '_>, events: impl FnOnce() -> Vec<UnknownEvent>) -> Result<()> {
    let committed = catch_unwind(AssertUnwindSafe(|| tx.commit()))
        .unwrap_or_else(|_| Err(StoreError::Backend("the backend panicked in a commit".to_owned())));
    committed.map_err(|cause| match cause {
        StoreError::TransactionEnded { .. } => cause,
        cause if cause.kind() == ErrorKind::Busy => cause,
        cause => StoreError::UnknownOutcome { events: events(), cause: Box::new(cause) },
    })
}

impl From<&Appended> for UnknownEvent {
    fn from(appended: &Appended) -> Self {
        Self { event_id: appended.event_id, entry_hash: appended.reference.hash.to_hex() }
    }
}
