//! The system of record for AI agents.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod backend;
mod causal;
pub mod manual;
mod vault;
mod words;

#[cfg(feature = "conformance")]
pub use backend::conformance;
pub use backend::{
    Access, Backend, BackendKind, Dialect, Durability, Row, SqliteBackend, SqliteOptions, StorePolicy, Transaction,
    Value, ValueRef, Visitor,
};
pub use causal::{
    Anchor, Break, CausalDigest, CommitEvent, Doorbell, Entry, EntryHash, EntryV1, EventRef, Extension, Extensions,
    Fingerprint, Generation, LogReader, LogReport, LogVerdict, PayloadDigest, Realm, Scheme, Signer, SigningKey,
    Subscription, SubscriptionId, TailVerdict, TreeHead, VerifyReport, WriterLog, causal_hash, embedding_digest,
    tree_root, verify_entry_signature,
};
pub use vault::{
    Cursor, Event, EventHeader, EventId, EventKey, Events, Filter, Lineage, Position, Receipt, StoredEvent, Vault,
    VaultBuilder, VaultTransaction, Writer,
};
pub use words::{ChainRule, EngineError, ErrorKind, Result, StoreError, limits};
