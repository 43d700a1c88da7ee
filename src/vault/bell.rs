//! Waking those who wait for commits.

use super::filter::Filter;
use super::header::EventHeader;
use super::open::Vault;
use crate::causal::{CommitEvent, Doorbell, Subscription, TreeHead};

/// The bells of one tenant.
pub(super) struct Bells {
    pub(super) commits: Doorbell,
    pub(super) headers: Doorbell<EventHeader>,
    pub(super) heads: Doorbell<TreeHead>,
}

impl Default for Bells {
    fn default() -> Self {
        Self { commits: Doorbell::new(), headers: Doorbell::of_any(), heads: Doorbell::of_any() }
    }
}

impl Bells {
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
    /// A hint and not the truth: events of other processes do not ring here, nor those of a
    /// [`WriterLog`](crate::WriterLog), and those of two threads may ring in another order than they were committed in. A
    /// [`Cursor`](crate::Cursor) misses none and keeps the order.
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
    /// });
    /// vault.named_writer("alice")?.commit(Event::raw("ledger.mint", "5").stream("ledger"))?;
    /// assert_eq!(receive.try_recv(), Ok(1));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn subscribe(
        &self,
        filter: Filter,
        f: impl Fn(&EventHeader) + Send + Sync + 'static,
    ) -> Subscription<EventHeader> {
        self.bells().headers.subscribe_guarded(move |header| {
            if filter.matches(header) {
                f(header);
            }
        })
    }
}
