//! Proofs about a tenant's tree that need nothing of the store: RFC 6962 and RFC 9162, section 2.1.

use serde::{Deserialize, Serialize};

use super::bytes::Reader;
use super::hash::EntryHash;
use super::merkle::{TreeHead, leaf, node, tree_root};
use crate::words::{Result, StoreError};

/// Shows that an entry stands at one place in the tree over the first `size` entries.
///
/// ```
/// use causal_vault::{Event, InclusionProof, Vault};
///
/// let vault = Vault::in_memory()?;
/// let alice = vault.named_writer("alice")?;
/// let notes = alice.commit_batch(["one", "two", "three"].map(|text| Event::raw("note", text).stream("demo")))?;
/// let proof = vault.prove_inclusion(&notes[1], None)?;
/// let sent = proof.to_bytes();
///
/// // An auditor needs the entry's hash and a tree head that it trusts, and no store.
/// let head = vault.tree_head()?;
/// let received = InclusionProof::from_bytes(&sent)?;
/// assert!(received.verify(&notes[1].hash, &head));
/// assert!(!received.verify(&notes[2].hash, &head));
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InclusionProof {
    /// The leaf's index, from 0: one less than the entry's position.
    pub index: u64,
    /// The size of the tree.
    pub size: u64,
    /// The siblings on the way to the root, the lowest first.
    pub path: Vec<[u8; 32]>,
}

/// Shows that the tree over the first `from` entries is a prefix of the tree over the first `to`: nothing of it was
/// changed, removed or moved since.
///
/// ```
/// use causal_vault::{Event, Vault};
///
/// let vault = Vault::in_memory()?;
/// let alice = vault.named_writer("alice")?;
/// alice.commit(Event::raw("note", "one").stream("demo"))?;
/// let seen = vault.tree_head()?; // remembered by a witness
/// alice.commit(Event::raw("note", "two").stream("demo"))?;
/// let now = vault.tree_head()?;
/// let proof = vault.prove_consistency(seen.size, now.size)?;
/// assert!(proof.verify(&seen, &now));
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ConsistencyProof {
    /// The size of the older tree.
    pub from: u64,
    /// The size of the newer tree.
    pub to: u64,
    /// The nodes that both roots are made of, the lowest first.
    pub path: Vec<[u8; 32]>,
}

impl InclusionProof {
    /// Whether the proof shows that this entry is the one at `index` in the tree with this head.
    ///
    /// ```
    /// use causal_vault::{EntryHash, InclusionProof, TreeHead, tree_root};
    ///
    /// let proof = InclusionProof { index: 0, size: 1, path: vec![] };
    /// assert!(proof.verify(&EntryHash::from_bytes([7; 32]), &TreeHead { size: 1, root: tree_root([[7; 32]]) }));
    /// ```
    pub fn verify(&self, entry_hash: &EntryHash, head: &TreeHead) -> bool {
        self.size == head.size && verify_inclusion(entry_hash, self.index, self.size, &self.path, &head.root)
    }

    /// `index u64 || size u64 || the path`, big-endian: 656 bytes for a tree of a million entries.
    ///
    /// ```
    /// let proof = causal_vault::InclusionProof { index: 0, size: 1, path: vec![] };
    /// assert_eq!(proof.to_bytes().len(), 16);
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self.index, self.size, &self.path)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; a path that is longer or shorter than the index and the size ask for
    /// is refused.
    ///
    /// ```
    /// use causal_vault::InclusionProof;
    ///
    /// let proof = InclusionProof { index: 1, size: 2, path: vec![[7; 32]] };
    /// assert_eq!(InclusionProof::from_bytes(&proof.to_bytes())?, proof);
    /// assert!(InclusionProof::from_bytes(&proof.to_bytes()[1..]).is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (index, size, path) = decode("inclusion proof", bytes, inclusion_len)?;
        Ok(Self { index, size, path })
    }
}

impl ConsistencyProof {
    /// Whether the proof shows that the newer tree continues the older one.
    ///
    /// ```
    /// use causal_vault::{ConsistencyProof, TreeHead, tree_root};
    ///
    /// let head = TreeHead { size: 1, root: tree_root([[7; 32]]) };
    /// assert!(ConsistencyProof { from: 1, to: 1, path: vec![] }.verify(&head, &head));
    /// ```
    pub fn verify(&self, older: &TreeHead, newer: &TreeHead) -> bool {
        self.from == older.size
            && self.to == newer.size
            && verify_consistency(self.from, &older.root, self.to, &newer.root, &self.path)
    }

    /// `from u64 || to u64 || the path`, big-endian.
    ///
    /// ```
    /// let proof = causal_vault::ConsistencyProof { from: 1, to: 2, path: vec![[7; 32]] };
    /// assert_eq!(proof.to_bytes().len(), 48);
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self.from, self.to, &self.path)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; a path that is longer or shorter than the sizes ask for is refused.
    ///
    /// ```
    /// use causal_vault::ConsistencyProof;
    ///
    /// let proof = ConsistencyProof { from: 1, to: 2, path: vec![[7; 32]] };
    /// assert_eq!(ConsistencyProof::from_bytes(&proof.to_bytes())?, proof);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (from, to, path) = decode("consistency proof", bytes, consistency_len)?;
        Ok(Self { from, to, path })
    }
}

