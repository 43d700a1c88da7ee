//! Against the definitions of RFC 6962, section 2.1, written down word by word, and against published vectors.

use std::cell::RefCell;
use std::collections::HashMap;

use causal_vault::{
    ConsistencyProof, EntryHash, InclusionProof, TreeHead, tree_root, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

type Hash = [u8; 32];

thread_local! {
    /// Roots by their first leaf and their size: every leaf is another, and the definition asks for each root often.
    static KNOWN: RefCell<HashMap<(Hash, usize), Hash>> = RefCell::default();
}

/// MTH(D[n]).
fn mth(leaves: &[Hash]) -> Hash {
    let key = (leaves.first().copied().unwrap_or_default(), leaves.len());
    if let Some(known) = KNOWN.with_borrow(|known| known.get(&key).copied()) {
        return known;
    }
    let root = match leaves {
        [] => Sha256::digest(b"").into(),
        [only] => Sha256::digest([b"\0".as_slice(), only].concat()).into(),
        more => {
            let (left, right) = more.split_at(k(more.len()));
            Sha256::digest([b"\x01".as_slice(), &mth(left), &mth(right)].concat()).into()
        }
    };
    KNOWN.with_borrow_mut(|known| known.insert(key, root));
    root
}

/// PATH(m, D[n]).
fn path(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(k(leaves.len()));
    if m < left.len() {
        [path(m, left), vec![mth(right)]].concat()
    } else {
        [path(m - left.len(), right), vec![mth(left)]].concat()
    }
}

/// SUBPROOF(m, D[n], b).
fn subproof(m: usize, leaves: &[Hash], complete: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if complete { Vec::new() } else { vec![mth(leaves)] };
    }
    let (left, right) = leaves.split_at(k(leaves.len()));
    if m <= left.len() {
        [subproof(m, left, complete), vec![mth(right)]].concat()
    } else {
        [subproof(m - left.len(), right, false), vec![mth(left)]].concat()
    }
}

/// The largest power of two smaller than n.
fn k(n: usize) -> usize {
    n.next_power_of_two() / 2
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|at| *blake3::hash(&at.to_be_bytes()).as_bytes()).collect()
}

fn includes(leaves: &[Hash], index: usize, path: &[Hash], root: &Hash) -> bool {
    verify_inclusion(&EntryHash::from_bytes(leaves[index]), index as u64, leaves.len() as u64, path, root)
}

/// What differs from a proof in one bit, in one node more or less, or in the order of its nodes.
fn mutations(path: &[Hash]) -> impl Iterator<Item = Vec<Hash>> + '_ {
    let flips = (0..path.len() * 256).map(|bit| {
        let mut path = path.to_vec();
        path[bit / 256][bit % 256 / 8] ^= 1 << (bit % 8);
        path
    });
    let longer =
        (0..=path.len()).map(|at| [&path[..at], &[path.first().copied().unwrap_or([0; 32])], &path[at..]].concat());
    let shorter = (0..path.len()).map(|at| [&path[..at], &path[at + 1..]].concat());
    let swapped = (1..path.len()).map(|at| {
        let mut path = path.to_vec();
        path.swap(at - 1, at);
        path
    });
    flips.chain(longer).chain(shorter).chain(swapped)
}

#[test]
fn every_inclusion_proof_of_the_definition_up_to_size_130_verifies_and_only_in_its_place() {
    let all = leaves(130);
    for size in 1..=130 {
        let (leaves, root) = (&all[..size], mth(&all[..size]));
        assert_eq!(root, tree_root(leaves.iter().copied()));
        for index in 0..size {
            let proof = path(index, leaves);
            assert!(includes(leaves, index, &proof, &root), "{index} in {size}");
            for other in [index ^ 1, index ^ 2, index + 1, size - 1 - index]
                .into_iter()
                .filter(|other| *other != index && *other < size)
            {
                assert!(!includes(leaves, other, &proof, &root), "{index} in {size} taken for {other}");
                let elsewhere =
                    verify_inclusion(&EntryHash::from_bytes(leaves[index]), other as u64, size as u64, &proof, &root);
                assert!(!elsewhere, "{index} in {size} moved to {other}");
            }
        }
    }
}

