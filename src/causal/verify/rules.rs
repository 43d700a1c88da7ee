//! The rules that a row can break by itself.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use smallvec::SmallVec;

use super::report::Break;
use super::run::{Run, Start};
use super::standing::{Standing, Standings};
use crate::backend::Transaction;
use crate::causal::entry::{EntryV1, Scheme};
use crate::causal::event_id;
use crate::causal::fingerprint::Fingerprint;
use crate::causal::hash::{EntryHash, PayloadDigest, Realm, causal_hash};
use crate::causal::key_event::purpose;
use crate::causal::signer::verify_signature;
use crate::causal::table::entry::{Link, Row, StoredPayload};
use crate::causal::table::{edge, entry, kind, log, payload, realm, writer};
use crate::causal::writer::{Identity, Proof};
use crate::words::{ChainRule, Result};

/// The outcome of a check: outside, whether the store could be read; inside, whether the rules hold.
type Checked<T = ()> = std::result::Result<T, Break>;

/// What rows are checked against, read once.
pub(super) struct Rules<'t> {
    tx: &'t dyn Transaction,
    realm: Realm,
    tenant: &'t str,
    kinds: BTreeMap<i64, String>,
    standings: Standings<'t>,
    logs: BTreeMap<i64, Log>,
}

/// What a log's row and its writer's say.
pub(super) struct Log {
    pub(super) stream: Arc<str>,
    pub(super) identity: Identity,
    pub(super) label: Arc<str>,
    pub(super) epoch: u32,
    claimed: Fingerprint,
    timeline: u64,
    standing: Standing,
}

/// A row that was checked by itself.
pub(super) struct Single {
    pub(super) run: Run,
    /// How many parents its bytes name.
    pub(super) parents: u64,
}

macro_rules! ensure {
    ($row:expr, $rule:ident, $holds:expr, $found:expr, $expected:expr) => {
        if !$holds {
            return Ok(Err(broken($row, ChainRule::$rule, $found, $expected)));
        }
    };
}

fn broken(row: &Row<'_>, rule: ChainRule, found: impl ToString, expected: impl ToString) -> Break {
    Break::new(Some(entry::position(row.id)), Some(row.seq), rule, found, expected)
}

impl<'t> Rules<'t> {
    pub(super) fn open(tx: &'t dyn Transaction, tenant: &'t str) -> Result<Self> {
        let (realm, kinds) = (realm::read(tx)?, kind::all(tx)?.into_iter().collect());
        let standings = Standings::open(tx, realm, tenant)?;
        Ok(Self { tx, realm, tenant, kinds, standings, logs: BTreeMap::new() })
    }

    /// What the rows say that name this log.
    pub(super) fn log(&mut self, id: i64) -> Result<&Log> {
        log_of(&mut self.logs, &mut self.standings, self.tx, id)
    }

    /// The log before its first entry.
    pub(super) fn genesis(&mut self, id: i64) -> Result<Run> {
        let log = log_of(&mut self.logs, &mut self.standings, self.tx, id)?;
        let genesis = EntryHash::genesis(&self.realm, self.tenant, &log.stream, &log.identity.id(), log.epoch);
        Ok(Run::genesis(genesis))
    }

    /// Every rule that one row can break by itself.
    pub(super) fn check(&mut self, row: &Row<'_>) -> Result<Single> {
        let stored = match EntryV1::decode(row.bytes) {
            Ok(stored) => stored,
            Err(error) => {
                let broken = broken(row, ChainRule::Encoding, error, "entry bytes of format 1");
                return Ok(Single { run: Run::broken(broken), parents: 0 });
            }
        };
        let run = self.check_entry(row, &stored)?.unwrap_or_else(Run::broken);
        Ok(Single { run, parents: stored.parents.len() as u64 })
    }

