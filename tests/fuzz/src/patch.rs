//! Files that are too large to be mutated byte by byte: the input says which bytes of a known one to change.

use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

/// Writes `offset u24 || length u8 || bytes` over the file, for as often as the input has it. Offsets and lengths wrap.
pub fn apply(file: &mut [u8], mut patches: &[u8]) {
    while let Some(([a, b, c, length], rest)) = patches.split_first_chunk() {
        let offset = u32::from_be_bytes([0, *a, *b, *c]) as usize % file.len();
        let (bytes, rest) = rest.split_at(usize::from(length % 32).min(rest.len()));
        file.iter_mut().skip(offset).zip(bytes).for_each(|(to, from)| *to = *from);
        patches = rest;
    }
}

/// A folder for the files of one process, and a name in it that no other case has.
pub struct Scratch(TempDir, AtomicU64);

impl Scratch {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"), AtomicU64::new(0))
    }

    pub fn file(&self, bytes: &[u8]) -> std::path::PathBuf {
        let path = self.0.path().join(self.1.fetch_add(1, Ordering::Relaxed).to_string());
        std::fs::write(&path, bytes).expect("a temporary file");
        path
    }

    /// Removes a file of `file`, and what SQLite has put beside it.
    pub fn remove(&self, path: &std::path::Path) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            let _ = std::fs::remove_file(name);
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}
