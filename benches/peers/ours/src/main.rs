//! The vault.

#[path = "../../workload.rs"]
mod workload;

use std::process::ExitCode;

use causal_vault::{Durability, Event, Filter, Vault, WriterLog};
use workload::{Peer, Session, Task};

const STREAM: &str = "conv:demo";

fn main() -> ExitCode {
    workload::main::<Ours>()
}

struct Ours(Vault);

impl Peer for Ours {
    type Session<'a> = Writer;

    fn open(task: &Task) -> Result<Self, &'static str> {
        let durability = if task.durable { Durability::Durable } else { Durability::Fast };
        Ok(Self(Vault::builder().durability(durability).open(task.folder.join("vault")).unwrap()))
    }

    fn session(&self, thread: usize) -> Writer {
        Writer(self.0.named_writer(&writer(thread)).unwrap())
    }

    fn verify(&self, task: &Task) -> Result<usize, &'static str> {
        let threads = match task.work.as_str() {
            "read" => return Ok(self.0.events(Filter::all()).unwrap().map(Result::unwrap).count()),
            "verify-log" => {
                WriterLog::verify(self.0.backend(), STREAM, &writer(0)).unwrap();
                return Ok(task.count);
            }
            "verify-cores" => std::thread::available_parallelism().map_or(1, |cores| cores.get()),
            _ => 1,
        };
        let report = self.0.verifier().threads(threads).run().unwrap();
        assert!(report.is_intact());
        Ok(usize::try_from(report.tree.size).unwrap())
    }
}

struct Writer(causal_vault::Writer);

impl Session for Writer {
    type Row = Vec<u8>;

    fn prepare(&mut self, payload: Vec<u8>) -> Vec<u8> {
        payload
    }

    fn append(&mut self, row: Vec<u8>) {
        self.0.commit(event(row)).unwrap();
    }

    fn batch(&mut self, rows: Vec<Vec<u8>>) {
        self.0.commit_batch(rows.into_iter().map(event)).unwrap();
    }
}

fn event(payload: Vec<u8>) -> Event {
    Event::raw("note", payload).stream(STREAM)
}

fn writer(thread: usize) -> String {
    format!("writer {thread}")
}
