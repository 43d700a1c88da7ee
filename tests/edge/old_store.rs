//! Files as agent-store 0.1.2 leaves them, and files as it never would.

use std::path::{Path, PathBuf};

use causal_vault::{SqliteBackend, SqliteOptions};
use rusqlite::{Connection, params};
use tempfile::TempDir;

const SCHEMA: &str = "CREATE TABLE _agent_store_log (stream TEXT NOT NULL, writer TEXT NOT NULL, \
    seq INTEGER NOT NULL, prev_hash BLOB, content_hash BLOB NOT NULL, payload BLOB NOT NULL, \
    PRIMARY KEY (stream, writer, seq)); \
    CREATE TABLE _agent_store_meta (key TEXT PRIMARY KEY, ival INTEGER NOT NULL)";

/// A database file in a folder of its own, written as agent-store writes.
pub(super) struct OldStore {
    folder: TempDir,
}

impl OldStore {
    /// The file in `tests/data`, which agent-store itself wrote.
    pub(super) fn golden() -> Self {
        let store = Self { folder: tempfile::tempdir().unwrap() };
        let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/agent-store-0.1.2.db");
        std::fs::copy(data, store.path()).unwrap();
        store
    }

    pub(super) fn empty() -> Self {
        let store = Self { folder: tempfile::tempdir().unwrap() };
        let conn = store.connect();
        conn.pragma_update(None, "journal_mode", "WAL").unwrap();
        conn.execute_batch(SCHEMA).unwrap();
        store
    }

    /// Two logs of three entries, the second longer by `more`.
    pub(super) fn small() -> Self {
        let store = Self::empty();
        for round in 1..=3 {
            store.append("conv:demo", "alice", format!("alice {round}").as_bytes());
            store.append("conv:demo", "bob", format!("bob {round}").as_bytes());
        }
        store
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("agent-store.db")
    }

    pub(super) fn connect(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    pub(super) fn read(&self) -> SqliteBackend {
        read(&self.path())
    }

    pub(super) fn sql(&self, batch: &str) {
        self.connect().execute_batch(batch).unwrap();
    }

    pub(super) fn append(&self, stream: &str, writer: &str, payload: &[u8]) {
        append(&self.connect(), stream, writer, payload);
    }

    /// Many entries of `logs` writers, in turns.
    pub(super) fn fill(&self, entries: usize, logs: usize) {
        let conn = self.connect();
        conn.execute_batch("BEGIN").unwrap();
        for entry in 0..entries {
            append(&conn, "conv:long", &format!("writer {}", entry % logs), format!("entry {entry}").as_bytes());
        }
        conn.execute_batch("COMMIT").unwrap();
    }
}

pub(super) fn read(path: &Path) -> SqliteBackend {
    SqliteOptions::new().read_only(true).open(path).unwrap()
}

/// agent-store's own append.
pub(super) fn append(conn: &Connection, stream: &str, writer: &str, payload: &[u8]) {
    let head =
        "SELECT seq, content_hash FROM _agent_store_log WHERE stream = ? AND writer = ? ORDER BY seq DESC LIMIT 1";
    let head: Option<(i64, Vec<u8>)> = conn
        .prepare_cached(head)
        .unwrap()
        .query_map(params![stream, writer], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .next()
        .transpose()
        .unwrap();
    let (seq, prev) = head.map_or((1, None), |(seq, hash)| (seq + 1, Some(hash)));
    let mut hasher = blake3::Hasher::new();
    hasher.update(prev.as_deref().unwrap_or_default()).update(payload);
    conn.prepare_cached("INSERT INTO _agent_store_log VALUES (?, ?, ?, ?, ?, ?)")
        .unwrap()
        .execute(params![stream, writer, seq, prev, hasher.finalize().as_bytes().as_slice(), payload])
        .unwrap();
}
