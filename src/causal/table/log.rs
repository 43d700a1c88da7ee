//! `vault_log`: the hash chains of a timeline.

use std::collections::BTreeSet;

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

/// Those of these streams.
pub(crate) fn streams_between<S: Sql + ?Sized>(sql: &S, timeline: u64, from: &str, to: &str) -> Result<Vec<String>> {
    let statement = "SELECT DISTINCT stream FROM vault_log WHERE timeline = ? AND stream >= ? AND stream < ?";
    sql.all(statement, &[int(timeline), text(from), text(to)], |row| Ok(columns::text(row, 0)?.to_owned()))
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

/// Every log of a timeline that a scan of the rows shows, whatever an index says.
pub(crate) fn by_rows<S: Sql + ?Sized>(sql: &S, timeline: u64) -> Result<Vec<Log>> {
    let statement = "SELECT id, timeline, stream, writer, epoch FROM vault_log WHERE +timeline = ? ORDER BY id";
    sql.all(statement, &[int(timeline)], row)
}

/// Fills the table anew: the logs of other timelines as they were, and these.
pub(crate) fn replace<S: Sql + ?Sized>(sql: &S, timeline: u64, logs: &[Log]) -> Result<()> {
    sql.exec("CREATE TABLE vault_log_spare AS SELECT * FROM vault_log WHERE +timeline <> ?", &[int(timeline)])?;
    sql.exec("DELETE FROM vault_log", &[])?;
    sql.exec("INSERT INTO vault_log SELECT * FROM vault_log_spare", &[])?;
    sql.exec("DROP TABLE vault_log_spare", &[])?;
    logs.iter().try_for_each(|log| {
        sql.exec_one(
            TABLE.name,
            "INSERT INTO vault_log (id, timeline, stream, writer, epoch) VALUES (?, ?, ?, ?, ?)",
            &[
                Value::Int(log.id),
                int(log.timeline),
                text(&log.stream),
                Value::Int(log.writer),
                Value::Int(log.epoch.into()),
            ],
        )
    })
}

/// The numbers of every other timeline's logs.
pub(crate) fn of_others<S: Sql + ?Sized>(sql: &S, timeline: u64) -> Result<BTreeSet<i64>> {
    let statement = "SELECT id FROM vault_log WHERE +timeline <> ? ORDER BY id";
    sql.all(statement, &[int(timeline)], |row| columns::int(row, 0)).map(BTreeSet::from_iter)
}

/// A number that no log has.
pub(crate) fn unused<S: Sql + ?Sized>(sql: &S) -> Result<i64> {
    let found = sql.first("SELECT max(id) FROM vault_log", &[], |row| columns::optional(row, 0, columns::int))?;
    Ok(found.flatten().map_or(1, |last| last.saturating_add(1)))
}

/// Whether a log of another timeline has this number.
pub(crate) fn is_others<S: Sql + ?Sized>(sql: &S, id: i64, timeline: u64) -> Result<bool> {
    let statement = "SELECT 1 FROM vault_log WHERE +id = ? AND +timeline <> ?";
    sql.first(statement, &[Value::Int(id), int(timeline)], |_| Ok(())).map(|found| found.is_some())
}

const BY_NAME: &str = "SELECT id, timeline, stream, writer, epoch FROM vault_log WHERE timeline = ? \
     ORDER BY timeline, stream, writer, epoch";

/// The logs of a timeline as the index over their names has them, in its order.
pub(crate) fn by_name<S: Sql + ?Sized>(sql: &S, timeline: u64) -> Result<Vec<Log>> {
    sql.all(BY_NAME, &[int(timeline)], row)
}

const BY_WRITER: &str = "SELECT timeline, writer, id FROM vault_log WHERE timeline = ? ORDER BY timeline, writer, id";

/// Timeline, writer and number of the logs of a timeline as the index over writers has them, in its order.
pub(crate) fn by_writer<S: Sql + ?Sized>(sql: &S, timeline: u64) -> Result<Vec<(u64, i64, i64)>> {
    sql.all(BY_WRITER, &[int(timeline)], |row| {
        Ok((columns::counter(row, 0)?, columns::int(row, 1)?, columns::int(row, 2)?))
    })
}

fn row(row: &[ValueRef<'_>]) -> Result<Log> {
    Ok(Log {
        id: columns::int(row, 0)?,
        timeline: columns::counter(row, 1)?,
        stream: columns::name(row, 2)?.to_owned(),
        writer: columns::int(row, 3)?,
        epoch: epoch(row, 4)?,
    })
}

fn epoch(row: &[ValueRef<'_>], index: usize) -> Result<u32> {
    let found = columns::int(row, index)?;
    u32::try_from(found).map_err(|_| StoreError::MalformedRow(format!("epoch {found} is not a 32-bit counter")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Backend, SqliteBackend};

    #[test]
    fn each_index_is_read_by_itself() {
        let db = SqliteBackend::in_memory().unwrap();
        for statement in TABLE.schema {
            db.exec(statement, &[]).unwrap();
        }
        for (statement, expected) in
            [(BY_NAME, "COVERING INDEX sqlite_autoindex_vault_log_1"), (BY_WRITER, "COVERING INDEX vault_log_writer")]
        {
            let plan = format!("{:?}", db.query(&format!("EXPLAIN QUERY PLAN {statement}"), &[int(1)]).unwrap());
            assert!(plan.contains(expected) && !plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