#[test]
fn every_consistency_proof_of_the_definition_up_to_size_130_verifies() {
    let all = leaves(130);
    let roots: Vec<Hash> = (0..=130).map(|size| mth(&all[..size])).collect();
    for to in 0..=130 {
        for from in 0..=to {
            let proof = if from == 0 { Vec::new() } else { subproof(from, &all[..to], true) };
            let holds = |root_from: &Hash, root_to: &Hash| {
                verify_consistency(from as u64, root_from, to as u64, root_to, &proof)
            };
            assert!(holds(&roots[from], &roots[to]), "{from} to {to}");
            assert!(!holds(&[7; 32], &roots[to]), "{from} to {to}: another older root");
            assert!(!holds(&roots[from], &[7; 32]) || (from == 0 && to > 0), "{from} to {to}: another newer root");
            let backwards = verify_consistency(to as u64, &roots[to], from as u64, &roots[from], &proof);
            assert!(!backwards || from == to, "{from} to {to} backwards");
        }
    }
}

#[test]
fn no_proof_survives_a_changed_bit_or_a_node_more_or_less() {
    let all = leaves(130);
    for size in [1, 2, 3, 7, 8, 13, 100] {
        let (leaves, root) = (&all[..size], mth(&all[..size]));
        for index in [0, 1, size / 2, size.saturating_sub(2), size - 1].into_iter().filter(|index| *index < size) {
            let proof = path(index, leaves);
            for wrong in mutations(&proof).filter(|wrong| *wrong != proof) {
                assert!(!includes(leaves, index, &wrong, &root), "{index} in {size}: {wrong:?}");
            }
        }
        for from in [1, 2, 3, 6, size / 2, size - 1, size].into_iter().filter(|from| (1..=size).contains(from)) {
            let proof = subproof(from, leaves, true);
            for wrong in mutations(&proof).filter(|wrong| *wrong != proof) {
                let holds = verify_consistency(from as u64, &mth(&all[..from]), size as u64, &root, &wrong);
                assert!(!holds, "{from} to {size}: {wrong:?}");
            }
        }
    }
}

/// The nodes of a proof, hashed upwards, give the root also where the tree is said to be of another height.
#[test]
fn a_proof_in_one_tree_is_not_taken_for_one_in_a_tree_that_needs_another_length() {
    let all = leaves(33);
    for size in 1..=33_usize {
        let root = mth(&all[..size]);
        for index in 0..size {
            let proof = path(index, &all[..size]);
            for (other, at) in (1..=33).flat_map(|other| (0..other).map(move |at| (other, at))) {
                if path_len(at, other) != proof.len() {
                    let entry = EntryHash::from_bytes(all[index]);
                    assert!(
                        !verify_inclusion(&entry, at as u64, other as u64, &proof, &root),
                        "{index}/{size} as {at}/{other}"
                    );
                }
            }
        }
        for from in 1..=size {
            let proof = subproof(from, &all[..size], true);
            let older = mth(&all[..from]);
            for longer in [[&proof[..], &[root]].concat(), [&proof[..], &[older]].concat()] {
                assert!(!verify_consistency(from as u64, &older, size as u64, &root, &longer));
            }
        }
    }
}

/// How long PATH(m, D[n]) is.
fn path_len(m: usize, n: usize) -> usize {
    match n {
        1 => 0,
        _ if m < k(n) => 1 + path_len(m, k(n)),
        _ => 1 + path_len(m - k(n), n - k(n)),
    }
}

/// From the tests of transparency-dev/merkle, those on one tree of eight leaves: their leaves are not 32 bytes long, so
/// that what can be checked here are the proofs that do not hash one.
#[test]
fn the_published_consistency_proofs_verify() {
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    .map(hash);
    let (a, b) = (
        hash("5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"),
        hash("bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"),
    );
    let seed = hash("0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a");
    let vectors: [(usize, usize, Vec<Hash>); 5] = [
        (1, 1, vec![]),
        (
            1,
            8,
            vec![
                hash("96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"),
                a,
                hash("6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"),
            ],
        ),
        (6, 8, vec![seed, hash("ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"), roots[3]]),
        (2, 5, vec![a, b]),
        (6, 7, vec![seed, hash("b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"), roots[3]]),
    ];
    for (from, to, proof) in vectors {
        let holds =
            |proof: &[Hash]| verify_consistency(from as u64, &roots[from - 1], to as u64, &roots[to - 1], proof);
        assert!(holds(&proof), "{from} to {to}");
        assert!(mutations(&proof).filter(|wrong| *wrong != proof).all(|wrong| !holds(&wrong)), "{from} to {to}");
    }
}

