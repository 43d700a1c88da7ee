//! `vault_text_rule`: which events' texts each tenant wants to search: the patterns of kinds, and for each the paths of
//! the fields that are meant; an empty path means all of them.

use super::{Table, text};
use crate::backend::{Sql, columns};
use crate::words::Result;

pub(crate) const TABLE: Table = Table {
    name: "vault_text_rule",
    schema: &["CREATE TABLE vault_text_rule (\
               tenant TEXT NOT NULL, \
               kind TEXT NOT NULL, \
               field TEXT NOT NULL, \
               PRIMARY KEY (tenant, kind, field)) STRICT, WITHOUT ROWID"],
};

/// The patterns of a tenant's rules, each with one of its fields, in the order of both.
pub(crate) fn all<S: Sql + ?Sized>(sql: &S, tenant: &str) -> Result<Vec<(String, String)>> {
    let statement = "SELECT kind, field FROM vault_text_rule WHERE tenant = ? ORDER BY kind, field";
    sql.all(statement, &[text(tenant)], |row| {
        Ok((columns::text(row, 0)?.to_owned(), columns::text(row, 1)?.to_owned()))
    })
}

pub(crate) fn insert<S: Sql + ?Sized>(sql: &S, tenant: &str, kind: &str, field: &str) -> Result<()> {
    let statement = "INSERT INTO vault_text_rule (tenant, kind, field) VALUES (?, ?, ?)";
    sql.exec_one(TABLE.name, statement, &[text(tenant), text(kind), text(field)])
}

/// Deletes the rule of this pattern; returns how many rows it had.
pub(crate) fn delete<S: Sql + ?Sized>(sql: &S, tenant: &str, kind: &str) -> Result<u64> {
    sql.exec("DELETE FROM vault_text_rule WHERE tenant = ? AND kind = ?", &[text(tenant), text(kind)])
}
