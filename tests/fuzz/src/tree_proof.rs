//! Proofs of the Merkle tree: their bytes have one reading, and none shows what is not so.

use std::sync::OnceLock;

use causal_vault::{ConsistencyProof, EntryHash, InclusionProof, TreeHead, tree_root};

/// The largest tree that forged proofs are held against.
pub const LEAVES: u64 = 70;

pub fn leaf(index: u64) -> [u8; 32] {
    *blake3::hash(&index.to_be_bytes()).as_bytes()
}

fn head(size: u64) -> TreeHead {
    static HEADS: OnceLock<Vec<TreeHead>> = OnceLock::new();
    let of = |size| TreeHead { size, root: tree_root((0..size).map(leaf)) };
    HEADS.get_or_init(|| (0..=LEAVES).map(of).collect())[usize::try_from(size).expect("it is small")]
}

pub fn target(data: &[u8]) -> bool {
    target_with(data, |proof, leaf, head| proof.verify(leaf, head), |proof, older, newer| proof.verify(older, newer))
}

pub fn target_with(
    data: &[u8],
    includes: impl Fn(&InclusionProof, &EntryHash, &TreeHead) -> bool,
    continues: impl Fn(&ConsistencyProof, &TreeHead, &TreeHead) -> bool,
) -> bool {
    let mut accepted = false;
    if let Ok(proof) = InclusionProof::from_bytes(data) {
        accepted = true;
        assert_eq!(proof.to_bytes(), data, "other bytes are read as the same proof");
        if proof.size <= LEAVES {
            // No proof shows a leaf at a place where another is, or in a tree of another size.
            for size in 1..=LEAVES {
                let shown = EntryHash::from_bytes(leaf(proof.index.wrapping_add(1) % LEAVES));
                assert!(!includes(&proof, &shown, &head(size)), "{proof:?} shows a wrong leaf in {size}");
                let own = EntryHash::from_bytes(leaf(proof.index));
                assert!(size == proof.size || !includes(&proof, &own, &head(size)), "{proof:?} holds in {size}");
            }
        }
    }
    if let Ok(proof) = ConsistencyProof::from_bytes(data) {
        accepted = true;
        assert_eq!(proof.to_bytes(), data, "other bytes are read as the same proof");
        if proof.from <= LEAVES && proof.to <= LEAVES {
            for size in 0..=LEAVES {
                let (older, newer) = (head(proof.from), head(size));
                assert!(size == proof.to || !continues(&proof, &older, &newer), "{proof:?} leads to {size}");
                let other = TreeHead { root: leaf(size), ..older };
                // Every tree continues the empty one, whose root is known.
                assert!(!continues(&proof, &other, &head(proof.to)), "{proof:?} leads from another tree");
            }
        }
    }
    accepted
}
