//! An index of embeddings in the order of their events, searched from end to end.

use super::scan::Scan;
use super::vector::{UnitVector, check_dimension};
use crate::words::{Result, StoreError};

/// The exact nearest neighbours among embeddings of one model: a byte a value in memory, and the few that could be an
/// answer read in full.
///
/// Rows stand in the order of their positions, and so a search can be asked "as of" any of them. The index keeps no full
/// vector: a search reads them from wherever they are stored, and says how many it has read. Its answer is that of a plain
/// search over all full vectors, always; of equally near rows the older is first.
///
/// ```
/// use causal_vault::{FlatIndex, UnitVector};
///
/// let stored = [[1.0, 0.1], [0.0, 1.0], [1.0, 0.0]].map(|values| UnitVector::new(&values).unwrap());
/// let mut index = FlatIndex::new(2)?;
/// for (position, vector) in (1..).zip(&stored) {
///     index.push(position, vector)?;
/// }
///
/// let query = UnitVector::new(&[5.0, 0.0])?;
/// let read = |position: u64, row: &mut [f32]| {
///     row.copy_from_slice(stored[position as usize - 1].values());
///     Ok(())
/// };
/// let found = index.nearest(&query, 2, u64::MAX, |_| true, read)?;
/// assert_eq!(found.rows.iter().map(|row| row.position).collect::<Vec<_>>(), [3, 1]);
/// assert_eq!(found.read, 2);
///
/// // As of position 2, the third row was not there yet.
/// let found = index.nearest(&query, 2, 2, |_| true, read)?;
/// assert_eq!(found.rows.iter().map(|row| row.position).collect::<Vec<_>>(), [1, 2]);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FlatIndex {
    scan: Scan,
    /// Of each row, ascending.
    positions: Vec<u64>,
}

/// What [`FlatIndex::nearest`] found.
///
/// ```
/// use causal_vault::{FlatIndex, UnitVector};
///
/// let empty = FlatIndex::new(1)?.nearest(&UnitVector::new(&[1.0])?, 10, u64::MAX, |_| true, |_, _| Ok(()))?;
/// assert!(empty.rows.is_empty());
/// assert_eq!(empty.read, 0);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FlatMatches {
    /// The rows, the nearest first.
    pub rows: Vec<FlatMatch>,
    /// How many vectors were read in full.
    pub read: usize,
}

/// One row that [`FlatIndex::nearest`] found.
///
/// ```
/// use causal_vault::{FlatIndex, UnitVector};
///
/// let vector = UnitVector::new(&[2.0])?;
/// let mut index = FlatIndex::new(1)?;
/// index.push(7, &vector)?;
/// let read = |_, row: &mut [f32]| Ok(row.copy_from_slice(vector.values()));
/// let found = index.nearest(&vector, 1, u64::MAX, |_| true, read)?;
/// assert_eq!((found.rows[0].position, found.rows[0].similarity), (7, 1.0));
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct FlatMatch {
    /// The row's position.
    pub position: u64,
    /// Its similarity to the query, as [`UnitVector::similarity`] has it.
    pub similarity: f32,
}

