//! `vault_lookup`: where entries and inline payloads with a bare hash may stand, and up to which entry it says so. It is
//! filled when somebody looks, and can be emptied at any time.

use std::ops::ControlFlow;

use super::{Table, blob, entry, int};
use crate::backend::{Sql, Value, columns};
use crate::causal::hash::EntryHash;
use crate::words::Result;

pub(crate) const TABLE: Table = Table {
    name: "vault_lookup",
    schema: &["CREATE TABLE vault_lookup (\
               timeline INTEGER NOT NULL, \
               prefix INTEGER NOT NULL, \
               entry INTEGER NOT NULL, \
               PRIMARY KEY (timeline, prefix, entry)) STRICT, WITHOUT ROWID"],
};

pub(crate) const PROGRESS: Table = Table {
    name: "vault_lookup_progress",
    schema: &["CREATE TABLE vault_lookup_progress (\
               timeline INTEGER PRIMARY KEY, \
               entry INTEGER NOT NULL, \
               hash BLOB NOT NULL) STRICT"],
};

/// The ids of entries that may have something with this prefix.
pub(crate) fn candidates<S: Sql + ?Sized>(sql: &S, timeline: u64, prefix: i64) -> Result<Vec<u64>> {
    let statement = "SELECT entry FROM vault_lookup WHERE timeline = ? AND prefix = ? ORDER BY entry";
    sql.all(statement, &[int(timeline), Value::Int(prefix)], |row| columns::counter(row, 0))
}

/// The ids of entries that may have something with a prefix from `from` to `to`.
pub(crate) fn between<S: Sql + ?Sized>(sql: &S, timeline: u64, from: i64, to: i64) -> Result<Vec<u64>> {
    let statement = "SELECT entry FROM vault_lookup WHERE timeline = ? AND prefix BETWEEN ? AND ?";
    sql.all(statement, &[int(timeline), Value::Int(from), Value::Int(to)], |row| columns::counter(row, 0))
}

/// The id up to which entries are indexed. Where that is not the entry it was, the history was cut back and went on
/// differently, and the index begins anew.
pub(crate) fn reached<S: Sql + ?Sized>(sql: &S, timeline: u64) -> Result<u64> {
    let statement = "SELECT entry, hash FROM vault_lookup_progress WHERE timeline = ?";
    let found = sql.first(statement, &[int(timeline)], |row| {
        Ok((columns::counter(row, 0)?, EntryHash::from_bytes(columns::array(row, 1)?)))
    })?;
    match found {
        Some((id, hash)) if entry::is_still(sql, timeline, id, &hash)? => Ok(id),
        _ => entry::id(timeline, 0),
    }
}

/// Adds the prefixes of an entry.
pub(crate) fn insert<S: Sql + ?Sized>(sql: &S, timeline: u64, prefix: i64, entry: u64) -> Result<()> {
    let statement = "INSERT INTO vault_lookup (timeline, prefix, entry) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    sql.exec(statement, &[int(timeline), Value::Int(prefix), int(entry)]).map(drop)
}

/// Stores how far the index reaches.
pub(crate) fn advance<S: Sql + ?Sized>(sql: &S, timeline: u64, entry: u64, hash: &EntryHash) -> Result<()> {
    let statement = "INSERT INTO vault_lookup_progress (timeline, entry, hash) VALUES (?, ?, ?) \
                     ON CONFLICT (timeline) DO UPDATE SET entry = excluded.entry, hash = excluded.hash";
    sql.exec(statement, &[int(timeline), int(entry), blob(hash.as_bytes())]).map(drop)
}

/// Forgets what is indexed of an entry.
pub(crate) fn remove<S: Sql + ?Sized>(sql: &S, id: u64) -> Result<()> {
    let statement = "DELETE FROM vault_lookup WHERE timeline = ? AND entry = ?";
    sql.exec(statement, &[int(entry::timeline(id)), int(id)]).map(drop)
}

/// Forgets what is indexed of a timeline.
pub(crate) fn clear<S: Sql + ?Sized>(sql: &S, timeline: u64) -> Result<()> {
    sql.exec("DELETE FROM vault_lookup WHERE timeline = ?", &[int(timeline)]).map(drop)
}

/// Forgets all of it, of every timeline.
pub(crate) fn forget<S: Sql + ?Sized>(sql: &S) -> Result<()> {
    sql.exec("DELETE FROM vault_lookup", &[])?;
    sql.exec("DELETE FROM vault_lookup_progress", &[]).map(drop)
}

/// Shows what is indexed of a timeline in the order of the index: timeline, prefix, entry.
pub(crate) fn walk<S: Sql + ?Sized>(
    sql: &S,
    timeline: u64,
    mut visit: impl FnMut((u64, i64, u64)) -> Result<()>,
) -> Result<()> {
    let statement = "SELECT timeline, prefix, entry FROM vault_lookup WHERE timeline = ? ORDER BY prefix, entry";
    sql.visit(statement, &[int(timeline)], &mut |row| {
        visit((columns::counter(row, 0)?, columns::int(row, 1)?, columns::counter(row, 2)?))?;
        Ok(ControlFlow::Continue(()))
    })
}
