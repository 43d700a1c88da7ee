//! `vault_kind`: the names of the kinds, so that an entry's row and its index carry a small number.

use super::{Table, text};
use crate::backend::{Sql, columns};
use crate::words::Result;

pub(crate) const TABLE: Table = Table {
    name: "vault_kind",
    schema: &["CREATE TABLE vault_kind (id INTEGER PRIMARY KEY, kind TEXT NOT NULL UNIQUE) STRICT"],
};

/// The number of a kind that some tenant has used.
pub(crate) fn find<S: Sql + ?Sized>(sql: &S, kind: &str) -> Result<Option<i64>> {
    sql.first("SELECT id FROM vault_kind WHERE kind = ?", &[text(kind)], |row| columns::int(row, 0))
}

pub(crate) fn find_or_create<S: Sql + ?Sized>(sql: &S, kind: &str) -> Result<i64> {
    if let Some(id) = find(sql, kind)? {
        return Ok(id);
    }
    sql.insert_returning(TABLE.name, "INSERT INTO vault_kind (kind) VALUES (?) RETURNING id", &[text(kind)])
}

/// Every kind and its number.
pub(crate) fn all<S: Sql + ?Sized>(sql: &S) -> Result<Vec<(i64, String)>> {
    sql.all("SELECT id, kind FROM vault_kind ORDER BY id", &[], |row| {
        Ok((columns::int(row, 0)?, columns::name(row, 1)?.to_owned()))
    })
}
