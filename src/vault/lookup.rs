//! Finding entries and inline payloads by bare hash.
//!
//! An index over random hashes would slow every append, so that appends keep none. A look-up first brings this table up
//! to the newest entry, and whoever never looks anything up by hash never pays for it.

use std::ops::ControlFlow;

use crate::backend::{Access, Backend, Sql, Value, columns};
use crate::causal::schema::ensure_table;
use crate::causal::table::entry::{self, StoredPayload};
use crate::causal::table::{Table, int, prefix};
use crate::causal::{EntryHash, PayloadDigest};
use crate::words::Result;

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
               entry INTEGER NOT NULL) STRICT"],
};

/// Entries that are indexed in one transaction: writers wait no longer than for these.
const STEP: usize = 4096;

pub(super) fn ensure(db: &dyn Backend) -> Result<()> {
    ensure_table(db, &TABLE)?;
    ensure_table(db, &PROGRESS)
}

/// The id of the entry with this hash.
pub(super) fn by_hash(db: &dyn Backend, timeline: u64, last: u64, hash: &EntryHash) -> Result<Option<u64>> {
    catch_up(db, timeline, last)?;
    for id in candidates(db, timeline, prefix(hash.as_bytes()))? {
        if entry::link_by_id(db, id)?.is_some_and(|link| link.hash == *hash) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The bytes of an inline payload with this digest.
pub(super) fn by_digest(db: &dyn Backend, timeline: u64, last: u64, digest: &PayloadDigest) -> Result<Option<Vec<u8>>> {
    catch_up(db, timeline, last)?;
    for id in candidates(db, timeline, prefix(digest.as_bytes()))? {
        let found = entry::by_id(db, id, |row| {
            let same = row.decode()?.payload_digest == *digest;
            Ok(match row.payload {
                StoredPayload::Inline(bytes) if same => Some(bytes.to_vec()),
                _ => None,
            })
        })?;
        if let Some(Some(bytes)) = found {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

fn candidates(db: &dyn Backend, timeline: u64, prefix: i64) -> Result<Vec<u64>> {
    let statement = "SELECT entry FROM vault_lookup WHERE timeline = ? AND prefix = ? ORDER BY entry";
    db.all(statement, &[int(timeline), Value::Int(prefix)], |row| columns::counter(row, 0))
}

fn progress<S: Sql + ?Sized>(sql: &S, timeline: u64) -> Result<u64> {
    let statement = "SELECT entry FROM vault_lookup_progress WHERE timeline = ?";
    let found = sql.first(statement, &[int(timeline)], |row| columns::counter(row, 0))?;
    Ok(found.map_or(entry::id(timeline, 0)?, |id| id))
}

/// Indexes the entries up to `last`, a step at a time.
fn catch_up(db: &dyn Backend, timeline: u64, last: u64) -> Result<()> {
    while progress(db, timeline)? < last {
        let tx = db.begin(Access::Write)?;
        let mut keys = Vec::new();
        let mut reached = progress(&*tx, timeline)?;
        let mut entries = 0;
        entry::scan(&*tx, reached, last, |row| {
            keys.push((prefix(row.hash.as_bytes()), row.id));
            if matches!(row.payload, StoredPayload::Inline(_)) {
                keys.push((prefix(row.decode()?.payload_digest.as_bytes()), row.id));
            }
            reached = row.id;
            entries += 1;
            Ok(if entries < STEP { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        if entries == 0 {
            // The timeline claims more entries than there are: verify says so, a look-up finds what is there.
            return Ok(());
        }
        for (key, id) in keys {
            tx.exec(
                "INSERT INTO vault_lookup (timeline, prefix, entry) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                &[int(timeline), Value::Int(key), int(id)],
            )?;
        }
        tx.exec(
            "INSERT INTO vault_lookup_progress (timeline, entry) VALUES (?, ?) \
             ON CONFLICT (timeline) DO UPDATE SET entry = excluded.entry",
            &[int(timeline), int(reached)],
        )?;
        tx.commit()?;
    }
    Ok(())
}
