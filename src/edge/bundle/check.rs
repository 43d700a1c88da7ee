//! The rules of a bundle. They hold for every record that is written, and for every one that is read.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::header::Header;
use super::log::{Log, Place};
use super::record::{Entry, Payload};
use super::report::BundleReport;
use super::standing::Standings;
use crate::causal::key_event::REVOCATION;
use crate::causal::merkle::Frontier;
use crate::causal::verify::tail::Heads;
use crate::causal::writer::Identity;
use crate::causal::{
    Anchor, EntryHash, EntryV1, Fingerprint, KeyRotation, PayloadDigest, TailVerdict, TreeHead, verify_consistency,
    verify_inclusion,
};
use crate::words::limits::BUNDLE_STATE;
use crate::words::{ChainRule, Result, StoreError};

/// What is known of a bundle up to some record.
pub(super) struct Checker<'h> {
    pub(super) header: &'h Header,
    heads: Heads<'h>,
    /// Where the record begins that is being checked.
    pub(super) at: u64,
    /// Its position, if it is an entry.
    position: Option<u64>,
    /// The tree over every position up to the last, where none is left out.
    tree: Frontier,
    pub(super) last: u64,
    entries: u64,
    writers: BTreeMap<Fingerprint, Writer>,
    logs: usize,
    /// How many bytes those have that are kept once.
    payloads: HashMap<PayloadDigest, u64>,
    pub(super) standings: Standings,
    /// In a part, the payload that the next entry must name: no other has a place there.
    unnamed: Option<PayloadDigest>,
    /// Entries that later ones name as a parent.
    open: HashMap<u64, Parent>,
    /// How many of each it keeps.
    pub(super) most: usize,
}

struct Writer {
    identity: Identity,
    rotations: Vec<KeyRotation>,
    /// The epoch that each rotation ends.
    ended: Vec<u32>,
    logs: BTreeMap<Arc<str>, BTreeMap<u32, Log>>,
}

struct Parent {
    hash: EntryHash,
    lamport: u64,
    children: u32,
}

/// An entry that holds: what its bytes say, and its hash.
pub(super) struct Checked<'a> {
    pub(super) stored: EntryV1<'a>,
    pub(super) hash: EntryHash,
}

/// The anchors that a bundle can be compared with: those of trees that it shows, and those that it does not reach.
pub(super) fn comparable(header: &Header, anchors: &[Anchor]) -> Vec<Anchor> {
    let shown = |size| !header.is_sparse() && (header.after()..=header.up_to()).contains(&size);
    anchors.iter().filter(|anchor| shown(anchor.size) || anchor.size >= header.tree.size).copied().collect()
}

impl<'h> Checker<'h> {
    /// `anchors` are [`comparable`].
    pub(super) fn new(header: &'h Header, anchors: &'h [Anchor], at: u64) -> Result<Self> {
        let mut checker = Self {
            header,
            heads: Heads::wanted(anchors),
            at,
            position: None,
            tree: Frontier::new(),
            last: header.after(),
            entries: 0,
            writers: BTreeMap::new(),
            logs: 0,
            payloads: HashMap::new(),
            standings: Standings::default(),
            unnamed: None,
            open: HashMap::new(),
            most: BUNDLE_STATE,
        };
        if !header.is_sparse() {
            let left = Frontier::from_bytes(header.after(), header.left.as_flattened());
            checker.tree = left.map_err(|error| checker.broken(ChainRule::TreeHead, error, "the left edge"))?;
            checker.note_tree()?;
        }
        checker.check_noted(header.tree)?;
        Ok(checker)
    }

    /// Whether this writer has been told already.
    pub(super) fn knows(&self, writer: &Fingerprint) -> bool {
        self.writers.contains_key(writer)
    }

    /// How many bytes the payload with this digest has, if it came already.
    pub(super) fn payload_len(&self, digest: &PayloadDigest) -> Option<u64> {
        self.payloads.get(digest).copied()
    }

