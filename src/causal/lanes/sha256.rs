//! SHA-256 of the leaves and nodes of a Merkle tree.

use fearless_simd::{Level, Simd, SimdBase, dispatch, prelude::*, u8x64};

use super::{FEW, LANES, Words, rotate_right, transpose};
use crate::causal::merkle::{leaf, node};

const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

const ROUNDS: [[u32; 16]; 4] = [
    [
        0x428a_2f98,
        0x7137_4491,
        0xb5c0_fbcf,
        0xe9b5_dba5,
        0x3956_c25b,
        0x59f1_11f1,
        0x923f_82a4,
        0xab1c_5ed5,
        0xd807_aa98,
        0x1283_5b01,
        0x2431_85be,
        0x550c_7dc3,
        0x72be_5d74,
        0x80de_b1fe,
        0x9bdc_06a7,
        0xc19b_f174,
    ],
    [
        0xe49b_69c1,
        0xefbe_4786,
        0x0fc1_9dc6,
        0x240c_a1cc,
        0x2de9_2c6f,
        0x4a74_84aa,
        0x5cb0_a9dc,
        0x76f9_88da,
        0x983e_5152,
        0xa831_c66d,
        0xb003_27c8,
        0xbf59_7fc7,
        0xc6e0_0bf3,
        0xd5a7_9147,
        0x06ca_6351,
        0x1429_2967,
    ],
    [
        0x27b7_0a85,
        0x2e1b_2138,
        0x4d2c_6dfc,
        0x5338_0d13,
        0x650a_7354,
        0x766a_0abb,
        0x81c2_c92e,
        0x9272_2c85,
        0xa2bf_e8a1,
        0xa81a_664b,
        0xc24b_8b70,
        0xc76c_51a3,
        0xd192_e819,
        0xd699_0624,
        0xf40e_3585,
        0x106a_a070,
    ],
    [
        0x19a4_c116,
        0x1e37_6c08,
        0x2748_774c,
        0x34b0_bcb5,
        0x391c_0cb3,
        0x4ed8_aa4a,
        0x5b9c_ca4f,
        0x682e_6ff3,
        0x748f_82ee,
        0x78a5_636f,
        0x84c8_7814,
        0x8cc7_0208,
        0x90be_fffa,
        0xa450_6ceb,
        0xbef9_a3f7,
        0xc671_78f2,
    ],
];

/// The leaves over entries with these hashes.
pub(in crate::causal) fn leaves(entry_hashes: &[[u8; 32]]) -> Vec<[u8; 32]> {
    each(entry_hashes, leaf, padded_leaf)
}

/// The nodes over these pairs.
pub(in crate::causal) fn nodes(pairs: &[[[u8; 32]; 2]]) -> Vec<[u8; 32]> {
    each(pairs, |[left, right]| node(left, right), padded_node)
}

/// Sixteen messages at once, where registers are as wide as that. Elsewhere the instructions that were made for it, where
/// there are any, are faster.
fn each<T, const BYTES: usize>(
    inputs: &[T],
    one: impl Fn(&T) -> [u8; 32],
    padded: impl Fn(&T) -> [u8; BYTES],
) -> Vec<[u8; 32]> {
    let level = Level::new();
    let is_worth_it = inputs.len() >= FEW && dispatch!(level, simd => is_wide(simd));
    let (groups, rest) = if is_worth_it { inputs.as_chunks::<LANES>() } else { (&[][..], inputs) };
    let mut hashes = Vec::with_capacity(inputs.len());
    for group in groups {
        let messages = group.each_ref().map(&padded);
        hashes.extend(dispatch!(level, simd => digest(simd, &messages)));
    }
    hashes.extend(rest.iter().map(one));
    hashes
}

#[inline(always)]
fn is_wide<S: Simd>(_: S) -> bool {
    S::u32s::LEN >= LANES
}

/// A leaf's message in whole blocks: behind its 33 bytes a bit, and its length in bits at the end.
fn padded_leaf(hash: &[u8; 32]) -> [u8; 64] {
    let mut block = [0; 64];
    block[1..33].copy_from_slice(hash);
    block[33] = 0x80;
    block[62..].copy_from_slice(&(33 * 8_u16).to_be_bytes());
    block
}

/// The same of a node, whose message has 65 bytes.
fn padded_node([left, right]: &[[u8; 32]; 2]) -> [u8; 128] {
    let mut blocks = [0; 128];
    blocks[0] = 1;
    blocks[1..33].copy_from_slice(left);
    blocks[33..65].copy_from_slice(right);
    blocks[65] = 0x80;
    blocks[126..].copy_from_slice(&(65 * 8_u16).to_be_bytes());
    blocks
}

#[inline(always)]
fn digest<S: Simd, const BYTES: usize>(simd: S, messages: &[[u8; BYTES]; LANES]) -> [[u8; 32]; LANES] {
    let mut chain = [Words::splat(simd, 0); 8];
    for (words, word) in chain.iter_mut().zip(START) {
        *words = Words::splat(simd, word);
    }
    for at in 0..BYTES / 64 {
        let mut rows = [Words::splat(simd, 0); 16];
        for (row, message) in rows.iter_mut().zip(messages) {
            if let Some(block) = message.as_chunks::<64>().0.get(at) {
                *row = u8x64::from_slice(simd, block).bitcast();
            }
        }
        let mut words = transpose(rows);
        for words in &mut words {
            *words = swap_bytes(*words);
        }
        compress(simd, &mut chain, words);
    }
    let [a, b, c, d, e, f, g, h] = chain;
    let mut hashes = [[0; 32]; LANES];
    for (hash, row) in hashes.iter_mut().zip(transpose([a, b, c, d, e, f, g, h, a, b, c, d, e, f, g, h])) {
        let bytes: u8x64<S> = swap_bytes(row).bitcast();
        if let Some(first) = bytes.as_slice().first_chunk() {
            *hash = *first;
        }
    }
    hashes
}

