//! Tests of `src/vault` through the public API.

mod events;
mod hostile;
mod payloads;
mod transaction;
