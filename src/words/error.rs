//! The one public error.

use std::time::Duration;

use uuid::Uuid;

use super::engine::EngineError;
use super::error_kind::UnknownEvent;
use super::rule::ChainRule;

/// The result of every fallible call of this crate.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Why a call did not do what it was asked to. Nothing was stored by a call that returns one, except where
/// [`ErrorKind::UnknownOutcome`](crate::ErrorKind::UnknownOutcome) says that this is not known, or where a call that does
/// several things says of itself that it ends with the first that fails.
///
/// Every variant says what was found and what was expected; [`kind`](StoreError::kind) sorts them by what a caller can
/// do about them, and stays stable when variants are added.
///
/// ```
/// use causal_vault::{ErrorKind, Generation, SqliteBackend};
///
/// let db = SqliteBackend::in_memory()?;
/// Generation::ensure_schema(&db)?;
/// let report = Generation::new("report");
/// report.set(&db, 10)?;
/// let error = report.set(&db, 3).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Conflict);
/// assert_eq!(error.to_string(), "generation \"report\" is at 10 and cannot go back to 3");
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A backend's own words, for backends that have nothing more precise to give.
    #[error("backend error: {0}")]
    Backend(String),

    /// The tree ends before a checkpoint that was published: the vault is a restored backup, or was rolled back.
    #[error(
        "tenant {tenant:?} ends at {found} and the checkpoint names {published}: it was restored from a backup; restore what is missing, or call begin_epoch before anything is appended"
    )]
    BehindCheckpoint {
        /// The tenant.
        tenant: String,
        /// The entries that are there.
        found: u64,
        /// The entries that the published checkpoint names.
        published: u64,
    },

    /// A bundle is not what an export writes: damaged on its way, or made to deceive.
    #[error(
        "the bundle breaks a rule at byte {offset}{} ({rule}): found {found}, expected {expected}; nothing of it is to be believed",
        position.map(|position| format!(", the entry at position {position}")).unwrap_or_default()
    )]
    BundleBroken {
        /// Where the record begins that breaks the rule.
        offset: u64,
        /// The position of the entry, where one is concerned.
        position: Option<u64>,
        /// The rule that does not hold.
        rule: ChainRule,
        /// What is there.
        found: String,
        /// What must be there.
        expected: String,
    },

    /// A bundle of this tenant and this tenant's own history went different ways.
    #[error(
        "up to position {position} the bundle has {found} and this vault has {stored}{}; one of the two histories is not the one that was committed: compare both with a checkpoint",
        if equivocation.is_some() { ", and one writer has signed both for one place in its log: an equivocation, which StoreError::equivocation proves" } else { "" }
    )]
    BundleDiverges {
        /// The first position that differs, or the one before the bundle's first entry where they differed already.
        position: u64,
        /// What the bundle has there.
        found: String,
        /// What the vault has there.
        stored: String,
        /// The bytes of a proof, where the bundle's entry and one of the vault's are signed by one writer for one place in one
        /// log: see [`equivocation`](StoreError::equivocation).
        equivocation: Option<Vec<u8>>,
    },

    /// A lock was not free within the time-out.
    #[error("{what} was not free within {} ms; retry, or raise the time-out", waited.as_millis())]
    Busy {
        /// The lock.
        what: String,
        /// How long the call waited.
        waited: Duration,
    },

    /// A log failed verification.
    #[error("chain broken on stream {stream:?} writer {writer:?} at seq {seq} ({rule}): {detail}")]
    ChainBroken {
        /// The log's stream.
        stream: String,
        /// The log's writer: its name, or its fingerprint in hex.
        writer: String,
        /// The sequence number of the first entry that breaks a rule.
        seq: u64,
        /// What was found and what was expected.
        detail: String,
        /// The rule that does not hold.
        rule: ChainRule,
    },

    /// The database file or one of its schema objects is not what a vault left there.
    #[error("{what} is damaged or was changed behind the vault's back: {detail}")]
    Corrupt {
        /// The file, table or row.
        what: String,
        /// What was found and what was expected.
        detail: String,
    },

    /// The same parent was given twice.
    #[error("parent {hash} was given twice; give each parent once")]
    DuplicateParent {
        /// The parent's entry hash in hex.
        hash: String,
    },

    /// The database engine failed.
    #[error(transparent)]
    Engine(EngineError),

    /// The file cannot be used as it is, and the message says what to change.
    #[error("{path} cannot hold a vault: {reason}")]
    FileRefused {
        /// The file.
        path: String,
        /// What was found, what is expected and what to do.
        reason: String,
    },

    /// The signer holds a key that is not the writer's, or is not any more.
    #[error(
        "writer {writer} signs with key {found}, and the vault has {expected} as its key; use Vault::writer_as with a signer of that key"
    )]
    KeyNotCurrent {
        /// The writer's fingerprint in hex.
        writer: String,
        /// The signer's public key in hex.
        found: String,
        /// The writer's current public key in hex.
        expected: String,
    },

    /// The writer's log is not at the sequence number the caller expected.
    #[error(
        "stream {stream:?} writer {writer:?} is at seq {found}, not at {expected}; read what came in between and retry"
    )]
    HeadMoved {
        /// The log's stream.
        stream: String,
        /// The log's writer.
        writer: String,
        /// The sequence number that the caller expected, 0 for an empty log.
        expected: u64,
        /// The log's sequence number.
        found: u64,
    },

    /// The event id is taken by an event with other content.
    #[error(
        "event id {event_id} already names an event with other content ({differs} differs); use a new id for a new event"
    )]
    IdempotencyConflict {
        /// The id that was used twice.
        event_id: Uuid,
        /// The first part that differs.
        differs: &'static str,
    },

    /// The vault has a log under the names of one that is to be imported, and the two went different ways.
    #[error(
        "entry {seq} of stream {stream:?} writer {writer:?} in the vault was not imported from this store, whose log has an entry {seq} of its own; import into another vault"
    )]
    ImportConflict {
        /// The log's stream.
        stream: String,
        /// The log's writer.
        writer: String,
        /// The newest entry that both should have.
        seq: u64,
    },

    /// An entry of another store cannot be imported, and so nothing of that store is.
    #[error("entry {seq} of stream {stream:?} writer {writer:?} cannot be imported: {cause}")]
    ImportRefused {
        /// The entry's stream.
        stream: String,
        /// The entry's writer.
        writer: String,
        /// The entry's sequence number, as it stands there.
        seq: i64,
        /// Why not; the [`kind`](StoreError::kind) is this error's.
        #[source]
        cause: Box<StoreError>,
    },

    /// The tree does not continue a checkpoint that was issued for it: the vault was rolled back, or its past was changed.
    #[error(
        "tenant {tenant:?} has issued a checkpoint of size {issued_size} with root {issued_root}, and its tree of size {found_size} with root {found_root} does not continue it; restore what is missing: a second history is not signed"
    )]
    InconsistentHistory {
        /// The tenant.
        tenant: String,
        /// The size in the checkpoint.
        issued_size: u64,
        /// The root in the checkpoint, in hex.
        issued_root: String,
        /// The size of the tree.
        found_size: u64,
        /// The root of the tree, in hex.
        found_root: String,
    },

    /// Input that no limit describes: the message says what to give instead.
    #[error("invalid {what}: {reason}")]
    Invalid {
        /// The argument.
        what: &'static str,
        /// What is wrong with it and what is expected.
        reason: String,
    },

    /// A tenant, stream, writer or kind name that the format does not allow.
    #[error("invalid {what} name {name:?}: {reason}")]
    InvalidName {
        /// Which name.
        what: &'static str,
        /// The name as it was given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// Something is larger than the format or the vault allows.
    #[error("{what} has {found} {unit}, more than the limit of {limit} {unit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// Its size.
        found: u64,
        /// The most that is accepted.
        limit: u64,
        /// What is counted.
        unit: &'static str,
    },

    /// A stored value had an unexpected shape.
    #[error("malformed row: {0}")]
    MalformedRow(String),

    /// The file lies on a network file system, where SQLite's locks cannot be relied on.
    #[error(
        "{path} lies on a network file system ({kind}), where file locks are unreliable; use a local disk, or allow it explicitly"
    )]
    NetworkFileSystem {
        /// The file.
        path: String,
        /// The file system's name.
        kind: String,
    },

    /// The vault was written by a newer version of the format.
    #[error(
        "this vault has format {found} and this version of the crate reads up to {supported}; upgrade causal-vault"
    )]
    NewerFormat {
        /// The format of the vault.
        found: i64,
        /// The newest format known here.
        supported: i64,
    },

    /// A generation was asked to move backwards.
    #[error("generation {key:?} is at {current} and cannot go back to {attempted}")]
    NonMonotonicGeneration {
        /// The counter.
        key: String,
        /// Its value.
        current: u64,
        /// The value that was asked for.
        attempted: u64,
    },

    /// agent-store left more than was imported, and going on would hide it.
    #[error("agent-store left {what} at {left} and here it is at {found}; call import_agent_store before going on")]
    NotImported {
        /// The log or the generation.
        what: String,
        /// Where agent-store left it.
        left: u64,
        /// Where the vault has it.
        found: u64,
    },

    /// What was looked up is not there.
    #[error("{what} {name} was not found")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Its name, position or hash.
        name: String,
    },

    /// A write or a flush has failed on this vault before, and nothing more is appended until it is
    /// [reopened](crate::Vault::reopen).
    #[error("a write or a flush of this vault has failed, and it appends nothing more; call reopen: {cause}")]
    Poisoned {
        /// What failed.
        #[source]
        cause: Box<StoreError>,
    },

    /// The transaction is not open any more.
    #[error(
        "{path}: the transaction has already ended: the engine rolled it back after a failed write, or the caller's own SQL did; drop it and begin again"
    )]
    TransactionEnded {
        /// The database.
        path: String,
    },

    /// A [`Signer`](crate::Signer) did not sign.
    #[error("the signer failed: {0}; nothing was stored")]
    Signer(String),

    /// The commit itself failed: the events may be stored or not. [`resolve`](crate::Vault::resolve) tells for each, and
    /// committing the same events again under these ids is safe. So is it to call again what appends no events, or imports
    /// them.
    #[error("the commit failed, and {}: {cause}", what_is_unknown(events))]
    UnknownOutcome {
        /// All events of the transaction that the caller appended.
        events: Vec<UnknownEvent>,
        /// Why the commit failed.
        #[source]
        cause: Box<StoreError>,
    },

    /// A parent is not an entry of this tenant's timeline.
    #[error("parent {reference} does not exist in tenant {tenant:?}; commit it first")]
    UnknownParent {
        /// The parent as it was given.
        reference: String,
        /// The tenant that was searched.
        tenant: String,
    },

    /// This backend, platform or handle cannot do what was asked.
    #[error("{what} is not supported here: {reason}")]
    Unsupported {
        /// What was asked.
        what: &'static str,
        /// Why not, and what to do instead.
        reason: String,
    },

    /// The writer has signed two entries at one place, and nothing more of it is appended.
    #[error(
        "writer {writer} is frozen: it has signed two entries {seq} of stream {stream:?} in epoch {epoch}, as the event at position {position} proves; go on as another writer, with a new key"
    )]
    WriterFrozen {
        /// The writer's fingerprint in hex.
        writer: String,
        /// The stream of the two entries.
        stream: String,
        /// Their epoch.
        epoch: u32,
        /// Their sequence number.
        seq: u64,
        /// Where the proof stands.
        position: u64,
    },

    /// The writer was revoked, and nothing more of it is appended.
    #[error("writer {writer} was revoked by the event at position {position}; go on as another writer")]
    WriterRevoked {
        /// The writer: its name, or its fingerprint in hex.
        writer: String,
        /// Where the revocation stands.
        position: u64,
    },
}

fn what_is_unknown(events: &[UnknownEvent]) -> String {
    match events.len() {
        0 => "what it was to store may be stored or not; do it again".to_owned(),
        count => format!("its {count} events may be stored or not; resolve them by id"),
    }
}
