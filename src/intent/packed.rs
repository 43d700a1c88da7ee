//! Rows of digits of four bits, four digits to a lane and four rows side by side.

use std::iter;

/// Lanes of a block, and digits that it holds.
pub(super) const LANES: usize = 32;
const BLOCK: usize = 4 * LANES;
/// Rows that lie side by side.
pub(super) const ROWS: usize = 4;
/// What is added to a digit, so that it is not negative.
pub(super) const OFFSET: i8 = 8;

/// A block of digits, which lies where one load of it meets one line of the cache.
///
/// The first quarter of the digits is lowest in the lanes; the last, which has the sign and no [`OFFSET`], is highest.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Packed(pub(super) [i16; LANES]);

impl Packed {
    const ZERO: Self = Self([0; LANES]);

    fn new(digits: &[i8]) -> Self {
        let mut lanes = [0; LANES];
        let places = [(0, OFFSET), (4, OFFSET), (8, OFFSET), (12, 0)];
        for ((shift, offset), quarter) in places.into_iter().zip(digits.chunks(LANES)) {
            for (lane, digit) in lanes.iter_mut().zip(quarter) {
                *lane |= u16::from((digit + offset).cast_unsigned() & 15) << shift;
            }
        }
        Self(lanes.map(u16::cast_signed))
    }
}

/// Blocks that a row of digits is packed into.
pub(super) fn packed_blocks(dimension: usize) -> usize {
    dimension.div_ceil(BLOCK)
}

/// Packs digits from -8 to 7.
pub(super) fn pack(digits: &[i8]) -> Vec<Packed> {
    digits.chunks(BLOCK).map(Packed::new).collect()
}

/// Rows of one length. The first blocks of four rows are followed by their second ones, and so on, so that whoever takes
/// four rows at a time reads memory in its order.
#[derive(Clone, Debug)]
pub(super) struct PackedRows {
    /// The number of rows, and the blocks of each.
    len: usize,
    blocks: usize,
    fours: Vec<[Packed; ROWS]>,
}

impl PackedRows {
    pub(super) fn new(dimension: usize) -> Self {
        Self { len: 0, blocks: packed_blocks(dimension).max(1), fours: Vec::new() }
    }

    /// Bytes of memory, those kept free included.
    pub(super) fn bytes(&self) -> usize {
        self.fours.capacity() * size_of::<[Packed; ROWS]>()
    }

    /// Makes room for as many more.
    pub(super) fn reserve(&mut self, rows: usize) {
        let fours = (self.len + rows).div_ceil(ROWS) * self.blocks;
        self.fours.reserve_exact(fours - self.fours.len());
    }

    pub(super) fn push(&mut self, row: &[Packed]) {
        self.len += 1;
        self.fours.resize(self.len.div_ceil(ROWS) * self.blocks, [Packed::ZERO; ROWS]);
        self.set(self.len - 1, row);
    }

    pub(super) fn set(&mut self, at: usize, row: &[Packed]) {
        let fours = self.fours.chunks_exact_mut(self.blocks).nth(at / ROWS).unwrap_or_default();
        for (four, block) in fours.iter_mut().zip(row) {
            if let Some(place) = four.get_mut(at % ROWS) {
                *place = *block;
            }
        }
    }

    fn row(&self, at: usize) -> impl Iterator<Item = &Packed> {
        self.fours
            .chunks_exact(self.blocks)
            .nth(at / ROWS)
            .unwrap_or_default()
            .iter()
            .filter_map(move |four| four.get(at % ROWS))
    }

    /// The blocks of some rows, those of one number together.
    pub(super) fn side_by_side(&self, rows: [usize; ROWS]) -> impl Iterator<Item = [&Packed; ROWS]> {
        let mut rows = rows.map(|row| self.row(row));
        iter::from_fn(move || match rows.each_mut().map(Iterator::next) {
            [Some(first), Some(second), Some(third), Some(fourth)] => Some([first, second, third, fourth]),
            _ => None,
        })
    }

    /// Puts a row where another is.
    pub(super) fn copy_within(&mut self, from: usize, to: usize) {
        let row: Vec<Packed> = self.row(from).copied().collect();
        self.set(to, &row);
    }

    /// Keeps the first rows; what the others held is overwritten.
    pub(super) fn truncate(&mut self, len: usize) {
        let nothing = vec![Packed::ZERO; self.blocks];
        (len..self.len).for_each(|row| self.set(row, &nothing));
        self.len = self.len.min(len);
        self.fours.truncate(self.len.div_ceil(ROWS) * self.blocks);
    }

    /// A number of fours after the other, each of which has the given number of blocks.
    pub(super) fn fours(&self, at_a_time: usize) -> impl Iterator<Item = &[[Packed; ROWS]]> {
        self.fours.chunks((at_a_time * self.blocks).max(1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::packed_query::PackedQuery;
    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Push(i8),
        Set(usize, i8),
        Copy(usize, usize),
        Truncate(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let row = 0..12usize;
        prop_oneof![
            4 => (-8..8i8).prop_map(Step::Push),
            1 => (row.clone(), -8..8i8).prop_map(|(row, digit)| Step::Set(row, digit)),
            1 => (row.clone(), row.clone()).prop_map(|(from, to)| Step::Copy(from, to)),
            1 => row.prop_map(Step::Truncate),
        ]
    }

    proptest! {
        #[test]
        fn rows_hold_what_a_list_of_them_holds(dimension in 1..300usize, steps in prop::collection::vec(step(), 0..40)) {
            let ones = PackedQuery::new(&vec![1; dimension]);
            let row = |digit: i8| pack(&vec![digit; dimension]);
            let (mut rows, mut expected) = (PackedRows::new(dimension), Vec::new());
            for step in steps {
                match step {
                    Step::Push(digit) => {
                        rows.push(&row(digit));
                        expected.push(digit);
                    }
                    Step::Set(at, digit) if at < expected.len() => {
                        rows.set(at, &row(digit));
                        expected[at] = digit;
                    }
                    Step::Copy(from, to) if from.max(to) < expected.len() => {
                        rows.copy_within(from, to);
                        expected[to] = expected[from];
                    }
                    Step::Truncate(len) => {
                        rows.truncate(len);
                        expected.truncate(len);
                    }
                    _ => {}
                }
            }
            let sum = |digit: &i8| i32::from(*digit) * i32::try_from(dimension).unwrap();
            let found: Vec<i32> = (0..expected.len()).map(|at| ones.product_of_each(rows.side_by_side([at; ROWS]))[0]).collect();
            prop_assert_eq!(found, expected.iter().map(sum).collect::<Vec<_>>());
            prop_assert_eq!(rows.fours.len(), expected.len().div_ceil(ROWS) * packed_blocks(dimension));
        }
    }

    #[test]
    fn what_a_row_held_is_overwritten_when_it_goes() {
        let mut rows = PackedRows::new(3);
        rows.push(&pack(&[1, 2, 3]));
        rows.push(&pack(&[4, 5, 6]));
        rows.truncate(1);
        assert!(rows.fours.iter().all(|[_, second, ..]| second.0 == [0; LANES]));
    }
}