    pub(super) fn identity(&self, writer: &Fingerprint) -> Option<&Identity> {
        self.writers.get(writer).map(|writer| &writer.identity)
    }

    /// The key that signs the entries of an epoch: that of the last rotation that ended an earlier one.
    pub(super) fn key(&self, writer: &Fingerprint, epoch: u32) -> Option<[u8; 32]> {
        let rotated = self.rotations_before(writer, epoch).last().map(|rotation| rotation.key);
        rotated.or(self.identity(writer)?.first_key())
    }

    /// The rotations that lead to that key.
    pub(super) fn rotations_before(&self, writer: &Fingerprint, epoch: u32) -> &[KeyRotation] {
        let Some(writer) = self.writers.get(writer) else { return &[] };
        let ended = writer.ended.partition_point(|ended| *ended < epoch);
        writer.rotations.get(..ended).unwrap_or_default()
    }

    /// How many rotations were told of each writer.
    pub(super) fn rotations(&self) -> impl Iterator<Item = (&Fingerprint, usize)> {
        self.writers.iter().map(|(id, writer)| (id, writer.rotations.len()))
    }

    /// Whether these are the bytes of the writer's rotation with this number, from 0.
    pub(super) fn is_told(&self, writer: &Fingerprint, number: u32, bytes: &[u8]) -> bool {
        let told = self.writers.get(writer).and_then(|writer| writer.rotations.get(number as usize));
        told.is_some_and(|rotation| rotation.entry.bytes == bytes)
    }

    pub(super) fn writer(&mut self, identity: Identity, rotations: Vec<KeyRotation>) -> Result<()> {
        self.position = None;
        let id = identity.id();
        ensure!(self, WriterIdentity, !self.knows(&id), format!("writer {id} a second time"), "each writer once");
        self.check_state("writers", self.writers.len())?;
        let ended = self.check_rotations(&identity, &rotations)?;
        self.writers.insert(id, Writer { identity, rotations, ended, logs: BTreeMap::new() });
        Ok(())
    }

    pub(super) fn payload(&mut self, bytes: &[u8]) -> Result<PayloadDigest> {
        self.position = None;
        let digest = PayloadDigest::of(bytes);
        self.check_state("payloads that are kept once", self.payloads.len())?;
        let is_new = self.payloads.insert(digest, bytes.len() as u64).is_none();
        ensure!(self, Payload, is_new, format!("payload {digest} a second time"), "each payload once");
        if !self.header.is_everything() {
            let waits = self.unnamed.replace(digest);
            ensure!(self, Payload, waits.is_none(), format!("{waits:?} and no entry"), "the entry that names it");
        }
        Ok(digest)
    }

