//! The nodes that a proof is made of, found through the few nodes that the store keeps.

use super::lanes::{leaves, nodes};
use super::merkle::{Frontier, node};
use crate::words::Result;

/// Levels between the kept nodes: of a tree's perfect subtrees the store keeps the roots of those over 2^8, 2^16 ...
/// leaves, and the hashes of the entries themselves.
pub(crate) const STEP: u32 = 8;

/// Reads kept nodes: those of a level with numbers from the second to below the third argument; at level 0, the hashes
/// of entries. As many as were asked for, or an error.
type Read<'r> = dyn FnMut(u32, u64, u64) -> Result<Vec<[u8; 32]>> + 'r;

/// The way from leaf `index` to the root of the tree over the first `size` leaves, the lowest node first: `PATH` of
/// RFC 6962, section 2.1.1.
pub(crate) fn inclusion(index: u64, size: u64, read: &mut Read<'_>) -> Result<Vec<[u8; 32]>> {
    let (mut low, mut high) = (0, size);
    let mut path = Vec::new();
    while high - low > 1 {
        let middle = low + half(high - low);
        if index < middle {
            path.push(root(middle, high, read)?);
            high = middle;
        } else {
            path.push(root(low, middle, read)?);
            low = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// What shows that the tree over the first `from` leaves is a prefix of the one over the first `to`: `PROOF` of RFC 6962,
/// section 2.1.2. For 0 <= `from` <= `to`.
pub(crate) fn consistency(from: u64, to: u64, read: &mut Read<'_>) -> Result<Vec<[u8; 32]>> {
    let (mut low, mut high) = (0, to);
    let mut path = Vec::new();
    if from == 0 {
        return Ok(path);
    }
    while from < high {
        let middle = low + half(high - low);
        if from <= middle {
            path.push(root(middle, high, read)?);
            high = middle;
        } else {
            path.push(root(low, middle, read)?);
            low = middle;
        }
    }
    // Where the whole old tree is a node of the new one, the verifier knows it: it is the old root.
    if low > 0 {
        path.push(root(low, high, read)?);
    }
    path.reverse();
    Ok(path)
}

/// The root over the leaves from `low` to below `high`, where the tree has a node for these; for none, the root of the
/// empty tree.
pub(crate) fn root(low: u64, high: u64, read: &mut Read<'_>) -> Result<[u8; 32]> {
    let mut peaks = peaks(low, high, read)?.into_iter().rev();
    Ok(match peaks.next() {
        Some(last) => peaks.fold(last, |right, left| node(&left, &right)),
        None => super::merkle::tree_root([]),
    })
}

/// The tree over the first `size` leaves.
pub(crate) fn frontier(size: u64, read: &mut Read<'_>) -> Result<Frontier> {
    Ok(Frontier::of(size, peaks(0, size, read)?))
}

/// The roots of the perfect trees over the leaves from `low` to below `high`, the largest first.
fn peaks(low: u64, high: u64, read: &mut Read<'_>) -> Result<Vec<[u8; 32]>> {
    let mut peaks = Vec::new();
    let mut next = low;
    while next < high {
        let level = (high - next).ilog2();
        peaks.push(perfect(level, next >> level, read)?);
        next += 1 << level;
    }
    Ok(peaks)
}

/// The root over the 2^level leaves from `number << level`.
fn perfect(level: u32, number: u64, read: &mut Read<'_>) -> Result<[u8; 32]> {
    let kept = level - level % STEP;
    let width = 1 << (level - kept);
    let mut row = read(kept, number * width, (number + 1) * width)?;
    if kept == 0 {
        row = leaves(&row);
    }
    while row.len() > 1 {
        row = nodes(row.as_chunks().0);
    }
    row.pop().ok_or_else(|| {
        crate::words::StoreError::MalformedRow(format!("the tree has no node {number} of level {level}"))
    })
}

/// The largest power of two below `size`, for a size of at least 2.
fn half(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causal::merkle::{Frontier, Grove};
    use crate::causal::{EntryHash, verify_consistency, verify_inclusion};

    /// The kept nodes of three levels, and the roots at some sizes.
    fn tree(sizes: &[u64]) -> ([Vec<[u8; 32]>; 3], Vec<[u8; 32]>) {
        let (mut kept, mut roots, mut tree) = ([const { Vec::new() }; 3], Vec::new(), Frontier::new());
        for at in 0..=*sizes.last().unwrap() {
            if sizes.contains(&at) {
                roots.push(tree.root());
            }
            let hash = *blake3::hash(&at.to_be_bytes()).as_bytes();
            kept[0].push(hash);
            tree.push_with(&hash, &Grove::default(), |level, node| match level {
                STEP => kept[1].push(*node),
                _ if level == 2 * STEP => kept[2].push(*node),
                _ => {}
            });
        }
        (kept, roots)
    }

    #[test]
    fn proofs_climb_through_every_level_of_kept_nodes_and_read_few_of_each() {
        let sizes = [1, 200, 256, 300, 65_535, 65_536, 65_537, 66_000, 131_072, 140_001];
        let (kept, roots) = tree(&sizes);
        let mut reads = 0;
        let mut read = |level: u32, from: u64, to: u64| {
            assert_eq!(level % STEP, 0);
            reads += to - from;
            let range = usize::try_from(from).unwrap()..usize::try_from(to).unwrap();
            Ok(kept[level as usize / STEP as usize][range].to_vec())
        };
        for (&to, root_to) in sizes.iter().zip(&roots) {
            assert_eq!(root(0, to, &mut read), Ok(*root_to));
            for index in sizes.iter().flat_map(|size| [size - 1, *size]).filter(|index| *index < to) {
                let path = inclusion(index, to, &mut read).unwrap();
                let entry = EntryHash::from_bytes(kept[0][usize::try_from(index).unwrap()]);
                assert!(verify_inclusion(&entry, index, to, &path, root_to), "{index} in {to}");
            }
            for (&from, root_from) in sizes.iter().zip(&roots).filter(|(from, _)| **from <= to) {
                let path = consistency(from, to, &mut read).unwrap();
                assert!(verify_consistency(from, root_from, to, root_to, &path), "{from} to {to}");
            }
        }
        reads = 0;
        let mut read = |_: u32, from: u64, to: u64| {
            reads += to - from;
            Ok(vec![[0; 32]; usize::try_from(to - from).unwrap()])
        };
        inclusion(123_456, 1_000_000, &mut read).unwrap();
        assert!(reads <= 2 * 3 * 256, "{reads} hashes of a million");
    }

    #[test]
    fn a_missing_node_is_an_error() {
        assert!(root(0, 1, &mut |_, _, _| Ok(Vec::new())).is_err());
    }
}
