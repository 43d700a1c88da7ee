//! A unit vector as a byte a value, in two halves: a digit of four bits that is enough to rule most rows out, and another
//! that makes it precise.
//!
//! The product of two vectors is off from that of their codes by what the codes leave out. With `|u - scale * codes|` as
//! the row's residual, Cauchy and Schwarz bound that by `residual * |q| + |scale * codes| * |q's residual|`, whatever the
//! values are. The query is coded in 12 bits, so that nearly all of it is the row's part.

use fearless_simd::{Level, dispatch};

use super::packed::{Packed, pack};
use super::packed_query::PackedQuery;
use super::vector::UnitVector;

/// The largest code of a row: 16 times 7, and 7.
const ROW_MAX: i8 = 119;
/// The largest code of a query: 17 times as much is still an `i16`, which [`PackedQuery`] needs.
const QUERY_MAX: i16 = 1927;
/// What the rounding of a product of two unit vectors can add to its error: an addition in each of 128 rounds, five that
/// join the sums, and a multiplication, of 2^-24 each. Above that it covers the rounding of what is compared here.
const ROUNDING: f64 = 1e-5;
/// Running sums of what is taken over all values.
const LANES: usize = 16;
/// Half of what a coarse digit is worth.
const HALF: i8 = 8;

/// How a row's codes are to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    scale: f32,
    /// The length of what the coarse digits leave out, and of what both leave out.
    coarse_residual: f32,
    residual: f32,
}

/// A row as it is kept.
pub(super) struct Coded {
    pub(super) reading: Reading,
    pub(super) coarse: Vec<Packed>,
    pub(super) fine: Vec<Packed>,
}

impl Coded {
    pub(super) fn new(vector: &UnitVector) -> Self {
        let (scale, inverse) = scale(vector, f32::from(ROW_MAX));
        let mut wide = vec![0; vector.dimension()];
        dispatch!(Level::new(), _ => code(vector.values(), inverse, &mut wide));
        let codes: Vec<i8> = wide.into_iter().map(|code| i8::try_from(code).unwrap_or(ROW_MAX)).collect();
        let rounded_up = |codes: &[i8]| {
            #[expect(clippy::cast_possible_truncation, reason = "is rounded up by more than the cast rounds")]
            let residual = (residual(vector, scale, codes) * (1.0 + 1e-6)) as f32;
            residual
        };
        let coarse: Vec<i8> = codes.iter().map(|code| (code + HALF) >> 4).collect();
        let coarse_codes: Vec<i8> = coarse.iter().map(|digit| 16 * digit).collect();
        let fine: Vec<i8> = codes.iter().zip(&coarse_codes).map(|(code, coarse)| code - coarse).collect();
        let reading = Reading { scale, coarse_residual: rounded_up(&coarse_codes), residual: rounded_up(&codes) };
        Self { reading, coarse: pack(&coarse), fine: pack(&fine) }
    }
}

/// A query as it is compared with rows.
pub(super) struct Query {
    pub(super) packed: PackedQuery,
    scale: f64,
    residual: f64,
}

impl Query {
    pub(super) fn new(vector: &UnitVector) -> Self {
        let (scale, inverse) = scale(vector, f32::from(QUERY_MAX));
        let mut codes = vec![0; vector.dimension()];
        dispatch!(Level::new(), _ => code(vector.values(), inverse, &mut codes));
        let residual = residual(vector, scale, &codes);
        Self { packed: PackedQuery::new(&codes), scale: f64::from(scale), residual }
    }

    /// The similarity of a row by the product of its coarse digits.
    pub(super) fn coarse(&self, row: Reading, coarse: i32) -> Estimate {
        self.estimate(row.scale, 16.0 * f64::from(coarse), row.coarse_residual)
    }

    /// The similarity of a row by the products of both.
    pub(super) fn precise(&self, row: Reading, coarse: i32, fine: i32) -> Estimate {
        let product = 16.0 * f64::from(coarse) + f64::from(fine);
        self.estimate(row.scale, product, row.residual)
    }

    fn estimate(&self, scale: f32, product: f64, residual: f32) -> Estimate {
        // Both vectors have length 1, and a code is as much longer as it is off.
        let residual = f64::from(residual);
        let error = residual + (1.0 + residual) * self.residual + ROUNDING;
        Estimate { middle: f64::from(scale) * self.scale * product, error }
    }
}

/// A similarity that is off `middle` by `error` at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Estimate {
    middle: f64,
    error: f64,
}

impl Estimate {
    pub(super) fn low(&self) -> f64 {
        self.middle - self.error
    }

    pub(super) fn high(&self) -> f64 {
        self.middle + self.error
    }

    /// Whether it allows this similarity, which need not be a number.
    pub(super) fn allows(&self, similarity: f64) -> bool {
        (self.low()..=self.high()).contains(&similarity)
    }
}

/// What a code is worth, and its inverse, when the largest value has the largest code.
fn scale(vector: &UnitVector, largest: f32) -> (f32, f32) {
    let peak = dispatch!(Level::new(), _ => peak(vector.values()));
    (peak / largest, largest / peak)
}

