//! Reading events back: one, or all that a filter wants, page by page.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::ops::ControlFlow;

use super::filter::Filter;
use super::header::Position;
use super::open::Vault;
use super::recall;
use super::record::{Names, StoredEvent};
use crate::backend::Sql;
use crate::causal::append::find_entry;
use crate::causal::table::entry::{self, Row};
use crate::causal::table::{chain, edge, kind, log, timeline, writer};
use crate::words::Result;
use crate::words::limits::POSITION_MAX;

/// Events in a page, unless its reader wants fewer.
const PAGE_EVENTS: usize = 256;
/// Payload bytes after which a page ends.
const PAGE_BYTES: usize = 1 << 20;
/// Up to this many logs are read each by its own key; more are picked out of the position order.
const LOGS_MAX: usize = 32;

/// The events that a [`Filter`] wants, in commit order, up to the newest when it was made. Read page by page, in
/// constant memory, and no statement stays open between two events: the loop may commit.
///
/// What is read is what the file says; that it is what was once committed is for [`Vault::verify`] to prove.
///
/// ```
/// use causal_vault::{Event, Filter, Vault};
///
/// let vault = Vault::in_memory()?;
/// let alice = vault.named_writer("alice")?;
/// for amount in 1..=3 {
///     alice.commit(Event::new("ledger.mint", &amount)?.stream("ledger"))?;
/// }
/// let mut sum = 0;
/// for event in vault.events(Filter::stream("ledger"))? {
///     sum += event?.decode::<i32>()?;
/// }
/// assert_eq!(sum, 6);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[must_use = "events are read as they are asked for"]
pub struct Events {
    vault: Vault,
    names: Names,
    plan: Plan,
    page: VecDeque<StoredEvent>,
    page_events: usize,
    /// The last id that was looked at, and the last one to look at.
    last: u64,
    end: u64,
    /// The members of the intent that is wanted.
    members: Option<HashSet<u64>>,
    done: bool,
}

/// How the wanted rows are found; what is left to compare is compared row by row.
enum Plan {
    /// Rows of a few logs behind `last`.
    Logs(Vec<chain::Cursor>, Kinds),
    /// Rows in position order, of some logs where these are too many for a plan of their own.
    Positions(Option<HashSet<i64>>, Kinds),
    /// The children of an entry.
    Children(u64, Option<HashSet<i64>>, Kinds),
    /// Nothing can match.
    Nothing,
}

/// The numbers of the kinds that are wanted; `None` for every kind.
type Kinds = Option<HashSet<i64>>;

impl Events {
    /// `most` is how many events the reader will take at a time.
    pub(super) fn open(vault: Vault, filter: &Filter, most: usize) -> Result<Self> {
        let db = vault.db();
        let mut events = Self {
            names: Names::default(),
            plan: Plan::Nothing,
            page: VecDeque::new(),
            page_events: most.clamp(1, PAGE_EVENTS),
            last: 0,
            end: 0,
            members: None,
            done: false,
            vault: vault.clone(),
        };
        let Some(timeline) = timeline::find(db, vault.tenant(), timeline::MAIN)? else { return Ok(events) };
        let size = timeline.tree.size();
        events.last = entry::id(timeline.id, filter.after.number().min(POSITION_MAX))?;
        events.end = entry::id(timeline.id, filter.up_to.map_or(size, |up_to| up_to.number().min(size)))?;
        let members = |intent| recall::members(db, timeline.id, intent, events.end);
        events.members = filter.intent.as_ref().map(members).transpose()?;
        events.plan = plan(db, timeline.id, filter, events.last)?;
        Ok(events)
    }

    /// Where the reading ends: what was committed behind it is not shown.
    pub(super) fn end(&self) -> Position {
        Position::new(entry::position(self.end))
    }

    fn fill(&mut self) -> Result<()> {
        let db = self.vault.clone();
        let db = db.db();
        let (names, members) = (&mut self.names, &self.members);
        let mut page = Page { names, members, most: self.page_events, events: Vec::new(), bytes: 0 };
        match &mut self.plan {
            Plan::Nothing => self.done = true,
            Plan::Positions(logs, kinds) => {
                let mut last = self.last;
                entry::scan(db, self.last, self.end, |row| {
                    last = row.id;
                    if wanted(logs, row.log) && wanted(kinds, row.kind) {
                        return page.push(db, &row);
                    }
                    Ok(ControlFlow::Continue(()))
                })?;
                self.done = !page.is_full();
                self.last = last;
            }
            Plan::Children(parent, logs, kinds) => {
                let children = edge::children(db, *parent, self.last, PAGE_EVENTS as u64)?;
                self.done = children.len() < PAGE_EVENTS || children.last().is_some_and(|last| *last > self.end);
                for child in children.into_iter().take_while(|child| *child <= self.end) {
                    self.last = child;
                    let flow = entry::by_id(db, child, |row| {
                        if wanted(logs, row.log) && wanted(kinds, row.kind) {
                            return page.push(db, &row);
                        }
                        Ok(ControlFlow::Continue(()))
                    })?;
                    if flow.is_some_and(|flow| flow.is_break()) {
                        self.done = false;
                        break;
                    }
                }
            }
            Plan::Logs(logs, kinds) => {
                let after = self.last;
                chain::merge(db, logs, self.end, |row| {
                    if row.id > after && wanted(kinds, row.kind) {
                        return page.push(db, row);
                    }
                    Ok(ControlFlow::Continue(()))
                })?;
                self.done = !page.is_full();
            }
        }
        self.page = page.events.into();
        Ok(())
    }
}

