//! An engine that acknowledges before it commits: the control that the suites must catch.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use causal_vault::{Access, Backend, Dialect, Result, Row, SqliteBackend, Transaction, Value};

/// Leaves each transaction open when it is committed, and commits it when the next one begins. For one thread.
pub struct EarlyBackend {
    db: SqliteBackend,
    open: AtomicBool,
}

impl EarlyBackend {
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self { db: SqliteBackend::open(path)?, open: AtomicBool::new(false) })
    }

    fn settle(&self) -> Result<()> {
        if self.open.swap(false, Ordering::Relaxed) {
            self.db.exec("COMMIT", &[])?;
        }
        Ok(())
    }
}

impl Backend for EarlyBackend {
    fn dialect(&self) -> Dialect {
        self.db.dialect()
    }

    fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        self.settle()?;
        self.db.exec(sql, params)
    }

    fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        self.settle()?;
        self.db.query(sql, params)
    }

    fn begin(&self, access: Access) -> Result<Box<dyn Transaction + '_>> {
        self.settle()?;
        self.db.exec(if access == Access::Read { "BEGIN" } else { "BEGIN IMMEDIATE" }, &[])?;
        Ok(Box::new(EarlyTransaction { backend: self, access, ended: false }))
    }
}

impl Drop for EarlyBackend {
    fn drop(&mut self) {
        let _ = self.settle();
    }
}

struct EarlyTransaction<'a> {
    backend: &'a EarlyBackend,
    access: Access,
    ended: bool,
}

impl Transaction for EarlyTransaction<'_> {
    fn dialect(&self) -> Dialect {
        self.backend.dialect()
    }

    fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        self.backend.db.exec(sql, params)
    }

    fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        self.backend.db.query(sql, params)
    }

    fn is_outermost(&self) -> bool {
        true
    }

    fn commit(mut self: Box<Self>) -> Result<()> {
        self.ended = true;
        match self.access {
            Access::Read => self.backend.db.exec("COMMIT", &[]).map(drop),
            Access::SharedWrite | Access::Write => {
                self.backend.open.store(true, Ordering::Relaxed);
                Ok(())
            }
        }
    }
}

impl Drop for EarlyTransaction<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.backend.db.exec("ROLLBACK", &[]);
        }
    }
}
