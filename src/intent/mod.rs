//! Why things happened: embeddings, and exact answers to what is near. Everything here is pure: no I/O, no clock, no
//! randomness, and the same bits on every machine.

mod codes;
mod encoder;
mod flat;
mod hashing;
mod kernel;
mod scan;
mod text;
mod vector;

pub use encoder::Encoder;
pub use flat::{FlatIndex, FlatMatch, FlatMatches};
pub use hashing::HashingEncoder;
pub use vector::UnitVector;
