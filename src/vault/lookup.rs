//! Finding entries and inline payloads by bare hash.
//!
//! An index over random hashes would slow every append, so that appends keep none. A look-up first brings this table up
//! to the newest entries, looks at the last few one by one, and whoever never looks anything up by hash never pays for it.

use std::ops::ControlFlow;

use crate::backend::{Access, Backend, Sql, Value, columns};
use crate::causal::schema::ensure_table;
use crate::causal::table::entry::{self, Row, StoredPayload};
use crate::causal::table::timeline::Timeline;
use crate::causal::table::{Table, blob, int, prefix};
use crate::causal::{EntryHash, PayloadDigest};
use crate::words::{ErrorKind, Result};

const TABLE: Table = Table {
    name: "vault_lookup",
    schema: &["CREATE TABLE vault_lookup (\
               timeline INTEGER NOT NULL, \
               prefix INTEGER NOT NULL, \
               entry INTEGER NOT NULL, \
               PRIMARY KEY (timeline, prefix, entry)) STRICT, WITHOUT ROWID"],
};

const PROGRESS: Table = Table {
    name: "vault_lookup_progress",
    schema: &["CREATE TABLE vault_lookup_progress (\
               timeline INTEGER PRIMARY KEY, \
               entry INTEGER NOT NULL, \
               hash BLOB NOT NULL) STRICT"],
};

/// Entries that are indexed in one transaction: writers wait no longer than for these.
const STEP: usize = 4096;
/// So few entries are looked at one by one: to index them would cost a flush.
const FEW: u64 = 1024;

pub(super) fn ensure(db: &dyn Backend) -> Result<()> {
    ensure_table(db, &TABLE)?;
    ensure_table(db, &PROGRESS)
}

/// The id of the entry with this hash.
pub(super) fn by_hash(db: &dyn Backend, timeline: &Timeline, hash: &EntryHash) -> Result<Option<u64>> {
    let (reached, last) = catch_up(db, timeline)?;
    for id in candidates(db, timeline.id, prefix(hash.as_bytes()))? {
        if entry::link_by_id(db, id)?.is_some_and(|link| link.hash == *hash) {
            return Ok(Some(id));
        }
    }
    let mut found = None;
    entry::scan(db, reached, last, |row| {
        found = (row.hash == *hash).then_some(row.id);
        Ok(stop_if(found.is_some()))
    })?;
    Ok(found)
}

/// The hashes that begin with these lower-case hexadecimal digits, at most so many.
pub(super) fn by_hash_prefix(db: &dyn Backend, timeline: &Timeline, hex: &str, most: usize) -> Result<Vec<EntryHash>> {
    let (reached, last) = catch_up(db, timeline)?;
    let mut found = Vec::new();
    let mut take = |hash: EntryHash| {
        if found.len() < most && hash.to_hex().starts_with(hex) && !found.contains(&hash) {
            found.push(hash);
        }
        stop_if(found.len() >= most)
    };
    let edge = |fill: &str| {
        let filled: String = hex.chars().chain(fill.chars().cycle()).take(64).collect();
        Value::Int(EntryHash::from_hex(&filled).map_or(0, |hash| prefix(hash.as_bytes())))
    };
    let statement = "SELECT entry FROM vault_lookup WHERE timeline = ? AND prefix BETWEEN ? AND ?";
    let key = [int(timeline.id), edge("0"), edge("f")];
    for id in db.all(statement, &key, |row| columns::counter(row, 0))? {
        if entry::link_by_id(db, id)?.is_some_and(|link| take(link.hash).is_break()) {
            return Ok(found);
        }
    }
    entry::visit_hashes(db, reached, last, |hash| Ok(take(EntryHash::from_bytes(hash))))?;
    Ok(found)
}