fn hash(hex: &str) -> Hash {
    *blake3::Hash::from_hex(hex).unwrap().as_bytes()
}

#[test]
fn the_empty_tree_has_one_root_and_contains_nothing() {
    let (empty, one) = (tree_root([]), tree_root([[1; 32]]));
    assert!(!verify_inclusion(&EntryHash::from_bytes([1; 32]), 0, 0, &[], &empty));
    assert!(verify_consistency(0, &empty, 0, &empty, &[]));
    assert!(verify_consistency(0, &empty, 1, &one, &[]));
    assert!(!verify_consistency(0, &one, 1, &one, &[]), "the root of the empty tree is another");
    assert!(!verify_consistency(0, &one, 0, &one, &[]));
    assert!(!verify_consistency(0, &empty, 0, &one, &[]));
    assert!(!verify_consistency(0, &empty, 1, &one, &[one]));
}

#[test]
fn a_proof_is_checked_against_the_size_of_the_head_and_not_its_own() {
    let all = leaves(9);
    let head = |size: usize| TreeHead { size: size as u64, root: mth(&all[..size]) };
    let proof = InclusionProof { index: 3, size: 9, path: path(3, &all) };
    assert!(proof.verify(&EntryHash::from_bytes(all[3]), &head(9)));
    assert!(!proof.verify(&EntryHash::from_bytes(all[3]), &TreeHead { size: 10, root: mth(&all) }));
    let proof = ConsistencyProof { from: 3, to: 9, path: subproof(3, &all, true) };
    assert!(proof.verify(&head(3), &head(9)));
    assert!(!proof.verify(&TreeHead { size: 4, root: head(3).root }, &head(9)));
    assert!(!proof.verify(&head(3), &TreeHead { size: 10, root: head(9).root }));
}

#[test]
fn the_bytes_of_a_proof_are_read_back_and_nothing_else_is() {
    let all = leaves(100);
    let proof = InclusionProof { index: 42, size: 100, path: path(42, &all) };
    let bytes = proof.to_bytes();
    assert_eq!(InclusionProof::from_bytes(&bytes), Ok(proof.clone()));
    assert_eq!(serde_json::from_str::<InclusionProof>(&serde_json::to_string(&proof).unwrap()).unwrap(), proof);
    for cut in 0..bytes.len() {
        assert!(InclusionProof::from_bytes(&bytes[..cut]).is_err());
    }
    assert!(InclusionProof::from_bytes(&[&bytes[..], &[0; 32]].concat()).is_err());
    assert!(InclusionProof::from_bytes(&[[0xff; 16].as_slice(), &bytes[16..]].concat()).is_err());
    let proof = ConsistencyProof { from: 42, to: 100, path: subproof(42, &all, true) };
    assert_eq!(ConsistencyProof::from_bytes(&proof.to_bytes()), Ok(proof.clone()));
    let text = serde_json::to_string(&proof).unwrap();
    assert_eq!(serde_json::from_str::<ConsistencyProof>(&text).unwrap(), proof);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn larger_trees_agree_with_the_definition(size in 1..3000_usize, at in any::<prop::sample::Index>()) {
        let leaves = leaves(size);
        let (root, index) = (mth(&leaves), at.index(size));
        prop_assert!(includes(&leaves, index, &path(index, &leaves), &root));
        let from = index + 1;
        let proof = subproof(from, &leaves, true);
        prop_assert!(verify_consistency(from as u64, &mth(&leaves[..from]), size as u64, &root, &proof));
    }

    #[test]
    fn hostile_numbers_and_paths_are_refused_without_a_panic(
        numbers in any::<[u64; 2]>(),
        near in any::<[u8; 2]>(),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        path in prop::collection::vec(any::<[u8; 32]>(), 0..130),
    ) {
        for [a, b] in [numbers, near.map(u64::from), near.map(|near| u64::MAX - u64::from(near))] {
            prop_assert!(!verify_inclusion(&EntryHash::from_bytes([1; 32]), a, b, &path, &[2; 32]));
            prop_assert!(!verify_consistency(a, &[2; 32], b, &[3; 32], &path));
        }
        if let Ok(proof) = InclusionProof::from_bytes(&bytes) {
            prop_assert_eq!(proof.to_bytes(), bytes.clone());
        }
        if let Ok(proof) = ConsistencyProof::from_bytes(&bytes) {
            prop_assert_eq!(proof.to_bytes(), bytes);
        }
    }
}
