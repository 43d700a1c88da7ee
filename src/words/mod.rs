//! The words every layer shares: errors, limits and the rule for names. Imports nothing of ours.

mod error;
pub mod limits;
mod names;
mod rule;

pub use error::{EngineError, ErrorKind, Result, StoreError};
pub(crate) use names::check_name;
pub use rule::ChainRule;
