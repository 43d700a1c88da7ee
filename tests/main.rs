//! The integration tests: one binary, modules named after `src`, and the suites that try to break it as a whole.

mod attacks;
mod backend;
mod causal;
mod crash;
mod edge;
mod golden;
mod house;
mod intent;
mod model;
mod processes;
mod suite;
mod vault;
