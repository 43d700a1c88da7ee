// Included for every variant of the source. Counts are kept in atomics of `std`: loom need not explore those.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use loom::thread;

/// A callback that counts its calls, and the count.
fn counter() -> (Arc<AtomicUsize>, impl Fn(&u64) + Send + Sync + 'static) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let call = move |_: &u64| {
        counted.fetch_add(1, SeqCst);
    };
    (count, call)
}

/// Two ring while a third comes and goes.
pub fn whoever_is_subscribed_hears_every_ring() {
    let bell = Doorbell::<u64>::of_any();
    let (heard, count) = counter();
    bell.subscribe(count);
    let (ringer, guest) = (bell.clone(), bell.clone());
    let ringer = thread::spawn(move || ringer.ring(&1));
    let guest = thread::spawn(move || drop(guest.subscribe_guarded(|_| {})));
    bell.ring(&2);
    ringer.join().unwrap();
    guest.join().unwrap();
    assert_eq!((heard.load(SeqCst), bell.subscribers(), bell.panics()), (2, 1, 0));
}

pub fn all_who_subscribe_at_once_hear_the_next_ring_and_can_leave() {
    let bell = Doorbell::<u64>::of_any();
    let subscribe = |bell: Doorbell<u64>| {
        let (heard, count) = counter();
        (heard, bell.subscribe(count))
    };
    let threads = [bell.clone(), bell.clone()].map(|bell| thread::spawn(move || subscribe(bell)));
    let own = subscribe(bell.clone());
    let mut all: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    all.push(own);
    bell.ring(&1);
    for (heard, id) in all {
        assert_eq!(heard.load(SeqCst), 1, "a ring was lost");
        assert!(bell.unsubscribe(id), "a subscription cannot be ended");
    }
    assert_eq!(bell.subscribers(), 0);
}

/// A subscription that two end at once was ended by one of them.
pub fn a_subscription_ends_once() {
    let bell = Doorbell::<u64>::of_any();
    let id = bell.subscribe(|_| {});
    let other = bell.clone();
    let thread = thread::spawn(move || other.unsubscribe(id));
    let own = bell.unsubscribe(id);
    assert!(thread.join().unwrap() != own, "both ended it, or neither");
    assert_eq!(bell.subscribers(), 0);
}

pub fn no_ring_that_begins_after_the_cancel_is_heard() {
    let bell = Doorbell::<u64>::of_any();
    let (heard, count) = counter();
    let id = bell.subscribe(count);
    let cancelled = Arc::new(AtomicBool::new(false));
    let (ringer, seen) = (bell.clone(), Arc::clone(&cancelled));
    let thread = thread::spawn(move || {
        let (late, before) = (seen.load(Ordering::Acquire), heard.load(SeqCst));
        ringer.ring(&1);
        assert!(!late || heard.load(SeqCst) == before, "it was heard after the cancel had returned");
    });
    assert!(bell.unsubscribe(id));
    cancelled.store(true, Ordering::Release);
    thread.join().unwrap();
}

/// Two threads ring, and whichever is first ends the other subscription: its own ring must know of it.
pub fn who_was_cancelled_within_a_ring_is_not_called_by_it() {
    let bell = Doorbell::<u64>::of_any();
    let victim = Arc::new(Mutex::new(None));
    let (inner, taken) = (bell.clone(), Arc::clone(&victim));
    let ended_by = Arc::new(AtomicUsize::new(0));
    let ending = Arc::clone(&ended_by);
    bell.subscribe(move |event| {
        let id = taken.lock().take();
        if let Some(id) = id {
            assert!(inner.unsubscribe(id));
            ending.store(*event as usize, SeqCst);
        }
    });
    *victim.lock() = Some(bell.subscribe(move |event| assert_ne!(ended_by.load(SeqCst), *event as usize)));
    let other = bell.clone();
    let thread = thread::spawn(move || other.ring(&1));
    bell.ring(&2);
    thread.join().unwrap();
    assert_eq!((bell.subscribers(), bell.panics()), (1, 0), "it was called after it had been cancelled");
}

/// A callback ends itself, brings another and rings, while another thread rings as well.
pub fn a_callback_may_use_its_own_bell() {
    let bell = Doorbell::<u64>::of_any();
    let me = Arc::new(Mutex::new(None));
    let (inner, own) = (bell.clone(), Arc::clone(&me));
    let (heard, count) = counter();
    let count = Arc::new(count);
    *me.lock() = Some(bell.subscribe(move |event| {
        let id = own.lock().take();
        if let Some(id) = id {
            assert!(inner.unsubscribe(id));
            let count = Arc::clone(&count);
            inner.subscribe(move |event| count(event));
            inner.ring(&(event + 1));
        }
    }));
    let other = bell.clone();
    let thread = thread::spawn(move || other.ring(&1));
    bell.ring(&2);
    thread.join().unwrap();
    assert_eq!((bell.subscribers(), bell.panics()), (1, 0));
    assert!((1..=2).contains(&heard.load(SeqCst)), "the inner ring, and the other thread's if it began later");
}

/// A guard, the last bell and a ring end at once: what the callback captured is dropped once.
pub fn what_a_callback_captured_is_dropped_once() {
    struct Drops(Arc<AtomicUsize>);
    impl Drop for Drops {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let bell = Doorbell::<u64>::of_any();
    let dropped = Arc::new(AtomicUsize::new(0));
    let captured = Drops(Arc::clone(&dropped));
    let guard = bell.subscribe_guarded(move |_| assert_eq!(captured.0.load(SeqCst), 0, "called after it was dropped"));
    let thread = thread::spawn(move || bell.ring(&1));
    drop(guard);
    thread.join().unwrap();
    assert_eq!(dropped.load(SeqCst), 1);
}

pub fn every_panic_is_counted() {
    let bell = Doorbell::<u64>::of_any();
    bell.subscribe(|_| resume_unwind(Box::new(())));
    let other = bell.clone();
    let thread = thread::spawn(move || other.ring(&1));
    bell.ring(&2);
    thread.join().unwrap();
    assert_eq!(bell.panics(), 2);
}
