//! A range of positions, checked apart from the others.

use std::collections::BTreeMap;

use super::indexes::Expected;
use super::rules::Rules;
use super::run::Run;
use crate::backend::Transaction;
use crate::causal::table::entry;
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
}

impl Chunk {
    /// Checks the rows of the span until one cannot be read: this one's error, and what was found up to there.
    pub(super) fn read(tx: &dyn Transaction, rules: &mut Rules<'_>, span: Span) -> (Self, Result<()>) {
        let mut chunk = Self::default();
        let mut places = BTreeMap::<i64, usize>::new();
        let (since, last) = (rules.brief().since, rules.brief().last);
        let outcome = entry::scan_and_seek(tx, span.after, span.to, |row, neighbour| {
            let mut single = rules.check(&row)?;
            let (hasher, expected) = (&rules.brief().hasher, &mut chunk.expected);
            single.run.newest = Some(row.id);
            if row.seq % entry::STRIDE == 0 {
                single.run.index.add(hasher, (row.log, row.seq, row.id));
            }
            if let Some(key) = row.event_key {
                expected.keys.add(hasher, (key, row.id));
            }
            expected.join(single.expected);
            expected.sought += u64::from(neighbour.is_some_and(|id| id > since && id <= last));
            if chunk.leaves.is_empty() {
                chunk.first = row.id;
            }
            let next = chunk.first + chunk.leaves.len() as u64;
            if row.id != next && chunk.gap.is_none() {
                chunk.gap = Some((row.id, next));
            }
            chunk.leaves.push(*row.hash.as_bytes());
            let place = *places.entry(row.log).or_insert(chunk.runs.len());
            match chunk.runs.get_mut(place) {
                Some((_, run)) => run.join(single.run),
                None => chunk.runs.push((row.log, single.run)),
            }
            Ok(())
        });
        (chunk, outcome)
    }
}
