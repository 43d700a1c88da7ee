//! The bell as its users share it: clones, guards and threads.

use std::sync::mpsc::{Receiver, channel};
use std::thread;

use causal_vault::{CommitEvent, Doorbell, SubscriptionId};
use parking_lot::Mutex;

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
fn clones_share_subscribers_and_the_last_clone_ends_them() {
    let (bell, id, seen) = heard();
    let clone = bell.clone();
    drop(bell);
    clone.ring(&event(1));
    assert_eq!(seen.try_recv(), Ok(1));
    assert!(clone.clone().unsubscribe(id));
    assert_eq!(clone.subscribers(), 0);
    clone.ring(&event(2));
    assert!(seen.try_recv().is_err());

    let (bell, _, seen) = heard();
    drop(bell);
    assert!(seen.recv().is_err(), "the callback and its sender are gone");
}

#[test]
fn a_guard_ends_its_subscription_and_no_other() {
    let (bell, _, seen) = heard();
    let guard = bell.subscribe_guarded(|_| panic!("the guard was dropped"));
    assert_eq!(bell.subscribers(), 2);
    drop(guard);
    bell.ring(&event(1));
    assert_eq!((bell.panics(), seen.try_recv()), (0, Ok(1)));
}

#[test]
fn a_slow_subscriber_holds_up_its_own_ring_only() {
    let bell = Doorbell::new();
    let (release, wait) = channel::<()>();
    let (entered, inside) = channel();
    let wait = Mutex::new(wait);
    bell.subscribe(move |event| {
        if event.seq == 1 {
            entered.send(()).unwrap();
            let _ = wait.lock().recv();
        }
    });
    let (send, seen) = channel();
    bell.subscribe(move |event| send.send(event.seq).unwrap());
    thread::scope(|scope| {
        let slow = scope.spawn(|| bell.ring(&event(1)));
        inside.recv().unwrap();
        bell.ring(&event(2));
        bell.unsubscribe(bell.subscribe(|_| {}));
        assert!(!slow.is_finished());
        assert_eq!(seen.try_recv(), Ok(2));
        drop(release);
    });
    assert_eq!(seen.try_recv(), Ok(1));
}

#[test]
fn threads_that_ring_subscribe_and_cancel_at_once_lose_no_ring() {
    let (bell, _, seen) = heard();
    thread::scope(|scope| {
        for lane in 0..8 {
            let bell = &bell;
            scope.spawn(move || {
                for step in 0..100 {
                    let guard = bell.subscribe_guarded(|_| {});
                    bell.ring(&event(lane * 100 + step));
                    drop(guard);
                }
            });
        }
    });
    let mut seen: Vec<_> = seen.try_iter().collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..800).collect::<Vec<_>>());
    assert_eq!(bell.subscribers(), 1);
}
