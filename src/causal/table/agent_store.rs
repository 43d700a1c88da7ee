//! `_agent_store_log` and `_agent_store_meta`: what agent-store 0.1.2 left in a database. Only ever read.

use std::ops::ControlFlow;

use super::{int, text};
use crate::backend::{Dialect, Sql, Value, ValueRef, columns};
use crate::words::{Result, StoreError};

const LOG: &str = "_agent_store_log";
const LOG_COLUMNS: &[(&str, &str, i64)] = &[
    ("stream", "TEXT", 1),
    ("writer", "TEXT", 2),
    ("seq", "INTEGER", 3),
    ("prev_hash", "BLOB", 0),
    ("content_hash", "BLOB", 0),
    ("payload", "BLOB", 0),
];

const META: &str = "_agent_store_meta";
const META_COLUMNS: &[(&str, &str, i64)] = &[("key", "TEXT", 1), ("ival", "INTEGER", 0)];

/// Rows of a page.
const PAGE: u64 = 1024;

/// Where an entry stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    pub(crate) row: i64,
    pub(crate) stream: &'a str,
    pub(crate) writer: &'a str,
    pub(crate) seq: i64,
}

/// What an entry holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content<'a> {
    pub(crate) prev: Option<[u8; 32]>,
    pub(crate) hash: [u8; 32],
    pub(crate) payload: &'a [u8],
}

/// Where a page begins, and so its order.
#[derive(Clone, Debug)]
pub(crate) enum After {
    /// Log by log.
    Entry { stream: String, writer: String, seq: i64 },
    /// In the order of the rows: that in which they were appended.
    Row(i64),
}

impl After {
    /// Before the first entry whose key is [in order](check_keys).
    pub(crate) const FIRST_ENTRY: Self = Self::Entry { stream: String::new(), writer: String::new(), seq: 0 };
    pub(crate) const FIRST_ROW: Self = Self::Row(i64::MIN);

    /// Whether the entry before is one of this log.
    pub(crate) fn is_in(&self, in_stream: &str, by_writer: &str) -> bool {
        matches!(self, Self::Entry { stream, writer, .. } if stream == in_stream && writer == by_writer)
    }

    /// Moves behind an entry.
    pub(crate) fn advance(&mut self, key: Key<'_>) {
        match self {
            Self::Entry { stream, writer, seq } => {
                key.stream.clone_into(stream);
                key.writer.clone_into(writer);
                *seq = key.seq;
            }
            Self::Row(row) => *row = key.row,
        }
    }
}

/// Whether there are logs.
pub(crate) fn has_logs<S: Sql + ?Sized>(sql: &S) -> Result<bool> {
    has(sql, LOG, LOG_COLUMNS)
}

/// Whether there are generations.
pub(crate) fn has_generations<S: Sql + ?Sized>(sql: &S) -> Result<bool> {
    has(sql, META, META_COLUMNS)
}

fn has<S: Sql + ?Sized>(sql: &S, table: &str, expected: &[(&str, &str, i64)]) -> Result<bool> {
    // agent-store never had another engine.
    if sql.dialect() != Dialect::Sqlite {
        return Ok(false);
    }
    let exists = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?";
    if sql.first(exists, &[text(table)], |_| Ok(()))?.is_none() {
        return Ok(false);
    }
    let found = sql.all("SELECT name, type, pk FROM pragma_table_info(?) ORDER BY cid", &[text(table)], |row| {
        Ok((columns::text(row, 0)?.to_owned(), columns::text(row, 1)?.to_owned(), columns::int(row, 2)?))
    })?;
    if !found.iter().map(|(name, kind, key)| (name.as_str(), kind.as_str(), *key)).eq(expected.iter().copied()) {
        return Err(StoreError::Corrupt {
            what: format!("table {table}"),
            detail: format!("its columns are {found:?}, those of agent-store 0.1.2 are {expected:?}"),
        });
    }
    Ok(true)
}

/// Refuses logs whose index does not say what their rows say: a page would show one in one order and not in the other.
pub(crate) fn check_index<S: Sql + ?Sized>(sql: &S) -> Result<()> {
    match sql.first("PRAGMA integrity_check(_agent_store_log)", &[], |row| Ok(columns::text(row, 0)?.to_owned()))? {
        Some(found) if found != "ok" => Err(StoreError::Corrupt {
            what: format!("table {LOG}"),
            detail: format!("SQLite's integrity check finds: {found}; restore the file from a backup"),
        }),
        _ => Ok(()),
    }
}

