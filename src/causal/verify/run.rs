//! Consecutive entries of one log, checked and joined.
//!
//! A row that was checked by itself is a run of one. Runs are joined by the rules that an entry can break against the
//! one before it, so that it does not matter where a log was divided, nor who checked which part.

use super::report::Break;
use super::tally::Tally;
use crate::causal::hash::EntryHash;
use crate::causal::table::entry;
use crate::words::ChainRule;

/// What is known of consecutive entries of a log: where they begin, where they end, and the first break among them.
pub(super) struct Run {
    /// `None` where the first row is broken by itself: nothing is said about what follows.
    ends: Option<(Start, Head)>,
    /// What the index over milestones must show: also the rows behind a break.
    pub(super) index: Tally,
    /// The newest of its entries: also behind a break.
    pub(super) newest: Option<u64>,
    /// Entries up to the first break.
    pub(super) entries: u64,
    /// The last signed entry before the first break.
    pub(super) signed: u64,
    /// The last entry before the first break that stands no further than the newest anchor.
    pub(super) anchored: u64,
    pub(super) broken: Option<Box<Break>>,
}

/// What an entry says about the one before it.
pub(super) struct Start {
    pub(super) id: u64,
    pub(super) seq: u64,
    /// How many positions back it says that the one before it stands; 0 for none.
    pub(super) back: u64,
    pub(super) prev: EntryHash,
    pub(super) lamport: u64,
    /// The largest Lamport time of its explicit parents.
    pub(super) parents_lamport: u64,
}

/// What an entry's successor says about it.
pub(super) struct Head {
    pub(super) id: u64,
    pub(super) seq: u64,
    pub(super) lamport: u64,
    pub(super) hash: EntryHash,
}

impl Run {
    /// An entry that breaks no rule by itself.
    pub(super) fn of(start: Start, hash: EntryHash, is_signed: bool, is_anchored: bool) -> Self {
        let head = Head { id: start.id, seq: start.seq, lamport: start.lamport, hash };
        let [signed, anchored] = [is_signed, is_anchored].map(|is| if is { start.seq } else { 0 });
        let (index, ends) = (Tally::default(), Some((start, head)));
        Self { ends, index, newest: None, entries: 1, signed, anchored, broken: None }
    }

    /// A row that breaks a rule by itself.
    pub(super) fn broken(broken: Break) -> Self {
        Self {
            ends: None,
            index: Tally::default(),
            newest: None,
            entries: 1,
            signed: 0,
            anchored: 0,
            broken: Some(Box::new(broken)),
        }
    }

    /// A log before its first entry, which names `genesis` as the hash before it.
    pub(super) fn genesis(genesis: EntryHash) -> Self {
        let start = Start { id: 0, seq: 0, back: 0, prev: genesis, lamport: 0, parents_lamport: 0 };
        Self { entries: 0, ..Self::of(start, genesis, false, false) }
    }

    /// The same, where it is only what the next entry is compared with.
    pub(super) fn verified_before(self) -> Self {
        Self { entries: 0, ..self }
    }

    /// Its first entry, if something can be said of it.
    pub(super) fn start(&self) -> Option<&Start> {
        self.ends.as_ref().map(|(start, _)| start)
    }

    /// Adds the run that follows in the same log.
    pub(super) fn join(&mut self, next: Self) {
        self.index.join(next.index);
        self.newest = next.newest.or(self.newest);
        if self.broken.is_some() {
            return;
        }
        if let (Some((_, head)), Some((start, _))) = (&self.ends, &next.ends)
            && let Err(broken) = head.check_successor(start)
        {
            self.entries += 1;
            self.broken = Some(Box::new(broken));
            return;
        }
        if let (Some((_, head)), Some((_, last))) = (&mut self.ends, next.ends) {
            *head = last;
        }
        self.entries += next.entries;
        self.signed = self.signed.max(next.signed);
        self.anchored = self.anchored.max(next.anchored);
        self.broken = next.broken;
    }

    /// The last entry before the first break.
    pub(super) fn head(&self) -> Option<&Head> {
        self.ends.as_ref().map(|(_, head)| head)
    }
}

impl Head {
    /// The rules that an entry can break against the one before it in its log.
    fn check_successor(&self, next: &Start) -> Result<(), Break> {
        let broken = |rule, found: &dyn ToString, expected: &dyn ToString| {
            Err(Break::new(
                Some(entry::position(next.id)),
                Some(next.seq),
                rule,
                found.to_string(),
                expected.to_string(),
            ))
        };
        if next.seq != self.seq + 1 {
            return broken(ChainRule::Sequence, &next.seq, &(self.seq + 1));
        }
        if next.prev != self.hash {
            return broken(ChainRule::Previous, &next.prev, &self.hash);
        }
        if next.id <= self.id {
            let expected = format!("after {}", entry::position(self.id));
            return broken(ChainRule::Position, &entry::position(next.id), &expected);
        }
        let back = if self.seq == 0 { 0 } else { next.id - self.id };
        if next.back != back {
            return broken(ChainRule::Column, &format!("back {}", next.back), &back);
        }
        let lamport = self.lamport.max(next.parents_lamport).saturating_add(1);
        if next.lamport != lamport {
            return broken(ChainRule::Lamport, &next.lamport, &lamport);
        }
        Ok(())
    }
}
