//! Random histories, and what a naive reader makes of them.

use std::collections::HashMap;

use causal_vault::{Event, Receipt, Vault};
use proptest::prelude::*;
use proptest::sample::Index;

pub(super) const STREAMS: [&str; 3] = ["conv:a", "conv:b", "ledger"];
pub(super) const WRITERS: [&str; 3] = ["alice", "bob", "carol"];
pub(super) const KINDS: [&str; 4] = ["ledger.mint", "ledger.spend", "ledger", "chat.message"];

/// An event that is to be committed; parents are picked among the ones before it.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    stream: usize,
    writer: usize,
    kind: usize,
    parents: Vec<Index>,
    payload: Vec<u8>,
}

/// The same event as a naive reader remembers it.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) stream: &'static str,
    pub(super) writer: &'static str,
    pub(super) kind: &'static str,
    pub(super) payload: Vec<u8>,
    /// Places in the history, ascending, each once.
    pub(super) parents: Vec<usize>,
    pub(super) lamport: u64,
    pub(super) receipt: Receipt,
}

pub(super) fn plans(most: usize) -> impl Strategy<Value = Vec<Plan>> {
    let payload = prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..20),
        // Stored in a row of its own, and often twice.
        1 => (0_u8..3).prop_map(|byte| vec![byte; 3000]),
    ];
    let plan = (0..3_usize, 0..3_usize, 0..4_usize, prop::collection::vec(any::<Index>(), 0..4), payload)
        .prop_map(|(stream, writer, kind, parents, payload)| Plan { stream, writer, kind, parents, payload });
    prop::collection::vec(plan, 1..most)
}

/// Commits the plans one by one.
pub(super) fn tell(vault: &Vault, plans: &[Plan]) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    let mut clocks = HashMap::new();
    for plan in plans {
        let mut parents: Vec<usize> = match told.len() {
            0 => Vec::new(),
            len => plan.parents.iter().map(|index| index.index(len)).collect(),
        };
        parents.sort_unstable();
        parents.dedup();
        let (stream, writer, kind) = (STREAMS[plan.stream], WRITERS[plan.writer], KINDS[plan.kind]);
        let event = Event::raw(kind, plan.payload.clone()).stream(stream);
        let event = parents.iter().fold(event, |event, parent| event.parent(&told[*parent].receipt));
        let receipt = vault.named_writer(writer).unwrap().commit(event).unwrap();
        let clock: &mut u64 = clocks.entry((stream, writer)).or_default();
        *clock = parents.iter().map(|parent| told[*parent].lamport).chain([*clock]).max().unwrap() + 1;
        told.push(Told { stream, writer, kind, payload: plan.payload.clone(), parents, lamport: *clock, receipt });
    }
    told
}
