//! A cell: some like events as their number and their sum.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::blob;
use super::id::CellId;
use super::kernel::dot;
use crate::causal::Fingerprint;

/// The weight at which a cell forgets half of what it weighs, so that it follows a drift.
pub(super) const WEIGHT_MAX: f32 = 1024.0;
/// What a writer may add to any cell that it has not founded, and what all the cells may weigh that it founds in an intent
/// of another writer's, however little the others have there.
pub(super) const FREE: f32 = 4.0;
/// Writers other than the founder that a cell remembers.
const TALLIES: usize = 4;

/// Like events, which stay together for good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Cell {
    pub(super) id: CellId,
    /// What names the event that founded it.
    pub(super) founder: [u8; 32],
    pub(super) writer: Option<Fingerprint>,
    /// The row of the intent that it is part of.
    pub(super) intent: u32,
    /// Its events.
    pub(super) count: u64,
    /// The numbers of its first event and of its last.
    pub(super) first: u64,
    pub(super) last: u64,
    /// The event up to which it was aged.
    pub(super) aged: u64,
    /// The sum of the weights that its events have in `sum`, and of the squares of these weights.
    pub(super) weight: f32,
    pub(super) squares: f32,
    #[serde(with = "blob")]
    pub(super) sum: Vec<f32>,
    /// What the writers other than the founder have added. Whoever finds the list full takes the place of the least, and
    /// what that one had added: so nobody adds more by coming and going.
    pub(super) tallies: SmallVec<[(Fingerprint, f32); TALLIES]>,
}

impl Cell {
    pub(super) fn new(id: CellId, founder: [u8; 32], writer: Option<Fingerprint>, event: u64, unit: &[f32]) -> Self {
        Self {
            id,
            founder,
            writer,
            intent: 0,
            count: 1,
            first: event,
            last: event,
            aged: event,
            weight: 1.0,
            squares: 1.0,
            sum: unit.to_vec(),
            tallies: SmallVec::new(),
        }
    }

    /// What Ward's sum of squares would grow by with a further event.
    pub(super) fn cost(&self, unit: &[f32]) -> f32 {
        let mean = 1.0 / self.weight;
        let distance = 1.0 - 2.0 * mean * dot(&self.sum, unit) + mean * mean * dot(&self.sum, &self.sum);
        (self.weight / (self.weight + 1.0) * distance).max(0.0)
    }

    /// Takes an event in; whether it has moved the cell.
    pub(super) fn absorb(&mut self, event: u64, writer: Option<&Fingerprint>, unit: &[f32]) -> bool {
        self.count += 1;
        self.last = event;
        self.aged = event;
        if !self.admits(writer) {
            return false;
        }
        self.sum.iter_mut().zip(unit).for_each(|(sum, value)| *sum += value);
        self.weight += 1.0;
        self.squares += 1.0;
        if self.weight >= WEIGHT_MAX {
            self.halve();
        }
        true
    }

    /// Whether a writer may add to the sum, which is then counted.
    fn admits(&mut self, writer: Option<&Fingerprint>) -> bool {
        let Some(writer) = writer.filter(|writer| self.writer.as_ref() != Some(*writer)) else { return true };
        let place = match self.tallies.iter().position(|(other, _)| other == writer) {
            Some(place) => place,
            None if self.tallies.len() < TALLIES => {
                self.tallies.push((*writer, 0.0));
                self.tallies.len() - 1
            }
            None => self.least(),
        };
        let Some((name, tally)) = self.tallies.get_mut(place) else { return false };
        *name = *writer;
        if *tally + 1.0 > FREE.max(self.weight - *tally) {
            return false;
        }
        *tally += 1.0;
        true
    }

    fn least(&self) -> usize {
        let tallies = self.tallies.iter().enumerate();
        tallies.min_by(|(_, left), (_, right)| left.1.total_cmp(&right.1)).map_or(0, |(place, _)| place)
    }

