//! Where the tree of cells is cut.
//!
//! What two halves have in common is the mean cosine between an event of one and an event of the other; what each has in
//! itself is the mean cosine of its own pairs. Both follow from numbers, sums and dot products alone. After what any two
//! events have in common is taken off, the first over the geometric mean of the others is the cosine between where the
//! halves really lie, whatever the scatter around there is: 1 for halves of one thing, 0 for things that have nothing in
//! common. One minus that is how far apart they are. It does not depend on the model, and so it can be compared with a
//! number that was not learnt from labels.

use super::ward::Merge;

/// How many pairs what is known of all clusters counts as, where a cluster has few of its own.
const PRIOR_PAIRS: f64 = 3.0;
/// The share of what events do not have in common anyway that a cluster is first taken to have.
const FIRST_WITHIN: f64 = 0.4;
/// How often the cut is made: each gives a better estimate of what a cluster has in common.
const CUTS: usize = 3;

/// What is known of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Size {
    /// The sum of its events' weights, and of their squares.
    pub(super) weight: f64,
    pub(super) squares: f64,
    /// The dot product of its sum with itself, and with the mean of all events.
    pub(super) norm: f64,
    pub(super) common: f64,
}

impl Size {
    /// The pairs of its events.
    pub(super) fn pairs(&self) -> f64 {
        ((self.weight * self.weight - self.squares) / 2.0).max(0.0)
    }

    /// The mean similarity of two of its events over that of any two, where it has two.
    pub(super) fn within(&self, random: f64) -> Option<f64> {
        let pairs = self.pairs();
        (pairs >= 0.25).then(|| (self.norm - self.squares) / (2.0 * pairs) - 2.0 * self.common / self.weight + random)
    }
}

/// Cells as points, and their groups.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cut {
    /// The point that each leaf is part of: cells that are to be one from now on have the same.
    pub(super) points: Vec<u32>,
    /// The group of each point.
    pub(super) groups: Vec<u32>,
    /// The largest cost of a merge of cells into one.
    pub(super) spread: f32,
    /// The mean similarity of two events of a group over that of any two.
    pub(super) within: f64,
}

struct Node {
    size: Size,
    kids: Option<Kids>,
}

#[derive(Clone, Copy)]
struct Kids {
    left: usize,
    right: usize,
    cost: f32,
    /// The mean similarity between the two over that of any two events.
    between: f64,
    /// Whether they are to be one cell from now on.
    is_folded: bool,
}

/// Folds the leaves into at most `cells` points and cuts what is above them. `random` is the mean similarity of two events.
pub(super) fn cut(leaves: &[Size], merges: &[Merge], random: f64, cells: usize, separation: f64) -> Cut {
    let mut nodes = nodes(leaves, merges, random);
    let spread = fold(&mut nodes, leaves.len(), cells);
    let total: f64 = leaves.iter().map(|leaf| leaf.weight).sum();
    let scale = total.max(1.0).sqrt();
    let mut within = FIRST_WITHIN * (1.0 - random);
    let mut tops = Vec::new();
    for _ in 0..CUTS {
        tops = groups(&nodes, |left, right, between| {
            let own = |size: &Size| {
                let pairs = size.pairs();
                let found = size.within(random).unwrap_or(within);
                ((pairs * found + PRIOR_PAIRS * within) / (pairs + PRIOR_PAIRS)).max(1e-6)
            };
            let apart = 1.0 - between / (own(left) * own(right)).sqrt();
            let halves = 2.0 * left.weight * right.weight / (left.weight + right.weight);
            apart * (halves / scale).sqrt() > separation
        });
        within = pooled(tops.iter().filter_map(|top| nodes.get(*top)).map(|node| &node.size), random).unwrap_or(within);
    }
    let mut cut = Cut { points: vec![0; leaves.len()], groups: Vec::new(), spread, within };
    for (group, top) in (0..).zip(tops) {
        fill(&nodes, top, group, &mut cut);
    }
    cut
}

/// The mean similarity of two events of a cluster over that of any two, by the weights of the clusters that have two.
pub(super) fn pooled<'a>(clusters: impl Iterator<Item = &'a Size>, random: f64) -> Option<f64> {
    let (mut sum, mut weight) = (0.0, 0.0);
    for size in clusters {
        if let Some(within) = size.within(random) {
            sum += size.weight * within;
            weight += size.weight;
        }
    }
    (weight > 0.0).then(|| (sum / weight).max(0.01))
}

/// Leaves first, then a node for each merge, so that the last one is the root.
fn nodes(leaves: &[Size], merges: &[Merge], random: f64) -> Vec<Node> {
    let mut nodes: Vec<Node> = leaves.iter().map(|size| Node { size: *size, kids: None }).collect();
    let mut at: Vec<usize> = (0..leaves.len()).collect();
    for merge in merges {
        let place = |leaf: u32| at.get(leaf as usize).and_then(|node| Some((*node, nodes.get(*node)?)));
        let Some(((left, a), (right, b))) = place(merge.left).zip(place(merge.right)) else { continue };
        let product = f64::from(merge.product);
        let (x, y) = (a.size, b.size);
        let cost = [a, b].iter().filter_map(|kid| kid.kids).fold(merge.cost, |cost, kids| cost.max(kids.cost));
        let between = product - x.common / x.weight - y.common / y.weight + random;
        let size = Size {
            weight: x.weight + y.weight,
            squares: x.squares + y.squares,
            norm: x.norm + 2.0 * product * x.weight * y.weight + y.norm,
            common: x.common + y.common,
        };
        if let Some(place) = at.get_mut(merge.left as usize) {
            *place = nodes.len();
        }
        nodes.push(Node { size, kids: Some(Kids { left, right, cost, between, is_folded: false }) });
    }
    nodes
}

