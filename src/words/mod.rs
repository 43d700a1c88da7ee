//! The words every layer shares: errors, limits and the rule for names. Imports nothing of ours.

mod engine;
mod error;
mod error_kind;
pub mod limits;
mod names;
mod rule;

pub use engine::EngineError;
pub use error::{Result, StoreError};
pub use error_kind::{ErrorKind, UnknownEvent};
pub(crate) use names::check_name;
pub use rule::ChainRule;
