//! `vault_entry`: the entries, in position order.
//!
//! A row's id packs its timeline's number and its position, so that the position order of a timeline is the order of
//! the table itself and needs no index. The columns repeat what the bytes say and are only an index over them; a causal
//! digest that follows from the bytes alone, as it does where there are no parents, is left out.

use std::ops::ControlFlow;

use uuid::Uuid;

use super::{Table, blob, int};
use crate::backend::{Sql, Value, ValueRef, columns};
use crate::causal::entry::EntryV1;
use crate::causal::event_id;
use crate::causal::hash::{CausalDigest, EntryHash, causal_hash};
use crate::words::limits::POSITION_MAX;
use crate::words::{Result, StoreError};

pub(crate) const TABLE: Table = Table {
    name: "vault_entry",
    schema: &[
        "CREATE TABLE vault_entry (\
         id INTEGER PRIMARY KEY, \
         log INTEGER NOT NULL, \
         seq INTEGER NOT NULL, \
         event_key INTEGER, \
         kind INTEGER NOT NULL, \
         lamport INTEGER NOT NULL, \
         hash BLOB NOT NULL, \
         causal BLOB, \
         bytes BLOB NOT NULL, \
         signature BLOB, \
         payload BLOB, \
         payload_id INTEGER, \
         UNIQUE (log, seq)) STRICT",
        "CREATE INDEX vault_entry_event ON vault_entry (event_key) WHERE event_key IS NOT NULL",
    ],
};

/// Bits of an id that hold the position.
const POSITION_BITS: u32 = 40;

/// The id of a position, if the timeline has room for it.
pub(crate) fn id(timeline: u64, position: u64) -> Result<u64> {
    if position > POSITION_MAX {
        return Err(StoreError::Limit {
            what: "the timeline",
            found: position,
            limit: POSITION_MAX,
            unit: "positions",
        });
    }
    Ok(timeline << POSITION_BITS | position)
}

/// The position in an id.
pub(crate) fn position(id: u64) -> u64 {
    id & POSITION_MAX
}

/// The timeline in an id.
pub(crate) fn timeline(id: u64) -> u64 {
    id >> POSITION_BITS
}

/// A row to be inserted.
pub(crate) struct NewRow {
    pub(crate) id: u64,
    pub(crate) log: i64,
    pub(crate) seq: u64,
    /// Where the event's id does not name this position.
    pub(crate) event_key: Option<i64>,
    pub(crate) kind: i64,
    pub(crate) lamport: u64,
    pub(crate) hash: EntryHash,
    /// Where there are parents.
    pub(crate) causal: Option<CausalDigest>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) signature: Option<[u8; 64]>,
    pub(crate) payload: StoredPayload<Vec<u8>>,
}

/// Where a payload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredPayload<B> {
    /// In the entry's row.
    Inline(B),
    /// In a row of its own.
    Shared(i64),
    /// Nowhere: there is none.
    None,
}

/// A row as it is read, its bytes still the engine's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) id: u64,
    pub(crate) log: i64,
    pub(crate) seq: u64,
    /// Where the event's id does not name this position.
    pub(crate) event_key: Option<i64>,
    pub(crate) kind: i64,
    pub(crate) lamport: u64,
    pub(crate) hash: EntryHash,
    pub(crate) causal: Option<CausalDigest>,
    pub(crate) bytes: &'a [u8],
    pub(crate) signature: Option<[u8; 64]>,
    pub(crate) payload: StoredPayload<&'a [u8]>,
}

fn decode(id: u64, bytes: &[u8]) -> Result<EntryV1<'_>> {
    EntryV1::decode(bytes).map_err(|error| StoreError::Corrupt {
        what: format!("the entry at position {}", position(id)),
        detail: format!("{error}; run verify"),
    })
}

impl<'a> Row<'a> {
    /// What its bytes say. That they do not decode is the store's fault and not the caller's.
    pub(crate) fn decode(&self) -> Result<EntryV1<'a>> {
        decode(self.id, self.bytes)
    }

    /// The causal digest of the entry whose bytes say `stored`.
    pub(crate) fn causal(&self, stored: &EntryV1<'_>) -> CausalDigest {
        self.causal.unwrap_or_else(|| causal_hash(&stored.payload_digest, &[]))
    }
}

/// What an entry's successors need of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) id: u64,
    pub(crate) seq: u64,
    pub(crate) lamport: u64,
    pub(crate) hash: EntryHash,
    pub(crate) causal: CausalDigest,
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT id, log, seq, event_key, kind, lamport, hash, causal, bytes, signature, payload, payload_id ",
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

pub(crate) fn insert<S: Sql + ?Sized>(sql: &S, row: NewRow) -> Result<()> {
    let (payload, payload_id) = match row.payload {
        StoredPayload::Inline(bytes) => (Value::Blob(bytes), Value::Null),
        StoredPayload::Shared(id) => (Value::Null, Value::Int(id)),
        StoredPayload::None => (Value::Null, Value::Null),
    };
    sql.exec_one(
        TABLE.name,
        "INSERT INTO vault_entry \
         (id, log, seq, event_key, kind, lamport, hash, causal, bytes, signature, payload, payload_id) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            int(row.id),
            Value::Int(row.log),
            int(row.seq),
            row.event_key.map_or(Value::Null, Value::Int),
            Value::Int(row.kind),
            int(row.lamport),
            blob(row.hash.as_bytes()),
            row.causal.map_or(Value::Null, |causal| blob(causal.as_bytes())),
            Value::Blob(row.bytes),
            row.signature.map_or(Value::Null, |signature| blob(&signature)),
            payload,
            payload_id,
        ],
    )
}

