//! The thread that looks for commits of others.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use super::options::{SHORTEST, WatchOptions};
use crate::backend::Listen;
use crate::causal::table::{entry, timeline};
use crate::vault::header::{EventHeader, Position};
use crate::vault::open::Vault;
use crate::vault::record::Names;
use crate::words::{Result, StoreError};

/// Headers that are read before they are announced.
const PAGE: usize = 256;
/// Waits up to this long are not ended early: a hint comes for every page that a writer writes.
const NAP: Duration = Duration::from_millis(1);
/// The first wait after an error, and the longest.
const FAILING: Duration = Duration::from_millis(20);
const FAILING_LONGEST: Duration = Duration::from_secs(1);

/// What the thread and its guard share.
pub(super) struct Shared {
    pub(super) listener: Box<dyn Listen>,
    pub(super) stop: AtomicBool,
    pub(super) announced: AtomicU64,
    pub(super) looks: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) last_error: Mutex<Option<StoreError>>,
}

pub(super) struct Lookout {
    pub(super) vault: Vault,
    pub(super) options: WatchOptions,
    pub(super) shared: Arc<Shared>,
}

enum Seen {
    /// The timeline stands where it stood.
    Nothing,
    /// It had moved, and everything is announced.
    All,
    /// It had moved, and there is more to announce.
    More,
}

impl Drop for Lookout {
    fn drop(&mut self) {
        self.vault.bells().end_watch();
    }
}

impl Lookout {
    /// Where the timeline stands, on this thread's connection: a transaction of the caller's is not seen.
    pub(super) fn stand(&self) -> Result<Position> {
        let db = self.vault.db();
        let found = timeline::size(db, self.vault.tenant(), timeline::MAIN)?;
        Ok(Position::new(found.map_or(0, |(_, size)| size)))
    }

    /// Looks until it is told to stop. A hint or a commit makes it look often, nothing new less and less.
    ///
    /// After a hint the wait grows by a quarter from look to look, so that a commit is noticed late by no more than a
    /// quarter of the time that its writer took to flush it.
    pub(super) fn run(self) {
        let mut names = Names::default();
        let mut wait = SHORTEST;
        let mut failing = FAILING;
        while !self.shared.stop.load(Ordering::Acquire) {
            let seen = self.look(&mut names);
            let heard = seen.and_then(|seen| {
                failing = FAILING;
                match seen {
                    Seen::More => return Ok(true),
                    Seen::All => wait = SHORTEST,
                    Seen::Nothing => wait = (wait + wait / 4).min(self.longest()),
                }
                self.wait(wait)
            });
            match heard {
                Ok(true) => wait = SHORTEST,
                Ok(false) => {}
                Err(error) => {
                    self.report(error);
                    // Whatever is heard: a log that is written to must not make a failing look a busy one.
                    thread::sleep(FAILING);
                    let _ = self.shared.listener.wait(failing);
                    failing = (failing * 2).min(FAILING_LONGEST);
                }
            }
        }
    }

    fn longest(&self) -> Duration {
        self.options.longest(self.shared.listener.hears())
    }

    fn wait(&self, wait: Duration) -> Result<bool> {
        if wait > NAP {
            return self.shared.listener.wait(wait);
        }
        thread::sleep(wait);
        Ok(false)
    }

    fn look(&self, names: &mut Names) -> Result<Seen> {
        self.shared.looks.fetch_add(1, Ordering::Relaxed);
        let (db, bells) = (self.vault.db(), self.vault.bells());
        let Some((timeline, size)) = timeline::size(db, self.vault.tenant(), timeline::MAIN)? else {
            return Ok(Seen::Nothing);
        };
        let announced = self.shared.announced.load(Ordering::Relaxed);
        if size <= announced {
            self.shared.announced.store(size, Ordering::Relaxed);
            return Ok(Seen::Nothing);
        }
        let witnessed = self.vault.heads().subscribers() > 0;
        let heard = bells.is_watched() || witnessed;
        let headers = if heard { self.read(names, timeline, announced, size)? } else { Vec::new() };
        let last = headers.last().map_or(size, |header| header.position.number());
        let foreign = bells.foreign(headers, Position::new(last));
        let head = if witnessed && !foreign.is_empty() { Some(self.vault.tree_head()?) } else { None };
        bells.ring(&foreign, head);
        self.shared.announced.store(last, Ordering::Relaxed);
        Ok(if last < size { Seen::More } else { Seen::All })
    }

    /// The headers of the next page; the read ends before any is announced.
    fn read(&self, names: &mut Names, timeline: u64, after: u64, size: u64) -> Result<Vec<EventHeader>> {
        let db = self.vault.db();
        let mut headers = Vec::new();
        entry::scan(db, entry::id(timeline, after)?, entry::id(timeline, size)?, |row| {
            headers.push(names.header(db, &row)?);
            Ok(if headers.len() < PAGE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        if headers.is_empty() {
            return Err(StoreError::Corrupt {
                what: format!("the timeline of tenant {:?}", self.vault.tenant()),
                detail: format!("its size is {size} and no entry stands behind position {after}; run verify"),
            });
        }
        Ok(headers)
    }

    fn report(&self, error: StoreError) {
        *self.shared.last_error.lock() = Some(error);
        self.shared.errors.fetch_add(1, Ordering::Release);
    }
}
