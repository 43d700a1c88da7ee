//! Whether look-ups find what a scan shows: every index of the engine, and the way to a row by its number.
//!
//! ```text
//! entries by position       each is sought while they are scanned
//! entries by log            milestones walked, log by log; heads sought
//! heads                     walked
//! entries by event id       walked from end to end: keys of all timelines are mixed
//! edges, either way         walked over the timeline's part
//! payloads, names, numbers  each is sought
//! embeddings                walked; each is sought by its entry
//! the look-up by hash       walked, as far as it says it reaches
//! ```
//!
//! Cursors are what consumers say of themselves: nothing here can prove them. Checkpoints are signed.

use std::collections::BTreeSet;
use std::hash::{Hash, RandomState};
use std::ops::RangeInclusive;

use super::log::Log;
use super::logs::Logs;
use super::report::Break;
use super::rules::Rules;
use super::tally::{Tally, Walk};
use crate::backend::Transaction;
use crate::causal::table::timeline::Timeline;
use crate::causal::table::{edge, entry, head, kind, log, lookup, timeline, writer};
use crate::words::limits::POSITION_MAX;
use crate::words::{ChainRule, Result};

/// What the rows of a timeline say that its indexes must say as well.
#[derive(Default)]
pub(super) struct Expected {
    /// Edges, as child and parent.
    pub(super) edges: Tally,
    /// Keys of event ids, each with the entry's id.
    pub(super) keys: Tally,
    /// Entries with an embedding.
    pub(super) embeddings: Tally,
    /// Prefixes of hashes and digests, each with the entry's id.
    pub(super) lookup: Tally,
    /// Entries that were found when their neighbour was met.
    pub(super) sought: u64,
}

impl Expected {
    pub(super) fn join(&mut self, other: Self) {
        self.edges.join(other.edges);
        self.keys.join(other.keys);
        self.embeddings.join(other.embeddings);
        self.lookup.join(other.lookup);
        self.sought += other.sought;
    }
}

/// Compares the indexes of one timeline with its rows.
pub(super) struct Indexes<'t> {
    pub(super) tx: &'t dyn Transaction,
    pub(super) timeline: &'t Timeline,
    /// The rows of writers that were sought.
    writers: BTreeSet<i64>,
    breaks: Vec<Break>,
}

impl<'t> Indexes<'t> {
    pub(super) fn new(tx: &'t dyn Transaction, timeline: &'t Timeline) -> Self {
        Self { tx, timeline, writers: BTreeSet::new(), breaks: Vec::new() }
    }

    /// All of them, or in an incremental verification the parts that new entries stand in, of which the rest was sought
    /// entry by entry. Where positions are known to be broken they are not given.
    pub(super) fn check(
        mut self,
        rules: &mut Rules<'_>,
        logs: &Logs,
        expected: &Expected,
        positions: Option<RangeInclusive<u64>>,
    ) -> Result<Vec<Break>> {
        let hasher = &rules.brief().hasher;
        self.timeline(rules.brief().tenant)?;
        if let Some(error) = rules.astray() {
            self.wrong(ChainRule::Index, format!("no events about writers: {error}"), "those that the rows show");
        }
        if let Some(positions) = positions {
            self.positions(expected.sought, &positions)?;
        }
        if rules.brief().is_incremental() {
            for (log, first) in logs.firsts() {
                self.log(rules.log(log)?, log, first, logs, hasher)?;
            }
            let from = rules.brief().since + 1;
            self.edges_to_parents(from, expected.edges, hasher)?;
            return Ok(self.breaks);
        }
        self.strays()?;
        self.logs(rules, logs, hasher)?;
        self.heads(logs, hasher)?;
        self.event_keys(expected.keys, hasher)?;
        self.edges(expected.edges, hasher)?;
        self.names(rules)?;
        self.payloads()?;
        self.embeddings(expected.embeddings, hasher)?;
        self.lookup(expected.lookup, hasher)?;
        Ok(self.breaks)
    }

    pub(super) fn wrong(&mut self, rule: ChainRule, found: impl ToString, expected: impl ToString) {
        self.breaks.push(Break::new(None, None, rule, found, expected));
    }

