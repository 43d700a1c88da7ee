//! Durable named cursors: a consumer that misses nothing.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::filter::Filter;
use super::header::{EventHeader, Position};
use super::open::Vault;
use super::read::Events;
use super::record::StoredEvent;
use super::transaction::VaultTransaction;
use crate::backend::{Access, Backend, Sql, Transaction, columns};
use crate::causal::Subscription;
use crate::causal::schema::ensure_table;
use crate::causal::table::{Table, entry, int, text, timeline};
use crate::words::{Result, StoreError, check_name};

const TABLE: Table = Table {
    name: "vault_cursor",
    schema: &["CREATE TABLE vault_cursor (\
               tenant TEXT NOT NULL, \
               name TEXT NOT NULL, \
               position INTEGER NOT NULL, \
               PRIMARY KEY (tenant, name)) STRICT"],
};

pub(super) fn ensure(db: &dyn Backend) -> Result<()> {
    ensure_table(db, &TABLE)
}

/// How often a waiting cursor looks for commits of other processes, which do not ring here unless a watcher does it.
const POLL: Duration = Duration::from_millis(50);
const POLL_WATCHED: Duration = Duration::from_secs(1);

/// A durable, named place in the timeline: the events that a filter wants, each at least once, across restarts.
///
/// It first catches up and then goes on with what is committed, without a gap between the two. What was acknowledged is
/// not seen again; what was not is seen again by the next cursor of that name. Acknowledge within the transaction that
/// stores the consumer's result ([`ack_in`](Self::ack_in)) and the result is exactly once.
///
/// The name holds a position and not the filter: what the filter did not want, or one given later would, is passed all
/// the same once something behind it is acknowledged. Of two cursors that share a name each sees every event.
///
/// ```
/// use std::time::Duration;
/// use causal_vault::{Event, Filter, Vault};
///
/// let vault = Vault::in_memory()?;
/// let alice = vault.named_writer("alice")?;
/// alice.commit(Event::raw("ledger.mint", "5").stream("ledger"))?;
/// let mut cursor = vault.cursor("balances", Filter::stream("ledger"))?;
/// for event in cursor.poll(100, Duration::ZERO)? {
///     cursor.ack(&event)?;
/// }
/// let mut again = vault.cursor("balances", Filter::stream("ledger"))?;
/// assert!(again.poll(100, Duration::ZERO)?.is_empty());
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[must_use = "a cursor reads when it is polled"]
pub struct Cursor {
    vault: Vault,
    name: String,
    filter: Filter,
    read: Position,
    signal: Arc<Signal>,
    _bell: Subscription<EventHeader>,
}

/// Set by the bell, waited for by the cursor.
#[derive(Default)]
struct Signal {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Vault {
    /// Opens or creates the cursor of this name; it stands behind the last event that was acknowledged under the name,
    /// or behind where the filter begins if that is later.
    ///
    /// ```
    /// use causal_vault::{Filter, Position, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let cursor = vault.cursor("balances", Filter::kind("ledger.*"))?;
    /// assert_eq!(cursor.acked()?, Position::START);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn cursor(&self, name: &str, filter: Filter) -> Result<Cursor> {
        check_name("cursor", name)?;
        let signal = Arc::new(Signal::default());
        let ringer = Arc::clone(&signal);
        let bell = self.subscribe(filter.clone(), move |_| {
            *ringer.rung.lock() = true;
            ringer.changed.notify_all();
        })?;
        let acked = acked(self.db(), self.tenant(), name)?;
        let size = timeline::find(self.db(), self.tenant(), timeline::MAIN)?.map_or(0, |timeline| timeline.tree.size());
        if acked.number() > size {
            return Err(StoreError::Corrupt {
                what: format!("cursor {name:?}"),
                detail: format!(
                    "it has acknowledged position {acked}, and the timeline ends at {size}: events were lost; restore \
                     the vault, or begin under another name"
                ),
            });
        }
        let read = acked.max(filter.after);
        Ok(Cursor { vault: self.clone(), name: name.to_owned(), filter, read, signal, _bell: bell })
    }
}

