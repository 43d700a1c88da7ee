//! A backend around another, with hooks where a test wants to count, fail or wait.

use causal_vault::{Access, Backend, Dialect, Result, Row, Transaction, Value, Visitor};

/// What a test does where it is called. By default it does what the backend below does.
pub(crate) trait Hook: Send + Sync {
    fn commit(&self, tx: Box<dyn Transaction + '_>, access: Access) -> Result<()> {
        let _ = access;
        tx.commit()
    }

    /// Before rows are visited in a transaction.
    fn visit(&self) -> Result<()> {
        Ok(())
    }
}

pub(crate) struct Hooked<B, H> {
    pub(crate) inner: B,
    pub(crate) hook: H,
}

struct HookedTransaction<'a, H> {
    inner: Box<dyn Transaction + 'a>,
    access: Access,
    hook: &'a H,
}

impl<B: Backend, H: Hook> Backend for Hooked<B, H> {
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
        Ok(Box::new(HookedTransaction { inner: self.inner.begin(access)?, access, hook: &self.hook }))
    }

    fn visit(&self, sql: &str, params: &[Value], visit: &mut Visitor<'_>) -> Result<()> {
        self.inner.visit(sql, params, visit)
    }

    fn is_idle(&self) -> bool {
        self.inner.is_idle()
    }
}

impl<H: Hook> Transaction for HookedTransaction<'_, H> {
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
        self.hook.visit()?;
        self.inner.visit(sql, params, visit)
    }

    fn is_outermost(&self) -> bool {
        self.inner.is_outermost()
    }

    fn commit(self: Box<Self>) -> Result<()> {
        self.hook.commit(self.inner, self.access)
    }
}