    /// Compares a walk with what it must show; `seek` says whether a key is found.
    pub(super) fn compare<K: Copy + Ord + Hash>(
        &mut self,
        rule: ChainRule,
        what: &str,
        walk: &Walk<K>,
        expected: Tally,
        seek: impl Fn(K) -> Result<bool>,
    ) -> Result<()> {
        if walk.tally != expected {
            let found = format!("{} {what}", walk.tally.count);
            let note = if walk.tally.count == expected.count { ", with other keys" } else { "" };
            self.wrong(rule, found, format!("{}{note}", expected.count));
        } else if !walk.is_ascending {
            self.wrong(rule, format!("{what} out of order"), "ascending keys");
        } else if let Some((first, last)) = walk.ends
            && !(seek(first)? && (first == last || seek(last)?))
        {
            self.wrong(rule, format!("{what} that are not found where they stand"), "each when it is sought");
        }
        Ok(())
    }

    /// The timeline's own row.
    fn timeline(&mut self, tenant: &str) -> Result<()> {
        let id = self.timeline.id;
        let by_rows = timeline::by_rows(self.tx, tenant, timeline::MAIN)?;
        if by_rows != [id] || !timeline::is(self.tx, id, tenant, timeline::MAIN)? {
            let found = format!("timeline {} by the index over timelines", self.timeline.id);
            self.wrong(ChainRule::Index, found, "the one row of that name");
        }
        Ok(())
    }

    /// Neighbours find each other, but for a first and a last one whose neighbour is not among these.
    fn positions(&mut self, sought: u64, positions: &RangeInclusive<u64>) -> Result<()> {
        let (first, last) = (*positions.start(), *positions.end());
        let ends = [(first % 2 == 1).then_some(first), (last % 2 == 0).then_some(last)];
        let mut found = sought;
        for alone in ends.into_iter().flatten().filter(|end| positions.contains(end)) {
            found += u64::from(entry::is_at(self.tx, entry::id(self.timeline.id, alone)?)?);
        }
        let expected = (last + 1).saturating_sub(first);
        if found != expected {
            self.wrong(ChainRule::Index, format!("{found} entries by their positions"), expected);
        }
        Ok(())
    }

    /// Entries that no tenant's verification would look at.
    fn strays(&mut self) -> Result<()> {
        if let Some(id) = entry::first_outside(self.tx, &timeline::all(self.tx)?)? {
            self.wrong(ChainRule::Scope, format!("an entry with id {id}"), "none outside of the tenants' timelines");
        }
        Ok(())
    }

    fn logs(&mut self, rules: &mut Rules<'_>, logs: &Logs, hasher: &RandomState) -> Result<()> {
        let by_name = log::by_name(self.tx, self.timeline.id)?;
        let by_writer = log::by_writer(self.tx, self.timeline.id)?;
        let named: BTreeSet<i64> = by_name.iter().map(|log| log.id).collect();
        let written: BTreeSet<(u64, i64, i64)> = by_name.iter().map(|log| (log.timeline, log.writer, log.id)).collect();
        let mut in_order = by_name.is_sorted_by(|a, b| name(a) < name(b))
            && by_name.iter().all(|log| log.timeline == self.timeline.id)
            && by_writer.iter().eq(&written);
        for ends in [by_name.first(), by_name.last()].into_iter().flatten() {
            let epochs = log::epochs(self.tx, ends.timeline, &ends.stream, ends.writer)?;
            in_order &= epochs.contains(&(ends.id, ends.epoch));
        }
        for (timeline, writer, id) in [by_writer.first(), by_writer.last()].into_iter().flatten() {
            in_order &= log::select(self.tx, *timeline, None, Some(*writer))?.iter().any(|log| log.id == *id);
        }
        for log in &by_name {
            in_order &= rules.log(log.id)?.is(log);
        }
        in_order &= logs.firsts().all(|(id, _)| named.contains(&id));
        if !in_order {
            self.wrong(ChainRule::Index, "the indexes over logs", "those of the logs that there are");
        }
        for id in named.into_iter().chain(logs.firsts().map(|(id, _)| id)).collect::<BTreeSet<i64>>() {
            self.log(rules.log(id)?, id, 0, logs, hasher)?;
        }
        Ok(())
    }

