//! The seam that wakes others after a commit.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use smallvec::SmallVec;

/// What a commit announces: where it landed and its content hash, never the payload.
///
/// ```
/// use causal_vault::CommitEvent;
///
/// let event = CommitEvent { stream: "conv:demo".into(), writer: "alice".into(), seq: 1, content_hash: [0; 32] };
/// assert_eq!(event.seq, 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommitEvent {
    /// The stream.
    pub stream: String,
    /// The writer: its name, or its fingerprint in hex.
    pub writer: String,
    /// The entry's number in the writer's log.
    pub seq: u64,
    /// The entry's hash.
    pub content_hash: [u8; 32],
}

/// Tells subscribers of each commit. Clones share their subscribers. What it tells is a [`CommitEvent`] unless named.
///
/// The bell is a hint and never the truth: a subscriber that may miss one reads the log past the last entry it knows.
///
/// Callbacks run on the thread that rings, in the order of their subscription and outside every lock. So one may
/// subscribe, unsubscribe and ring itself, and one that is slow holds up its own thread only. A panic in one is
/// contained and counted, and the others are still called. A callback that holds a clone of its own bell keeps it
/// alive until it is unsubscribed.
///
/// ```
/// use causal_vault::{CommitEvent, Doorbell};
///
/// let bell = Doorbell::new();
/// let (send, receive) = std::sync::mpsc::channel();
/// bell.subscribe(move |event: &CommitEvent| {
///     let _ = send.send(event.seq);
/// });
/// bell.ring(&CommitEvent { stream: "conv:demo".into(), writer: "alice".into(), seq: 7, content_hash: [0; 32] });
/// assert_eq!(receive.try_recv(), Ok(7));
/// ```
pub struct Doorbell<E = CommitEvent> {
    shared: Arc<Shared<E>>,
}

impl<E> Clone for Doorbell<E> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

// Of commits only, so that `Doorbell::default()` needs no type beside it.
impl Default for Doorbell {
    fn default() -> Self {
        Self::of_any()
    }
}

struct Shared<E> {
    subscribers: Mutex<Subscribers<E>>,
    panics: AtomicU64,
}

struct Subscribers<E> {
    last: u64,
    list: Vec<(SubscriptionId, Arc<Callback<E>>)>,
}

type Callback<E> = Subscriber<dyn Fn(&E) + Send + Sync>;

/// The flag comes with the callback so that a ring under way sees that it was cancelled.
struct Subscriber<F: ?Sized> {
    active: AtomicBool,
    callback: F,
}

/// Names a subscription of one bell and its clones; cancels it through [`Doorbell::unsubscribe`].
///
/// ```
/// use causal_vault::{Doorbell, SubscriptionId};
///
/// let bell = Doorbell::new();
/// let id: SubscriptionId = bell.subscribe(|_| {});
/// assert!(bell.unsubscribe(id));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(u64);

impl Doorbell {
    /// A bell without subscribers.
    ///
    /// ```
    /// assert_eq!(causal_vault::Doorbell::new().subscribers(), 0);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }
}

impl<E> Doorbell<E> {
    /// A bell that tells of whatever it is rung with.
    pub(crate) fn of_any() -> Self {
        let subscribers = Mutex::new(Subscribers { last: 0, list: Vec::new() });
        Self { shared: Arc::new(Shared { subscribers, panics: AtomicU64::new(0) }) }
    }

    /// Calls `f` at every later [`ring`](Self::ring), for as long as a clone of the bell lives or until the returned id
    /// is [unsubscribed](Self::unsubscribe).
    ///
    /// ```
    /// use causal_vault::Doorbell;
    ///
    /// let bell = Doorbell::new();
    /// bell.subscribe(|event| println!("{} is at {}", event.writer, event.seq));
    /// assert_eq!(bell.clone().subscribers(), 1);
    /// ```
    pub fn subscribe<F>(&self, f: F) -> SubscriptionId
    where
        F: Fn(&E) + Send + Sync + 'static,
    {
        let subscriber = Arc::new(Subscriber { active: AtomicBool::new(true), callback: f });
        let mut subscribers = self.shared.subscribers.lock();
        subscribers.last += 1;
        let id = SubscriptionId(subscribers.last);
        subscribers.list.push((id, subscriber));
        id
    }

