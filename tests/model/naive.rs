//! The model: vectors and loops, and no hashing of ours. Hashes are learnt from the receipts.

use std::collections::HashMap;

use causal_vault::{CausalDigest, EntryHash, Event, EventId, EventRef, Fingerprint, StoreError};

use super::operations::{Draft, Expect, Id, LIMIT, Look, Parent, Payload};
use crate::suite::tree::root;

pub(super) const TENANTS: [&str; 2] = ["default", "acme"];
pub(super) const STREAMS: [&str; 4] = ["conv:one", "conv:two", "ledger", "nobody writes here"];
pub(super) const KINDS: [&str; 4] = ["a.x", "a.y", "b", "log.entry"];

/// An event as the model knows it. Its position is its place in the tenant's vector, from 1.
#[derive(Clone, Debug)]
pub(super) struct Naive {
    pub(super) stream: usize,
    pub(super) writer: usize,
    pub(super) kind: usize,
    pub(super) seq: u64,
    pub(super) lamport: u64,
    pub(super) id: Option<EventId>,
    pub(super) payload: Vec<u8>,
    pub(super) attachment: Option<Vec<u8>>,
    pub(super) parents: Vec<usize>,
    pub(super) hash: EntryHash,
    pub(super) digest: CausalDigest,
    /// Whether the doorbell rang for it.
    pub(super) rings: bool,
}

/// What a commit must come to.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Refused(StoreError),
    /// The event with this index is there already.
    Replayed(usize),
    Stored(Naive),
}

pub(super) struct Model {
    pub(super) tenants: [Vec<Naive>; 2],
    pub(super) writers: [Fingerprint; 5],
    labels: [String; 5],
    ids: u128,
    digests: HashMap<(Vec<u8>, Vec<CausalDigest>), CausalDigest>,
}

pub(super) fn bytes(payload: Payload) -> Vec<u8> {
    vec![payload.fill; payload.size]
}

impl Model {
    pub(super) fn new(writers: [Fingerprint; 5]) -> Self {
        let named = |name: &str| name.to_owned();
        let labels = [named("alice"), writers[1].to_hex(), writers[2].to_hex(), named("dave"), named("nobody")];
        Self { tenants: Default::default(), writers, labels, ids: 0, digests: HashMap::new() }
    }

    pub(super) fn reference(&self, event: &Naive) -> EventRef {
        let stream = STREAMS[event.stream].into();
        EventRef { stream, writer: self.writers[event.writer], seq: event.seq, hash: event.hash }
    }

    /// The event that a draft stands for, and what must come of it where `known` is there already.
    pub(super) fn plan(&mut self, tenant: usize, known: &[Naive], writer: usize, draft: &Draft) -> (Event, Outcome) {
        let identified: Vec<usize> = (0..known.len()).filter(|at| known[*at].id.is_some()).collect();
        let pick = |n: usize| identified.get(n % identified.len().max(1)).copied();
        let (mut stream, mut kind, mut payload) = (draft.stream, draft.kind, bytes(draft.payload));
        let mut references = self.parents(tenant, known, &draft.parents);
        let id = match draft.id {
            Id::Fresh => None,
            Id::New => None.or_else(|| Some(self.new_id())),
            Id::Taken(n) => pick(n).and_then(|at| known[at].id),
            Id::Again(n) => pick(n).and_then(|at| {
                let event = &known[at];
                (stream, kind, payload) = (event.stream, event.kind, event.payload.clone());
                references = event.parents.iter().map(|parent| self.reference(&known[*parent])).collect();
                event.id
            }),
        };
        let found = known.iter().filter(|event| (event.stream, event.writer) == (stream, writer)).count() as u64;
        let expected = match draft.expect {
            Expect::Nothing => None,
            Expect::Right => Some(found),
            Expect::Wrong => Some(found + 1),
        };
        let mut event = Event::raw(KINDS[kind], payload.clone()).stream(STREAMS[stream]);
        event = references.iter().fold(event, Event::parent);
        event = id.into_iter().fold(event, Event::id);
        event = expected.into_iter().fold(event, Event::expect_seq);
        let attachment = draft.attach.then(|| vec![0xa7; 30]);
        event = attachment.iter().cloned().fold(event, Event::attach);
        let outcome =
            self.outcome(tenant, known, writer, (stream, kind, payload), &references, id, expected, attachment);
        (event, outcome)
    }

