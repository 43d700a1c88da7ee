//! Building anew what follows from the entries' bytes, and nothing else.
//!
//! Evidence is what follows from nothing: the bytes, their order, signatures, payloads, keys and names. It is copied and
//! never changed. Whatever else stands in a tenant's tables is written as the bytes say, and then all of it is verified,
//! in the same transaction: what does not verify is not committed.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::commit::commit;
use super::entry::{EntryV1, Scheme};
use super::event_id;
use super::extension::Embedding;
use super::fingerprint::Fingerprint;
use super::hash::{CausalDigest, EntryHash, causal_hash};
use super::merkle::{Frontier, TreeHead};
use super::schema::is_present;
use super::table::entry::{Evidence, NewRow, StoredPayload};
use super::table::head::Moved;
use super::table::log::Log;
use super::table::model::Model;
use super::table::timeline::{MAIN, Timeline};
use super::table::{
    edge, embedding, entry, head, kind, log, lookup, model, node, payload, text, text_rule, timeline, writer,
};
use super::verify::{Anchor, Verifier, VerifyReport};
use crate::backend::{Access, Backend, Sql, Transaction};
use crate::words::limits::POSITION_MAX;
use crate::words::{Result, StoreError};

/// Rebuilds one tenant's derived data, or refuses and changes nothing.
///
/// `forget` forgets what others have made of a timeline's entries and can make again.
pub(crate) fn rebuild(
    db: &dyn Backend,
    tenant: &str,
    anchors: &[Anchor],
    forget: impl FnOnce(&dyn Transaction, u64) -> Result<()>,
) -> Result<VerifyReport> {
    let tx = db.begin(Access::Write)?;
    for table in [timeline::TABLE, writer::TABLE, kind::TABLE, payload::TABLE, model::TABLE] {
        tx.reindex(table.name)?;
    }
    lookup::forget(&*tx)?;
    if is_present(&*tx, &text_rule::TABLE)? {
        text::forget(&*tx)?;
    }
    if let Some(number) = timeline::by_rows(&*tx, tenant, MAIN)?.pop() {
        forget(&*tx, number)?;
        Rebuild::open(&*tx, tenant, number)?.run(anchors)?;
    }
    let verifier = Verifier::new(db, tenant).anchors(anchors);
    let report = verifier.run_in(&*tx)?;
    if !report.is_intact() {
        // Entries that were revoked once they stood there say what they always said.
        let besides = verifier.run_with_revoked_in(&*tx)?;
        if !besides.is_intact() {
            return Err(refused(tenant, &besides.to_string()));
        }
    }
    commit(tx, Vec::new)?;
    Ok(report)
}

fn refused(tenant: &str, detail: &str) -> StoreError {
    StoreError::Corrupt {
        what: format!("the history of tenant {tenant:?}"),
        detail: format!("{detail}; this follows from nothing else: restore it from a backup. Nothing was changed"),
    }
}

struct Rebuild<'t> {
    tx: &'t dyn Transaction,
    tenant: &'t str,
    timeline: u64,
    /// The first and the last id that there can be.
    ids: (u64, u64),
    writers: HashMap<Fingerprint, i64>,
    /// The logs by stream, row of the writer, and epoch.
    logs: BTreeMap<(String, i64, u32), Log>,
    kinds: HashMap<String, i64>,
    models: Vec<Model>,
    /// The newest entry of each log so far.
    last: HashMap<i64, u64>,
    /// Of the entries that are somebody's parents: id and causal digest.
    parents: HashMap<EntryHash, Option<(u64, CausalDigest)>>,
    tree: Frontier,
}

impl<'t> Rebuild<'t> {
    fn open(tx: &'t dyn Transaction, tenant: &'t str, timeline: u64) -> Result<Self> {
        let ids = (entry::id(timeline, 0)?, entry::id(timeline, POSITION_MAX)?);
        let mut rebuild = Self {
            tx,
            tenant,
            timeline,
            ids,
            writers: HashMap::new(),
            logs: BTreeMap::new(),
            kinds: kind::all(tx)?.into_iter().map(|(id, kind)| (kind, id)).collect(),
            models: Vec::new(),
            last: HashMap::new(),
            parents: HashMap::new(),
            tree: Frontier::new(),
        };
        let (right, wrong): (Vec<_>, Vec<_>) =
            writer::all(tx)?.into_iter().partition(|(_, claimed, identity)| *claimed == identity.id());
        rebuild.writers.extend(right.into_iter().map(|(row, id, _)| (id, row)));
        // One of them may claim what is another's.
        wrong.iter().try_for_each(|(row, ..)| writer::disclaim(tx, *row))?;
        for (row, _, identity) in wrong {
            if let Entry::Vacant(unknown) = rebuild.writers.entry(identity.id()) {
                writer::claim(tx, row, unknown.key())?;
                unknown.insert(row);
            }
        }
        Ok(rebuild)
    }

