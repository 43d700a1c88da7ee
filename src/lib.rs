//! The system of record for AI agents.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod backend;
mod causal;
mod vault;
pub mod manual;
mod words;

#[cfg(feature = "conformance")]
pub use backend::conformance;
pub use backend::{
    Access, Backend, BackendKind, Dialect, Durability, Row, SqliteBackend, SqliteOptions, StorePolicy, Transaction,
    Value, ValueRef, Visitor,
};
pub use causal::{
    CommitEvent, Doorbell, Fingerprint, Generation, Signer, SigningKey, Subscription, SubscriptionId, TreeHead,
    tree_root, verify_entry_signature,
};
pub use words::{ChainRule, EngineError, ErrorKind, Result, StoreError, limits};
