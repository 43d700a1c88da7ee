//! Appending: a draft takes its place in its log, in the causal order and in the position order.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;
use uuid::Uuid;

use super::admission::{Admitted, admit, check_key, epoch_draft};
use super::draft::{Author, Draft, Signing};
use super::embedding;
use super::entry::{EntryV1, Scheme};
use super::event_id;
use super::extension::Extensions;
use super::hash::{CausalDigest, EntryHash, PayloadDigest, causal_hash};
use super::key_event::{EPOCH, is_about_writers, purpose, vault_identity};
use super::known::{Known, LogHead};
use super::merkle::TreeHead;
use super::pending::Pending;
use super::reference::EventRef;
use super::signer::{PURPOSE_ENTRY, Signer, message};
use super::table::entry::{Link, NewRow, StoredPayload};
use super::table::timeline::{MAIN, Timeline};
use super::table::{chain, edge, entry, head, kind, log, node, payload, realm, timeline, writer};
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
    pub(crate) epoch: u32,
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
    tenant: &'t str,
    known: Known,
    start: u64,
    inline_bytes: usize,
    /// What was appended and is not stored yet, as rows are stored several at a time.
    pending: Pending,
    /// Entries that the tree has not taken yet.
    leaves: Vec<[u8; 32]>,
    /// The last entry of each log that is to be signed when the transaction ends.
    unsigned: HashMap<i64, (Arc<dyn Signer>, Link)>,
    /// A write failed half-way: only a rollback is left.
    failed: bool,
}

impl<'t> Appender<'t> {
    /// `known` is what [`finish`](Self::finish) returned for the last transaction of this tenant, if it is at hand.
    pub(crate) fn open(
        sql: &'t dyn Transaction,
        tenant: &'t str,
        inline_bytes: usize,
        known: Option<Known>,
    ) -> Result<Self> {
        let read = known.as_ref().map(|known| timeline::read(sql, known.timeline.id)).transpose()?;
        let known = match known.filter(|known| read.as_ref() == Some(&known.timeline)) {
            Some(known) => known,
            None => Known::new(realm::read(sql)?, timeline::find_or_create(sql, tenant, MAIN)?),
        };
        let (start, pending) = (known.timeline.tree.size(), Pending::default());
        let (leaves, unsigned) = (Vec::new(), HashMap::new());
        Ok(Self { sql, tenant, known, start, inline_bytes, pending, leaves, unsigned, failed: false })
    }

