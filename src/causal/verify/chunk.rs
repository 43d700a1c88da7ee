//! A range of positions, checked apart from the others.

use std::collections::BTreeMap;

use super::batch::{Batch, Hashes};
use super::indexes::Expected;
use super::rules::{Brief, Rules};
use super::run::Run;
use crate::backend::Transaction;
use crate::causal::table::entry::{self, Row};
use crate::words::Result;

/// Ids above `after` and up to `to`.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) after: u64,
    pub(super) to: u64,
}

/// What the rows of a span say, in as much as they say it without those before them.
#[derive(Default)]
pub(super) struct Chunk {
    /// The hashes of the entries, in order.
    pub(super) leaves: Vec<[u8; 32]>,
    /// The id of the first row.
    pub(super) first: u64,
    /// The first row that does not have the id that follows: which it has, and which that is.
    pub(super) gap: Option<(u64, u64)>,
    /// Each log's rows, in the order in which the logs appear.
    pub(super) runs: Vec<(i64, Run)>,
    /// What look-ups must find of them.
    pub(super) expected: Expected,
    /// Which of the runs is a log's.
    places: BTreeMap<i64, usize>,
}

impl Chunk {
    /// Checks the rows of the span until one cannot be read: this one's error, and what was found up to there.
    pub(super) fn read(tx: &dyn Transaction, rules: &mut Rules<'_>, span: Span) -> (Self, Result<()>) {
        let (mut chunk, mut batch) = (Self::default(), Batch::default());
        let scanned = entry::scan_and_seek(tx, span.after, span.to, |row, neighbour| {
            batch.push(&row, neighbour);
            if batch.is_full() {
                batch.drain(|row, hashes, neighbour| chunk.add(rules, row, hashes, neighbour))
            } else {
                Ok(())
            }
        });
        // Of rows that were read before one that could not be.
        let rest = batch.drain(|row, hashes, neighbour| chunk.add(rules, row, hashes, neighbour));
        (chunk, rest.and(scanned))
    }

    fn add(&mut self, rules: &mut Rules<'_>, row: &Row<'_>, hashes: &Hashes, neighbour: Option<u64>) -> Result<()> {
        let mut single = rules.check(row, hashes)?;
        let Brief { hasher, since, last, .. } = rules.brief();
        single.run.newest = Some(row.id);
        if row.seq.is_multiple_of(entry::STRIDE) {
            single.run.index.add(hasher, (row.log, row.seq, row.id));
        }
        if let Some(key) = row.event_key {
            self.expected.keys.add(hasher, (key, row.id));
        }
        self.expected.join(single.expected);
        self.expected.sought += u64::from(neighbour.is_some_and(|id| id > *since && id <= *last));
        if self.leaves.is_empty() {
            self.first = row.id;
        }
        let next = self.first + self.leaves.len() as u64;
        if row.id != next && self.gap.is_none() {
            self.gap = Some((row.id, next));
        }
        self.leaves.push(*row.hash.as_bytes());
        let place = *self.places.entry(row.log).or_insert(self.runs.len());
        match self.runs.get_mut(place) {
            Some((_, run)) => run.join(single.run),
            None => self.runs.push((row.log, single.run)),
        }
        Ok(())
    }
}
