//! The primitives, each usable alone.

mod doorbell;
mod fingerprint;
mod generation;
mod merkle;

pub use doorbell::{CommitEvent, Doorbell, Subscription, SubscriptionId};
pub use fingerprint::Fingerprint;
pub use generation::Generation;
pub use merkle::{TreeHead, tree_root};
