//! Ward's clustering of cells, in bounded steps.
//!
//! The chain of nearest neighbours: from any cluster to its nearest, and on, until two are nearest to each other, which are
//! then merged. Ward's cost cannot fall by a merge of others, and so this gives the very tree that merging the cheapest pair
//! each time would give. Each step looks at one cluster and all others, which bounds the work and needs no matrix. What a
//! cluster was compared with before is [remembered](super::products) for a while.

use serde::{Deserialize, Serialize};

use super::blob;
use super::kernel::dot;
use super::products::Products;

/// A merge of the clusters that the leaves `left` and `right` stand for; the new one is called `left`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Merge {
    pub(super) left: u32,
    pub(super) right: u32,
    /// What the sum of squares grows by.
    pub(super) cost: f32,
    /// The dot product of the two means.
    pub(super) product: f32,
}

/// The clusters that are left, and the merges so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ward {
    dimension: usize,
    #[serde(with = "blob")]
    means: Vec<f32>,
    #[serde(with = "blob")]
    weights: Vec<f32>,
    #[serde(with = "blob")]
    norms: Vec<f32>,
    /// The clusters that are left, ascending.
    active: Vec<u32>,
    chain: Vec<u32>,
    pub(super) merges: Vec<Merge>,
    #[serde(skip)]
    products: Products,
}

