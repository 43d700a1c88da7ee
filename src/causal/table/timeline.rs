//! `vault_timeline`: the names of each tenant's timelines, which are position orders of its entries.

use super::{Table, head, int, text};
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
    find_id(sql, tenant, name)?.map(|id| read(sql, id)).transpose()
}

/// The timeline with this number.
pub(crate) fn read<S: Sql + ?Sized>(sql: &S, id: u64) -> Result<Timeline> {
    Ok(Timeline { id, tree: head::tree(sql, id)? })
}

fn find_id<S: Sql + ?Sized>(sql: &S, tenant: &str, name: &str) -> Result<Option<u64>> {
    sql.first("SELECT id FROM vault_timeline WHERE tenant = ? AND name = ?", &[text(tenant), text(name)], id)
}

/// A number that the ids of entries have room for: a larger one would be taken for another timeline's.
fn id(row: &[ValueRef<'_>]) -> Result<u64> {
    let id = columns::counter(row, 0)?;
    if id > TIMELINES_MAX {
        return Err(StoreError::MalformedRow(format!("timeline {id}, where the last possible one is {TIMELINES_MAX}")));
    }
    Ok(id)
}

/// The numbers of the timelines that have this name by their rows, and not by the index: one, or none.
pub(crate) fn by_rows<S: Sql + ?Sized>(sql: &S, tenant: &str, name: &str) -> Result<Vec<u64>> {
    let statement = "SELECT id FROM vault_timeline WHERE +tenant = ? AND +name = ? ORDER BY id";
    sql.all(statement, &[text(tenant), text(name)], id)
}

/// Whether the row with this number has this name.
pub(crate) fn is<S: Sql + ?Sized>(sql: &S, id: u64, tenant: &str, name: &str) -> Result<bool> {
    let statement = "SELECT 1 FROM vault_timeline WHERE id = ? AND +tenant = ? AND +name = ?";
    sql.first(statement, &[int(id), text(tenant), text(name)], |_| Ok(())).map(|found| found.is_some())
}

/// The numbers of every tenant's timelines.
pub(crate) fn all<S: Sql + ?Sized>(sql: &S) -> Result<Vec<u64>> {
    sql.all("SELECT id FROM vault_timeline ORDER BY id", &[], id)
}

/// The tenants that have appended.
pub(crate) fn tenants<S: Sql + ?Sized>(sql: &S) -> Result<Vec<String>> {
    sql.all("SELECT tenant FROM vault_timeline WHERE name = ? ORDER BY id", &[text(MAIN)], |row| {
        columns::name(row, 0).map(str::to_owned)
    })
}

/// A timeline's number and its last position.
pub(crate) fn size<S: Sql + ?Sized>(sql: &S, tenant: &str, name: &str) -> Result<Option<(u64, u64)>> {
    let id = find_id(sql, tenant, name)?;
    id.map(|id| Ok((id, head::size(sql, id)?))).transpose()
}

pub(crate) fn find_or_create<S: Sql + ?Sized>(sql: &S, tenant: &str, name: &str) -> Result<Timeline> {
    if let Some(timeline) = find(sql, tenant, name)? {
        return Ok(timeline);
    }
    let id = sql.insert_returning(
        TABLE.name,
        "INSERT INTO vault_timeline (tenant, name) VALUES (?, ?) RETURNING id",
        &[text(tenant), text(name)],
    )?;
    let id = u64::try_from(id).unwrap_or(u64::MAX);
    if id > TIMELINES_MAX {
        return Err(StoreError::Limit { what: "the vault", found: id, limit: TIMELINES_MAX, unit: "timelines" });
    }
    let tree = Frontier::new();
    head::replace(sql, id, &tree)?;
    Ok(Timeline { id, tree })
}
