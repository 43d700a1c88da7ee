//! Unit vectors in few bytes, and the exact answer to which of them are nearest.
//!
//! Every row's similarity is first bounded by its coarse digits, which rules most rows out, and then by the fine ones as
//! well. Rows that are left are read in full, the most promising first, until none is left that could be an answer. What
//! is compared in the end are the products of the full vectors, so that the answer is that of a plain search over them.

use std::array;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use smallvec::SmallVec;

use super::codes::{Coded, Estimate, Query, Reading};
use super::kernel::dot;
use super::packed::{PackedRows, ROWS};
use super::vector::{UnitVector, check_same_dimension};
use crate::words::{Result, StoreError};

/// Fours of rows whose products are taken in one go.
const FOURS: usize = 8;

/// Rows of one dimension, numbered from 0.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    dimension: usize,
    /// How each row's codes are to be read.
    rows: Vec<Reading>,
    /// The digits of its codes.
    coarse: PackedRows,
    fine: PackedRows,
}

/// The rows that were found, the nearest first; of equally near ones the lower row is first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Nearest {
    pub(crate) rows: Vec<Neighbour>,
    /// How many vectors were read in full.
    pub(crate) read: usize,
}

/// A row and its exact similarity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Neighbour {
    pub(crate) row: usize,
    pub(crate) similarity: f32,
}

impl Scan {
    /// No rows of a dimension that was checked.
    pub(crate) fn new(dimension: usize) -> Self {
        let digits = PackedRows::new(dimension);
        Self { dimension, rows: Vec::new(), coarse: digits.clone(), fine: digits }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    /// Bytes of memory, those kept free for further rows included.
    pub(crate) fn bytes(&self) -> usize {
        self.coarse.bytes() + self.fine.bytes() + self.rows.capacity() * size_of::<Reading>()
    }

    /// Appends a row.
    pub(crate) fn push(&mut self, vector: &UnitVector) -> Result<()> {
        check_same_dimension(vector.dimension(), self.dimension)?;
        // A vector that doubles would leave half of it free.
        if self.rows.len() == self.rows.capacity() {
            let more = self.rows.len() / 8 + 8;
            self.rows.reserve_exact(more);
            self.coarse.reserve(more);
            self.fine.reserve(more);
        }
        let coded = Coded::new(vector);
        self.rows.push(coded.reading);
        self.coarse.push(&coded.coarse);
        self.fine.push(&coded.fine);
        Ok(())
    }

    /// Puts another vector into a row; whether there is such a row.
    pub(crate) fn replace(&mut self, row: usize, vector: &UnitVector) -> Result<bool> {
        check_same_dimension(vector.dimension(), self.dimension)?;
        let Some(reading) = self.rows.get_mut(row) else { return Ok(false) };
        let coded = Coded::new(vector);
        *reading = coded.reading;
        self.coarse.set(row, &coded.coarse);
        self.fine.set(row, &coded.fine);
        Ok(true)
    }

    /// Keeps the rows that are asked for, in their order; what the others held is overwritten.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let mut kept = 0;
        for row in 0..self.rows.len() {
            if !keep(row) {
                continue;
            }
            if kept != row {
                self.rows.swap(kept, row);
                self.coarse.copy_within(row, kept);
                self.fine.copy_within(row, kept);
            }
            kept += 1;
        }
        self.rows.truncate(kept);
        self.coarse.truncate(kept);
        self.fine.truncate(kept);
    }

    /// The `k` nearest of the first `among` rows that `keep` lets through. `read` writes the vector of a row that was
    /// pushed; both are asked only about rows that could still be an answer.
    pub(crate) fn nearest(
        &self,
        query: &UnitVector,
        k: usize,
        among: usize,
        keep: impl FnMut(usize) -> bool,
        read: impl FnMut(usize, &mut [f32]) -> Result<()>,
    ) -> Result<Nearest> {
        check_same_dimension(query.dimension(), self.dimension)?;
        if k == 0 {
            return Ok(Nearest { rows: Vec::new(), read: 0 });
        }
        let candidates = self.candidates(query, k, among, keep);
        self.settle(query, k, candidates, read)
    }

