//! The rules that a row can break by itself.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hash::RandomState;

use smallvec::SmallVec;

use super::batch::Hashes;
use super::indexes::Expected;
use super::log::Log;
use super::report::Break;
use super::run::{Run, Start};
use super::standing::Standings;
use super::tally::Tally;
use crate::backend::Transaction;
use crate::causal::entry::{EntryV1, LogScope, Scheme};
use crate::causal::event_id;
use crate::causal::hash::{EntryHash, PayloadDigest, Realm, causal_hash};
use crate::causal::table::entry::{Link, Row, StoredPayload};
use crate::causal::table::model::Model;
use crate::causal::table::{edge, embedding, entry, kind, model, payload, prefix, realm};
use crate::words::{ChainRule, Result, StoreError};

/// The outcome of a check: outside, whether the store could be read; inside, whether the rules hold.
pub(super) type Checked<T = ()> = std::result::Result<T, Break>;

/// What rows are checked against, read once.
pub(super) struct Rules<'t> {
    tx: &'t dyn Transaction,
    realm: Realm,
    brief: &'t Brief<'t>,
    kinds: BTreeMap<i64, String>,
    models: BTreeMap<i64, Model>,
    standings: Standings<'t>,
    logs: BTreeMap<i64, Log>,
}

/// What all who share a verification must know alike.
pub(super) struct Brief<'a> {
    pub(super) tenant: &'a str,
    /// The key of every [`Tally`].
    pub(super) hasher: RandomState,
    /// The id from which on entries are new: those up to it were verified before, and only what new ones say of them is
    /// compared.
    pub(super) since: u64,
    /// The last id: what others commit meanwhile is not looked at, though a helper may see it.
    pub(super) last: u64,
    /// The position of the newest anchor.
    pub(super) anchored: u64,
    /// The id up to which the look-up by hash says that it has everything.
    pub(super) looked_up: u64,
    /// Whether an entry that a later revocation takes back is no break: it is what its writer wrote, and stays there.
    pub(super) takes_revoked: bool,
}

/// What one row is compared with.
struct Compared<'a> {
    tx: &'a dyn Transaction,
    realm: Realm,
    brief: &'a Brief<'a>,
    kinds: &'a BTreeMap<i64, String>,
    models: &'a BTreeMap<i64, Model>,
    log: &'a Log,
}

/// A row that was checked by itself.
pub(super) struct Single {
    pub(super) run: Run,
    /// What look-ups must find of it.
    pub(super) expected: Expected,
}

macro_rules! ensure {
    ($row:expr, $rule:ident, $holds:expr, $found:expr, $expected:expr) => {
        if !$holds {
            return Ok(Err(broken($row, ChainRule::$rule, $found, $expected)));
        }
    };
}

pub(super) fn broken(row: &Row<'_>, rule: ChainRule, found: impl ToString, expected: impl ToString) -> Break {
    Break::new(Some(entry::position(row.id)), Some(row.seq), rule, found, expected)
}

impl<'t> Rules<'t> {
    pub(super) fn open(tx: &'t dyn Transaction, brief: &'t Brief<'t>) -> Result<Self> {
        let (realm, kinds) = (realm::read(tx)?, kind::all(tx)?.into_iter().collect());
        let models = model::all(tx)?.into_iter().map(|model| (model.id, model)).collect();
        let standings = Standings::open(tx, realm, brief.tenant)?;
        Ok(Self { tx, realm, brief, kinds, models, standings, logs: BTreeMap::new() })
    }

    pub(super) fn brief(&self) -> &'t Brief<'t> {
        self.brief
    }

    /// Every kind and its number.
    pub(super) fn kinds(&self) -> &BTreeMap<i64, String> {
        &self.kinds
    }

    /// Why some of the events about writers could not be read, if that is so.
    pub(super) fn astray(&self) -> Option<&StoreError> {
        self.standings.astray()
    }

