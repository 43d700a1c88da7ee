//! Writes the file that the import is tested with, by agent-store 0.1.2 itself: `agent-store-peer FILE`.
//!
//! Its tests run the consumer of `tests/edge` over agent-store, and hold the file in `tests/data` against agent-store.

#[cfg(test)]
use agent_store as store;
#[cfg(test)]
#[path = "../../edge/consumer.rs"]
mod consumer;

use std::path::Path;

use agent_store::{Fingerprint, Generation, Result, SqliteBackend, WriterLog};
use rusqlite::Connection;

fn main() -> Result<()> {
    let path = std::env::args_os().nth(1).expect("usage: agent-store-peer FILE");
    write(Path::new(&path))
}

/// Small pages keep the file small; agent-store leaves such settings to the caller.
fn write(path: &Path) -> Result<()> {
    let conn = Connection::open(path)?;
    conn.pragma_update(None, "page_size", 512)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    let db = SqliteBackend::from_connection(conn);
    db.connection().execute_batch("CREATE TABLE note (body TEXT); PRAGMA user_version = 7")?;
    Generation::ensure_schema(&db)?;
    WriterLog::ensure_schema(&db)?;
    for (stream, writer, payload) in history() {
        WriterLog::append(&db, stream, &writer, &payload)?;
    }
    for _ in 0..3 {
        Generation::new("report").bump(&db)?;
    }
    Generation::new("board: größe").set(&db, 1 << 40)
}

/// Three writers in two streams, one a fingerprint; text, bytes of every value, and nothing at all.
fn history() -> Vec<(&'static str, String, Vec<u8>)> {
    let newt = Fingerprint::from_ed25519_pubkey(&[7; 32]).to_hex();
    let alice = || "alice".to_owned();
    vec![
        ("conv:demo", alice(), b"hello".to_vec()),
        ("conv:demo", "bob".to_owned(), b"hello, alice".to_vec()),
        ("conv:demo", alice(), Vec::new()),
        ("conv:größe ✓", newt.clone(), (0..=255).collect()),
        ("conv:demo", "bob".to_owned(), "grüße".into()),
        ("conv:demo", alice(), vec![0; 3]),
        ("conv:größe ✓", alice(), b"hello".to_vec()),
        ("conv:größe ✓", newt, b"{\"turn\":2}".to_vec()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_file_is_what_agent_store_writes() {
        let folder = tempfile::tempdir().unwrap();
        let (golden, fresh) = (folder.path().join("golden.db"), folder.path().join("fresh.db"));
        std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../data/agent-store-0.1.2.db"), &golden).unwrap();
        write(&fresh).unwrap();
        let (golden, fresh) = (SqliteBackend::open(&golden).unwrap(), SqliteBackend::open(&fresh).unwrap());
        for (stream, writer, _) in history() {
            WriterLog::verify(&golden, stream, &writer).unwrap();
            let entries = |db| WriterLog::entries(db, stream, &writer).unwrap();
            assert_eq!(entries(&golden), entries(&fresh));
        }
        for key in ["report", "board: größe"] {
            let current = |db| Generation::new(key).current(db).unwrap();
            assert_eq!(current(&golden), current(&fresh));
        }
    }
}
