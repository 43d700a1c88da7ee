//! A backend whose process dies before a commit.

use std::sync::atomic::{AtomicU32, Ordering};

use causal_vault::{Access, Backend, Dialect, Result, Row, StoreError, Transaction, Value, Visitor};

/// Lets so many write transactions through and fails the commit of every later one.
pub(super) struct Flaky<B> {
    inner: B,
    commits: AtomicU32,
}

impl<B> Flaky<B> {
    pub(super) fn after(inner: B, commits: u32) -> Self {
        Self { inner, commits: AtomicU32::new(commits) }
    }
}

struct FlakyTransaction<'a> {
    inner: Box<dyn Transaction + 'a>,
    access: Access,
    commits: &'a AtomicU32,
}

impl<B: Backend> Backend for Flaky<B> {
    fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }

    fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        self.inner.exec(sql, params)
    }

    fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        self.inner.query(sql, params)
    }

    fn begin(&self, access: Access) -> Result<Box<dyn Transaction + '_>> {
        Ok(Box::new(FlakyTransaction { inner: self.inner.begin(access)?, access, commits: &self.commits }))
    }
}

impl Transaction for FlakyTransaction<'_> {
    fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }

    fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        self.inner.exec(sql, params)
    }

    fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        self.inner.query(sql, params)
    }

    fn visit(&self, sql: &str, params: &[Value], visit: &mut Visitor<'_>) -> Result<()> {
        self.inner.visit(sql, params, visit)
    }

    fn commit(self: Box<Self>) -> Result<()> {
        let left = self.commits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if self.access == Access::Write && left.is_err() {
            return Err(StoreError::Backend("the process died".into()));
        }
        self.inner.commit()
    }
}
