//! `vault_edge`: which entry explicitly follows which, both ways.

use super::{Table, int};
use crate::backend::{Sql, columns};
use crate::words::Result;

pub(crate) const TABLE: Table = Table {
    name: "vault_edge",
    schema: &[
        "CREATE TABLE vault_edge (\
         child INTEGER NOT NULL, \
         parent INTEGER NOT NULL, \
         PRIMARY KEY (child, parent)) STRICT, WITHOUT ROWID",
        "CREATE INDEX vault_edge_parent ON vault_edge (parent, child)",
    ],
};

pub(crate) fn insert<S: Sql + ?Sized>(sql: &S, child: u64, parent: u64) -> Result<()> {
    sql.exec_one(TABLE.name, "INSERT INTO vault_edge (child, parent) VALUES (?, ?)", &[int(child), int(parent)])
}

/// The ids of an entry's parents, ascending.
pub(crate) fn parents<S: Sql + ?Sized>(sql: &S, child: u64) -> Result<Vec<u64>> {
    sql.all("SELECT parent FROM vault_edge WHERE child = ? ORDER BY parent", &[int(child)], |row| {
        columns::counter(row, 0)
    })
}

/// The ids of the entries that name this one as a parent, ascending, after `after`.
pub(crate) fn children<S: Sql + ?Sized>(sql: &S, parent: u64, after: u64, limit: u64) -> Result<Vec<u64>> {
    sql.all(
        "SELECT child FROM vault_edge WHERE parent = ? AND child > ? ORDER BY child LIMIT ?",
        &[int(parent), int(after), int(limit)],
        |row| columns::counter(row, 0),
    )
}

/// How many entries with ids up to `to` name this one as a parent.
pub(crate) fn count_children<S: Sql + ?Sized>(sql: &S, parent: u64, to: u64) -> Result<u64> {
    let statement = "SELECT count(*) FROM vault_edge WHERE parent = ? AND child <= ?";
    sql.first(statement, &[int(parent), int(to)], |row| columns::counter(row, 0)).map(Option::unwrap_or_default)
}

/// How many edges lead from the children with ids from `from` to `to`, and how many lead to parents among these ids.
pub(crate) fn count<S: Sql + ?Sized>(sql: &S, from: u64, to: u64) -> Result<(u64, u64)> {
    let count = |statement| {
        let found = sql.first(statement, &[int(from), int(to)], |row| columns::counter(row, 0));
        found.map(Option::unwrap_or_default)
    };
    Ok((
        count("SELECT count(*) FROM vault_edge WHERE child BETWEEN ? AND ?")?,
        count("SELECT count(*) FROM vault_edge WHERE parent BETWEEN ? AND ?")?,
    ))
}