    /// Like [`subscribe`](Self::subscribe), until the guard is dropped.
    ///
    /// ```
    /// use causal_vault::Doorbell;
    ///
    /// let bell = Doorbell::new();
    /// let guard = bell.subscribe_guarded(|event| println!("{}", event.seq));
    /// assert_eq!(bell.subscribers(), 1);
    /// drop(guard);
    /// assert_eq!(bell.subscribers(), 0);
    /// ```
    pub fn subscribe_guarded<F>(&self, f: F) -> Subscription<E>
    where
        F: Fn(&E) + Send + Sync + 'static,
    {
        Subscription { id: self.subscribe(f), bell: Arc::downgrade(&self.shared) }
    }

    /// Ends a subscription; false if it has already ended.
    ///
    /// After the return, no ring that begins calls it, and neither does one under way on this thread. One under way on
    /// another thread may be running the callback, or be about to: this call does not wait for it, so that a callback
    /// can end its own subscription.
    ///
    /// ```
    /// use causal_vault::Doorbell;
    ///
    /// let bell = Doorbell::new();
    /// let id = bell.subscribe(|_| {});
    /// assert!(bell.unsubscribe(id));
    /// assert!(!bell.unsubscribe(id));
    /// ```
    pub fn unsubscribe(&self, id: SubscriptionId) -> bool {
        self.shared.unsubscribe(id)
    }

    /// Calls every subscriber on this thread; returns when the last has returned. To be called after a commit.
    ///
    /// Those that subscribe meanwhile are called from the next ring on. A callback that rings its own bell is called
    /// again by that: ending the recursion is its own business.
    ///
    /// ```
    /// use causal_vault::{CommitEvent, Doorbell};
    ///
    /// let bell = Doorbell::new();
    /// bell.ring(&CommitEvent { stream: "s".into(), writer: "w".into(), seq: 1, content_hash: [0; 32] });
    /// ```
    pub fn ring(&self, event: &E) {
        let called: SmallVec<[Arc<Callback<E>>; 8]> =
            self.shared.subscribers.lock().list.iter().map(|(_, subscriber)| Arc::clone(subscriber)).collect();
        for subscriber in called {
            if subscriber.active.load(Ordering::Acquire) {
                self.shared.contain(|| (subscriber.callback)(event));
            }
            // If this was the last to hold it, what it captured is dropped, which may panic as well.
            self.shared.contain(|| drop(subscriber));
        }
    }

    /// How many callbacks are subscribed.
    ///
    /// ```
    /// use causal_vault::Doorbell;
    ///
    /// let bell = Doorbell::new();
    /// bell.subscribe(|_| {});
    /// assert_eq!(bell.subscribers(), 1);
    /// ```
    pub fn subscribers(&self) -> usize {
        self.shared.subscribers.lock().list.len()
    }

    /// How many panics of callbacks were contained since the bell was made.
    ///
    /// ```
    /// use causal_vault::{CommitEvent, Doorbell};
    ///
    /// let bell = Doorbell::new();
    /// bell.subscribe(|_| panic!("a bug in a subscriber"));
    /// bell.ring(&CommitEvent { stream: "s".into(), writer: "w".into(), seq: 1, content_hash: [0; 32] });
    /// assert_eq!(bell.panics(), 1);
    /// ```
    pub fn panics(&self) -> u64 {
        self.shared.panics.load(Ordering::Relaxed)
    }
}

impl<E> fmt::Debug for Doorbell<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doorbell").field("subscribers", &self.subscribers()).field("panics", &self.panics()).finish()
    }
}

impl<E> Shared<E> {
    fn unsubscribe(&self, id: SubscriptionId) -> bool {
        let removed = {
            let list = &mut self.subscribers.lock().list;
            // Ids only grow, so the list is sorted by them.
            list.binary_search_by_key(&id, |(id, _)| *id).ok().map(|at| list.remove(at))
        };
        let Some((_, subscriber)) = removed else { return false };
        subscriber.active.store(false, Ordering::Release);
        self.contain(|| drop(subscriber));
        true
    }

    fn contain(&self, f: impl FnOnce()) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
            self.panics.fetch_add(1, Ordering::Relaxed);
            // What was thrown may throw when dropped; what that throws is leaked, or this would have no end.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                std::mem::forget(payload);
            }
        }
    }
}

