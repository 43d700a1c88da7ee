//! `vault_head`: what every commit moves: the newest entry of each log, and of each timeline with the peaks of its Merkle
//! tree. All of it in one table, so that a commit writes one page of it, whoever wrote.
//!
//! A row's id is a log's number, or minus a timeline's.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::{Table, blob, entry, int};
use crate::backend::{Sql, Value, columns};
use crate::causal::merkle::Frontier;
use crate::words::{Result, StoreError};

pub(crate) const TABLE: Table = Table {
    name: "vault_head",
    schema: &["CREATE TABLE vault_head (id INTEGER PRIMARY KEY, entry INTEGER NOT NULL, peaks BLOB) STRICT"],
};

/// The id of the newest entry of a log; `None` if it has none.
pub(crate) fn of_log<S: Sql + ?Sized>(sql: &S, log: i64) -> Result<Option<u64>> {
    sql.first("SELECT entry FROM vault_head WHERE id = ?", &[Value::Int(log)], |row| columns::counter(row, 0))
}

fn set<S: Sql + ?Sized>(sql: &S, log: i64, entry: u64) -> Result<()> {
    sql.exec_one(
        TABLE.name,
        "INSERT INTO vault_head (id, entry) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET entry = excluded.entry",
        &[Value::Int(log), int(entry)],
    )
}

/// Heads of logs that a transaction has moved, until they are stored: a batch moves them once.
#[derive(Default)]
pub(crate) struct Moved(BTreeMap<i64, u64>);

impl Moved {
    /// The newest entry of this log is now this one.
    pub(crate) fn push(&mut self, log: i64, entry: u64) {
        self.0.insert(log, entry);
    }

    pub(crate) fn store<S: Sql + ?Sized>(&mut self, sql: &S) -> Result<()> {
        std::mem::take(&mut self.0).into_iter().try_for_each(|(log, entry)| set(sql, log, entry))
    }
}

/// The id of a timeline's row.
fn id_of(timeline: u64) -> i64 {
    i64::try_from(timeline).map_or(i64::MIN, |timeline| -timeline)
}

fn key(timeline: u64) -> Value {
    Value::Int(id_of(timeline))
}

/// A timeline's tree, whose size is its last position.
pub(crate) fn tree<S: Sql + ?Sized>(sql: &S, timeline: u64) -> Result<Frontier> {
    let found = sql.first("SELECT entry, peaks FROM vault_head WHERE id = ?", &[key(timeline)], |row| {
        Frontier::from_bytes(size_of(timeline, columns::counter(row, 0)?)?, columns::blob(row, 1)?)
    })?;
    found.ok_or_else(|| missing(timeline))
}

/// A timeline's last position.
pub(crate) fn size<S: Sql + ?Sized>(sql: &S, timeline: u64) -> Result<u64> {
    let found = sql.first("SELECT entry FROM vault_head WHERE id = ?", &[key(timeline)], |row| {
        size_of(timeline, columns::counter(row, 0)?)
    })?;
    found.ok_or_else(|| missing(timeline))
}

fn size_of(timeline: u64, entry: u64) -> Result<u64> {
    if entry::timeline(entry) != timeline {
        let found = entry::timeline(entry);
        return Err(StoreError::MalformedRow(format!(
            "an entry of timeline {found} as the newest of timeline {timeline}"
        )));
    }
    Ok(entry::position(entry))
}

fn missing(timeline: u64) -> StoreError {
    StoreError::Corrupt {
        what: format!("table {}", TABLE.name),
        detail: format!("the newest entry of timeline {timeline} is missing; rebuild the vault from its entries"),
    }
}

/// Stores a timeline's tree whatever stands there.
pub(crate) fn replace<S: Sql + ?Sized>(sql: &S, timeline: u64, tree: &Frontier) -> Result<()> {
    sql.exec_one(
        TABLE.name,
        "INSERT INTO vault_head (id, entry, peaks) VALUES (?, ?, ?) \
         ON CONFLICT (id) DO UPDATE SET entry = excluded.entry, peaks = excluded.peaks",
        &[key(timeline), int(entry::id(timeline, tree.size())?), blob(&tree.to_bytes())],
    )
}

/// Stores a timeline's tree if it still has the size that it was read at.
pub(crate) fn advance<S: Sql + ?Sized>(sql: &S, timeline: u64, tree: &Frontier, from: u64) -> Result<()> {
    sql.exec_one(
        TABLE.name,
        "UPDATE vault_head SET entry = ?, peaks = ? WHERE id = ? AND entry = ?",
        &[
            int(entry::id(timeline, tree.size())?),
            blob(&tree.to_bytes()),
            key(timeline),
            int(entry::id(timeline, from)?),
        ],
    )
}

/// Shows every row, in the order of the table: its id, and the entry that it names.
pub(crate) fn scan<S: Sql + ?Sized>(sql: &S, mut visit: impl FnMut((i64, u64)) -> Result<()>) -> Result<()> {
    sql.visit("SELECT id, entry FROM vault_head ORDER BY id", &[], &mut |row| {
        visit((columns::int(row, 0)?, columns::counter(row, 1)?))?;
        Ok(ControlFlow::Continue(()))
    })
}

/// The row of a timeline as a scan shows it.
pub(crate) fn of_timeline(timeline: u64, size: u64) -> Result<(i64, u64)> {
    Ok((id_of(timeline), entry::id(timeline, size)?))
}

/// Fills the table anew with the heads of these logs, and those of timelines as they were.
pub(crate) fn refill<S: Sql + ?Sized>(sql: &S, mut logs: Moved) -> Result<()> {
    sql.exec(
        "CREATE TABLE vault_head_spare AS SELECT id, entry, peaks FROM vault_head WHERE +id < 0 ORDER BY rowid",
        &[],
    )?;
    sql.exec("DELETE FROM vault_head", &[])?;
    sql.exec("INSERT OR IGNORE INTO vault_head SELECT id, entry, peaks FROM vault_head_spare", &[])?;
    sql.exec("DROP TABLE vault_head_spare", &[])?;
    logs.store(sql)
}
