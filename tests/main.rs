//! The integration tests: one binary, modules named after `src`.

mod backend;
mod causal;
mod edge;
mod house;
mod vault;
