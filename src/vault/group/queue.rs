//! Who leads a group, who is in it, and who is told what: the protocol, without a word of what a group does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// How often a member gives way before it sleeps: what it waits for is a flush, and to be woken takes longer than one of a
/// fast disk. Where tests say which thread runs, every turn is like the next.
const TURNS: u32 = if cfg!(threads_in_turn) { 1 } else { 256 };
/// How many may do so at a time: there are not many more cores, and the leader needs one.
const AWAKE: usize = 32;
/// For how long those who were told likely come again. Where tests say which thread runs there is no time.
const MOMENT: Duration = Duration::from_micros(if cfg!(threads_in_turn) { 0 } else { 200 });

/// Where those wait who ask for something while another leads.
pub(super) struct Queue<T, A> {
    state: Mutex<State<T, A>>,
}

struct State<T, A> {
    is_led: bool,
    /// How many members the last group had, with those who waited when it was done: so many the next one may have.
    crowd: usize,
    /// When the last group was done, if it had a crowd.
    told: Option<Instant>,
    waiting: VecDeque<Arc<Member<T, A>>>,
}

/// One who asks for something and is told the answer.
pub(super) struct Member<T, A> {
    asks: T,
    seat: Mutex<Seat<A>>,
    called: Condvar,
}

enum Seat<A> {
    Waiting,
    Leading,
    /// With nothing, where the leader has ended without a word.
    Answered(Option<A>),
}

/// The one thread that acts, for the members it has. It hands over before it tells them, or when it is dropped.
pub(super) struct Lead<'q, T, A> {
    /// Where members come from, and the next leader.
    queue: Option<&'q Queue<T, A>>,
    members: VecDeque<Arc<Member<T, A>>>,
    /// How many were there when the group before was done.
    crowd: usize,
    has_handed_over: bool,
}

impl<T, A> Default for Queue<T, A> {
    fn default() -> Self {
        Self { state: Mutex::new(State { is_led: false, crowd: 0, told: None, waiting: VecDeque::new() }) }
    }
}

impl<T, A> Queue<T, A> {
    /// Asks for something, and returns the answer. Whoever is called to lead has `act` answer every member, its own
    /// first; nobody is called who has been answered. `None` if a leader has ended without a word.
    pub(super) fn ask(&self, asks: T, act: impl FnOnce(&mut Lead<'_, T, A>)) -> Option<A> {
        let member = Arc::new(Member { asks, seat: Mutex::new(Seat::Waiting), called: Condvar::new() });
        if self.joins(&member).is_none_or(|ahead| member.is_called_to_lead(ahead)) {
            act(&mut Lead::new(Some(self), Arc::clone(&member)));
        }
        member.answer()
    }

    /// Queues the member, behind so many others, unless it leads.
    fn joins(&self, member: &Arc<Member<T, A>>) -> Option<usize> {
        let mut state = self.state.lock();
        let is_led = std::mem::replace(&mut state.is_led, true);
        is_led.then(|| {
            state.waiting.push_back(Arc::clone(member));
            state.waiting.len() - 1
        })
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }

    #[cfg(test)]
    pub(super) fn is_led(&self) -> bool {
        self.state.lock().is_led
    }
}

impl<'q, T, A> Lead<'q, T, A> {
    fn new(queue: Option<&'q Queue<T, A>>, first: Arc<Member<T, A>>) -> Self {
        Self { queue, members: VecDeque::from([first]), crowd: 0, has_handed_over: false }
    }

    /// Takes in who waits, in their order, as long as they fit. Says whether more are likely to come at once: there is room,
    /// and a moment ago there was a larger crowd. Who is alone expects nobody.
    pub(super) fn fill(&mut self, mut fits: impl FnMut(&T) -> bool) -> bool {
        let Some(queue) = self.queue else { return false };
        let mut state = queue.state.lock();
        while state.waiting.front().is_some_and(|next| fits(&next.asks)) {
            self.members.extend(state.waiting.pop_front());
        }
        self.crowd = state.crowd;
        let is_likely = || state.told.is_some_and(|told| told.elapsed() < MOMENT);
        state.waiting.is_empty() && self.members.len() < self.crowd && is_likely()
    }