impl Ward {
    /// Begins with sums of a dimension and their weights.
    pub(super) fn new<'a>(dimension: usize, leaves: impl Iterator<Item = (&'a [f32], f32)>) -> Self {
        let mut ward = Self {
            dimension,
            means: Vec::new(),
            weights: Vec::new(),
            norms: Vec::new(),
            active: Vec::new(),
            chain: Vec::new(),
            merges: Vec::new(),
            products: Products::default(),
        };
        for (leaf, (sum, weight)) in (0..).zip(leaves) {
            let start = ward.means.len();
            ward.means.extend(sum.iter().map(|value| value / weight));
            let mean = ward.means.get(start..).unwrap_or_default();
            ward.norms.push(dot(mean, mean));
            ward.weights.push(weight);
            ward.active.push(leaf);
        }
        ward
    }

    /// How many leaves there were.
    pub(super) fn leaves(&self) -> usize {
        self.weights.len()
    }

    /// Goes on until all are merged, or more than `budget` pairs were compared. Whether all are merged.
    pub(super) fn step(&mut self, budget: &mut usize) -> bool {
        while self.active.len() > 1 {
            if *budget == 0 {
                return false;
            }
            *budget = budget.saturating_sub(self.active.len());
            let Some(top) = self.chain.last().or(self.active.first()).copied() else { break };
            if self.chain.is_empty() {
                self.chain.push(top);
            }
            let before = self.chain.len().checked_sub(2).and_then(|place| self.chain.get(place)).copied();
            let Some((nearest, cost, product)) = self.nearest(top, before) else { break };
            // But for rounding it is the one before; any other in the chain is merged too, so that there is always an end.
            if self.chain.contains(&nearest) {
                self.chain.retain(|link| *link != top && *link != nearest);
                self.merge(top.min(nearest), top.max(nearest), cost, product);
            } else {
                self.chain.push(nearest);
            }
        }
        true
    }

    /// The cluster that it costs least to merge with `of`: of several `first`, and else the lowest.
    fn nearest(&mut self, of: u32, first: Option<u32>) -> Option<(u32, f32, f32)> {
        let candidates = self.candidates(of);
        let mut row = if candidates.is_none() { vec![0.0; self.leaves()] } else { Vec::new() };
        let near = candidates.as_deref().unwrap_or(&self.active);
        let mut best: Option<(u32, f32, f32)> = None;
        for other in first.iter().chain(near).copied().filter(|other| *other != of) {
            let (cost, product) = self.cost(of, other)?;
            if best.is_none_or(|(_, least, _)| cost < least) {
                best = Some((other, cost, product));
            }
            if let Some(place) = row.get_mut(other as usize) {
                *place = product;
            }
        }
        if candidates.is_none() {
            self.products.keep(of, row);
        }
        best
    }

    /// The clusters that may be the nearest one by the products that are known, ascending; none if they are not known.
    fn candidates(&mut self, of: u32) -> Option<Vec<u32>> {
        self.products.update(of);
        let row = self.products.row(of)?;
        let mut bounds = Vec::with_capacity(self.active.len());
        let mut least = f64::INFINITY;
        for other in self.active.iter().copied().filter(|other| *other != of) {
            let (factor, norms) = self.factor(of, other)?;
            let distance = f64::from(norms) - 2.0 * f64::from(*row.get(other as usize)?);
            let error = self.products.error(of, other);
            let bound = |distance: f64| f64::from(factor) * distance;
            bounds.push((other, bound(distance - error)));
            least = least.min(bound(distance + error).max(0.0));
        }
        Some(bounds.into_iter().filter(|(_, low)| *low <= least).map(|(other, _)| other).collect())
    }

    fn cost(&self, left: u32, right: u32) -> Option<(f32, f32)> {
        let (factor, norms) = self.factor(left, right)?;
        let product = dot(self.mean(left)?, self.mean(right)?);
        Some(((factor * (norms - 2.0 * product)).max(0.0), product))
    }

    /// What a distance counts, and the sum of the norms that it is taken from.
    fn factor(&self, left: u32, right: u32) -> Option<(f32, f32)> {
        let weight = |of: u32| self.weights.get(of as usize).copied();
        let norm = |of: u32| self.norms.get(of as usize).copied();
        let (heavy, light) = (weight(left)?, weight(right)?);
        Some((heavy * light / (heavy + light), norm(left)? + norm(right)?))
    }

    fn mean(&self, of: u32) -> Option<&[f32]> {
        self.means.get(of as usize * self.dimension..)?.get(..self.dimension)
    }

    fn merge(&mut self, left: u32, right: u32, cost: f32, product: f32) {
        self.merges.push(Merge { left, right, cost, product });
        if let Ok(place) = self.active.binary_search(&right) {
            self.active.remove(place);
        }
        let (a, b) = (left as usize, right as usize);
        let (Some(&heavy), Some(&light)) = (self.weights.get(a), self.weights.get(b)) else { return };
        let total = heavy + light;
        self.products.merge(left, right, heavy / total);
        let (low, high) = self.means.split_at_mut(b * self.dimension);
        let into = low.chunks_exact_mut(self.dimension).nth(a).unwrap_or_default();
        for (into, from) in into.iter_mut().zip(high) {
            *into = (heavy * *into + light * *from) / total;
        }
        let norm = dot(into, into);
        if let Some((weight, place)) = self.weights.get_mut(a).zip(self.norms.get_mut(a)) {
            (*weight, *place) = (total, norm);
        }
    }

    /// Whether a stored one can be gone on with; `leaves` are what it began with.
    pub(super) fn is_sound(&self, dimension: usize, leaves: usize) -> bool {
        let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        // Means of unit vectors, so that what products are off by is bounded.
        let is_mean = |(mean, norm): (&[f32], &f32)| dot(mean, mean) == *norm && *norm <= 1.01;
        let mut left = vec![true; leaves];
        for merge in &self.merges {
            let (a, b) = (merge.left as usize, merge.right as usize);
            if a >= b || left.get(a) != Some(&true) || left.get(b) != Some(&true) {
                return false;
            }
            if let Some(gone) = left.get_mut(b) {
                *gone = false;
            }
        }
        let active: Vec<u32> = (0..).zip(&left).filter(|(_, left)| **left).map(|(leaf, _)| leaf).collect();
        let mut links = self.chain.clone();
        links.sort_unstable();
        links.dedup();
        self.dimension == dimension
            && self.means.len() == leaves * dimension
            && self.norms.len() == leaves
            && self.weights.len() == leaves
            && self.active == active
            && links.len() == self.chain.len()
            && links.iter().all(|link| active.binary_search(link).is_ok())
            && self.means.chunks_exact(dimension).zip(&self.norms).all(is_mean)
            && finite(&self.weights)
            && self.weights.iter().all(|weight| *weight > 0.0)
            && self.merges.iter().all(|merge| merge.cost >= 0.0 && merge.cost.is_finite() && merge.product.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(seed: u8, count: usize) -> Vec<f32> {
        let mut bytes = vec![0; count];
        blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
        bytes.iter().map(|byte| f32::from(*byte) / 128.0 - 1.0).collect()
    }

    /// Merges the cheapest pair each time; what the merges cost, ascending.
    fn plain(leaves: &[(Vec<f64>, f64)]) -> Vec<f64> {
        let mut clusters = leaves.to_vec();
        let mut costs = Vec::new();
        while clusters.len() > 1 {
            let mut best = (f64::INFINITY, 0, 0);
            for a in 0..clusters.len() {
                for b in 0..a {
                    let ((x, n), (y, m)) = (&clusters[a], &clusters[b]);
                    let distance: f64 = x.iter().zip(y).map(|(x, y)| (x / n - y / m).powi(2)).sum();
                    let cost = n * m / (n + m) * distance;
                    if cost < best.0 {
                        best = (cost, b, a);
                    }
                }
            }
            let (sum, weight) = clusters.remove(best.2);
            clusters[best.1].0.iter_mut().zip(sum).for_each(|(into, from)| *into += from);
            clusters[best.1].1 += weight;
            costs.push(best.0);
        }
        costs
    }

    #[test]
    fn the_merges_are_those_of_the_cheapest_pair_each_time_whatever_the_budget() {
        for seed in 0..8 {
            let values: Vec<f32> = numbers(seed, 40 * 5).iter().map(|value| value / 4.0).collect();
            let weights: Vec<f32> = numbers(seed + 100, 40).iter().map(|value| value + 2.0).collect();
            let leaves = || values.chunks(5).zip(weights.iter().copied());
            let mut whole = Ward::new(5, leaves());
            assert!(whole.step(&mut usize::MAX.clone()));
            let mut slow = Ward::new(5, leaves());
            while !slow.step(&mut 1) {
                assert!(slow.is_sound(5, 40));
            }
            assert_eq!(slow, whole);
            let mut found: Vec<f64> = whole.merges.iter().map(|merge| f64::from(merge.cost)).collect();
            found.sort_by(f64::total_cmp);
            let wide = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect();
            let expected = plain(&leaves().map(|(sum, weight)| (wide(sum), f64::from(weight))).collect::<Vec<_>>());
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-4 * (1.0 + expected), "{found} is not {expected}");
            }
        }
    }

    #[test]
    fn what_is_remembered_changes_no_bit_even_where_many_are_equally_near() {
        for (seed, steps, dimension) in [(1, 1.0, 3), (2, 2.0, 4), (3, 4.0, 6), (4, 1e3, 8), (5, 1e3, 40)] {
            let values: Vec<f32> =
                numbers(seed, 120 * dimension).iter().map(|value| (value * steps).round() + 0.25).collect();
            let length = |sum: &[f32]| dot(sum, sum).sqrt();
            let weights = numbers(seed + 100, 120).into_iter().map(|value| (value * steps).round() + steps + 1.0);
            let sums: Vec<(Vec<f32>, f32)> = values
                .chunks(dimension)
                .zip(weights)
                .map(|(sum, weight)| (sum.iter().map(|value| value / length(sum) * weight).collect(), weight))
                .collect();
            let ward = || Ward::new(dimension, sums.iter().map(|(sum, weight)| (sum.as_slice(), *weight)));
            let [mut remembers, mut forgets] = [ward(), ward()];
            while !remembers.step(&mut 1) {
                forgets.products = Products::default();
                assert!(!forgets.step(&mut 1));
                assert_eq!(remembers, forgets, "seed {seed}");
                assert!(remembers.is_sound(dimension, 120));
            }
        }
    }

    #[test]
    fn means_that_are_not_those_of_unit_vectors_are_refused() {
        let ward = || {
            Ward::new(2, [0.6f32, 0.8, 0.0, 2.0].as_chunks::<2>().0.iter().map(|sum| sum.as_slice()).zip([1.0, 2.0]))
        };
        assert!(ward().is_sound(2, 2));
        for [value, norm] in [[0.5, 1.0], [f32::NAN, f32::NAN], [f32::MAX, f32::INFINITY], [1.1, 1.1f32 * 1.1]] {
            let mut ward = ward();
            (ward.means[2], ward.means[3], ward.norms[1]) = (0.0, value, norm);
            assert!(!ward.is_sound(2, 2), "{value}");
        }
    }

    #[test]
    fn equal_leaves_and_none_come_to_an_end() {
        let same = [1.0f32, 0.0].repeat(9);
        let mut ward = Ward::new(2, same.chunks(2).map(|sum| (sum, 1.0)));
        assert!(ward.step(&mut 10_000));
        assert_eq!(ward.merges.len(), 8);
        assert!(Ward::new(2, std::iter::empty()).step(&mut 0));
    }
}
