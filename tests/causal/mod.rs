//! Tests of `src/causal` through the public API.

mod doorbell;