    /// Whether the group has several members, or is likely to get them.
    pub(super) fn is_crowded(&self) -> bool {
        self.members.len() > 1 || self.crowd > 1
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// What the member asks for.
    pub(super) fn get(&self, index: usize) -> Option<&T> {
        self.members.get(index).map(|member| &member.asks)
    }

    /// Hands over, as nothing is left to do but to tell members their answers, in their order.
    pub(super) fn answer(&mut self, answers: impl IntoIterator<Item = A>) {
        self.hand_over();
        let mut answers = answers.into_iter();
        while !self.members.is_empty()
            && let Some(answer) = answers.next()
            && let Some(member) = self.members.pop_front()
        {
            member.take(Seat::Answered(Some(answer)));
        }
    }

    /// Parts with its first member, as a group of that one.
    pub(super) fn part(&mut self) -> Option<Self> {
        Some(Self::new(None, self.members.pop_front()?))
    }

    /// Names the next leader, or leaves the place to whoever comes.
    fn hand_over(&mut self) {
        let Some(queue) = self.queue.filter(|_| !self.has_handed_over) else { return };
        self.has_handed_over = true;
        let mut state = queue.state.lock();
        state.crowd = self.members.len() + state.waiting.len();
        state.told = (state.crowd > 1).then(Instant::now);
        let next = state.waiting.pop_front();
        state.is_led = next.is_some();
        drop(state);
        if let Some(next) = next {
            next.take(Seat::Leading);
        }
    }
}

impl<T, A> Drop for Lead<'_, T, A> {
    fn drop(&mut self) {
        self.hand_over();
        self.members.drain(..).for_each(|member| member.take(Seat::Answered(None)));
    }
}

impl<T, A> Member<T, A> {
    fn take(&self, seat: Seat<A>) {
        *self.seat.lock() = seat;
        self.called.notify_one();
    }

    /// Waits to be told the answer, or to lead; so many others wait already.
    fn is_called_to_lead(&self, ahead: usize) -> bool {
        let waits = || self.seat.try_lock().is_none_or(|seat| matches!(*seat, Seat::Waiting));
        let turns = if ahead < AWAKE { TURNS } else { 0 };
        for _ in (0..turns).take_while(|_| waits()) {
            thread::yield_now();
        }
        let mut seat = self.seat.lock();
        self.called.wait_while(&mut seat, |seat| matches!(seat, Seat::Waiting));
        matches!(*seat, Seat::Leading)
    }

    fn answer(&self) -> Option<A> {
        match std::mem::replace(&mut *self.seat.lock(), Seat::Waiting) {
            Seat::Answered(answer) => answer,
            Seat::Waiting | Seat::Leading => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leads a group of two, and says what it expects.
    fn lead_two(queue: &Queue<u8, u8>) -> bool {
        thread::scope(|scope| {
            let mut expects = true;
            queue.ask(0, |lead| {
                scope.spawn(|| assert_eq!(queue.ask(1, |_| panic!("somebody leads")), Some(1)));
                while queue.waiting() == 0 {
                    thread::yield_now();
                }
                expects = lead.fill(|_| true);
                lead.answer([0, 1]);
            });
            expects
        })
    }

    fn lead_alone(queue: &Queue<u8, u8>) -> bool {
        let mut expects = true;
        let told = queue.ask(7, |lead| {
            expects = lead.fill(|_| true);
            lead.answer([7]);
        });
        assert_eq!(told, Some(7));
        expects
    }

    #[test]
    fn whoever_leads_a_moment_after_a_larger_crowd_expects_more() {
        let queue = Queue::default();
        // A thread may be kept waiting for longer than a moment, but not every time.
        let expects = (0..10_000).any(|_| {
            lead_two(&queue);
            lead_alone(&queue)
        });
        assert!(expects);
        assert_eq!((queue.is_led(), queue.waiting()), (false, 0));
    }

    #[test]
    fn whoever_has_no_room_for_who_waits_expects_nobody() {
        let queue = Queue::default();
        thread::scope(|scope| {
            for _ in 0..100 {
                lead_two(&queue);
                queue.ask(0, |lead| {
                    scope.spawn(|| assert_eq!(queue.ask(1, |lead| lead.answer([1])), Some(1)));
                    while queue.waiting() == 0 {
                        thread::yield_now();
                    }
                    assert!(!lead.fill(|_| false));
                    lead.answer([0]);
                });
                while queue.is_led() {
                    thread::yield_now();
                }
            }
        });
    }

    #[test]
    fn who_is_alone_expects_nobody() {
        let queue = Queue::default();
        assert!(!lead_alone(&queue));
        assert!(!lead_alone(&queue));
        assert!(!lead_two(&queue));
        thread::sleep(2 * MOMENT);
        assert!(!lead_alone(&queue));
        assert!(!lead_alone(&queue));
    }
}
