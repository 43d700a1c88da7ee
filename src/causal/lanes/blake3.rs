//! BLAKE3 of inputs of at most 1,024 bytes: one chunk, whose blocks of 64 bytes are compressed one after the other.
//! `blake3` takes the chunks of one input side by side; here are those of several.

use ::blake3::hazmat::{ContextKey, HasherExt};
use ::blake3::{BLOCK_LEN, CHUNK_LEN, Hasher};
use fearless_simd::{Level, Simd, dispatch, prelude::*, u8x64};

use super::{FEW, LANES, Words, rotate_right, transpose};

/// What begins the third row of every compression's state.
const IV: [u32; 4] = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a];
const START: u32 = 1;
const END_OF_ROOT: u32 = 2 | 8;
const DERIVE_KEY_MATERIAL: u32 = 64;

/// `derive_key` of each input under one context, in the order of the inputs.
pub(in crate::causal) fn derive_each(context: &ContextKey, inputs: &[&[u8]]) -> Vec<[u8; 32]> {
    let mut hashes = vec![[0; 32]; inputs.len()];
    let mut jobs: Vec<(&[u8], &mut [u8; 32])> = inputs.iter().copied().zip(&mut hashes).collect();
    // Lanes wait for the longest of them.
    jobs.sort_unstable_by_key(|(input, _)| input.len());
    let short = if jobs.len() < FEW { 0 } else { jobs.partition_point(|(input, _)| input.len() <= CHUNK_LEN) };
    let (short, long) = jobs.split_at_mut(short);
    let (groups, rest) = short.as_chunks_mut::<LANES>();
    for group in groups {
        dispatch!(Level::new(), simd => derive_group(simd, context, group));
    }
    for (input, hash) in rest.iter_mut().chain(long) {
        **hash = *Hasher::new_from_context_key(context).update(input).finalize().as_bytes();
    }
    hashes
}

#[inline(always)]
fn derive_group<S: Simd>(simd: S, context: &ContextKey, group: &mut [(&[u8], &mut [u8; 32]); LANES]) {
    let mut chain = [Words::splat(simd, 0); 8];
    for (words, word) in chain.iter_mut().zip(context.as_chunks().0) {
        *words = Words::splat(simd, u32::from_le_bytes(*word));
    }
    let mut left = [0; LANES];
    for (left, (input, _)) in left.iter_mut().zip(group.iter()) {
        *left = u32::try_from(input.len()).unwrap_or(u32::MAX);
    }
    let block_len = Words::splat(simd, 64);
    let mut left = Words::from_slice(simd, &left);
    let longest = group.iter().map(|(input, _)| input.len()).max().unwrap_or_default();
    for block in 0..longest.div_ceil(BLOCK_LEN).max(1) {
        let mut rows = [Words::splat(simd, 0); 16];
        for (row, (input, _)) in rows.iter_mut().zip(group.iter()) {
            let rest = input.get(block * BLOCK_LEN..).unwrap_or_default();
            let bytes: u8x64<S> = match rest.first_chunk::<BLOCK_LEN>() {
                Some(whole) => u8x64::from_slice(simd, whole),
                None => {
                    let mut padded = [0; BLOCK_LEN];
                    padded.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                    u8x64::from_slice(simd, &padded)
                }
            };
            *row = bytes.bitcast();
        }
        let start = if block == 0 { START } else { 0 };
        let end = left.simd_le(block_len).select(Words::splat(simd, END_OF_ROOT), Words::splat(simd, 0));
        let flags = Words::splat(simd, DERIVE_KEY_MATERIAL | start) | end;
        let next = compress(simd, &chain, transpose(rows), left.min(block_len), flags);
        // The first block is there in every lane, also that of an empty input.
        let goes_on = left.simd_gt(Words::splat(simd, 0));
        for (words, next) in chain.iter_mut().zip(next) {
            *words = if block == 0 { next } else { goes_on.select(next, *words) };
        }
        left = left.saturating_sub(block_len);
    }
    let [a, b, c, d, e, f, g, h] = chain;
    let rows = transpose([a, b, c, d, e, f, g, h, a, b, c, d, e, f, g, h]);
    for ((_, hash), row) in group.iter_mut().zip(rows) {
        let bytes: u8x64<S> = row.bitcast();
        if let Some(first) = bytes.as_slice().first_chunk() {
            **hash = *first;
        }
    }
}

#[inline(always)]
fn compress<S: Simd>(
    simd: S,
    chain: &[Words<S>; 8],
    mut message: [Words<S>; 16],
    block_len: Words<S>,
    flags: Words<S>,
) -> [Words<S>; 8] {
    let zero = Words::splat(simd, 0);
    let [a0, a1, a2, a3, b0, b1, b2, b3] = *chain;
    let (mut a, mut b) = ([a0, a1, a2, a3], [b0, b1, b2, b3]);
    let mut c = [zero; 4];
    for (words, word) in c.iter_mut().zip(IV) {
        *words = Words::splat(simd, word);
    }
    // There is one chunk, and its number is zero.
    let mut d = [zero, zero, block_len, flags];
    // Written one after the other, a round's words of the message are other names, and nothing is moved.
    message = round(&mut a, &mut b, &mut c, &mut d, message);
    message = round(&mut a, &mut b, &mut c, &mut d, message);
    message = round(&mut a, &mut b, &mut c, &mut d, message);
    message = round(&mut a, &mut b, &mut c, &mut d, message);
    message = round(&mut a, &mut b, &mut c, &mut d, message);
    message = round(&mut a, &mut b, &mut c, &mut d, message);
    round(&mut a, &mut b, &mut c, &mut d, message);
    let ([a0, a1, a2, a3], [b0, b1, b2, b3], [c0, c1, c2, c3], [d0, d1, d2, d3]) = (a, b, c, d);
    [a0 ^ c0, a1 ^ c1, a2 ^ c2, a3 ^ c3, b0 ^ d0, b1 ^ d1, b2 ^ d2, b3 ^ d3]
}

