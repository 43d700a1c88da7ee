//! A database engine's own error.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::error_kind::ErrorKind;

/// A failure of the database engine, with its own error kept as the [source](Error::source).
///
/// Two are equal when they have the same kind, code and message.
///
/// ```
/// use causal_vault::{Backend, ErrorKind, SqliteBackend, StoreError};
///
/// let db = SqliteBackend::in_memory()?;
/// let error = db.query("SELECT * FROM missing", &[]).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Backend);
/// assert!(matches!(error, StoreError::Engine(engine) if engine.message.contains("no such table")));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct EngineError {
    /// Which engine, such as `SQLite`.
    pub engine: &'static str,
    /// What a caller can do about it.
    pub kind: ErrorKind,
    /// The engine's own code; SQLite's extended result code.
    pub code: i64,
    /// The engine's message, and what to do where that is known.
    pub message: String,
    /// The engine's error.
    pub source: Option<Arc<dyn Error + Send + Sync>>,
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} error {}: {}", self.engine, self.code, self.message)
    }
}

impl Error for EngineError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl PartialEq for EngineError {
    fn eq(&self, other: &Self) -> bool {
        (self.engine, self.kind, self.code, &self.message) == (other.engine, other.kind, other.code, &other.message)
    }
}
