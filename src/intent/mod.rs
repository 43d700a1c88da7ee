//! Why things happened: groups of events with one purpose, and exact answers to what is near. Everything here is pure: no
//! I/O, no clock, no randomness, and the same bits on every machine.

mod assignment;
mod blob;
mod calibration;
mod cell;
mod codes;
mod consolidation;
mod encoder;
mod engine;
mod fact;
mod flat;
mod hashing;
mod id;
mod kernel;
mod options;
mod packed;
mod packed_query;
mod products;
mod regroup;
mod scan;
mod settle;
mod snapshot;
mod store;
mod text;
mod tree;
mod vector;
mod ward;

pub use assignment::{Assignment, IntentEvent, IntentMatch};
pub use calibration::Calibration;
pub use encoder::Encoder;
pub use fact::IntentFact;
pub use flat::{FlatIndex, FlatMatch, FlatMatches};
pub use hashing::HashingEncoder;
pub use id::{CellId, IntentId};
pub use options::IntentOptions;
pub use store::{IntentStore, IntentSummary};
pub(crate) use text::words;
pub use vector::UnitVector;
