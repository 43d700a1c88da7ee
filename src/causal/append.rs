//! Appending: a draft takes its place in its log, in the causal order and in the position order.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;
use uuid::Uuid;

use super::draft::{Author, Draft, Signing};
use super::entry::{EntryV1, Scheme};
use super::extension::Extensions;
use super::fingerprint::Fingerprint;
use super::hash::{CausalDigest, EntryHash, PayloadDigest, Realm, causal_hash};
use super::reference::EventRef;
use super::signer::{PURPOSE_ENTRY, Signer, message};
use super::table::entry::{Link, NewRow, StoredPayload};
use super::table::timeline::{MAIN, Timeline};
use super::table::{edge, entry, kind, log, payload, prefix, realm, timeline, writer};
use crate::backend::Transaction;
use crate::words::limits::COUNTER_MAX;
use crate::words::{Result, StoreError};

/// Payloads up to this many bytes stand in the entry's row unless a vault is told otherwise; larger ones are stored
/// once for each digest.
pub(crate) const INLINE_BYTES: usize = 1024;

/// Where an appended event stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) reference: EventRef,
    pub(crate) event_id: Uuid,
    pub(crate) position: u64,
    pub(crate) lamport: u64,
    pub(crate) prev: Option<EntryHash>,
    pub(crate) causal: CausalDigest,
    pub(crate) parents: SmallVec<[EntryHash; 4]>,
    /// Whether this call stored it: a retry finds it already there.
    pub(crate) is_new: bool,
}

/// Appends to one tenant's timeline within a transaction that holds the write lock.
pub(crate) struct Appender<'t> {
    sql: &'t dyn Transaction,
    realm: Realm,
    tenant: &'t str,
    timeline: Timeline,
    start: u64,
    inline_bytes: usize,
    writers: HashMap<Fingerprint, i64>,
    logs: HashMap<Fingerprint, HashMap<Arc<str>, LogHead>>,
    kinds: HashMap<String, i64>,
    /// A write failed half-way: only a rollback is left.
    failed: bool,
}

/// A log as this transaction leaves it.
struct LogHead {
    id: i64,
    epoch: u32,
    genesis: EntryHash,
    last: Option<Link>,
    /// Signs the last entry when the transaction ends.
    unsigned: Option<Arc<dyn Signer>>,
}

impl<'t> Appender<'t> {
    pub(crate) fn open(sql: &'t dyn Transaction, tenant: &'t str, inline_bytes: usize) -> Result<Self> {
        let timeline = timeline::find_or_create(sql, tenant, MAIN)?;
        Ok(Self {
            sql,
            realm: realm::read(sql)?,
            tenant,
            start: timeline.tree.size(),
            timeline,
            inline_bytes,
            writers: HashMap::new(),
            logs: HashMap::new(),
            kinds: HashMap::new(),
            failed: false,
        })
    }

    /// Gives the draft its place. After an error the transaction holds nothing of it, or can only be rolled back.
    pub(crate) fn append(&mut self, author: &Author, draft: &Draft<'_>) -> Result<Appended> {
        self.check_whole()?;
        if !draft.fresh
            && let Some(appended) = self.replayed(author, draft)?
        {
            return Ok(appended);
        }
        let parents = self.resolve(&draft.parents)?;
        let writer = author.identity.id();
        let head = self.log(author, draft.stream)?;
        let found = head.last.map_or(0, |last| last.seq);
        if let Some(expected) = draft.expected_seq.filter(|expected| *expected != found) {
            return Err(StoreError::HeadMoved {
                stream: draft.stream.to_owned(),
                writer: author.identity.label().to_string(),
                expected,
                found,
            });
        }
        let (log, epoch, last) = (head.id, head.epoch, head.last);
        let prev = last.map_or(head.genesis, |last| last.hash);
        let lamport = last.iter().chain(&parents).map(|link| link.lamport).max().unwrap_or(0) + 1;
        let position = self.timeline.tree.size() + 1;
        let id = entry::id(self.timeline.id, position)?;
        let (seq, lamport) =
            (below_max("the log", found + 1, "entries")?, below_max("lamport time", lamport, "steps")?);
        let bytes = EntryV1 {
            realm: self.realm,
            tenant: self.tenant,
            stream: draft.stream,
            writer,
            epoch,
            seq,
            prev,
            lamport,
            parents: parents.iter().map(|parent| parent.hash).collect(),
            kind: draft.kind,
            ts_ms: draft.ts_ms,
            event_id: draft.event_id,
            scheme: Scheme::Plain,
            payload_len: draft.payload.len() as u64,
            payload_digest: draft.digest,
            extensions: Extensions::decode(&draft.extensions)?,
        }
        .encode()?;
        let hash = EntryHash::of(&bytes);
        let signature = match &author.signing {
            Signing::Each(signer) => {
                Some(signer.sign(&message(PURPOSE_ENTRY, self.realm.as_bytes(), hash.as_bytes()))?)
            }
            Signing::Last(_) | Signing::Never => None,
        };
        let causal =
            causal_hash(&draft.digest, &parents.iter().map(|parent| parent.causal).collect::<SmallVec<[_; 4]>>());
        let event_key = prefix(draft.event_id.as_bytes());
        let kind = self.kind(draft.kind)?;

        self.failed = true;
        let payload = self.store_payload(draft)?;
        entry::insert(
            self.sql,
            NewRow { id, log, seq, event_key, kind, lamport, hash, causal, bytes, signature, payload },
        )?;
        for parent in &parents {
            edge::insert(self.sql, id, parent.id)?;
        }
        self.failed = false;

        self.timeline.tree.push(hash.as_bytes());
        let link = Link { id, seq, lamport, hash, causal };
        let stream = self.advance(author, draft.stream, link);
        Ok(Appended {
            reference: EventRef { stream, writer, seq, hash },
            event_id: draft.event_id,
            position,
            lamport,
            prev: last.map(|last| last.hash),
            causal,
            parents: parents.iter().map(|parent| parent.hash).collect(),
            is_new: true,
        })
    }

