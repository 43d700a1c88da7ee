//! Hashes of many short inputs at once.
//!
//! A hash is a long chain of steps that wait for each other. Those of sixteen inputs are taken side by side, a lane for
//! each. `fearless_simd` compiles them for each instruction set and chooses at run time. Integers come to the same on all
//! of them.

mod blake3;
mod sha256;

use fearless_simd::{Simd, prelude::*, u32x16};

pub(super) use self::blake3::derive_each;
pub(super) use self::sha256::{leaves, nodes};

/// Inputs that are hashed side by side.
const LANES: usize = 16;
/// Fewer than these are hashed one by one: there is little to gain, and without optimisation, as in tests, lanes are slow.
const FEW: usize = 4 * LANES;

/// A word of every lane.
type Words<S> = u32x16<S>;

/// Makes sixteen words of each lane of one word of every lane sixteen times, and the other way round.
#[inline(always)]
fn transpose<S: Simd>(mut rows: [Words<S>; 16]) -> [Words<S>; 16] {
    for _ in 0..4 {
        let from = rows;
        let (low, high) = from.split_at(8);
        for (pair, (low, high)) in rows.as_chunks_mut::<2>().0.iter_mut().zip(low.iter().zip(high)) {
            *pair = low.interleave(*high).into();
        }
    }
    rows
}

#[inline(always)]
fn rotate_right<const BY: u32, S: Simd>(words: Words<S>) -> Words<S> {
    (words >> BY) | (words << (32 - BY))
}

#[cfg(test)]
pub(crate) mod tests {
    use fearless_simd::Level;

    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    use super::*;

    /// Every instruction set that this machine has.
    pub(crate) fn levels() -> Vec<Level> {
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
}
