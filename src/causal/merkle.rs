//! The tree over a timeline's entries, kept as the few nodes that the next root needs.
//!
//! The tree of RFC 6962 over n leaves is a row of perfect trees, one for each one-bit of n, the largest first. Their
//! roots, the peaks, are all it takes to add a leaf or to compute the root of the whole.

use sha2::{Digest, Sha256};

use super::lanes::{leaves, nodes};
use crate::words::limits::POSITION_MAX;
use crate::words::{Result, StoreError};

/// The size of a tree and its root: they commit to every entry and to their order.
///
/// ```
/// use causal_vault::{TreeHead, tree_root};
///
/// let head = TreeHead { size: 1, root: tree_root([[7; 32]]) };
/// assert_ne!(head, TreeHead { size: 0, root: tree_root([]) });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct TreeHead {
    /// How many entries.
    pub size: u64,
    /// The RFC 6962 root over their hashes.
    pub root: [u8; 32],
}

/// The RFC 6962 root over entry hashes in commit order: SHA-256, a leaf is `SHA-256(0x00 || entry_hash)` and a node
/// `SHA-256(0x01 || left || right)`.
///
/// Takes constant memory however many there are.
///
/// ```
/// use causal_vault::tree_root;
///
/// assert_ne!(tree_root([[1; 32], [2; 32]]), tree_root([[2; 32], [1; 32]]));
/// assert_eq!(tree_root([])[..4], [0xe3, 0xb0, 0xc4, 0x42]);
/// ```
pub fn tree_root(leaves: impl IntoIterator<Item = [u8; 32]>) -> [u8; 32] {
    let mut frontier = Frontier::new();
    for entry_hash in leaves {
        frontier.push(&entry_hash);
    }
    frontier.root()
}

/// The peaks of a tree, the largest first; as many as its size has one-bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frontier {
    size: u64,
    peaks: Vec<[u8; 32]>,
}

impl Frontier {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The tree of this size over peaks that were read one by one.
    pub(crate) fn of(size: u64, peaks: Vec<[u8; 32]>) -> Self {
        Self { size, peaks }
    }

    pub(crate) fn push(&mut self, entry_hash: &[u8; 32]) {
        self.push_with(entry_hash, &Grove::default(), |_, _| {});
    }

    /// Also shows the roots of the perfect trees that this leaf completes, each with its level: one of level l is over
    /// the last 2^l leaves. What the grove has of them is not computed again.
    pub(crate) fn push_with(
        &mut self,
        entry_hash: &[u8; 32],
        grove: &Grove,
        mut completed: impl FnMut(u32, &[u8; 32]),
    ) {
        let mut subtree = grove.node(0, self.size).unwrap_or_else(|| leaf(entry_hash));
        for level in 1..=self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                subtree = grove.node(level, self.size >> level).unwrap_or_else(|| node(&left, &subtree));
                completed(level, &subtree);
            }
        }
        self.peaks.push(subtree);
        self.size += 1;
    }

    pub(crate) fn root(&self) -> [u8; 32] {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            Some(last) => peaks.fold(*last, |right, left| node(left, &right)),
            None => Sha256::digest([]).into(),
        }
    }

    pub(crate) fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root() }
    }

    /// The peaks, 32 bytes each, to be stored next to the size.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.peaks.as_flattened().to_vec()
    }

    /// Takes what [`to_bytes`](Self::to_bytes) gave for a tree of this size, and nothing else.
    pub(crate) fn from_bytes(size: u64, bytes: &[u8]) -> Result<Self> {
        let (peaks, rest) = bytes.as_chunks::<32>();
        let expected = size.count_ones() as usize;
        if size > POSITION_MAX {
            let detail = format!("a tree of size {size}, where a timeline ends at {POSITION_MAX}");
            return Err(StoreError::MalformedRow(detail));
        }
        if peaks.len() != expected || !rest.is_empty() {
            let detail = format!("a tree of size {size} has {expected} peaks of 32 bytes, found {} bytes", bytes.len());
            return Err(StoreError::MalformedRow(detail));
        }
        Ok(Self { size, peaks: peaks.to_vec() })
    }
}

/// The nodes over consecutive leaves, computed side by side before a tree takes the leaves one by one.
#[derive(Default)]
pub(crate) struct Grove {
    /// Of each level, the number of the first node and the nodes from there on.
    levels: Vec<(u64, Vec<[u8; 32]>)>,
}

