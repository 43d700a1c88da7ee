//! Tests of `src/edge` through the public API.