    /// Stores bytes that no event comes with: once for each digest.
    pub(crate) fn put_payload(&self, digest: &PayloadDigest, bytes: &[u8]) -> Result<()> {
        payload::find_or_create(self.sql, self.timeline.id, digest, bytes).map(drop)
    }

    /// Stores what the appends left to store; the caller commits.
    pub(crate) fn finish(self) -> Result<()> {
        self.check_whole()?;
        for head in self.logs.values().flat_map(HashMap::values) {
            if let (Some(signer), Some(last)) = (&head.unsigned, &head.last) {
                let signature = signer.sign(&message(PURPOSE_ENTRY, self.realm.as_bytes(), last.hash.as_bytes()))?;
                entry::sign(self.sql, last.id, &signature)?;
            }
        }
        if self.timeline.tree.size() > self.start {
            timeline::advance(self.sql, &self.timeline, self.start)?;
        }
        Ok(())
    }

    fn check_whole(&self) -> Result<()> {
        if self.failed {
            return Err(StoreError::Backend("an append failed half-way; the transaction is rolled back".to_owned()));
        }
        Ok(())
    }

    /// The event that already has this id, if it says the same.
    fn replayed(&mut self, author: &Author, draft: &Draft<'_>) -> Result<Option<Appended>> {
        let timeline = self.timeline.id;
        entry::by_event_key(self.sql, prefix(draft.event_id.as_bytes()), |row| {
            let stored = row.decode()?;
            if stored.event_id != draft.event_id || entry::timeline(row.id) != timeline {
                return Ok(None);
            }
            if let Some(differs) = difference(&stored, author, draft) {
                return Err(StoreError::IdempotencyConflict { event_id: draft.event_id, differs });
            }
            Ok(Some(Appended {
                reference: EventRef {
                    stream: stored.stream.into(),
                    writer: stored.writer,
                    seq: stored.seq,
                    hash: row.hash,
                },
                event_id: stored.event_id,
                position: entry::position(row.id),
                lamport: stored.lamport,
                prev: (stored.seq > 1).then_some(stored.prev),
                causal: row.causal,
                parents: stored.parents,
                is_new: false,
            }))
        })
    }

    /// The parents' links in ascending order of their hashes.
    fn resolve(&mut self, references: &[EventRef]) -> Result<SmallVec<[Link; 4]>> {
        let mut links = SmallVec::<[Link; 4]>::new();
        for reference in references {
            let link = self.find(reference)?.ok_or_else(|| StoreError::UnknownParent {
                reference: reference.to_string(),
                tenant: self.tenant.to_owned(),
            })?;
            links.push(link);
        }
        links.sort_unstable_by_key(|link| link.hash);
        match links.iter().zip(links.iter().skip(1)).find(|(a, b)| a.hash == b.hash) {
            Some((twice, _)) => Err(StoreError::DuplicateParent { hash: twice.hash.to_hex() }),
            None => Ok(links),
        }
    }

