//! A consolidation: cells are folded where there are too many, and grouped into intents again, from their sums alone.
//!
//! It works on what was there when it began. Events go on arriving meanwhile, and each does a bounded part of it.

use serde::{Deserialize, Serialize};

use super::calibration::{Calibration, threshold};
use super::engine::Engine;
use super::fact::IntentFact;
use super::kernel::dot;
use super::settle::Settle;
use super::tree::{Cut, Size, cut};
use super::ward::Ward;
use crate::words::Result;

/// How far it has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Consolidation {
    /// The cells are being joined into a tree.
    Tree {
        /// The tree so far.
        ward: Ward,
        /// What is known of the cells.
        leaves: Vec<Size>,
        /// The mean similarity of any two events.
        random: f64,
    },
    /// The tree is cut, and the cells that are left move to where they fit best.
    Groups {
        /// The point that each cell is to be part of.
        points: Vec<u32>,
        /// The points and their groups.
        settle: Settle,
        /// The largest cost of folding a cell into another.
        spread: f32,
    },
}

impl Engine {
    /// Begins a consolidation of the cells as they are.
    pub(super) fn begin(&mut self) {
        self.begun = self.events;
        self.begun_cells = u32::try_from(self.folded.len()).unwrap_or(u32::MAX);
        let (now, horizon) = (self.events, self.options.horizon);
        let mut aged = Vec::new();
        for cell in &mut self.cells {
            if cell.age(now, horizon) {
                aged.push(cell.intent as usize);
            }
        }
        aged.sort_unstable();
        aged.dedup();
        for row in aged {
            // A row of the right dimension is always replaced.
            let _ = self.refresh(row);
        }
        let (leaves, random) = self.sizes();
        let ward = Ward::new(self.options.dimension, self.cells.iter().map(|cell| (cell.sum.as_slice(), cell.weight)));
        self.running = Some(Consolidation::Tree { ward, leaves, random });
    }

    /// What is known of each cell, and the mean similarity of any two events.
    fn sizes(&self) -> (Vec<Size>, f64) {
        let mut mean = vec![0.0f32; self.options.dimension];
        for cell in &self.cells {
            mean.iter_mut().zip(&cell.sum).for_each(|(into, from)| *into += from);
        }
        let weight: f32 = self.cells.iter().map(|cell| cell.weight).sum();
        mean.iter_mut().for_each(|value| *value /= weight.max(1.0));
        let size = |sum: &[f32], weight: f32, squares: f32| Size {
            weight: f64::from(weight),
            squares: f64::from(squares),
            norm: f64::from(dot(sum, sum)),
            common: f64::from(dot(sum, &mean)),
        };
        let sizes = self.cells.iter().map(|cell| size(&cell.sum, cell.weight, cell.squares)).collect();
        (sizes, f64::from(dot(&mean, &mean)))
    }

    /// Goes on with the consolidation that is under way, for about `budget` pairs. What it has changed, once it is done.
    pub(super) fn step(&mut self, budget: &mut usize) -> Result<Vec<IntentFact>> {
        let mut facts = Vec::new();
        match self.running.take() {
            None => {}
            Some(Consolidation::Tree { mut ward, leaves, random }) => {
                if ward.step(budget) {
                    let separation = f64::from(self.options.separation);
                    let cut = cut(&leaves, &ward.merges, random, self.options.cells, separation);
                    let settle = self.points(&cut, random);
                    self.running = Some(Consolidation::Groups { points: cut.points, settle, spread: cut.spread });
                    return self.step(budget);
                }
                self.running = Some(Consolidation::Tree { ward, leaves, random });
            }
            Some(Consolidation::Groups { points, mut settle, spread }) => {
                if settle.step(budget) {
                    self.spread = self.spread.max(spread);
                    facts = self.regroup(&points, settle.groups())?;
                    let (cells, random) = self.sizes();
                    self.learn(&cells, random);
                } else {
                    self.running = Some(Consolidation::Groups { points, settle, spread });
                }
            }
        }
        Ok(facts)
    }

    /// The points of a cut, each the sum of its cells as they are by now.
    fn points(&self, cut: &Cut, random: f64) -> Settle {
        let dimension = self.options.dimension;
        let mut sums = vec![0.0; cut.groups.len() * dimension];
        let mut weights = vec![0.0; cut.groups.len()];
        for (cell, point) in self.cells.iter().zip(&cut.points) {
            let sum = sums.chunks_exact_mut(dimension).nth(*point as usize);
            if let Some((sum, weight)) = sum.zip(weights.get_mut(*point as usize)) {
                sum.iter_mut().zip(&cell.sum).for_each(|(into, from)| *into += from);
                *weight += cell.weight;
            }
        }
        Settle::new(dimension, sums, weights, cut.groups.clone(), threshold(random, cut.within))
    }

    fn learn(&mut self, cells: &[Size], random: f64) {
        let sizes: Vec<Size> = self
            .intents
            .iter()
            .map(|intent| {
                let mut sum = vec![0.0; self.options.dimension];
                let mut size = Size { weight: 0.0, squares: 0.0, norm: 0.0, common: 0.0 };
                for (cell, known) in
                    intent.cells.iter().filter_map(|place| self.cells.get(*place).zip(cells.get(*place)))
                {
                    sum.iter_mut().zip(&cell.sum).for_each(|(into, from)| *into += from);
                    size.weight += known.weight;
                    size.squares += known.squares;
                    size.common += known.common;
                }
                size.norm = f64::from(dot(&sum, &sum));
                size
            })
            .collect();
        self.calibration = Calibration::learn(&self.options, &sizes, random);
    }
}