impl Grove {
    /// Over the entries that a tree of this size takes next.
    pub(crate) fn over(size: u64, entry_hashes: &[[u8; 32]]) -> Self {
        let (mut first, mut row, mut levels) = (size, leaves(entry_hashes), Vec::new());
        while !row.is_empty() {
            // A node is over an even one and the one behind it.
            let from = usize::from(first % 2 == 1);
            let above = nodes(row.get(from..).unwrap_or_default().as_chunks().0);
            levels.push((first, row));
            (first, row) = (first.div_ceil(2), above);
        }
        Self { levels }
    }

    fn node(&self, level: u32, number: u64) -> Option<[u8; 32]> {
        let (first, row) = self.levels.get(level as usize)?;
        row.get(usize::try_from(number.checked_sub(*first)?).ok()?).copied()
    }
}

pub(super) fn leaf(entry_hash: &[u8; 32]) -> [u8; 32] {
    Sha256::new_with_prefix([0]).chain_update(entry_hash).finalize().into()
}

pub(super) fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962, section 2.1, word by word.
    fn naive(leaves: &[[u8; 32]]) -> [u8; 32] {
        match leaves {
            [] => Sha256::digest(b"").into(),
            [only] => Sha256::digest([b"\0".as_slice(), only].concat()).into(),
            more => {
                let (left, right) = more.split_at((more.len().next_power_of_two()) / 2);
                Sha256::digest([b"\x01".as_slice(), &naive(left), &naive(right)].concat()).into()
            }
        }
    }

    fn leaves(count: u64) -> Vec<[u8; 32]> {
        (0..count).map(|at| *blake3::hash(&at.to_be_bytes()).as_bytes()).collect()
    }

    #[test]
    fn the_roots_of_the_vectors_are_reproduced() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/vectors-v1.json")).unwrap();
        let hashes = |name: &str| -> Vec<[u8; 32]> {
            let list = vectors[name].as_array().unwrap();
            list.iter().map(|hex| *blake3::Hash::from_hex(hex.as_str().unwrap()).unwrap().as_bytes()).collect()
        };
        let (leaves, roots) = (hashes("leaves"), hashes("roots"));
        assert_eq!(roots.len(), leaves.len() + 1);
        for (size, root) in roots.iter().enumerate() {
            assert_eq!(tree_root(leaves[..size].iter().copied()), *root, "size {size}");
        }
    }

    #[test]
    fn every_size_has_the_root_of_the_definition_also_after_being_stored() {
        let leaves = leaves(300);
        let mut frontier = Frontier::new();
        for size in 0..=300 {
            assert_eq!(frontier.head(), TreeHead { size: size as u64, root: naive(&leaves[..size]) });
            frontier = Frontier::from_bytes(frontier.size(), &frontier.to_bytes()).unwrap();
            if let Some(next) = leaves.get(size) {
                frontier.push(next);
            }
        }
    }

    #[test]
    fn a_tree_that_takes_leaves_from_a_grove_has_the_same_nodes() {
        let leaves = leaves(240);
        for first in 0..40 {
            for count in (0..20).chain([64, 65, 127, 160, 200]) {
                let mut plain = Frontier::new();
                leaves.iter().take(first).for_each(|leaf| plain.push(leaf));
                let mut taking = plain.clone();
                let new = &leaves[first..first + count];
                let grove = Grove::over(first as u64, new);
                let (mut expected, mut found) = (Vec::new(), Vec::new());
                for leaf in new {
                    plain.push_with(leaf, &Grove::default(), |level, node| expected.push((level, *node)));
                    taking.push_with(leaf, &grove, |level, node| found.push((level, *node)));
                    assert_eq!(taking, plain, "{count} from {first}");
                }
                assert_eq!(found, expected, "{count} from {first}");
                let more = [7; 32];
                plain.push(&more);
                taking.push_with(&more, &grove, |_, _| {});
                assert_eq!(taking, plain, "one that is not in the grove, after {count} from {first}");
            }
        }
    }

    #[test]
    fn stored_peaks_of_any_other_length_or_size_are_refused() {
        for size in 0..=40_u64 {
            for length in 0..=200 {
                let fits = length == 32 * size.count_ones() as usize;
                assert_eq!(Frontier::from_bytes(size, &vec![1; length]).is_ok(), fits, "{size} and {length}");
            }
        }
    }

    #[test]
    fn a_tree_ends_where_positions_end() {
        let mut last = Frontier::from_bytes(POSITION_MAX, &[1; 40 * 32]).unwrap();
        last.push(&[0; 32]);
        assert_eq!((last.size(), last.peaks.len()), (POSITION_MAX + 1, 1));
        for size in [POSITION_MAX + 1, u64::MAX] {
            assert!(Frontier::from_bytes(size, &vec![1; 32 * size.count_ones() as usize]).is_err());
        }
    }
}