    /// Gives the draft its place. After an error the transaction holds nothing of it, or can only be rolled back.
    pub(crate) fn append(&mut self, author: &Author, draft: &Draft<'_>) -> Result<Appended> {
        self.check_whole()?;
        if let Some(event_id) = draft.event_id
            && let Some(appended) = self.replayed(author, draft, event_id)?
        {
            return Ok(appended);
        }
        if self.size() == 0 && draft.kind != EPOCH && kind::find(self.sql, EPOCH)?.is_some() {
            // A tenant that is new in a restored vault may not have been new in the one that was lost.
            self.append(&Author::named(vault_identity()), &epoch_draft("this tenant is new in a restored vault")?)?;
        }
        let parents = self.resolve(&draft.parents)?;
        let writer = author.identity.id();
        let LogHead { id: log, stream, epoch, genesis, last, .. } = self.log(author, draft)?;
        let found = last.map_or(0, |last| last.seq);
        if let Some(expected) = draft.expected_seq.filter(|expected| *expected != found) {
            return Err(StoreError::HeadMoved {
                stream: draft.stream.clone().into_owned(),
                writer: author.identity.label().to_string(),
                expected,
                found,
            });
        }
        let prev = last.map_or(genesis, |last| last.hash);
        let lamport = last.iter().chain(&parents).map(|link| link.lamport).max().unwrap_or(0) + 1;
        let position = self.size() + 1;
        let id = entry::id(self.known.timeline.id, position)?;
        let back = last.map_or(0, |last| id.saturating_sub(last.id));
        let event_id = draft.event_id.unwrap_or_else(|| event_id::at(position));
        let (seq, lamport) =
            (below_max("the log", found + 1, "entries")?, below_max("lamport time", lamport, "steps")?);
        let bytes = EntryV1 {
            realm: self.known.realm,
            tenant: self.tenant,
            stream: &draft.stream,
            writer,
            epoch,
            seq,
            prev,
            lamport,
            parents: parents.iter().map(|parent| parent.hash).collect(),
            kind: &draft.kind,
            ts_ms: draft.ts_ms,
            event_id,
            scheme: Scheme::Plain,
            payload_len: draft.payload.len() as u64,
            payload_digest: draft.digest,
            extensions: Extensions::encoded(&draft.extensions),
        }
        .encode()?;
        let hash = EntryHash::of(&bytes);
        let signature = match &author.signing {
            Signing::Each(signer) => Some(self.sign(&**signer, purpose(&draft.kind), &hash)?),
            Signing::Last(_) | Signing::Never => None,
        };
        let causal =
            causal_hash(&draft.digest, &parents.iter().map(|parent| parent.causal).collect::<SmallVec<[_; 4]>>());
        let stored_causal = (!parents.is_empty()).then_some(causal);
        let event_key = event_id::key(&event_id, position);
        let kind = self.kind(&draft.kind)?;
        embedding::check(self.sql, &mut self.known, draft)?;

        self.failed = true;
        let payload = self.store_payload(draft)?;
        let row = NewRow {
            id,
            log,
            seq,
            back,
            event_key,
            kind,
            lamport,
            hash,
            causal: stored_causal,
            bytes,
            signature,
            payload,
        };
        self.pending.push(self.sql, row, event_id)?;
        embedding::store(self.sql, &mut self.known, id, draft)?;
        for parent in &parents {
            edge::insert(self.sql, id, parent.id)?;
        }
        self.leaves.push(*hash.as_bytes());
        self.failed = false;
        if is_about_writers(&draft.stream) {
            // Who may append next is read from the store.
            self.store_pending()?;
            self.known.forget_writers();
        }

        let link = Link { id, seq, lamport, hash, causal };
        self.known.advance(&writer, &draft.stream, link);
        match &author.signing {
            Signing::Last(signer) => drop(self.unsigned.insert(log, (Arc::clone(signer), link))),
            Signing::Each(_) | Signing::Never => drop(self.unsigned.remove(&log)),
        }
        Ok(Appended {
            reference: EventRef { stream, writer, seq, hash },
            epoch,
            event_id,
            position,
            lamport,
            prev: last.map(|last| last.hash),
            causal,
            parents: parents.iter().map(|parent| parent.hash).collect(),
            is_new: true,
        })
    }

    /// Whether embeddings of a model were stored before.
    pub(crate) fn has_model(&mut self, name: &str) -> Result<bool> {
        embedding::has_model(self.sql, &mut self.known, name)
    }

    /// Stores bytes that no event comes with: once for each digest.
    pub(crate) fn put_payload(&self, digest: &PayloadDigest, bytes: &[u8]) -> Result<()> {
        payload::find_or_create(self.sql, self.known.timeline.id, digest, bytes).map(drop)
    }

    /// Stores what was appended, for whoever looks.
    pub(crate) fn store_pending(&mut self) -> Result<()> {
        self.check_whole()?;
        self.failed = true;
        self.pending.store(self.sql)?;
        self.failed = false;
        Ok(())
    }

    /// The number of the timeline.
    pub(crate) fn timeline(&self) -> u64 {
        self.known.timeline.id
    }

    /// The last position.
    fn size(&self) -> u64 {
        self.known.timeline.tree.size() + self.leaves.len() as u64
    }

    /// Lets the tree take what was appended.
    fn grow(&mut self) -> Result<()> {
        self.check_whole()?;
        self.failed = true;
        let Timeline { id, tree } = &mut self.known.timeline;
        node::push(self.sql, *id, tree, &std::mem::take(&mut self.leaves))?;
        self.failed = false;
        Ok(())
    }

    /// The head of the tree, where this transaction has made it grow.
    pub(crate) fn new_head(&mut self) -> Result<Option<TreeHead>> {
        self.grow()?;
        let tree = &self.known.timeline.tree;
        Ok((tree.size() > self.start).then(|| tree.head()))
    }

    /// Stores what the appends left to store; the caller commits. What is returned is good for the next transaction of
    /// this tenant once this one is committed.
    pub(crate) fn finish(mut self) -> Result<Option<Known>> {
        self.grow()?;
        self.store_pending()?;
        for (signer, last) in self.unsigned.values() {
            entry::sign(self.sql, last.id, &self.sign(&**signer, PURPOSE_ENTRY, &last.hash)?)?;
        }
        if self.known.timeline.tree.size() > self.start {
            let Timeline { id, tree } = &self.known.timeline;
            head::advance(self.sql, *id, tree, self.start)?;
        }
        Ok(self.known.is_small().then_some(self.known))
    }