/// A subscription that ends when this guard is dropped, under the terms of [`Doorbell::unsubscribe`].
///
/// It does not keep the bell alive.
///
/// ```
/// use causal_vault::{Doorbell, Subscription};
///
/// let bell = Doorbell::new();
/// let guard: Subscription = bell.subscribe_guarded(|_| {});
/// drop(bell);
/// drop(guard);
/// ```
#[must_use = "the subscription ends when this guard is dropped"]
pub struct Subscription<E = CommitEvent> {
    id: SubscriptionId,
    bell: Weak<Shared<E>>,
}

impl<E> Drop for Subscription<E> {
    fn drop(&mut self) {
        if let Some(bell) = self.bell.upgrade() {
            bell.unsubscribe(self.id);
        }
    }
}

impl<E> fmt::Debug for Subscription<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    fn event(seq: u64) -> CommitEvent {
        CommitEvent { stream: "conv:x".into(), writer: "alice".into(), seq, content_hash: [0; 32] }
    }

    /// A bell with one subscriber, and what that one saw.
    fn heard() -> (Doorbell, SubscriptionId, Receiver<u64>) {
        let bell = Doorbell::new();
        let (send, receive) = channel();
        let id = bell.subscribe(move |event| send.send(event.seq).unwrap());
        (bell, id, receive)
    }

    #[test]
    fn delivers_events_to_subscribers() {
        let (bell, _, seen) = heard();
        bell.ring(&event(1));
        bell.ring(&event(2));
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn multiple_subscribers_all_fire_in_the_order_of_subscription() {
        let bell = Doorbell::new();
        let (send, seen) = channel();
        for name in 0..20 {
            let send = send.clone();
            bell.subscribe(move |_| send.send(name).unwrap());
        }
        bell.ring(&event(1));
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn a_subscriber_cancelled_by_an_earlier_one_is_not_called_in_the_same_ring() {
        let bell = Doorbell::new();
        let victim = Arc::new(Mutex::new(None));
        let (shared, ids) = (bell.clone(), Arc::clone(&victim));
        let first = bell.subscribe(move |_| {
            let id = ids.lock().take();
            assert!(id.is_none_or(|id| shared.unsubscribe(id)));
        });
        *victim.lock() = Some(bell.subscribe(|_| panic!("cancelled")));
        bell.ring(&event(1));
        bell.ring(&event(2));
        assert_eq!((bell.panics(), bell.subscribers()), (0, 1));
        bell.unsubscribe(first);
    }

    #[test]
    fn a_callback_may_subscribe_ring_and_end_itself() {
        let bell = Doorbell::new();
        let (send, seen) = channel();
        let (inner, me) = (bell.clone(), Arc::new(Mutex::new(None)));
        let own = Arc::clone(&me);
        *me.lock() = Some(bell.subscribe(move |event| {
            let Some(id) = own.lock().take() else { return };
            assert!(inner.unsubscribe(id));
            assert!(!inner.unsubscribe(id));
            let send = send.clone();
            inner.subscribe(move |event| send.send(event.seq).unwrap());
            inner.ring(&CommitEvent { seq: event.seq + 1, ..event.clone() });
        }));
        bell.ring(&event(1));
        assert_eq!(bell.panics(), 0);
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [2], "the new one hears the inner ring, not the outer");
    }

    #[test]
    fn what_a_callback_captured_may_use_the_bell_when_it_is_dropped() {
        struct Rings(Doorbell);
        impl Drop for Rings {
            fn drop(&mut self) {
                self.0.subscribe(|_| {});
                self.0.ring(&event(9));
            }
        }
        let bell = Doorbell::new();
        let rings = Rings(bell.clone());
        let id = bell.subscribe(move |_| assert!(rings.0.subscribers() > 0));
        assert!(bell.unsubscribe(id));
        assert_eq!(bell.subscribers(), 1);
    }

    #[test]
    fn a_panic_is_contained_and_counted_and_the_others_are_called() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                std::panic::panic_any(Bomb);
            }
        }
        let bell = Doorbell::new();
        bell.subscribe(|_| panic!("a text"));
        bell.subscribe(|_| std::panic::panic_any(Bomb));
        let (send, seen) = channel();
        bell.subscribe(move |event| send.send(event.seq).unwrap());
        bell.ring(&event(1));
        bell.ring(&event(2));
        assert_eq!(bell.panics(), 4);
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(format!("{bell:?}"), "Doorbell { subscribers: 3, panics: 4 }");
    }
}
