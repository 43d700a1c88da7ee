//! Points move to the group whose centroid is nearest, in bounded steps.

use serde::{Deserialize, Serialize};

use super::blob;
use super::kernel::dot;

/// How often every point may move.
const ROUNDS: u32 = 3;
/// A group of less weight is dust: if its point fits into another group it is dissolved.
const DUST: f32 = 2.0;

/// Points, and the groups that they are settling into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Settle {
    dimension: usize,
    #[serde(with = "blob")]
    sums: Vec<f32>,
    #[serde(with = "blob")]
    weights: Vec<f32>,
    groups: Vec<u32>,
    /// The least mean similarity at which dust joins a group.
    threshold: f32,
    #[serde(with = "blob")]
    centroids: Vec<f32>,
    #[serde(with = "blob")]
    lengths: Vec<f32>,
    #[serde(with = "blob")]
    totals: Vec<f32>,
    round: u32,
    next: usize,
    moved: bool,
}

impl Settle {
    /// Begins with the sums of points of a dimension, their weights and their groups.
    pub(super) fn new(dimension: usize, sums: Vec<f32>, weights: Vec<f32>, groups: Vec<u32>, threshold: f32) -> Self {
        let mut settle = Self {
            dimension,
            sums,
            weights,
            groups,
            threshold,
            centroids: Vec::new(),
            lengths: Vec::new(),
            totals: Vec::new(),
            round: 0,
            next: 0,
            moved: false,
        };
        settle.gather();
        settle
    }

    /// Goes on until no point moves any more, or more than `budget` pairs were compared. Whether it has come to an end.
    pub(super) fn step(&mut self, budget: &mut usize) -> bool {
        // The round before the first dissolves dust.
        while self.round <= ROUNDS {
            if *budget == 0 {
                return false;
            }
            *budget = budget.saturating_sub(self.lengths.len());
            if let Some(group) = self.best(self.next)
                && let Some(own) = self.groups.get_mut(self.next).filter(|own| **own != group)
            {
                *own = group;
                self.moved = true;
            }
            self.next += 1;
            if self.next >= self.groups.len() {
                if !self.moved && self.round > 0 {
                    return true;
                }
                self.gather();
                (self.round, self.next, self.moved) = (self.round + 1, 0, false);
            }
        }
        true
    }

    /// The group of each point.
    pub(super) fn groups(&self) -> &[u32] {
        &self.groups
    }

    fn best(&self, point: usize) -> Option<u32> {
        let sum = self.sums.get(point * self.dimension..)?.get(..self.dimension)?;
        let own = *self.groups.get(point)?;
        let is_dust = |group: usize| self.totals.get(group).is_some_and(|total| *total < DUST);
        let dissolves = self.round == 0;
        if dissolves && !is_dust(own as usize) {
            return Some(own);
        }
        let mut best = None;
        let mut most = f32::NEG_INFINITY;
        for (group, (centroid, length)) in self.centroids.chunks_exact(self.dimension).zip(&self.lengths).enumerate() {
            if *length > 0.0 && !(dissolves && is_dust(group)) {
                let product = dot(sum, centroid);
                if product / length > most {
                    most = product / length;
                    best = Some((group, product));
                }
            }
        }
        let (group, product) = best?;
        if dissolves {
            let pairs = self.weights.get(point)? * self.totals.get(group)?;
            if product / pairs < self.threshold {
                return Some(own);
            }
        }
        u32::try_from(group).ok()
    }

    /// Takes the sums of the groups from those of their points.
    fn gather(&mut self) {
        let count = self.groups.iter().max().map_or(0, |most| *most as usize + 1);
        self.centroids = vec![0.0; count * self.dimension];
        self.totals = vec![0.0; count];
        for ((sum, weight), group) in self.sums.chunks_exact(self.dimension).zip(&self.weights).zip(&self.groups) {
            let group = *group as usize;
            let centroid = self.centroids.chunks_exact_mut(self.dimension).nth(group);
            if let Some((centroid, total)) = centroid.zip(self.totals.get_mut(group)) {
                centroid.iter_mut().zip(sum).for_each(|(into, from)| *into += from);
                *total += weight;
            }
        }
        self.lengths = self.centroids.chunks_exact(self.dimension).map(|sum| dot(sum, sum).sqrt()).collect();
    }

    /// Whether a stored one can be gone on with; `points` is the most that there may be.
    pub(super) fn is_sound(&self, dimension: usize, points: usize) -> bool {
        let count = self.groups.len();
        let groups = self.lengths.len();
        let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        self.dimension == dimension
            && (1..=points).contains(&count)
            && self.sums.len() == count * dimension
            && self.weights.len() == count
            && groups <= count
            && self.groups.iter().all(|group| (*group as usize) < groups)
            && self.centroids.len() == groups * dimension
            && self.totals.len() == groups
            && self.next < count
            && self.round <= ROUNDS
            && [&self.sums, &self.weights, &self.centroids, &self.lengths, &self.totals].iter().all(|list| finite(list))
            && self.weights.iter().all(|weight| *weight > 0.0)
            && self.threshold.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(sums: &[[f32; 2]], weights: &[f32], groups: &[u32], budget: usize) -> Vec<u32> {
        let mut settle = Settle::new(2, sums.as_flattened().to_vec(), weights.to_vec(), groups.to_vec(), 0.5);
        while !settle.step(&mut budget.clone()) {
            assert!(settle.is_sound(2, sums.len()));
        }
        settle.groups().to_vec()
    }

    #[test]
    fn a_point_goes_to_the_nearest_group_and_the_budget_changes_nothing() {
        let sums = [[5.0, 0.0], [4.0, 0.1], [0.0, 5.0], [0.1, 4.0], [0.2, 3.0]];
        let weights = [5.0, 4.0, 5.0, 4.0, 3.0];
        for budget in [1, 3, 1000] {
            assert_eq!(settled(&sums, &weights, &[0, 0, 1, 1, 0], budget), [0, 0, 1, 1, 1]);
        }
    }

    #[test]
    fn dust_is_dissolved_where_it_fits_and_left_where_it_does_not() {
        let sums = [[5.0, 0.0], [0.9, 0.4], [-0.9, 0.4]];
        assert_eq!(settled(&sums, &[5.0, 1.0, 1.0], &[0, 1, 2], 1000), [0, 0, 2]);
        let sums = [[5.0, 0.0], [1.8, 0.8]];
        assert_eq!(settled(&sums, &[5.0, 2.0], &[0, 1], 1000), [0, 1], "two events are no dust");
    }
}