    /// What the rows say that name this log.
    pub(super) fn log(&mut self, id: i64) -> Result<&Log> {
        self.compared(id).map(|compared| compared.log)
    }

    /// What the rows say that name this log, and all else that its entries are compared with.
    fn compared(&mut self, log: i64) -> Result<Compared<'_>> {
        let Self { tx, realm, brief, kinds, models, standings, logs } = self;
        let log = match logs.entry(log) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(Log::read(*tx, standings, *realm, brief.tenant, log)?),
        };
        Ok(Compared { tx: *tx, realm: *realm, brief, kinds, models, log })
    }

    /// The log before its first entry.
    pub(super) fn genesis(&mut self, id: i64) -> Result<Run> {
        let Compared { realm, brief, log, .. } = self.compared(id)?;
        let genesis = EntryHash::genesis(&realm, brief.tenant, &log.stream, &log.identity.id(), log.epoch);
        Ok(Run::genesis(genesis))
    }

    /// The log before this entry: its genesis, or the one before it if that was verified before, checked by itself.
    pub(super) fn before(&mut self, id: i64, start: Option<&Start>) -> Result<Run> {
        let genesis = self.genesis(id)?;
        let back = start.filter(|start| start.back > 0).map(|start| start.id.saturating_sub(start.back));
        let Some(found) = back.filter(|found| *found <= self.brief.since) else { return Ok(genesis) };
        let run = entry::by_id(self.tx, found, |row| {
            let run = self.check(&row, &Hashes::of(&row))?.run;
            Ok(if row.log == id { Some(run) } else { None })
        })?;
        Ok(run.flatten().map_or(genesis, Run::verified_before))
    }

    /// Every rule that one row can break by itself.
    pub(super) fn check(&mut self, row: &Row<'_>, hashes: &Hashes) -> Result<Single> {
        let compared = self.compared(row.log)?;
        let stored = match compared.decode(row) {
            Ok(stored) => stored,
            Err(error) => {
                let broken = broken(row, ChainRule::Encoding, error, "entry bytes of format 1");
                return Ok(Single { run: Run::broken(broken), expected: Expected::default() });
            }
        };
        let mut expected = Expected::default();
        let run = compared.check_entry(row, &stored, hashes, &mut expected.edges)?.unwrap_or_else(Run::broken);
        let Brief { hasher, looked_up, .. } = compared.brief;
        if stored.extensions.embedding().is_some() {
            expected.embeddings.add(hasher, row.id);
        }
        if row.id <= *looked_up {
            expected.lookup.add(hasher, (prefix(row.hash.as_bytes()), row.id));
            if matches!(row.payload, StoredPayload::Inline(_)) {
                expected.lookup.add(hasher, (prefix(stored.payload_digest.as_bytes()), row.id));
            }
        }
        Ok(Single { run, expected })
    }

    /// The bytes of a payload that stands in a row of its own.
    pub(super) fn check_shared_payload(&self, row: &Row<'_>) -> Result<Checked> {
        check_shared_payload(self.tx, row)
    }
}

