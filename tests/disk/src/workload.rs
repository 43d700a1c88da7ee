//! A seeded mix of everything that writes, and a note of what was acknowledged when.

use std::path::Path;
use std::time::Duration;
use std::{fmt, thread};

use causal_vault::{
    Durability, EntryHash, Event, EventId, EventRef, Filter, NoteSigner, Result, SignedNote, SigningKey, StoreError,
    Value, Vault, WriterLog,
};
use fastrand::Rng;

use crate::disk::Disk;
use crate::early::EarlyBackend;

/// How the vault is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// With the durability that is asked for.
    Sqlite(Durability),
    /// Over an engine that acknowledges before it commits.
    Early,
}

/// A workload as its seed decides it.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    pub steps: usize,
    pub engine: Engine,
    pub page_bytes: u32,
    /// Pages in the WAL at which SQLite begins a checkpoint by itself.
    pub checkpoint_pages: u32,
}

/// What is stored as one: all of it, or none.
#[derive(Clone, Debug)]
pub struct Unit {
    pub work: Work,
    /// The operations on the disk before it was begun.
    pub begun: usize,
    /// The operations on the disk when the call returned.
    pub ended: usize,
    /// The same if it was acknowledged.
    pub acked: Option<usize>,
    /// What the acknowledgement says.
    pub receipt: Option<Receipt>,
}

/// What an acknowledgement names.
#[derive(Clone, Debug)]
pub enum Receipt {
    /// The last event.
    Event(EventRef),
    Checkpoint(SignedNote),
    Nothing,
}

#[derive(Clone)]
pub enum Work {
    /// Events with ids of their own; several are one batch.
    Commit { writer: String, events: Vec<(Vec<u8>, Event)> },
    /// The same with a row for each event in a table of the consumer's.
    Transaction { writer: String, events: Vec<(Vec<u8>, Event)> },
    /// An append that has no event id to be known by.
    Append { stream: String, payload: Vec<u8> },
    /// A cursor that moves on to this position.
    Ack { position: u64 },
    /// A signed checkpoint of everything so far.
    Checkpoint,
}

/// What a workload did.
pub struct Run {
    pub units: Vec<Unit>,
    /// The hashes of what it stored, in the order of their positions; none if that could not be read.
    pub entries: Vec<EntryHash>,
    /// Steps that failed, of every kind, also those that were then tried again.
    pub errors: u64,
}

pub const CURSOR: &str = "consumer";

/// The die of the first steps, so that no workload lacks anything.
const ONE_OF_EACH: [u8; 11] = [0, 30, 48, 63, 86, 89, 79, 73, 96, 0, 89];

const STREAMS: [&str; 3] = ["conv:demo", "ledger", "plans"];
const WRITERS: [&str; 2] = ["alice", "bob"];

impl Plan {
    pub fn new(seed: u64, steps: usize, engine: Engine) -> Self {
        let mut rng = Rng::with_seed(seed);
        let page_bytes = if rng.bool() { 4096 } else { [512, 1024, 2048][rng.usize(..3)] };
        let checkpoint_pages = [6, 20, 60, 1000][rng.usize(..4)];
        Self { seed, steps, engine, page_bytes, checkpoint_pages }
    }

    /// Opens the vault as a consumer would: its own table, its page size, its limit for the WAL.
    pub fn open(&self, path: &Path) -> Result<Vault> {
        if self.page_bytes != 4096 {
            let mine = rusqlite::Connection::open(path).map_err(StoreError::from)?;
            mine.execute_batch(&format!("PRAGMA page_size = {}; {OWN_TABLE}", self.page_bytes))
                .map_err(StoreError::from)?;
        }
        let vault = match self.engine {
            Engine::Sqlite(durability) => Vault::builder().durability(durability).open(path)?,
            Engine::Early => Vault::builder().over(EarlyBackend::open(path)?)?,
        };
        vault.backend().exec(OWN_TABLE, &[])?;
        vault.backend().query(&format!("PRAGMA wal_autocheckpoint = {}", self.checkpoint_pages), &[])?;
        Ok(vault)
    }

    /// Runs it. A step that fails is noted and the next one is tried.
    pub fn run(&self, disk: &Disk) -> Run {
        let mut runner = Runner {
            plan: self,
            disk,
            rng: Rng::with_seed(self.seed),
            vault: None,
            last: None,
            serial: 0,
            units: Vec::new(),
            errors: 0,
        };
        for step in 0..self.steps {
            let die = runner.rng.u8(..100);
            if runner.step(*ONE_OF_EACH.get(step).unwrap_or(&die)).is_err() {
                runner.errors += 1;
            }
        }
        let entries = runner.entries().unwrap_or_default();
        Run { units: runner.units, entries, errors: runner.errors }
    }
}