impl Iterator for Events {
    type Item = Result<StoredEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.page.is_empty() && !self.done {
            if let Err(error) = self.fill() {
                self.done = true;
                return Some(Err(error));
            }
        }
        self.page.pop_front().map(Ok)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("vault", &self.vault).field("end", &self.end()).finish_non_exhaustive()
    }
}

struct Page<'a> {
    names: &'a mut Names,
    members: &'a Option<HashSet<u64>>,
    most: usize,
    events: Vec<StoredEvent>,
    bytes: usize,
}

impl Page<'_> {
    fn push<S: Sql + ?Sized>(&mut self, sql: &S, row: &Row<'_>) -> Result<ControlFlow<()>> {
        if self.members.as_ref().is_some_and(|members| !members.contains(&row.id)) {
            return Ok(ControlFlow::Continue(()));
        }
        let event = self.names.event(sql, row)?;
        self.bytes += event.payload.len();
        self.events.push(event);
        Ok(if self.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn is_full(&self) -> bool {
        self.events.len() >= self.most || self.bytes >= PAGE_BYTES
    }
}

fn wanted(set: &Option<HashSet<i64>>, id: i64) -> bool {
    set.as_ref().is_none_or(|set| set.contains(&id))
}

fn plan<S: Sql + ?Sized>(sql: &S, timeline: u64, filter: &Filter, last: u64) -> Result<Plan> {
    let kinds: Kinds = match &filter.kind {
        None => None,
        Some(_) => {
            Some(kind::all(sql)?.into_iter().filter(|(_, kind)| filter.matches_kind(kind)).map(|(id, _)| id).collect())
        }
    };
    if kinds.as_ref().is_some_and(HashSet::is_empty) {
        return Ok(Plan::Nothing);
    }
    let writer = match &filter.writer {
        None => None,
        Some(writer) => match writer::find(sql, writer)? {
            Some(row) => Some(row),
            None => return Ok(Plan::Nothing),
        },
    };
    let logs = match (&filter.stream, writer) {
        (None, None) => None,
        (stream, writer) => Some(log::select(sql, timeline, stream.as_deref(), writer)?),
    };
    let set = |logs: &[log::Log]| logs.iter().map(|log| log.id).collect::<HashSet<i64>>();
    if let Some(parent) = &filter.parent {
        return Ok(match find_entry(sql, timeline, parent)? {
            Some(link) => Plan::Children(link.id, logs.as_deref().map(set), kinds),
            None => Plan::Nothing,
        });
    }
    match logs {
        None => Ok(Plan::Positions(None, kinds)),
        Some(logs) if logs.len() > LOGS_MAX => Ok(Plan::Positions(Some(set(&logs)), kinds)),
        Some(logs) => {
            let cursors = logs.iter().map(|log| cursor(sql, log.id, last));
            Ok(Plan::Logs(cursors.collect::<Result<_>>()?, kinds))
        }
    }
}

/// Shows the entries of these logs with ids above `after` and up to `end`, in position order.
pub(crate) fn visit_logs<S: Sql + ?Sized>(
    sql: &S,
    logs: HashSet<i64>,
    after: u64,
    end: u64,
    mut visit: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    if logs.len() > LOGS_MAX {
        return entry::scan(sql, after, end, |row| match logs.contains(&row.log) {
            true => visit(&row),
            false => Ok(ControlFlow::Continue(())),
        });
    }
    let cursors = logs.iter().map(|log| cursor(sql, *log, after));
    chain::merge(sql, &mut cursors.collect::<Result<Vec<_>>>()?, end, visit)
}

/// Before the first entry of a log with an id above `after`.
fn cursor<S: Sql + ?Sized>(sql: &S, log: i64, after: u64) -> Result<chain::Cursor> {
    Ok(chain::Cursor::at(log, chain::first_seq_after(sql, log, after)?))
}
