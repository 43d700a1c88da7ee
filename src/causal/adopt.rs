//! Adopting: entries that were made elsewhere take the places that they were made for.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::embedding;
use super::entry::{EntryV1, Scheme};
use super::event_id;
use super::fingerprint::Fingerprint;
use super::hash::{EntryHash, PayloadDigest, causal_hash};
use super::key_event::SignedEntry;
use super::merkle::TreeHead;
use super::path;
use super::table::entry::{Link, NewRow, Row, StoredPayload};
use super::table::head::Moved;
use super::table::timeline::{MAIN, Timeline};
use super::table::{chain, edge, entry, head, kind, log, node, payload, timeline, writer};
use super::verify::{self, Break};
use super::writer::{Identity, Proof};
use crate::backend::Transaction;
use crate::words::{ChainRule, Result};

/// The outcome of a check: outside, whether the store could be read; inside, whether the rules hold.
type Checked<T = ()> = std::result::Result<T, Break>;

/// An entry whose bytes, hash, scope, signature and payload were checked by the caller.
pub(crate) struct Foreign<'a> {
    pub(crate) stored: &'a EntryV1<'a>,
    pub(crate) bytes: &'a [u8],
    pub(crate) hash: EntryHash,
    pub(crate) signature: Option<[u8; 64]>,
    pub(crate) identity: &'a Identity,
    /// The positions of its parents, in the order of their hashes.
    pub(crate) parents: &'a [u64],
    /// `None` where it was stored by its digest before.
    pub(crate) payload: Option<&'a [u8]>,
    /// The values of its embedding, as little-endian `f32`; the caller has held them against the digest in its bytes.
    pub(crate) embedding: Option<&'a [u8]>,
}

/// Stores entries at the end of a tenant's timeline as they are, within a transaction that holds the write lock. What an
/// entry says about the ones before it is checked against the store.
pub(crate) struct Adopter<'t> {
    sql: &'t dyn Transaction,
    tenant: &'t str,
    timeline: Timeline,
    start: u64,
    inline_bytes: usize,
    heads: Moved,
    logs: HashMap<(Fingerprint, u32), HashMap<Arc<str>, Log>>,
    kinds: HashMap<String, i64>,
}

/// A log's row and its newest entry.
#[derive(Clone, Copy)]
struct Log {
    row: i64,
    last: Option<Link>,
    /// Whether that was adopted without the signature that its writer's log has to end with.
    ends_unsigned: bool,
}

macro_rules! ensure {
    ($entry:expr, $position:expr, $rule:ident, $holds:expr, $found:expr, $expected:expr) => {
        if !$holds {
            let seq = Some($entry.stored.seq);
            return Ok(Err(Break::new(Some($position), seq, ChainRule::$rule, $found, $expected)));
        }
    };
}

impl<'t> Adopter<'t> {
    pub(crate) fn open(sql: &'t dyn Transaction, tenant: &'t str, inline_bytes: usize) -> Result<Self> {
        let timeline = timeline::find_or_create(sql, tenant, MAIN)?;
        let start = timeline.tree.size();
        let (heads, logs, kinds) = (Moved::default(), HashMap::new(), HashMap::new());
        Ok(Self { sql, tenant, timeline, start, inline_bytes, heads, logs, kinds })
    }

    pub(crate) fn head(&self) -> TreeHead {
        self.timeline.tree.head()
    }

    /// The root that the tree had when it held as many entries.
    pub(crate) fn root_at(&self, size: u64) -> Result<[u8; 32]> {
        path::root(0, size, &mut |level, from, to| node::read(self.sql, self.timeline.id, level, from, to))
    }

    /// The hash of the entry at a position.
    pub(crate) fn hash_at(&self, position: u64) -> Result<Option<EntryHash>> {
        let link = entry::link_by_id(self.sql, entry::id(self.timeline.id, position)?)?;
        Ok(link.map(|link| link.hash))
    }

    /// The entry that stood where this one says it does in its log before any was adopted, if it is signed itself.
    pub(crate) fn twin(&self, stored: &EntryV1<'_>) -> Result<Option<SignedEntry>> {
        let Some(writer) = writer::find(self.sql, &stored.writer)? else { return Ok(None) };
        let epochs = log::epochs(self.sql, self.timeline.id, stored.stream, writer)?;
        let Some((log, _)) = epochs.into_iter().find(|(_, epoch)| *epoch == stored.epoch) else { return Ok(None) };
        let Some(link) = chain::link_at(self.sql, log, stored.seq)? else { return Ok(None) };
        let signed = |row: Row<'_>| row.signature.map(|signature| SignedEntry { bytes: row.bytes.to_vec(), signature });
        entry::by_id(self.sql, link.id, |row| Ok(signed(row))).map(Option::flatten)
    }

    /// Stores bytes under their digest, once.
    pub(crate) fn payload(&self, digest: &PayloadDigest, bytes: &[u8]) -> Result<()> {
        payload::find_or_create(self.sql, self.timeline.id, digest, bytes).map(drop)
    }

