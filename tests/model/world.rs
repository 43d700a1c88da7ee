//! The real vault beside the model, and the operations on both.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use causal_vault::{
    Access, Anchor, Cursor, Durability, EntryHash, Event, EventHeader, Filter, Fingerprint, Receipt, Signer,
    SigningKey, SqliteBackend, StoreError, StoredEvent, Subscription, Value, Vault, VaultBuilder, Writer, WriterLog,
};
use tempfile::TempDir;

use super::naive::{KINDS, Model, Naive, Outcome, STREAMS, TENANTS, bytes};
use super::operations::{Draft, Ending, INLINE, LIMIT, Operation, Payload};

type Heard = Arc<Mutex<Vec<EntryHash>>>;

/// Where the vault is.
pub(super) enum Place {
    File(TempDir),
    Memory,
    /// Over a backend of the test's.
    Over(fn(VaultBuilder) -> Vault),
}

/// Handles on the vault, which a reopen replaces.
struct Handles {
    vaults: [Vault; 2],
    writers: [[Writer; 3]; 2],
    cursor: Cursor,
    heard: [(Heard, Heard); 2],
    _bells: Vec<Subscription<EventHeader>>,
}

pub(super) struct World {
    place: Place,
    handles: Option<Handles>,
    pub(super) model: Model,
    pub(super) anchors: [Vec<Anchor>; 2],
    rung: [Vec<usize>; 2],
    noted: i64,
    polled: Option<StoredEvent>,
    read: u64,
    acked: u64,
}

fn keys() -> [SigningKey; 2] {
    [7, 8].map(|byte| SigningKey::from_bytes(&[byte; 32]))
}

fn builder() -> VaultBuilder {
    Vault::builder().durability(Durability::Fast).inline_threshold(INLINE).payload_limit(LIMIT)
}

impl Handles {
    fn open(vault: Vault) -> Self {
        let vaults = TENANTS.map(|tenant| vault.for_tenant(tenant).unwrap());
        let writers = vaults.each_ref().map(|vault| {
            let [each, last] = keys();
            let alice = vault.named_writer("alice").unwrap();
            [alice, vault.writer(each).unwrap(), vault.writer(last).unwrap().signing_last()]
        });
        let mut bells = Vec::new();
        let heard = vaults.each_ref().map(|vault| {
            let mut listen = |filter| {
                let heard = Heard::default();
                let here = Arc::clone(&heard);
                bells.push(vault.subscribe(filter, move |header| here.lock().unwrap().push(header.hash)).unwrap());
                heard
            };
            (listen(Filter::all()), listen(Filter::kind("a.*").with_stream(STREAMS[0])))
        });
        let cursor = vaults[0].cursor("reader", Filter::stream(STREAMS[0])).unwrap();
        Self { vaults, writers, cursor, heard, _bells: bells }
    }
}

impl World {
    pub(super) fn new(place: Place) -> Self {
        let named = |name| Fingerprint::named(name).unwrap();
        let [each, last] = keys().map(|key| Fingerprint::from_ed25519_pubkey(&key.public_key()));
        let model = Model::new([named("alice"), each, last, named("dave"), named("nobody")]);
        let mut world = Self {
            place,
            handles: None,
            model,
            anchors: Default::default(),
            rung: Default::default(),
            noted: 0,
            polled: None,
            read: 0,
            acked: 0,
        };
        world.open();
        world.vault(0).backend().exec("CREATE TABLE mine (n INTEGER)", &[]).unwrap();
        world
    }

    fn path(&self) -> Option<PathBuf> {
        match &self.place {
            Place::File(folder) => Some(folder.path().join("agents.vault")),
            Place::Memory | Place::Over(_) => None,
        }
    }

    fn open(&mut self) {
        self.handles = None;
        let vault = match (&self.place, self.path()) {
            (Place::Over(open), _) => open(builder()),
            (_, Some(path)) => builder().open(path).unwrap(),
            (_, None) => builder().in_memory().unwrap(),
        };
        self.handles = Some(Handles::open(vault));
        self.rung = Default::default();
    }

    fn handles(&self) -> &Handles {
        self.handles.as_ref().expect("it is only closed while it is reopened")
    }

    pub(super) fn vault(&self, tenant: usize) -> &Vault {
        &self.handles().vaults[tenant]
    }

