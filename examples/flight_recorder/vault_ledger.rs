//! A ledger in a vault: an event for each commit, a writer for each author, a payload for each file.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use causal_vault::limits::{PARENTS, PAYLOAD_BYTES_MAX};
use causal_vault::{
    Encoder, Event, EventId, EventRef, Filter, HashingEncoder, PayloadDigest, Position, StoreError, StoredEvent, Value,
    Vault, VaultBuilder, Writer,
};
use uuid::Builder;

use crate::Outcome;
use crate::bytes::Digest;
use crate::census::Census;
use crate::ledger::Ledger;
use crate::object::ObjectId;
use crate::purpose::{self, Purposes};
use crate::record::{Change, CommitRecord, Person};

/// One stream for all repositories: a commit that two of them share is one event.
const STREAM: &str = "git";
pub(crate) const KIND: &str = "git.commit";

/// What is committed together: enough to forget the cost of a commit, far from the limits of a transaction.
const BATCH_BYTES: usize = 4 << 20;
const BATCH_EVENTS: usize = 1024;

/// The changes that an event's payload holds itself; those of a larger commit are payloads of their own.
const CHANGES_MAX: usize = 4096;

/// Records into a vault, many commits in a transaction, which a thread of its own stores.
pub(crate) struct VaultLedger {
    vault: Vault,
    events: Arc<Places>,
    writers: HashMap<String, Writer>,
    /// What the messages so far have taught.
    words: HashingEncoder,
    waiting: Batch,
    storing: Option<JoinHandle<Result<Places, StoreError>>>,
}

/// Where each commit's event is: to be named as a parent, and to be read.
type Places = HashMap<EventId, (EventRef, Position)>;

/// What the next transaction stores: first the files, then the events that name them.
#[derive(Default)]
struct Batch {
    pieces: Vec<Vec<u8>>,
    events: Vec<(Writer, Event, CommitRecord)>,
    bytes: usize,
}

/// The settings that a vault of this recorder is opened with.
pub(crate) fn settings() -> VaultBuilder {
    Vault::builder().payload_limit(PAYLOAD_BYTES_MAX)
}