    /// Gives the entry the next position.
    pub(crate) fn entry(&mut self, foreign: &Foreign<'_>) -> Result<Checked> {
        let stored = foreign.stored;
        let position = self.timeline.tree.size() + 1;
        let id = entry::id(self.timeline.id, position)?;
        let log = self.log(foreign.identity, stored)?;

        let seq = log.last.map_or(1, |last| last.seq + 1);
        ensure!(foreign, position, Sequence, stored.seq == seq, stored.seq, seq);
        if let Some(last) = log.last {
            ensure!(foreign, position, Previous, stored.prev == last.hash, stored.prev, last.hash);
        }
        let mut parents = SmallVec::<[Link; 4]>::new();
        for at in foreign.parents {
            parents.extend(entry::link_by_id(self.sql, entry::id(self.timeline.id, *at)?)?);
        }
        let found: SmallVec<[EntryHash; 4]> = parents.iter().map(|link| link.hash).collect();
        let expected = format!("{:?}", stored.parents);
        ensure!(foreign, position, Parent, found == stored.parents, format!("{found:?}"), expected);
        let lamport = 1 + log.last.iter().chain(&parents).map(|link| link.lamport).max().unwrap_or(0);
        ensure!(foreign, position, Lamport, stored.lamport == lamport, stored.lamport, lamport);

        let lineage: SmallVec<[_; 4]> = parents.iter().map(|link| link.causal).collect();
        let causal = causal_hash(&stored.payload_digest, &lineage);
        let row = NewRow {
            id,
            log: log.row,
            seq,
            back: log.last.map_or(0, |last| id.saturating_sub(last.id)),
            event_key: event_id::key(&stored.event_id, position),
            kind: self.kind(stored.kind)?,
            lamport,
            hash: foreign.hash,
            causal: (!lineage.is_empty()).then_some(causal),
            bytes: foreign.bytes.to_vec(),
            signature: foreign.signature,
            payload: self.store_payload(foreign)?,
        };
        entry::insert(self.sql, [row].into_iter())?;
        if let Some((said, values)) = stored.extensions.embedding().zip(foreign.embedding) {
            embedding::adopt(self.sql, self.timeline.id, id, &said, values)?;
        }
        self.heads.push(log.row, id);
        for parent in &parents {
            edge::insert(self.sql, id, parent.id)?;
        }
        node::push(self.sql, self.timeline.id, &mut self.timeline.tree, &[*foreign.hash.as_bytes()])?;
        let last = Some(Link { id, seq, lamport, hash: foreign.hash, causal });
        let is_signed = matches!(foreign.identity.proof(), Proof::PublicKey(_));
        let ends_unsigned = is_signed && foreign.signature.is_none();
        self.learn(stored, Log { row: log.row, last, ends_unsigned });
        Ok(Ok(()))
    }

    /// What the vault's own verification would say of what was adopted, as it stands in the rows now.
    pub(crate) fn first_break(&mut self) -> Result<Option<Break>> {
        self.heads.store(self.sql)?;
        let mut logs = self.logs.values().flat_map(HashMap::values);
        if let Some(last) = logs.find(|log| log.ends_unsigned).and_then(|log| log.last) {
            let (found, expected) = ("no signature on the last entry", "one by the writer's key");
            let position = Some(entry::position(last.id));
            return Ok(Some(Break::new(position, Some(last.seq), ChainRule::Signature, found, expected)));
        }
        let id = |position| entry::id(self.timeline.id, position);
        verify::first_break(self.sql, self.tenant, id(self.start)?, id(self.timeline.tree.size())?)
    }

    /// Stores what the entries left to store and returns the size the tree had before; the caller commits.
    pub(crate) fn finish(mut self) -> Result<u64> {
        self.heads.store(self.sql)?;
        if self.timeline.tree.size() > self.start {
            head::advance(self.sql, self.timeline.id, &self.timeline.tree, self.start)?;
        }
        Ok(self.start)
    }

    fn log(&mut self, identity: &Identity, stored: &EntryV1<'_>) -> Result<Log> {
        let known = self.logs.get(&(stored.writer, stored.epoch)).and_then(|logs| logs.get(stored.stream));
        if let Some(log) = known {
            return Ok(*log);
        }
        let writer = writer::find_or_create(self.sql, identity)?;
        let epochs = log::epochs(self.sql, self.timeline.id, stored.stream, writer)?;
        let row = match epochs.into_iter().find(|(_, epoch)| *epoch == stored.epoch) {
            Some((row, _)) => row,
            None => log::create(self.sql, self.timeline.id, stored.stream, writer, stored.epoch)?,
        };
        let log = Log { row, last: chain::head(self.sql, row)?, ends_unsigned: false };
        self.learn(stored, log);
        Ok(log)
    }

    fn learn(&mut self, stored: &EntryV1<'_>, log: Log) {
        let logs = self.logs.entry((stored.writer, stored.epoch)).or_default();
        match logs.get_mut(stored.stream) {
            Some(known) => *known = log,
            None => drop(logs.insert(stored.stream.into(), log)),
        }
    }

    fn kind(&mut self, name: &str) -> Result<i64> {
        if let Some(row) = self.kinds.get(name) {
            return Ok(*row);
        }
        let row = kind::find_or_create(self.sql, name)?;
        self.kinds.insert(name.to_owned(), row);
        Ok(row)
    }

    fn store_payload(&self, foreign: &Foreign<'_>) -> Result<StoredPayload<Vec<u8>>> {
        let (tenant, digest) = (self.timeline.id, &foreign.stored.payload_digest);
        Ok(match foreign.payload {
            _ if foreign.stored.scheme == Scheme::None => StoredPayload::None,
            // The digest of a commitment is not that of its bytes: they can stand nowhere else.
            Some(bytes) if bytes.len() <= self.inline_bytes || foreign.stored.scheme != Scheme::Plain => {
                StoredPayload::Inline(bytes.to_vec())
            }
            Some(bytes) => StoredPayload::Shared(payload::find_or_create(self.sql, tenant, digest, bytes)?.0),
            None => payload::find(self.sql, tenant, digest)?.map_or(StoredPayload::None, StoredPayload::Shared),
        })
    }
}
