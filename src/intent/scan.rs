//! Unit vectors as a byte a value, and the exact answer to which of them are nearest.
//!
//! A row `u` is kept as `scale * codes` and the length of what that leaves out, `|u - scale * codes| <= residual`. The query
//! `q` is coded likewise, in 12 bits and a sign. By Cauchy and Schwarz the product of the codes is then off by at most
//! `residual * |q| + |scale * codes| * |q's residual|`, whatever the values are. Rows that this bound does not rule out
//! are read in full, the most promising first, until none is left that could be an answer. What is compared in the end are
//! the products of the full vectors, so that the answer is that of a plain search over them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::kernel::{CODE_MAX, QUERY_CODE_MAX, dot, dot_codes};
use super::vector::{UnitVector, check_same_dimension};
use crate::words::{Result, StoreError};

/// Rows whose products are taken in one go.
const BLOCK: usize = 128;
/// What the rounding of a product of two unit vectors can add to its error: an addition in each of 128 rounds, five that
/// join the sums, and a multiplication, of 2^-24 each. Above that it covers the rounding of what is compared here.
const ROUNDING: f64 = 1e-5;

/// Rows of one dimension, numbered from 0.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    dimension: usize,
    codes: Vec<i8>,
    rows: Vec<Row>,
}

/// How a row's codes are to be read.
#[derive(Clone, Copy, Debug)]
struct Row {
    scale: f32,
    residual: f32,
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
        Self { dimension, codes: Vec::new(), rows: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    /// Bytes of memory, those kept free for further rows included.
    pub(crate) fn bytes(&self) -> usize {
        self.codes.capacity() + self.rows.capacity() * size_of::<Row>()
    }

    /// Appends a row.
    pub(crate) fn push(&mut self, vector: &UnitVector) -> Result<()> {
        check_same_dimension(vector.dimension(), self.dimension)?;
        // A vector that doubles would leave half of it free.
        if self.rows.len() == self.rows.capacity() {
            let more = self.rows.len() / 8 + 8;
            self.rows.reserve_exact(more);
            self.codes.reserve_exact(more * self.dimension);
        }
        let (row, codes) = code_row(vector);
        self.codes.extend(codes);
        self.rows.push(row);
        Ok(())
    }

    /// Puts another vector into a row; whether there is such a row.
    pub(crate) fn replace(&mut self, row: usize, vector: &UnitVector) -> Result<bool> {
        check_same_dimension(vector.dimension(), self.dimension)?;
        let Some((place, to)) = self.rows.get_mut(row).zip(self.codes.chunks_exact_mut(self.dimension).nth(row)) else {
            return Ok(false);
        };
        let (coded, codes) = code_row(vector);
        *place = coded;
        to.iter_mut().zip(codes).for_each(|(to, code)| *to = code);
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
                let codes = row * self.dimension..(row + 1) * self.dimension;
                self.codes.copy_within(codes, kept * self.dimension);
            }
            kept += 1;
        }
        self.rows.truncate(kept);
        if let Some(left) = self.codes.get_mut(kept * self.dimension..) {
            left.fill(0);
        }
        self.codes.truncate(kept * self.dimension);
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
        let mut products = [0; BLOCK];
        let mut candidates = Vec::new();
        // The k best of what is certain: an answer is not below the least of them.
        let mut certain = BinaryHeap::new();
        let mut least = f64::NEG_INFINITY;
        let rows = self.rows.get(..among).unwrap_or(&self.rows);
        let blocks = rows.chunks(BLOCK).zip(self.codes.chunks(BLOCK * self.dimension));
        for (block, (rows, codes)) in blocks.enumerate() {
            dot_codes(codes, &query.codes, &mut products);
            for (offset, (row, product)) in rows.iter().zip(products).enumerate() {
                let (middle, error) = query.bounds(*row, product);
                if middle + error < least {
                    continue;
                }
                let row = block * BLOCK + offset;
                if !keep(row) {
                    continue;
                }
                candidates.push(Candidate { row, middle, error });
                certain.push(Reverse(Ordered(middle - error)));
                if certain.len() > k {
                    certain.pop();
                }
                if let Some(Reverse(Ordered(low))) = certain.peek().filter(|_| certain.len() == k) {
                    least = *low;
                }
            }
        }
        candidates.retain(|candidate| candidate.high() >= least);
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
        candidates.sort_unstable_by_key(|candidate| (Reverse(Ordered(candidate.high())), candidate.row));
        let mut best: BinaryHeap<Reverse<(Ordered, Reverse<usize>)>> = BinaryHeap::new();
        let mut vector = vec![0.0; self.dimension];
        let mut count = 0;
        for candidate in candidates {
            let worst = best.peek().filter(|_| best.len() == k);
            if worst.is_some_and(|Reverse((worst, _))| candidate.high() < worst.0) {
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

/// A row that may be an answer: its similarity is off `middle` by `error` at most.
struct Candidate {
    row: usize,
    middle: f64,
    error: f64,
}

impl Candidate {
    fn high(&self) -> f64 {
        self.middle + self.error
    }

    /// What was read in full must keep within the bounds that were taken when the row was pushed.
    fn check(&self, similarity: f32) -> Result<f64> {
        let found = f64::from(similarity);
        if (found - self.middle).abs() <= self.error {
            return Ok(found);
        }
        Err(StoreError::Corrupt {
            what: format!("the vector of row {}", self.row),
            detail: format!(
                "its similarity is {found} and what was indexed allows {} to {}; build the index again from the log",
                self.middle - self.error,
                self.high()
            ),
        })
    }
}

/// A query as it is compared with rows.
struct Query {
    codes: Vec<i16>,
    scale: f64,
    residual: f64,
}

impl Query {
    fn new(vector: &UnitVector) -> Self {
        let (scale, inverse) = scale(vector, f32::from(QUERY_CODE_MAX));
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and is at most QUERY_CODE_MAX")]
        let codes: Vec<i16> = vector.values().iter().map(|value| nearest_whole(value * inverse) as i16).collect();
        let residual = residual(vector, scale, codes.iter().map(|code| f64::from(*code)));
        Self { codes, scale: f64::from(scale), residual }
    }

    /// What the similarity of a row is about, and how far off that may be. Both vectors have length 1.
    fn bounds(&self, row: Row, product: i32) -> (f64, f64) {
        let residual = f64::from(row.residual);
        let error = residual + (1.0 + residual) * self.residual + ROUNDING;
        (f64::from(row.scale) * self.scale * f64::from(product), error)
    }
}

fn code_row(vector: &UnitVector) -> (Row, impl Iterator<Item = i8>) {
    let (scale, inverse) = scale(vector, f32::from(CODE_MAX));
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and is at most CODE_MAX")]
    let codes = vector.values().iter().map(move |value| nearest_whole(value * inverse) as i8);
    let residual = residual(vector, scale, codes.clone().map(f64::from));
    #[expect(clippy::cast_possible_truncation, reason = "is rounded up by more than the cast rounds")]
    let residual = (residual * (1.0 + 1e-6)) as f32;
    (Row { scale, residual }, codes)
}

/// What a code is worth, and its inverse, when the largest value has the largest code.
fn scale(vector: &UnitVector, largest: f32) -> (f32, f32) {
    let peak = vector.values().iter().fold(0.0f32, |peak, value| peak.max(value.abs()));
    (peak / largest, largest / peak)
}

/// Half away from zero, when the fraction is then cut off.
fn nearest_whole(value: f32) -> f32 {
    value + 0.5f32.copysign(value)
}

/// The length of what the codes leave out.
fn residual(vector: &UnitVector, scale: f32, codes: impl Iterator<Item = f64>) -> f64 {
    let scale = f64::from(scale);
    let left_out = vector.values().iter().zip(codes).map(|(value, code)| f64::from(*value) - scale * code);
    left_out.map(|left_out| left_out * left_out).sum::<f64>().sqrt()
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
