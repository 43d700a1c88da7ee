//! What the anchors say about the end of the timeline.

use super::report::{Anchor, TailVerdict};
use crate::backend::Transaction;
use crate::causal::merkle::{Frontier, TreeHead};
use crate::causal::table::node;
use crate::causal::table::timeline::Timeline;
use crate::words::{ErrorKind, Result};

/// The tree that an anchor speaks of, from the nodes that are kept, or what contradicts the anchor. The timeline's last
/// entry stands at `last`.
pub(super) fn begin(
    tx: &dyn Transaction,
    timeline: &Timeline,
    anchor: Anchor,
    last: u64,
) -> Result<std::result::Result<Frontier, TailVerdict>> {
    let found = last.min(timeline.tree.size());
    if anchor.size > found {
        return Ok(Err(TailVerdict::Truncated { anchored: anchor.size, found }));
    }
    match node::frontier(tx, timeline.id, anchor.size) {
        Ok(tree) if tree.head().root == anchor.root => Ok(Ok(tree)),
        Err(error) if error.kind() != ErrorKind::Corrupt => Err(error),
        // Nodes that are missing give another root as well.
        _ => Ok(Err(TailVerdict::Diverged { at: anchor.size })),
    }
}

/// The tree heads at the sizes that anchors name, noted as the tree grows past them.
pub(crate) struct Heads<'a> {
    anchors: &'a [Anchor],
    wanted: Vec<u64>,
    /// By size; no head where what is kept gives none.
    found: Vec<(u64, Option<TreeHead>)>,
}

impl<'a> Heads<'a> {
    pub(crate) fn wanted(anchors: &'a [Anchor]) -> Self {
        let mut wanted: Vec<u64> = anchors.iter().map(|anchor| anchor.size).collect();
        wanted.sort_unstable_by(|a, b| b.cmp(a));
        wanted.dedup();
        Self { anchors, wanted, found: Vec::new() }
    }

    /// Notes those that are smaller than the tree that a verification begins with.
    pub(super) fn note_before(&mut self, tx: &dyn Transaction, timeline: u64, tree: &Frontier) -> Result<()> {
        while let Some(size) = self.wanted.pop_if(|size| *size < tree.size()) {
            let head = match node::frontier(tx, timeline, size) {
                Err(error) if error.kind() != ErrorKind::Corrupt => return Err(error),
                tree => tree.ok().map(|tree| tree.head()),
            };
            self.found.push((size, head));
        }
        Ok(())
    }

    pub(crate) fn note(&mut self, tree: &Frontier) {
        if self.wanted.last() == Some(&tree.size()) {
            self.note_head(tree.head());
        }
    }

    /// Notes a head that the tree is known to have further on.
    pub(crate) fn note_head(&mut self, head: TreeHead) {
        if self.wanted.last() == Some(&head.size) {
            self.wanted.pop();
            self.found.push((head.size, Some(head)));
        }
    }

    /// The size of the newest anchor.
    pub(crate) fn newest(&self) -> u64 {
        self.anchors.iter().map(|anchor| anchor.size).max().unwrap_or(0)
    }

    /// The verdict on a tree of this size.
    pub(crate) fn verdict(&self, size: u64) -> TailVerdict {
        let mut sorted: Vec<&Anchor> = self.anchors.iter().collect();
        sorted.sort_unstable_by_key(|anchor| anchor.size);
        for anchor in &sorted {
            match self.found.iter().find(|(size, _)| *size == anchor.size) {
                Some((_, Some(head))) if head.root == anchor.root => {}
                Some((size, _)) => return TailVerdict::Diverged { at: *size },
                None => return TailVerdict::Truncated { anchored: anchor.size, found: size },
            }
        }
        sorted.last().map_or(TailVerdict::Unanchored, |newest| TailVerdict::Consistent { anchored: newest.size })
    }
}
