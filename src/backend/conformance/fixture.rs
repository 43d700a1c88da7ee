//! The table that each case works in.

use std::thread::{Scope, ScopedJoinHandle};

use super::failure::{Failure, Outcome, same};
use crate::backend::{Backend, Dialect, Row, Transaction, Value};
use crate::words::Result;

/// A table `(id, n, r, t, b)`: a key, and a column of each type.
pub(super) struct Table<'a> {
    pub(super) db: &'a dyn Backend,
    pub(super) name: String,
}

impl<'a> Table<'a> {
    pub(super) fn create(db: &'a dyn Backend, case: &str) -> Outcome<Self> {
        let (text, blob) = match db.dialect() {
            Dialect::Postgres => ("TEXT COLLATE \"C\"", "BYTEA"),
            Dialect::Sqlite => ("TEXT", "BLOB"),
        };
        // Short, because PostgreSQL cuts a name at 63 bytes.
        let table = Self { db, name: format!("cvc_{case}") };
        table.remove()?;
        db.exec(
            &format!(
                "CREATE TABLE {} (id BIGINT NOT NULL PRIMARY KEY, n BIGINT, r DOUBLE PRECISION, t {text}, b {blob})",
                table.name
            ),
            &[],
        )?;
        Ok(table)
    }

    pub(super) fn remove(&self) -> Outcome {
        self.db.exec(&format!("DROP TABLE IF EXISTS {}", self.name), &[])?;
        Ok(())
    }

    /// `sql` with this table's name for `@`.
    pub(super) fn sql(&self, sql: &str) -> String {
        sql.replace('@', &self.name)
    }

    pub(super) fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        self.db.exec(&self.sql(sql), params)
    }

    pub(super) fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        self.db.query(&self.sql(sql), params)
    }

    pub(super) fn exec_in(&self, tx: &dyn Transaction, sql: &str, params: &[Value]) -> Result<u64> {
        tx.exec(&self.sql(sql), params)
    }

    pub(super) fn query_in(&self, tx: &dyn Transaction, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        tx.query(&self.sql(sql), params)
    }

    /// Stores `n` under `id`.
    pub(super) fn put(&self, id: i64, n: i64) -> Result<u64> {
        self.exec(PUT, &[Value::Int(id), Value::Int(n)])
    }

    pub(super) fn put_in(&self, tx: &dyn Transaction, id: i64, n: i64) -> Result<u64> {
        self.exec_in(tx, PUT, &[Value::Int(id), Value::Int(n)])
    }

    /// The pairs of `id` and `n` are these, as seen from outside of any transaction.
    pub(super) fn holds(&self, when: &str, expected: &[(i64, i64)]) -> Outcome {
        same(format_args!("the rows {when}"), self.query(PAIRS, &[])?, pairs(expected))
    }

    pub(super) fn holds_in(&self, tx: &dyn Transaction, when: &str, expected: &[(i64, i64)]) -> Outcome {
        same(format_args!("the rows {when}"), self.query_in(tx, PAIRS, &[])?, pairs(expected))
    }
}

const PUT: &str = "INSERT INTO @ (id, n) VALUES (?, ?)";
pub(super) const PAIRS: &str = "SELECT id, n FROM @ ORDER BY id";

pub(super) fn pairs(pairs: &[(i64, i64)]) -> Vec<Row> {
    pairs.iter().map(|(id, n)| vec![Value::Int(*id), Value::Int(*n)]).collect()
}

/// The integer in the first cell.
pub(super) fn number(rows: &[Row]) -> Outcome<i64> {
    match rows.first().and_then(|row| row.first()) {
        Some(Value::Int(int)) => Ok(*int),
        other => Err(Failure::new("a row that begins with an integer", format_args!("{other:?}"))),
    }
}

/// Runs `work` on eight threads, each with its number, and returns what each made of it.
pub(super) fn on_eight_threads<T: Send>(work: impl Fn(i64) -> Outcome<T> + Sync) -> Outcome<Vec<T>> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|id| scope.spawn(move || work(id))).collect();
        threads.into_iter().map(join).collect()
    })
}

/// Runs `work` on another thread, to its end.
pub(super) fn elsewhere<T: Send>(work: impl FnOnce() -> Outcome<T> + Send) -> Outcome<T> {
    std::thread::scope(|scope| join(spawn(scope, work)))
}

pub(super) fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> Outcome<T> + Send + 'scope,
) -> ScopedJoinHandle<'scope, Outcome<T>> {
    scope.spawn(work)
}

pub(super) fn join<T>(thread: ScopedJoinHandle<'_, Outcome<T>>) -> Outcome<T> {
    thread.join().unwrap_or_else(|_| Err(Failure::new("no panic on another thread", "a panic")))
}
