//! The seam to the database: the only layer that names an engine.
//!
//! SQL is written once, in the subset that SQLite and PostgreSQL share, with `?` placeholders.

#[cfg(feature = "conformance")]
pub mod conformance;
mod listen;
mod policy;
mod sql;
mod sqlite;
mod value;

use std::ops::ControlFlow;

pub(crate) use listen::Deaf;
pub use listen::Listen;
pub use policy::{BackendKind, Durability, StorePolicy};
pub(crate) use sql::Sql;
pub(crate) use sqlite::is_failed_io;
pub use sqlite::{SqliteBackend, SqliteOptions};
pub(crate) use value::columns;
pub use value::{Row, Value, ValueRef};

use crate::words::Result;

/// Which SQL dialect a backend speaks, for the few places where the shared subset is not enough.
///
/// ```
/// use causal_vault::{Backend, Dialect, SqliteBackend};
///
/// assert_eq!(SqliteBackend::in_memory()?.dialect(), Dialect::Sqlite);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// PostgreSQL's.
    Postgres,
    /// SQLite's.
    Sqlite,
}

/// What a transaction is going to do.
///
/// ```
/// use causal_vault::{Access, Backend, SqliteBackend};
///
/// let db = SqliteBackend::in_memory()?;
/// let snapshot = db.begin(Access::Read)?;
/// assert_eq!(snapshot.query("SELECT 1 + 1", &[])?.len(), 1);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reads one consistent state, that of its first statement, and refuses to write. Blocks no writer, except in a
    /// SQLite database in memory, where a writer waits for readers and readers for a writer.
    Read,
    /// As [`Write`](Self::Write), on behalf of several threads: what this thread does through the backend itself
    /// meanwhile may stand apart from it, so that a backend can keep one warm connection for whichever thread leads.
    SharedWrite,
    /// Takes the write lock at once and waits for it up to the backend's time-out.
    Write,
}

/// What is done with each row of a [`visit`](Backend::visit): go on, stop, or fail.
pub type Visitor<'a> = dyn FnMut(&[ValueRef<'_>]) -> Result<ControlFlow<()>> + 'a;

/// A pluggable, synchronous store of rows.
///
/// The whole of what the crate asks of a database: whatever passes the `conformance` suite carries every primitive and
/// the vault.
///
/// ```
/// use causal_vault::{Backend, SqliteBackend, Value};
///
/// fn count(db: &dyn Backend, table: &str) -> causal_vault::Result<Value> {
///     let mut rows = db.query(&format!("SELECT count(*) FROM {table}"), &[])?;
///     Ok(rows.pop().and_then(|mut row| row.pop()).unwrap_or(Value::Null))
/// }
///
/// let db = SqliteBackend::in_memory()?;
/// db.exec("CREATE TABLE note (body TEXT)", &[])?;
/// db.exec("INSERT INTO note VALUES (?)", &[Value::Text("hello".into())])?;
/// assert_eq!(count(&db, "note")?, Value::Int(1));
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
pub trait Backend: Send + Sync {
    /// The dialect this backend speaks.
    fn dialect(&self) -> Dialect;

    /// Runs one statement and returns the number of rows it changed, 0 if it is not one that changes rows.
    fn exec(&self, sql: &str, params: &[Value]) -> Result<u64>;

    /// Runs one statement and returns all its rows; also for `RETURNING`.
    fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>>;

    /// Begins a transaction. A thread has one at a time: what it does through the backend itself meanwhile is part of
    /// it, and a second `begin` is an error.
    fn begin(&self, access: Access) -> Result<Box<dyn Transaction + '_>>;

    /// Shows each row to `visit` without copying it, until it stops. The default collects the rows first.
    fn visit(&self, sql: &str, params: &[Value], visit: &mut Visitor<'_>) -> Result<()> {
        visit_rows(self.query(sql, params)?, visit)
    }

    /// A place to wait for commits of others. The default hears nothing: whoever waits there has to look often.
    fn listen(&self) -> Box<dyn Listen> {
        Box::new(Deaf::default())
    }

    /// Whether this thread has no transaction open, neither one of [`begin`](Self::begin) nor one of the caller's own.
    /// While a backend does not say so, a commit shares its transaction with no other thread's.
    fn is_idle(&self) -> bool {
        false
    }

    /// Looks at whatever this engine must guarantee before a vault may live in it, such as its version and its journal
    /// mode. Called when a schema is created or opened.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// A transaction: committed by being consumed, rolled back when dropped. After a statement in it has failed, drop it:
/// engines disagree about what is left of it.
///
/// ```
/// use causal_vault::{Access, Backend, SqliteBackend, Value};
///
/// let db = SqliteBackend::in_memory()?;
/// db.exec("CREATE TABLE note (body TEXT)", &[])?;
/// let tx = db.begin(Access::Write)?;
/// tx.exec("INSERT INTO note VALUES (?)", &[Value::Text("kept".into())])?;
/// tx.commit()?;
/// let tx = db.begin(Access::Write)?;
/// tx.exec("INSERT INTO note VALUES (?)", &[Value::Text("dropped".into())])?;
/// drop(tx);
/// assert_eq!(db.query("SELECT body FROM note", &[])?, vec![vec![Value::Text("kept".into())]]);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
pub trait Transaction {
    /// The dialect this transaction speaks.
    fn dialect(&self) -> Dialect;

    /// Runs one statement and returns the number of rows it changed.
    fn exec(&self, sql: &str, params: &[Value]) -> Result<u64>;

    /// Runs one statement and returns all its rows; also for `RETURNING`.
    fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>>;

    /// Shows each row to `visit` without copying it, until it stops. The default collects the rows first.
    fn visit(&self, sql: &str, params: &[Value], visit: &mut Visitor<'_>) -> Result<()> {
        visit_rows(self.query(sql, params)?, visit)
    }

    /// Whether its commit is final: not where the caller has begun a transaction of its own around it, which may still
    /// be rolled back. While a backend does not say that it is, less is kept in memory between transactions.
    fn is_outermost(&self) -> bool {
        false
    }

    /// Forgets what was read, so that what is read next comes from where it is stored. An engine that looks at a page only
    /// when it first reads it looks again. The default forgets nothing.
    ///
    /// ```
    /// use causal_vault::{Access, Backend, SqliteBackend};
    ///
    /// SqliteBackend::in_memory()?.begin(Access::Read)?.forget()?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    fn forget(&self) -> Result<()> {
        Ok(())
    }

    /// Makes everything durable at the backend's level, or nothing.
    fn commit(self: Box<Self>) -> Result<()>;
}

fn visit_rows(rows: Vec<Row>, visit: &mut Visitor<'_>) -> Result<()> {
    for row in &rows {
        let cells: Vec<ValueRef<'_>> = row.iter().map(Value::as_ref).collect();
        if visit(&cells)?.is_break() {
            break;
        }
    }
    Ok(())
}