    #[allow(clippy::too_many_arguments)]
    fn outcome(
        &self,
        tenant: usize,
        known: &[Naive],
        writer: usize,
        (stream, kind, payload): (usize, usize, Vec<u8>),
        references: &[EventRef],
        id: Option<EventId>,
        expected: Option<u64>,
        attachment: Option<Vec<u8>>,
    ) -> Outcome {
        if payload.len() > LIMIT {
            let (found, limit) = (payload.len() as u64, LIMIT as u64);
            return Outcome::Refused(StoreError::Limit { what: "the payload", found, limit, unit: "bytes" });
        }
        let same_id = known.iter().position(|event| id.is_some() && event.id == id);
        if let (Some(at), Some(event_id)) = (same_id, id) {
            let event = &known[at];
            let mut hashes: Vec<_> = event.parents.iter().map(|parent| known[*parent].hash).collect();
            let mut given: Vec<_> = references.iter().map(|reference| reference.hash).collect();
            hashes.sort();
            given.sort();
            let differs = [
                ("stream", event.stream == stream),
                ("writer", event.writer == writer),
                ("kind", event.kind == kind),
                ("payload", event.payload == payload),
                ("parents", hashes == given),
                ("attachments", attachment.is_none() || known.iter().any(|event| event.attachment == attachment)),
            ];
            return match differs.into_iter().find(|(_, same)| !same) {
                None => Outcome::Replayed(at),
                Some((differs, _)) => {
                    Outcome::Refused(StoreError::IdempotencyConflict { event_id: event_id.into(), differs })
                }
            };
        }
        let mut parents = Vec::new();
        for reference in references {
            match known.iter().position(|event| self.reference(event) == *reference) {
                Some(at) => parents.push(at),
                None => {
                    let (reference, tenant) = (reference.to_string(), TENANTS[tenant].to_owned());
                    return Outcome::Refused(StoreError::UnknownParent { reference, tenant });
                }
            }
        }
        parents.sort_by_key(|at| known[*at].hash);
        if let Some(twice) = parents.windows(2).find(|pair| pair[0] == pair[1]) {
            return Outcome::Refused(StoreError::DuplicateParent { hash: known[twice[0]].hash.to_hex() });
        }
        let log = known.iter().filter(|event| (event.stream, event.writer) == (stream, writer));
        let found = log.clone().count() as u64;
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            let (stream, writer) = (STREAMS[stream].to_owned(), self.labels[writer].clone());
            return Outcome::Refused(StoreError::HeadMoved { stream, writer, expected, found });
        }
        let before = log.chain(parents.iter().map(|parent| &known[*parent])).map(|event| event.lamport).max();
        Outcome::Stored(Naive {
            stream,
            writer,
            kind,
            seq: found + 1,
            lamport: before.unwrap_or(0) + 1,
            id,
            payload,
            attachment,
            parents,
            hash: EntryHash::from_bytes([0; 32]),
            digest: CausalDigest::from_bytes([0; 32]),
            rings: true,
        })
    }

    fn parents(&self, tenant: usize, known: &[Naive], parents: &[Parent]) -> Vec<EventRef> {
        let mut references = Vec::new();
        for parent in parents {
            let (Parent::Existing(n)
            | Parent::Misplaced(n)
            | Parent::OtherTenants(n)
            | Parent::Twice(n)
            | Parent::Unknown(n)) = *parent;
            let others = &self.tenants[1 - tenant];
            let from = if matches!(parent, Parent::OtherTenants(_)) { others } else { known };
            if from.is_empty() {
                continue;
            }
            let mut reference = self.reference(&from[n % from.len()]);
            match parent {
                Parent::Existing(_) | Parent::OtherTenants(_) => {}
                Parent::Misplaced(_) => reference.seq += 1,
                Parent::Twice(_) => references.push(reference.clone()),
                Parent::Unknown(_) => reference.hash = EntryHash::from_bytes([0xee; 32]),
            }
            references.push(reference);
        }
        references
    }

    /// Ids that begin alike, so that the first eight bytes tell nothing.
    fn new_id(&mut self) -> EventId {
        self.ids += 1;
        EventId::from_bytes(((self.ids % 2) << 64 | self.ids).to_be_bytes())
    }

    /// Equal payloads over equal lineages have equal digests, and no others have.
    pub(super) fn learn_digest(&mut self, known: &[Naive], event: &Naive) {
        let mut lineage: Vec<_> = event.parents.iter().map(|parent| known[*parent].digest).collect();
        lineage.sort();
        let key = (event.payload.clone(), lineage);
        let same = *self.digests.entry(key.clone()).or_insert(event.digest);
        assert_eq!(same, event.digest, "one lineage, two digests");
        let twins = self.digests.iter().filter(|(_, digest)| **digest == event.digest).count();
        assert_eq!(twins, 1, "two lineages, one digest");
    }

    pub(super) fn root(&self, tenant: usize, size: usize) -> [u8; 32] {
        let hashes: Vec<[u8; 32]> = self.tenants[tenant][..size].iter().map(|event| *event.hash.as_bytes()).collect();
        root(&hashes)
    }

    /// The indexes of the events that a look wants.
    pub(super) fn wanted(&self, look: &Look) -> Vec<usize> {
        let events = &self.tenants[look.tenant];
        let wants_kind = |kind: &str| match look.kind {
            None => true,
            Some(pattern) => pattern.strip_suffix('*').map_or(kind == pattern, |prefix| kind.starts_with(prefix)),
        };
        (0..events.len())
            .filter(|at| {
                let event = &events[*at];
                look.stream.is_none_or(|stream| stream == event.stream)
                    && look.writer.is_none_or(|writer| writer == event.writer)
                    && wants_kind(KINDS[event.kind])
                    && look.parent.is_none_or(|n| event.parents.contains(&(n % events.len())))
                    && look.after.is_none_or(|after| *at as u64 >= after)
                    && look.up_to.is_none_or(|up_to| (*at as u64) < up_to)
            })
            .collect()
    }

    /// Everything that an event came from, or that came of it, in the order of (Lamport time, hash).
    pub(super) fn lineage(&self, tenant: usize, of: usize, up: bool) -> Vec<EntryHash> {
        let events = &self.tenants[tenant];
        let mut reached = vec![false; events.len()];
        let mut todo = vec![of];
        while let Some(at) = todo.pop() {
            for other in 0..events.len() {
                let joined = if up { events[at].parents.contains(&other) } else { events[other].parents.contains(&at) };
                if joined && !reached[other] {
                    reached[other] = true;
                    todo.push(other);
                }
            }
        }
        let mut found: Vec<_> =
            events.iter().zip(reached).filter(|(_, reached)| *reached).map(|(event, _)| event).collect();
        found.sort_by_key(|event| (event.lamport, event.hash));
        if up {
            found.reverse();
        }
        found.into_iter().map(|event| event.hash).collect()
    }
}
