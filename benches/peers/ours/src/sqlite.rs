//! SQLite itself: the table that `benches/` measures the vault against.

#[path = "../../../../benches/shared/baseline.rs"]
#[allow(dead_code)]
mod baseline;
#[path = "../../workload.rs"]
mod workload;

use std::process::ExitCode;
use std::sync::Mutex;

use baseline::{Baseline, Row};
use causal_vault::Durability;
use workload::{Peer, Session, Task};

fn main() -> ExitCode {
    workload::main::<Sqlite>()
}

struct Sqlite(Mutex<Baseline>);

impl Peer for Sqlite {
    type Session<'a> = Connection<'a>;

    fn open(task: &Task) -> Result<Self, &'static str> {
        let durability = if task.durable { Durability::Durable } else { Durability::Fast };
        Ok(Self(Mutex::new(Baseline::open(&task.folder.join("table"), durability))))
    }

    fn session(&self, _: usize) -> Connection<'_> {
        Connection(&self.0)
    }

    fn verify(&self, task: &Task) -> Result<usize, &'static str> {
        let table = self.0.lock().unwrap();
        Ok(if task.work == "read" { table.entries().len() } else { table.verify() })
    }
}

struct Connection<'a>(&'a Mutex<Baseline>);

impl Session for Connection<'_> {
    type Row = Row;

    fn prepare(&mut self, payload: Vec<u8>) -> Row {
        self.0.lock().unwrap().prepare(vec![payload]).remove(0)
    }

    fn append(&mut self, row: Row) {
        self.0.lock().unwrap().insert(&row);
    }

    fn batch(&mut self, rows: Vec<Row>) {
        self.0.lock().unwrap().insert_all(&rows);
    }
}
