//! The values that cross the seam.

use crate::words::{Result, StoreError};

/// A database-neutral value, bound as a parameter or returned in a cell.
///
/// ```
/// use causal_vault::{Backend, SqliteBackend, Value};
///
/// let db = SqliteBackend::in_memory()?;
/// let rows = db.query("SELECT ?, ?", &[Value::Int(7), Value::Blob(vec![1, 2])])?;
/// assert_eq!(rows, vec![vec![Value::Int(7), Value::Blob(vec![1, 2])]]);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// A signed 64-bit integer, in every engine.
    Int(i64),
    /// A 64-bit float; NaN is refused, because engines disagree about it.
    Real(f64),
    /// UTF-8 text without NUL.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// One returned row, in the order of the statement's columns.
pub type Row = Vec<Value>;

/// A [`Value`] that borrows from the engine, as a [`visit`](crate::Backend::visit) sees it.
///
/// ```
/// use std::ops::ControlFlow;
/// use causal_vault::{Backend, SqliteBackend, ValueRef};
///
/// let db = SqliteBackend::in_memory()?;
/// let mut bytes = 0;
/// db.visit("SELECT zeroblob(5)", &[], &mut |row| {
///     if let [ValueRef::Blob(blob)] = row {
///         bytes += blob.len();
///     }
///     Ok(ControlFlow::Continue(()))
/// })?;
/// assert_eq!(bytes, 5);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// SQL's NULL.
    Null,
    /// A signed 64-bit integer.
    Int(i64),
    /// A 64-bit float.
    Real(f64),
    /// UTF-8 text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

impl Value {
    /// The same value, borrowed.
    ///
    /// ```
    /// use causal_vault::{Value, ValueRef};
    ///
    /// assert_eq!(Value::Text("a".into()).as_ref(), ValueRef::Text("a"));
    /// ```
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Int(int) => ValueRef::Int(*int),
            Self::Real(real) => ValueRef::Real(*real),
            Self::Text(text) => ValueRef::Text(text),
            Self::Blob(blob) => ValueRef::Blob(blob),
        }
    }
}

impl ValueRef<'_> {
    /// The same value, owned.
    ///
    /// ```
    /// use causal_vault::{Value, ValueRef};
    ///
    /// assert_eq!(ValueRef::Blob(&[1]).to_value(), Value::Blob(vec![1]));
    /// ```
    pub fn to_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Int(int) => Value::Int(int),
            Self::Real(real) => Value::Real(real),
            Self::Text(text) => Value::Text(text.to_owned()),
            Self::Blob(blob) => Value::Blob(blob.to_vec()),
        }
    }
}

/// Reading a row whose shape the statement fixed: every surprise is a [`StoreError::MalformedRow`].
pub(crate) mod columns {
    use super::{Result, StoreError, ValueRef};

    #[inline]
    fn cell<'a>(row: &[ValueRef<'a>], index: usize) -> Result<ValueRef<'a>> {
        row.get(index)
            .copied()
            .ok_or_else(|| StoreError::MalformedRow(format!("expected column {index}, found {} columns", row.len())))
    }

    #[cold]
    fn wrong<T>(index: usize, expected: &str, found: ValueRef<'_>) -> Result<T> {
        let found = match found {
            ValueRef::Null => "NULL".to_owned(),
            ValueRef::Int(int) => format!("the integer {int}"),
            ValueRef::Real(real) => format!("the number {real}"),
            ValueRef::Text(text) => format!("text of {} bytes", text.len()),
            ValueRef::Blob(blob) => format!("a blob of {} bytes", blob.len()),
        };
        Err(StoreError::MalformedRow(format!("expected {expected} in column {index}, found {found}")))
    }

    #[inline]
    pub(crate) fn int(row: &[ValueRef<'_>], index: usize) -> Result<i64> {
        match cell(row, index)? {
            ValueRef::Int(int) => Ok(int),
            other => wrong(index, "an integer", other),
        }
    }

    #[inline]
    pub(crate) fn counter(row: &[ValueRef<'_>], index: usize) -> Result<u64> {
        let int = int(row, index)?;
        u64::try_from(int).or_else(|_| wrong(index, "a counter of at least 0", ValueRef::Int(int)))
    }

    pub(crate) fn text<'a>(row: &[ValueRef<'a>], index: usize) -> Result<&'a str> {
        match cell(row, index)? {
            ValueRef::Text(text) => Ok(text),
            other => wrong(index, "text", other),
        }
    }

    /// Text that a statement can look for.
    pub(crate) fn name<'a>(row: &[ValueRef<'a>], index: usize) -> Result<&'a str> {
        let name = text(row, index)?;
        if name.contains('\0') {
            return wrong(index, "text without a NUL character", ValueRef::Text(name));
        }
        Ok(name)
    }

    #[inline]
    pub(crate) fn blob<'a>(row: &[ValueRef<'a>], index: usize) -> Result<&'a [u8]> {
        match cell(row, index)? {
            ValueRef::Blob(blob) => Ok(blob),
            other => wrong(index, "a blob", other),
        }
    }

    #[inline]
    pub(crate) fn array<const N: usize>(row: &[ValueRef<'_>], index: usize) -> Result<[u8; N]> {
        let blob = blob(row, index)?;
        match blob.try_into() {
            Ok(array) => Ok(array),
            Err(_) => wrong(index, &format!("a blob of {N} bytes"), ValueRef::Blob(blob)),
        }
    }

    /// `None` where the cell is NULL.
    #[inline]
    pub(crate) fn optional<'a, T>(
        row: &[ValueRef<'a>],
        index: usize,
        read: impl FnOnce(&[ValueRef<'a>], usize) -> Result<T>,
    ) -> Result<Option<T>> {
        match cell(row, index)? {
            ValueRef::Null => Ok(None),
            _ => read(row, index).map(Some),
        }
    }
}