    pub(super) fn run(&mut self, operation: &Operation) {
        match operation {
            Operation::Acknowledge => {
                if let Some(event) = &self.polled {
                    self.handles().cursor.ack(event).unwrap();
                    self.acked = self.acked.max(event.header.position.number());
                }
            }
            Operation::Anchor => {
                for tenant in 0..2 {
                    let anchor = self.vault(tenant).tree_head().unwrap().into();
                    self.anchors[tenant].push(anchor);
                }
            }
            Operation::Append { stream, by_dave, payload } => self.append(*stream, *by_dave, *payload),
            Operation::Batch { tenant, writer, drafts } => self.batch(*tenant, *writer, drafts),
            Operation::Commit { tenant, writer, draft } => {
                let known = self.model.tenants[*tenant].clone();
                let (event, outcome) = self.model.plan(*tenant, &known, *writer, draft);
                let result = self.handles().writers[*tenant][*writer].commit(event);
                let mut pending = Vec::new();
                self.settle(*tenant, &mut pending, outcome, result);
                self.keep(*tenant, pending);
            }
            Operation::Crash => self.crash(),
            Operation::Poll(limit) => self.poll(*limit),
            Operation::Reopen if self.path().is_some() => {
                self.open();
                (self.read, self.polled) = (self.acked, None);
            }
            Operation::Reopen | Operation::ReopenCursor => {
                let cursor = self.vault(0).cursor("reader", Filter::stream(STREAMS[0])).unwrap();
                self.handles.as_mut().unwrap().cursor = cursor;
                self.read = self.acked;
            }
            Operation::Transaction { tenant, drafts, ending, swallow } => {
                self.transaction(*tenant, drafts, *ending, *swallow);
            }
        }
    }

    /// Compares one receipt with what must come of the draft, and remembers what is stored.
    fn settle(
        &mut self,
        tenant: usize,
        pending: &mut Vec<Naive>,
        outcome: Outcome,
        result: Result<Receipt, StoreError>,
    ) {
        let committed = self.model.tenants[tenant].len();
        let (event, position, receipt) = match (outcome, result) {
            (Outcome::Refused(expected), result) => return assert_eq!(result, Err(expected)),
            (Outcome::Replayed(at), Ok(receipt)) => {
                assert!(!receipt.is_new);
                let event = self.model.tenants[tenant].iter().chain(&*pending).nth(at).unwrap().clone();
                (event, at as u64 + 1, receipt)
            }
            (Outcome::Stored(mut event), Ok(receipt)) => {
                assert!(receipt.is_new);
                (event.hash, event.digest) = (receipt.hash, receipt.digest);
                assert!(event.id.is_none_or(|id| id == receipt.id));
                let known: Vec<_> = self.model.tenants[tenant].iter().chain(&*pending).cloned().collect();
                assert!(known.iter().all(|other| other.hash != event.hash));
                self.model.learn_digest(&known, &event);
                pending.push(event.clone());
                (event, (committed + pending.len()) as u64, receipt)
            }
            (outcome, Err(error)) => panic!("expected {outcome:?}, found {error}"),
        };
        let found =
            (&*receipt.stream, receipt.writer, receipt.seq, receipt.position.number(), receipt.hash, receipt.digest);
        let writer = self.model.writers[event.writer];
        assert_eq!(found, (STREAMS[event.stream], writer, event.seq, position, event.hash, event.digest));
    }

    fn keep(&mut self, tenant: usize, pending: Vec<Naive>) {
        let start = self.model.tenants[tenant].len();
        self.rung[tenant].extend((start..start + pending.len()).filter(|at| pending[at - start].rings));
        self.model.tenants[tenant].extend(pending);
    }

