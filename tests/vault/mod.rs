//! Tests of `src/vault` through the public API.

mod payloads;
