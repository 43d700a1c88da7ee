//! Cells in new groups: which intents live on, which are new, and what is to be recorded of it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::cell::Cell;
use super::engine::{Engine, Intent, direction, length};
use super::fact::IntentFact;
use super::id::IntentId;
use super::scan::Scan;
use crate::words::Result;

/// How many events each intent of old, by its row, has in each group.
type Overlaps = BTreeMap<(u32, u32), u64>;

impl Engine {
    /// Makes one cell of the cells of a point and an intent of the points of a group. A group takes the id of the intent
    /// that most of its events come from, unless more of that intent went elsewhere.
    pub(super) fn regroup(&mut self, points: &[u32], groups: &[u32]) -> Result<Vec<IntentFact>> {
        self.round += 1;
        let mut targets: Vec<u32> =
            points.iter().map(|point| groups.get(*point as usize).copied().unwrap_or_default()).collect();
        let mut overlaps = self.overlaps(&targets);
        let mut heirs = heirs(&overlaps);
        // Cells that were founded since it began stay with their intent, or with the largest part of it.
        let first_free = groups.iter().max().map_or(0, |most| most + 1);
        for cell in self.cells.get(targets.len()..).unwrap_or_default() {
            let part = heirs.iter().find(|(_, row)| **row == cell.intent).map(|(group, _)| *group);
            let target = part.or_else(|| largest(&overlaps, cell.intent)).unwrap_or(first_free + cell.intent);
            heirs.entry(target).or_insert(cell.intent);
            targets.push(target);
        }
        overlaps = self.overlaps(&targets);
        let old: Vec<IntentId> = self.intents.iter().map(|intent| intent.id).collect();
        let targets = self.fold(points, &targets);
        let ids = self.rebuild(&targets, &heirs, &old)?;
        Ok(self.record(&overlaps, &old, &ids))
    }

    fn overlaps(&self, targets: &[u32]) -> Overlaps {
        let mut overlaps = Overlaps::new();
        for (cell, target) in self.cells.iter().zip(targets) {
            *overlaps.entry((cell.intent, *target)).or_default() += cell.count;
        }
        overlaps
    }

    /// Folds cells of one point into the oldest of them. The groups of the cells that are left.
    fn fold(&mut self, points: &[u32], targets: &[u32]) -> Vec<u32> {
        let mut kept: Vec<Cell> = Vec::with_capacity(self.cells.len());
        let mut groups = Vec::with_capacity(self.cells.len());
        let mut at: BTreeMap<u32, usize> = BTreeMap::new();
        let points = points.iter().copied().map(Some).chain(std::iter::repeat(None));
        for ((cell, target), point) in std::mem::take(&mut self.cells).into_iter().zip(targets).zip(points) {
            let into = point.and_then(|point| at.get(&point)).and_then(|place| kept.get_mut(*place));
            match into {
                Some(into) => {
                    if let Some(folded) = self.folded.get_mut(cell.id.index()) {
                        *folded = into.id.0;
                    }
                    into.merge(cell);
                }
                None => {
                    if let Some(point) = point {
                        at.insert(point, kept.len());
                    }
                    kept.push(cell);
                    groups.push(*target);
                }
            }
        }
        self.cells = kept;
        groups
    }

    /// Makes an intent of each group, in the order of their oldest cells. The ids of the groups.
    fn rebuild(
        &mut self,
        targets: &[u32],
        heirs: &BTreeMap<u32, u32>,
        old: &[IntentId],
    ) -> Result<BTreeMap<u32, IntentId>> {
        let mut rows: BTreeMap<u32, usize> = BTreeMap::new();
        let mut intents: Vec<Intent> = Vec::new();
        let mut ids = BTreeMap::new();
        for (place, (cell, target)) in self.cells.iter_mut().zip(targets).enumerate() {
            let row = *rows.entry(*target).or_insert(intents.len());
            if row == intents.len() {
                let kept = heirs.get(target).and_then(|row| old.get(*row as usize)).copied();
                let (tenant, model) = (&self.options.tenant, &self.options.model);
                let id = kept.unwrap_or_else(|| IntentId::founded(tenant, model, &cell.founder, cell.id, self.round));
                ids.insert(*target, id);
                intents.push(Intent { id, cells: Vec::new(), count: 0, length: 0.0 });
            }
            cell.intent = u32::try_from(row).unwrap_or(u32::MAX);
            if let Some(intent) = intents.get_mut(row) {
                intent.cells.push(place);
                intent.count += cell.count;
            }
        }
        self.intents = intents;
        self.index()?;
        Ok(ids)
    }

    /// Takes the centroids of all intents from their cells.
    pub(super) fn index(&mut self) -> Result<()> {
        self.rows = Scan::new(self.options.dimension);
        let mut lengths = Vec::with_capacity(self.intents.len());
        for intent in &self.intents {
            let (sum, weight) = self.weighed(intent);
            lengths.push(length(&sum, weight));
            self.rows.push(&direction(&sum))?;
        }
        self.intents.iter_mut().zip(lengths).for_each(|(intent, length)| intent.length = length);
        Ok(())
    }

    /// Retires the ids that are not among the new ones. What became of each intent that is not as it was.
    fn record(&mut self, overlaps: &Overlaps, old: &[IntentId], ids: &BTreeMap<u32, IntentId>) -> Vec<IntentFact> {
        let mut facts = Vec::new();
        for (row, from) in (0..).zip(old.iter().copied()) {
            let mut parts: Vec<(u32, u64)> =
                overlaps.range((row, 0)..=(row, u32::MAX)).map(|((_, group), count)| (*group, *count)).collect();
            parts.sort_by_key(|(group, count)| (Reverse(*count), *group));
            let into: Vec<IntentId> = parts.iter().filter_map(|(group, _)| ids.get(group).copied()).collect();
            let Some(first) = into.first().copied() else { continue };
            if !into.contains(&from) && !ids.values().any(|id| *id == from) {
                self.retired.insert(from, first);
            }
            match into.len() {
                1 if first == from => {}
                1 => facts.push(IntentFact::Merged { from, into: first }),
                _ => facts.push(IntentFact::Split { from, into }),
            }
        }
        facts
    }
}

/// For each group the intent whose id it takes: pairs with the most events in common come first.
fn heirs(overlaps: &Overlaps) -> BTreeMap<u32, u32> {
    let mut pairs: Vec<(Reverse<u64>, u32, u32)> =
        overlaps.iter().map(|((row, group), count)| (Reverse(*count), *row, *group)).collect();
    pairs.sort_unstable();
    let mut heirs = BTreeMap::new();
    let mut taken = std::collections::BTreeSet::new();
    for (_, row, group) in pairs {
        if !heirs.contains_key(&group) && taken.insert(row) {
            heirs.insert(group, row);
        }
    }
    heirs
}

/// The group that has the most of an intent's events.
fn largest(overlaps: &Overlaps, row: u32) -> Option<u32> {
    let parts = overlaps.range((row, 0)..=(row, u32::MAX));
    parts.min_by_key(|((_, group), count)| (Reverse(**count), *group)).map(|((_, group), _)| *group)
}
