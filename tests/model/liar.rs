//! A backend that loses every seventh transaction and says that it was committed.

use std::sync::atomic::{AtomicU64, Ordering};

use causal_vault::{
    Access, Backend, Dialect, Result, Row, SqliteBackend, Transaction, Value, Vault, VaultBuilder, Visitor,
};

struct Liar {
    truth: SqliteBackend,
    begun: AtomicU64,
}

struct Lie<'a> {
    truth: Box<dyn Transaction + 'a>,
    is_one: bool,
}

pub(super) fn open(builder: VaultBuilder) -> Vault {
    builder.over(Liar { truth: SqliteBackend::in_memory().unwrap(), begun: AtomicU64::new(0) }).unwrap()
}

impl Backend for Liar {
    fn dialect(&self) -> Dialect {
        self.truth.dialect()
    }

    fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        self.truth.exec(sql, params)
    }

    fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        self.truth.query(sql, params)
    }

    fn begin(&self, access: Access) -> Result<Box<dyn Transaction + '_>> {
        // The first few create the tables.
        let begun = self.begun.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(Lie { truth: self.truth.begin(access)?, is_one: begun % 7 == 6 }))
    }

    fn visit(&self, sql: &str, params: &[Value], visit: &mut Visitor<'_>) -> Result<()> {
        self.truth.visit(sql, params, visit)
    }
}

impl Transaction for Lie<'_> {
    fn dialect(&self) -> Dialect {
        self.truth.dialect()
    }

    fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        self.truth.exec(sql, params)
    }

    fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        self.truth.query(sql, params)
    }

    fn commit(self: Box<Self>) -> Result<()> {
        if self.is_one { Ok(()) } else { self.truth.commit() }
    }
}