    fn sign(&self, signer: &dyn Signer, purpose: u8, hash: &EntryHash) -> Result<[u8; 64]> {
        signer.sign(&message(purpose, self.known.realm.as_bytes(), hash.as_bytes()))
    }

    fn check_whole(&self) -> Result<()> {
        if self.failed {
            return Err(StoreError::Backend("an append failed half-way; the transaction is rolled back".to_owned()));
        }
        Ok(())
    }

    /// The event that already has this id, if it says the same.
    fn replayed(&mut self, author: &Author, draft: &Draft<'_>, event_id: Uuid) -> Result<Option<Appended>> {
        if self.pending.has(&event_id) {
            self.store_pending()?;
        }
        let timeline = self.known.timeline.id;
        entry::by_event_id(self.sql, timeline, &event_id, |row| {
            let stored = row.decode()?;
            if stored.event_id != event_id || entry::timeline(row.id) != timeline {
                return Ok(None);
            }
            let mut differs = draft.difference(&stored, author);
            // The hash does not cover them: those of a retry must be there, or Ok would say that they are.
            for (digest, _) in &draft.attachments {
                if differs.is_none() && payload::find(self.sql, timeline, digest)?.is_none() {
                    differs = Some("attachments");
                }
            }
            if let Some(differs) = differs {
                return Err(StoreError::IdempotencyConflict { event_id, differs });
            }
            Ok(Some(Appended {
                reference: EventRef {
                    stream: stored.stream.into(),
                    writer: stored.writer,
                    seq: stored.seq,
                    hash: row.hash,
                },
                epoch: stored.epoch,
                event_id: stored.event_id,
                position: entry::position(row.id),
                lamport: stored.lamport,
                prev: (stored.seq > 1).then_some(stored.prev),
                causal: row.causal(&stored),
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
        let known = self.known.log(&reference.writer, &reference.stream);
        if let Some(last) = known.and_then(|head| head.last).filter(|last| last.hash == reference.hash) {
            return Ok((last.seq == reference.seq).then_some(last));
        }
        self.store_pending()?;
        find_entry(self.sql, self.known.timeline.id, reference)
    }

    /// The author's log in the draft's stream, if the author may append.
    fn log(&mut self, author: &Author, draft: &Draft<'_>) -> Result<LogHead> {
        let (writer, stream) = (author.identity.id(), &*draft.stream);
        if let Some(head) = self.known.log(&writer, stream).filter(|_| draft.kind != EPOCH) {
            check_key(author, &head.key)?;
            return Ok(head.clone());
        }
        self.store_pending()?;
        let timeline = self.known.timeline.id;
        let Admitted { row, key, epoch } = admit(self.sql, self.tenant, &mut self.known, author, &draft.kind)?;
        let logs = log::epochs(self.sql, timeline, stream, row)?;
        let id = match logs.iter().find(|(_, other)| *other == epoch) {
            Some((id, _)) => *id,
            None => log::create(self.sql, timeline, stream, row, epoch)?,
        };
        let head = LogHead {
            id,
            stream: stream.into(),
            key,
            epoch,
            genesis: EntryHash::genesis(&self.known.realm, self.tenant, stream, &writer, epoch),
            last: chain::head(self.sql, id)?,
        };
        self.known.learn_log(writer, head.clone());
        Ok(head)
    }

    fn kind(&mut self, name: &str) -> Result<i64> {
        match self.known.kind(name) {
            Some(row) => Ok(row),
            None => Ok(self.known.learn_kind(name, kind::find_or_create(self.sql, name)?)),
        }
    }

    fn store_payload(&self, draft: &Draft<'_>) -> Result<StoredPayload<Vec<u8>>> {
        for (digest, bytes) in &draft.attachments {
            self.put_payload(digest, bytes)?;
        }
        if draft.payload.len() <= self.inline_bytes {
            return Ok(StoredPayload::Inline(draft.payload.to_vec()));
        }
        payload::find_or_create(self.sql, self.known.timeline.id, &draft.digest, &draft.payload)
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
        if let Some(link) = chain::link_at(sql, log, reference.seq)?.filter(|link| link.hash == reference.hash) {
            return Ok(Some(link));
        }
    }
    Ok(None)
}

fn below_max(what: &'static str, counter: u64, unit: &'static str) -> Result<u64> {
    if counter > COUNTER_MAX {
        return Err(StoreError::Limit { what, found: counter, limit: COUNTER_MAX, unit });
    }
    Ok(counter)
}
