//! Dot products that are the same, bit for bit, on every machine.
//!
//! `fearless_simd` compiles the same plain code once for each instruction set and chooses at run time. What a sum of
//! floats comes to depends on its order alone, and that is written down here: [`LANES`] running sums, which are multiplied
//! and then added (never fused), and halved until one is left. Sums of integers are exact in any order.

use fearless_simd::{Level, Simd, dispatch, f32x16, i16x32, i32x16, prelude::*};

/// Running sums of a dot product: two registers of the widest instruction set, eight of the narrowest.
const LANES: usize = 32;
/// Those of one register.
const HALF: usize = LANES / 2;
/// Digits of four bits that are packed together: [`LANES`] lanes of four, each lane one digit of every quarter of them.
pub(super) const PACKED: usize = 4 * LANES;

/// The dot product of two vectors of one length.
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f32 {
    dispatch!(Level::new(), simd => lanes(simd, left, right))
}

/// The dot products of a query with rows of packed digits that lie one after the other.
///
/// A lane is multiplied as it is, and shifted down by one, two and three digits, each time with the query's value for the
/// digit that is lowest then. The digits above it are not masked out: [`Query`](super::codes::Query) has taken what they
/// add off its values beforehand. Sums may wrap on the way; a product that fits is exact.
pub(super) fn dot_packed(rows: &[i16], query: &[i16], products: &mut [i32]) {
    dispatch!(Level::new(), simd => each_row(simd, rows, query, products))
}

/// Registers are named, because a compiler that is given arrays may leave it at one value at a time.
#[inline(always)]
fn lanes<S: Simd>(simd: S, left: &[f32], right: &[f32]) -> f32 {
    let [mut low, mut high] = [f32x16::splat(simd, 0.0); 2];
    let (left, left_rest) = left.as_chunks::<LANES>();
    let (right, right_rest) = right.as_chunks::<LANES>();
    for (left, right) in left.iter().zip(right) {
        let [left, right] = [left, right].map(|values| values.as_chunks::<HALF>().0);
        if let ([left_low, left_high], [right_low, right_high]) = (left, right) {
            low += f32x16::from_slice(simd, left_low) * f32x16::from_slice(simd, right_low);
            high += f32x16::from_slice(simd, left_high) * f32x16::from_slice(simd, right_high);
        }
    }
    let [mut low, mut high] = [<[f32; HALF]>::from(low), high.into()];
    let sums = low.iter_mut().chain(&mut high);
    sums.zip(left_rest.iter().zip(right_rest)).for_each(|(sum, (left, right))| *sum += left * right);
    low.iter_mut().zip(high).for_each(|(low, high)| *low += high);
    let mut width = HALF;
    while width > 1 {
        width /= 2;
        let (low, high) = low.split_at_mut(width);
        low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
    }
    let [sum, ..] = low;
    sum
}

#[inline(always)]
fn each_row<S: Simd>(simd: S, rows: &[i16], query: &[i16], products: &mut [i32]) {
    let lanes = (query.len() / 4).max(1);
    let fours = rows.chunks_exact(4 * lanes);
    let rest = fours.remainder().chunks_exact(lanes);
    let (four_products, _) = products.as_chunks_mut::<4>();
    for (rows, products) in fours.clone().zip(four_products) {
        let mut rows = rows.chunks_exact(lanes);
        *products = some_rows(simd, [(); 4].map(|()| rows.next().unwrap_or_default()), query);
    }
    for (row, product) in rest.zip(products.iter_mut().skip(fours.len() * 4)) {
        [*product] = some_rows(simd, [row], query);
    }
}

/// The products of a few rows, taken side by side, so that the query is loaded once for all of them.
#[inline(always)]
fn some_rows<S: Simd, const N: usize>(simd: S, rows: [&[i16]; N], query: &[i16]) -> [i32; N] {
    let mut sums = [[i32x16::splat(simd, 0); 2]; N];
    let mut blocks = rows.map(|row| row.as_chunks::<LANES>().0.iter());
    for [first, second, third, fourth] in query.as_chunks::<LANES>().0.as_chunks::<4>().0 {
        let first = i16x32::from_slice(simd, first);
        let second = i16x32::from_slice(simd, second);
        let third = i16x32::from_slice(simd, third);
        let fourth = i16x32::from_slice(simd, fourth);
        for ([even, odd], blocks) in sums.iter_mut().zip(&mut blocks) {
            let Some(block) = blocks.next() else { break };
            let packed = i16x32::from_slice(simd, block);
            *even += packed.pairwise_dot_product(first);
            *odd += (packed >> 4).pairwise_dot_product(second);
            *even += (packed >> 8).pairwise_dot_product(third);
            *odd += (packed >> 12).pairwise_dot_product(fourth);
        }
    }
    // A loop, because what a closure does outside of this function is not compiled for the instruction set.
    let mut products = [0; N];
    for (product, [even, odd]) in products.iter_mut().zip(sums) {
        *product = (even + odd).reduce_sum();
    }
    products
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::causal::lanes::tests::levels;

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

    /// The product of one packed row, a digit at a time.
    fn plain_packed(row: &[i16], query: &[i16]) -> i32 {
        let products = (0..query.len()).map(|index| {
            let lane = row[index / 128 * 32 + index % 32];
            i32::from(lane >> (index % 128 / 32 * 4)) * i32::from(query[index])
        });
        products.fold(0, i32::wrapping_add)
    }

    fn pair() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
        let value = || prop_oneof![8 => -1.0f32..1.0, 1 => -1e18f32..1e18, 1 => -1e-38f32..1e-38];
        (1usize..2000)
            .prop_flat_map(move |len| (prop::collection::vec(value(), len), prop::collection::vec(value(), len)))
    }

    fn packed() -> impl Strategy<Value = (Vec<i16>, Vec<i16>)> {
        (1..9usize, 1..11usize).prop_flat_map(|(blocks, rows)| {
            let query = prop::collection::vec(-i16::MAX..=i16::MAX, blocks * PACKED);
            (prop::collection::vec(any::<i16>(), blocks * LANES * rows), query)
        })
    }

    proptest! {
        #[test]
        fn every_instruction_set_adds_to_the_same_bits((left, right) in pair()) {
            let expected = plain(&left, &right).to_bits();
            for level in levels() {
                let found = dispatch!(level, simd => lanes(simd, &left, &right)).to_bits();
                prop_assert_eq!(found, expected, "{:?}, {} values", level, left.len());
            }
            prop_assert_eq!(dot(&left, &right).to_bits(), expected);
        }

        #[test]
        fn every_instruction_set_multiplies_packed_digits_exactly((rows, query) in packed()) {
            let expected: Vec<i32> = rows.chunks(query.len() / 4).map(|row| plain_packed(row, &query)).collect();
            for level in levels() {
                let mut found = vec![7; expected.len() + 5];
                dispatch!(level, simd => each_row(simd, &rows, &query, &mut found));
                prop_assert_eq!(&found[..expected.len()], &expected, "{:?}", level);
                prop_assert_eq!(&found[expected.len()..], &[7; 5], "beyond the rows");
            }
        }
    }

    #[test]
    fn vectors_without_values_have_the_product_zero() {
        assert_eq!(dot(&[], &[]).to_bits(), 0.0f32.to_bits());
        let mut found = [7; 2];
        dot_packed(&[], &[], &mut found);
        assert_eq!(found, [7; 2], "there are no rows");
    }
}
