//! Products of packed rows with a query.
//!
//! Products of integers are exact in any order, so that they are the same on every machine.

use fearless_simd::{Level, Simd, dispatch, i16x32, i32x16, prelude::*};

use super::packed::{LANES, OFFSET, Packed, ROWS, packed_blocks};

/// A query as packed rows are multiplied with it.
///
/// A lane is multiplied as it is, and shifted down by one, two and three digits, each time with the query's value for the
/// digit that is lowest then. The digits above it are not masked out: what they add has been taken off the values.
pub(super) struct PackedQuery {
    blocks: Vec<[[i16; LANES]; 4]>,
    /// What the digits' [`OFFSET`] adds to a product.
    offset: i32,
}

impl PackedQuery {
    /// Codes of which 17 times as much is still an `i16`.
    pub(super) fn new(codes: &[i16]) -> Self {
        let mut blocks = vec![[[0; LANES]; 4]; packed_blocks(codes.len())];
        blocks.iter_mut().flatten().flatten().zip(codes).for_each(|(value, code)| *value = *code);
        let mut offset = 0;
        for [first, second, third, fourth] in &mut blocks {
            for quarter in [&*first, &*second, &*third] {
                offset += quarter.iter().map(|code| i32::from(*code)).sum::<i32>() * i32::from(OFFSET);
            }
            // Where a digit is lowest in its lane, the next one adds 16 times itself; this takes it off again.
            for (((first, second), third), fourth) in first.iter().zip(second).zip(third).zip(fourth) {
                *fourth -= 16 * *third;
                *third -= 16 * *second;
                *second -= 16 * *first;
            }
        }
        Self { blocks, offset }
    }

    /// The products with a few rows, whose blocks lie side by side.
    pub(super) fn product_of_each<'a, const N: usize>(&self, rows: impl Iterator<Item = [&'a Packed; N]>) -> [i32; N] {
        dispatch!(Level::new(), simd => side_by_side(simd, rows, self))
    }

    /// The products with fours of rows, as many as there is room for.
    pub(super) fn products(&self, rows: &[[Packed; ROWS]], products: &mut [[i32; ROWS]]) {
        self.products_at(Level::new(), rows, products);
    }

    fn products_at(&self, level: Level, rows: &[[Packed; ROWS]], products: &mut [[i32; ROWS]]) {
        dispatch!(level, simd => each_four(simd, rows, self, products));
    }
}

#[inline(always)]
fn each_four<S: Simd>(simd: S, rows: &[[Packed; ROWS]], query: &PackedQuery, products: &mut [[i32; ROWS]]) {
    for (four, products) in rows.chunks_exact(query.blocks.len().max(1)).zip(products) {
        *products = side_by_side(simd, four.iter().map(<[Packed; ROWS]>::each_ref), query);
    }
}

/// The products of a few rows, so that the query is loaded once for all of them and none of their sums waits for itself.
/// Sums may wrap on the way; a product that fits is exact.
#[inline(always)]
fn side_by_side<'a, S: Simd, const N: usize>(
    simd: S,
    rows: impl Iterator<Item = [&'a Packed; N]>,
    query: &PackedQuery,
) -> [i32; N] {
    let mut sums = [[i32x16::splat(simd, 0); 4]; N];
    for ([first, second, third, fourth], blocks) in query.blocks.iter().zip(rows) {
        let first = i16x32::from_slice(simd, first);
        let second = i16x32::from_slice(simd, second);
        let third = i16x32::from_slice(simd, third);
        let fourth = i16x32::from_slice(simd, fourth);
        for ([first_sum, second_sum, third_sum, fourth_sum], Packed(block)) in sums.iter_mut().zip(blocks) {
            let packed = i16x32::from_slice(simd, block);
            *first_sum += packed.pairwise_dot_product(first);
            *second_sum += (packed >> 4).pairwise_dot_product(second);
            *third_sum += (packed >> 8).pairwise_dot_product(third);
            *fourth_sum += (packed >> 12).pairwise_dot_product(fourth);
        }
    }
    // A loop, because what a closure does outside of this function is not compiled for the instruction set.
    let mut products = [0; N];
    for (product, [first, second, third, fourth]) in products.iter_mut().zip(sums) {
        *product = ((first + second) + (third + fourth)).reduce_sum() - query.offset;
    }
    products
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::packed::{PackedRows, pack};
    use super::*;
    use crate::causal::lanes::tests::levels;

    /// Rows of digits and the codes of a query, all of one length.
    fn rows_and_query() -> impl Strategy<Value = (Vec<Vec<i8>>, Vec<i16>)> {
        (1..1000usize, 1..11usize).prop_flat_map(|(len, rows)| {
            let row = prop::collection::vec(-8..8i8, len);
            (prop::collection::vec(row, rows), prop::collection::vec(-1927..=1927i16, len))
        })
    }

    fn plain(row: &[i8], query: &[i16]) -> i32 {
        row.iter().zip(query).map(|(digit, code)| i32::from(*digit) * i32::from(*code)).sum()
    }

    proptest! {
        #[test]
        fn every_instruction_set_multiplies_packed_digits_exactly((rows, codes) in rows_and_query()) {
            let expected: Vec<i32> = rows.iter().map(|row| plain(row, &codes)).collect();
            let mut packed = PackedRows::new(codes.len());
            rows.iter().for_each(|row| packed.push(&pack(row)));
            let query = PackedQuery::new(&codes);
            for (row, product) in expected.iter().enumerate() {
                let others = [row, 0, expected.len() - 1, row];
                let found = query.product_of_each(packed.side_by_side(others));
                prop_assert_eq!(found, [*product, expected[0], expected[expected.len() - 1], *product]);
            }
            for level in levels() {
                for fours in packed.fours(rows.len()) {
                    let mut found = vec![[7; ROWS]; rows.len().div_ceil(ROWS) + 1];
                    query.products_at(level, fours, &mut found);
                    prop_assert_eq!(&found.as_flattened()[..rows.len()], &expected, "{:?}", level);
                    prop_assert_eq!(found.last(), Some(&[7; ROWS]), "beyond the rows");
                }
            }
        }
    }

    #[test]
    fn rows_without_digits_have_the_product_zero() {
        let query = PackedQuery::new(&[]);
        let mut found = [[7; ROWS]; 2];
        query.products(&[], &mut found);
        assert_eq!((found, query.product_of_each([].into_iter())), ([[7; ROWS]; 2], [0]), "there are no rows");
    }
}