    fn run(&mut self, anchors: &[Anchor]) -> Result<()> {
        let mut prefixes = Vec::new();
        payload::scan(self.tx, self.timeline, |payload| {
            if !payload.is_indexed() {
                prefixes.push((payload.id, payload.digest));
            }
            Ok(())
        })?;
        prefixes.iter().try_for_each(|(id, digest)| payload::reindex(self.tx, *id, digest))?;
        entry::move_out(self.tx, self.ids.0, self.ids.1)?;
        self.find_logs()?;
        model::clear(self.tx, self.timeline)?;
        edge::clear(self.tx, self.ids.0, self.ids.1)?;
        let (tx, (from, to)) = (self.tx, self.ids);
        entry::moved(tx, from, to, |evidence| self.put_back(&evidence))?;
        entry::end_move(tx)?;
        self.put_heads()?;
        self.put_tree(anchors)
    }

    fn decode<'b>(&self, id: u64, bytes: &'b [u8]) -> Result<EntryV1<'b>> {
        EntryV1::decode(bytes).map_err(|error| {
            refused(self.tenant, &format!("the entry at position {} does not decode: {error}", entry::position(id)))
        })
    }

    fn writer(&self, id: u64, writer: &Fingerprint) -> Result<i64> {
        self.writers.get(writer).copied().ok_or_else(|| {
            let position = entry::position(id);
            refused(self.tenant, &format!("no name and no key is that of {writer}, who wrote the entry at {position}"))
        })
    }

    /// The logs that the entries are of. A row that says what they say stays what it is; another one's number is kept
    /// where the entries agree on it, as other processes may remember it.
    fn find_logs(&mut self) -> Result<()> {
        let (tx, (from, to)) = (self.tx, self.ids);
        let (mut wanted, mut parents) = (BTreeMap::<(String, i64, u32), u64>::new(), HashSet::new());
        entry::moved(tx, from, to, |evidence| {
            let stored = self.decode(evidence.id, evidence.bytes)?;
            let key = (stored.stream.to_owned(), self.writer(evidence.id, &stored.writer)?, stored.epoch);
            wanted.entry(key).or_insert(evidence.id);
            parents.extend(stored.parents);
            Ok(())
        })?;
        self.parents = parents.into_iter().map(|hash| (hash, None)).collect();
        for log in log::by_rows(tx, self.timeline)? {
            self.logs.entry((log.stream.clone(), log.writer, log.epoch)).or_insert(log);
        }
        self.logs.retain(|key, _| wanted.contains_key(key));
        let mut unused = log::unused(tx)?;
        for (key, first) in wanted {
            if self.logs.contains_key(&key) {
                continue;
            }
            let named = entry::moved_log(tx, first).unwrap_or_default();
            let is_taken = |id: i64| {
                Ok::<_, StoreError>(
                    self.logs.values().any(|log| log.id == id) || log::is_others(tx, id, self.timeline)?,
                )
            };
            let id = match named {
                Some(id) if id > 0 && !is_taken(id)? => id,
                _ => {
                    // Another one has kept it, whose row was gone.
                    while is_taken(unused)? {
                        unused += 1;
                    }
                    unused
                }
            };
            let (stream, writer, epoch) = key.clone();
            self.logs.insert(key, Log { id, timeline: self.timeline, stream, writer, epoch });
        }
        let logs: Vec<Log> = self.logs.values().cloned().collect();
        log::replace(tx, self.timeline, &logs)
    }

    /// Stores an entry with the columns and edges that its bytes give.
    fn put_back(&mut self, evidence: &Evidence<'_>) -> Result<()> {
        let &Evidence { id, bytes, signature, payload } = evidence;
        let stored = self.decode(id, bytes)?;
        let hash = EntryHash::of(bytes);
        let writer = self.writer(id, &stored.writer)?;
        let log = self.logs.get(&(stored.stream.to_owned(), writer, stored.epoch)).map_or(0, |log| log.id);
        let mut lineage = Vec::with_capacity(stored.parents.len());
        for parent in &stored.parents {
            let Some((at, causal)) = self.parents.get(parent).copied().flatten() else {
                let detail = format!("the entry at position {} names no earlier entry: {parent}", entry::position(id));
                return Err(refused(self.tenant, &detail));
            };
            edge::insert(self.tx, id, at)?;
            lineage.push((parent, causal));
        }
        let lineage: Vec<CausalDigest> = lineage.into_iter().map(|(_, causal)| causal).collect();
        let causal = causal_hash(&stored.payload_digest, &lineage);
        if let Some(place) = self.parents.get_mut(&hash) {
            place.get_or_insert((id, causal));
        }
        let kind = match self.kinds.get(stored.kind) {
            Some(kind) => *kind,
            None => {
                let kind = kind::find_or_create(self.tx, stored.kind)?;
                self.kinds.insert(stored.kind.to_owned(), kind);
                kind
            }
        };
        if let Some(said) = stored.extensions.embedding() {
            embedding::set_model(self.tx, id, self.model(&said)?)?;
        }
        let payload = match payload {
            Some(bytes) => StoredPayload::Inline(bytes.to_vec()),
            None if stored.scheme == Scheme::None => StoredPayload::None,
            None => payload::find(self.tx, self.timeline, &stored.payload_digest)?
                .map_or(StoredPayload::None, StoredPayload::Shared),
        };
        self.tree.push(hash.as_bytes());
        let back = self.last.insert(log, id).map_or(0, |last| id.saturating_sub(last));
        entry::insert(
            self.tx,
            [NewRow {
                id,
                log,
                seq: stored.seq,
                back,
                event_key: event_id::key(&stored.event_id, entry::position(id)),
                kind,
                lamport: stored.lamport,
                hash,
                causal: (!lineage.is_empty()).then_some(causal),
                bytes: bytes.to_vec(),
                signature,
                payload,
            }]
            .into_iter(),
        )
    }

    /// The number of the model that an entry names, which gets one where it is named first.
    fn model(&mut self, said: &Embedding<'_>) -> Result<i64> {
        if let Some(model) = self.models.iter().find(|model| model.is(self.timeline, said)) {
            return Ok(model.id);
        }
        let (timeline, dimensions) = (self.timeline, u64::from(said.dimensions));
        let id = model::create(self.tx, timeline, said.model, dimensions)?;
        self.models.push(Model { id, timeline, name: said.model.to_owned(), dimensions });
        Ok(id)
    }

    /// Stores the newest entry of each log; those of other timelines' logs as they were.
    fn put_heads(&self) -> Result<()> {
        let mut heads = Moved::default();
        let others = log::of_others(self.tx, self.timeline)?;
        head::scan(self.tx, |(log, newest)| {
            if others.contains(&log) && entry::timeline(newest) != self.timeline {
                heads.push(log, newest);
            }
            Ok(())
        })?;
        self.last.iter().for_each(|(log, entry)| heads.push(*log, *entry));
        head::refill(self.tx, heads)
    }

    /// Stores the nodes of the tree. Its head is no more than what was there last: entries that were cut off must not be
    /// forgotten by it, unless an anchor says that these are all there were.
    fn put_tree(&mut self, anchors: &[Anchor]) -> Result<()> {
        let timeline = Timeline { id: self.timeline, tree: self.tree.clone() };
        let stored = timeline::read(self.tx, self.timeline).ok();
        if stored.as_ref() != Some(&timeline) {
            let TreeHead { size, root } = timeline.tree.head();
            if !anchors.iter().any(|anchor| anchor.size == size && anchor.root == root) {
                let detail = format!(
                    "there are {size} entries, the stored tree head is another's, and no anchor says that they are all"
                );
                return Err(refused(self.tenant, &detail));
            }
            head::replace(self.tx, timeline.id, &timeline.tree)?;
        }
        node::clear(self.tx, self.timeline)?;
        node::rebuild(self.tx, &timeline).map(drop)
    }
}
