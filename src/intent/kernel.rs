//! Dot products that are the same, bit for bit, on every machine.
//!
//! `fearless_simd` compiles the same plain code once for each instruction set and chooses at run time. What a sum of
//! floats comes to depends on its order alone, and that is written down here: [`LANES`] running sums, which are multiplied
//! and then added (never fused), and halved until one is left.

use fearless_simd::{Level, Simd, dispatch, f32x16, prelude::*};

/// Running sums of a dot product: two registers of the widest instruction set, eight of the narrowest.
const LANES: usize = 32;
/// Those of one register.
const HALF: usize = LANES / 2;

/// The dot product of two vectors of one length.
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f32 {
    dispatch!(Level::new(), simd => lanes(simd, left, right))
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
                let found = dispatch!(level, simd => lanes(simd, &left, &right)).to_bits();
                prop_assert_eq!(found, expected, "{:?}, {} values", level, left.len());
            }
            prop_assert_eq!(dot(&left, &right).to_bits(), expected);
        }
    }

    #[test]
    fn vectors_without_values_have_the_product_zero() {
        assert_eq!(dot(&[], &[]).to_bits(), 0.0f32.to_bits());
    }
}