impl VaultLedger {
    /// Goes on where the last recording into this vault ended.
    pub(crate) fn new(vault: Vault) -> Outcome<VaultLedger> {
        let (mut events, mut words) = (Places::new(), HashingEncoder::new());
        purpose::choose(&vault, &words)?;
        for event in vault.events(commits())? {
            let event = event?;
            purpose::learn(&mut words, &event.decode()?);
            let header = event.header;
            events.insert(header.id, (EventRef::from(&header), header.position));
        }
        let (events, writers) = (Arc::new(events), HashMap::new());
        Ok(VaultLedger { vault, events, writers, words, waiting: Batch::default(), storing: None })
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Where the event of a recorded commit is.
    pub(crate) fn place(&self, commit: &ObjectId) -> Outcome<&(EventRef, Position)> {
        Ok(self.events.get(&event_id(commit)).ok_or_else(|| format!("commit {commit} is not recorded"))?)
    }

    /// Reads every recorded commit back and counts.
    pub(crate) fn census(&self) -> Outcome<Census> {
        let mut census = Census::default();
        for event in self.vault.events(commits())? {
            let event = event?;
            census.count(&event.header.writer_name, event.header.payload_len, &self.decode(&event)?);
        }
        let inline = "SELECT coalesce(sum(length(payload)), 0) FROM vault_entry";
        let shared = "SELECT coalesce(sum(length(bytes)), 0) FROM vault_payload";
        census.bytes_stored = self.number(inline)? + self.number(shared)?;
        Ok(census)
    }

    /// What the recorded commits were for.
    pub(crate) fn purposes(&self, are_some_new: bool) -> Outcome<Purposes> {
        Purposes::of(&self.vault, &self.words, are_some_new)
    }

    /// The size of the vault's file.
    pub(crate) fn file_bytes(&self) -> Outcome<u64> {
        self.number("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    }

    /// The rows of a vault are ordinary SQL.
    fn number(&self, query: &str) -> Outcome<u64> {
        match self.vault.backend().query(query, &[])?.first().and_then(|row| row.first()) {
            Some(Value::Int(number)) => Ok(u64::try_from(*number)?),
            other => Err(format!("{query}: expected a number, found {other:?}").into()),
        }
    }

    fn decode(&self, event: &StoredEvent) -> Outcome<CommitRecord> {
        let mut record: CommitRecord = event.decode()?;
        for digest in mem::take(&mut record.more_changes) {
            record.changes.extend(rmp_serde::from_slice::<Vec<Change>>(&self.fetch(&digest)?)?);
        }
        Ok(record)
    }

    /// Makes room for so many bytes more.
    fn reserve(&mut self, bytes: usize) -> Outcome<()> {
        if self.waiting.bytes + bytes > BATCH_BYTES || self.waiting.events.len() == BATCH_EVENTS {
            self.store()?;
        }
        self.waiting.bytes += bytes;
        Ok(())
    }

    /// Begins to store what waits, while the next commits are read.
    fn store(&mut self) -> Outcome<()> {
        self.settle()?;
        if self.waiting.bytes == 0 && self.waiting.events.is_empty() {
            return Ok(());
        }
        let (vault, places, batch) = (self.vault.clone(), Arc::clone(&self.events), mem::take(&mut self.waiting));
        self.storing = Some(thread::spawn(move || store(&vault, &places, batch)));
        Ok(())
    }

    /// Waits until what was begun is stored.
    fn settle(&mut self) -> Outcome<()> {
        if let Some(storing) = self.storing.take() {
            let added = storing.join().map_err(|_| "the thread that writes to the vault panicked")??;
            Arc::make_mut(&mut self.events).extend(added);
        }
        Ok(())
    }

    fn writer(&mut self, name: String) -> Outcome<Writer> {
        if let Some(writer) = self.writers.get(&name) {
            return Ok(writer.clone());
        }
        let writer = self.vault.named_writer(&name)?;
        self.writers.insert(name, writer.clone());
        Ok(writer)
    }
}

impl Ledger for VaultLedger {
    fn holds(&self, commit: &ObjectId) -> Outcome<bool> {
        Ok(self.events.contains_key(&event_id(commit)))
    }

    fn put(&mut self, piece: Vec<u8>) -> Outcome<Digest> {
        self.reserve(piece.len())?;
        let digest = PayloadDigest::of(&piece);
        self.waiting.pieces.push(piece);
        Ok(Digest(*digest.as_bytes()))
    }

    fn append(&mut self, mut record: CommitRecord) -> Outcome<()> {
        let later = record.changes.split_off(record.changes.len().min(CHANGES_MAX));
        for changes in later.chunks(CHANGES_MAX) {
            let digest = self.put(rmp_serde::to_vec_named(changes)?)?;
            record.more_changes.push(digest);
        }
        let seconds = [&record.author, &record.committer].into_iter().flatten().find_map(Person::seconds);
        let mut event = Event::new(KIND, &record)?
            .stream(STREAM)
            .id(event_id(&record.id))
            .timestamp(seconds.unwrap_or_default().saturating_mul(1000));
        if let Some(embedding) = purpose::embedding(&mut self.words, &record) {
            event = event.embedding(self.words.model(), &embedding);
        }
        let writer = self.writer(record.writer_name())?;
        self.reserve(event.bytes())?;
        // Only what the event still needs to find its parents.
        record.changes = Vec::new();
        self.waiting.events.push((writer, event, record));
        Ok(())
    }

    fn flush(&mut self) -> Outcome<()> {
        self.store()?;
        self.settle()
    }

    fn load(&self, commit: &ObjectId) -> Outcome<CommitRecord> {
        self.decode(&self.vault.get(self.place(commit)?.1)?)
    }

    fn fetch(&self, digest: &Digest) -> Outcome<Vec<u8>> {
        Ok(self.vault.payload(&PayloadDigest::from_bytes(digest.0))?)
    }
}

/// Stores a batch in one transaction; gives where its events are.
fn store(vault: &Vault, before: &Places, batch: Batch) -> Result<Places, StoreError> {
    vault.transaction(|tx| {
        for piece in batch.pieces {
            tx.put_payload(piece)?;
        }
        let mut added = Places::new();
        for (writer, mut event, commit) in batch.events {
            for parent in parents(&commit, before, &added)? {
                event = event.parent(parent);
            }
            let receipt = tx.append(&writer, event)?;
            added.insert(receipt.id, (EventRef::from(&receipt), receipt.position));
        }
        Ok(added)
    })
}

/// The events of a commit's parents: each once, and of more than an event can name the first ones.
fn parents<'e>(commit: &CommitRecord, before: &'e Places, added: &'e Places) -> Result<Vec<&'e EventRef>, StoreError> {
    let mut found = Vec::new();
    for parent in &commit.parents {
        let id = event_id(parent);
        match added.get(&id).or_else(|| before.get(&id)) {
            Some((event, _)) if found.contains(&event) => {}
            Some((event, _)) => found.push(event),
            None if commit.is_cut_off() => {}
            None => return Err(StoreError::NotFound { what: "the event of parent commit", name: parent.to_string() }),
        }
        if found.len() == PARENTS {
            break;
        }
    }
    Ok(found)
}

/// Wants every commit.
pub(crate) fn commits() -> Filter {
    Filter::stream(STREAM).with_kind(KIND)
}

/// A commit has one event however often it is recorded: the event's id follows from the commit's.
fn event_id(commit: &ObjectId) -> EventId {
    let hash = blake3::hash(commit.bytes());
    let id = hash.as_bytes().first_chunk().expect("16 of 32 bytes");
    Builder::from_custom_bytes(*id).into_uuid().into()
}
