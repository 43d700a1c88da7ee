//! Comparing what an index shows with what the table shows, without keeping either.

use std::hash::{BuildHasher, Hash, RandomState};

/// A set of keys as their number and a sum over their hashes. The hashes are keyed anew for every verification, so that
/// nobody can choose keys whose sums agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) count: u64,
    sum: u64,
}

impl Tally {
    pub(super) fn add(&mut self, hasher: &RandomState, key: impl Hash) {
        self.join(Self { count: 1, sum: hasher.hash_one(key) });
    }

    pub(super) fn join(&mut self, other: Self) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// An index, read from one end to the other.
///
/// Where the keys of a range come in ascending order, are those of the rows, and the first and the last are found when
/// they are sought, every one of them is: a search that is led astray by what stands outside of the range is led astray
/// for one of the two as well, and what stands inside is in order.
pub(super) struct Walk<K> {
    pub(super) tally: Tally,
    pub(super) ends: Option<(K, K)>,
    pub(super) is_ascending: bool,
}

impl<K: Copy + Ord> Walk<K> {
    pub(super) fn new() -> Self {
        Self { tally: Tally::default(), ends: None, is_ascending: true }
    }

    /// Notes the key that follows.
    pub(super) fn step(&mut self, key: K) {
        if let Some((_, last)) = &mut self.ends {
            self.is_ascending &= *last < key;
            *last = key;
        } else {
            self.ends = Some((key, key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_does_not_change_a_tally_and_every_key_does() {
        let hasher = RandomState::new();
        let tally = |keys: &[(i64, u64)]| {
            let mut tally = Tally::default();
            keys.iter().for_each(|key| tally.add(&hasher, key));
            tally
        };
        assert_eq!(tally(&[(1, 2), (3, 4)]), tally(&[(3, 4), (1, 2)]));
        for other in [&[(1, 2)][..], &[(1, 4), (3, 2)], &[(1, 2), (3, 5)], &[(1, 2), (1, 2)], &[(0, 3), (4, 3)]] {
            assert_ne!(tally(&[(1, 2), (3, 4)]), tally(other), "{other:?}");
        }
    }

    #[test]
    fn a_walk_notes_its_ends_and_every_step_back() {
        let walk = |keys: &[u64]| {
            let mut walk = Walk::new();
            keys.iter().for_each(|key| walk.step(*key));
            (walk.ends, walk.is_ascending)
        };
        assert_eq!(walk(&[]), (None, true));
        assert_eq!(walk(&[4, 5, 9]), (Some((4, 9)), true));
        assert_eq!(walk(&[4, 4]), (Some((4, 4)), false));
        assert_eq!(walk(&[4, 9, 5, 10]), (Some((4, 10)), false));
    }
}
