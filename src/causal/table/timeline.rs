//! `vault_timeline`: the position order of each tenant's timelines.

use super::{Table, blob, int, text};
use crate::backend::{Sql, ValueRef, columns};
use crate::causal::merkle::Frontier;
use crate::words::limits::TIMELINES_MAX;
use crate::words::{Result, StoreError};

pub(crate) const TABLE: Table = Table {
    name: "vault_timeline",
    schema: &["CREATE TABLE vault_timeline (\
               id INTEGER PRIMARY KEY, \
               tenant TEXT NOT NULL, \
               name TEXT NOT NULL, \
               size INTEGER NOT NULL, \
               peaks BLOB NOT NULL, \
               UNIQUE (tenant, name)) STRICT"],
};

/// The timeline that every tenant begins with.
pub(crate) const MAIN: &str = "main";

/// A timeline's number and its Merkle tree, whose size is its last position.
#[derive(PartialEq, Eq)]
pub(crate) struct Timeline {
    pub(crate) id: u64,
    pub(crate) tree: Frontier,
}

/// `None` if the tenant has never appended.
pub(crate) fn find<S: Sql + ?Sized>(sql: &S, tenant: &str, name: &str) -> Result<Option<Timeline>> {
    sql.first(
        "SELECT id, size, peaks FROM vault_timeline WHERE tenant = ? AND name = ?",
        &[text(tenant), text(name)],
        row,
    )
}

fn row(row: &[ValueRef<'_>]) -> Result<Timeline> {
    let tree = Frontier::from_bytes(columns::counter(row, 1)?, columns::blob(row, 2)?)?;
    Ok(Timeline { id: id(row)?, tree })
}

/// A number that the ids of entries have room for: a larger one would be taken for another timeline's.
fn id(row: &[ValueRef<'_>]) -> Result<u64> {
    let id = columns::counter(row, 0)?;
    if id > TIMELINES_MAX {
        return Err(StoreError::MalformedRow(format!("timeline {id}, where the last possible one is {TIMELINES_MAX}")));
    }
    Ok(id)
}

/// The timelines that have this name by their rows, and not by the index: one, or none. Their trees are read anew.
pub(crate) fn by_rows<S: Sql + ?Sized>(sql: &S, tenant: &str, name: &str) -> Result<Vec<Timeline>> {
    sql.all(BY_ROWS, &[text(tenant), text(name)], row)
}

const BY_ROWS: &str = "SELECT id, size, peaks FROM vault_timeline WHERE +tenant = ? AND +name = ? ORDER BY id";

/// The number of the one timeline that has this name by its row, whatever stands in it besides.
pub(crate) fn number<S: Sql + ?Sized>(sql: &S, tenant: &str, name: &str) -> Result<Option<u64>> {
    sql.first("SELECT id FROM vault_timeline WHERE +tenant = ? AND +name = ?", &[text(tenant), text(name)], id)
}

/// Stores a tree whatever stands there.
pub(crate) fn replace<S: Sql + ?Sized>(sql: &S, timeline: &Timeline) -> Result<()> {
    sql.exec_one(
        TABLE.name,
        "UPDATE vault_timeline SET size = ?, peaks = ? WHERE id = ?",
        &[int(timeline.tree.size()), blob(&timeline.tree.to_bytes()), int(timeline.id)],
    )
}

/// The timeline with this number.
pub(crate) fn read<S: Sql + ?Sized>(sql: &S, id: u64) -> Result<Option<Timeline>> {
    sql.first("SELECT id, size, peaks FROM vault_timeline WHERE id = ?", &[int(id)], row)
}

/// Every tenant's timelines.
pub(crate) fn all<S: Sql + ?Sized>(sql: &S) -> Result<Vec<Timeline>> {
    sql.all("SELECT id, size, peaks FROM vault_timeline ORDER BY id", &[], row)
}

/// The tenants that have appended.
pub(crate) fn tenants<S: Sql + ?Sized>(sql: &S) -> Result<Vec<String>> {
    sql.all("SELECT tenant FROM vault_timeline WHERE name = ? ORDER BY id", &[text(MAIN)], |row| {
        columns::name(row, 0).map(str::to_owned)
    })
}

/// A timeline's number and its last position.
pub(crate) fn size<S: Sql + ?Sized>(sql: &S, tenant: &str, name: &str) -> Result<Option<(u64, u64)>> {
    sql.first("SELECT id, size FROM vault_timeline WHERE tenant = ? AND name = ?", &[text(tenant), text(name)], |row| {
        Ok((id(row)?, columns::counter(row, 1)?))
    })
}

pub(crate) fn find_or_create<S: Sql + ?Sized>(sql: &S, tenant: &str, name: &str) -> Result<Timeline> {
    if let Some(timeline) = find(sql, tenant, name)? {
        return Ok(timeline);
    }
    let tree = Frontier::new();
    let id = sql.insert_returning(
        TABLE.name,
        "INSERT INTO vault_timeline (tenant, name, size, peaks) VALUES (?, ?, 0, ?) RETURNING id",
        &[text(tenant), text(name), blob(&tree.to_bytes())],
    )?;
    let id = u64::try_from(id).unwrap_or(u64::MAX);
    if id > TIMELINES_MAX {
        return Err(StoreError::Limit { what: "the vault", found: id, limit: TIMELINES_MAX, unit: "timelines" });
    }
    Ok(Timeline { id, tree })
}

/// Stores the tree if the timeline still has the size it was read at.
pub(crate) fn advance<S: Sql + ?Sized>(sql: &S, timeline: &Timeline, from: u64) -> Result<()> {
    sql.exec_one(
        TABLE.name,
        "UPDATE vault_timeline SET size = ?, peaks = ? WHERE id = ? AND size = ?",
        &[int(timeline.tree.size()), blob(&timeline.tree.to_bytes()), int(timeline.id), int(from)],
    )
}
