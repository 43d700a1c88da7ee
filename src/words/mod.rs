//! The words every layer shares: errors, limits and the rule for names. Imports nothing of ours.

mod engine;
mod error;
pub mod limits;
mod names;
mod rule;

pub use engine::EngineError;
pub use error::{ErrorKind, Result, StoreError, UnknownEvent};
pub(crate) use names::check_name;
pub use rule::ChainRule;