#[inline(always)]
fn compress<S: Simd>(simd: S, chain: &mut [Words<S>; 8], mut words: [Words<S>; 16]) {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *chain;
    for (at, constants) in ROUNDS.iter().enumerate() {
        if at > 0 {
            words = next(words);
        }
        for (word, constant) in words.iter().zip(constants) {
            let sum = rotate_right::<6, S>(e) ^ rotate_right::<11, S>(e) ^ rotate_right::<25, S>(e);
            let chosen = g ^ (e & (f ^ g));
            let first = h + sum + chosen + Words::splat(simd, *constant) + *word;
            let sum = rotate_right::<2, S>(a) ^ rotate_right::<13, S>(a) ^ rotate_right::<22, S>(a);
            let majority = (a & b) | (c & (a | b));
            (h, g, f, e, d, c, b, a) = (g, f, e, d + first, c, b, a, first + sum + majority);
        }
    }
    for (words, more) in chain.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *words += more;
    }
}

/// The sixteen words of a message's schedule that follow these.
#[inline(always)]
fn next<S: Simd>(words: [Words<S>; 16]) -> [Words<S>; 16] {
    let [mut w0, mut w1, mut w2, mut w3, mut w4, mut w5, mut w6, mut w7, ..] = words;
    let [.., mut w8, mut w9, mut w10, mut w11, mut w12, mut w13, mut w14, mut w15] = words;
    w0 = scheduled(w0, w1, w9, w14);
    w1 = scheduled(w1, w2, w10, w15);
    w2 = scheduled(w2, w3, w11, w0);
    w3 = scheduled(w3, w4, w12, w1);
    w4 = scheduled(w4, w5, w13, w2);
    w5 = scheduled(w5, w6, w14, w3);
    w6 = scheduled(w6, w7, w15, w4);
    w7 = scheduled(w7, w8, w0, w5);
    w8 = scheduled(w8, w9, w1, w6);
    w9 = scheduled(w9, w10, w2, w7);
    w10 = scheduled(w10, w11, w3, w8);
    w11 = scheduled(w11, w12, w4, w9);
    w12 = scheduled(w12, w13, w5, w10);
    w13 = scheduled(w13, w14, w6, w11);
    w14 = scheduled(w14, w15, w7, w12);
    w15 = scheduled(w15, w0, w8, w13);
    [w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15]
}

#[inline(always)]
fn scheduled<S: Simd>(w0: Words<S>, w1: Words<S>, w9: Words<S>, w14: Words<S>) -> Words<S> {
    let first = rotate_right::<7, S>(w1) ^ rotate_right::<18, S>(w1) ^ (w1 >> 3);
    let second = rotate_right::<17, S>(w14) ^ rotate_right::<19, S>(w14) ^ (w14 >> 10);
    w0 + first + w9 + second
}

/// From big-endian words and to them.
#[inline(always)]
fn swap_bytes<S: Simd>(words: Words<S>) -> Words<S> {
    (words << 24) | ((words & 0xff00) << 8) | ((words >> 8) & 0xff00) | (words >> 24)
}

#[cfg(test)]
mod tests {
    use super::super::tests::levels;
    use super::*;

    /// Hashes that differ from each other in every byte.
    fn hashes(count: usize) -> Vec<[u8; 32]> {
        (0..count as u64).map(|at| *::blake3::hash(&at.to_be_bytes()).as_bytes()).collect()
    }

    #[test]
    fn any_number_of_leaves_and_nodes_have_the_hashes_that_they_have_one_by_one() {
        for count in (0..20).chain(60..83) {
            let hashes = hashes(2 * count);
            let pairs = hashes.as_chunks::<2>().0;
            assert_eq!(leaves(&hashes), hashes.iter().map(leaf).collect::<Vec<_>>(), "{count}");
            let expected: Vec<_> = pairs.iter().map(|[left, right]| node(left, right)).collect();
            assert_eq!(nodes(pairs), expected, "{count}");
        }
    }

    #[test]
    fn every_instruction_set_has_the_same_hashes() {
        let hashes = hashes(2 * LANES);
        let pairs = hashes.as_chunks::<2>().0;
        let padded_leaves: [_; LANES] = std::array::from_fn(|lane| padded_leaf(&hashes[lane]));
        let padded_nodes: [_; LANES] = std::array::from_fn(|lane| padded_node(&pairs[lane]));
        for level in levels() {
            let found = dispatch!(level, simd => digest(simd, &padded_leaves));
            assert_eq!(found[..], hashes.iter().take(LANES).map(leaf).collect::<Vec<_>>(), "{level:?}");
            let found = dispatch!(level, simd => digest(simd, &padded_nodes));
            let expected: Vec<_> = pairs.iter().map(|[left, right]| node(left, right)).collect();
            assert_eq!(found[..], expected, "{level:?}");
        }
    }
}
