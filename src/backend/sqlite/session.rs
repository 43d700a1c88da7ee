//! One thread's connection, and the transaction it has open.

use std::cell::Cell;
use std::ops::ControlFlow;

use parking_lot::MutexGuard;
use rusqlite::types::{ToSqlOutput, Value as SqlValue, ValueRef as SqlRef};
use rusqlite::{CachedStatement, Connection, ToSql};
use smallvec::SmallVec;

use super::errors;
use crate::backend::{Access, Dialect, Row, Transaction, Value, ValueRef, Visitor};
use crate::words::{Result, StoreError};

/// Statements kept compiled on each connection.
const STATEMENTS: usize = 128;

pub(super) struct Session {
    conn: Connection,
    /// Whether a [`SqliteTransaction`] of ours is open on this connection.
    open: Cell<bool>,
}

impl Session {
    pub(super) fn new(conn: Connection) -> Self {
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
        Self { conn, open: Cell::new(false) }
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Whether no transaction is open: neither ours nor one that the consumer began on the connection.
    pub(super) fn is_idle(&self) -> bool {
        self.conn.is_autocommit()
    }

    pub(super) fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        let mut statement = self.prepare(sql, params)?;
        let mut rows = statement.raw_query();
        while rows.next().map_err(errors::from_sqlite)?.is_some() {}
        drop(rows);
        Ok(if statement.readonly() { 0 } else { self.conn.changes() })
    }

    pub(super) fn visit(&self, sql: &str, params: &[Value], visit: &mut Visitor<'_>) -> Result<()> {
        let mut statement = self.prepare(sql, params)?;
        let width = statement.column_count();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(errors::from_sqlite)? {
            let mut cells = SmallVec::<[ValueRef<'_>; 16]>::new();
            for index in 0..width {
                cells.push(cell(row.get_ref(index).map_err(errors::from_sqlite)?, index)?);
            }
            if visit(&cells)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        self.visit(sql, params, &mut |row| {
            rows.push(row.iter().copied().map(ValueRef::to_value).collect());
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(rows)
    }

    fn prepare(&self, sql: &str, params: &[Value]) -> Result<CachedStatement<'_>> {
        let mut statement = self.conn.prepare_cached(sql).map_err(errors::from_sqlite)?;
        let expected = statement.parameter_count();
        if expected != params.len() {
            return Err(StoreError::Invalid {
                what: "parameters",
                reason: format!("the statement takes {expected}, {} were given", params.len()),
            });
        }
        for (index, param) in (1..).zip(params) {
            let refused = match param {
                Value::Real(real) if real.is_nan() => Some("is NaN, which engines store differently"),
                Value::Text(text) if text.contains('\0') => Some("holds a NUL character, which text cannot"),
                _ => None,
            };
            if let Some(reason) = refused {
                return Err(StoreError::Invalid { what: "parameter", reason: format!("parameter {index} {reason}") });
            }
            statement.raw_bind_parameter(index, param).map_err(errors::from_sqlite)?;
        }
        Ok(statement)
    }
}

/// A connection on which every statement fails, for `connection()` to return where there is none.
pub(super) fn barren() -> Connection {
    let conn = Connection::open_in_memory().expect("an empty database in memory needs nothing but memory");
    // Best effort: without it a write would go to an empty database that nobody reads.
    let _ = conn.pragma_update(None, "query_only", true);
    conn
}

fn cell(value: SqlRef<'_>, index: usize) -> Result<ValueRef<'_>> {
    Ok(match value {
        SqlRef::Null => ValueRef::Null,
        SqlRef::Integer(int) => ValueRef::Int(int),
        SqlRef::Real(real) => ValueRef::Real(real),
        SqlRef::Text(text) => {
            ValueRef::Text(std::str::from_utf8(text).map_err(|error| {
                StoreError::MalformedRow(format!("the text in column {index} is not UTF-8: {error}"))
            })?)
        }
        SqlRef::Blob(blob) => ValueRef::Blob(blob),
    })
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(SqlValue::Null),
            Self::Int(int) => ToSqlOutput::Owned(SqlValue::Integer(*int)),
            Self::Real(real) => ToSqlOutput::Owned(SqlValue::Real(*real)),
            Self::Text(text) => ToSqlOutput::Borrowed(SqlRef::Text(text.as_bytes())),
            Self::Blob(blob) => ToSqlOutput::Borrowed(SqlRef::Blob(blob)),
        })
    }
}

/// A transaction on one thread's connection; a savepoint where the consumer has already begun one.
pub(super) struct SqliteTransaction<'a> {
    session: &'a Session,
    nested: bool,
    finished: bool,
    _queue: Option<MutexGuard<'a, ()>>,
}

impl<'a> SqliteTransaction<'a> {
    pub(super) fn begin(session: &'a Session, access: Access, queue: Option<MutexGuard<'a, ()>>) -> Result<Self> {
        if session.open.get() {
            return Err(StoreError::Unsupported {
                what: "a second transaction on this thread",
                reason: "commit or drop the open one first, or work through it".to_owned(),
            });
        }
        let nested = !session.is_idle();
        let sql = match (nested, access) {
            (true, _) => "SAVEPOINT causal_vault",
            (false, Access::Read) => "BEGIN",
            (false, Access::Write) => "BEGIN IMMEDIATE",
        };
        session.exec(sql, &[])?;
        session.open.set(true);
        Ok(Self { session, nested, finished: false, _queue: queue })
    }
}

impl Transaction for SqliteTransaction<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        self.session.exec(sql, params)
    }

    fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        self.session.query(sql, params)
    }

    fn visit(&self, sql: &str, params: &[Value], visit: &mut Visitor<'_>) -> Result<()> {
        self.session.visit(sql, params, visit)
    }

    fn commit(mut self: Box<Self>) -> Result<()> {
        let sql = if self.nested { "RELEASE causal_vault" } else { "COMMIT" };
        self.session.exec(sql, &[])?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for SqliteTransaction<'_> {
    fn drop(&mut self) {
        if !self.finished && !self.session.is_idle() {
            // A rollback fails only where SQLite has already rolled back by itself.
            if self.nested {
                let _ = self.session.exec("ROLLBACK TO causal_vault", &[]);
                let _ = self.session.exec("RELEASE causal_vault", &[]);
            } else {
                let _ = self.session.exec("ROLLBACK", &[]);
            }
        }
        self.session.open.set(false);
    }
}