impl<'a> Compared<'a> {
    fn decode(&self, row: &Row<'a>) -> Result<EntryV1<'a>> {
        let log = self.log;
        let (tenant, stream) = (self.brief.tenant, &*log.stream);
        let scope = LogScope { realm: self.realm, tenant, stream, writer: log.identity.id(), epoch: log.epoch };
        EntryV1::decode_in(scope, &log.scope_bytes, row.bytes)
    }

    /// Notes the edges that it finds.
    fn check_entry(
        &self,
        row: &Row<'_>,
        stored: &EntryV1<'_>,
        hashes: &Hashes,
        edges: &mut Tally,
    ) -> Result<Checked<Run>> {
        let parents = parents(self.tx, row, stored)?;
        for link in &parents {
            edges.add(&self.brief.hasher, (row.id, link.id));
        }
        let log = self.log;
        ensure!(row, WriterIdentity, log.identity.id() == log.claimed, log.claimed, log.identity.id());
        ensure!(row, Scope, stored.realm == self.realm, stored.realm, self.realm);
        ensure!(row, Scope, stored.tenant == self.brief.tenant, stored.tenant, self.brief.tenant);
        ensure!(row, Scope, stored.stream == &*log.stream, stored.stream, &log.stream);
        ensure!(row, Scope, stored.writer == log.identity.id(), stored.writer, log.identity.id());
        ensure!(row, Scope, stored.epoch == log.epoch, format!("epoch {}", stored.epoch), log.epoch);
        ensure!(row, Scope, entry::timeline(row.id) == log.timeline, entry::timeline(row.id), log.timeline);

        let kind = self.kinds.get(&row.kind).map_or("", String::as_str);
        ensure!(row, Column, row.seq == stored.seq, format!("seq {}", row.seq), stored.seq);
        ensure!(row, Column, kind == stored.kind, format!("kind {kind:?}"), stored.kind);
        ensure!(row, Column, row.lamport == stored.lamport, format!("lamport {}", row.lamport), stored.lamport);
        let event_key = event_id::key(&stored.event_id, entry::position(row.id));
        ensure!(
            row,
            Column,
            row.event_key == event_key,
            format!("event key {:?}", row.event_key),
            format!("{event_key:?}")
        );
        let hash = hashes.entry;
        ensure!(row, EntryHash, row.hash == hash, row.hash, hash);

        let found: SmallVec<[EntryHash; 4]> = parents.iter().map(|link| link.hash).collect();
        ensure!(row, Edge, found == stored.parents, format!("edges to {found:?}"), format!("{:?}", stored.parents));
        for link in &parents {
            let earlier = link.id < row.id && entry::timeline(link.id) == log.timeline;
            ensure!(row, Parent, earlier, format!("a parent at id {}", link.id), "an earlier one");
            if link.id <= self.brief.since {
                let found = format!("a parent at position {} that says something else", entry::position(link.id));
                ensure!(row, Parent, is_itself(self.tx, link)?, found, link.hash);
            }
            if self.brief.is_incremental() {
                let children = edge::children(self.tx, link.id, row.id.saturating_sub(1), 1)?;
                let expected = format!("an edge from position {}", entry::position(link.id));
                ensure!(row, Edge, children == [row.id], "no edge from the parent to it", expected);
            }
        }
        let lineage: SmallVec<[_; 4]> = parents.iter().map(|link| link.causal).collect();
        let causal = (!lineage.is_empty()).then(|| causal_hash(&stored.payload_digest, &lineage));
        ensure!(row, CausalDigest, row.causal == causal, format!("{:?}", row.causal), format!("{causal:?}"));

        if let Err(broken) = check_payload(self.tx, row, stored, hashes)? {
            return Ok(Err(broken));
        }
        if let Some(said) = stored.extensions.embedding() {
            let found = embedding::by_id(self.tx, row.id, |stored| Ok((stored.model, said.is_of(stored.bytes))))?;
            let Some((model, is_said)) = found else {
                return Ok(Err(broken(
                    row,
                    ChainRule::Embedding,
                    "no embedding",
                    "the values that it has the digest of",
                )));
            };
            ensure!(row, Embedding, is_said, "an embedding of other values", "the values that it has the digest of");
            let is_named = self.models.get(&model).is_some_and(|model| model.is(log.timeline, &said));
            ensure!(row, Column, is_named, format!("an embedding of model {model}"), format!("{said:?}"));
        }
        if self.brief.is_incremental() && row.id > self.brief.since {
            if let Err(broken) = check_shared_payload(self.tx, row)? {
                return Ok(Err(broken));
            }
            let is_found = row.event_key.map(|key| entry::has_event_key(self.tx, key, row.id)).transpose()?;
            ensure!(row, Index, is_found != Some(false), "no entry by its event id", stored.event_id);
        }
        if let Err(broken) = log.standing.check(row, stored, self.brief.takes_revoked) {
            return Ok(Err(broken));
        }
        if let Err(broken) = log.check_signature(row, stored, &hash) {
            return Ok(Err(broken));
        }
        let parents_lamport = parents.iter().map(|link| link.lamport).max().unwrap_or(0);
        let start = Start {
            id: row.id,
            seq: stored.seq,
            back: row.back,
            prev: stored.prev,
            lamport: stored.lamport,
            parents_lamport,
        };
        let is_anchored = entry::position(row.id) <= self.brief.anchored;
        Ok(Ok(Run::of(start, hash, row.signature.is_some(), is_anchored)))
    }
}

impl<'a> Brief<'a> {
    /// Where only rows are looked at, and no index.
    pub(super) fn of(tenant: &'a str) -> Self {
        Self { tenant, hasher: RandomState::new(), since: 0, last: 0, anchored: 0, looked_up: 0, takes_revoked: false }
    }

