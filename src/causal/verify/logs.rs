//! The logs of a timeline, joined from the runs of their entries.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::log::Log;
use super::report::{Break, LogReport, LogVerdict};
use super::rules::Rules;
use super::run::Run;
use crate::causal::table::entry;
use crate::words::{ChainRule, Result};

/// What is known of each log so far, in the order in which they began.
#[derive(Default)]
pub(super) struct Logs {
    runs: BTreeMap<i64, Run>,
    order: Vec<(i64, u64)>,
}

impl Logs {
    /// Adds the run that follows in a log and shows what is known of the log now.
    pub(super) fn join(&mut self, rules: &mut Rules<'_>, log: i64, next: Run) -> Result<&Run> {
        let run = match self.runs.entry(log) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let before = rules.before(log, next.start())?;
                let first = next.start().map_or(1, |start| start.seq);
                self.order.push((log, first));
                unknown.insert(before)
            }
        };
        run.join(next);
        Ok(run)
    }

    /// The logs that entries name, and the first sequence number in each.
    pub(super) fn firsts(&self) -> impl Iterator<Item = (i64, u64)> {
        self.order.iter().copied()
    }

    pub(super) fn run(&self, log: i64) -> Option<&Run> {
        self.runs.get(&log)
    }

    /// The verdicts, where an anchor covers the positions up to `anchored`.
    pub(super) fn report(mut self, rules: &mut Rules<'_>, anchored: u64) -> Result<Vec<LogReport>> {
        let Self { runs, order } = &mut self;
        let runs = order.iter().filter_map(|(log, first)| runs.remove(log).map(|run| (*log, *first, run)));
        runs.map(|(log, first, run)| Ok(report(rules.log(log)?, first, run, anchored))).collect()
    }
}

/// The first break of a whole log. A signed writer's ends in a signed entry: a signature that was taken away is missed.
pub(super) fn first_break(log: &Log, run: &Run) -> Option<Break> {
    let unsigned_end = || {
        let last = run.head().filter(|last| log.is_signed() && run.signed < last.seq)?;
        let (found, expected) = ("no signature on the last entry", "one by the writer's key");
        Some(Break::new(Some(entry::position(last.id)), Some(last.seq), ChainRule::Signature, found, expected))
    };
    run.broken.as_deref().cloned().or_else(unsigned_end)
}

fn report(log: &Log, first: u64, run: Run, anchored: u64) -> LogReport {
    let covered = run.head().is_none_or(|last| entry::position(last.id) <= anchored);
    let verdict = match first_break(log, &run) {
        Some(broken) => LogVerdict::Broken(broken),
        None if covered => LogVerdict::Anchored,
        None if log.is_signed() => LogVerdict::SignedUnanchored,
        None => LogVerdict::Unsigned,
    };
    LogReport {
        stream: log.stream.clone(),
        writer: log.identity.id(),
        writer_name: log.label.clone(),
        epoch: log.epoch,
        first,
        entries: run.entries,
        anchored: if anchored > 0 { run.anchored.saturating_sub(first - 1) } else { 0 },
        signed: run.signed.saturating_sub(first - 1),
        verdict,
    }
}
