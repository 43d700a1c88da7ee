//! `vault_embedding`: the values of embeddings, of which an entry's bytes have the digest. A row has the id of its entry.

use std::ops::ControlFlow;

use super::{Table, int};
use crate::backend::{Sql, Value, columns};
use crate::words::Result;

pub(crate) const TABLE: Table = Table {
    name: "vault_embedding",
    schema: &["CREATE TABLE vault_embedding (\
               id INTEGER PRIMARY KEY, \
               model INTEGER NOT NULL, \
               vector BLOB NOT NULL) STRICT"],
};

/// The values of one entry's embedding, as little-endian `f32`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored<'a> {
    pub(crate) id: u64,
    pub(crate) model: i64,
    pub(crate) bytes: &'a [u8],
}

pub(crate) fn insert<S: Sql + ?Sized>(sql: &S, id: u64, model: i64, bytes: Vec<u8>) -> Result<()> {
    let statement = "INSERT INTO vault_embedding (id, model, vector) VALUES (?, ?, ?)";
    sql.exec_one(TABLE.name, statement, &[int(id), Value::Int(model), Value::Blob(bytes)])
}

/// Shows the embedding of an entry.
pub(crate) fn by_id<S: Sql + ?Sized, T>(
    sql: &S,
    id: u64,
    mut read: impl FnMut(Stored<'_>) -> Result<T>,
) -> Result<Option<T>> {
    sql.first("SELECT id, model, vector FROM vault_embedding WHERE id = ?", &[int(id)], |row| {
        read(Stored { id: columns::counter(row, 0)?, model: columns::int(row, 1)?, bytes: columns::blob(row, 2)? })
    })
}

/// Shows the embeddings of entries with ids above `after` and up to `to`, in position order.
pub(crate) fn scan<S: Sql + ?Sized>(
    sql: &S,
    after: u64,
    to: u64,
    mut visit: impl FnMut(Stored<'_>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let statement = "SELECT id, model, vector FROM vault_embedding WHERE id > ? AND id <= ? ORDER BY id";
    sql.visit(statement, &[int(after), int(to)], &mut |row| {
        visit(Stored { id: columns::counter(row, 0)?, model: columns::int(row, 1)?, bytes: columns::blob(row, 2)? })
    })
}

/// The ids of the entries with ids above `after` and up to `to` that have an embedding, in position order.
pub(crate) fn walk<S: Sql + ?Sized>(
    sql: &S,
    after: u64,
    to: u64,
    mut visit: impl FnMut(u64) -> Result<()>,
) -> Result<()> {
    let statement = "SELECT id FROM vault_embedding WHERE id > ? AND id <= ? ORDER BY id";
    sql.visit(statement, &[int(after), int(to)], &mut |row| {
        visit(columns::counter(row, 0)?)?;
        Ok(ControlFlow::Continue(()))
    })
}

/// Says of which model the embedding of an entry is.
pub(crate) fn set_model<S: Sql + ?Sized>(sql: &S, id: u64, model: i64) -> Result<()> {
    sql.exec(
        "UPDATE vault_embedding SET model = ? WHERE id = ? AND model <> ?",
        &[Value::Int(model), int(id), Value::Int(model)],
    )
    .map(drop)
}

/// Removes the values of an entry's embedding.
pub(crate) fn remove<S: Sql + ?Sized>(sql: &S, id: u64) -> Result<()> {
    sql.exec("DELETE FROM vault_embedding WHERE id = ?", &[int(id)]).map(drop)
}