/// The bytes of an inline payload with this digest.
pub(super) fn by_digest(db: &dyn Backend, timeline: &Timeline, digest: &PayloadDigest) -> Result<Option<Vec<u8>>> {
    let (reached, last) = catch_up(db, timeline)?;
    let bytes = |row: &Row<'_>| -> Result<Option<Vec<u8>>> {
        match row.payload {
            StoredPayload::Inline(bytes) if row.decode()?.payload_digest == *digest => Ok(Some(bytes.to_vec())),
            _ => Ok(None),
        }
    };
    for id in candidates(db, timeline.id, prefix(digest.as_bytes()))? {
        if let Some(Some(found)) = entry::by_id(db, id, |row| bytes(&row))? {
            return Ok(Some(found));
        }
    }
    let mut found = None;
    entry::scan(db, reached, last, |row| {
        found = bytes(&row)?;
        Ok(stop_if(found.is_some()))
    })?;
    Ok(found)
}

fn stop_if(found: bool) -> ControlFlow<()> {
    if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn candidates(db: &dyn Backend, timeline: u64, prefix: i64) -> Result<Vec<u64>> {
    let statement = "SELECT entry FROM vault_lookup WHERE timeline = ? AND prefix = ? ORDER BY entry";
    db.all(statement, &[int(timeline), Value::Int(prefix)], |row| columns::counter(row, 0))
}

/// The id up to which entries are indexed. Where that is not the entry it was, the history was cut back and went on
/// differently, and the index begins anew.
fn reached<S: Sql + ?Sized>(sql: &S, timeline: u64) -> Result<u64> {
    let statement = "SELECT entry, hash FROM vault_lookup_progress WHERE timeline = ?";
    let found = sql.first(statement, &[int(timeline)], |row| {
        Ok((columns::counter(row, 0)?, EntryHash::from_bytes(columns::array(row, 1)?)))
    })?;
    match found {
        Some((id, hash))
            if entry::timeline(id) == timeline && entry::link_by_id(sql, id)?.is_some_and(|link| link.hash == hash) =>
        {
            Ok(id)
        }
        _ => entry::id(timeline, 0),
    }
}

/// Indexes what is not, unless that is little or cannot be done now; returns the ids up to which the index reaches and
/// up to which there are entries.
fn catch_up(db: &dyn Backend, timeline: &Timeline) -> Result<(u64, u64)> {
    let last = entry::id(timeline.id, timeline.tree.size())?;
    loop {
        let reached = reached(db, timeline.id)?;
        if last.saturating_sub(reached) <= FEW {
            return Ok((reached, last));
        }
        match index(db, timeline.id, last) {
            Ok(true) => {}
            // The timeline claims more entries than there are: verify says so, a look-up finds what is there.
            Ok(false) => return Ok((reached, last)),
            // Within a transaction of this thread, while others keep the lock, or where nothing may be written, reading
            // still works.
            Err(error) if matches!(error.kind(), ErrorKind::Busy | ErrorKind::Denied | ErrorKind::Unsupported) => {
                return Ok((reached, last));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Indexes the next entries up to `last`; false if there are none.
fn index(db: &dyn Backend, timeline: u64, last: u64) -> Result<bool> {
    let tx = db.begin(Access::Write)?;
    let from = reached(&*tx, timeline)?;
    if from == entry::id(timeline, 0)? {
        tx.exec("DELETE FROM vault_lookup WHERE timeline = ?", &[int(timeline)])?;
    }
    let (mut keys, mut newest, mut entries) = (Vec::new(), None, 0);
    entry::scan(&*tx, from, last, |row| {
        keys.push((prefix(row.hash.as_bytes()), row.id));
        if matches!(row.payload, StoredPayload::Inline(_)) {
            keys.push((prefix(row.decode()?.payload_digest.as_bytes()), row.id));
        }
        newest = Some((row.id, row.hash));
        entries += 1;
        Ok(stop_if(entries == STEP))
    })?;
    let Some((id, hash)) = newest else { return Ok(from >= last) };
    for (key, id) in keys {
        tx.exec(
            "INSERT INTO vault_lookup (timeline, prefix, entry) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            &[int(timeline), Value::Int(key), int(id)],
        )?;
    }
    tx.exec(
        "INSERT INTO vault_lookup_progress (timeline, entry, hash) VALUES (?, ?, ?) \
         ON CONFLICT (timeline) DO UPDATE SET entry = excluded.entry, hash = excluded.hash",
        &[int(timeline), int(id), blob(hash.as_bytes())],
    )?;
    tx.commit()?;
    Ok(true)
}