/// Whether `path` leads from the entry with this hash, the leaf with this index (from 0), to the root of the tree over
/// `size` entries. A path of any length but the one the tree has is refused.
///
/// ```
/// use causal_vault::{EntryHash, tree_root, verify_inclusion};
///
/// let entry = EntryHash::from_bytes([1; 32]);
/// assert!(verify_inclusion(&entry, 0, 1, &[], &tree_root([[1; 32]])));
/// assert!(!verify_inclusion(&entry, 0, 1, &[[0; 32]], &tree_root([[1; 32]])));
/// ```
pub fn verify_inclusion(entry_hash: &EntryHash, index: u64, size: u64, path: &[[u8; 32]], root: &[u8; 32]) -> bool {
    if inclusion_len(index, size) != Some(path.len()) {
        return false;
    }
    let (inner, border) = path.split_at(inner_len(index, size));
    let subtree = inner.iter().zip(bits(index)).fold(leaf(entry_hash.as_bytes()), |subtree, (sibling, is_right)| {
        if is_right { node(sibling, &subtree) } else { node(&subtree, sibling) }
    });
    climb(subtree, border) == *root
}

/// Whether `path` shows that the tree over the first `from` entries is a prefix of the one over the first `to`. Any tree
/// continues the empty one, and a path of any length but the one the trees have is refused.
///
/// ```
/// use causal_vault::{tree_root, verify_consistency};
///
/// let (older, newer) = (tree_root([[1; 32]]), tree_root([[1; 32]]));
/// assert!(verify_consistency(1, &older, 1, &newer, &[]));
/// assert!(!verify_consistency(1, &older, 2, &newer, &[]));
/// ```
pub fn verify_consistency(from: u64, from_root: &[u8; 32], to: u64, to_root: &[u8; 32], path: &[[u8; 32]]) -> bool {
    if consistency_len(from, to) != Some(path.len()) {
        return false;
    }
    if from == 0 {
        return *from_root == tree_root([]) && (to > 0 || to_root == from_root);
    }
    if from == to {
        return from_root == to_root;
    }
    // The largest perfect tree at the end of the older tree is a node of both; it is the older tree where that is perfect.
    let level = from.trailing_zeros();
    let (seed, path) = match path.split_first() {
        Some((seed, rest)) if !from.is_power_of_two() => (*seed, rest),
        _ => (*from_root, path),
    };
    let (inner, border) = path.split_at(inner_len(from - 1, to).saturating_sub(level as usize));
    let (mut older, mut newer) = (seed, seed);
    for (sibling, is_right) in inner.iter().zip(bits((from - 1) >> level)) {
        if is_right {
            older = node(sibling, &older);
            newer = node(sibling, &newer);
        } else {
            newer = node(&newer, sibling);
        }
    }
    climb(older, border) == *from_root && climb(newer, border) == *to_root
}

/// How many nodes the path of a leaf has; `None` if the tree has no such leaf.
fn inclusion_len(index: u64, size: u64) -> Option<usize> {
    (index < size).then(|| inner_len(index, size) + border_len(index, size))
}

/// How many nodes a consistency proof has; `None` if the older tree is the larger one.
fn consistency_len(from: u64, to: u64) -> Option<usize> {
    match from {
        _ if from > to => None,
        _ if from == 0 || from == to => Some(0),
        // The way up from the older tree's last leaf, less the part below the node that both trees share.
        _ => {
            let way = inner_len(from - 1, to) + border_len(from - 1, to) - from.trailing_zeros() as usize;
            Some(way + usize::from(!from.is_power_of_two()))
        }
    }
}

/// The part of a leaf's way up on which it has siblings on either side: until it meets the way of the last leaf.
fn inner_len(index: u64, size: u64) -> usize {
    (u64::BITS - (index ^ (size - 1)).leading_zeros()) as usize
}

/// The rest, where the siblings are all on the left.
fn border_len(index: u64, size: u64) -> usize {
    bits(index).skip(inner_len(index, size)).filter(|is_right| *is_right).count()
}

/// At each level from the lowest, whether the node over this leaf is a right one.
fn bits(index: u64) -> impl Iterator<Item = bool> {
    (0..u64::BITS).map(move |level| index >> level & 1 == 1)
}

fn climb(subtree: [u8; 32], lefts: &[[u8; 32]]) -> [u8; 32] {
    lefts.iter().fold(subtree, |right, left| node(left, &right))
}

fn encode(first: u64, second: u64, path: &[[u8; 32]]) -> Vec<u8> {
    [&first.to_be_bytes(), &second.to_be_bytes(), path.as_flattened()].concat()
}

fn decode(what: &'static str, bytes: &[u8], len: fn(u64, u64) -> Option<usize>) -> Result<(u64, u64, Vec<[u8; 32]>)> {
    let mut reader = Reader::new(what, bytes);
    let (first, second) = (reader.u64()?, reader.u64()?);
    let expected = len(first, second).ok_or_else(|| StoreError::Invalid {
        what,
        reason: format!("it is about {first} in a tree of {second} entries, which has no such place"),
    })?;
    let path = (0..expected).map(|_| reader.array()).collect::<Result<Vec<[u8; 32]>>>()?;
    reader.end()?;
    Ok((first, second, path))
}
