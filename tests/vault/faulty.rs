//! A backend that counts its commits, and fails them when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use causal_vault::{Access, Result, SqliteBackend, StoreError, Transaction, Vault};
use parking_lot::Mutex;

use crate::suite::hooked::{Hook, Hooked};

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
    let vault = Vault::builder().over(Hooked { inner, hook: Arc::clone(&control) }).unwrap();
    control.commits.store(0, Ordering::Relaxed);
    (folder, vault, control)
}

impl Hook for Arc<Control> {
    fn commit(&self, tx: Box<dyn Transaction + '_>, access: Access) -> Result<()> {
        if access == Access::Read {
            return tx.commit();
        }
        self.commits.fetch_add(1, Ordering::Relaxed);
        let fault = *self.fault.lock();
        match fault {
            Fault::Before => return Err(failure()),
            Fault::Busy => {
                return Err(StoreError::Busy { what: "the test's lock".into(), waited: Duration::ZERO });
            }
            Fault::Slow => std::thread::sleep(Duration::from_millis(2)),
            Fault::None | Fault::After | Fault::Panics => {}
        }
        tx.commit()?;
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
