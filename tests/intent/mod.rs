//! Tests of `src/intent` through the public API.

mod flat;
mod hashing;
mod vector;