    /// Every row that may be among the `k` nearest, by the bounds of its similarity.
    fn candidates(
        &self,
        query: &UnitVector,
        k: usize,
        among: usize,
        mut keep: impl FnMut(usize) -> bool,
    ) -> Vec<Candidate> {
        let query = Query::new(query);
        let mut passed = Vec::new();
        let mut bar = Bar::new(k);
        let rows = self.rows.get(..among).unwrap_or(&self.rows);
        for (block, (rows, coarse)) in rows.chunks(FOURS * ROWS).zip(self.coarse.fours(FOURS)).enumerate() {
            let mut products = [[0; ROWS]; FOURS];
            query.packed.products(coarse, &mut products);
            for (offset, (reading, product)) in rows.iter().zip(products.as_flattened()).enumerate() {
                let estimate = query.coarse(*reading, *product);
                let row = block * FOURS * ROWS + offset;
                if bar.is_cleared_by(&estimate) && keep(row) {
                    bar.raise(&estimate, passed.len());
                    passed.push(Passed { row, coarse: *product, estimate });
                }
            }
        }
        // Those that set the bar come first: they rule most of the others out, so that few fine digits are looked at.
        for (front, place) in bar.places().into_iter().enumerate() {
            passed.swap(front, place);
        }
        let mut bar = Bar::new(k);
        let mut candidates = Vec::new();
        let mut passed = passed.into_iter();
        loop {
            let four: SmallVec<[Passed; ROWS]> =
                passed.by_ref().filter(|passed| bar.is_cleared_by(&passed.estimate)).take(ROWS).collect();
            let Some(first) = four.first() else { break };
            let rows = array::from_fn(|place| four.get(place).unwrap_or(first).row);
            let products = query.packed.product_of_each(self.fine.side_by_side(rows));
            for (Passed { row, coarse, .. }, fine) in four.into_iter().zip(products) {
                let Some(reading) = self.rows.get(row) else { continue };
                let estimate = query.precise(*reading, coarse, fine);
                if bar.is_cleared_by(&estimate) {
                    bar.raise(&estimate, candidates.len());
                    candidates.push(Candidate { row, estimate });
                }
            }
        }
        candidates.retain(|candidate| bar.is_cleared_by(&candidate.estimate));
        candidates
    }

    /// The exact order of the candidates.
    fn settle(
        &self,
        query: &UnitVector,
        k: usize,
        mut candidates: Vec<Candidate>,
        mut read: impl FnMut(usize, &mut [f32]) -> Result<()>,
    ) -> Result<Nearest> {
        candidates.sort_unstable_by_key(|candidate| (Reverse(Ordered(candidate.estimate.high())), candidate.row));
        let mut best: BinaryHeap<Reverse<(Ordered, Reverse<usize>)>> = BinaryHeap::new();
        let mut vector = vec![0.0; self.dimension];
        let mut count = 0;
        for candidate in candidates {
            let worst = best.peek().filter(|_| best.len() == k);
            if worst.is_some_and(|Reverse((worst, _))| candidate.estimate.high() < worst.0) {
                break;
            }
            read(candidate.row, &mut vector)?;
            count += 1;
            let similarity = candidate.check(dot(query.values(), &vector))?;
            best.push(Reverse((Ordered(similarity), Reverse(candidate.row))));
            if best.len() > k {
                best.pop();
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "it was an f32")]
        let rows = best
            .into_sorted_vec()
            .into_iter()
            .map(|Reverse((similarity, Reverse(row)))| Neighbour { row, similarity: similarity.0 as f32 })
            .collect();
        Ok(Nearest { rows, read: count })
    }
}

/// What an answer has to reach: the least of the `k` best similarities that are certain.
struct Bar {
    k: usize,
    /// What is certain, and the place of what it is certain of.
    certain: BinaryHeap<Reverse<(Ordered, usize)>>,
    least: f64,
}

impl Bar {
    fn new(k: usize) -> Self {
        Self { k, certain: BinaryHeap::new(), least: f64::NEG_INFINITY }
    }

    fn is_cleared_by(&self, estimate: &Estimate) -> bool {
        estimate.high() >= self.least
    }

    /// Counts what stands at a place, once.
    fn raise(&mut self, estimate: &Estimate, place: usize) {
        if estimate.low() < self.least {
            return;
        }
        self.certain.push(Reverse((Ordered(estimate.low()), place)));
        if self.certain.len() > self.k {
            self.certain.pop();
        }
        if let Some(Reverse((Ordered(low), _))) = self.certain.peek().filter(|_| self.certain.len() == self.k) {
            self.least = *low;
        }
    }

    /// The places of those that set it, ascending.
    fn places(self) -> Vec<usize> {
        let mut places: Vec<usize> = self.certain.into_iter().map(|Reverse((_, place))| place).collect();
        places.sort_unstable();
        places
    }
}

/// A row that its coarse digits do not rule out.
struct Passed {
    row: usize,
    coarse: i32,
    estimate: Estimate,
}

/// A row that may be an answer.
struct Candidate {
    row: usize,
    estimate: Estimate,
}

impl Candidate {
    /// What was read in full must keep within the bounds that were taken when the row was pushed.
    fn check(&self, similarity: f32) -> Result<f64> {
        let found = f64::from(similarity);
        if self.estimate.allows(found) {
            return Ok(found);
        }
        Err(StoreError::Corrupt {
            what: format!("the vector of row {}", self.row),
            detail: format!(
                "its similarity is {found} and what was indexed allows {} to {}; build the index again from the log",
                self.estimate.low(),
                self.estimate.high()
            ),
        })
    }
}

/// A finite number, in numeric order.
#[derive(Clone, Copy, PartialEq)]
struct Ordered(f64);

impl Eq for Ordered {}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
