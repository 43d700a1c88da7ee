//! A backend whose process dies before a commit.

use std::sync::atomic::{AtomicU32, Ordering};

use causal_vault::{Access, Result, StoreError, Transaction};

use crate::suite::hooked::{Hook, Hooked};

/// How many write transactions it lets through: the commit of every later one fails.
pub(super) struct Dies(AtomicU32);

pub(super) fn flaky<B>(inner: B, commits: u32) -> Hooked<B, Dies> {
    Hooked { inner, hook: Dies(AtomicU32::new(commits)) }
}

impl Hook for Dies {
    fn commit(&self, tx: Box<dyn Transaction + '_>, access: Access) -> Result<()> {
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if access != Access::Read && left.is_err() {
            return Err(StoreError::Backend("the process died".into()));
        }
        tx.commit()
    }
}
