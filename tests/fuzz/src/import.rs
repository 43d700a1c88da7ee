//! A file that claims to be agent-store's: either every row keeps agent-store's rules and is taken over, or none is.

use std::path::Path;
use std::sync::OnceLock;

use causal_vault::{
    ImportReport, SqliteOptions, StoreError, Vault, WriterLog, import_agent_store, verify_agent_store_import,
};
use rusqlite::{Connection, params};

use crate::patch::{Scratch, apply};

/// An empty store.
pub const SCHEMA: &str = "PRAGMA synchronous = OFF; PRAGMA page_size = 512; PRAGMA journal_mode = WAL; \
    CREATE TABLE _agent_store_log (stream TEXT NOT NULL, writer TEXT NOT NULL, \
    seq INTEGER NOT NULL, prev_hash BLOB, content_hash BLOB NOT NULL, payload BLOB NOT NULL, \
    PRIMARY KEY (stream, writer, seq)); \
    CREATE TABLE _agent_store_meta (key TEXT PRIMARY KEY, ival INTEGER NOT NULL)";

/// Rows as agent-store would have written them, unless the input says what is wrong with one.
#[derive(Default)]
struct Rows {
    rows: Vec<Row>,
    is_wrong: bool,
}

struct Row {
    stream: String,
    writer: String,
    seq: i64,
    prev: Option<Vec<u8>>,
    hash: Vec<u8>,
    payload: Vec<u8>,
}

pub fn target(data: &[u8]) -> bool {
    target_with(data, |path, vault| import_agent_store(&SqliteOptions::new().read_only(true).open(path)?, vault))
}

/// The first byte says how the rest makes a file: edits of the one that agent-store wrote, the file itself, or rows.
pub fn target_with(data: &[u8], import: impl Fn(&Path, &Vault) -> Result<ImportReport, StoreError>) -> bool {
    static SCRATCH: OnceLock<Scratch> = OnceLock::new();
    let scratch = SCRATCH.get_or_init(Scratch::new);
    let Some((kind, data)) = data.split_first() else { return false };
    let (path, rows) = match kind % 4 {
        0 => {
            let mut bytes = golden().to_vec();
            apply(&mut bytes, data);
            (scratch.file(&bytes), None)
        }
        1 => (scratch.file(data), None),
        _ => {
            let rows = Rows::read(data);
            let path = scratch.file(&[]);
            rows.write(&path);
            (path, Some(rows))
        }
    };
    let accepted = check(&path, rows, import);
    scratch.remove(&path);
    accepted
}

fn check(path: &Path, rows: Option<Rows>, import: impl Fn(&Path, &Vault) -> Result<ImportReport, StoreError>) -> bool {
    let before = std::fs::read(path).expect("the source");
    let vault = Vault::in_memory().expect("a vault in memory");
    let report = import(path, &vault);
    assert!(std::fs::read(path).expect("the source") == before, "the source was changed");
    let size = vault.tree_head().expect("a head").size;
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            assert_eq!(size, 0, "something was stored before the error: {error}");
            assert!(rows.is_none_or(|rows| rows.is_wrong), "good rows were refused: {error}");
            return false;
        }
    };
    assert_eq!(report.imported, report.logs.iter().map(|log| log.entries).sum::<u64>());
    assert!(vault.verify(&[]).expect("a report").is_intact(), "what was imported breaks a rule");
    assert_eq!(verify_agent_store_import(&vault).as_ref(), Ok(&report.logs));
    assert_eq!(import(path, &vault).map(|again| again.imported), Ok(0), "a second import is not nothing");
    assert_eq!(vault.tree_head().expect("a head").size, size);
    if let Some(rows) = rows {
        assert!(!rows.is_wrong, "a row that breaks agent-store's rules was taken over");
        assert_eq!(report.imported, rows.rows.len() as u64);
        for row in &rows.rows {
            let entries = WriterLog::entries(vault.backend(), &row.stream, &row.writer).expect("a log");
            let at = usize::try_from(row.seq - 1).expect("it is small");
            assert_eq!(entries[at].payload, row.payload, "another payload was taken over");
        }
    }
    true
}

fn golden() -> &'static [u8] {
    static GOLDEN: OnceLock<Vec<u8>> = OnceLock::new();
    GOLDEN.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/agent-store-0.1.2.db");
        std::fs::read(path).expect("the file that agent-store wrote")
    })
}

impl Rows {
    /// `place u8 || fault u8 || length u8 || payload`, for as often as the input has it; at most 64 rows.
    fn read(mut data: &[u8]) -> Self {
        let mut rows = Self::default();
        while let Some(([place, fault, length], rest)) = data.split_first_chunk().filter(|_| rows.rows.len() < 64) {
            let (payload, rest) = rest.split_at(usize::from(*length).min(rest.len()));
            rows.add(*place, *fault, payload);
            data = rest;
        }
        rows
    }

    fn add(&mut self, place: u8, fault: u8, payload: &[u8]) {
        let stream = format!("conv:{}", place & 3);
        let writer = ["alice", "bob", "größe", "x y"][usize::from(place >> 2 & 3)].to_owned();
        let last = self.rows.iter().rfind(|row| row.stream == stream && row.writer == writer);
        let mut row = Row {
            seq: last.map_or(1, |last| last.seq + 1),
            prev: last.map(|last| last.hash.clone()),
            hash: Vec::new(),
            payload: payload.to_vec(),
            stream,
            writer,
        };
        row.hash = row.hashed();
        let sound = (row.seq, row.prev.clone(), row.hash.clone());
        match fault {
            // What was found wrong stays wrong under every later row.
            1 => row.seq += 1,
            2 => row.prev = Some(vec![7; 32]),
            3 => row.hash[usize::from(place) % 32] ^= 1,
            4 => row.hash.truncate(usize::from(place) % 32),
            5 => row.seq = i64::from(place) - 128,
            6 => row.prev = None,
            _ => {}
        }
        if self
            .rows
            .iter()
            .any(|other| (&other.stream, &other.writer, other.seq) == (&row.stream, &row.writer, row.seq))
        {
            return;
        }
        self.is_wrong |= sound != (row.seq, row.prev.clone(), row.hash.clone());
        self.rows.push(row);
    }

    fn write(&self, path: &Path) {
        let conn = Connection::open(path).expect("a database");
        conn.execute_batch(SCHEMA).expect("a database");
        conn.execute_batch("BEGIN").expect("a database");
        for row in &self.rows {
            conn.prepare_cached("INSERT INTO _agent_store_log VALUES (?, ?, ?, ?, ?, ?)")
                .and_then(|mut insert| {
                    insert.execute(params![row.stream, row.writer, row.seq, row.prev, row.hash, row.payload])
                })
                .expect("a new row");
        }
        conn.execute_batch("COMMIT").expect("a database");
    }
}

impl Row {
    /// agent-store's own rule.
    fn hashed(&self) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.prev.as_deref().unwrap_or_default()).update(&self.payload);
        hasher.finalize().as_bytes().to_vec()
    }
}
