//! Waiting for a hint that somebody has committed.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::words::Result;

/// Where one thread waits until it is worth looking for new commits. Made by [`Backend::listen`](crate::Backend::listen).
///
/// What ends a wait is a hint: it may come without a commit, before one can be read, or not at all. Whoever waits looks
/// at the database afterwards, and now and then without a hint.
///
/// ```
/// use std::time::Duration;
/// use causal_vault::{Backend, Listen, SqliteBackend};
///
/// let db = SqliteBackend::in_memory()?;
/// let listener: Box<dyn Listen> = db.listen();
/// assert!(!listener.wait(Duration::from_millis(1))?);
/// listener.wake();
/// assert!(listener.wait(Duration::from_secs(60))?);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
pub trait Listen: Send + Sync {
    /// Whether a commit of another process is expected to end a wait early. Where it is not, look often.
    fn hears(&self) -> bool;

    /// Waits for a hint, for [`wake`](Self::wake) or for the time-out, and returns false for the last.
    fn wait(&self, timeout: Duration) -> Result<bool>;

    /// Ends the wait that is under way, or else the next one.
    fn wake(&self);
}

/// Hears nothing but [`wake`](Listen::wake).
#[derive(Default)]
pub(crate) struct Deaf {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Listen for Deaf {
    fn hears(&self) -> bool {
        false
    }

    fn wait(&self, timeout: Duration) -> Result<bool> {
        let mut woken = self.woken.lock();
        if !*woken {
            self.changed.wait_for(&mut woken, timeout);
        }
        Ok(std::mem::take(&mut *woken))
    }

    fn wake(&self) {
        *self.woken.lock() = true;
        self.changed.notify_all();
    }
}
