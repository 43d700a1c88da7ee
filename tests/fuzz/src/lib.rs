//! A module for each target: what it reads, and what must hold whatever it is given. `target` says whether the bytes were
//! accepted, so that a corpus from which nothing is accepted can be told. Where a module has `target_with`, the reader can
//! be replaced: the tests put in one with a mistake, which must be caught.

pub mod bundle;
pub mod driver;
pub mod entry;
pub mod equivocation;
pub mod file;
pub mod import;
pub mod intents;
pub mod note;
pub mod patch;
pub mod payload;
pub mod tree_proof;

/// Runs the target over the files that are named on the command line.
pub fn replay(target: fn(&[u8]) -> bool) {
    for path in std::env::args_os().skip(1) {
        let data = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        println!("{}: {}", path.display(), if target(&data) { "accepted" } else { "refused" });
    }
}
