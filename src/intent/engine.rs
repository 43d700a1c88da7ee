//! The intents of one model: what an event does to them, with nothing hidden. The same events in the same order give the
//! same bits.

use std::collections::BTreeMap;

use super::assignment::{Assignment, IntentEvent, IntentMatch};
use super::calibration::Calibration;
use super::cell::{Cell, FREE};
use super::consolidation::Consolidation;
use super::fact::IntentFact;
use super::id::{CellId, IntentId};
use super::kernel::dot;
use super::options::IntentOptions;
use super::scan::Scan;
use super::vector::UnitVector;
use crate::causal::Fingerprint;
use crate::words::{Result, StoreError};

/// Pairs that an event compares for a consolidation that is under way.
const STEP: usize = 4096;
/// A consolidation begins when this part of the cells is new, but not for less than `NEW_MIN` of them.
const NEW_SHARE: usize = 4;
const NEW_MIN: usize = 16;
/// It begins after so many events even if none of them has founded a cell.
const EVENTS: u64 = 4096;
/// What a further event may cost a cell at least: the same again always fits.
const SPREAD_MIN: f32 = 1e-4;

/// Everything that the events so far have left.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    pub(super) options: IntentOptions,
    pub(super) events: u64,
    /// The cells there are, by number.
    pub(super) cells: Vec<Cell>,
    /// For every number ever given: itself, or that of the cell it was folded into.
    pub(super) folded: Vec<u32>,
    pub(super) intents: Vec<Intent>,
    /// The intents' centroids.
    pub(super) rows: Scan,
    /// Ids that were given up, and what they resolve to next.
    pub(super) retired: BTreeMap<IntentId, IntentId>,
    /// What a further event may cost a cell.
    pub(super) spread: f32,
    pub(super) calibration: Calibration,
    /// Consolidations so far.
    pub(super) round: u64,
    /// The event at which the last one began, and the numbers that had been given to cells.
    pub(super) begun: u64,
    pub(super) begun_cells: u32,
    /// The consolidation that is under way.
    pub(super) running: Option<Consolidation>,
}

/// A group of cells.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Intent {
    pub(super) id: IntentId,
    /// The places of its cells, ascending.
    pub(super) cells: Vec<usize>,
    pub(super) count: u64,
    /// The mean similarity of an event to its events, over the similarity to the centroid.
    pub(super) length: f32,
}

impl Engine {
    pub(super) fn new(options: IntentOptions) -> Result<Self> {
        options.check()?;
        Ok(Self {
            events: 0,
            cells: Vec::new(),
            folded: Vec::new(),
            intents: Vec::new(),
            rows: Scan::new(options.dimension),
            retired: BTreeMap::new(),
            spread: SPREAD_MIN,
            calibration: Calibration::unknown(&options),
            round: 0,
            begun: 0,
            begun_cells: 0,
            running: None,
            options,
        })
    }

    /// The nearest intents to a direction, without any change.
    pub(super) fn classify(&self, embedding: &[f32]) -> Result<Option<IntentMatch>> {
        let unit = UnitVector::of_dimension(embedding, self.options.dimension)?;
        Ok(self.nearest(&unit)?.map(|(_, found)| found))
    }

    fn nearest(&self, unit: &UnitVector) -> Result<Option<(usize, IntentMatch)>> {
        let read = |row: usize, into: &mut [f32]| {
            if let Some(intent) = self.intents.get(row) {
                into.copy_from_slice(direction(&self.weighed(intent).0).values());
            }
            Ok(())
        };
        let found = self.rows.nearest(unit, 2, self.intents.len(), |_| true, read)?.rows;
        let id = |row: usize| self.intents.get(row).map(|intent| intent.id);
        let Some((first, intent)) = found.first().and_then(|first| Some((first, id(first.row)?))) else {
            return Ok(None);
        };
        let second = found.get(1);
        let margin = second.map_or(first.similarity, |second| first.similarity - second.similarity);
        let runner_up = second.and_then(|second| id(second.row));
        Ok(Some((first.row, IntentMatch { intent, similarity: first.similarity, margin, runner_up })))
    }

