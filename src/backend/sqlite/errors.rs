//! SQLite's errors, sorted by what a caller can do.

use std::sync::Arc;

use rusqlite::{Error, ErrorCode};

use crate::words::{EngineError, ErrorKind, StoreError};

/// Keeps the error as the source and adds what to do where that is known.
pub(super) fn from_sqlite(error: Error) -> StoreError {
    let (kind, hint) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (ErrorKind::Busy, "another connection holds the lock; retry")
        }
        Some(ErrorCode::DatabaseCorrupt) => (ErrorKind::Corrupt, "the file is damaged; restore it from a backup"),
        Some(ErrorCode::NotADatabase) => (ErrorKind::Corrupt, "this is not a SQLite database; check the path"),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
            (ErrorKind::Denied, "the database cannot be written; check the permissions of the file and its folder")
        }
        Some(ErrorCode::CannotOpen) => {
            (ErrorKind::Denied, "check that the folder exists and that its permissions allow to write in it")
        }
        Some(ErrorCode::DiskFull) => (ErrorKind::Backend, "the disk is full; free some space and retry"),
        Some(ErrorCode::ConstraintViolation) => (ErrorKind::Conflict, "a constraint of the table refuses the row"),
        Some(ErrorCode::TooBig) => (ErrorKind::Limit, "the value is larger than SQLite accepts"),
        _ => (ErrorKind::Backend, ""),
    };
    let code = error.sqlite_error().map_or(0, |error| i64::from(error.extended_code));
    let message = if hint.is_empty() { error.to_string() } else { format!("{error} ({hint})") };
    StoreError::Engine(EngineError { engine: "SQLite", kind, code, message, source: Some(Arc::new(error)) })
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        from_sqlite(error)
    }
}