    /// Takes in the cell `other`, which is younger.
    pub(super) fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.aged = self.aged.max(other.aged);
        self.sum.iter_mut().zip(&other.sum).for_each(|(sum, value)| *sum += value);
        self.weight += other.weight;
        self.squares += other.squares;
        if other.writer != self.writer
            && let Some(writer) = other.writer
        {
            let named: f32 = other.tallies.iter().map(|(_, tally)| tally).sum();
            self.tally(writer, (other.weight - named).max(0.0));
        }
        for (writer, tally) in other.tallies {
            if self.writer != Some(writer) {
                self.tally(writer, tally);
            }
        }
        while self.weight >= WEIGHT_MAX {
            self.halve();
        }
    }

    fn tally(&mut self, writer: Fingerprint, more: f32) {
        if let Some((_, tally)) = self.tallies.iter_mut().find(|(other, _)| *other == writer) {
            *tally += more;
        } else if self.tallies.len() < TALLIES {
            self.tallies.push((writer, more));
        } else {
            let least = self.least();
            if let Some(place) = self.tallies.get_mut(least).filter(|(_, tally)| *tally < more) {
                *place = (writer, more);
            }
        }
    }

    /// Counts half, once for each `horizon` of events that brought it none. Whether it does.
    pub(super) fn age(&mut self, now: u64, horizon: u64) -> bool {
        let mut aged = false;
        while now.saturating_sub(self.aged) >= horizon && self.weight >= 2.0 {
            self.aged = self.aged.saturating_add(horizon);
            self.halve();
            aged = true;
        }
        aged
    }

    fn halve(&mut self) {
        self.sum.iter_mut().for_each(|sum| *sum *= 0.5);
        self.weight *= 0.5;
        self.squares *= 0.25;
        self.tallies.iter_mut().for_each(|(_, tally)| *tally *= 0.5);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(name: &str) -> Fingerprint {
        Fingerprint::named(name).unwrap()
    }

    fn cell(founder: &str, events: u64) -> Cell {
        let mut cell = Cell::new(CellId(0), [0; 32], Some(writer(founder)), 1, &[1.0, 0.0]);
        for event in 2..=events {
            assert!(cell.absorb(event, Some(&writer(founder)), &[1.0, 0.0]));
        }
        cell
    }

    #[test]
    fn a_writer_adds_at_most_as_much_as_all_others_and_is_counted_beyond_that() {
        let mut cell = cell("alice", 10);
        let moved = (0..100).filter(|event| cell.absorb(11 + event, Some(&writer("mallory")), &[0.0, 1.0])).count();
        assert_eq!((moved, cell.count, cell.weight), (10, 110, 20.0));
        assert!(cell.absorb(111, Some(&writer("alice")), &[1.0, 0.0]), "the founder is not held back");
        assert!(cell.absorb(112, Some(&writer("bob")), &[1.0, 0.0]), "nor is somebody else");
    }

    #[test]
    fn a_few_events_of_anybody_count_and_names_that_come_and_go_add_no_more_than_one() {
        let mut young = cell("alice", 1);
        let moved = (0..10).filter(|event| young.absorb(2 + event, Some(&writer("bob")), &[0.0, 1.0])).count();
        assert_eq!(moved, 4);

        let mut cell = cell("alice", 1);
        let names: Vec<Fingerprint> = (0..50).map(|name| writer(&format!("sybil-{name}"))).collect();
        for (event, name) in (2..).zip(names.iter().cycle().take(1000)) {
            cell.absorb(event, Some(name), &[0.0, 1.0]);
        }
        assert!(cell.tallies.iter().all(|(_, tally)| *tally > 100.0), "those that come inherit: {:?}", cell.tallies);
    }

    #[test]
    fn a_heavy_cell_forgets_half_and_follows_a_drift() {
        let mut cell = cell("alice", 1500);
        assert!(cell.weight < WEIGHT_MAX);
        assert_eq!(cell.count, 1500);
        for event in 1501..4000 {
            cell.absorb(event, None, &[0.0, 1.0]);
        }
        assert!(cell.sum[1] > 2.0 * cell.sum[0], "{:?}", cell.sum);
    }

    #[test]
    fn a_cell_that_gets_nothing_counts_half_for_each_horizon_and_never_less_than_one() {
        let mut cell = cell("alice", 8);
        assert!(!cell.age(107, 100));
        assert!(cell.age(108, 100));
        assert!(!cell.age(108, 100), "aging is done once");
        assert_eq!((cell.weight, cell.count), (4.0, 8));
        cell.age(100_000, 100);
        assert_eq!(cell.weight, 1.0);
    }
}