    /// Takes in the next event.
    pub(super) fn assign(&mut self, event: &IntentEvent<'_>) -> Result<Assignment> {
        let unit = UnitVector::of_dimension(event.embedding, self.options.dimension)?;
        let found = self.nearest(&unit)?;
        let joined = found.and_then(|(row, found)| {
            let intent = self.intents.get(row)?;
            let is_full = self.cells.len() >= self.options.cells * 2;
            (found.similarity * intent.length >= self.calibration.threshold || is_full).then_some((row, is_full))
        });
        let number = self.next_number()?;
        self.events += 1;
        let founds = |engine: &mut Self, row: Option<usize>| engine.found(event, &unit, number, row);
        let (cell, intent, is_new) = match joined {
            Some((row, is_full)) => match self.absorb(row, &unit, event.writer.as_ref(), is_full) {
                Some((cell, intent)) => (cell, intent, false),
                None => {
                    let (cell, intent) = founds(self, Some(row))?;
                    (cell, intent, false)
                }
            },
            None => {
                let (cell, intent) = founds(self, None)?;
                (cell, intent, true)
            }
        };
        let (similarity, margin, runner_up) = match found {
            Some((_, found)) if !is_new => (found.similarity, found.margin, found.runner_up),
            Some((_, found)) => (1.0, 1.0 - found.similarity, Some(found.intent)),
            None => (1.0, 1.0, None),
        };
        let facts = if self.options.automatic { self.advance()? } else { Vec::new() };
        Ok(Assignment { intent, is_new, cell, similarity, margin, runner_up, facts })
    }

    fn next_number(&self) -> Result<CellId> {
        u32::try_from(self.folded.len()).ok().filter(|number| *number < u32::MAX).map(CellId).ok_or(StoreError::Limit {
            what: "the intent store",
            found: self.folded.len() as u64 + 1,
            limit: u64::from(u32::MAX),
            unit: "cells ever founded",
        })
    }

    /// Puts an event into the cell of an intent that it costs least, if it costs little enough or no more can be founded.
    fn absorb(
        &mut self,
        row: usize,
        unit: &UnitVector,
        writer: Option<&Fingerprint>,
        is_full: bool,
    ) -> Option<(CellId, IntentId)> {
        let intent = self.intents.get_mut(row)?;
        let mut best = None;
        let mut least = if is_full { f32::INFINITY } else { self.spread };
        for place in &intent.cells {
            let cost = self.cells.get(*place)?.cost(unit.values());
            if cost < least || (cost == least && best.is_none()) {
                (best, least) = (Some(*place), cost);
            }
        }
        let cell = self.cells.get_mut(best?)?;
        let moved = cell.absorb(self.events, writer, unit.values());
        let found = (cell.id, intent.id);
        intent.count += 1;
        if moved {
            self.refresh(row).ok()?;
        }
        Some(found)
    }

    /// Founds a cell, in the intent of a row or as an intent of its own.
    fn found(
        &mut self,
        event: &IntentEvent<'_>,
        unit: &UnitVector,
        id: CellId,
        row: Option<usize>,
    ) -> Result<(CellId, IntentId)> {
        let founder = event.reference.unwrap_or_else(|| numbered(self.events));
        let mut cell = Cell::new(id, founder, event.writer, self.events, unit.values());
        let place = self.cells.len();
        let row = match row.and_then(|row| Some((row, self.intents.get_mut(row)?))) {
            Some((row, intent)) => {
                intent.cells.push(place);
                intent.count += 1;
                row
            }
            None => {
                let id = IntentId::founded(&self.options.tenant, &self.options.model, &founder, id, 0);
                self.rows.push(unit)?;
                self.intents.push(Intent { id, cells: vec![place], count: 1, length: 1.0 });
                self.intents.len() - 1
            }
        };
        cell.intent = u32::try_from(row).unwrap_or(u32::MAX);
        self.folded.push(id.0);
        self.cells.push(cell);
        self.refresh(row)?;
        let intent = self.intents.get(row).map_or(IntentId::from_bytes([0; 32]), |intent| intent.id);
        Ok((id, intent))
    }

    /// Takes the centroid of an intent from its cells again.
    pub(super) fn refresh(&mut self, row: usize) -> Result<()> {
        let Some(intent) = self.intents.get(row) else { return Ok(()) };
        let (sum, weight) = self.weighed(intent);
        self.rows.replace(row, &direction(&sum))?;
        if let Some(intent) = self.intents.get_mut(row) {
            intent.length = length(&sum, weight);
        }
        Ok(())
    }

