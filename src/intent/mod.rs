//! Why things happened: embeddings, and exact answers to what is near. Everything here is pure: no I/O, no clock, no
//! randomness, and the same bits on every machine.

mod flat;
mod kernel;
mod scan;
mod vector;

pub use flat::{FlatIndex, FlatMatch, FlatMatches};
pub use vector::UnitVector;
