//! How far two groupings of the same things agree, corrected for chance: 1 if they are the same, about 0 if one knows
//! nothing of the other.

use std::collections::BTreeMap;

/// The sizes of the groups of both groupings, and of what they have in common.
struct Table {
    total: f64,
    left: Vec<f64>,
    right: Vec<f64>,
    /// Each with the sizes of the two groups that it is common to.
    common: Vec<(f64, f64, f64)>,
}

impl Table {
    fn new(left: &[usize], right: &[usize]) -> Self {
        assert_eq!(left.len(), right.len(), "two groupings of the same things");
        let count = |labels: &[usize]| {
            let mut sizes = BTreeMap::new();
            labels.iter().for_each(|label| *sizes.entry(*label).or_insert(0.0) += 1.0);
            sizes
        };
        let (lefts, rights) = (count(left), count(right));
        let mut common = BTreeMap::new();
        left.iter().zip(right).for_each(|pair| *common.entry(pair).or_insert(0.0) += 1.0);
        Self {
            total: left.len() as f64,
            common: common.into_iter().map(|((a, b), size)| (size, lefts[a], rights[b])).collect(),
            left: lefts.into_values().collect(),
            right: rights.into_values().collect(),
        }
    }

    fn is_trivial(&self) -> bool {
        let (left, right) = (self.left.len(), self.right.len());
        left == right && (left <= 1 || left as f64 == self.total)
    }
}

/// The adjusted Rand index: which pairs are together.
pub(crate) fn adjusted_rand(left: &[usize], right: &[usize]) -> f64 {
    let table = Table::new(left, right);
    if table.is_trivial() {
        return 1.0;
    }
    let pairs = |size: f64| size * (size - 1.0) / 2.0;
    let common: f64 = table.common.iter().map(|(size, ..)| pairs(*size)).sum();
    let lefts: f64 = table.left.iter().copied().map(pairs).sum();
    let rights: f64 = table.right.iter().copied().map(pairs).sum();
    let expected = lefts * rights / pairs(table.total);
    (common - expected) / ((lefts + rights) / 2.0 - expected)
}

/// The adjusted mutual information over the mean of the entropies: how much one tells of the other.
pub(crate) fn adjusted_information(left: &[usize], right: &[usize]) -> f64 {
    let table = Table::new(left, right);
    if table.is_trivial() {
        return 1.0;
    }
    let total = table.total;
    let information = |(size, a, b): &(f64, f64, f64)| size / total * (size * total / (a * b)).ln();
    let mutual: f64 = table.common.iter().map(information).sum();
    let expected = expected_information(&table);
    let entropy = |sizes: &[f64]| -sizes.iter().map(|size| size / total * (size / total).ln()).sum::<f64>();
    let most = f64::midpoint(entropy(&table.left), entropy(&table.right));
    let room = most - expected;
    // Neither knows of the other, and both say nothing: what is left is rounding.
    (mutual - expected) / if room < 0.0 { room.min(-f64::EPSILON) } else { room.max(f64::EPSILON) }
}

/// The mutual information of groups of these sizes when chance fills them.
fn expected_information(table: &Table) -> f64 {
    let total = table.total;
    let mut factorials = vec![0.0];
    for number in 1..=total as usize {
        factorials.push(factorials[number - 1] + (number as f64).ln());
    }
    let factorial = |number: f64| factorials[number as usize];
    let mut expected = 0.0;
    for (a, times_a) in counted(&table.left) {
        for (b, times_b) in counted(&table.right) {
            let mut size = (a + b - total).max(1.0);
            while size <= a.min(b) {
                let ways = factorial(a) + factorial(b) + factorial(total - a) + factorial(total - b)
                    - factorial(total)
                    - factorial(size)
                    - factorial(a - size)
                    - factorial(b - size)
                    - factorial(total - a - b + size);
                expected += times_a * times_b * size / total * (total * size / (a * b)).ln() * ways.exp();
                size += 1.0;
            }
        }
    }
    expected
}

/// Each size, and how often it is there.
fn counted(sizes: &[f64]) -> Vec<(f64, f64)> {
    let mut counted: BTreeMap<u64, f64> = BTreeMap::new();
    sizes.iter().for_each(|size| *counted.entry(*size as u64).or_default() += 1.0);
    counted.into_iter().map(|(size, times)| (size as f64, times)).collect()
}
