//! `vault_log`: the hash chains of a timeline.

use super::{Table, int, text};
use crate::backend::{Sql, Value, ValueRef, columns};
use crate::words::{Result, StoreError};

pub(crate) const TABLE: Table = Table {
    name: "vault_log",
    schema: &[
        "CREATE TABLE vault_log (\
         id INTEGER PRIMARY KEY, \
         timeline INTEGER NOT NULL, \
         stream TEXT NOT NULL, \
         writer INTEGER NOT NULL, \
         epoch INTEGER NOT NULL, \
         UNIQUE (timeline, stream, writer, epoch)) STRICT",
        "CREATE INDEX vault_log_writer ON vault_log (timeline, writer)",
    ],
};

/// One log's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) id: i64,
    pub(crate) timeline: u64,
    pub(crate) stream: String,
    pub(crate) writer: i64,
    pub(crate) epoch: u32,
}

/// The logs of a writer in a stream, newest epoch first.
pub(crate) fn epochs<S: Sql + ?Sized>(sql: &S, timeline: u64, stream: &str, writer: i64) -> Result<Vec<(i64, u32)>> {
    sql.all(
        "SELECT id, epoch FROM vault_log WHERE timeline = ? AND stream = ? AND writer = ? ORDER BY epoch DESC",
        &[int(timeline), text(stream), Value::Int(writer)],
        |row| Ok((columns::int(row, 0)?, epoch(row, 1)?)),
    )
}

/// Whether a timeline has logs in streams from `from` to before `to`.
pub(crate) fn exist_between<S: Sql + ?Sized>(sql: &S, timeline: u64, from: &str, to: &str) -> Result<bool> {
    let statement = "SELECT 1 FROM vault_log WHERE timeline = ? AND stream >= ? AND stream < ? LIMIT 1";
    Ok(sql.first(statement, &[int(timeline), text(from), text(to)], |_| Ok(()))?.is_some())
}

pub(crate) fn create<S: Sql + ?Sized>(sql: &S, timeline: u64, stream: &str, writer: i64, epoch: u32) -> Result<i64> {
    sql.insert_returning(
        TABLE.name,
        "INSERT INTO vault_log (timeline, stream, writer, epoch) VALUES (?, ?, ?, ?) RETURNING id",
        &[int(timeline), text(stream), Value::Int(writer), Value::Int(epoch.into())],
    )
}

pub(crate) fn read<S: Sql + ?Sized>(sql: &S, id: i64) -> Result<Option<Log>> {
    sql.first("SELECT id, timeline, stream, writer, epoch FROM vault_log WHERE id = ?", &[Value::Int(id)], row)
}

/// The logs of a timeline, of a stream and of a writer where these are given, in the order of their rows.
pub(crate) fn select<S: Sql + ?Sized>(
    sql: &S,
    timeline: u64,
    stream: Option<&str>,
    writer: Option<i64>,
) -> Result<Vec<Log>> {
    const ALL: &str = "SELECT id, timeline, stream, writer, epoch FROM vault_log WHERE timeline = ?";
    let mut params = vec![int(timeline)];
    params.extend(stream.map(text));
    params.extend(writer.map(Value::Int));
    let filter = match (stream, writer) {
        (None, None) => "",
        (Some(_), None) => " AND stream = ?",
        (None, Some(_)) => " AND writer = ?",
        (Some(_), Some(_)) => " AND stream = ? AND writer = ?",
    };
    sql.all(&format!("{ALL}{filter} ORDER BY id"), &params, row)
}

fn row(row: &[ValueRef<'_>]) -> Result<Log> {
    Ok(Log {
        id: columns::int(row, 0)?,
        timeline: columns::counter(row, 1)?,
        stream: columns::text(row, 2)?.to_owned(),
        writer: columns::int(row, 3)?,
        epoch: epoch(row, 4)?,
    })
}

fn epoch(row: &[ValueRef<'_>], index: usize) -> Result<u32> {
    let found = columns::int(row, index)?;
    u32::try_from(found).map_err(|_| StoreError::MalformedRow(format!("epoch {found} is not a 32-bit counter")))
}
