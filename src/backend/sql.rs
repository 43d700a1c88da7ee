//! Statements over a backend or an open transaction alike.

use std::ops::ControlFlow;

use super::{Backend, Dialect, Transaction, Value, ValueRef, Visitor, columns};
use crate::words::{Result, StoreError};

/// What a backend and a transaction both do, so that a concept writes its statements once.
pub(crate) trait Sql {
    fn dialect(&self) -> Dialect;
    fn exec(&self, sql: &str, params: &[Value]) -> Result<u64>;
    fn visit(&self, sql: &str, params: &[Value], visit: &mut Visitor<'_>) -> Result<()>;

    /// The first row, read while it is borrowed.
    fn first<T>(
        &self,
        sql: &str,
        params: &[Value],
        mut read: impl FnMut(&[ValueRef<'_>]) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut found = None;
        self.visit(sql, params, &mut |row| {
            found = Some(read(row)?);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// Every row, read while it is borrowed.
    fn all<T>(
        &self,
        sql: &str,
        params: &[Value],
        mut read: impl FnMut(&[ValueRef<'_>]) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut found = Vec::new();
        self.visit(sql, params, &mut |row| {
            found.push(read(row)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// Builds every index of a table anew from its rows.
    fn reindex(&self, table: &'static str) -> Result<()> {
        let statement = match self.dialect() {
            Dialect::Postgres => format!("REINDEX TABLE {table}"),
            Dialect::Sqlite => format!("REINDEX {table}"),
        };
        self.exec(&statement, &[]).map(drop)
    }

    /// An `INSERT .. RETURNING` of one integer.
    fn insert_returning(&self, what: &'static str, sql: &str, params: &[Value]) -> Result<i64> {
        self.first(sql, params, |row| columns::int(row, 0))?.ok_or_else(|| StoreError::Corrupt {
            what: what.to_owned(),
            detail: "an insert stored nothing; look for triggers on the table".to_owned(),
        })
    }

    /// A statement that must change exactly one row: a trigger can make an insert do nothing and still succeed.
    fn exec_one(&self, what: &'static str, sql: &str, params: &[Value]) -> Result<()> {
        self.exec_rows(what, sql, params, 1)
    }

    /// The same of several rows.
    fn exec_rows(&self, what: &'static str, sql: &str, params: &[Value], rows: u64) -> Result<()> {
        let changed = self.exec(sql, params)?;
        if changed != rows {
            return Err(StoreError::Corrupt {
                what: what.to_owned(),
                detail: format!(
                    "a statement that writes {rows} changed {changed} rows; look for triggers on the table"
                ),
            });
        }
        Ok(())
    }
}

impl Sql for dyn Backend + '_ {
    fn dialect(&self) -> Dialect {
        Backend::dialect(self)
    }

    fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        Backend::exec(self, sql, params)
    }

    fn visit(&self, sql: &str, params: &[Value], visit: &mut Visitor<'_>) -> Result<()> {
        Backend::visit(self, sql, params, visit)
    }
}

impl Sql for dyn Transaction + '_ {
    fn dialect(&self) -> Dialect {
        Transaction::dialect(self)
    }

    fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        Transaction::exec(self, sql, params)
    }

    fn visit(&self, sql: &str, params: &[Value], visit: &mut Visitor<'_>) -> Result<()> {
        Transaction::visit(self, sql, params, visit)
    }
}