    pub(super) fn entry<'a>(&mut self, entry: &Entry<'a>) -> Result<Checked<'a>> {
        self.position = Some(entry.position);
        self.check_position(entry)?;
        let stored = EntryV1::decode(entry.bytes)
            .map_err(|error| self.broken(ChainRule::Encoding, error, "entry bytes of format 1"))?;
        self.check_scope(&stored)?;
        let hash = EntryHash::of(entry.bytes);
        self.check_signature(entry, &stored, &hash)?;
        self.check_payload(entry, &stored)?;
        self.check_embedding(entry, &stored)?;
        if let Some(digest) = self.unnamed.take() {
            let names = entry.payload == Payload::Before && stored.payload_digest == digest;
            ensure!(self, Payload, names, format!("payload {digest} before it"), "a payload that it names");
        }
        self.check_standing(entry, &stored)?;
        let (parents_lamport, all_known) = self.check_parents(entry, &stored)?;
        self.check_log(entry, &stored, hash, parents_lamport, all_known)?;
        if entry.children > 0 {
            self.check_state("parents whose children are yet to come", self.open.len())?;
            let parent = Parent { hash, lamport: stored.lamport, children: entry.children };
            self.open.insert(entry.position, parent);
        }
        self.check_tree(entry, &hash)?;
        self.entries += 1;
        self.last = entry.position;
        Ok(Checked { stored, hash })
    }

    /// What the whole bundle must be, and what holds of it. `counts` are what its end says, `bytes` its length.
    pub(super) fn finish(mut self, counts: [u64; 3], bytes: u64) -> Result<BundleReport> {
        self.position = None;
        let found = self.counts();
        ensure!(
            self,
            Encoding,
            counts == found,
            format!("{counts:?} entries, writers, payloads"),
            format!("{found:?}")
        );
        // It would bind nothing of what it says to anything.
        let is_empty = self.header.is_sparse() && self.entries == 0;
        ensure!(self, Position, !is_empty, "logs without an entry", "one at least");
        ensure!(self, Payload, self.unnamed.is_none(), format!("{:?} at the end", self.unnamed), "an entry behind it");
        if let Some((position, _)) = self.open.iter().next() {
            self.position = Some(*position);
            return Err(self.broken(ChainRule::Parent, "fewer children than it has", "as many"));
        }
        let idle = self.writers.values().find(|writer| writer.logs.is_empty());
        let idle = idle.map(|writer| writer.identity.id());
        ensure!(
            self,
            WriterIdentity,
            idle.is_none(),
            format!("writer {idle:?} without an entry"),
            "writers of entries"
        );
        self.check_told()?;
        if !self.header.is_sparse() {
            let (tree, up_to) = (self.header.tree, self.header.up_to());
            ensure!(self, Position, self.last == up_to, format!("an end at {}", self.last), up_to);
            let root = self.tree.root();
            let leads = verify_consistency(up_to, &root, tree.size, &tree.root, &self.header.right);
            ensure!(self, TreeHead, leads, "entries and edges of another root", hex(&tree.root));
        }
        let logs: Vec<&Log> =
            self.writers.values().flat_map(|writer| writer.logs.values().flat_map(BTreeMap::values)).collect();
        if let Some(log) = logs.iter().find(|log| self.header.is_everything() && log.ends_unsigned()) {
            self.position = Some(log.last.position);
            return Err(self.broken(ChainRule::Signature, "no signature on a log's last entry", "its writer's"));
        }
        self.heads.note_head(self.header.tree);
        let tail = self.heads.verdict(self.header.tree.size);
        let anchored = if let TailVerdict::Consistent { anchored } = tail { anchored } else { 0 };
        let mut logs = logs;
        logs.sort_unstable_by_key(|log| log.order);
        let logs = logs.into_iter().map(|log| log.report(anchored, self.standings.last_good(&log.writer()))).collect();
        let [entries, _, payloads] = found;
        Ok(BundleReport::new(self.header, entries, payloads, bytes, logs, tail))
    }

    /// Entries, writers and payloads that are kept once.
    pub(super) fn counts(&self) -> [u64; 3] {
        [self.entries, self.writers.len() as u64, self.payloads.len() as u64]
    }

    /// The largest Lamport time of the parents that the bundle holds, and whether that is all of them.
    fn check_parents(&mut self, entry: &Entry<'_>, stored: &EntryV1<'_>) -> Result<(u64, bool)> {
        let (named, placed) = (stored.parents.len(), entry.parents.len());
        if self.header.is_sparse() {
            ensure!(self, Parent, placed == 0, format!("{placed} positions of parents"), "none are told here");
            return Ok((0, named == 0));
        }
        ensure!(self, Parent, named == placed, format!("{placed} positions of parents"), named);
        let (mut lamport, mut all_known) = (0, true);
        for (hash, at) in stored.parents.iter().zip(&entry.parents) {
            ensure!(self, Parent, (1..entry.position).contains(at), format!("a parent at {at}"), "an earlier one");
            if *at <= self.header.after() {
                all_known = false;
                continue;
            }
            let Some(parent) = self.open.get_mut(at).filter(|parent| parent.hash == *hash) else {
                return Err(self.broken(
                    ChainRule::Parent,
                    format!("parent {hash} at {at}"),
                    "an entry that expects it",
                ));
            };
            lamport = lamport.max(parent.lamport);
            parent.children -= 1;
            if parent.children == 0 {
                self.open.remove(at);
            }
        }
        Ok((lamport, all_known))
    }

    fn check_log(
        &mut self,
        entry: &Entry<'_>,
        stored: &EntryV1<'_>,
        hash: EntryHash,
        parents_lamport: u64,
        all_known: bool,
    ) -> Result<()> {
        let known = self.writers.get(&stored.writer);
        let log = known.and_then(|writer| writer.logs.get(stored.stream)?.get(&stored.epoch));
        let before = match log {
            Some(log) => Some((log.last.seq, log.last.hash, log.last.lamport)),
            None if stored.seq == 1 || self.header.after() == 0 => {
                let genesis =
                    EntryHash::genesis(&stored.realm, stored.tenant, stored.stream, &stored.writer, stored.epoch);
                Some((0, genesis, 0))
            }
            // Its predecessor stands before the bundle.
            None => None,
        };
        if let Some((seq, prev, _)) = before {
            ensure!(self, Sequence, stored.seq == seq + 1, stored.seq, seq + 1);
            ensure!(self, Previous, stored.prev == prev, stored.prev, prev);
        }
        let least = 1 + before.map_or(0, |(_, _, lamport)| lamport).max(parents_lamport);
        let holds = if all_known && before.is_some() { stored.lamport == least } else { stored.lamport >= least };
        ensure!(self, Lamport, holds, stored.lamport, least);
        if log.is_none() {
            self.check_state("logs", self.logs)?;
        }

        let place = Place { seq: stored.seq, hash, lamport: stored.lamport, position: entry.position };
        let order = self.logs;
        let Some(writer) = self.writers.get_mut(&stored.writer) else { return Ok(()) };
        let log = match writer.logs.get_mut(stored.stream).and_then(|logs| logs.get_mut(&stored.epoch)) {
            Some(log) => {
                log.advance(place);
                log
            }
            None => {
                self.logs += 1;
                let stream: Arc<str> = stored.stream.into();
                let log = Log::begin(order, &stream, stored.epoch, &writer.identity, place);
                writer.logs.entry(stream).or_default().entry(stored.epoch).or_insert(log)
            }
        };
        if entry.signature.is_some() {
            log.sign();
        }
        if entry.position <= self.heads.newest() {
            log.anchor();
        }
        if stored.kind != REVOCATION {
            log.note_revocable();
        }
        Ok(())
    }

    fn check_tree(&mut self, entry: &Entry<'_>, hash: &EntryHash) -> Result<()> {
        if !self.header.is_sparse() {
            ensure!(self, TreeHead, entry.path.is_empty(), "a path", "none where no position is left out");
            self.tree.push(hash.as_bytes());
            return self.note_tree();
        }
        let TreeHead { size, root } = self.header.tree;
        let leads = verify_inclusion(hash, entry.position - 1, size, &entry.path, &root);
        ensure!(self, TreeHead, leads, "a path to another root", hex(&root));
        Ok(())
    }

    fn note_tree(&mut self) -> Result<()> {
        self.heads.note(&self.tree);
        if self.header.noted.is_some_and(|noted| noted.size == self.tree.size()) {
            self.check_noted(self.tree.head())?;
        }
        Ok(())
    }

    fn check_noted(&self, head: TreeHead) -> Result<()> {
        let noted = self.header.noted.filter(|noted| noted.size == head.size).unwrap_or(head);
        ensure!(
            self,
            TreeHead,
            noted == head,
            hex(&head.root),
            format!("{}, as the checkpoint says", hex(&noted.root))
        );
        Ok(())
    }

    pub(super) fn broken(&self, rule: ChainRule, found: impl ToString, expected: impl ToString) -> StoreError {
        let (found, expected) = (found.to_string(), expected.to_string());
        StoreError::BundleBroken { offset: self.at, position: self.position, rule, found, expected }
    }
}

fn hex(root: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*root).to_hex().to_string()
}
