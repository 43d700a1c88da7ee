//! `vault_writer`: who a writer id is.

use std::sync::Arc;

use super::{Table, blob, text};
use crate::backend::{Sql, Value, ValueRef, columns};
use crate::causal::fingerprint::Fingerprint;
use crate::causal::writer::{Identity, Proof};
use crate::words::{Result, StoreError};

pub(crate) const TABLE: Table = Table {
    name: "vault_writer",
    schema: &["CREATE TABLE vault_writer (\
               id INTEGER PRIMARY KEY, \
               writer BLOB NOT NULL UNIQUE, \
               name TEXT, \
               public_key BLOB, \
               CHECK ((name IS NULL) <> (public_key IS NULL))) STRICT"],
};

/// The number of a writer's row.
pub(crate) fn find<S: Sql + ?Sized>(sql: &S, writer: &Fingerprint) -> Result<Option<i64>> {
    sql.first("SELECT id FROM vault_writer WHERE writer = ?", &[blob(writer.as_bytes())], |row| columns::int(row, 0))
}

pub(crate) fn find_or_create<S: Sql + ?Sized>(sql: &S, identity: &Identity) -> Result<i64> {
    if let Some(id) = find(sql, &identity.id())? {
        return Ok(id);
    }
    let (name, public_key) = match identity.proof() {
        Proof::Name(name) => (text(name), Value::Null),
        Proof::PublicKey(key) => (Value::Null, blob(key)),
    };
    sql.insert_returning(
        TABLE.name,
        "INSERT INTO vault_writer (writer, name, public_key) VALUES (?, ?, ?) RETURNING id",
        &[blob(identity.id().as_bytes()), name, public_key],
    )
}

/// The identity in a row, which may not be the one its id claims: [`Identity::id`] is recomputed.
pub(crate) fn read<S: Sql + ?Sized>(sql: &S, id: i64) -> Result<Option<(Fingerprint, Identity)>> {
    sql.first("SELECT writer, name, public_key FROM vault_writer WHERE id = ?", &[Value::Int(id)], row)
}

/// Every writer: the number of its row, what it claims to be and who it is.
pub(crate) fn all<S: Sql + ?Sized>(sql: &S) -> Result<Vec<(i64, Fingerprint, Identity)>> {
    sql.all("SELECT writer, name, public_key, id FROM vault_writer ORDER BY id", &[], |cells| {
        let (claimed, identity) = row(cells)?;
        Ok((columns::int(cells, 3)?, claimed, identity))
    })
}

/// Stores what follows from a writer's name or key.
pub(crate) fn claim<S: Sql + ?Sized>(sql: &S, id: i64, writer: &Fingerprint) -> Result<()> {
    let statement = "UPDATE vault_writer SET writer = ? WHERE id = ?";
    sql.exec_one(TABLE.name, statement, &[blob(writer.as_bytes()), Value::Int(id)])
}

/// Lets a row claim to be of no writer that there is.
pub(crate) fn disclaim<S: Sql + ?Sized>(sql: &S, id: i64) -> Result<()> {
    let mut nobody = [0; 32];
    if let Some((_, end)) = nobody.split_last_chunk_mut() {
        *end = id.to_be_bytes();
    }
    claim(sql, id, &Fingerprint::from_bytes(nobody))
}

fn row(row: &[ValueRef<'_>]) -> Result<(Fingerprint, Identity)> {
    let claimed = Fingerprint::from_bytes(columns::array(row, 0)?);
    let identity = match columns::optional(row, 1, columns::name)? {
        Some(name) => Identity::named(name).map_err(|error| StoreError::MalformedRow(format!("a writer: {error}")))?,
        None => Identity::signed(columns::array(row, 2)?),
    };
    Ok((claimed, identity))
}

/// What people call a writer.
pub(crate) fn label<S: Sql + ?Sized>(sql: &S, writer: &Fingerprint) -> Result<Option<Arc<str>>> {
    let found = sql.first(
        "SELECT writer, name, public_key FROM vault_writer WHERE writer = ?",
        &[blob(writer.as_bytes())],
        row,
    )?;
    Ok(found.map(|(_, identity)| identity.label()))
}
