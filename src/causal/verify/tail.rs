//! What the anchors say about the end of the timeline.

use super::report::{Anchor, TailVerdict};
use crate::causal::merkle::{Frontier, TreeHead};

/// The tree heads at the sizes that anchors name, noted as the tree grows past them.
pub(crate) struct Heads<'a> {
    anchors: &'a [Anchor],
    wanted: Vec<u64>,
    found: Vec<TreeHead>,
}

impl<'a> Heads<'a> {
    pub(crate) fn wanted(anchors: &'a [Anchor]) -> Self {
        let mut wanted: Vec<u64> = anchors.iter().map(|anchor| anchor.size).collect();
        wanted.sort_unstable_by(|a, b| b.cmp(a));
        wanted.dedup();
        Self { anchors, wanted, found: Vec::new() }
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
            self.found.push(head);
        }
    }

    /// The verdict on a tree of this size.
    pub(crate) fn verdict(&self, size: u64) -> TailVerdict {
        let mut sorted: Vec<&Anchor> = self.anchors.iter().collect();
        sorted.sort_unstable_by_key(|anchor| anchor.size);
        for anchor in &sorted {
            match self.found.iter().find(|head| head.size == anchor.size) {
                Some(head) if head.root == anchor.root => {}
                Some(head) => return TailVerdict::Diverged { at: head.size },
                None => return TailVerdict::Truncated { anchored: anchor.size, found: size },
            }
        }
        sorted.last().map_or(TailVerdict::Unanchored, |newest| TailVerdict::Consistent { anchored: newest.size })
    }
}
