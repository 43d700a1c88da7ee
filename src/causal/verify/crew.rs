//! Who checks which chunk, and in which order what was found is taken up.

use std::collections::BTreeMap;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::chunk::{Chunk, Span};
use super::rules::{Brief, Rules};
use crate::backend::{Access, Backend, Transaction};
use crate::causal::table::entry;
use crate::words::Result;

/// Divides a span into chunks for the thread that asked and its helpers. That thread can do all of the work by itself,
/// so that a helper that cannot read, or fails, costs only its help.
pub(super) struct Crew {
    state: Mutex<State>,
    changed: Condvar,
    /// Positions of a chunk.
    chunk: u64,
    /// Chunks that may be begun and not yet taken up.
    ahead: u64,
}

struct State {
    left: Span,
    begun: u64,
    taken_up: u64,
    stopped: bool,
    done: BTreeMap<u64, Done>,
}

struct Done {
    span: Span,
    /// What was found, up to where it could not be read; nothing where a helper could not read it.
    checked: Option<(Chunk, Result<()>)>,
}

/// A chunk that a thread has taken upon itself: returned, unless it delivers.
struct Share<'c> {
    crew: &'c Crew,
    number: u64,
    span: Span,
    checked: Option<(Chunk, Result<()>)>,
}

/// Ends the work of the helpers when it is dropped.
pub(super) struct Stop<'c>(&'c Crew);

impl Crew {
    pub(super) fn new(span: Span, chunk: u64, ahead: u64) -> Self {
        let state = State { left: span, begun: 0, taken_up: 0, stopped: false, done: BTreeMap::new() };
        Self { state: Mutex::new(state), changed: Condvar::new(), chunk, ahead }
    }

    pub(super) fn stop_on_drop(&self) -> Stop<'_> {
        Stop(self)
    }

    /// Checks chunks, as a helper, until there are none left.
    pub(super) fn help(&self, db: &dyn Backend, brief: &Brief<'_>) -> Result<()> {
        let tx = db.begin(Access::Read)?;
        tx.forget()?;
        // Reads before it takes anything upon itself: whoever has to wait for the database keeps nobody waiting.
        let mut rules = Rules::open(&*tx, brief)?;
        loop {
            let mut state = self.state.lock();
            while !(state.stopped || self.may_begin(&state)) {
                self.changed.wait(&mut state);
            }
            let Some(share) = self.begin(&mut state, &*tx)? else { return Ok(()) };
            drop(state);
            share.check(&*tx, &mut rules)?;
        }
    }

    /// Shows every chunk in order, as the thread that asked. What it shows last before an error is what was found up to
    /// the row that could not be read.
    pub(super) fn lead(
        &self,
        tx: &dyn Transaction,
        rules: &mut Rules<'_>,
        mut take_up: impl FnMut(&mut Rules<'_>, Chunk) -> Result<()>,
    ) -> Result<()> {
        let mut state = self.state.lock();
        loop {
            let wanted = state.taken_up;
            if let Some(done) = state.done.remove(&wanted) {
                let (chunk, outcome) = MutexGuard::unlocked(&mut state, || {
                    done.checked.unwrap_or_else(|| Chunk::read(tx, rules, done.span))
                });
                MutexGuard::unlocked(&mut state, || take_up(rules, chunk))?;
                outcome?;
                state.taken_up += 1;
                self.changed.notify_all();
                continue;
            }
            if self.may_begin(&state)
                && let Some(share) = self.begin(&mut state, tx)?
            {
                MutexGuard::unlocked(&mut state, || share.settle(tx, rules));
                continue;
            }
            if state.begun == state.taken_up {
                return Ok(());
            }
            self.changed.wait(&mut state);
        }
    }

    fn may_begin(&self, state: &State) -> bool {
        state.begun - state.taken_up < self.ahead
    }

    /// The next chunk, which begins at a row: a gap between positions is no work.
    fn begin(&self, state: &mut State, tx: &dyn Transaction) -> Result<Option<Share<'_>>> {
        if state.stopped {
            return Ok(None);
        }
        let Some(first) = entry::first_after(tx, state.left.after, state.left.to)? else {
            state.left.after = state.left.to;
            return Ok(None);
        };
        let span = Span { after: first - 1, to: state.left.to.min(first - 1 + self.chunk) };
        let number = state.begun;
        state.left.after = span.to;
        state.begun += 1;
        Ok(Some(Share { crew: self, number, span, checked: None }))
    }
}

impl Share<'_> {
    fn check(mut self, tx: &dyn Transaction, rules: &mut Rules<'_>) -> Result<()> {
        let (chunk, outcome) = Chunk::read(tx, rules, self.span);
        outcome?;
        self.checked = Some((chunk, Ok(())));
        Ok(())
    }

    /// As the thread that asked, whose word is the last: a damaged page may be refused only when it is first read.
    fn settle(mut self, tx: &dyn Transaction, rules: &mut Rules<'_>) {
        self.checked = Some(Chunk::read(tx, rules, self.span));
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let done = Done { span: self.span, checked: self.checked.take() };
        self.crew.state.lock().done.insert(self.number, done);
        self.crew.changed.notify_all();
    }
}

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.state.lock().stopped = true;
        self.0.changed.notify_all();
    }
}
