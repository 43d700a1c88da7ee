//! How far two groupings of the same things agree, corrected for chance: 1 if they are the same, about 0 if one knows
//! nothing of the other.

use std::collections::BTreeMap;

/// The sizes of the groups of both groupings, and of what they have in common.
struct Table {
    total: usize,
    left: Vec<usize>,
    right: Vec<usize>,
    /// Each with the sizes of the two groups that it is common to.
    common: Vec<(usize, usize, usize)>,
}

impl Table {
    fn new(left: &[usize], right: &[usize]) -> Self {
        assert_eq!(left.len(), right.len(), "two groupings of the same things");
        let count = |labels: &[usize]| {
            let mut sizes = BTreeMap::new();
            labels.iter().for_each(|label| *sizes.entry(*label).or_insert(0) += 1);
            sizes
        };
        let (lefts, rights) = (count(left), count(right));
        let mut common = BTreeMap::new();
        left.iter().zip(right).for_each(|pair| *common.entry(pair).or_insert(0) += 1);
        Self {
            total: left.len(),
            common: common.into_iter().map(|((a, b), size)| (size, lefts[a], rights[b])).collect(),
            left: lefts.into_values().collect(),
            right: rights.into_values().collect(),
        }
    }

    fn is_trivial(&self) -> bool {
        let (left, right) = (self.left.len(), self.right.len());
        left == right && (left <= 1 || left == self.total)
    }
}

/// The adjusted Rand index: which pairs are together.
pub(crate) fn adjusted_rand(left: &[usize], right: &[usize]) -> f64 {
    let table = Table::new(left, right);
    if table.is_trivial() {
        return 1.0;
    }
    let pairs = |size: usize| size as f64 * (size as f64 - 1.0) / 2.0;
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
    let total = table.total as f64;
    let mutual: f64 = table.common.iter().map(|(size, a, b)| information(total, *size, *a, *b)).sum();
    let expected = expected_information(&table);
    let part = |size: &usize| *size as f64 / total;
    let entropy = |sizes: &[usize]| -sizes.iter().map(part).map(|part| part * part.ln()).sum::<f64>();
    let most = f64::midpoint(entropy(&table.left), entropy(&table.right));
    let room = most - expected;
    // Neither knows of the other, and both say nothing: what is left is rounding.
    (mutual - expected) / if room < 0.0 { room.min(-f64::EPSILON) } else { room.max(f64::EPSILON) }
}

/// What `size` things that are common to groups of the sizes `a` and `b` add to the mutual information.
fn information(total: f64, size: usize, a: usize, b: usize) -> f64 {
    let (size, a, b) = (size as f64, a as f64, b as f64);
    size / total * (size * total / (a * b)).ln()
}

/// The mutual information of groups of these sizes when chance fills them.
fn expected_information(table: &Table) -> f64 {
    let total = table.total;
    let mut factorials = vec![0.0];
    for number in 1..=total {
        factorials.push(factorials[number - 1] + (number as f64).ln());
    }
    let mut expected = 0.0;
    for (a, times_a) in counted(&table.left) {
        for (b, times_b) in counted(&table.right) {
            for size in (a + b).saturating_sub(total).max(1)..=a.min(b) {
                let above = [a, b, total - a, total - b].map(|number| factorials[number]);
                let below = [total, size, a - size, b - size, total + size - a - b].map(|number| factorials[number]);
                let ways = above.iter().sum::<f64>() - below.iter().sum::<f64>();
                expected += times_a * times_b * information(total as f64, size, a, b) * ways.exp();
            }
        }
    }
    expected
}

/// Each size, and how often it is there.
fn counted(sizes: &[usize]) -> Vec<(usize, f64)> {
    let mut counted: BTreeMap<usize, f64> = BTreeMap::new();
    sizes.iter().for_each(|size| *counted.entry(*size).or_default() += 1.0);
    counted.into_iter().collect()
}