    fn batch(&mut self, tenant: usize, writer: usize, drafts: &[Draft]) {
        let committed = self.model.tenants[tenant].clone();
        // Nobody knows the hash of an event of the same batch, and so none is a parent.
        let mut known = committed.clone();
        let mut planned: Vec<(Event, Outcome)> = Vec::new();
        for draft in drafts {
            let mut narrow = draft.clone();
            narrow.parents.clear();
            let parents_of = if known.len() == committed.len() { draft } else { &narrow };
            let (event, outcome) = self.model.plan(tenant, &known, writer, parents_of);
            if let Outcome::Stored(event) = &outcome {
                known.push(event.clone());
            }
            planned.push((event, outcome));
        }
        let (events, outcomes): (Vec<_>, Vec<_>) = planned.into_iter().unzip();
        let result = self.handles().writers[tenant][writer].commit_batch(events);
        let refusals = outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Refused(error) => Some(error),
            _ => None,
        });
        // Sizes are looked at before the transaction begins.
        let first =
            refusals.clone().find(|error| matches!(error, StoreError::Limit { .. })).or(refusals.clone().next());
        match (first, result) {
            (Some(error), result) => assert_eq!(result, Err(error.clone())),
            (None, Err(error)) => panic!("expected {outcomes:?}, found {error}"),
            (None, Ok(receipts)) => {
                assert_eq!(receipts.len(), outcomes.len());
                let mut pending = Vec::new();
                for (outcome, receipt) in outcomes.into_iter().zip(receipts) {
                    self.settle(tenant, &mut pending, outcome, Ok(receipt));
                }
                self.keep(tenant, pending);
            }
        }
    }

    fn transaction(&mut self, tenant: usize, drafts: &[(usize, Draft)], ending: Ending, swallow: bool) {
        let handles = self.handles.take().expect("it is only closed while it is reopened");
        let mut pending = Vec::new();
        let mut refused = None;
        let polled = self.polled.clone();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            handles.vaults[tenant].transaction(|tx| {
                tx.exec("INSERT INTO mine VALUES (1)", &[])?;
                for (writer, draft) in drafts {
                    let known: Vec<_> = self.model.tenants[tenant].iter().chain(&pending).cloned().collect();
                    let (event, outcome) = self.model.plan(tenant, &known, *writer, draft);
                    let result = tx.append(&handles.writers[tenant][*writer], event);
                    self.settle(tenant, &mut pending, outcome, result.clone());
                    if let (Err(error), false) = (result, swallow) {
                        refused = Some(error.clone());
                        return Err(error);
                    }
                }
                match ending {
                    Ending::Panic => resume_unwind(Box::new("as drawn")),
                    Ending::RollBack => return Err(StoreError::Backend("as drawn".to_owned())),
                    Ending::Acknowledge => polled.iter().try_for_each(|event| handles.cursor.ack_in(tx, event))?,
                    Ending::Commit => {}
                }
                Ok(())
            })
        }));
        self.handles = Some(handles);
        match (refused, ending) {
            (Some(error), _) => assert_eq!(outcome.unwrap(), Err(error)),
            (None, Ending::Panic) => assert!(outcome.is_err()),
            (None, Ending::RollBack) => assert_eq!(outcome.unwrap(), Err(StoreError::Backend("as drawn".to_owned()))),
            (None, Ending::Acknowledge | Ending::Commit) => {
                outcome.unwrap().unwrap();
                self.noted += 1;
                self.keep(tenant, pending);
                if let (Ending::Acknowledge, Some(event)) = (ending, &self.polled) {
                    self.acked = self.acked.max(event.header.position.number());
                }
            }
        }
    }

    fn append(&mut self, stream: usize, by_dave: bool, payload: Payload) {
        let (writer, name) = if by_dave { (3, "dave") } else { (0, "alice") };
        let payload = bytes(payload);
        let entry = WriterLog::append(self.vault(0).backend(), STREAMS[stream], name, &payload).unwrap();
        let known = self.model.tenants[0].clone();
        let log: Vec<_> = known.iter().filter(|event| (event.stream, event.writer) == (stream, writer)).collect();
        let event = Naive {
            stream,
            writer,
            kind: KINDS.len() - 1,
            seq: log.len() as u64 + 1,
            lamport: log.last().map_or(0, |last| last.lamport) + 1,
            id: None,
            payload,
            attachment: None,
            parents: Vec::new(),
            hash: EntryHash::from_bytes(entry.content_hash),
            digest: self.vault(0).events(Filter::all()).unwrap().last().unwrap().unwrap().header.digest,
            rings: false,
        };
        assert_eq!(entry.prev_hash, log.last().map(|last| *last.hash.as_bytes()));
        assert_eq!((entry.seq, &entry.payload), (event.seq, &event.payload));
        self.model.learn_digest(&known, &event);
        self.keep(0, vec![event]);
        let log = WriterLog::entries(self.vault(0).backend(), STREAMS[stream], name).unwrap();
        assert_eq!(log.last(), Some(&entry));
    }

    /// A process that dies in the middle of an append leaves nothing.
    fn crash(&mut self) {
        match self.path() {
            Some(path) => {
                let dying = SqliteBackend::open(path).unwrap();
                dying.connection().execute_batch("BEGIN IMMEDIATE; INSERT INTO mine VALUES (1)").unwrap();
                WriterLog::append(&dying, STREAMS[0], "alice", b"never").unwrap();
            }
            None => {
                let tx = self.vault(0).backend().begin(Access::Write).unwrap();
                tx.exec("DELETE FROM vault_entry", &[]).unwrap();
            }
        }
    }

    fn poll(&mut self, limit: usize) {
        let events = self.handles.as_mut().unwrap().cursor.poll(limit, Duration::ZERO).unwrap();
        let wanted = self.model.tenants[0].iter().enumerate().filter(|(_, event)| event.stream == 0);
        let wanted =
            wanted.map(|(at, event)| (at as u64 + 1, event.hash)).filter(|(position, _)| *position > self.read);
        let expected: Vec<_> = wanted.take(limit).collect();
        let found: Vec<_> = events.iter().map(|event| (event.header.position.number(), event.header.hash)).collect();
        assert_eq!(found, expected);
        if let Some(last) = events.last() {
            self.read = last.header.position.number();
            self.polled = Some(last.clone());
        }
    }

    /// What the subscribers have heard, what the cursor has acknowledged, and the consumer's own table.
    pub(super) fn compare_surroundings(&self) {
        for tenant in 0..2 {
            let events = &self.model.tenants[tenant];
            let (all, some) = &self.handles().heard[tenant];
            let rung = || self.rung[tenant].iter().map(|at| &events[*at]);
            assert_eq!(*all.lock().unwrap(), rung().map(|event| event.hash).collect::<Vec<_>>());
            let wanted = rung().filter(|event| event.stream == 0 && event.kind < 2);
            assert_eq!(*some.lock().unwrap(), wanted.map(|event| event.hash).collect::<Vec<_>>());
        }
        assert_eq!(self.handles().cursor.acked().unwrap().number(), self.acked);
        let noted = self.vault(0).backend().query("SELECT count(*) FROM mine", &[]);
        assert_eq!(noted, Ok(vec![vec![Value::Int(self.noted)]]));
    }
}
