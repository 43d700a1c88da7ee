//! Durable named cursors: a consumer that misses nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::filter::Filter;
use super::header::{EventHeader, Position};
use super::open::Vault;
use super::record::StoredEvent;
use super::transaction::VaultTransaction;
use crate::backend::{Access, Backend, Sql, columns};
use crate::causal::Subscription;
use crate::causal::schema::ensure_table;
use crate::causal::table::{Table, int, text};
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

/// How often a waiting cursor looks for commits of other processes, which do not ring here.
const POLL: Duration = Duration::from_millis(50);

/// A durable, named place in the timeline: the events that a filter wants, each at least once, across restarts.
///
/// It first catches up and then goes on with what is committed, without a gap between the two. What was acknowledged is
/// not seen again; what was not is seen again by the next cursor of that name. Acknowledge within the transaction that
/// stores the consumer's result ([`ack_in`](Self::ack_in)) and the result is exactly once.
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
    /// Opens or creates the cursor of this name; it stands behind the last event that was acknowledged under the name.
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
        });
        let read = acked(self.db(), self.tenant(), name)?.max(filter.after);
        Ok(Cursor { vault: self.clone(), name: name.to_owned(), filter, read, signal, _bell: bell })
    }
}

impl Cursor {
    /// The next events, at most `limit`; where there are none, waits for one up to `timeout` and returns empty-handed
    /// if none came.
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
        let started = Instant::now();
        loop {
            // Before the look, so that a commit after it is not missed.
            *self.signal.rung.lock() = false;
            let events = self.vault.events(self.filter.clone().after(self.read))?;
            let events = events.take(limit).collect::<Result<Vec<_>>>()?;
            if let Some(last) = events.last() {
                self.read = last.header.position;
                return Ok(events);
            }
            let left = timeout.saturating_sub(started.elapsed());
            if left.is_zero() || limit == 0 {
                return Ok(events);
            }
            let mut rung = self.signal.rung.lock();
            if !*rung {
                self.signal.changed.wait_for(&mut rung, left.min(POLL));
            }
        }
    }

    /// Acknowledges an event and all before it, durably. Acknowledging an earlier one changes nothing.
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
        store(&*tx, self.vault.tenant(), &self.name, event.header.position)?;
        tx.commit()
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
        store(tx.sql(), self.vault.tenant(), &self.name, event.header.position)
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
}

fn acked<S: Sql + ?Sized>(sql: &S, tenant: &str, name: &str) -> Result<Position> {
    sql.first("SELECT position FROM vault_cursor WHERE tenant = ? AND name = ?", &[text(tenant), text(name)], |row| {
        columns::counter(row, 0).map(Position::new)
    })
    .map(Option::unwrap_or_default)
}

fn store<S: Sql + ?Sized>(sql: &S, tenant: &str, name: &str, position: Position) -> Result<()> {
    let statement = "INSERT INTO vault_cursor (tenant, name, position) VALUES (?, ?, ?) \
                     ON CONFLICT (tenant, name) DO UPDATE SET position = excluded.position \
                     WHERE excluded.position > vault_cursor.position";
    sql.exec(statement, &[text(tenant), text(name), int(position.number())]).map(drop)
}
