//! agent-store over a connection that it is handed, as its documentation shows for a level of one's own.

#[path = "../../workload.rs"]
mod workload;

use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use agent_store::{SqliteBackend, WriterLog};
use rusqlite::Connection;
use workload::{Peer, Session, Task};

const STREAM: &str = "conv:demo";

fn main() -> ExitCode {
    workload::main::<AgentStore>()
}

/// Its backend is `Send` and not `Sync`: threads share it behind a lock.
struct AgentStore(Mutex<SqliteBackend>);

impl Peer for AgentStore {
    type Session<'a> = Writer<'a>;

    fn open(task: &Task) -> Result<Self, &'static str> {
        let conn = Connection::open(task.folder.join("store.db")).unwrap();
        // As `SqliteBackend::open` sets them, which knows NORMAL alone.
        conn.busy_timeout(Duration::from_secs(5)).unwrap();
        conn.pragma_update(None, "journal_mode", "WAL").unwrap();
        conn.pragma_update(None, "synchronous", if task.durable { "FULL" } else { "NORMAL" }).unwrap();
        let db = SqliteBackend::from_connection(conn);
        WriterLog::ensure_schema(&db).unwrap();
        Ok(Self(Mutex::new(db)))
    }

    fn session(&self, thread: usize) -> Writer<'_> {
        Writer { db: &self.0, name: writer(thread) }
    }

    fn verify(&self, task: &Task) -> Result<usize, &'static str> {
        let db = self.0.lock().unwrap();
        if task.work == "read" {
            return Ok(WriterLog::entries(&*db, STREAM, &writer(0)).unwrap().len());
        }
        WriterLog::verify(&*db, STREAM, &writer(0)).unwrap();
        Ok(task.count)
    }
}

struct Writer<'a> {
    db: &'a Mutex<SqliteBackend>,
    name: String,
}

impl Session for Writer<'_> {
    type Row = Vec<u8>;

    fn prepare(&mut self, payload: Vec<u8>) -> Vec<u8> {
        payload
    }

    fn append(&mut self, row: Vec<u8>) {
        WriterLog::append(&*self.db.lock().unwrap(), STREAM, &self.name, &row).unwrap();
    }

    /// It has no batches: appends within a transaction on its connection.
    fn batch(&mut self, rows: Vec<Vec<u8>>) {
        let db = self.db.lock().unwrap();
        db.connection().execute_batch("BEGIN IMMEDIATE").unwrap();
        for row in rows {
            WriterLog::append(&*db, STREAM, &self.name, &row).unwrap();
        }
        db.connection().execute_batch("COMMIT").unwrap();
    }
}

fn writer(thread: usize) -> String {
    format!("writer {thread}")
}
