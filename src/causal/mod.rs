//! The primitives, each usable alone.

mod doorbell;

pub use doorbell::{CommitEvent, Doorbell, Subscription, SubscriptionId};
