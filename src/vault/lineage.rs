//! What an event came from, and what came of it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::fmt;

use super::header::EventHeader;
use super::open::Vault;
use super::record::Names;
use crate::causal::EntryHash;
use crate::causal::table::{edge, entry, timeline};
use crate::words::{Result, StoreError};

/// The ancestors or descendants of an event, in a causal order that is the same in every copy of the vault: by Lamport
/// time, then by hash.
///
/// Explicit parents alone count; that a writer wrote one event after another in a stream does not. Descendants are those
/// that were there when it was made. Memory grows with the widest front, not with the length of the history.
///
/// ```
/// use causal_vault::{Event, Vault};
///
/// let vault = Vault::in_memory()?;
/// let alice = vault.named_writer("alice")?;
/// let root = alice.commit(Event::raw("plan", "a").stream("plans"))?;
/// let left = alice.commit(Event::raw("plan", "b").stream("plans").parent(&root))?;
/// let right = alice.commit(Event::raw("plan", "c").stream("plans").parent(&root))?;
/// let merge = alice.commit(Event::raw("plan", "d").stream("plans").parent(&left).parent(&right))?;
/// let ancestors: Vec<_> = vault.ancestors(&merge)?.map(|header| header.map(|header| header.hash)).collect::<Result<_, _>>()?;
/// assert_eq!(ancestors, [right.hash, left.hash, root.hash]);
/// assert_eq!(vault.descendants(&root)?.count(), 3);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[must_use = "a lineage is read as it is asked for"]
pub struct Lineage {
    vault: Vault,
    names: Names,
    direction: Direction,
    front: BinaryHeap<Step>,
    /// Ids in the front, so that an event reached twice is shown once.
    waiting: HashSet<u64>,
    /// The newest id when it was made.
    end: u64,
    failed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Newest first.
    Ancestors,
    /// Oldest first.
    Descendants,
}

/// Ordered so that the heap gives the next one: what comes later in the causal order for ancestors, earlier for
/// descendants. By then every event that leads to it has been taken, so that none is met twice.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Up((u64, EntryHash), u64),
    Down(Reverse<(u64, EntryHash)>, u64),
}

impl Lineage {
    pub(super) fn open(vault: Vault, start: u64, direction: Direction) -> Result<Self> {
        let timeline = timeline::find(vault.db(), vault.tenant(), timeline::MAIN)?;
        let end = timeline.map_or(Ok(0), |timeline| entry::id(timeline.id, timeline.tree.size()))?;
        let mut lineage = Self {
            vault,
            names: Names::default(),
            direction,
            front: BinaryHeap::new(),
            waiting: HashSet::new(),
            end,
            failed: false,
        };
        if let Some(link) = entry::link_by_id(lineage.vault.clone().db(), start)? {
            lineage.expand(start, link.lamport)?;
        }
        Ok(lineage)
    }

    /// Puts the neighbours of an event into the front.
    fn expand(&mut self, id: u64, lamport: u64) -> Result<()> {
        let vault = self.vault.clone();
        let db = vault.db();
        let neighbours = match self.direction {
            Direction::Ancestors => edge::parents(db, id)?,
            Direction::Descendants => edge::children(db, id, 0, i64::MAX as u64)?,
        };
        let corrupt = |neighbour: u64, what: &str| StoreError::Corrupt {
            what: "an edge".to_owned(),
            detail: format!(
                "it joins positions {} and {}, {what}; run verify",
                entry::position(id),
                entry::position(neighbour)
            ),
        };
        for neighbour in neighbours {
            if self.direction == Direction::Descendants && neighbour > self.end {
                break;
            }
            if !self.waiting.insert(neighbour) {
                continue;
            }
            if entry::timeline(neighbour) != entry::timeline(id) {
                return Err(corrupt(neighbour, "of which one is another timeline's"));
            }
            let link =
                entry::link_by_id(db, neighbour)?.ok_or_else(|| corrupt(neighbour, "of which one is missing"))?;
            let place = (link.lamport, link.hash);
            // Time only runs one way, so that even a tampered table leads round in no circle.
            match self.direction {
                Direction::Ancestors if link.lamport < lamport => self.front.push(Step::Up(place, neighbour)),
                Direction::Descendants if link.lamport > lamport => {
                    self.front.push(Step::Down(Reverse(place), neighbour));
                }
                _ => return Err(corrupt(neighbour, "against the order of their Lamport times")),
            }
        }
        Ok(())
    }

    fn advance(&mut self) -> Result<Option<EventHeader>> {
        let (id, lamport) = match self.front.pop() {
            None => return Ok(None),
            Some(Step::Up((lamport, _), id) | Step::Down(Reverse((lamport, _)), id)) => (id, lamport),
        };
        self.waiting.remove(&id);
        self.expand(id, lamport)?;
        let vault = self.vault.clone();
        let db = vault.db();
        entry::by_id(db, id, |row| self.names.header(db, &row))
    }
}

impl Iterator for Lineage {
    type Item = Result<EventHeader>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.advance().transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

impl fmt::Debug for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lineage")
            .field("vault", &self.vault)
            .field("direction", &self.direction)
            .finish_non_exhaustive()
    }
}