#[inline(always)]
fn peak(values: &[f32]) -> f32 {
    let mut peaks = [0.0f32; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        raise(&mut peaks, block);
    }
    raise(&mut peaks, rest);
    peaks.into_iter().fold(0.0, f32::max)
}

#[inline(always)]
fn raise(peaks: &mut [f32; LANES], values: &[f32]) {
    for (peak, value) in peaks.iter_mut().zip(values) {
        *peak = peak.max(value.abs());
    }
}

/// The code of each value.
#[inline(always)]
fn code(values: &[f32], inverse: f32, codes: &mut [i16]) {
    for (code, value) in codes.iter_mut().zip(values) {
        *code = nearest_whole(value * inverse);
    }
}

/// The nearest whole number to one within 2^15. Where an `f32` has no bits left for fractions, its lowest bits are that.
#[inline(always)]
fn nearest_whole(value: f32) -> i16 {
    const NO_FRACTIONS: f32 = 12_582_912.0;
    #[expect(clippy::cast_possible_truncation, reason = "the lowest bits are asked for")]
    let lowest = (value + NO_FRACTIONS).to_bits() as u16;
    lowest.cast_signed()
}

/// The length of what the codes leave out.
fn residual<T: Copy + Into<f32>>(vector: &UnitVector, scale: f32, codes: &[T]) -> f64 {
    dispatch!(Level::new(), _ => left_out(vector.values(), scale, codes)).sqrt()
}

#[inline(always)]
fn left_out<T: Copy + Into<f32>>(values: &[f32], scale: f32, codes: &[T]) -> f64 {
    let mut sums = [0.0; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    let (code_blocks, code_rest) = codes.as_chunks::<LANES>();
    for (block, codes) in blocks.iter().zip(code_blocks) {
        add_squares(&mut sums, block, scale, codes);
    }
    let code_rest = code_blocks.get(blocks.len()).map_or(code_rest, <[T; LANES]>::as_slice);
    add_squares(&mut sums, rest, scale, code_rest);
    sums.into_iter().sum()
}

#[inline(always)]
fn add_squares<T: Copy + Into<f32>>(sums: &mut [f64; LANES], values: &[f32], scale: f32, codes: &[T]) {
    for (sum, (value, code)) in sums.iter_mut().zip(values.iter().zip(codes)) {
        let left_out = f64::from(*value) - f64::from(scale) * f64::from((*code).into());
        *sum += left_out * left_out;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::kernel::dot;
    use super::*;
    use crate::words::limits::EMBEDDING_DIMENSIONS;

    fn estimates(row: &UnitVector, query: &UnitVector) -> [Estimate; 2] {
        let (row, query) = (Coded::new(row), Query::new(query));
        let product = |digits: &[Packed]| query.packed.product_of_each(digits.iter().map(|block| [block]));
        let [[coarse], [fine]] = [&row.coarse, &row.fine].map(|digits| product(digits));
        [query.coarse(row.reading, coarse), query.precise(row.reading, coarse, fine)]
    }

    fn vector(dimension: usize) -> impl Strategy<Value = UnitVector> {
        let value = prop_oneof![6 => -1.0f32..1.0, 1 => Just(0.0), 1 => Just(1.0), 1 => -50.0f32..50.0];
        prop::collection::vec(value, dimension).prop_filter_map("zero", |values| UnitVector::new(&values).ok())
    }

    fn pair() -> impl Strategy<Value = (UnitVector, UnitVector)> {
        (1..400usize).prop_flat_map(|dimension| (vector(dimension), vector(dimension)))
    }

    proptest! {
        #[test]
        fn the_similarity_lies_within_both_estimates_and_the_precise_one_is_narrow((row, query) in pair()) {
            let similarity = f64::from(dot(row.values(), query.values()));
            let [coarse, precise] = estimates(&row, &query);
            prop_assert!(coarse.allows(similarity), "{} in {:?}", similarity, coarse);
            prop_assert!(precise.allows(similarity), "{} in {:?}", similarity, precise);
            let peak = f64::from(peak(row.values()));
            prop_assert!(precise.error <= peak / 238.0 * (row.dimension() as f64).sqrt() + 0.01, "{:?}", precise);
        }
    }

    #[test]
    fn the_largest_codes_of_the_most_dimensions_do_not_overflow() {
        let ones = UnitVector::new(&[1.0; EMBEDDING_DIMENSIONS]).unwrap();
        let minus = UnitVector::new(&[-1.0; EMBEDDING_DIMENSIONS]).unwrap();
        for (row, query, expected) in [(&ones, &ones, 1.0), (&ones, &minus, -1.0), (&minus, &ones, -1.0)] {
            let [coarse, precise] = estimates(row, query);
            assert!(coarse.allows(expected) && precise.allows(expected), "{coarse:?}, {precise:?}");
            assert!(precise.error < 1e-4, "{precise:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_allowed_by_no_estimate() {
        let estimate = Estimate { middle: 0.5, error: 0.1 };
        assert!(estimate.allows(0.55) && !estimate.allows(0.7) && !estimate.allows(0.3));
        assert!(!estimate.allows(f64::NAN) && !estimate.allows(f64::INFINITY));
    }
}
