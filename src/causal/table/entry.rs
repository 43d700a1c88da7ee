//! `vault_entry`: the entries, in position order.
//!
//! A row's id packs its timeline's number and its position, so that the position order of a timeline is the order of
//! the table itself and needs no index. A log is followed backwards: each row says how many positions back the one before
//! it in its log stands, and an index leads to every sixteenth, a milestone; see [`chain`](super::chain). The columns repeat what the bytes say and are only an index over them; a causal
//! digest that follows from the bytes alone, as it does where there are no parents, is left out.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use uuid::Uuid;

use super::row::decode;
pub(crate) use super::row::{Evidence, Link, NewRow, Place, Row, StoredPayload, id, position, timeline};
use super::{Table, blob, int};
use crate::backend::{Sql, Value, ValueRef, columns};
use crate::causal::event_id;
use crate::causal::hash::{CausalDigest, EntryHash, causal_hash};
use crate::words::{Result, StoreError};

pub(crate) const TABLE: Table = Table {
    name: "vault_entry",
    schema: &[
        "CREATE TABLE vault_entry (\
         id INTEGER PRIMARY KEY, \
         log INTEGER NOT NULL, \
         seq INTEGER NOT NULL, \
         back INTEGER NOT NULL, \
         event_key INTEGER, \
         kind INTEGER NOT NULL, \
         lamport INTEGER NOT NULL, \
         hash BLOB NOT NULL, \
         causal BLOB, \
         bytes BLOB NOT NULL, \
         signature BLOB, \
         payload BLOB, \
         payload_id INTEGER) STRICT",
        "CREATE UNIQUE INDEX vault_entry_milestone ON vault_entry (log, seq) WHERE seq & 15 = 0",
        "CREATE INDEX vault_entry_event ON vault_entry (event_key) WHERE event_key IS NOT NULL",
    ],
};

/// Every so many entries of a log one is a milestone; the statements say it as well.
pub(crate) const STRIDE: u64 = 16;

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT id, log, seq, back, event_key, kind, lamport, hash, causal, bytes, signature, payload, payload_id ",
            "FROM vault_entry ",
            $tail
        )
    };
}

macro_rules! select_link {
    ($tail:literal) => {
        concat!(
            "SELECT id, seq, lamport, hash, causal, CASE WHEN causal IS NULL THEN bytes END FROM vault_entry ",
            $tail
        )
    };
}

/// How many rows a statement stores, the most first.
pub(crate) const TOGETHER: [usize; 3] = [16, 4, 1];

static INSERTS: LazyLock<[String; 3]> = LazyLock::new(|| {
    let columns = "id, log, seq, back, event_key, kind, lamport, hash, causal, bytes, signature, payload, payload_id";
    let row = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    TOGETHER.map(|rows| format!("INSERT INTO vault_entry ({columns}) VALUES {}", vec![row; rows].join(", ")))
});

/// Stores rows in as few statements as it takes: one costs as much as some rows.
pub(crate) fn insert<S: Sql + ?Sized>(sql: &S, rows: impl ExactSizeIterator<Item = NewRow>) -> Result<()> {
    let mut rows = rows;
    for (together, statement) in TOGETHER.into_iter().zip(&*INSERTS) {
        while rows.len() >= together {
            let values: Vec<Value> = rows.by_ref().take(together).flat_map(NewRow::into_values).collect();
            sql.exec_rows(TABLE.name, statement, &values, together as u64)?;
        }
    }
    Ok(())
}

/// Signs an entry after the fact, when its batch turns out to end with it.
pub(crate) fn sign<S: Sql + ?Sized>(sql: &S, id: u64, signature: &[u8; 64]) -> Result<()> {
    sql.exec_one(TABLE.name, "UPDATE vault_entry SET signature = ? WHERE id = ?", &[blob(signature), int(id)])
}

/// The id of a milestone of a log: of every [`STRIDE`]th entry.
pub(crate) fn milestone<S: Sql + ?Sized>(sql: &S, log: i64, seq: u64) -> Result<Option<u64>> {
    let statement = "SELECT id FROM vault_entry WHERE log = ? AND seq = ? AND seq & 15 = 0";
    sql.first(statement, &[Value::Int(log), int(seq)], |row| columns::counter(row, 0))
}

/// Where the entry with this id stands in its log.
pub(crate) fn place<S: Sql + ?Sized>(sql: &S, id: u64) -> Result<Option<Place>> {
    sql.first("SELECT log, seq, back FROM vault_entry WHERE id = ?", &[int(id)], |row| {
        Ok(Place { log: columns::int(row, 0)?, seq: columns::counter(row, 1)?, back: columns::counter(row, 2)? })
    })
}

