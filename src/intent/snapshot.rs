//! The whole state as bytes, and back. What is read back is checked as if an enemy had written it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::cell::{Cell, WEIGHT_MAX};
use super::consolidation::Consolidation;
use super::engine::{Engine, Intent};
use super::id::IntentId;
use super::kernel::dot;
use super::options::IntentOptions;
use crate::words::limits::COUNTER_MAX;
use crate::words::{Result, StoreError};

/// Type tag and version.
const MAGIC: &[u8; 8] = b"CVINTNT\x01";

/// What is stored; the rest follows from it.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    options: Cow<'a, IntentOptions>,
    events: u64,
    cells: Cow<'a, [Cell]>,
    folded: Cow<'a, [u32]>,
    intents: Vec<IntentId>,
    retired: Cow<'a, BTreeMap<IntentId, IntentId>>,
    spread: f32,
    calibration: Calibration,
    round: u64,
    begun: u64,
    begun_cells: u32,
    running: Cow<'a, Option<Consolidation>>,
}

/// Whether what is written is what was read.
struct Same<'a>(&'a [u8]);

impl Write for Same<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.strip_prefix(bytes).ok_or(std::io::ErrorKind::InvalidData)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Engine {
    /// The state as bytes: the same events in the same order give the same.
    pub(super) fn snapshot(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.bytes());
        self.write(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&self, mut to: impl Write) -> Result<()> {
        let stored = Stored {
            options: Cow::Borrowed(&self.options),
            events: self.events,
            cells: Cow::Borrowed(&self.cells),
            folded: Cow::Borrowed(&self.folded),
            intents: self.intents.iter().map(|intent| intent.id).collect(),
            retired: Cow::Borrowed(&self.retired),
            spread: self.spread,
            calibration: self.calibration,
            round: self.round,
            begun: self.begun,
            begun_cells: self.begun_cells,
            running: Cow::Borrowed(&self.running),
        };
        let failed = |error: &dyn std::fmt::Display| corrupt(format!("it cannot be encoded: {error}"));
        to.write_all(MAGIC).map_err(|error| failed(&error))?;
        rmp_serde::encode::write(&mut to, &stored).map_err(|error| failed(&error))
    }

    /// About how long the state is.
    fn bytes(&self) -> usize {
        let sums: usize = self.cells.iter().map(|cell| size_of_val(cell.sum.as_slice()) + 256).sum();
        sums + self.folded.len() * 5 + (self.intents.len() + 2 * self.retired.len()) * 34 + 1024
    }

    /// The engine that a snapshot was taken of.
    pub(super) fn restore(bytes: &[u8]) -> Result<Self> {
        let body = bytes.strip_prefix(MAGIC).ok_or_else(|| {
            let found = bytes.get(..MAGIC.len()).unwrap_or(bytes);
            corrupt(format!("it begins with {found:02x?}, and {MAGIC:02x?} is expected"))
        })?;
        let stored: Stored<'_> =
            rmp_serde::from_slice(body).map_err(|error| corrupt(format!("it does not decode: {error}")))?;
        stored.options.check()?;
        stored.check().map_err(|rule| corrupt(rule.to_owned()))?;
        let engine = stored.engine()?;
        // Bytes that say the same in other words are not what was written.
        let mut same = Same(bytes);
        if engine.write(&mut same).is_err() || !same.0.is_empty() {
            return Err(corrupt("it holds more than a state, or tells it in other words".to_owned()));
        }
        Ok(engine)
    }
}

