//! A transaction on one thread's connection.

use parking_lot::MutexGuard;

use super::session::Session;
use crate::backend::{Access, Dialect, Row, Transaction, Value, Visitor};
use crate::words::{Result, StoreError};

/// A savepoint where the consumer has already begun a transaction on the connection.
pub(super) struct SqliteTransaction<'a> {
    session: &'a Session,
    nested: bool,
    _queue: Option<MutexGuard<'a, ()>>,
}

impl<'a> SqliteTransaction<'a> {
    /// `queue` waits for the other writers of this process.
    pub(super) fn begin(
        session: &'a Session,
        access: Access,
        queue: impl FnOnce() -> Result<MutexGuard<'a, ()>>,
    ) -> Result<Self> {
        if session.open().is_some() {
            return Err(StoreError::Unsupported {
                what: "a second transaction on this thread",
                reason: "commit or drop the open one first, or work through it".to_owned(),
            });
        }
        let nested = !session.is_idle();
        let (sql, queue) = match (nested, access) {
            (true, _) => ("SAVEPOINT causal_vault", None),
            (false, Access::Read) => ("BEGIN", None),
            (false, Access::Write) => ("BEGIN IMMEDIATE", Some(queue()?)),
        };
        session.exec(sql, &[])?;
        session.set_open(Some(access));
        Ok(Self { session, nested, _queue: queue })
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

    fn is_outermost(&self) -> bool {
        !self.nested
    }

    fn commit(self: Box<Self>) -> Result<()> {
        self.session.exec(if self.nested { "RELEASE causal_vault" } else { "COMMIT" }, &[])?;
        self.session.set_open(None);
        Ok(())
    }
}

impl Drop for SqliteTransaction<'_> {
    fn drop(&mut self) {
        // Closed by a commit; or SQLite, or the consumer on the connection, has already rolled back.
        if self.session.open().is_some() && !self.session.is_idle() {
            // Nobody is left to tell, and a savepoint that the consumer has released is gone.
            if self.nested {
                let _ = self.session.exec("ROLLBACK TO causal_vault", &[]);
                let _ = self.session.exec("RELEASE causal_vault", &[]);
            } else {
                let _ = self.session.exec("ROLLBACK", &[]);
            }
        }
        self.session.set_open(None);
    }
}
