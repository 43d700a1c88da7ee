//! SQLite's errors, sorted by what a caller can do.

use std::sync::Arc;

use rusqlite::{Connection, Error, ErrorCode, ffi};

use crate::words::{EngineError, ErrorKind, StoreError};

/// What errors call it.
const ENGINE: &str = "SQLite";

/// Names the database, which SQLite seldom does, and says for how long a lock was waited for.
pub(super) fn explain(conn: &Connection, name: &str, error: Error) -> StoreError {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    let waited = (extended == Some(ffi::SQLITE_BUSY))
        .then(|| conn.query_row("PRAGMA busy_timeout", [], |row| row.get::<_, i64>(0)).ok())
        .flatten();
    named(name, &waited.map(|ms| format!(" after a wait of {ms} ms")).unwrap_or_default(), error)
}

fn named(name: &str, waited: &str, error: Error) -> StoreError {
    match from_sqlite(error) {
        StoreError::Engine(mut engine) => {
            engine.message = format!("{name}: {}{waited}", engine.message);
            StoreError::Engine(engine)
        }
        other => other,
    }
}

/// Names a database that could not be opened.
pub(super) fn unopened(name: &str, error: Error) -> StoreError {
    named(name, "", error)
}

/// Keeps the error as the source and adds what to do where that is known.
fn from_sqlite(error: Error) -> StoreError {
    if matches!(error, Error::MultipleStatement) {
        return StoreError::Invalid {
            what: "statement",
            reason: "it is more than one; run them one at a time, in a transaction if they belong together".to_owned(),
        };
    }
    let code = error.sqlite_error().map_or(0, |error| error.extended_code);
    let (kind, hint) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy) if code == ffi::SQLITE_BUSY_SNAPSHOT => (
            ErrorKind::Busy,
            "another connection wrote after this one began to read; begin with Access::Write and retry",
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (ErrorKind::Busy, "another connection holds the lock; retry, or raise the busy time-out")
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
        Some(ErrorCode::SystemIoFailure) => {
            (ErrorKind::Backend, "the file cannot be read or written; check the disk and its free space")
        }
        Some(ErrorCode::ConstraintViolation) => (ErrorKind::Conflict, "a constraint of the table refuses the row"),
        Some(ErrorCode::TooBig) => (ErrorKind::Limit, "the value is larger than SQLite accepts"),
        _ => (ErrorKind::Backend, ""),
    };
    let message = if hint.is_empty() { error.to_string() } else { format!("{error} ({hint})") };
    StoreError::Engine(EngineError {
        engine: ENGINE,
        kind,
        code: i64::from(code),
        message,
        source: Some(Arc::new(error)),
    })
}

/// Whether a file could not be read, written or flushed, or was found damaged.
pub(crate) fn is_failed_io(error: &StoreError) -> bool {
    let StoreError::Engine(engine) = error else { return false };
    let primary = i32::try_from(engine.code & 0xff).unwrap_or_default();
    engine.engine == ENGINE && [ffi::SQLITE_IOERR, ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB].contains(&primary)
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        from_sqlite(error)
    }
}
