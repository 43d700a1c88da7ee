//! The rules, one row at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::report::{Break, LogReport, LogVerdict};
use crate::backend::Transaction;
use crate::causal::entry::{EntryV1, Scheme};
use crate::causal::event_id;
use crate::causal::fingerprint::Fingerprint;
use crate::causal::hash::{EntryHash, PayloadDigest, Realm, causal_hash};
use crate::causal::signer::verify_entry_signature;
use crate::causal::table::entry::{Link, Row, StoredPayload};
use crate::causal::table::{edge, entry, kind, log, payload, realm, writer};
use crate::causal::writer::{Identity, Proof};
use crate::words::{ChainRule, Result};

/// The outcome of a check: outside, whether the store could be read; inside, whether the rules hold.
type Checked = std::result::Result<(), Break>;

/// Checks rows in the order of their logs, remembering one head for each log.
pub(super) struct Checker<'t> {
    tx: &'t dyn Transaction,
    realm: Realm,
    tenant: &'t str,
    kinds: BTreeMap<i64, String>,
    logs: BTreeMap<i64, LogCheck>,
    order: Vec<i64>,
    parents: u64,
}

struct LogCheck {
    stream: Arc<str>,
    identity: Identity,
    label: Arc<str>,
    epoch: u32,
    timeline: u64,
    last: Option<Head>,
    rows: u64,
    entries: u64,
    signed: u64,
    broken: Option<Break>,
}

#[derive(Clone, Copy)]
struct Head {
    id: u64,
    seq: u64,
    lamport: u64,
    hash: EntryHash,
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

impl<'t> Checker<'t> {
    pub(super) fn open(tx: &'t dyn Transaction, tenant: &'t str) -> Result<Self> {
        Ok(Self {
            tx,
            realm: realm::read(tx)?,
            tenant,
            kinds: kind::all(tx)?.into_iter().collect(),
            logs: BTreeMap::new(),
            order: Vec::new(),
            parents: 0,
        })
    }

    /// Explicit parents of the row that was checked last.
    pub(super) fn parents(&self) -> u64 {
        self.parents
    }

    /// Rows of a log, also those behind a break.
    pub(super) fn rows(&self, log: i64) -> u64 {
        self.logs.get(&log).map_or(0, |check| check.rows)
    }

    pub(super) fn names(&self, log: i64) -> (String, String) {
        self.logs.get(&log).map_or_else(
            || (format!("log {log}"), String::new()),
            |check| (check.stream.to_string(), check.label.to_string()),
        )
    }

