//! The primitives, each usable alone.

mod doorbell;
mod fingerprint;
mod generation;

pub use doorbell::{CommitEvent, Doorbell, Subscription, SubscriptionId};
pub use fingerprint::Fingerprint;
pub use generation::Generation;