    /// The sum of an intent's cells, in their order, and its weight. The cells that one writer founded weigh at most as much
    /// as all others together, or [`FREE`], but for the writer that founded the intent. What a cell has from writers other
    /// than its founder counts as its founder's: their shares of the sum are not kept.
    pub(super) fn weighed(&self, intent: &Intent) -> (Vec<f32>, f32) {
        let cells = || intent.cells.iter().filter_map(|place| self.cells.get(*place));
        let owner = cells().next().and_then(|cell| cell.writer);
        let guest = |cell: &Cell| cell.writer.filter(|writer| owner != Some(*writer));
        let total: f32 = cells().map(|cell| cell.weight).sum();
        let mut guests: BTreeMap<Fingerprint, f32> = BTreeMap::new();
        for (writer, cell) in cells().filter_map(|cell| Some((guest(cell)?, cell))) {
            *guests.entry(writer).or_insert(0.0) += cell.weight;
        }
        let share = |writer: Fingerprint| {
            let own = guests.get(&writer).copied().unwrap_or_default();
            if own > FREE { ((total - own).max(FREE) / own).min(1.0) } else { 1.0 }
        };
        let mut sum = vec![0.0; self.options.dimension];
        let mut weight = 0.0;
        for cell in cells() {
            let share = guest(cell).map_or(1.0, share);
            sum.iter_mut().zip(&cell.sum).for_each(|(into, from)| *into += share * from);
            weight += share * cell.weight;
        }
        (sum, weight)
    }

    /// Does its part of a consolidation, if one is under way or due.
    fn advance(&mut self) -> Result<Vec<IntentFact>> {
        let founded = self.folded.len().saturating_sub(self.begun_cells as usize);
        let (every, is_new) = match self.options.every {
            Some(every) => (every, false),
            None => (EVENTS, founded >= NEW_MIN.max(self.cells.len() / NEW_SHARE)),
        };
        let is_due = is_new
            || self.cells.len() >= self.options.cells + self.options.cells / NEW_SHARE
            || self.events - self.begun >= every;
        if self.running.is_none() && is_due {
            self.begin();
        }
        let mut budget = STEP;
        self.step(&mut budget)
    }

    /// Consolidates to the end, unless nothing has changed since the last time.
    pub(super) fn consolidate(&mut self) -> Result<Vec<IntentFact>> {
        let mut budget = usize::MAX;
        let mut facts = self.step(&mut budget)?;
        if self.begun < self.events {
            self.begin();
            budget = usize::MAX;
            facts.append(&mut self.step(&mut budget)?);
        }
        Ok(facts)
    }

    /// What became of an id.
    pub(super) fn resolve(&self, id: &IntentId) -> Option<IntentId> {
        let mut id = *id;
        // Each id is retired once and to one that lives, so that there is an end.
        while let Some(next) = self.retired.get(&id) {
            id = *next;
        }
        self.intents.iter().any(|intent| intent.id == id).then_some(id)
    }

    /// The cell that a number stands for now.
    pub(super) fn cell(&self, id: CellId) -> Option<&Cell> {
        let mut number = id;
        // A cell is folded into one with a lower number.
        while let Some(next) = self.folded.get(number.index()).filter(|next| **next < number.0) {
            number = CellId(*next);
        }
        let place = self.cells.binary_search_by_key(&number, |cell| cell.id).ok()?;
        self.cells.get(place)
    }
}

/// What names an event that has no other name.
fn numbered(event: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    if let Some((_, end)) = bytes.split_last_chunk_mut() {
        *end = event.to_be_bytes();
    }
    bytes
}

/// The direction of a sum; one that cancels out has the first.
pub(super) fn direction(sum: &[f32]) -> UnitVector {
    UnitVector::new(sum).unwrap_or_else(|_| {
        let mut first = vec![0.0; sum.len().max(1)];
        first.iter_mut().take(1).for_each(|value| *value = 1.0);
        UnitVector::new(&first).expect("one value is 1")
    })
}

/// The length of the mean of what adds up to a sum.
pub(super) fn length(sum: &[f32], weight: f32) -> f32 {
    dot(sum, sum).sqrt() / weight
}
