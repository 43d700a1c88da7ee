//! A backend that loses every seventh transaction and says that it was committed.

use std::sync::atomic::{AtomicU64, Ordering};

use causal_vault::{Access, Result, SqliteBackend, Transaction, Vault, VaultBuilder};

use crate::suite::hooked::{Hook, Hooked};

/// How many it has committed, or said so.
struct Lies(AtomicU64);

pub(super) fn open(builder: VaultBuilder) -> Vault {
    builder.over(Hooked { inner: SqliteBackend::in_memory().unwrap(), hook: Lies(AtomicU64::new(0)) }).unwrap()
}

impl Hook for Lies {
    fn commit(&self, tx: Box<dyn Transaction + '_>, _: Access) -> Result<()> {
        // The first few create the tables.
        if self.0.fetch_add(1, Ordering::Relaxed) % 7 == 6 { Ok(()) } else { tx.commit() }
    }
}
