//! A backend that counts its commits, and fails them when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use causal_vault::{
    Access, Backend, Dialect, Result, Row, SqliteBackend, StoreError, Transaction, Value, Vault, Visitor,
};
use parking_lot::Mutex;

/// What becomes of the commits of write transactions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    None,
    /// They fail and store nothing.
    Before,
    /// They store and fail nevertheless.
    After,
    /// They store and panic nevertheless.
    Panics,
    /// They find the lock taken.
    Busy,
    /// They take their time.
    Slow,
}

pub(super) struct Faulty {
    inner: SqliteBackend,
    control: Arc<Control>,
}

pub(super) struct Control {
    pub(super) commits: AtomicU64,
    pub(super) fault: Mutex<Fault>,
}

impl Control {
    pub(super) fn set(&self, fault: Fault) {
        *self.fault.lock() = fault;
    }
}

/// A vault in a file that lives as long as the folder, over such a backend.
pub(super) fn faulty() -> (tempfile::TempDir, Vault, Arc<Control>) {
    let folder = tempfile::tempdir().unwrap();
    let inner = SqliteBackend::open(folder.path().join("agents.vault")).unwrap();
    let control = Arc::new(Control { commits: AtomicU64::new(0), fault: Mutex::new(Fault::None) });
    let vault = Vault::builder().over(Faulty { inner, control: Arc::clone(&control) }).unwrap();
    control.commits.store(0, Ordering::Relaxed);
    (folder, vault, control)
}

struct FaultyTransaction<'a> {
    inner: Box<dyn Transaction + 'a>,
    access: Access,
    control: &'a Control,
}

impl Backend for Faulty {
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
        Ok(Box::new(FaultyTransaction { inner: self.inner.begin(access)?, access, control: &self.control }))
    }

    fn visit(&self, sql: &str, params: &[Value], visit: &mut Visitor<'_>) -> Result<()> {
        self.inner.visit(sql, params, visit)
    }

    fn is_idle(&self) -> bool {
        self.inner.is_idle()
    }
}

impl Transaction for FaultyTransaction<'_> {
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

    fn is_outermost(&self) -> bool {
        self.inner.is_outermost()
    }

    fn commit(self: Box<Self>) -> Result<()> {
        if self.access == Access::Read {
            return self.inner.commit();
        }
        self.control.commits.fetch_add(1, Ordering::Relaxed);
        let fault = *self.control.fault.lock();
        match fault {
            Fault::Before => return Err(failure()),
            Fault::Busy => {
                return Err(StoreError::Busy { what: "the test's lock".into(), waited: Duration::ZERO });
            }
            Fault::Slow => std::thread::sleep(Duration::from_millis(2)),
            Fault::None | Fault::After | Fault::Panics => {}
        }
        self.inner.commit()?;
        match fault {
            Fault::After => Err(failure()),
            Fault::Panics => panic!("the backend breaks"),
            _ => Ok(()),
        }
    }
}

pub(super) fn failure() -> StoreError {
    StoreError::Backend("the flush failed".into())
}
