//! One thread's connection, and what runs on it.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::thread::{self, ThreadId};

use rusqlite::hooks::{AuthContext, Authorization};
use rusqlite::types::{ToSqlOutput, Value as SqlValue, ValueRef as SqlRef};
use rusqlite::{CachedStatement, Connection, ToSql};
use smallvec::SmallVec;

use super::errors;
use crate::backend::{Access, Row, Value, ValueRef, Visitor};
use crate::words::{Result, StoreError};

/// Statements kept compiled on each connection.
const STATEMENTS: usize = 128;

pub(super) struct Session {
    conn: Connection,
    /// What messages call the database.
    name: String,
    /// The thread that works on it. A new thread inherits the session of one that has ended.
    owner: Cell<ThreadId>,
    /// What the transaction of ours that is open on this connection is for.
    open: Cell<Option<Access>>,
    /// Whether its thread has a transaction open on another connection.
    lent: Cell<bool>,
}

impl Session {
    pub(super) fn new(conn: Connection, name: String) -> Self {
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
        Self { conn, name, owner: Cell::new(thread::current().id()), open: Cell::new(None), lent: Cell::new(false) }
    }

    /// Rolls back what an ended thread left open, so that nothing of this thread's becomes a part of it.
    pub(super) fn inherit(&self) -> Result<()> {
        let me = thread::current().id();
        if self.owner.get() == me {
            return Ok(());
        }
        self.open.set(None);
        self.lent.set(false);
        if !self.is_idle() {
            self.exec("ROLLBACK", &[])?;
        }
        self.owner.set(me);
        Ok(())
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Whether no transaction is open: neither ours nor one that the consumer began on the connection.
    pub(super) fn is_idle(&self) -> bool {
        self.conn.is_autocommit()
    }

    /// What the transaction of ours that is open is for.
    pub(super) fn open(&self) -> Option<Access> {
        self.open.get()
    }

    pub(super) fn set_open(&self, access: Option<Access>) {
        self.open.set(access);
    }

    pub(super) fn set_lent(&self, lent: bool) {
        self.lent.set(lent);
    }

    /// Whether its thread has no transaction open anywhere, neither one of ours nor one of the consumer's own.
    pub(super) fn is_free(&self) -> bool {
        self.check_free().is_ok() && self.is_idle()
    }

    /// Refuses a second transaction of ours on its thread.
    pub(super) fn check_free(&self) -> Result<()> {
        if self.open().is_some() || self.lent.get() {
            return Err(StoreError::Unsupported {
                what: "a second transaction on this thread",
                reason: "commit or drop the open one first, or work through it".to_owned(),
            });
        }
        Ok(())
    }

    pub(super) fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        let before = self.conn.total_changes();
        let mut rows = self.prepare(sql, params)?;
        let mut rows = rows.raw_query();
        while rows.next().map_err(|error| self.explain(error))?.is_some() {}
        // A statement that changes no row, such as CREATE TABLE, leaves the count of the one before it standing.
        Ok(if self.conn.total_changes() == before { 0 } else { self.conn.changes() })
    }

    pub(super) fn visit(&self, sql: &str, params: &[Value], visit: &mut Visitor<'_>) -> Result<()> {
        let mut statement = self.prepare(sql, params)?;
        let width = statement.column_count();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|error| self.explain(error))? {
            let mut cells = SmallVec::<[ValueRef<'_>; 16]>::new();
            for index in 0..width {
                cells.push(cell(row.get_ref(index).map_err(|error| self.explain(error))?, index)?);
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
        // After a full disk or a failed write SQLite rolls back by itself: what follows would be committed one by one.
        if self.open().is_some() && self.is_idle() {
            return Err(StoreError::TransactionEnded { path: self.name.clone() });
        }
        let mut statement = self.conn.prepare_cached(sql).map_err(|error| self.explain(error))?;
        if self.open() == Some(Access::Read) && !statement.readonly() {
            return Err(StoreError::Invalid {
                what: "statement",
                reason: "it writes, and this transaction was begun to read; begin it with Access::Write".to_owned(),
            });
        }
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
            statement.raw_bind_parameter(index, param).map_err(|error| self.explain(error))?;
        }
        Ok(statement)
    }

    fn explain(&self, error: rusqlite::Error) -> StoreError {
        errors::explain(&self.conn, &self.name, error)
    }
}

/// A connection on which every statement fails, for `connection()` to return where there is none.
pub(super) fn barren() -> Connection {
    let mut conn = Connection::open_in_memory().expect("an empty database in memory needs nothing but memory");
    conn.authorizer(Some(|_: AuthContext<'_>| Authorization::Deny)).expect("a new connection has no other borrower");
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
