//! Waking those who wait for commits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::filter::Filter;
use super::header::{EventHeader, Position};
use super::open::Vault;
use crate::causal::{CommitEvent, Doorbell, EntryHash, Subscription, TreeHead};
use crate::words::Result;

/// Commits of this process that a watcher may be behind by; of what is forgotten, it rings again.
const OWN_MAX: usize = 1 << 16;

/// The bells of one tenant.
pub(super) struct Bells {
    pub(super) commits: Doorbell,
    pub(super) headers: Doorbell<EventHeader>,
    pub(super) heads: Doorbell<TreeHead>,
    /// Whether a watcher rings as well.
    watcher: AtomicBool,
    /// What was committed here and is not to be rung by the watcher. Held through each commit, so that the watcher
    /// knows of every commit that it can read. The hash tells an entry from one that took its place, as the caller may
    /// roll back a transaction of its own around ours.
    own: Mutex<BTreeMap<Position, EntryHash>>,
}

impl Default for Bells {
    fn default() -> Self {
        Self {
            commits: Doorbell::new(),
            headers: Doorbell::of_any(),
            heads: Doorbell::of_any(),
            watcher: AtomicBool::new(false),
            own: Mutex::default(),
        }
    }
}

impl Bells {
    /// Commits what is then to be [rung](Self::ring).
    pub(super) fn commit(&self, headers: &[EventHeader], commit: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut own = self.own.lock();
        commit()?;
        if self.has_watcher() && own.len() < OWN_MAX {
            own.extend(headers.iter().map(|header| (header.position, header.hash)));
        }
        Ok(())
    }

    /// False if there is a watcher already.
    pub(super) fn begin_watch(&self) -> bool {
        let first = !self.watcher.swap(true, Ordering::AcqRel);
        if first {
            // Commits under way, which may have missed that there is a watcher, are done when the lock is free.
            self.own.lock().clear();
        }
        first
    }

    pub(super) fn end_watch(&self) {
        self.watcher.store(false, Ordering::Release);
    }

    pub(super) fn has_watcher(&self) -> bool {
        self.watcher.load(Ordering::Acquire)
    }

    /// The headers without those that were rung where they were committed; what is known of these up to `last` is
    /// forgotten.
    pub(super) fn foreign(&self, mut headers: Vec<EventHeader>, last: Position) -> Vec<EventHeader> {
        let mut own = self.own.lock();
        headers.retain(|header| own.get(&header.position) != Some(&header.hash));
        *own = own.split_off(&Position::new(last.number() + 1));
        headers
    }

    /// Announces what a transaction committed; after the commit, outside of every lock.
    pub(super) fn ring(&self, headers: &[EventHeader], head: Option<TreeHead>) {
        for header in headers {
            if self.commits.subscribers() > 0 {
                self.commits.ring(&CommitEvent {
                    stream: header.stream.to_string(),
                    writer: header.writer_name.to_string(),
                    seq: header.seq,
                    content_hash: header.hash.into(),
                });
            }
            self.headers.ring(header);
        }
        if let Some(head) = head {
            self.heads.ring(&head);
        }
    }

    /// Whether anybody listens: otherwise no header needs to be made.
    pub(super) fn is_watched(&self) -> bool {
        self.commits.subscribers() + self.headers.subscribers() > 0
    }
}

impl Vault {
    /// The bell that tells the new head of this tenant's tree after each commit through a handle of this vault, once its
    /// events were announced. Every subscriber can so act as a witness: it remembers the last head, and has the next one
    /// proved to continue it. [`tree_head_at`](Self::tree_head_at) gives the head at any one event. Within a transaction that the
    /// caller began on the connection it handed in, and may still roll back, no head is told.
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use causal_vault::{Event, TreeHead, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let seen = Mutex::new(vault.tree_head()?);
    /// let witnessed = vault.clone();
    /// let guard = vault.heads().subscribe_guarded(move |head: &TreeHead| {
    ///     let mut seen = seen.lock().unwrap();
    ///     if seen.size < head.size {
    ///         let proof = witnessed.prove_consistency(seen.size, head.size).unwrap();
    ///         assert!(proof.verify(&seen, head), "history was rewritten");
    ///         *seen = *head;
    ///     }
    /// });
    /// vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("demo"))?;
    /// assert_eq!(vault.heads().panics(), 0);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn heads(&self) -> &Doorbell<TreeHead> {
        &self.bells().heads
    }

    /// Calls `f` with the header of each event that the filter wants, after its commit through a handle of this vault,
    /// on the thread that committed. It ends when the guard is dropped.
    ///
    /// A hint and not the truth: events of other processes ring here only while the vault is [watched](Self::watch), and
    /// so do those of a [`WriterLog`](crate::WriterLog); those of two threads may ring in another order than they were
    /// committed in. A [`Cursor`](crate::Cursor) misses none and keeps the order.
    ///
    /// Callbacks run outside every lock; a panic in one is contained and counted by the [`Doorbell`].
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use causal_vault::{Event, Filter, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let (send, receive) = mpsc::channel();
    /// let guard = vault.subscribe(Filter::kind("ledger.*"), move |header| {
    ///     let _ = send.send(header.seq);
    /// })?;
    /// vault.named_writer("alice")?.commit(Event::raw("ledger.mint", "5").stream("ledger"))?;
    /// assert_eq!(receive.try_recv(), Ok(1));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn subscribe(
        &self,
        filter: Filter,
        f: impl Fn(&EventHeader) + Send + Sync + 'static,
    ) -> Result<Subscription<EventHeader>> {
        filter.check()?;
        Ok(self.bells().headers.subscribe_guarded(move |header| {
            if filter.matches(header) {
                f(header);
            }
        }))
    }
}
