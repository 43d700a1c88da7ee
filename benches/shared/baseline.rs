//! The usual way: one table, a prepared INSERT, and a check that loads everything.

use std::path::Path;

use causal_vault::Durability;
use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params};

const STREAM: &str = "conv:demo";
const WRITER: &str = "alice";
const INSERT: &str =
    "INSERT INTO log (stream, writer, seq, prev_hash, content_hash, payload) VALUES (?, ?, ?, ?, ?, ?)";

/// A single table of the same keys, hashes and payloads, under the settings that the vault sets as well.
pub(crate) struct Baseline {
    conn: Connection,
    seq: i64,
    head: [u8; 32],
}

impl Baseline {
    pub(crate) fn open(path: &Path, durability: Durability) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags).unwrap();
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).unwrap();
        conn.pragma_update(None, "cell_size_check", true).unwrap();
        conn.pragma_update(None, "journal_mode", "WAL").unwrap();
        let synchronous = if durability == Durability::Fast { "NORMAL" } else { "FULL" };
        conn.pragma_update(None, "synchronous", synchronous).unwrap();
        conn.execute_batch(
            "CREATE TABLE IF NOT EXISTS log (stream TEXT NOT NULL, writer TEXT NOT NULL, seq INTEGER NOT NULL, \
             prev_hash BLOB, content_hash BLOB NOT NULL, payload BLOB NOT NULL, PRIMARY KEY (stream, writer, seq))",
        )
        .unwrap();
        Self { conn, seq: 0, head: [0; 32] }
    }

    /// The rows to be inserted next, with hashes as the usual way chains them: made before the clock starts.
    pub(crate) fn prepare(&mut self, payloads: Vec<Vec<u8>>) -> Vec<Row> {
        let mut rows = Vec::with_capacity(payloads.len());
        for payload in payloads {
            self.seq += 1;
            let prev = (self.seq > 1).then_some(self.head);
            self.head = chain_hash(prev.as_ref(), &payload);
            rows.push(Row { seq: self.seq, prev, hash: self.head, payload });
        }
        rows
    }

    /// One row in a transaction of its own.
    pub(crate) fn insert(&self, row: &Row) {
        let mut insert = self.conn.prepare_cached(INSERT).unwrap();
        insert.execute(params![STREAM, WRITER, row.seq, row.prev, row.hash, row.payload]).unwrap();
    }

    /// All rows in one transaction.
    pub(crate) fn insert_all(&self, rows: &[Row]) {
        self.conn.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut insert = self.conn.prepare_cached(INSERT).unwrap();
        for row in rows {
            insert.execute(params![STREAM, WRITER, row.seq, row.prev, row.hash, row.payload]).unwrap();
        }
        drop(insert);
        self.conn.execute_batch("COMMIT").unwrap();
    }

    /// Loads owned rows, makes owned entries of them and hashes `prev || payload` of each.
    pub(crate) fn verify(&self) -> usize {
        let entries = self.entries();
        let mut prev = None;
        for (seq, entry) in (1..).zip(&entries) {
            assert_eq!((entry.seq, entry.prev), (seq, prev));
            assert_eq!(chain_hash(prev.as_ref(), &entry.payload), entry.hash);
            prev = Some(entry.hash);
        }
        entries.len()
    }

    /// Every row as an owned entry.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let mut select = self
            .conn
            .prepare_cached(
                "SELECT seq, prev_hash, content_hash, payload FROM log WHERE stream = ? AND writer = ? ORDER BY seq",
            )
            .unwrap();
        let rows: Vec<Vec<Value>> = select
            .query_map([STREAM, WRITER], |row| (0..4).map(|index| row.get(index)).collect())
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        rows.iter().map(|row| Entry::new(row)).collect()
    }

    pub(crate) fn bytes(&self) -> u64 {
        let pragma = |name| self.conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        (pragma("page_count") * pragma("page_size")).unsigned_abs()
    }
}

/// What is bound to the INSERT.
pub(crate) struct Row {
    seq: i64,
    prev: Option<[u8; 32]>,
    hash: [u8; 32],
    payload: Vec<u8>,
}

/// An entry as the usual way hands it out.
pub(crate) struct Entry {
    pub(crate) stream: String,
    pub(crate) writer: String,
    pub(crate) seq: i64,
    pub(crate) prev: Option<[u8; 32]>,
    pub(crate) hash: [u8; 32],
    pub(crate) payload: Vec<u8>,
}

impl Entry {
    fn new(row: &[Value]) -> Self {
        let hash = |value: &Value| match value {
            Value::Blob(blob) => <[u8; 32]>::try_from(blob.as_slice()).ok(),
            _ => None,
        };
        let [Value::Integer(seq), prev, content, Value::Blob(payload)] = row else { panic!("a row of another shape") };
        Self {
            stream: STREAM.to_owned(),
            writer: WRITER.to_owned(),
            seq: *seq,
            prev: hash(prev),
            hash: hash(content).unwrap(),
            payload: payload.clone(),
        }
    }
}

fn chain_hash(prev: Option<&[u8; 32]>, payload: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    if let Some(prev) = prev {
        hasher.update(prev);
    }
    hasher.update(payload);
    *hasher.finalize().as_bytes()
}
