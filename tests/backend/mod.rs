//! Tests of `src/backend` through the public API.

#[cfg(feature = "conformance")]
mod conformance;