impl Cursor {
    /// The next events, at most `limit`; where there are none, waits for one up to `timeout` and returns empty-handed
    /// if none came. It does not wait where none can come: at the end of a filter's range, or for a `limit` of 0.
    ///
    /// A commit through this vault's handles wakes it at once, one of another process within 50 ms. Do not poll within
    /// a transaction that may yet be rolled back: the cursor does not go back with it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use causal_vault::{Filter, Vault};
    ///
    /// let mut cursor = Vault::in_memory()?.cursor("balances", Filter::all())?;
    /// assert!(cursor.poll(10, Duration::from_millis(5))?.is_empty());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn poll(&mut self, limit: usize, timeout: Duration) -> Result<Vec<StoredEvent>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let started = Instant::now();
        loop {
            // Before the look, so that a commit after it is not missed.
            *self.signal.rung.lock() = false;
            let mut reader = Events::open(self.vault.clone(), &self.filter.clone().after(self.read), limit)?;
            let events = reader.by_ref().take(limit).collect::<Result<Vec<_>>>()?;
            self.read = match events.last() {
                Some(last) if events.len() == limit => last.header.position,
                // What was passed up to the end was not wanted, and is not looked at again.
                _ => self.read.max(reader.end()),
            };
            let left = timeout.saturating_sub(started.elapsed());
            let complete = self.filter.up_to.is_some_and(|up_to| self.read >= up_to);
            if !events.is_empty() || complete || left.is_zero() {
                return Ok(events);
            }
            let poll = if self.vault.bells().has_watcher() { POLL_WATCHED } else { POLL };
            let mut rung = self.signal.rung.lock();
            if !*rung {
                self.signal.changed.wait_for(&mut rung, left.min(poll));
            }
        }
    }

    /// Acknowledges an event and all before it, durably. Acknowledging an earlier one changes nothing; an event that is
    /// not in this timeline is an error.
    ///
    /// ```
    /// use std::time::Duration;
    /// use causal_vault::{Event, Filter, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// let mut cursor = vault.cursor("reader", Filter::all())?;
    /// let events = cursor.poll(1, Duration::ZERO)?;
    /// cursor.ack(&events[0])?;
    /// assert_eq!(cursor.acked()?, events[0].header.position);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn ack(&self, event: &StoredEvent) -> Result<()> {
        let tx = self.vault.db().begin(Access::Write)?;
        self.store(&*tx, event)?;
        self.vault.commit_own(tx)
    }

    /// Acknowledges within a transaction: together with what the consumer stores in it, or not at all.
    ///
    /// ```
    /// use std::time::Duration;
    /// use causal_vault::{Event, Filter, StoreError, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// vault.backend().exec("CREATE TABLE seen (n INTEGER)", &[])?;
    /// let mut cursor = vault.cursor("reader", Filter::all())?;
    /// for event in cursor.poll(100, Duration::ZERO)? {
    ///     vault.transaction(|tx| {
    ///         tx.exec("INSERT INTO seen VALUES (1)", &[])?;
    ///         cursor.ack_in(tx, &event)
    ///     })?;
    /// }
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn ack_in(&self, tx: &VaultTransaction<'_>, event: &StoredEvent) -> Result<()> {
        if tx.vault().realm() != self.vault.realm() {
            return Err(StoreError::Invalid {
                what: "transaction",
                reason: format!(
                    "it is on vault {}, and this cursor on vault {}",
                    tx.vault().realm(),
                    self.vault.realm()
                ),
            });
        }
        self.store(tx.sql(), event)
    }

    /// The position up to which this name has acknowledged, by this cursor or another.
    ///
    /// ```
    /// use causal_vault::{Filter, Position, Vault};
    ///
    /// let cursor = Vault::in_memory()?.cursor("reader", Filter::all())?;
    /// assert_eq!(cursor.acked()?, Position::START);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn acked(&self) -> Result<Position> {
        acked(self.vault.db(), self.vault.tenant(), &self.name)
    }

    fn store(&self, sql: &dyn Transaction, event: &StoredEvent) -> Result<()> {
        let (tenant, header) = (self.vault.tenant(), &event.header);
        // The position of another tenant's event would pass over events of this one that are still to come.
        let found = match timeline::find(sql, tenant, timeline::MAIN)? {
            Some(timeline) => entry::link_by_id(sql, entry::id(timeline.id, header.position.number())?)?,
            None => None,
        };
        if found.is_none_or(|link| link.hash != header.hash) {
            return Err(StoreError::NotFound {
                what: "the event to acknowledge",
                name: format!("at position {} of tenant {tenant:?} with hash {}", header.position, header.hash),
            });
        }
        let statement = "INSERT INTO vault_cursor (tenant, name, position) VALUES (?, ?, ?) \
                         ON CONFLICT (tenant, name) DO UPDATE SET position = excluded.position \
                         WHERE excluded.position > vault_cursor.position";
        sql.exec(statement, &[text(tenant), text(&self.name), int(header.position.number())]).map(drop)
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor")
            .field("vault", &self.vault)
            .field("name", &self.name)
            .field("filter", &self.filter)
            .field("read", &self.read)
            .finish_non_exhaustive()
    }
}

fn acked<S: Sql + ?Sized>(sql: &S, tenant: &str, name: &str) -> Result<Position> {
    sql.first("SELECT position FROM vault_cursor WHERE tenant = ? AND name = ?", &[text(tenant), text(name)], |row| {
        columns::counter(row, 0).map(Position::new)
    })
    .map(Option::unwrap_or_default)
}
