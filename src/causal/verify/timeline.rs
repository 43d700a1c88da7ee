//! One tenant's timeline, from its first entry to its last.

use super::chunk::{Chunk, Span};
use super::crew::Crew;
use super::indexes::{Expected, Indexes};
use super::logs::Logs;
use super::report::{Anchor, Break, TailVerdict, VerifyReport};
use super::rules::{Brief, Rules};
use super::tail::Heads;
use crate::backend::Transaction;
use crate::causal::merkle::{Frontier, Grove, TreeHead};
use crate::causal::table::timeline::Timeline;
use crate::causal::table::{entry, node};
use crate::words::limits::POSITION_MAX;
use crate::words::{ChainRule, Result};

/// Every id of a timeline, also those that no append gives.
pub(super) fn span(timeline: u64) -> Result<Span> {
    Ok(Span { after: entry::id(timeline, 0)?, to: entry::id(timeline, POSITION_MAX)? })
}

/// Checks everything that a tenant has stored behind `tree`, against anchors held elsewhere, as the leader of the crew.
pub(super) fn verify(
    tx: &dyn Transaction,
    brief: &Brief<'_>,
    timeline: &Timeline,
    anchors: &[Anchor],
    tree: Frontier,
    crew: &Crew,
) -> Result<VerifyReport> {
    let since = tree.size();
    let mut rules = Rules::open(tx, brief)?;
    let mut found = Found::new(tx, timeline, anchors, tree)?;
    crew.lead(tx, &mut rules, |rules, chunk| found.take_up(rules, chunk))?;
    found.check_indexes(&mut rules, since)?;
    found.check_tree(since > 0)?;
    let tree = found.tree.head();
    let tail = found.heads.verdict(tree.size);
    let anchored = match tail {
        TailVerdict::Consistent { anchored } => anchored,
        _ => 0,
    };
    Ok(VerifyReport { since, ..VerifyReport::new(found.logs.report(&mut rules, anchored)?, found.breaks, tree, tail) })
}

/// What was found in the chunks so far.
struct Found<'a> {
    tx: &'a dyn Transaction,
    timeline: &'a Timeline,
    logs: Logs,
    tree: Frontier,
    nodes: node::Check,
    heads: Heads<'a>,
    expected: Expected,
    breaks: Vec<Break>,
}

impl<'a> Found<'a> {
    fn new(tx: &'a dyn Transaction, timeline: &'a Timeline, anchors: &'a [Anchor], tree: Frontier) -> Result<Self> {
        let mut heads = Heads::wanted(anchors);
        heads.note_before(tx, timeline.id, &tree)?;
        heads.note(&tree);
        Ok(Self {
            tx,
            timeline,
            logs: Logs::default(),
            tree,
            nodes: node::Check::new(timeline.id),
            heads,
            expected: Expected::default(),
            breaks: Vec::new(),
        })
    }

    /// Adds the chunk that follows.
    fn take_up(&mut self, rules: &mut Rules<'_>, chunk: Chunk) -> Result<()> {
        if self.breaks.is_empty() {
            let (first, expected) = (entry::position(chunk.first), self.tree.size() + 1);
            let gap = chunk.gap.map(|(found, expected)| (entry::position(found), entry::position(expected)));
            let wrong = if first == expected { gap } else { Some((first, expected)) };
            if let Some((found, expected)) = wrong {
                self.breaks.push(Break::new(Some(expected), None, ChainRule::Position, found, expected));
            }
        }
        for (log, run) in chunk.runs {
            self.logs.join(rules, log, run)?;
        }
        self.expected.join(chunk.expected);
        let grove = Grove::over(self.tree.size(), &chunk.leaves);
        for leaf in &chunk.leaves {
            self.nodes.push(self.tx, &mut self.tree, leaf, &grove)?;
            self.heads.note(&self.tree);
        }
        Ok(())
    }

    fn break_rule(&mut self, rule: ChainRule, found: impl ToString, expected: impl ToString) {
        self.breaks.push(Break::new(None, None, rule, found, expected));
    }

    fn check_indexes(&mut self, rules: &mut Rules<'_>, since: u64) -> Result<()> {
        // With a gap, it is known that some are not found.
        let positions = self.breaks.is_empty().then_some(since + 1..=self.tree.size());
        let indexes = Indexes::new(self.tx, self.timeline);
        self.breaks.extend(indexes.check(rules, &self.logs, &self.expected, positions)?);
        Ok(())
    }

    fn check_tree(&mut self, is_incremental: bool) -> Result<()> {
        let (stored, found) = (self.timeline.tree.head(), self.tree.head());
        if stored != found {
            self.break_rule(ChainRule::TreeHead, head_text(&found), head_text(&stored));
        }
        let wrong = if is_incremental { self.nodes.wrong() } else { self.nodes.finish(self.tx)? };
        if let Some((found, expected)) = wrong {
            self.break_rule(ChainRule::Node, found, expected);
        }
        Ok(())
    }
}

fn head_text(head: &TreeHead) -> String {
    format!("size {} root {}", head.size, blake3::Hash::from_bytes(head.root).to_hex())
}
