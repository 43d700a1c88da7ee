//! One tenant's timeline, from its first entry to its last.

use super::chunk::{Chunk, Span};
use super::crew::Crew;
use super::logs::Logs;
use super::report::{Anchor, Break, TailVerdict, VerifyReport};
use super::rules::Rules;
use super::tail::Heads;
use crate::backend::Transaction;
use crate::causal::merkle::{Frontier, TreeHead};
use crate::causal::table::timeline::Timeline;
use crate::causal::table::{edge, entry, log, node, payload};
use crate::words::limits::POSITION_MAX;
use crate::words::{ChainRule, Result};

/// Every id of a timeline, also those that no append gives.
pub(super) fn span(timeline: u64) -> Result<Span> {
    Ok(Span { after: entry::id(timeline, 0)?, to: entry::id(timeline, POSITION_MAX)? })
}

/// Checks everything that a tenant has stored, against anchors held elsewhere, as the leader of the crew.
pub(super) fn verify(
    tx: &dyn Transaction,
    tenant: &str,
    timeline: &Timeline,
    anchors: &[Anchor],
    crew: &Crew,
) -> Result<VerifyReport> {
    let mut rules = Rules::open(tx, tenant)?;
    let mut found = Found::new(tx, timeline, anchors);
    crew.lead(tx, &mut rules, |rules, chunk| found.take_up(rules, chunk))?;
    found.check_edges()?;
    found.check_indexes()?;
    found.check_payloads()?;
    found.check_tree()?;
    let tree = found.tree.head();
    let tail = found.heads.verdict(tree.size);
    let anchored = match tail {
        TailVerdict::Consistent { anchored } => anchored,
        _ => 0,
    };
    Ok(VerifyReport::new(found.logs.report(&mut rules, anchored)?, found.breaks, tree, tail))
}

/// What was found in the chunks so far.
struct Found<'a> {
    tx: &'a dyn Transaction,
    timeline: &'a Timeline,
    logs: Logs,
    tree: Frontier,
    nodes: node::Check,
    heads: Heads<'a>,
    edges: u64,
    keys: u64,
    breaks: Vec<Break>,
}

impl<'a> Found<'a> {
    fn new(tx: &'a dyn Transaction, timeline: &'a Timeline, anchors: &'a [Anchor]) -> Self {
        let (tree, mut heads) = (Frontier::new(), Heads::wanted(anchors));
        heads.note(&tree);
        Self {
            tx,
            timeline,
            logs: Logs::default(),
            tree,
            nodes: node::Check::new(timeline.id),
            heads,
            edges: 0,
            keys: 0,
            breaks: Vec::new(),
        }
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
        self.edges += chunk.edges;
        self.keys += chunk.keys;
        for leaf in &chunk.leaves {
            self.nodes.push(self.tx, &mut self.tree, leaf)?;
            self.heads.note(&self.tree);
        }
        Ok(())
    }

    fn break_rule(&mut self, rule: ChainRule, found: impl ToString, expected: impl ToString) {
        self.breaks.push(Break::new(None, None, rule, found, expected));
    }

    fn check_edges(&mut self) -> Result<()> {
        let span = span(self.timeline.id)?;
        let (up, down) = edge::count(self.tx, span.after, span.to)?;
        if (up, down) != (self.edges, self.edges) {
            let found = format!("{up} edges to parents and {down} to children");
            self.break_rule(ChainRule::Edge, found, format!("{} of each", self.edges));
        }
        Ok(())
    }

    /// The indexes lead to the rows that there are: neither past one nor to a stray one outside of the timeline.
    fn check_indexes(&mut self) -> Result<()> {
        for log in log::select(self.tx, self.timeline.id, None, None)? {
            let indexed = entry::count_in_log(self.tx, log.id)?;
            let scanned = self.logs.run(log.id).map_or(0, |run| run.rows());
            if indexed != scanned {
                let found = format!("{indexed} entries by the index of log {} in stream {:?}", log.id, log.stream);
                self.break_rule(ChainRule::Sequence, found, scanned);
            }
        }
        let span = span(self.timeline.id)?;
        let indexed = entry::count_by_event_key(self.tx, span.after, span.to)?;
        if indexed != self.keys {
            self.break_rule(ChainRule::Column, format!("{indexed} entries by the index of event ids"), self.keys);
        }
        Ok(())
    }

    fn check_payloads(&mut self) -> Result<()> {
        payload::scan(self.tx, self.timeline.id, |id, digest, computed| {
            if digest != computed {
                let found = format!("payload {id} with digest {computed}");
                self.breaks.push(Break::new(None, None, ChainRule::Payload, found, format!("digest {digest}")));
            }
            Ok(())
        })
    }

    fn check_tree(&mut self) -> Result<()> {
        let (stored, found) = (self.timeline.tree.head(), self.tree.head());
        if stored != found {
            self.break_rule(ChainRule::TreeHead, head_text(&found), head_text(&stored));
        }
        if let Some((found, expected)) = self.nodes.finish(self.tx)? {
            self.break_rule(ChainRule::TreeHead, found, expected);
        }
        Ok(())
    }
}

fn head_text(head: &TreeHead) -> String {
    format!("size {} root {}", head.size, blake3::Hash::from_bytes(head.root).to_hex())
}
