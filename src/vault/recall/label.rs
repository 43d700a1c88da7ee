//! `vault_intent` and `vault_intent_label`: which intent the event of an entry was put under, and its cell. An entry without
//! an intent asked for a consolidation, or its embedding is damaged.

use crate::backend::{Sql, Value, ValueRef, columns};
use crate::causal::table::{Table, blob, entry, int};
use crate::intent::{CellId, IntentId};
use crate::words::limits::POSITION_MAX;
use crate::words::{Result, StoreError};

/// Intents by number, so that a label is small.
pub(super) const INTENTS: Table = Table {
    name: "vault_intent",
    schema: &["CREATE TABLE vault_intent (\
               id INTEGER PRIMARY KEY, \
               model INTEGER NOT NULL, \
               intent BLOB NOT NULL, \
               UNIQUE (model, intent)) STRICT"],
};

pub(super) const TABLE: Table = Table {
    name: "vault_intent_label",
    schema: &["CREATE TABLE vault_intent_label (\
               entry INTEGER PRIMARY KEY, \
               model INTEGER, \
               intent INTEGER, \
               cell INTEGER) STRICT"],
};

/// Where an event was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) entry: u64,
    pub(super) model: i64,
    pub(super) intent: i64,
    pub(super) cell: CellId,
}

/// The number of a model's intent.
pub(super) fn number<S: Sql + ?Sized>(sql: &S, model: i64, intent: &IntentId) -> Result<Option<i64>> {
    let statement = "SELECT id FROM vault_intent WHERE model = ? AND intent = ?";
    sql.first(statement, &[Value::Int(model), blob(intent.as_bytes())], |row| columns::int(row, 0))
}

/// The number of an intent, which gets one.
pub(super) fn number_or_create<S: Sql + ?Sized>(sql: &S, model: i64, intent: &IntentId) -> Result<i64> {
    if let Some(number) = number(sql, model, intent)? {
        return Ok(number);
    }
    let statement = "INSERT INTO vault_intent (model, intent) VALUES (?, ?) RETURNING id";
    sql.insert_returning(INTENTS.name, statement, &[Value::Int(model), blob(intent.as_bytes())])
}

/// The model and the id of the intent with this number.
pub(super) fn intent<S: Sql + ?Sized>(sql: &S, number: i64) -> Result<Option<(i64, IntentId)>> {
    sql.first("SELECT model, intent FROM vault_intent WHERE id = ?", &[Value::Int(number)], |row| {
        Ok((columns::int(row, 0)?, IntentId::from_bytes(columns::array(row, 1)?)))
    })
}

pub(super) fn insert<S: Sql + ?Sized>(sql: &S, label: Label) -> Result<()> {
    let statement = "INSERT INTO vault_intent_label (entry, model, intent, cell) VALUES (?, ?, ?, ?) \
                     ON CONFLICT (entry) DO UPDATE SET \
                     model = excluded.model, intent = excluded.intent, cell = excluded.cell";
    let Label { entry, model, intent, cell } = label;
    sql.exec_one(TABLE.name, statement, &[int(entry), Value::Int(model), Value::Int(intent), int(cell.0.into())])
}

/// Notes that an entry has passed that is put under no intent.
pub(super) fn insert_passed<S: Sql + ?Sized>(sql: &S, entry: u64) -> Result<()> {
    let statement = "INSERT INTO vault_intent_label (entry) VALUES (?) \
                     ON CONFLICT (entry) DO UPDATE SET model = NULL, intent = NULL, cell = NULL";
    sql.exec_one(TABLE.name, statement, &[int(entry)])
}

/// The last entry of a timeline that has passed, or the id before its first one. Labels behind the last entry that there is
/// are nobody's.
pub(super) fn last<S: Sql + ?Sized>(sql: &S, timeline: u64) -> Result<u64> {
    let first = entry::id(timeline, 0)?;
    let end = entry::last(sql, first, entry::id(timeline, POSITION_MAX)?)?.unwrap_or(first);
    let statement = "SELECT entry FROM vault_intent_label WHERE entry > ? AND entry <= ? ORDER BY entry DESC LIMIT 1";
    Ok(sql.first(statement, &[int(first), int(end)], |row| columns::counter(row, 0))?.unwrap_or(first))
}

/// Where the event of an entry was put.
pub(super) fn of<S: Sql + ?Sized>(sql: &S, entry: u64) -> Result<Option<Label>> {
    let statement = "SELECT entry, model, intent, cell FROM vault_intent_label WHERE entry = ? AND intent IS NOT NULL";
    sql.first(statement, &[int(entry)], label)
}

/// Whether an entry has passed.
pub(super) fn is_there<S: Sql + ?Sized>(sql: &S, entry: u64) -> Result<bool> {
    let statement = "SELECT 1 FROM vault_intent_label WHERE entry = ?";
    Ok(sql.first(statement, &[int(entry)], |_| Ok(()))?.is_some())
}

/// How many entries with ids above `after` and up to `to` have passed, counted up to `most`.
pub(super) fn count<S: Sql + ?Sized>(sql: &S, after: u64, to: u64, most: usize) -> Result<usize> {
    let statement = "SELECT count(*) FROM \
                     (SELECT 1 FROM vault_intent_label WHERE entry > ? AND entry <= ? LIMIT ?) AS passed";
    let count = sql.first(statement, &[int(after), int(to), int(most as u64)], |row| columns::counter(row, 0))?;
    Ok(count.map_or(0, |count| usize::try_from(count).unwrap_or(usize::MAX)))
}

/// The labels of entries with ids above `after` and up to `to`, in position order.
pub(super) fn scan<S: Sql + ?Sized>(sql: &S, after: u64, to: u64) -> Result<Vec<Label>> {
    let statement = "SELECT entry, model, intent, cell FROM vault_intent_label \
                     WHERE entry > ? AND entry <= ? AND intent IS NOT NULL ORDER BY entry";
    sql.all(statement, &[int(after), int(to)], label)
}

fn label(row: &[ValueRef<'_>]) -> Result<Label> {
    let cell = columns::counter(row, 3)?;
    let cell = u32::try_from(cell).map_err(|_| StoreError::MalformedRow(format!("a label with cell {cell}")))?;
    let (model, intent) = (columns::int(row, 1)?, columns::int(row, 2)?);
    Ok(Label { entry: columns::counter(row, 0)?, model, intent, cell: CellId(cell) })
}

/// Removes the label of an entry.
pub(super) fn remove<S: Sql + ?Sized>(sql: &S, entry: u64) -> Result<()> {
    sql.exec("DELETE FROM vault_intent_label WHERE entry = ?", &[int(entry)]).map(drop)
}

/// Forgets the labels of entries with ids above `after` and up to `to`.
pub(super) fn clear<S: Sql + ?Sized>(sql: &S, after: u64, to: u64) -> Result<()> {
    sql.exec("DELETE FROM vault_intent_label WHERE entry > ? AND entry <= ?", &[int(after), int(to)]).map(drop)
}

/// Forgets the intents of a model.
pub(super) fn clear_intents<S: Sql + ?Sized>(sql: &S, model: i64) -> Result<()> {
    sql.exec("DELETE FROM vault_intent WHERE model = ?", &[Value::Int(model)]).map(drop)
}