    fn check_entry(&mut self, row: &Row<'_>, stored: &EntryV1<'_>) -> Result<Checked<Run>> {
        let log = log_of(&mut self.logs, &mut self.standings, self.tx, row.log)?;
        ensure!(row, WriterIdentity, log.identity.id() == log.claimed, log.claimed, log.identity.id());
        ensure!(row, Scope, stored.realm == self.realm, stored.realm, self.realm);
        ensure!(row, Scope, stored.tenant == self.tenant, stored.tenant, self.tenant);
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
        let hash = EntryHash::of(row.bytes);
        ensure!(row, EntryHash, row.hash == hash, row.hash, hash);

        let parents = parents(self.tx, row, stored)?;
        let found: SmallVec<[EntryHash; 4]> = parents.iter().map(|link| link.hash).collect();
        ensure!(row, Edge, found == stored.parents, format!("edges to {found:?}"), format!("{:?}", stored.parents));
        for link in &parents {
            let earlier = link.id < row.id && entry::timeline(link.id) == log.timeline;
            ensure!(row, Parent, earlier, format!("a parent at id {}", link.id), "an earlier one");
        }
        let lineage: SmallVec<[_; 4]> = parents.iter().map(|link| link.causal).collect();
        let causal = (!lineage.is_empty()).then(|| causal_hash(&stored.payload_digest, &lineage));
        ensure!(row, CausalDigest, row.causal == causal, format!("{:?}", row.causal), format!("{causal:?}"));

        if let Err(broken) = check_payload(self.tx, row, stored)? {
            return Ok(Err(broken));
        }
        if let Err(broken) = log.standing.check(row, stored) {
            return Ok(Err(broken));
        }
        if let Err(broken) = log.check_signature(row, stored, &hash) {
            return Ok(Err(broken));
        }
        let parents_lamport = parents.iter().map(|link| link.lamport).max().unwrap_or(0);
        let start = Start { id: row.id, seq: stored.seq, prev: stored.prev, lamport: stored.lamport, parents_lamport };
        Ok(Ok(Run::of(start, hash, row.signature.is_some())))
    }

    /// The bytes of a payload that stands in a row of its own.
    pub(super) fn check_shared_payload(&self, row: &Row<'_>) -> Result<Checked> {
        if let StoredPayload::Shared(id) = row.payload {
            let stored = EntryV1::decode(row.bytes)?;
            let bytes = payload::read(self.tx, id)?.unwrap_or_default();
            let digest = PayloadDigest::of(&bytes);
            ensure!(row, Payload, digest == stored.payload_digest, digest, stored.payload_digest);
        }
        Ok(Ok(()))
    }
}

/// Reads a log's row and its writer's once. One that is not there belongs to nobody: no row can be of it.
fn log_of<'l>(
    logs: &'l mut BTreeMap<i64, Log>,
    standings: &mut Standings<'_>,
    tx: &dyn Transaction,
    id: i64,
) -> Result<&'l Log> {
    match logs.entry(id) {
        Entry::Occupied(known) => Ok(known.into_mut()),
        Entry::Vacant(unknown) => {
            let log = log::read(tx, id)?;
            let writer = log.as_ref().map(|log| writer::read(tx, log.writer)).transpose()?.flatten();
            let (log, (claimed, identity)) = log.zip(writer).unwrap_or_else(|| {
                let nowhere = log::Log { id, timeline: 0, stream: format!("log {id}"), writer: 0, epoch: 0 };
                (nowhere, (Fingerprint::from_bytes([0; 32]), Identity::signed([0; 32])))
            });
            Ok(unknown.insert(Log {
                standing: standings.of(tx, &identity.id(), &log.stream)?,
                stream: log.stream.into(),
                label: identity.label(),
                epoch: log.epoch,
                timeline: log.timeline,
                claimed,
                identity,
            }))
        }
    }
}

/// What the stored edges lead to, in ascending order of hashes.
fn parents(tx: &dyn Transaction, row: &Row<'_>, stored: &EntryV1<'_>) -> Result<SmallVec<[Link; 4]>> {
    let mut links = SmallVec::new();
    if !stored.parents.is_empty() {
        for parent in edge::parents(tx, row.id)? {
            links.extend(entry::link_by_id(tx, parent)?);
        }
        links.sort_unstable_by_key(|link: &Link| link.hash);
    }
    Ok(links)
}

fn check_payload(tx: &dyn Transaction, row: &Row<'_>, stored: &EntryV1<'_>) -> Result<Checked> {
    let (digest, len) = match row.payload {
        StoredPayload::Inline(bytes) => match stored.scheme {
            Scheme::Plain => (PayloadDigest::of(bytes), bytes.len() as u64),
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

impl Log {
    pub(super) fn is_signed(&self) -> bool {
        matches!(self.identity.proof(), Proof::PublicKey(_))
    }

    fn check_signature(&self, row: &Row<'_>, stored: &EntryV1<'_>, hash: &EntryHash) -> Checked {
        let Some(signature) = row.signature else { return Ok(()) };
        let (found, expected) = match self.identity.proof() {
            Proof::Name(name) => (format!("a signature by {name:?}"), "none: a named writer has no key"),
            Proof::PublicKey(first) => {
                let (rotated, purpose) = (self.standing.rotated_key_at(row), purpose(stored.kind));
                let key = rotated.as_ref().unwrap_or(first);
                if verify_signature(purpose, key, stored.realm.as_bytes(), hash.as_bytes(), &signature) {
                    return Ok(());
                }
                ("a signature that does not verify".to_owned(), "one by the writer's key")
            }
        };
        Err(broken(row, ChainRule::Signature, found, expected))
    }
}
