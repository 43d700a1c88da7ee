//! The primitives, each usable alone.

mod doorbell;
mod fingerprint;
mod generation;
mod merkle;
mod signer;

pub use doorbell::{CommitEvent, Doorbell, Subscription, SubscriptionId};
pub use fingerprint::Fingerprint;
pub use generation::Generation;
pub use merkle::{TreeHead, tree_root};
pub use signer::{Signer, SigningKey, verify_entry_signature};
