//! Dot products of clusters that Ward's chain has taken already, so that it need not take them again.
//!
//! The mean of a merged cluster lies between the means of its parts, and its products between theirs: a row of them follows
//! from two rows without looking at a vector. It is off what would be found by rounding alone, which is bounded, and
//! whatever could be the nearest within that bound is compared exactly. So nothing here decides anything, and nothing of it
//! is stored.

use std::collections::BTreeMap;

/// What products may be off at first: twice what rounding adds to one of two vectors no longer than 1.001, as in
/// [`codes`](super::codes), and the rounding of a cost, which is far less.
const ROUNDING: f64 = 3e-5;
/// What a merge adds to that: a mean and a product are rounded a few times each, by 2^-24.
const BLENDING: f64 = 1e-6;
/// Products that are kept at most, 16 MiB of them: beyond that they are taken again.
const ROOM: usize = 1 << 22;

/// Rows of products of one cluster with all others.
#[derive(Clone, Debug, Default)]
pub(super) struct Products {
    rows: BTreeMap<u32, Row>,
    merges: Vec<Blend>,
    /// How many merges lie above each other in a cluster; 0 beyond the end.
    heights: Vec<u16>,
}

#[derive(Clone, Debug)]
struct Row {
    values: Vec<f32>,
    /// The merges that it knows of.
    seen: usize,
}

/// A merge: the part of the new cluster, which is called `left`, that is the old one of that name.
#[derive(Clone, Copy, Debug)]
struct Blend {
    left: u32,
    right: u32,
    share: f32,
}

impl Blend {
    fn of(self, left: f32, right: f32) -> f32 {
        self.share * left + (1.0 - self.share) * right
    }
}

/// What is only remembered makes no difference.
impl PartialEq for Products {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Products {
    /// Keeps the products of a cluster with all others, as they are now.
    pub(super) fn keep(&mut self, of: u32, values: Vec<f32>) {
        if (self.rows.len() + 1).saturating_mul(values.len()) <= ROOM {
            self.rows.insert(of, Row { values, seen: self.merges.len() });
        }
    }

    /// The products of a cluster with all others, if they are known and [up to date](Self::update). Those with clusters
    /// that are gone mean nothing.
    pub(super) fn row(&self, of: u32) -> Option<&[f32]> {
        self.rows.get(&of).filter(|row| row.seen == self.merges.len()).map(|row| row.values.as_slice())
    }

    /// Takes the merges that the products of a cluster do not know of yet into them.
    pub(super) fn update(&mut self, of: u32) {
        let Some(row) = self.rows.get_mut(&of) else { return };
        for blend in self.merges.get(row.seen..).unwrap_or_default() {
            let right = row.values.get(blend.right as usize).copied();
            if let Some((left, right)) = row.values.get_mut(blend.left as usize).zip(right) {
                *left = blend.of(*left, right);
            }
        }
        row.seen = self.merges.len();
    }

    /// How far a distance that follows from a known product may be off the one that would be computed.
    pub(super) fn error(&self, left: u32, right: u32) -> f64 {
        2.0 * (ROUNDING + BLENDING * f64::from(self.height(left).saturating_add(self.height(right))))
    }

    /// Follows a merge, of which the part `share` is the left one.
    pub(super) fn merge(&mut self, left: u32, right: u32, share: f32) {
        let blend = Blend { left, right, share };
        let [into, from] = [left, right].map(|of| {
            self.update(of);
            self.rows.remove(&of)
        });
        self.merges.push(blend);
        if let Some((mut into, from)) = into.zip(from) {
            into.values.iter_mut().zip(from.values).for_each(|(left, right)| *left = blend.of(*left, right));
            into.seen = self.merges.len();
            self.rows.insert(left, into);
        }
        let height = self.height(left).max(self.height(right)).saturating_add(1);
        let place = left as usize;
        self.heights.resize(self.heights.len().max(place + 1), 0);
        if let Some(own) = self.heights.get_mut(place) {
            *own = height;
        }
    }

    fn height(&self, of: u32) -> u16 {
        self.heights.get(of as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_products_of_what_is_merged_lie_between_those_of_its_parts() {
        let mut products = Products::default();
        products.keep(0, vec![1.0, 0.5, 0.25, 0.0]);
        products.keep(1, vec![0.5, 1.0, 0.75, 1.0]);
        products.keep(3, vec![0.0, 1.0, 0.5, 1.0]);
        products.merge(0, 1, 0.75);
        assert_eq!(products.row(0).map(|row| [row[2], row[3]]), Some([0.375, 0.25]));
        assert_eq!(products.row(1), None, "it is gone");
        assert_eq!(products.row(3), None, "it has not heard of the merge");
        products.update(3);
        assert_eq!(products.row(3).map(|row| [row[0], row[2]]), Some([0.25, 0.5]));
        products.merge(0, 2, 0.5);
        products.update(0);
        assert_eq!(products.row(0), None, "nothing is known of the other part");
        products.update(3);
        assert_eq!(products.row(3).map(|row| row[0]), Some(0.375));
        let error = products.error(0, 3);
        assert!(error > products.error(1, 3) && error < 1e-3, "{error}");
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut products = Products::default();
        for of in 0..10 {
            products.keep(of, vec![0.0; ROOM / 4]);
        }
        assert_eq!(products.rows.len(), 4);
        products.keep(20, vec![0.0; ROOM + 1]);
        assert!(products.row(20).is_none() && products.row(3).is_some());
    }
}
