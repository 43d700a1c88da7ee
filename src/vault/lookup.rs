//! Finding entries and inline payloads by bare hash.
//!
//! An index over random hashes would slow every append, so that appends keep none. A look-up first brings this table up
//! to the newest entries, looks at the last few one by one, and whoever never looks anything up by hash never pays for it.

use std::ops::ControlFlow;

use crate::backend::{Access, Backend};
use crate::causal::schema::ensure_table;
use crate::causal::table::entry::{self, Row, StoredPayload};
use crate::causal::table::timeline::Timeline;
use crate::causal::table::{lookup as table, prefix};
use crate::causal::{EntryHash, PayloadDigest};
use crate::words::{ErrorKind, Result};

/// Entries that are indexed in one transaction: writers wait no longer than for these.
const STEP: usize = 4096;
/// So few entries are looked at one by one: to index them would cost a flush.
const FEW: u64 = 1024;

pub(super) fn ensure(db: &dyn Backend) -> Result<()> {
    ensure_table(db, &table::TABLE)?;
    ensure_table(db, &table::PROGRESS)
}

/// The id of the entry with this hash.
pub(super) fn by_hash(db: &dyn Backend, timeline: &Timeline, hash: &EntryHash) -> Result<Option<u64>> {
    let (reached, last) = catch_up(db, timeline)?;
    for id in table::candidates(db, timeline.id, prefix(hash.as_bytes()))? {
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
        EntryHash::from_hex(&filled).map_or(0, |hash| prefix(hash.as_bytes()))
    };
    for id in table::between(db, timeline.id, edge("0"), edge("f"))? {
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
    for id in table::candidates(db, timeline.id, prefix(digest.as_bytes()))? {
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

/// Indexes what is not, unless that is little or cannot be done now; returns the ids up to which the index reaches and
/// up to which there are entries.
fn catch_up(db: &dyn Backend, timeline: &Timeline) -> Result<(u64, u64)> {
    let last = entry::id(timeline.id, timeline.tree.size())?;
    loop {
        let reached = table::reached(db, timeline.id)?;
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
    let from = table::reached(&*tx, timeline)?;
    if from == entry::id(timeline, 0)? {
        table::clear(&*tx, timeline)?;
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
        table::insert(&*tx, timeline, key, id)?;
    }
    table::advance(&*tx, timeline, id, &hash)?;
    tx.commit()?;
    Ok(true)
}
