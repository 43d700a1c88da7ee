//! Tests of `src/backend` through the public API.