/// Refuses a key that no page would show.
pub(crate) fn check_keys<S: Sql + ?Sized>(sql: &S) -> Result<()> {
    let strange = "SELECT substr(quote(stream), 1, 200), substr(quote(writer), 1, 200), substr(quote(seq), 1, 40) \
        FROM _agent_store_log WHERE typeof(stream) <> 'text' OR typeof(writer) <> 'text' OR typeof(seq) <> 'integer' \
        OR stream = '' OR writer = '' OR seq < 1 LIMIT 1";
    let found = sql.first(strange, &[], |row| {
        Ok(format!(
            "table {LOG} has an entry of stream {} writer {} seq {}; a stream and a writer are text of at least one \
             byte, and seq is an integer of at least 1",
            columns::text(row, 0)?,
            columns::text(row, 1)?,
            columns::text(row, 2)?
        ))
    })?;
    found.map_or(Ok(()), |found| Err(StoreError::MalformedRow(found)))
}

macro_rules! page {
    ($tail:literal) => {
        concat!(
            "SELECT rowid, stream, writer, seq, prev_hash, content_hash, length(payload), ",
            "CASE WHEN length(payload) <= ? THEN payload END FROM _agent_store_log ",
            $tail,
            " LIMIT ?"
        )
    };
}

/// Shows the entries of one page, and what is wrong with those that hold something else than agent-store wrote. A
/// payload that is over the limit is not even loaded.
pub(crate) fn page<S: Sql + ?Sized>(
    sql: &S,
    after: &After,
    payload_limit: usize,
    mut visit: impl FnMut(Key<'_>, Result<Content<'_>>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let limit = payload_limit as u64;
    let (statement, mut params) = match after {
        After::Entry { stream, writer, seq } => (
            page!("WHERE (stream, writer, seq) > (?, ?, ?) ORDER BY stream, writer, seq"),
            vec![int(limit), text(stream), text(writer), Value::Int(*seq)],
        ),
        After::Row(row) => (page!("WHERE rowid > ? ORDER BY rowid"), vec![int(limit), Value::Int(*row)]),
    };
    params.push(int(PAGE));
    sql.visit(statement, &params, &mut |row| {
        let key = Key {
            row: columns::int(row, 0)?,
            stream: columns::text(row, 1)?,
            writer: columns::text(row, 2)?,
            seq: columns::int(row, 3)?,
        };
        visit(key, content(row, limit))
    })
}

fn content<'a>(row: &[ValueRef<'a>], limit: u64) -> Result<Content<'a>> {
    let found = columns::optional(row, 6, columns::counter)?.unwrap_or(0);
    if found > limit {
        return Err(StoreError::Limit { what: "the payload", found, limit, unit: "bytes" });
    }
    Ok(Content {
        prev: columns::optional(row, 4, columns::array)?,
        hash: columns::array(row, 5)?,
        payload: columns::blob(row, 7)?,
    })
}

/// The hash of one entry.
pub(crate) fn hash_at<S: Sql + ?Sized>(sql: &S, stream: &str, writer: &str, seq: u64) -> Result<Option<[u8; 32]>> {
    let statement = "SELECT content_hash FROM _agent_store_log WHERE stream = ? AND writer = ? AND seq = ?";
    sql.first(statement, &[text(stream), text(writer), int(seq)], |row| columns::array(row, 0))
}

/// The log that comes after the one of this stream and writer, and its last sequence number.
pub(crate) fn log_after<S: Sql + ?Sized>(sql: &S, stream: &str, writer: &str) -> Result<Option<(String, String, u64)>> {
    let statement = "SELECT stream, writer, (SELECT max(seq) FROM _agent_store_log AS log \
        WHERE log.stream = found.stream AND log.writer = found.writer) \
        FROM _agent_store_log AS found WHERE (stream, writer) > (?, ?) ORDER BY stream, writer LIMIT 1";
    sql.first(statement, &[text(stream), text(writer)], |row| {
        Ok((columns::text(row, 0)?.to_owned(), columns::text(row, 1)?.to_owned(), columns::counter(row, 2)?))
    })
}

/// Every generation.
pub(crate) fn generations<S: Sql + ?Sized>(sql: &S) -> Result<Vec<(String, u64)>> {
    sql.all("SELECT key, ival FROM _agent_store_meta ORDER BY key", &[], |row| {
        Ok((columns::text(row, 0)?.to_owned(), columns::counter(row, 1)?))
    })
}