    /// The entries of one log and its writer; from a sequence number on, where its name was not looked at before.
    fn log(&mut self, log: &Log, id: i64, from: u64, logs: &Logs, hasher: &RandomState) -> Result<()> {
        let mut walk = Walk::new();
        entry::walk_milestones(self.tx, id, from, |key| {
            walk.tally.add(hasher, key);
            walk.step(key);
            Ok(())
        })?;
        let expected = logs.run(id).map(|run| run.index).unwrap_or_default();
        let what = format!("milestones by the index of log {id} in stream {:?}", log.stream);
        self.compare(ChainRule::Index, &what, &walk, expected, |(log, seq, id)| {
            Ok(entry::milestone(self.tx, log, seq)? == Some(id))
        })?;
        let (found, newest) = (head::of_log(self.tx, id)?, logs.run(id).and_then(|run| run.newest));
        if found != newest {
            let found =
                found.map_or("no newest entry".to_owned(), |id| format!("newest entry at {}", entry::position(id)));
            let what = format!("{found} by the heads, of log {id} in stream {:?}", log.stream);
            self.wrong(ChainRule::Index, what, newest.map_or(0, entry::position));
        }
        let Some(row) = log.writer else { return Ok(()) };
        if from > 0 && !log::epochs(self.tx, self.timeline.id, &log.stream, row)?.contains(&(id, log.epoch)) {
            self.wrong(ChainRule::Index, format!("no log of {:?} in stream {:?}", log.label, log.stream), id);
        }
        let writer = log.identity.id();
        if self.writers.insert(row) && writer::find(self.tx, &writer)? != Some(row) {
            self.wrong(ChainRule::Index, format!("no writer {writer} by the index over writers"), &log.label);
        }
        Ok(())
    }

    /// The newest entries of the logs and of the timeline.
    fn heads(&mut self, logs: &Logs, hasher: &RandomState) -> Result<()> {
        let (mut walk, mut expected) = (Walk::new(), Tally::default());
        head::scan(self.tx, |(id, entry)| {
            if entry::timeline(entry) == self.timeline.id {
                walk.tally.add(hasher, (id, entry));
            }
            walk.step((id, entry));
            Ok(())
        })?;
        expected.add(hasher, head::of_timeline(self.timeline.id, self.timeline.tree.size())?);
        for (log, _) in logs.firsts() {
            if let Some(newest) = logs.run(log).and_then(|run| run.newest) {
                expected.add(hasher, (log, newest));
            }
        }
        // Each is sought where its log is looked at.
        self.compare(ChainRule::Index, "heads", &walk, expected, |_| Ok(true))
    }

    fn event_keys(&mut self, expected: Tally, hasher: &RandomState) -> Result<()> {
        let mut walk = Walk::new();
        entry::walk_event_keys(self.tx, |(key, id)| {
            if entry::timeline(id) == self.timeline.id {
                walk.tally.add(hasher, (key, id));
            }
            walk.step((key, id));
            Ok(())
        })?;
        self.compare(ChainRule::Index, "entries by the index over event ids", &walk, expected, |_| Ok(true))
    }

    fn edges(&mut self, expected: Tally, hasher: &RandomState) -> Result<()> {
        let (from, to) = (entry::id(self.timeline.id, 0)?, entry::id(self.timeline.id, POSITION_MAX)?);
        self.edges_to_parents(from, expected, hasher)?;
        let mut down = Walk::new();
        edge::walk_down(self.tx, from, to, |(parent, child)| {
            down.tally.add(hasher, (child, parent));
            down.step((parent, child));
            Ok(())
        })?;
        self.compare(ChainRule::Edge, "edges to children", &down, expected, |(parent, child)| {
            Ok(edge::children(self.tx, parent, child.saturating_sub(1), 1)? == [child])
        })
    }

    /// Of the children with ids from `from` on.
    fn edges_to_parents(&mut self, from: u64, expected: Tally, hasher: &RandomState) -> Result<()> {
        let mut up = Walk::new();
        edge::walk_up(self.tx, from, entry::id(self.timeline.id, POSITION_MAX)?, |(child, parent)| {
            up.tally.add(hasher, (child, parent));
            up.step((child, parent));
            Ok(())
        })?;
        self.compare(ChainRule::Edge, "edges to parents", &up, expected, |(child, parent)| {
            Ok(edge::parents(self.tx, child)?.contains(&parent))
        })
    }

    fn names(&mut self, rules: &Rules<'_>) -> Result<()> {
        for (id, name) in rules.kinds() {
            if kind::find(self.tx, name)? != Some(*id) {
                self.wrong(ChainRule::Index, format!("no kind {name:?} by the index over kinds"), id);
            }
        }
        Ok(())
    }

