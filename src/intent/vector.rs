//! Embeddings as users give them, and what is left of them: a direction.

use fearless_simd::{Level, dispatch};

use super::kernel;
use crate::words::limits::EMBEDDING_DIMENSIONS;
use crate::words::{Result, StoreError};

/// Running sums of a norm.
const LANES: usize = 8;

/// An embedding that was checked and scaled to length 1.
///
/// The length is taken in `f64` in a fixed order, and so the values are the same, bit for bit, on every machine. Neither
/// huge nor tiny values overflow it.
///
/// ```
/// use causal_vault::UnitVector;
///
/// let vector = UnitVector::new(&[3.0, 4.0])?;
/// assert_eq!(vector.values(), [0.6, 0.8]);
/// assert_eq!(UnitVector::new(&[-3e38, 0.0])?.values(), [-1.0, 0.0]);
///
/// let error = UnitVector::new(&[1.0, f32::NAN]).unwrap_err();
/// assert_eq!(error.to_string(), "invalid embedding: value 1 is NaN; give finite numbers");
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct UnitVector(Box<[f32]>);

impl UnitVector {
    /// The direction of an embedding of 1 to [`EMBEDDING_DIMENSIONS`] finite values that are not all zero.
    ///
    /// ```
    /// use causal_vault::{ErrorKind, UnitVector};
    ///
    /// assert_eq!(UnitVector::new(&[1e-45, 0.0])?.values(), [1.0, 0.0]);
    /// assert!(UnitVector::new(&[0.0, 0.0]).is_err());
    /// assert_eq!(UnitVector::new(&[1.0; 5000]).unwrap_err().kind(), ErrorKind::Limit);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn new(values: &[f32]) -> Result<Self> {
        check_dimension(values.len())?;
        let norm = dispatch!(Level::new(), _ => norm(values));
        if !norm.is_finite()
            && let Some((index, value)) = values.iter().enumerate().find(|(_, value)| !value.is_finite())
        {
            return Err(invalid(format!("value {index} is {value}; give finite numbers")));
        }
        if norm == 0.0 {
            return Err(invalid(format!("all of its {} values are zero; it has no direction", values.len())));
        }
        let mut unit = vec![0.0; values.len()];
        dispatch!(Level::new(), _ => divide(values, norm, &mut unit));
        Ok(Self(unit.into_boxed_slice()))
    }

    /// The same for a model whose embeddings have `dimension` values.
    ///
    /// ```
    /// use causal_vault::UnitVector;
    ///
    /// assert!(UnitVector::of_dimension(&[1.0, 0.0], 2).is_ok());
    /// let error = UnitVector::of_dimension(&[1.0, 0.0], 3).unwrap_err();
    /// assert_eq!(error.to_string(), "invalid embedding: it has 2 dimensions and 3 are expected; embed it with the same model");
    /// ```
    pub fn of_dimension(values: &[f32], dimension: usize) -> Result<Self> {
        check_same_dimension(values.len(), dimension)?;
        Self::new(values)
    }

    /// How many values it has.
    ///
    /// ```
    /// assert_eq!(causal_vault::UnitVector::new(&[1.0; 384])?.dimension(), 384);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn dimension(&self) -> usize {
        self.0.len()
    }

    /// Its values.
    ///
    /// ```
    /// assert_eq!(causal_vault::UnitVector::new(&[0.0, -7.0])?.values(), [0.0, -1.0]);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn values(&self) -> &[f32] {
        &self.0
    }

    /// The cosine of the angle between two directions of one dimension, from -1 to 1 but for rounding.
    ///
    /// ```
    /// use causal_vault::UnitVector;
    ///
    /// let east = UnitVector::new(&[2.0, 0.0])?;
    /// assert_eq!(east.similarity(&UnitVector::new(&[0.0, 5.0])?)?, 0.0);
    /// assert_eq!(east.similarity(&UnitVector::new(&[-1.0, 0.0])?)?, -1.0);
    /// assert!(east.similarity(&UnitVector::new(&[1.0])?).is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn similarity(&self, other: &Self) -> Result<f32> {
        check_same_dimension(other.dimension(), self.dimension())?;
        Ok(kernel::dot(&self.0, &other.0))
    }
}

/// Accepts 1 to [`EMBEDDING_DIMENSIONS`].
pub(super) fn check_dimension(found: usize) -> Result<()> {
    match found {
        0 => Err(invalid("it has no dimensions; give it at least one".to_owned())),
        1..=EMBEDDING_DIMENSIONS => Ok(()),
        _ => Err(StoreError::Limit {
            what: "the embedding",
            found: found as u64,
            limit: EMBEDDING_DIMENSIONS as u64,
            unit: "dimensions",
        }),
    }
}

pub(super) fn check_same_dimension(found: usize, expected: usize) -> Result<()> {
    if found != expected {
        return Err(invalid(format!(
            "it has {found} dimensions and {expected} are expected; embed it with the same model"
        )));
    }
    Ok(())
}

fn invalid(reason: String) -> StoreError {
    StoreError::Invalid { what: "embedding", reason }
}

#[inline(always)]
fn divide(values: &[f32], norm: f64, unit: &mut [f32]) {
    for (unit, value) in unit.iter_mut().zip(values) {
        #[expect(clippy::cast_possible_truncation, reason = "rounds to the nearest f32, and no value is above 1")]
        let part = (f64::from(*value) / norm) as f32;
        *unit = part;
    }
}

/// The length in `f64`, where the square of no `f32` overflows or vanishes: it is finite exactly if every value is.
#[inline(always)]
fn norm(values: &[f32]) -> f64 {
    let mut sums = [0.0; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        add_squares(&mut sums, block);
    }
    add_squares(&mut sums, rest);
    sums.iter().sum::<f64>().sqrt()
}

#[inline(always)]
fn add_squares(sums: &mut [f64; LANES], values: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += f64::from(*value) * f64::from(*value);
    }
}
