//! The primitives, each usable alone.

mod doorbell;
mod fingerprint;

pub use doorbell::{CommitEvent, Doorbell, Subscription, SubscriptionId};
pub use fingerprint::Fingerprint;