impl FlatIndex {
    /// An index without rows for embeddings of this dimension.
    ///
    /// ```
    /// assert_eq!(causal_vault::FlatIndex::new(384)?.dimension(), 384);
    /// assert!(causal_vault::FlatIndex::new(0).is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn new(dimension: usize) -> Result<Self> {
        check_dimension(dimension)?;
        Ok(Self { scan: Scan::new(dimension), positions: Vec::new() })
    }

    /// The dimension of its rows.
    ///
    /// ```
    /// assert_eq!(causal_vault::FlatIndex::new(2)?.dimension(), 2);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn dimension(&self) -> usize {
        self.scan.dimension()
    }

    /// How many rows it has.
    ///
    /// ```
    /// assert_eq!(causal_vault::FlatIndex::new(2)?.len(), 0);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn len(&self) -> usize {
        self.scan.len()
    }

    /// Whether it has no rows.
    ///
    /// ```
    /// assert!(causal_vault::FlatIndex::new(2)?.is_empty());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// The position of the newest row: where loading goes on.
    ///
    /// ```
    /// use causal_vault::{FlatIndex, UnitVector};
    ///
    /// let mut index = FlatIndex::new(1)?;
    /// assert_eq!(index.last_position(), None);
    /// index.push(7, &UnitVector::new(&[1.0])?)?;
    /// assert_eq!(index.last_position(), Some(7));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn last_position(&self) -> Option<u64> {
        self.positions.last().copied()
    }

    /// Bytes of memory: about a byte for each value and 20 for each row, and up to an eighth of that kept free.
    ///
    /// ```
    /// use causal_vault::{FlatIndex, UnitVector};
    ///
    /// let mut index = FlatIndex::new(768)?;
    /// for position in 0..1000 {
    ///     index.push(position, &UnitVector::new(&[1.0; 768])?)?;
    /// }
    /// assert!((788_000..900_000).contains(&index.bytes()));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn bytes(&self) -> usize {
        self.scan.bytes() + self.positions.capacity() * size_of::<u64>()
    }

    /// Appends a row, whose position is above that of every row before it.
    ///
    /// ```
    /// use causal_vault::{FlatIndex, UnitVector};
    ///
    /// let mut index = FlatIndex::new(1)?;
    /// let vector = UnitVector::new(&[1.0])?;
    /// index.push(7, &vector)?;
    /// let error = index.push(7, &vector).unwrap_err();
    /// assert_eq!(error.to_string(), "invalid position: it is 7 and the index is at 7; rows are added in their order");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn push(&mut self, position: u64, vector: &UnitVector) -> Result<()> {
        if let Some(last) = self.last_position().filter(|last| *last >= position) {
            return Err(StoreError::Invalid {
                what: "position",
                reason: format!("it is {position} and the index is at {last}; rows are added in their order"),
            });
        }
        self.scan.push(vector)?;
        self.positions.push(position);
        Ok(())
    }

    /// Puts another vector into the row at a position; whether there is one.
    ///
    /// ```
    /// use causal_vault::{FlatIndex, UnitVector};
    ///
    /// let (east, north) = (UnitVector::new(&[1.0, 0.0])?, UnitVector::new(&[0.0, 1.0])?);
    /// let mut index = FlatIndex::new(2)?;
    /// index.push(7, &east)?;
    /// assert!(index.replace(7, &north)?);
    /// assert!(!index.replace(8, &north)?);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn replace(&mut self, position: u64, vector: &UnitVector) -> Result<bool> {
        // A row that is not there is no reason to accept a vector of another dimension.
        let row = self.positions.binary_search(&position).unwrap_or(usize::MAX);
        self.scan.replace(row, vector)
    }

    /// Keeps the rows whose positions are asked for, and removes the others from memory, in one pass.
    ///
    /// ```
    /// use causal_vault::{FlatIndex, UnitVector};
    ///
    /// let mut index = FlatIndex::new(1)?;
    /// for position in 1..=5 {
    ///     index.push(position, &UnitVector::new(&[1.0])?)?;
    /// }
    /// index.retain(|position| position % 2 == 0); // an erasure, or another purpose
    /// assert_eq!(index.len(), 2);
    /// assert_eq!(index.last_position(), Some(4));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn retain(&mut self, mut keep: impl FnMut(u64) -> bool) {
        let kept: Vec<bool> = self.positions.iter().map(|position| keep(*position)).collect();
        let is_kept = |row: usize| kept.get(row).copied().unwrap_or_default();
        self.scan.retain(is_kept);
        let mut rows = kept.iter();
        self.positions.retain(|_| rows.next().copied().unwrap_or_default());
    }

    /// The `k` rows nearest to `query`, of those up to a position that `keep` lets through.
    ///
    /// `read` writes the vector that was pushed at a position, as [`UnitVector::values`] has it; one that cannot be the
    /// same is an error. Both are asked only about rows that could still be an answer: of 100,000 rows that is a handful to
    /// be read, but where `keep` lets few through it is asked about most.
    ///
    /// ```
    /// use causal_vault::{FlatIndex, UnitVector};
    ///
    /// let vector = UnitVector::new(&[1.0, 1.0])?;
    /// let mut index = FlatIndex::new(2)?;
    /// (1..=9).try_for_each(|position| index.push(position, &vector))?;
    /// let read = |_, row: &mut [f32]| Ok(row.copy_from_slice(vector.values()));
    /// let found = index.nearest(&vector, 2, 8, |position| position % 3 == 0, read)?;
    /// assert_eq!(found.rows.iter().map(|row| row.position).collect::<Vec<_>>(), [3, 6]);
    ///
    /// let wrong = |_, row: &mut [f32]| Ok(row.fill(0.0));
    /// assert!(index.nearest(&vector, 2, 8, |_| true, wrong).is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn nearest(
        &self,
        query: &UnitVector,
        k: usize,
        up_to: u64,
        mut keep: impl FnMut(u64) -> bool,
        mut read: impl FnMut(u64, &mut [f32]) -> Result<()>,
    ) -> Result<FlatMatches> {
        let among = self.positions.partition_point(|position| *position <= up_to);
        let position = |row: usize| self.positions.get(row).copied().expect("every row has a position");
        let nearest =
            self.scan.nearest(query, k, among, |row| keep(position(row)), |row, vector| read(position(row), vector))?;
        let rows =
            nearest.rows.iter().map(|found| FlatMatch { position: position(found.row), similarity: found.similarity });
        Ok(FlatMatches { rows: rows.collect(), read: nearest.read })
    }
}