    fn find(&mut self, reference: &EventRef) -> Result<Option<Link>> {
        let known = self.logs.get(&reference.writer).and_then(|streams| streams.get(&reference.stream));
        if let Some(last) = known.and_then(|head| head.last).filter(|last| last.hash == reference.hash) {
            return Ok((last.seq == reference.seq).then_some(last));
        }
        find_entry(self.sql, self.timeline.id, reference)
    }

    /// The head of the author's log in the stream, read once in a transaction.
    fn log(&mut self, author: &Author, stream: &str) -> Result<&LogHead> {
        let writer = author.identity.id();
        let known = self.logs.get(&writer).is_some_and(|streams| streams.contains_key(stream));
        if !known {
            let row = match self.writers.get(&writer) {
                Some(row) => *row,
                None => writer::find_or_create(self.sql, &author.identity)?,
            };
            self.writers.insert(writer, row);
            let head = self.load(row, &writer, stream)?;
            self.logs.entry(writer).or_default().insert(stream.into(), head);
        }
        Ok(self.logs.get(&writer).and_then(|streams| streams.get(stream)).expect("it was there or is inserted above"))
    }

    fn load(&self, row: i64, writer: &Fingerprint, stream: &str) -> Result<LogHead> {
        let newest = log::epochs(self.sql, self.timeline.id, stream, row)?.first().copied();
        let (id, epoch) = match newest {
            Some(found) => found,
            None => (log::create(self.sql, self.timeline.id, stream, row, 0)?, 0),
        };
        Ok(LogHead {
            id,
            epoch,
            genesis: EntryHash::genesis(&self.realm, self.tenant, stream, writer, epoch),
            last: entry::head(self.sql, id)?,
            unsigned: None,
        })
    }

    fn advance(&mut self, author: &Author, stream: &str, link: Link) -> Arc<str> {
        let streams = self.logs.entry(author.identity.id()).or_default();
        let Some((name, _)) = streams.get_key_value(stream) else { return stream.into() };
        let name = Arc::clone(name);
        if let Some(head) = streams.get_mut(stream) {
            head.last = Some(link);
            head.unsigned = match &author.signing {
                Signing::Last(signer) => Some(Arc::clone(signer)),
                Signing::Each(_) | Signing::Never => None,
            };
        }
        name
    }

    fn kind(&mut self, name: &str) -> Result<i64> {
        if let Some(id) = self.kinds.get(name) {
            return Ok(*id);
        }
        let id = kind::find_or_create(self.sql, name)?;
        self.kinds.insert(name.to_owned(), id);
        Ok(id)
    }

    fn store_payload(&self, draft: &Draft<'_>) -> Result<StoredPayload<Vec<u8>>> {
        for (digest, bytes) in &draft.attachments {
            self.put_payload(digest, bytes)?;
        }
        if draft.payload.len() <= self.inline_bytes {
            return Ok(StoredPayload::Inline(draft.payload.to_vec()));
        }
        payload::find_or_create(self.sql, self.timeline.id, &draft.digest, &draft.payload)
            .map(|(id, _)| StoredPayload::Shared(id))
    }
}

/// Finds an entry by its place and believes it by its hash.
pub(crate) fn find_entry<S: crate::backend::Sql + ?Sized>(
    sql: &S,
    timeline: u64,
    reference: &EventRef,
) -> Result<Option<Link>> {
    let Some(row) = writer::find(sql, &reference.writer)? else { return Ok(None) };
    for (log, _) in log::epochs(sql, timeline, &reference.stream, row)? {
        if let Some(link) = entry::link_at(sql, log, reference.seq)?.filter(|link| link.hash == reference.hash) {
            return Ok(Some(link));
        }
    }
    Ok(None)
}

/// The first part in which a stored event is not the one that is being retried. The claimed time may differ.
fn difference(stored: &EntryV1<'_>, author: &Author, draft: &Draft<'_>) -> Option<&'static str> {
    let mut parents: SmallVec<[EntryHash; 4]> = draft.parents.iter().map(|parent| parent.hash).collect();
    parents.sort_unstable();
    [
        ("stream", stored.stream == draft.stream),
        ("writer", stored.writer == author.identity.id()),
        ("kind", stored.kind == draft.kind),
        ("payload", stored.payload_digest == draft.digest),
        ("parents", stored.parents == parents),
        ("extensions", Cow::Borrowed(stored.extensions.as_bytes()) == draft.extensions),
    ]
    .into_iter()
    .find_map(|(part, same)| (!same).then_some(part))
}

fn below_max(what: &'static str, counter: u64, unit: &'static str) -> Result<u64> {
    if counter > COUNTER_MAX {
        return Err(StoreError::Limit { what, found: counter, limit: COUNTER_MAX, unit });
    }
    Ok(counter)
}