/// Marks the cheapest merges, until no more than `cells` are left. The largest of their costs.
fn fold(nodes: &mut [Node], leaves: usize, cells: usize) -> f32 {
    let cost = |node: &Node| node.kids.map_or(0.0, |kids| kids.cost);
    let mut order: Vec<(f32, usize)> =
        nodes.iter().enumerate().skip(leaves).map(|(place, node)| (cost(node), place)).collect();
    order.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
    order.truncate(leaves.saturating_sub(cells));
    for (_, place) in &order {
        if let Some(kids) = nodes.get_mut(*place).and_then(|node| node.kids.as_mut()) {
            kids.is_folded = true;
        }
    }
    order.last().map_or(0.0, |(cost, _)| *cost)
}

/// The uppermost nodes whose halves are not apart.
fn groups(nodes: &[Node], is_apart: impl Fn(&Size, &Size, f64) -> bool) -> Vec<usize> {
    let mut tops = Vec::new();
    let mut open: Vec<usize> = nodes.len().checked_sub(1).into_iter().collect();
    while let Some(place) = open.pop() {
        let kids = nodes.get(place).and_then(|node| node.kids).filter(|kids| !kids.is_folded);
        let halves = kids.and_then(|kids| Some((kids, nodes.get(kids.left)?, nodes.get(kids.right)?)));
        match halves {
            Some((kids, left, right)) if is_apart(&left.size, &right.size, kids.between) => {
                open.extend([kids.right, kids.left]);
            }
            _ => tops.push(place),
        }
    }
    tops
}

/// Gives the points under a node their group.
fn fill(nodes: &[Node], top: usize, group: u32, cut: &mut Cut) {
    let mut open = vec![(top, None)];
    while let Some((place, point)) = open.pop() {
        let kids = nodes.get(place).and_then(|node| node.kids);
        let point = point.or_else(|| {
            kids.is_none_or(|kids| kids.is_folded).then(|| {
                cut.groups.push(group);
                cut.groups.len() - 1
            })
        });
        match (kids, point) {
            (Some(kids), _) => open.extend([(kids.right, point), (kids.left, point)]),
            (None, Some(point)) => {
                if let Some(leaf) = cut.points.get_mut(place) {
                    *leaf = u32::try_from(point).unwrap_or(u32::MAX);
                }
            }
            (None, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ward::Ward;
    use super::*;

    fn size(sum: &[f32], weight: f32, mean: &[f32]) -> Size {
        let product = |other: &[f32]| f64::from(super::super::kernel::dot(sum, other));
        Size { weight: weight.into(), squares: weight.into(), norm: product(sum), common: product(mean) }
    }

    /// Cuts the cells of these sums and weights.
    fn cut_of(sums: &[[f32; 3]], weights: &[f32], cells: usize, separation: f64) -> Cut {
        let mut ward = Ward::new(3, sums.iter().map(|sum| sum.as_slice()).zip(weights.iter().copied()));
        assert!(ward.step(&mut 10_000));
        let total: f32 = weights.iter().sum();
        let mean = [0, 1, 2].map(|axis| sums.iter().map(|sum| sum[axis]).sum::<f32>() / total);
        let leaves: Vec<Size> = sums.iter().zip(weights).map(|(sum, weight)| size(sum, *weight, &mean)).collect();
        let random = f64::from(super::super::kernel::dot(&mean, &mean));
        cut(&leaves, &ward.merges, random, cells, separation)
    }

    const SUMS: [[f32; 3]; 6] =
        [[9.0, 0.0, 0.5], [9.0, 0.5, 0.0], [0.0, 9.0, 0.5], [0.5, 9.0, 0.0], [0.0, 0.5, 9.0], [0.5, 0.0, 9.0]];

    #[test]
    fn what_lies_apart_is_cut_and_what_scatters_around_one_place_is_not() {
        let found = cut_of(&SUMS, &[10.0; 6], 6, 0.24);
        let group = |leaf: usize| found.groups[found.points[leaf] as usize];
        let groups = [0, 1, 2, 3, 4, 5].map(group);
        assert!(groups[0] == groups[1] && groups[2] == groups[3] && groups[4] == groups[5], "{groups:?}");
        assert!(groups[0] != groups[2] && groups[2] != groups[4] && groups[0] != groups[4], "{groups:?}");
        assert!(found.within > 0.3, "{}", found.within);
        assert_eq!(cut_of(&SUMS, &[10.0; 6], 6, 100.0).groups.iter().max(), Some(&0), "nothing is that far apart");
    }

    #[test]
    fn the_cheapest_merges_are_folded_until_the_cells_are_few_enough() {
        for cells in 1..=6 {
            let found = cut_of(&SUMS, &[10.0; 6], cells, 0.24);
            assert_eq!(found.groups.len(), cells);
            assert!(found.points.iter().all(|point| (*point as usize) < cells));
            assert_eq!(found.spread > 0.0, cells < 6);
        }
    }

    #[test]
    fn the_similarity_within_is_the_mean_over_all_pairs() {
        let events = [[1.0f32, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.6, 0.8]];
        let sum = [1.6, 1.4, 0.8];
        let expected = (0.6 + 0.0 + 0.48) / 3.0;
        let found = size(&sum, 3.0, &[0.0; 3]).within(0.0).unwrap();
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        assert_eq!(size(&events[0], 1.0, &[0.0; 3]).within(0.0), None, "one event has no pairs");
    }
}
