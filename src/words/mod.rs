//! The words every layer shares: errors, limits and the rule for names. Imports nothing of ours.

mod error;
pub mod limits;
mod names;

pub use error::{ChainRule, EngineError, ErrorKind, Result, StoreError};
pub(crate) use names::check_name;