/// Signs an entry after the fact, when its batch turns out to end with it.
pub(crate) fn sign<S: Sql + ?Sized>(sql: &S, id: u64, signature: &[u8; 64]) -> Result<()> {
    sql.exec_one(TABLE.name, "UPDATE vault_entry SET signature = ? WHERE id = ?", &[blob(signature), int(id)])
}

/// The newest entry of a log.
pub(crate) fn head<S: Sql + ?Sized>(sql: &S, log: i64) -> Result<Option<Link>> {
    sql.first(select_link!("WHERE log = ? ORDER BY seq DESC LIMIT 1"), &[Value::Int(log)], link)
}

pub(crate) fn link_at<S: Sql + ?Sized>(sql: &S, log: i64, seq: u64) -> Result<Option<Link>> {
    sql.first(select_link!("WHERE log = ? AND seq = ?"), &[Value::Int(log), int(seq)], link)
}

/// The id of the entry with this number in a log.
pub(crate) fn id_at<S: Sql + ?Sized>(sql: &S, log: i64, seq: u64) -> Result<Option<u64>> {
    let statement = "SELECT id FROM vault_entry WHERE log = ? AND seq = ?";
    sql.first(statement, &[Value::Int(log), int(seq)], |row| columns::counter(row, 0))
}

/// The id and the number of the newest entry of a log.
pub(crate) fn last_of_log<S: Sql + ?Sized>(sql: &S, log: i64) -> Result<Option<(u64, u64)>> {
    let statement = "SELECT id, seq FROM vault_entry WHERE log = ? ORDER BY seq DESC LIMIT 1";
    sql.first(statement, &[Value::Int(log)], |row| Ok((columns::counter(row, 0)?, columns::counter(row, 1)?)))
}

/// The first entry of a log with a sequence number of at least `seq`.
pub(crate) fn link_from<S: Sql + ?Sized>(sql: &S, log: i64, seq: u64) -> Result<Option<Link>> {
    sql.first(select_link!("WHERE log = ? AND seq >= ? ORDER BY seq LIMIT 1"), &[Value::Int(log), int(seq)], link)
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
    sql.first(statement, &[int(after), int(to)], |row| columns::counter(row, 0))
}

/// The last id above `after` and up to `to` that an entry has.
pub(crate) fn last<S: Sql + ?Sized>(sql: &S, after: u64, to: u64) -> Result<Option<u64>> {
    let statement = "SELECT id FROM vault_entry WHERE id > ? AND id <= ? ORDER BY id DESC LIMIT 1";
    sql.first(statement, &[int(after), int(to)], |row| columns::counter(row, 0))
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

/// Shows the entries of one log with sequence numbers from `from`, in order.
pub(crate) fn scan_log<S: Sql + ?Sized>(
    sql: &S,
    log: i64,
    from: u64,
    mut visit: impl FnMut(Row<'_>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    sql.visit(select!("WHERE log = ? AND seq >= ? ORDER BY seq"), &[Value::Int(log), int(from)], &mut |cells| {
        visit(row(cells)?)
    })
}

/// How many entries the index over event ids leads to, of those with ids from `from` to `to`.
pub(crate) fn count_by_event_key<S: Sql + ?Sized>(sql: &S, from: u64, to: u64) -> Result<u64> {
    // The sign keeps the engine from counting in the table itself.
    let statement = "SELECT count(*) FROM vault_entry WHERE event_key >= ? AND +id BETWEEN ? AND ?";
    sql.first(statement, &[Value::Int(i64::MIN), int(from), int(to)], |row| columns::counter(row, 0))
        .map(Option::unwrap_or_default)
}

/// How many entries the index over logs leads to in this one.
pub(crate) fn count_in_log<S: Sql + ?Sized>(sql: &S, log: i64) -> Result<u64> {
    sql.first("SELECT count(*) FROM vault_entry WHERE log = ?", &[Value::Int(log)], |row| columns::counter(row, 0))
        .map(Option::unwrap_or_default)
}

fn row<'a>(cells: &[ValueRef<'a>]) -> Result<Row<'a>> {
    let payload = match (columns::optional(cells, 10, columns::blob)?, columns::optional(cells, 11, columns::int)?) {
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
        event_key: columns::optional(cells, 3, columns::int)?,
        kind: columns::int(cells, 4)?,
        lamport: columns::counter(cells, 5)?,
        hash: EntryHash::from_bytes(columns::array(cells, 6)?),
        causal: columns::optional(cells, 7, columns::array)?.map(CausalDigest::from_bytes),
        bytes: columns::blob(cells, 8)?,
        signature: columns::optional(cells, 9, columns::array)?,
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

/// The first sequence number of a log whose entry has an id above `after`: both grow together.
pub(crate) fn first_seq_after<S: Sql + ?Sized>(sql: &S, log: i64, after: u64) -> Result<u64> {
    let head = head(sql, log)?.map_or(0, |link| link.seq);
    let (mut low, mut high) = (1, head + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match link_from(sql, log, middle)? {
            Some(link) if link.id <= after => low = link.seq + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}