const OWN_TABLE: &str = "CREATE TABLE IF NOT EXISTS mine (payload BLOB PRIMARY KEY)";

struct Runner<'a> {
    plan: &'a Plan,
    disk: &'a Disk,
    rng: Rng,
    vault: Option<Vault>,
    /// The newest event that was acknowledged.
    last: Option<EventRef>,
    serial: u64,
    units: Vec<Unit>,
    errors: u64,
}

impl Runner<'_> {
    /// The die says what is done.
    fn step(&mut self, die: u8) -> Result<()> {
        if self.vault.is_none() {
            self.vault = Some(self.plan.open(&self.disk.vault())?);
        }
        let vault = self.vault.clone().expect("opened above");
        match die {
            0..30 => {
                let work = Work::Commit { writer: self.writer(), events: self.events(1) };
                self.perform(&vault, work)
            }
            30..48 => {
                let count = self.rng.usize(2..9);
                let work = Work::Commit { writer: self.writer(), events: self.events(count) };
                self.perform(&vault, work)
            }
            48..63 => {
                let count = self.rng.usize(1..5);
                let work = Work::Transaction { writer: self.writer(), events: self.events(count) };
                self.perform(&vault, work)
            }
            63..73 => {
                let work = Work::Append { stream: self.stream(), payload: self.payload() };
                self.perform(&vault, work)
            }
            73..79 => self.acknowledge(&vault),
            79..86 if self.plan.engine != Engine::Early => self.crew(&vault),
            79..86 => Ok(()),
            86..89 => self.perform(&vault, Work::Checkpoint),
            89..96 => {
                let kind = ["PASSIVE", "FULL", "RESTART", "TRUNCATE"][self.rng.usize(..4)];
                vault.backend().query(&format!("PRAGMA wal_checkpoint({kind})"), &[]).map(drop)
            }
            _ => {
                self.vault = None;
                Ok(())
            }
        }
    }

    /// Performs one piece of work and notes when it began and when it was acknowledged.
    fn perform(&mut self, vault: &Vault, work: Work) -> Result<()> {
        let begun = self.disk.now();
        let mut result = work.perform(vault);
        // Some consumers try again at once, on the same handle.
        if result.is_err() && work.has_ids() && self.rng.bool() {
            self.errors += 1;
            result = work.perform(vault);
        }
        let ended = self.disk.now();
        let acked = result.is_ok().then_some(ended);
        let receipt = result.as_ref().ok().cloned();
        self.units.push(Unit { work, begun, ended, acked, receipt });
        if let Receipt::Event(event) = result? {
            self.last = Some(event);
        }
        Ok(())
    }

    fn acknowledge(&mut self, vault: &Vault) -> Result<()> {
        let mut cursor = vault.cursor(CURSOR, Filter::all())?;
        let count = self.rng.usize(1..6);
        let events = cursor.poll(count, Duration::ZERO)?;
        let Some(event) = events.last() else { return Ok(()) };
        self.perform(vault, Work::Ack { position: event.header.position.number() })
    }

    /// Several threads commit at once.
    fn crew(&mut self, vault: &Vault) -> Result<()> {
        let works: Vec<Work> = (0..4).map(|_| Work::Commit { writer: self.writer(), events: self.events(1) }).collect();
        let disk = self.disk;
        let done = thread::scope(|scope| {
            let threads: Vec<_> = works
                .into_iter()
                .map(|work| {
                    scope.spawn(move || {
                        let begun = disk.now();
                        let result = work.perform(vault);
                        let ended = disk.now();
                        let acked = result.is_ok().then_some(ended);
                        let receipt = result.as_ref().ok().cloned();
                        (Unit { work, begun, ended, acked, receipt }, result.map(drop))
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
        });
        let mut outcome = Ok(());
        for (unit, result) in done {
            self.units.push(unit);
            outcome = outcome.and(result);
        }
        outcome
    }

    fn entries(&mut self) -> Result<Vec<EntryHash>> {
        let vault = match self.vault.take() {
            Some(vault) => vault,
            None => self.plan.open(&self.disk.vault())?,
        };
        vault.events(Filter::all())?.map(|event| Ok(event?.header.hash)).collect()
    }

    fn writer(&mut self) -> String {
        WRITERS[self.rng.usize(..WRITERS.len())].to_owned()
    }

    fn stream(&mut self) -> String {
        STREAMS[self.rng.usize(..STREAMS.len())].to_owned()
    }

    fn events(&mut self, count: usize) -> Vec<(Vec<u8>, Event)> {
        (0..count)
            .map(|_| {
                let payload = self.payload();
                let mut id = [0; 16];
                id[..8].copy_from_slice(&self.plan.seed.to_be_bytes());
                id[8..].copy_from_slice(&self.serial.to_be_bytes());
                let mut event =
                    Event::raw("note", payload.clone()).stream(self.stream()).id(EventId::from_bytes(id)).timestamp(0);
                if let Some(last) = self.last.as_ref().filter(|_| self.rng.u8(..3) == 0) {
                    event = event.parent(last);
                }
                (payload, event)
            })
            .collect()
    }

    /// One that no other event has. Some are large enough to be stored beside the entry.
    fn payload(&mut self) -> Vec<u8> {
        self.serial += 1;
        let mut payload = format!("payload {} ", self.serial).into_bytes();
        let length = if self.rng.u8(..6) == 0 { self.rng.usize(1500..6000) } else { self.rng.usize(20..300) };
        payload.resize_with(length, || self.rng.u8(..));
        payload
    }
}

impl Work {
    /// Does it, or does it again.
    pub fn perform(&self, vault: &Vault) -> Result<Receipt> {
        match self {
            Self::Commit { writer, events } => {
                let writer = vault.named_writer(writer)?;
                match events.as_slice() {
                    [(_, event)] => writer.commit(event.clone()).map(|receipt| Receipt::Event((&receipt).into())),
                    events => {
                        let receipts = writer.commit_batch(events.iter().map(|(_, event)| event.clone()))?;
                        Ok(receipts.last().map_or(Receipt::Nothing, |receipt| Receipt::Event(receipt.into())))
                    }
                }
            }
            Self::Transaction { writer, events } => {
                let writer = vault.named_writer(writer)?;
                vault.transaction(|tx| {
                    let mut last = Receipt::Nothing;
                    for (payload, event) in events {
                        let row = [Value::Blob(payload.clone())];
                        tx.exec("INSERT INTO mine VALUES (?) ON CONFLICT DO NOTHING", &row)?;
                        last = Receipt::Event((&tx.append(&writer, event.clone())?).into());
                    }
                    Ok(last)
                })
            }
            Self::Append { stream, payload } => {
                WriterLog::append(vault.backend(), stream, "carol", payload).map(|_| Receipt::Nothing)
            }
            Self::Ack { position } => {
                let cursor = vault.cursor(CURSOR, Filter::all())?;
                let event = vault
                    .events(Filter::all())?
                    .find(|event| event.as_ref().map_or(true, |event| event.header.position.number() == *position));
                event.map_or(Ok(()), |event| cursor.ack(&event?)).map(|()| Receipt::Nothing)
            }
            Self::Checkpoint => {
                let signer = NoteSigner::new(vault.origin("disk.example")?, SigningKey::from_bytes(&[9; 32]))?;
                vault.checkpoint(&signer).map(Receipt::Checkpoint)
            }
        }
    }

    /// The payloads of its events, by which they are known.
    pub fn payloads(&self) -> Vec<&[u8]> {
        match self {
            Self::Commit { events, .. } | Self::Transaction { events, .. } => {
                events.iter().map(|(payload, _)| payload.as_slice()).collect()
            }
            Self::Append { payload, .. } => vec![payload],
            Self::Ack { .. } | Self::Checkpoint => Vec::new(),
        }
    }

    /// Where it moves the cursor to.
    pub fn position(&self) -> Option<u64> {
        match self {
            Self::Ack { position } => Some(*position),
            _ => None,
        }
    }

    /// Whether doing it again stores nothing twice.
    pub fn has_ids(&self) -> bool {
        !matches!(self, Self::Append { .. })
    }

    pub fn has_rows(&self) -> bool {
        matches!(self, Self::Transaction { .. })
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Commit { .. } => "commit",
            Self::Transaction { .. } => "transaction",
            Self::Append { .. } => "append",
            Self::Checkpoint => "checkpoint",
            Self::Ack { position } => return write!(f, "ack({position})"),
        };
        let serial = |payload: &[u8]| String::from_utf8_lossy(payload).split(' ').nth(1).unwrap_or_default().to_owned();
        f.debug_tuple(name).field(&self.payloads().into_iter().map(serial).collect::<Vec<_>>()).finish()
    }
}
