//! Who leads a group, who is in it, and who is told what: the protocol, without a word of what a group does.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

/// Where those wait who ask for something while another leads.
pub(super) struct Queue<T, A> {
    state: Mutex<State<T, A>>,
}

struct State<T, A> {
    is_led: bool,
    /// Whether the last group had several members, and so the next one likely has.
    is_crowded: bool,
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

/// The one thread that acts, for the members it has. Dropped, it names the next.
pub(super) struct Lead<'q, T, A> {
    /// Where members come from, and the next leader.
    queue: Option<&'q Queue<T, A>>,
    members: VecDeque<Arc<Member<T, A>>>,
    is_crowded: bool,
}

impl<T, A> Default for Queue<T, A> {
    fn default() -> Self {
        Self { state: Mutex::new(State { is_led: false, is_crowded: false, waiting: VecDeque::new() }) }
    }
}

impl<T, A> Queue<T, A> {
    /// Asks for something, and returns the answer. Whoever is called to lead has `act` answer every member, its own
    /// first; nobody is called who has been answered. `None` if a leader has ended without a word.
    pub(super) fn ask(&self, asks: T, act: impl FnOnce(&mut Lead<'_, T, A>)) -> Option<A> {
        let member = Arc::new(Member { asks, seat: Mutex::new(Seat::Waiting), called: Condvar::new() });
        if !self.joins(&member) || member.is_called_to_lead() {
            act(&mut Lead { queue: Some(self), members: VecDeque::from([Arc::clone(&member)]), is_crowded: false });
        }
        member.answer()
    }

    /// Queues the member, or returns false: then it leads.
    fn joins(&self, member: &Arc<Member<T, A>>) -> bool {
        let mut state = self.state.lock();
        let is_led = std::mem::replace(&mut state.is_led, true);
        if is_led {
            state.waiting.push_back(Arc::clone(member));
        }
        is_led
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

impl<T, A> Lead<'_, T, A> {
    /// Takes in who waits, in their order, as long as they fit.
    pub(super) fn fill(&mut self, mut fits: impl FnMut(&T) -> bool) {
        let Some(queue) = self.queue else { return };
        let mut state = queue.state.lock();
        while state.waiting.front().is_some_and(|next| fits(&next.asks)) {
            self.members.extend(state.waiting.pop_front());
        }
        let is_crowded = self.members.len() > 1;
        self.is_crowded = is_crowded | std::mem::replace(&mut state.is_crowded, is_crowded);
    }

    /// Whether the group has several members, or is likely to get them.
    pub(super) fn is_crowded(&self) -> bool {
        self.is_crowded
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// What the member asks for.
    pub(super) fn get(&self, index: usize) -> Option<&T> {
        self.members.get(index).map(|member| &member.asks)
    }

    /// Tells members their answers, in their order.
    pub(super) fn answer(&mut self, answers: impl IntoIterator<Item = A>) {
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
        let members = VecDeque::from([self.members.pop_front()?]);
        Some(Self { queue: None, members, is_crowded: false })
    }
}

impl<T, A> Drop for Lead<'_, T, A> {
    fn drop(&mut self) {
        self.members.drain(..).for_each(|member| member.take(Seat::Answered(None)));
        let Some(queue) = self.queue else { return };
        let mut state = queue.state.lock();
        match state.waiting.pop_front() {
            Some(next) => next.take(Seat::Leading),
            None => state.is_led = false,
        }
    }
}

impl<T, A> Member<T, A> {
    fn take(&self, seat: Seat<A>) {
        *self.seat.lock() = seat;
        self.called.notify_one();
    }

    /// Waits to be told the answer, or to lead.
    fn is_called_to_lead(&self) -> bool {
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
