//! Dot products that are the same, bit for bit, on every machine.
//!
//! `fearless_simd` compiles the same plain code once for each instruction set and chooses at run time. What a sum of
//! floats comes to depends on its order alone, and that is written down here: [`LANES`] running sums, which are multiplied
//! and then added (never fused), and halved until one is left. Sums of integers are exact in any order.

use fearless_simd::{Level, dispatch};

/// Running sums of a dot product: two registers of the widest instruction set, eight of the narrowest.
const LANES: usize = 32;

/// The largest code of a row.
pub(super) const CODE_MAX: i8 = 127;
/// The largest code of a query: the most at which a sum over 4,096 dimensions stays within an `i32`.
pub(super) const QUERY_CODE_MAX: i16 = 4095;

/// The dot product of two vectors of one length.
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f32 {
    dispatch!(Level::new(), _ => lanes(left, right))
}

/// The dot products of a query's codes with rows of codes that lie one after the other.
pub(super) fn dot_codes(rows: &[i8], query: &[i16], products: &mut [i32]) {
    dispatch!(Level::new(), _ => each_row(rows, query, products))
}

#[inline(always)]
fn lanes(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let (left, left_rest) = left.as_chunks::<LANES>();
    let (right, right_rest) = right.as_chunks::<LANES>();
    for (left, right) in left.iter().zip(right) {
        add_products(&mut sums, left, right);
    }
    add_products(&mut sums, left_rest, right_rest);
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        let (low, high) = sums.split_at_mut(width);
        low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
    }
    let [sum, ..] = sums;
    sum
}

#[inline(always)]
fn add_products(sums: &mut [f32; LANES], left: &[f32], right: &[f32]) {
    for (sum, (left, right)) in sums.iter_mut().zip(left.iter().zip(right)) {
        *sum += left * right;
    }
}

#[inline(always)]
fn each_row(rows: &[i8], query: &[i16], products: &mut [i32]) {
    for (row, product) in rows.chunks_exact(query.len().max(1)).zip(products) {
        *product = row.iter().zip(query).map(|(row, query)| i32::from(*row) * i32::from(*query)).sum();
    }
}

#[cfg(test)]
mod tests {
    use fearless_simd::Simd;
    use proptest::prelude::*;

    use super::*;
    use crate::words::limits::EMBEDDING_DIMENSIONS;

    /// Every instruction set that this machine has.
    fn levels() -> Vec<Level> {
        let best = Level::new();
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        let others = [
            best.as_sse2().map(Simd::level),
            best.as_sse4_2().map(Simd::level),
            best.as_avx2().map(Simd::level),
            best.as_avx512().map(Simd::level),
        ];
        #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
        let others = [Some(Level::baseline())];
        others.into_iter().flatten().chain([best]).collect()
    }

    /// What the sum is defined to be, an element at a time.
    fn plain(left: &[f32], right: &[f32]) -> f32 {
        let mut sums = [0.0f32; 32];
        for index in 0..left.len() {
            let product = left[index] * right[index];
            sums[index % 32] += product;
        }
        for width in [16, 8, 4, 2, 1] {
            for lane in 0..width {
                sums[lane] += sums[lane + width];
            }
        }
        sums[0]
    }

    fn pair() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
        let value = || prop_oneof![8 => -1.0f32..1.0, 1 => -1e18f32..1e18, 1 => -1e-38f32..1e-38];
        (1usize..2000)
            .prop_flat_map(move |len| (prop::collection::vec(value(), len), prop::collection::vec(value(), len)))
    }

    proptest! {
        #[test]
        fn every_instruction_set_adds_to_the_same_bits((left, right) in pair()) {
            let expected = plain(&left, &right).to_bits();
            for level in levels() {
                let found = dispatch!(level, _ => lanes(&left, &right)).to_bits();
                prop_assert_eq!(found, expected, "{:?}, {} values", level, left.len());
            }
            prop_assert_eq!(dot(&left, &right).to_bits(), expected);
        }

        #[test]
        fn every_instruction_set_multiplies_codes_exactly(
            query in prop::collection::vec(-QUERY_CODE_MAX..=QUERY_CODE_MAX, 1..2000),
            seed in any::<u64>(),
        ) {
            let rows: Vec<i8> = codes(seed, query.len() * 3);
            let expected: Vec<i64> = rows
                .chunks(query.len())
                .map(|row| row.iter().zip(&query).map(|(row, query)| i64::from(*row) * i64::from(*query)).sum())
                .collect();
            for level in levels() {
                let mut found = [0; 3];
                dispatch!(level, _ => each_row(&rows, &query, &mut found));
                prop_assert_eq!(&found.map(i64::from)[..], &expected, "{:?}", level);
            }
        }
    }

    fn codes(seed: u64, len: usize) -> Vec<i8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes.iter().map(|byte| i8::from_le_bytes([*byte]).max(-CODE_MAX)).collect()
    }

    #[test]
    fn the_largest_codes_of_the_most_dimensions_stay_within_the_sum() {
        let rows = vec![CODE_MAX; EMBEDDING_DIMENSIONS];
        let query = vec![-QUERY_CODE_MAX; EMBEDDING_DIMENSIONS];
        let mut found = [0];
        dot_codes(&rows, &query, &mut found);
        let expected = -127 * 4095 * 4096;
        assert_eq!(found, [expected]);
        assert!(i64::from(CODE_MAX) * (i64::from(QUERY_CODE_MAX) + 34) * 4096 > i64::from(i32::MAX));
    }

    #[test]
    fn vectors_without_values_have_the_product_zero() {
        assert_eq!(dot(&[], &[]).to_bits(), 0.0f32.to_bits());
        let mut found = [7; 2];
        dot_codes(&[], &[], &mut found);
        assert_eq!(found, [7; 2], "there are no rows");
    }
}