/// Takes the state through one round, and puts the words of the message in the order of the next.
#[inline(always)]
fn round<S: Simd>(
    a: &mut [Words<S>; 4],
    b: &mut [Words<S>; 4],
    c: &mut [Words<S>; 4],
    d: &mut [Words<S>; 4],
    message: [Words<S>; 16],
) -> [Words<S>; 16] {
    let [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15] = message;
    quarters(a, b, c, d, [m0, m2, m4, m6], [m1, m3, m5, m7]);
    (*b, *c, *d) = (rotated::<1, _>(*b), rotated::<2, _>(*c), rotated::<3, _>(*d));
    quarters(a, b, c, d, [m8, m10, m12, m14], [m9, m11, m13, m15]);
    (*b, *c, *d) = (rotated::<3, _>(*b), rotated::<2, _>(*c), rotated::<1, _>(*d));
    [m2, m6, m3, m10, m7, m0, m4, m13, m1, m11, m12, m5, m9, m14, m15, m8]
}

/// The row, begun at another of its words.
#[inline(always)]
fn rotated<const BY: u32, T>([w0, w1, w2, w3]: [T; 4]) -> [T; 4] {
    match BY {
        1 => [w1, w2, w3, w0],
        2 => [w2, w3, w0, w1],
        _ => [w3, w0, w1, w2],
    }
}

/// The four quarter-rounds of a round's half.
#[inline(always)]
fn quarters<S: Simd>(
    a: &mut [Words<S>; 4],
    b: &mut [Words<S>; 4],
    c: &mut [Words<S>; 4],
    d: &mut [Words<S>; 4],
    x: [Words<S>; 4],
    y: [Words<S>; 4],
) {
    for (((a, b), (c, d)), (x, y)) in a.iter_mut().zip(b).zip(c.iter_mut().zip(d)).zip(x.into_iter().zip(y)) {
        *a = *a + *b + x;
        *d = rotate_right::<16, S>(*d ^ *a);
        *c += *d;
        *b = rotate_right::<12, S>(*b ^ *c);
        *a = *a + *b + y;
        *d = rotate_right::<8, S>(*d ^ *a);
        *c += *d;
        *b = rotate_right::<7, S>(*b ^ *c);
    }
}

#[cfg(test)]
mod tests {
    use ::blake3::hazmat::hash_derive_key_context;
    use proptest::prelude::*;

    use super::super::tests::levels;
    use super::*;

    fn one_by_one(context: &str, inputs: &[&[u8]]) -> Vec<[u8; 32]> {
        inputs.iter().map(|input| ::blake3::derive_key(context, input)).collect()
    }

    /// Bytes that differ from place to place.
    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|at| (at * 251 / 7).to_le_bytes()[0]).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn inputs_of_any_number_and_lengths_have_the_hashes_that_blake3_gives_them(
            lengths in prop::collection::vec(
                prop_oneof![4 => 0..300_usize, 1 => Just(1024), 1 => Just(1025), 1 => 900..3000_usize],
                0..150,
            ),
            context in "[a-z ]{0,12}",
        ) {
            let inputs: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(at, length)| {
                let mut input = bytes(*length);
                if let Some(first) = input.first_mut() { *first ^= at.to_le_bytes()[0]; }
                input
            }).collect();
            let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
            let found = derive_each(&hash_derive_key_context(&context), &inputs);
            prop_assert_eq!(found, one_by_one(&context, &inputs));
        }
    }

    /// Lanes end at different blocks, and an empty one at the first.
    #[test]
    fn every_length_of_a_chunk_has_its_hash_by_every_instruction_set() {
        let bytes = bytes(CHUNK_LEN);
        let context = hash_derive_key_context("every length");
        let lengths: Vec<usize> = (0..=CHUNK_LEN).filter(|length| length % 64 < 3 || length % 64 > 61).collect();
        for first in 0..lengths.len() {
            let inputs: Vec<&[u8]> =
                (0..LANES).map(|lane| &bytes[..lengths[(first + lane * 7) % lengths.len()]]).collect();
            let expected = one_by_one("every length", &inputs);
            for level in levels() {
                let mut hashes = [[0; 32]; LANES];
                let mut jobs = inputs.iter().copied().zip(&mut hashes);
                let mut group = std::array::from_fn(|_| jobs.next().unwrap());
                drop(jobs);
                dispatch!(level, simd => derive_group(simd, &context, &mut group));
                assert_eq!(hashes[..], expected, "{level:?}, from {first}");
            }
        }
    }
}
