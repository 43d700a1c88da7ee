//! What a case reports.

use std::error::Error;
use std::fmt::{self, Debug, Display};

use crate::words::{ErrorKind, Result, StoreError};

pub(super) type Outcome<T = ()> = std::result::Result<T, Failure>;

/// A rule that a backend does not keep.
///
/// ```
/// use causal_vault::{Access, Backend, Dialect, Result, Row, StoreError, Transaction, Value, conformance};
///
/// struct Absent;
/// impl Backend for Absent {
///     fn dialect(&self) -> Dialect {
///         Dialect::Sqlite
///     }
///     fn exec(&self, _: &str, _: &[Value]) -> Result<u64> {
///         Err(StoreError::Backend("no such server".into()))
///     }
///     fn query(&self, _: &str, _: &[Value]) -> Result<Vec<Row>> {
///         Err(StoreError::Backend("no such server".into()))
///     }
///     fn begin(&self, _: Access) -> Result<Box<dyn Transaction + '_>> {
///         Err(StoreError::Backend("no such server".into()))
///     }
/// }
///
/// let failure = conformance::CASES[0].run(&Absent).unwrap_err();
/// assert_eq!(failure.case, "integers_keep_64_bits");
/// assert_eq!(failure.found, "backend error: no such server");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The name of the case.
    pub case: &'static str,
    /// What the rule asks for.
    pub expected: String,
    /// What the backend did.
    pub found: String,
}

impl Failure {
    pub(super) fn new(expected: impl Display, found: impl Display) -> Self {
        Self { case: "", expected: expected.to_string(), found: found.to_string() }
    }

    pub(super) fn of(self, case: &'static str) -> Self {
        Self { case, ..self }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.case, self.expected, self.found)
    }
}

impl Error for Failure {}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new("no error", error)
    }
}

/// `what` is equal to `expected`.
pub(super) fn same<T: PartialEq + Debug>(what: impl Display, found: T, expected: T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(Failure::new(format_args!("{what} to be {}", short(&expected)), short(&found)))
}

/// `what` is an error of this kind.
pub(super) fn refused<T>(what: impl Display, result: Result<T>, kind: ErrorKind) -> Outcome {
    match result {
        Ok(_) => Err(Failure::new(format_args!("{what} to be refused"), "success")),
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(Failure::new(
            format_args!("{what} to be an error of kind {kind:?}"),
            format_args!("{:?}: {error}", error.kind()),
        )),
    }
}

/// A megabyte of blob helps nobody.
fn short(value: &impl Debug) -> String {
    let full = format!("{value:?}");
    match full.char_indices().nth(200) {
        Some((end, _)) => format!("{}... ({} characters)", full.get(..end).unwrap_or_default(), full.len()),
        None => full,
    }
}