    fn lookup(&mut self, expected: Tally, hasher: &RandomState) -> Result<()> {
        if expected == Tally::default() {
            return Ok(());
        }
        let mut walk = Walk::new();
        lookup::walk(self.tx, self.timeline.id, |key| {
            walk.tally.add(hasher, (key.1, key.2));
            walk.step(key);
            Ok(())
        })?;
        self.compare(ChainRule::Lookup, "keys of the look-up by hash", &walk, expected, |(timeline, prefix, entry)| {
            Ok(lookup::candidates(self.tx, timeline, prefix)?.contains(&entry))
        })
    }
}

/// What the index over the names of logs is ordered by.
fn name(log: &log::Log) -> (u64, &str, i64, u32) {
    (log.timeline, &log.stream, log.writer, log.epoch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Access, Backend, SqliteBackend};
    use crate::causal::WriterLog;
    use crate::causal::merkle::Frontier;

    /// What an index over names hides or doubles is not the one row of a name.
    #[test]
    fn a_timeline_that_its_name_or_its_number_does_not_lead_to_alone_is_a_break() {
        let db = SqliteBackend::in_memory().unwrap();
        db.exec("CREATE TABLE vault_timeline (id INTEGER PRIMARY KEY, tenant TEXT, name TEXT)", &[]).unwrap();
        db.exec("INSERT INTO vault_timeline VALUES (1, 'default', 'main'), (2, 'acme', 'main')", &[]).unwrap();
        for (rows, id, expected) in
            [("", 1, 0), ("", 2, 1), ("INSERT INTO vault_timeline VALUES (3, 'default', 'main')", 1, 1)]
        {
            if !rows.is_empty() {
                db.exec(rows, &[]).unwrap();
            }
            let tx = db.begin(Access::Read).unwrap();
            let timeline = Timeline { id, tree: Frontier::new() };
            let mut indexes = Indexes::new(&*tx, &timeline);
            indexes.timeline("default").unwrap();
            assert_eq!(indexes.breaks.len(), expected, "{rows}, {id}: {:?}", indexes.breaks);
        }
    }

    #[test]
    fn an_entry_that_its_position_does_not_lead_to_is_a_break() {
        let db = SqliteBackend::in_memory().unwrap();
        WriterLog::ensure_schema(&db).unwrap();
        WriterLog::append_batch(&db, "demo", "alice", &[b"one", b"two", b"thr", b"fou"]).unwrap();
        let tx = db.begin(Access::Read).unwrap();
        let timeline = timeline::find(&*tx, "default", timeline::MAIN).unwrap().unwrap();
        // Neighbours are 2 and 3; 1 and 4 are sought by themselves.
        for (positions, sought, expected) in [(1..=4, 2, 0), (1..=4, 1, 1), (1..=3, 2, 0), (2..=3, 1, 1), (1..=6, 4, 1)]
        {
            let mut indexes = Indexes::new(&*tx, &timeline);
            indexes.positions(sought, &positions).unwrap();
            assert_eq!(indexes.breaks.len(), expected, "{positions:?}, {sought}: {:?}", indexes.breaks);
        }
    }

    /// A damaged tree shows everything to a walk and leads a search astray.
    #[test]
    fn the_first_and_the_last_key_of_a_walk_are_sought() {
        let db = SqliteBackend::in_memory().unwrap();
        let tx = db.begin(Access::Read).unwrap();
        let timeline = Timeline { id: 1, tree: Frontier::new() };
        for (keys, hidden, expected) in [
            (&[][..], None, 0),
            (&[1, 2, 3], None, 0),
            (&[1, 2, 3], Some(1), 1),
            (&[1, 2, 3], Some(3), 1),
            (&[5], None, 0),
            (&[5], Some(5), 1),
            (&[3, 1], None, 1),
        ] {
            let mut walk = Walk::<u64>::new();
            keys.iter().for_each(|key| walk.step(*key));
            let mut indexes = Indexes::new(&*tx, &timeline);
            let is_found = |key| Ok(hidden != Some(key));
            indexes.compare(ChainRule::Index, "keys", &walk, Tally::default(), is_found).unwrap();
            assert_eq!(indexes.breaks.len(), expected, "{keys:?}, {hidden:?}: {:?}", indexes.breaks);
        }
    }
}