    /// Every rule that one row can break by itself or against the row before it in its log.
    pub(super) fn check(&mut self, row: &Row<'_>) -> Result<Checked> {
        self.parents = 0;
        let loaded = self.load(row)?;
        if let Some(check) = self.logs.get_mut(&row.log) {
            check.rows += 1;
        }
        if let Err(broken) = loaded {
            return Ok(Err(broken));
        }
        let stored = match EntryV1::decode(row.bytes) {
            Ok(stored) => stored,
            Err(error) => return Ok(Err(broken(row, ChainRule::Encoding, error, "entry bytes of format 1"))),
        };
        self.parents = stored.parents.len() as u64;
        let links = self.parent_links(row)?;
        let Some(check) = self.logs.get_mut(&row.log) else { return Ok(Ok(())) };
        if check.broken.is_some() {
            return Ok(Ok(()));
        }
        check.entries += 1;
        ensure!(row, Scope, stored.realm == self.realm, stored.realm, self.realm);
        ensure!(row, Scope, stored.tenant == self.tenant, stored.tenant, self.tenant);
        ensure!(row, Scope, stored.stream == &*check.stream, stored.stream, &check.stream);
        ensure!(row, Scope, stored.writer == check.identity.id(), stored.writer, check.identity.id());
        ensure!(row, Scope, stored.epoch == check.epoch, format!("epoch {}", stored.epoch), check.epoch);
        ensure!(row, Scope, entry::timeline(row.id) == check.timeline, entry::timeline(row.id), check.timeline);

        let kind = self.kinds.get(&row.kind).map_or("", String::as_str);
        ensure!(row, Column, row.seq == stored.seq, format!("seq {}", row.seq), stored.seq);
        ensure!(row, Column, kind == stored.kind, format!("kind {kind:?}"), stored.kind);
        ensure!(row, Column, row.lamport == stored.lamport, format!("lamport {}", row.lamport), stored.lamport);

        let next = check.last.map_or(0, |last| last.seq) + 1;
        ensure!(row, Sequence, stored.seq == next, stored.seq, next);
        let hash = EntryHash::of(row.bytes);
        ensure!(row, EntryHash, row.hash == hash, row.hash, hash);
        let prev = match check.last {
            Some(last) => last.hash,
            None => EntryHash::genesis(&self.realm, self.tenant, &check.stream, &check.identity.id(), check.epoch),
        };
        ensure!(row, Previous, stored.prev == prev, stored.prev, prev);
        if let Some(last) = check.last {
            ensure!(
                row,
                Position,
                row.id > last.id,
                entry::position(row.id),
                format!("after {}", entry::position(last.id))
            );
        }
        let event_key = event_id::key(&stored.event_id, entry::position(row.id));
        ensure!(
            row,
            Column,
            row.event_key == event_key,
            format!("event key {:?}", row.event_key),
            format!("{event_key:?}")
        );

        let found: SmallVec<[EntryHash; 4]> = links.iter().map(|link| link.hash).collect();
        ensure!(row, Edge, found == stored.parents, format!("edges to {found:?}"), format!("{:?}", stored.parents));
        for link in &links {
            let same_timeline = entry::timeline(link.id) == check.timeline;
            ensure!(
                row,
                Parent,
                link.id < row.id && same_timeline,
                format!("a parent at id {}", link.id),
                "an earlier one"
            );
        }
        let before = check.last.map(|last| last.lamport).into_iter().chain(links.iter().map(|link| link.lamport)).max();
        let lamport = before.unwrap_or(0).saturating_add(1);
        ensure!(row, Lamport, stored.lamport == lamport, stored.lamport, lamport);
        let lineage: SmallVec<[_; 4]> = links.iter().map(|link| link.causal).collect();
        let causal = (!lineage.is_empty()).then(|| causal_hash(&stored.payload_digest, &lineage));
        ensure!(row, CausalDigest, row.causal == causal, format!("{:?}", row.causal), format!("{causal:?}"));

        if let Err(broken) = check_payload(self.tx, row, &stored)? {
            return Ok(Err(broken));
        }
        if let Err(broken) = check.check_signature(row, &self.realm, &hash)? {
            return Ok(Err(broken));
        }
        check.last = Some(Head { id: row.id, seq: row.seq, lamport: row.lamport, hash });
        Ok(Ok(()))
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

    /// A signed writer's log ends in a signed entry: a signature that was taken away is missed.
    pub(super) fn check_log_end(&self, log: i64) -> Option<Break> {
        let check = self.logs.get(&log)?;
        let last = check.last.filter(|last| check.is_signed() && check.signed < last.seq)?;
        Some(Break::new(
            Some(entry::position(last.id)),
            Some(last.seq),
            ChainRule::Signature,
            "no signature on the last entry",
            "one by the writer's key",
        ))
    }

    pub(super) fn break_log(&mut self, log: i64, broken: Break) {
        if let Some(check) = self.logs.get_mut(&log) {
            check.broken.get_or_insert(broken);
        }
    }

    /// The verdicts, where an anchor covers the positions up to `anchored`.
    pub(super) fn finish(mut self, anchored: u64) -> Vec<LogReport> {
        for log in self.order.clone() {
            if let Some(broken) = self.check_log_end(log) {
                self.break_log(log, broken);
            }
        }
        let mut logs = self.logs;
        self.order.iter().filter_map(|log| logs.remove(log)).map(|check| check.report(anchored)).collect()
    }

    /// Reads the log that the row names, once, and checks that its writer is who the id says.
    fn load(&mut self, row: &Row<'_>) -> Result<Checked> {
        if self.logs.contains_key(&row.log) {
            return Ok(Ok(()));
        }
        let found = match log::read(self.tx, row.log)? {
            Some(log) => writer::read(self.tx, log.writer)?.map(|writer| (log, writer)),
            None => None,
        };
        let (log, claimed, identity) = match found {
            Some((log, (claimed, identity))) => (log, claimed, identity),
            None => {
                let unknown = log::Log {
                    id: row.log,
                    timeline: entry::timeline(row.id),
                    stream: format!("log {}", row.log),
                    writer: 0,
                    epoch: 0,
                };
                (unknown, Fingerprint::from_bytes([0; 32]), Identity::signed([0; 32]))
            }
        };
        let check = LogCheck {
            stream: log.stream.into(),
            label: identity.label(),
            epoch: log.epoch,
            timeline: log.timeline,
            last: None,
            rows: 0,
            entries: 0,
            signed: 0,
            broken: None,
            identity,
        };
        let id = check.identity.id();
        self.logs.insert(row.log, check);
        self.order.push(row.log);
        ensure!(row, WriterIdentity, id == claimed, claimed, id);
        Ok(Ok(()))
    }

    /// What the stored edges lead to, in ascending order of hashes.
    fn parent_links(&self, row: &Row<'_>) -> Result<SmallVec<[Link; 4]>> {
        let mut links = SmallVec::new();
        if self.parents > 0 {
            for parent in edge::parents(self.tx, row.id)? {
                links.extend(entry::link_by_id(self.tx, parent)?);
            }
            links.sort_unstable_by_key(|link: &Link| link.hash);
        }
        Ok(links)
    }
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

impl LogCheck {
    fn is_signed(&self) -> bool {
        matches!(self.identity.proof(), Proof::PublicKey(_))
    }

    fn check_signature(&mut self, row: &Row<'_>, realm: &Realm, hash: &EntryHash) -> Result<Checked> {
        let Some(signature) = row.signature else { return Ok(Ok(())) };
        match self.identity.proof() {
            Proof::Name(name) => {
                let found = format!("a signature by {name:?}");
                return Ok(Err(broken(row, ChainRule::Signature, found, "none: a named writer has no key")));
            }
            Proof::PublicKey(key) => {
                let valid = verify_entry_signature(key, realm.as_bytes(), hash.as_bytes(), &signature);
                ensure!(row, Signature, valid, "a signature that does not verify", "one by the writer's key");
                self.signed = row.seq;
            }
        }
        Ok(Ok(()))
    }

    fn report(self, anchored: u64) -> LogReport {
        let covered = self.last.is_none_or(|last| entry::position(last.id) <= anchored);
        let verdict = match self.broken {
            Some(broken) => LogVerdict::Broken(broken),
            None if covered => LogVerdict::Anchored,
            None if matches!(self.identity.proof(), Proof::PublicKey(_)) => LogVerdict::SignedUnanchored,
            None => LogVerdict::Unsigned,
        };
        LogReport {
            stream: self.stream,
            writer: self.identity.id(),
            writer_name: self.label,
            epoch: self.epoch,
            entries: self.entries,
            signed: self.signed,
            verdict,
        }
    }
}
