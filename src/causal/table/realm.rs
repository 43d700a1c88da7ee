//! `vault_realm`: what this vault is.

use super::{Table, blob};
use crate::backend::{Sql, Value, columns};
use crate::causal::hash::Realm;
use crate::words::{Result, StoreError};

pub(crate) const TABLE: Table = Table {
    name: "vault_realm",
    schema: &["CREATE TABLE vault_realm (\
               one INTEGER PRIMARY KEY CHECK (one = 1), \
               format INTEGER NOT NULL, \
               realm BLOB NOT NULL) STRICT"],
};

/// The format this version writes, and the newest it reads.
pub(crate) const FORMAT: i64 = 1;

pub(crate) fn create<S: Sql + ?Sized>(sql: &S, realm: &Realm) -> Result<()> {
    sql.exec_one(
        TABLE.name,
        "INSERT INTO vault_realm (one, format, realm) VALUES (1, ?, ?)",
        &[Value::Int(FORMAT), blob(realm.as_bytes())],
    )
}

/// The realm, if the format is one that this version reads.
pub(crate) fn read<S: Sql + ?Sized>(sql: &S) -> Result<Realm> {
    let (format, realm) = sql
        .first("SELECT format, realm FROM vault_realm WHERE one = 1", &[], |row| {
            Ok((columns::int(row, 0)?, Realm::from_bytes(columns::array(row, 1)?)))
        })?
        .ok_or_else(|| StoreError::Corrupt {
            what: TABLE.name.to_owned(),
            detail: "its one row is missing; restore the vault from a backup".to_owned(),
        })?;
    if format < 1 {
        return Err(StoreError::Corrupt {
            what: TABLE.name.to_owned(),
            detail: format!("it says format {format}, and formats begin with 1; restore the vault from a backup"),
        });
    }
    if format > FORMAT {
        return Err(StoreError::NewerFormat { found: format, supported: FORMAT });
    }
    Ok(realm)
}
