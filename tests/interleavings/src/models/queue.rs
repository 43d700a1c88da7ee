// Included for every variant of the source: members ask for their own number, and the leader stores what they ask for and
// flushes before it answers. Who breaks a rule panics, and who is left asleep is a deadlock.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// The number that was asked for, and the flush that stored it.
type Told = (usize, usize);

#[derive(Default)]
struct Store {
    queue: Queue<usize, Told>,
    is_led: AtomicBool,
    /// What each flush has stored; not loom's lock, as only the leader holds it.
    flushed: std::sync::Mutex<Vec<Vec<usize>>>,
}

impl Store {
    /// Commits, in groups of at most `most`, and says how often anything was committed for this member.
    fn commit(&self, number: usize, most: usize) -> Option<Told> {
        let told = self.queue.ask(number, |lead| {
            assert_eq!(lead.get(0), Some(&number), "it leads for others only");
            self.act(lead, most);
        });
        if let Some((answered, flush)) = told {
            assert_eq!(answered, number, "it was given the answer of another");
            assert!(self.flushed.lock().unwrap()[flush].contains(&number), "it was answered before the flush");
        }
        told
    }

    fn act(&self, lead: &mut Lead<'_, usize, Told>, most: usize) {
        assert!(!self.is_led.swap(true, SeqCst), "two lead at once");
        let mut room = most - 1;
        let mut fits = |_: &usize| (room > 0).then(|| room -= 1).is_some();
        lead.fill(&mut fits);
        // While it writes, others come.
        let mut batch: Vec<usize> = Vec::new();
        loop {
            if batch.len() == lead.len() {
                lead.fill(&mut fits);
            }
            let Some(number) = lead.get(batch.len()) else { break };
            batch.push(*number);
        }
        let flush = {
            let mut flushed = self.flushed.lock().unwrap();
            flushed.push(batch.clone());
            flushed.len() - 1
        };
        assert!(self.is_led.swap(false, SeqCst));
        lead.answer(batch.into_iter().map(|number| (number, flush)));
        assert_eq!(lead.len(), 0, "a member was not answered");
    }

    /// Every number was stored once.
    fn assert_stored(&self, numbers: &[usize]) {
        let mut stored = self.flushed.lock().unwrap().concat();
        stored.sort_unstable();
        assert_eq!(stored, numbers, "a commit was lost, or stored twice");
        assert!(!self.queue.state.lock().is_led, "the place of the leader is not free");
        assert!(self.queue.state.lock().waiting.is_empty(), "somebody still waits");
    }
}

fn together(most: usize) {
    let store = Arc::new(Store::default());
    let threads = [1, 2].map(|number| {
        let store = Arc::clone(&store);
        thread::spawn(move || store.commit(number, most))
    });
    assert!(store.commit(0, most).is_some());
    for thread in threads {
        assert!(thread.join().unwrap().is_some(), "a leader has ended without a word");
    }
    store.assert_stored(&[0, 1, 2]);
}

pub fn three_commits_are_each_stored_once_and_answered_after_their_flush() {
    together(3);
}

/// A group is full with one, so that the place of the leader goes from hand to hand.
pub fn groups_of_one_hand_over_to_who_waits() {
    together(1);
}

pub fn groups_of_two_hand_over_to_who_waits() {
    together(2);
}

/// A commit that is asked for when the last has been answered is one like the first.
pub fn a_thread_that_comes_again_finds_the_queue_in_order() {
    let store = Arc::new(Store::default());
    let other = Arc::clone(&store);
    let thread = thread::spawn(move || assert!(other.commit(2, 2).is_some()));
    assert!(store.commit(0, 2).is_some());
    assert!(store.commit(1, 2).is_some());
    thread.join().unwrap();
    store.assert_stored(&[0, 1, 2]);
}

/// The first to lead panics: whoever was in its group is told so, and whoever came later goes on.
pub fn a_leader_that_panics_leaves_nobody_asleep() {
    let store = Arc::new(Store::default());
    let threads = [1, 2].map(|number| {
        let store = Arc::clone(&store);
        thread::spawn(move || store.commit(number, 3))
    });
    let panics = catch_unwind(AssertUnwindSafe(|| {
        store.queue.ask(0, |lead| {
            lead.fill(|_| true);
            resume_unwind(Box::new("the commit panicked"));
        })
    }));
    let told = threads.map(|thread| thread.join().unwrap());
    let mut stored: Vec<_> = told.into_iter().flatten().map(|(number, _)| number).collect();
    stored.extend(panics.ok().flatten().map(|(number, _)| number));
    stored.sort_unstable();
    store.assert_stored(&stored);
}

/// A leader parts its group, and answers each member alone.
pub fn members_that_are_parted_are_answered_each_by_its_own_flush() {
    let store = Arc::new(Store::default());
    let commit = |store: &Store, number| {
        store.queue.ask(number, |lead| {
            lead.fill(|_| true);
            while let Some(mut alone) = lead.part() {
                store.act(&mut alone, 1);
            }
        })
    };
    let other = Arc::clone(&store);
    let third = Arc::clone(&store);
    let thread = thread::spawn(move || commit(&other, 1));
    let third = thread::spawn(move || commit(&third, 2));
    let own = commit(&store, 0);
    let told = [own, thread.join().unwrap(), third.join().unwrap()];
    for (number, told) in told.into_iter().enumerate() {
        let (answered, flush) = told.expect("an answer");
        assert_eq!((answered, store.flushed.lock().unwrap()[flush].as_slice()), (number, &[number][..]));
    }
    store.assert_stored(&[0, 1, 2]);
}
