//! What a caller can do about an error, and what it may have left behind.

use uuid::Uuid;

use super::error::StoreError;

/// What a caller can do about a [`StoreError`]. Stable: variants of the error may be added, each falls into one of these.
///
/// ```
/// use causal_vault::{ErrorKind, StoreError};
///
/// let error = StoreError::MalformedRow("expected a blob".into());
/// assert_eq!(error.kind(), ErrorKind::Corrupt);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The engine, the disk or the signer failed: the source or the message says how.
    Backend,
    /// Another writer holds the lock for longer than the time-out: retry.
    Busy,
    /// The store is not in the state that the call relied on: read again and decide.
    Conflict,
    /// Stored bytes are not what they were: restore, or investigate.
    Corrupt,
    /// The file or the policy does not let this caller do it.
    Denied,
    /// The input is not acceptable: change it.
    Invalid,
    /// The input is too large: the message names the limit.
    Limit,
    /// It is not there.
    NotFound,
    /// The outcome is not known: resolve it by event id.
    UnknownOutcome,
    /// This backend, platform or version cannot do it.
    Unsupported,
}

impl StoreError {
    /// The events that may be stored or not: none, but for [`UnknownOutcome`](Self::UnknownOutcome).
    ///
    /// ```
    /// let error = causal_vault::StoreError::Backend("full".into());
    /// assert!(error.unknown_events().is_empty());
    /// ```
    pub fn unknown_events(&self) -> &[UnknownEvent] {
        match self {
            Self::UnknownOutcome { events, .. } => events,
            _ => &[],
        }
    }

    /// What a caller can do about this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Backend(_) | Self::Poisoned { .. } | Self::Signer(_) => ErrorKind::Backend,
            Self::Busy { .. } => ErrorKind::Busy,
            Self::Engine(engine) => engine.kind,
            Self::ImportRefused { cause, .. } => cause.kind(),
            Self::BehindCheckpoint { .. }
            | Self::BundleBroken { .. }
            | Self::ChainBroken { .. }
            | Self::Corrupt { .. }
            | Self::InconsistentHistory { .. }
            | Self::MalformedRow(_) => ErrorKind::Corrupt,
            Self::BundleDiverges { .. }
            | Self::HeadMoved { .. }
            | Self::IdempotencyConflict { .. }
            | Self::ImportConflict { .. }
            | Self::NonMonotonicGeneration { .. }
            | Self::NotImported { .. }
            | Self::TransactionEnded { .. } => ErrorKind::Conflict,
            Self::DuplicateParent { .. } | Self::Invalid { .. } | Self::InvalidName { .. } => ErrorKind::Invalid,
            Self::FileRefused { .. }
            | Self::KeyNotCurrent { .. }
            | Self::WriterFrozen { .. }
            | Self::WriterRevoked { .. } => ErrorKind::Denied,
            Self::Limit { .. } => ErrorKind::Limit,
            Self::UnknownOutcome { .. } => ErrorKind::UnknownOutcome,
            Self::NotFound { .. } | Self::UnknownParent { .. } => ErrorKind::NotFound,
            Self::NetworkFileSystem { .. } | Self::NewerFormat { .. } | Self::Unsupported { .. } => {
                ErrorKind::Unsupported
            }
        }
    }
}

/// An event of which it is not known whether it is stored. See [`StoreError::UnknownOutcome`].
///
/// ```
/// use causal_vault::{StoreError, UnknownEvent};
///
/// let cause = Box::new(StoreError::Backend("the wire broke".into()));
/// let error = StoreError::UnknownOutcome { events: Vec::new(), cause };
/// assert!(error.unknown_events().is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownEvent {
    /// The event's id.
    pub event_id: Uuid,
    /// The hash of the entry that it is, if it is stored, in hex.
    pub entry_hash: String,
}