    /// Whether a part was verified before, so that only the rest of each index is looked at.
    pub(super) fn is_incremental(&self) -> bool {
        self.since > 0
    }
}

fn check_shared_payload(tx: &dyn Transaction, row: &Row<'_>) -> Result<Checked> {
    if let StoredPayload::Shared(id) = row.payload {
        let stored = EntryV1::decode(row.bytes)?;
        let bytes = payload::read(tx, id)?.unwrap_or_default();
        let digest = PayloadDigest::of(&bytes);
        ensure!(row, Payload, digest == stored.payload_digest, digest, stored.payload_digest);
    }
    Ok(Ok(()))
}

/// Whether the bytes of an entry still say what its columns say to those that follow it.
fn is_itself(tx: &dyn Transaction, link: &Link) -> Result<bool> {
    let found = entry::by_id(tx, link.id, |row| {
        let is_time_right = EntryV1::decode(row.bytes).is_ok_and(|stored| stored.lamport == link.lamport);
        Ok(is_time_right && EntryHash::of(row.bytes) == link.hash)
    })?;
    Ok(found == Some(true))
}

/// What the stored edges lead to, in ascending order of hashes.
fn parents(tx: &dyn Transaction, row: &Row<'_>, stored: &EntryV1<'_>) -> Result<SmallVec<[Link; 4]>> {
    let mut links = SmallVec::new();
    if !stored.parents.is_empty() {
        for parent in edge::parents(tx, row.id)? {
            match entry::link_by_id(tx, parent) {
                // Bytes that say nothing are a break of their own entry, and nobody's parent.
                Err(StoreError::Corrupt { .. }) => {}
                link => links.extend(link?),
            }
        }
        links.sort_unstable_by_key(|link: &Link| link.hash);
    }
    Ok(links)
}

fn check_payload(tx: &dyn Transaction, row: &Row<'_>, stored: &EntryV1<'_>, hashes: &Hashes) -> Result<Checked> {
    let (digest, len) = match row.payload {
        StoredPayload::Inline(bytes) => match stored.scheme {
            Scheme::Plain => (hashes.payload, bytes.len() as u64),
            // The data key is not in the store: only the length can be compared.
            Scheme::Commitment | Scheme::None => (stored.payload_digest, bytes.len() as u64),
        },
        StoredPayload::Shared(id) => match payload::digest(tx, entry::timeline(row.id), id)? {
            Some(found) => found,
            None => {
                return Ok(Err(broken(row, ChainRule::Payload, format!("no payload {id}"), stored.payload_digest)));
            }
        },
        StoredPayload::None => {
            ensure!(row, Payload, stored.scheme == Scheme::None, "no payload", stored.payload_digest);
            return Ok(Ok(()));
        }
    };
    ensure!(row, Payload, len == stored.payload_len, format!("{len} bytes"), format!("{} bytes", stored.payload_len));
    ensure!(row, Payload, digest == stored.payload_digest, digest, stored.payload_digest);
    Ok(Ok(()))
}
