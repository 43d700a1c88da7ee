//! Tests of `src/vault` through the public API.

mod events;
mod payloads;
mod transaction;