impl Stored<'_> {
    fn check(&self) -> std::result::Result<(), &'static str> {
        let rules = [
            (self.events.max(self.round) <= COUNTER_MAX, "there are more events or consolidations than can be counted"),
            (self.numbers(), "cells or their numbers do not fit together"),
            (self.cells.iter().all(|cell| self.is_sound(cell)), "a cell has values that no events give"),
            (self.counts(), "the events of the cells do not add up to all events"),
            (self.ids(), "ids of intents are there twice, or lead nowhere"),
            (self.spread.is_finite() && self.spread >= 0.0, "the spread is not a finite number"),
            (self.calibration.is_sound(), "the calibration is not made of finite numbers"),
            (self.progress(), "the consolidation that is under way does not fit the cells"),
        ];
        rules.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, rule)| Err(*rule))
    }

    /// Cells ascend by number, and every other number leads to a lower one.
    fn numbers(&self) -> bool {
        let ids: BTreeSet<u32> = self.cells.iter().map(|cell| cell.id.0).collect();
        self.cells.is_sorted_by(|left, right| left.id < right.id)
            && self.cells.len() <= self.options.cells * 2
            && self.folded.len() < u32::MAX as usize
            && ids.last().is_none_or(|last| (*last as usize) < self.folded.len())
            && (0..)
                .zip(&*self.folded)
                .all(|(number, to)| if ids.contains(&number) { *to == number } else { *to < number })
            && self.begun_cells as usize <= self.folded.len()
            && self.begun <= self.events
            && self.round <= self.events.saturating_mul(2)
    }

    fn is_sound(&self, cell: &Cell) -> bool {
        let length = dot(&cell.sum, &cell.sum).sqrt();
        let named: f32 = cell.tallies.iter().map(|(_, tally)| tally).sum();
        cell.sum.len() == self.options.dimension
            && (0.25..WEIGHT_MAX).contains(&cell.weight)
            && cell.squares > 0.0
            && cell.squares <= cell.weight * 1.001
            && length <= cell.weight * 1.001
            && cell.count >= 1
            && (1..=cell.last).contains(&cell.first)
            && cell.last <= self.events
            && cell.aged <= self.events
            && (cell.intent as usize) < self.intents.len()
            && cell.tallies.len() <= 4
            && cell.tallies.iter().all(|(_, tally)| *tally >= 0.0)
            && named.is_finite()
    }

    fn counts(&self) -> bool {
        self.cells.iter().try_fold(0u64, |sum, cell| sum.checked_add(cell.count)) == Some(self.events)
    }

    fn ids(&self) -> bool {
        let mut lives: BTreeSet<IntentId> = self.intents.iter().copied().collect();
        let used: BTreeSet<u32> = self.cells.iter().map(|cell| cell.intent).collect();
        if lives.len() != self.intents.len() || used.len() != self.intents.len() {
            return false;
        }
        // An id is retired to one that lived then: following them all, none is seen twice.
        if self.retired.keys().any(|id| lives.contains(id)) {
            return false;
        }
        let mut left: Vec<(&IntentId, &IntentId)> = self.retired.iter().collect();
        loop {
            let before = left.len();
            let known: Vec<IntentId> =
                left.iter().filter(|(_, to)| lives.contains(to)).map(|(from, _)| **from).collect();
            left.retain(|(_, to)| !lives.contains(to));
            lives.extend(known);
            if left.is_empty() {
                return true;
            }
            if left.len() == before {
                return false;
            }
        }
    }

    fn progress(&self) -> bool {
        let dimension = self.options.dimension;
        let begun = self.cells.iter().filter(|cell| cell.id.0 < self.begun_cells).count();
        match &*self.running {
            None => true,
            Some(Consolidation::Tree { ward, leaves, random }) => {
                let numbers = |size: &super::tree::Size| [size.weight, size.squares, size.norm, size.common];
                ward.leaves() == begun
                    && leaves.len() == begun
                    && ward.is_sound(dimension, begun)
                    && leaves.iter().flat_map(numbers).all(f64::is_finite)
                    && leaves.iter().all(|size| size.weight > 0.0 && size.squares > 0.0)
                    && random.is_finite()
            }
            Some(Consolidation::Groups { points, settle, spread }) => {
                points.len() == begun
                    && points.iter().all(|point| (*point as usize) < settle.groups().len())
                    && settle.is_sound(dimension, begun)
                    && spread.is_finite()
            }
        }
    }

    fn engine(self) -> Result<Engine> {
        let mut engine = Engine::new(self.options.into_owned())?;
        let intents = self.intents.into_iter();
        engine.intents = intents.map(|id| Intent { id, cells: Vec::new(), count: 0, length: 0.0 }).collect();
        for (place, cell) in self.cells.iter().enumerate() {
            if let Some(intent) = engine.intents.get_mut(cell.intent as usize) {
                intent.cells.push(place);
                intent.count += cell.count;
            }
        }
        engine.events = self.events;
        engine.cells = self.cells.into_owned();
        engine.folded = self.folded.into_owned();
        engine.retired = self.retired.into_owned();
        engine.spread = self.spread;
        engine.calibration = self.calibration;
        engine.round = self.round;
        engine.begun = self.begun;
        engine.begun_cells = self.begun_cells;
        engine.running = self.running.into_owned();
        engine.index()?;
        Ok(engine)
    }
}

fn corrupt(detail: String) -> StoreError {
    StoreError::Corrupt { what: "the snapshot of an intent store".to_owned(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intent::assignment::IntentEvent;

    #[test]
    fn counters_that_would_overflow_are_refused() {
        let mut engine = Engine::new(IntentOptions::new("model", 2)).unwrap();
        engine.assign(&IntentEvent::from(&[1.0, 0.0])).unwrap();
        let restored = |events: u64, round: u64| {
            let mut engine = engine.clone();
            (engine.events, engine.cells[0].count, engine.round) = (events, events, round);
            Engine::restore(&engine.snapshot().unwrap())
        };
        for (events, round) in [(u64::MAX, 0), (COUNTER_MAX + 1, 0), (u64::MAX, u64::MAX), (COUNTER_MAX, u64::MAX - 1)]
        {
            let error = restored(events, round).unwrap_err();
            assert!(error.to_string().contains("than can be counted"), "{events}, {round}: {error}");
        }
        let mut last = restored(COUNTER_MAX, COUNTER_MAX).unwrap();
        last.assign(&IntentEvent::from(&[0.0, 1.0])).unwrap();
        last.consolidate().unwrap();
        assert_eq!((last.events, last.round), (COUNTER_MAX + 1, COUNTER_MAX + 1));
    }
}
