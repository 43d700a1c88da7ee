//! Hearing of commits by other processes.

mod lookout;
mod options;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;

pub use options::WatchOptions;

use self::lookout::{Lookout, Shared};
use super::header::Position;
use super::open::Vault;
use crate::backend::Deaf;
use crate::words::{Result, StoreError};

/// A thread that rings the bells of a vault for what others commit: other processes, other vaults on the same file in
/// this one, and appends below the vault such as a [`WriterLog`](crate::WriterLog)'s. It ends when this guard is dropped,
/// which waits for a callback that is running on it. Made by [`Vault::watch`].
///
/// ```
/// use std::sync::mpsc::channel;
/// use std::time::Duration;
/// use causal_vault::{Event, Filter, Vault, WatchOptions};
///
/// let folder = tempfile::tempdir().unwrap();
/// let here = Vault::open(folder.path().join("agents.vault"))?;
/// let elsewhere = Vault::open(folder.path().join("agents.vault"))?;
/// let (send, receive) = channel();
/// let guard = here.subscribe(Filter::kind("note"), move |header| {
///     let _ = send.send(header.seq);
/// })?;
/// let watcher = here.watch(WatchOptions::new())?;
/// elsewhere.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
/// assert_eq!(receive.recv_timeout(Duration::from_secs(10)), Ok(1));
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[must_use = "the watch ends when this guard is dropped"]
pub struct Watcher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Vault {
    /// Starts a thread that rings this vault's bells, the [`doorbell`](Self::doorbell) and that of
    /// [`subscribe`](Self::subscribe), for commits of this tenant that were not made through its handles. Its callbacks
    /// run on that thread.
    ///
    /// - **None is lost.** From the return of this call on, each event is announced at least once, and those of others
    ///   in position order. Hints only make it quick: the timeline is looked at without one as well, at the latest
    ///   after [`idle`](WatchOptions::idle).
    /// - **None comes early.** An event is announced after it was read. On SQLite a commit can be read once its writer
    ///   has flushed it, if the writer's durability is [`Durable`](crate::Durability::Durable); one that opened the
    ///   vault with less is read with less.
    /// - **Some may come twice**, although what this process commits and rings itself is remembered and left out.
    ///
    /// A [`Cursor`](crate::Cursor) that waits is woken as well. A look that fails is counted and repeated, about a
    /// second later at most; see [`errors`](Watcher::errors). On Linux the kernel tells when SQLite's log is written to,
    /// and while nobody commits the thread sleeps. Elsewhere, and where the kernel has no watch left to give, the vault
    /// is looked at every 4 milliseconds: a microsecond each, and with the waking up about one percent of a core.
    ///
    /// A tenant has one watcher at a time in a vault and its clones; a second one is an error.
    ///
    /// ```
    /// use causal_vault::{Vault, WatchOptions};
    ///
    /// let vault = Vault::in_memory()?;
    /// let watcher = vault.watch(WatchOptions::new())?;
    /// assert!(vault.watch(WatchOptions::new()).is_err());
    /// drop(watcher);
    /// assert!(vault.watch(WatchOptions::new()).is_ok());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn watch(&self, options: WatchOptions) -> Result<Watcher> {
        if !self.bells().begin_watch() {
            return Err(StoreError::Unsupported {
                what: "a second watcher of this tenant",
                reason: "one is running; share it, or drop it first".to_owned(),
            });
        }
        let shared = Arc::new(Shared {
            listener: if options.hints { self.db().listen() } else { Box::new(Deaf::default()) },
            stop: AtomicBool::new(false),
            announced: AtomicU64::new(0),
            looks: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            last_error: Mutex::new(None),
        });
        let lookout = Lookout { vault: self.clone(), options, shared: Arc::clone(&shared) };
        let (ready, started) = sync_channel(1);
        let thread = thread::Builder::new().name("vault-watch".to_owned()).spawn(move || {
            let after = lookout.options.after.map_or_else(|| lookout.stand(), Ok);
            let first = after.map(|after| lookout.shared.announced.store(after.number(), Ordering::Relaxed));
            let failed = first.is_err();
            if failed {
                // Ends the watch before the caller is told, who may try again.
                drop(lookout);
                let _ = ready.send(first);
                return;
            }
            let _ = ready.send(first);
            lookout.run();
        });
        let thread = thread.map_err(|error| StoreError::Unsupported {
            what: "a watcher",
            reason: format!("its thread cannot be started: {error}"),
        })?;
        let panicked = |_| Err(StoreError::Backend("the backend panicked where the watcher begins".to_owned()));
        started.recv().unwrap_or_else(panicked)?;
        Ok(Watcher { shared, thread: Some(thread) })
    }
}

impl Watcher {
    /// The position up to which everything has been announced, by the watcher or where it was committed.
    ///
    /// ```
    /// use causal_vault::{Position, Vault, WatchOptions};
    ///
    /// let watcher = Vault::in_memory()?.watch(WatchOptions::new())?;
    /// assert_eq!(watcher.announced(), Position::START);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn announced(&self) -> Position {
        Position::new(self.shared.announced.load(Ordering::Relaxed))
    }

    /// How often the vault was looked at: what watching costs.
    ///
    /// ```
    /// use causal_vault::{Vault, WatchOptions};
    ///
    /// let watcher = Vault::in_memory()?.watch(WatchOptions::new())?;
    /// println!("{} looks", watcher.looks());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn looks(&self) -> u64 {
        self.shared.looks.load(Ordering::Relaxed)
    }

    /// How many looks have failed. While they do, nothing is announced; what was missed is announced afterwards.
    ///
    /// ```
    /// use causal_vault::{Vault, WatchOptions};
    ///
    /// let watcher = Vault::in_memory()?.watch(WatchOptions::new())?;
    /// assert_eq!(watcher.errors(), 0);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn errors(&self) -> u64 {
        self.shared.errors.load(Ordering::Acquire)
    }

    /// Why the last look that failed did.
    ///
    /// ```
    /// use causal_vault::{Vault, WatchOptions};
    ///
    /// let watcher = Vault::in_memory()?.watch(WatchOptions::new())?;
    /// assert_eq!(watcher.last_error(), None);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn last_error(&self) -> Option<StoreError> {
        self.shared.last_error.lock().clone()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.listener.wake();
        // A callback that drops the guard runs on the thread itself, which ends when the callback has returned.
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher")
            .field("announced", &self.announced())
            .field("looks", &self.looks())
            .field("errors", &self.errors())
            .finish_non_exhaustive()
    }
}