/// What successors need of the entry with this id.
pub(crate) fn link_by_id<S: Sql + ?Sized>(sql: &S, id: u64) -> Result<Option<Link>> {
    sql.first(select_link!("WHERE id = ?"), &[int(id)], link)
}

/// Shows the entry with this id.
pub(crate) fn by_id<S: Sql + ?Sized, T>(
    sql: &S,
    id: u64,
    mut read: impl FnMut(Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    sql.first(select!("WHERE id = ?"), &[int(id)], |cells| read(row(cells)?))
}

/// Shows the entries that may be the event with this id until one is taken: the one at the position that the id names,
/// then those of any timeline whose ids have the same key, in the order of their rows.
pub(crate) fn by_event_id<S: Sql + ?Sized, T>(
    sql: &S,
    timeline: u64,
    event_id: &Uuid,
    mut read: impl FnMut(Row<'_>) -> Result<Option<T>>,
) -> Result<Option<T>> {
    if let Some(position) = event_id::position(event_id)
        && let Some(Some(found)) = by_id(sql, id(timeline, position)?, &mut read)?
    {
        return Ok(Some(found));
    }
    let event_key = event_id::indexed(event_id);
    let mut found = None;
    sql.visit(select!("WHERE event_key = ? ORDER BY id"), &[Value::Int(event_key)], &mut |cells| {
        found = read(row(cells)?)?;
        Ok(if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(found)
}

/// Shows the entries with ids above `after` and up to `to`, in position order.
pub(crate) fn scan<S: Sql + ?Sized>(
    sql: &S,
    after: u64,
    to: u64,
    mut visit: impl FnMut(Row<'_>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    sql.visit(select!("WHERE id > ? AND id <= ? ORDER BY id"), &[int(after), int(to)], &mut |cells| visit(row(cells)?))
}

/// The first id above `after` and up to `to` that an entry has.
pub(crate) fn first_after<S: Sql + ?Sized>(sql: &S, after: u64, to: u64) -> Result<Option<u64>> {
    let statement = "SELECT id FROM vault_entry WHERE id > ? AND id <= ? ORDER BY id LIMIT 1";
    let found = sql.first(statement, &[int(after), int(to)], |row| columns::counter(row, 0))?;
    match found {
        // A damaged tree leads a search astray; whoever goes on from what it finds would never come to an end.
        Some(id) if id <= after || id > to => Err(StoreError::Corrupt {
            what: format!("table {}", TABLE.name),
            detail: format!("a search for ids above {after} and up to {to} found {id}; restore it from a backup"),
        }),
        found => Ok(found),
    }
}

/// The first id that stands in none of these timelines, in their order.
pub(crate) fn first_outside<S: Sql + ?Sized>(sql: &S, timelines: &[u64]) -> Result<Option<i64>> {
    let first = |from: Value, to: Value| {
        let statement = "SELECT id FROM vault_entry WHERE id >= ? AND id < ? ORDER BY id LIMIT 1";
        sql.first(statement, &[from, to], |row| columns::int(row, 0))
    };
    let mut from = Value::Int(i64::MIN);
    for number in timelines {
        if let Some(found) = first(from, int(id(*number, 1)?))? {
            return Ok(Some(found));
        }
        from = int(id(number + 1, 0)?);
    }
    first(from, Value::Int(i64::MAX))
}

/// Shows id, log and kind of the entries with ids above `after` and up to `to`, in position order.
pub(crate) fn scan_places<S: Sql + ?Sized>(
    sql: &S,
    after: u64,
    to: u64,
    mut visit: impl FnMut(u64, i64, i64) -> Result<()>,
) -> Result<()> {
    let statement = "SELECT id, log, kind FROM vault_entry WHERE id > ? AND id <= ? ORDER BY id";
    sql.visit(statement, &[int(after), int(to)], &mut |row| {
        visit(columns::counter(row, 0)?, columns::int(row, 1)?, columns::int(row, 2)?)?;
        Ok(ControlFlow::Continue(()))
    })
}

/// The last id above `after` and up to `to` that an entry has.
pub(crate) fn last<S: Sql + ?Sized>(sql: &S, after: u64, to: u64) -> Result<Option<u64>> {
    let statement = "SELECT id FROM vault_entry WHERE id > ? AND id <= ? ORDER BY id DESC LIMIT 1";
    sql.first(statement, &[int(after), int(to)], |row| columns::counter(row, 0))
}

/// Shows the rows that name this log, of the whole table and in its order: for a log that leads astray.
pub(crate) fn scan_log<S: Sql + ?Sized>(
    sql: &S,
    log: i64,
    mut visit: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    sql.visit(select!("WHERE +log = ? ORDER BY id"), &[Value::Int(log)], &mut |cells| visit(&row(cells)?))
}

/// The hashes of the entries with ids above `after` and up to `to`, in position order.
pub(crate) fn hashes<S: Sql + ?Sized>(sql: &S, after: u64, to: u64) -> Result<Vec<[u8; 32]>> {
    let mut hashes = Vec::new();
    visit_hashes(sql, after, to, |hash| {
        hashes.push(hash);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(hashes)
}

/// Shows the hashes of the entries with ids above `after` and up to `to`, in position order.
pub(crate) fn visit_hashes<S: Sql + ?Sized>(
    sql: &S,
    after: u64,
    to: u64,
    mut visit: impl FnMut([u8; 32]) -> Result<ControlFlow<()>>,
) -> Result<()> {
    sql.visit("SELECT hash FROM vault_entry WHERE id > ? AND id <= ? ORDER BY id", &[int(after), int(to)], &mut |row| {
        visit(columns::array(row, 0)?)
    })
}

/// Shows the entries with ids above `after` and up to `to`, and the neighbour of each if it was sought and found.
///
/// Entries are neighbours two and two, 2 and 3, 4 and 5. Each is sought from the root of the table's tree: the engine
/// takes no short cut from one id to the next, as the ids come in the order 3, 2, 5, 4.
pub(crate) fn scan_and_seek<S: Sql + ?Sized>(
    sql: &S,
    after: u64,
    to: u64,
    mut visit: impl FnMut(Row<'_>, Option<u64>) -> Result<()>,
) -> Result<()> {
    sql.visit(SCAN_AND_SEEK, &[int(after), int(to)], &mut |cells| {
        visit(row(cells)?, columns::optional(cells, 13, columns::counter)?)?;
        Ok(ControlFlow::Continue(()))
    })
}

const SCAN_AND_SEEK: &str = "SELECT e.id, e.log, e.seq, e.back, e.event_key, e.kind, e.lamport, e.hash, e.causal, e.bytes, \
     e.signature, e.payload, e.payload_id, n.id FROM vault_entry e \
     LEFT JOIN vault_entry n ON n.id = (e.id | 1) - (e.id & 1) WHERE e.id > ? AND e.id <= ? ORDER BY e.id";

/// Whether the entry with this id is of a timeline and the one it was.
pub(crate) fn is_still<S: Sql + ?Sized>(sql: &S, timeline: u64, id: u64, hash: &EntryHash) -> Result<bool> {
    Ok(super::row::timeline(id) == timeline && link_by_id(sql, id)?.is_some_and(|link| link.hash == *hash))
}

/// Whether the entry with this id is found by it.
pub(crate) fn is_at<S: Sql + ?Sized>(sql: &S, id: u64) -> Result<bool> {
    sql.first("SELECT 1 FROM vault_entry WHERE id = ?", &[int(id)], |_| Ok(())).map(|found| found.is_some())
}

const WALK_MILESTONES: &str =
    "SELECT log, seq, id FROM vault_entry WHERE log = ? AND seq >= ? AND seq & 15 = 0 ORDER BY seq";

/// Shows what the index over milestones says of a log, in its order: log, sequence number, id.
pub(crate) fn walk_milestones<S: Sql + ?Sized>(
    sql: &S,
    log: i64,
    from: u64,
    mut visit: impl FnMut((i64, u64, u64)) -> Result<()>,
) -> Result<()> {
    sql.visit(WALK_MILESTONES, &[Value::Int(log), int(from)], &mut |row| {
        visit((columns::int(row, 0)?, columns::counter(row, 1)?, columns::counter(row, 2)?))?;
        Ok(ControlFlow::Continue(()))
    })
}

/// Whether the index over event ids leads from this key to the entry.
pub(crate) fn has_event_key<S: Sql + ?Sized>(sql: &S, event_key: i64, id: u64) -> Result<bool> {
    let statement = "SELECT 1 FROM vault_entry WHERE event_key = ? AND +id = ?";
    sql.first(statement, &[Value::Int(event_key), int(id)], |_| Ok(())).map(|found| found.is_some())
}

const WALK_EVENT_KEYS: &str =
    "SELECT event_key, id FROM vault_entry WHERE event_key IS NOT NULL ORDER BY event_key, id";

/// Shows the whole index over event ids, of every timeline, in its order.
pub(crate) fn walk_event_keys<S: Sql + ?Sized>(sql: &S, mut visit: impl FnMut((i64, u64)) -> Result<()>) -> Result<()> {
    sql.visit(WALK_EVENT_KEYS, &[], &mut |row| {
        visit((columns::int(row, 0)?, columns::counter(row, 1)?))?;
        Ok(ControlFlow::Continue(()))
    })
}

/// Moves every row out of the table, in the order in which a scan shows them, so that it can be filled anew; rows outside
/// of the ids from `from` to `to` are put back as they were.
pub(crate) fn move_out<S: Sql + ?Sized>(sql: &S, from: u64, to: u64) -> Result<()> {
    sql.exec("CREATE TABLE vault_entry_spare AS SELECT * FROM vault_entry ORDER BY rowid", &[])?;
    sql.exec("DELETE FROM vault_entry", &[])?;
    let back = "INSERT INTO vault_entry SELECT * FROM vault_entry_spare WHERE id NOT BETWEEN ? AND ?";
    sql.exec(back, &[int(from), int(to)]).map(drop)
}

/// Shows the rows with these ids that were moved out.
pub(crate) fn moved<S: Sql + ?Sized>(
    sql: &S,
    from: u64,
    to: u64,
    mut visit: impl FnMut(Evidence<'_>) -> Result<()>,
) -> Result<()> {
    let statement = "SELECT id, bytes, signature, payload FROM vault_entry_spare WHERE id BETWEEN ? AND ?";
    sql.visit(statement, &[int(from), int(to)], &mut |cells| {
        visit(Evidence {
            id: columns::counter(cells, 0)?,
            bytes: columns::blob(cells, 1)?,
            signature: columns::optional(cells, 2, columns::array)?,
            payload: columns::optional(cells, 3, columns::blob)?,
        })?;
        Ok(ControlFlow::Continue(()))
    })
}

/// The number of the log that the column of a row that was moved out names.
pub(crate) fn moved_log<S: Sql + ?Sized>(sql: &S, id: u64) -> Result<Option<i64>> {
    sql.first("SELECT log FROM vault_entry_spare WHERE id = ?", &[int(id)], |row| columns::int(row, 0))
}

/// Ends what [`move_out`] began.
pub(crate) fn end_move<S: Sql + ?Sized>(sql: &S) -> Result<()> {
    sql.exec("DROP TABLE vault_entry_spare", &[]).map(drop)
}

fn row<'a>(cells: &[ValueRef<'a>]) -> Result<Row<'a>> {
    let payload = match (columns::optional(cells, 11, columns::blob)?, columns::optional(cells, 12, columns::int)?) {
        (Some(bytes), None) => StoredPayload::Inline(bytes),
        (None, Some(id)) => StoredPayload::Shared(id),
        (None, None) => StoredPayload::None,
        (Some(_), Some(id)) => {
            return Err(StoreError::MalformedRow(format!("an entry has an inline payload and also payload {id}")));
        }
    };
    Ok(Row {
        id: columns::counter(cells, 0)?,
        log: columns::int(cells, 1)?,
        seq: columns::counter(cells, 2)?,
        back: columns::counter(cells, 3)?,
        event_key: columns::optional(cells, 4, columns::int)?,
        kind: columns::int(cells, 5)?,
        lamport: columns::counter(cells, 6)?,
        hash: EntryHash::from_bytes(columns::array(cells, 7)?),
        causal: columns::optional(cells, 8, columns::array)?.map(CausalDigest::from_bytes),
        bytes: columns::blob(cells, 9)?,
        signature: columns::optional(cells, 10, columns::array)?,
        payload,
    })
}

fn link(row: &[ValueRef<'_>]) -> Result<Link> {
    let causal = match columns::optional(row, 4, columns::array)? {
        Some(digest) => CausalDigest::from_bytes(digest),
        None => causal_hash(&decode(columns::counter(row, 0)?, columns::blob(row, 5)?)?.payload_digest, &[]),
    };
    Ok(Link {
        id: columns::counter(row, 0)?,
        seq: columns::counter(row, 1)?,
        lamport: columns::counter(row, 2)?,
        hash: EntryHash::from_bytes(columns::array(row, 3)?),
        causal,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Backend, SqliteBackend};

    #[test]
    fn indexes_are_walked_by_themselves_and_neighbours_are_sought() {
        let db = SqliteBackend::in_memory().unwrap();
        for statement in TABLE.schema {
            db.exec(statement, &[]).unwrap();
        }
        for (sql, params, expected) in [
            (WALK_MILESTONES, 2, "COVERING INDEX vault_entry_milestone"),
            (WALK_EVENT_KEYS, 0, "COVERING INDEX vault_entry_event"),
            (SCAN_AND_SEEK, 2, "SEARCH n USING INTEGER PRIMARY KEY"),
        ] {
            let params = vec![int(1); params];
            let plan = format!("{:?}", db.query(&format!("EXPLAIN QUERY PLAN {sql}"), &params).unwrap());
            assert!(plan.contains(expected) && !plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
