//! `vault_edge`: which entry explicitly follows which, both ways.

use std::ops::ControlFlow;

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

/// Fills the table anew with the edges of children outside of the ids from `from` to `to`, as they were.
pub(crate) fn clear<S: Sql + ?Sized>(sql: &S, from: u64, to: u64) -> Result<()> {
    let copy = "CREATE TABLE vault_edge_spare AS SELECT child, parent FROM vault_edge WHERE +child NOT BETWEEN ? AND ?";
    sql.exec(copy, &[int(from), int(to)])?;
    sql.exec("DELETE FROM vault_edge", &[])?;
    sql.exec("INSERT INTO vault_edge (child, parent) SELECT child, parent FROM vault_edge_spare", &[])?;
    sql.exec("DROP TABLE vault_edge_spare", &[]).map(drop)
}

const WALK_UP: &str = "SELECT child, parent FROM vault_edge WHERE child BETWEEN ? AND ? ORDER BY child, parent";
const WALK_DOWN: &str = "SELECT parent, child FROM vault_edge WHERE parent BETWEEN ? AND ? ORDER BY parent, child";

/// Shows the edges of the children with ids from `from` to `to`, in the order of the table: child, parent.
pub(crate) fn walk_up<S: Sql + ?Sized>(
    sql: &S,
    from: u64,
    to: u64,
    visit: impl FnMut((u64, u64)) -> Result<()>,
) -> Result<()> {
    walk(sql, WALK_UP, from, to, visit)
}

/// Shows the edges to the parents with ids from `from` to `to`, in the order of the index: parent, child.
pub(crate) fn walk_down<S: Sql + ?Sized>(
    sql: &S,
    from: u64,
    to: u64,
    visit: impl FnMut((u64, u64)) -> Result<()>,
) -> Result<()> {
    walk(sql, WALK_DOWN, from, to, visit)
}

fn walk<S: Sql + ?Sized>(
    sql: &S,
    statement: &str,
    from: u64,
    to: u64,
    mut visit: impl FnMut((u64, u64)) -> Result<()>,
) -> Result<()> {
    sql.visit(statement, &[int(from), int(to)], &mut |row| {
        visit((columns::counter(row, 0)?, columns::counter(row, 1)?))?;
        Ok(ControlFlow::Continue(()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Backend, SqliteBackend};

    #[test]
    fn each_direction_is_walked_in_its_own_order() {
        let db = SqliteBackend::in_memory().unwrap();
        for statement in TABLE.schema {
            db.exec(statement, &[]).unwrap();
        }
        for (statement, expected) in [(WALK_UP, "PRIMARY KEY"), (WALK_DOWN, "INDEX vault_edge_parent")] {
            let plan = db.query(&format!("EXPLAIN QUERY PLAN {statement}"), &[int(1), int(2)]).unwrap();
            let plan = format!("{plan:?}");
            assert!(plan.contains(expected) && !plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
