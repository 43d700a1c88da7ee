//! What a transaction has appended and not stored yet: rows are stored several at a time.

use uuid::Uuid;

use super::table::entry::{self, NewRow, StoredPayload};
use super::table::head::Moved;
use crate::backend::Sql;
use crate::words::Result;

/// As many rows as one statement stores.
const ROWS: usize = entry::TOGETHER[0];
/// No row waits with more bytes than these.
const BYTES: usize = 1 << 20;

/// Rows in the order of their ids, and the newest entries of logs.
#[derive(Default)]
pub(super) struct Pending {
    rows: Vec<NewRow>,
    events: Vec<Uuid>,
    bytes: usize,
    heads: Moved,
}

impl Pending {
    pub(super) fn push<S: Sql + ?Sized>(&mut self, sql: &S, row: NewRow, event_id: Uuid) -> Result<()> {
        let inline = if let StoredPayload::Inline(payload) = &row.payload { payload.len() } else { 0 };
        self.bytes += row.bytes.len() + inline;
        self.heads.push(row.log, row.id);
        self.events.push(event_id);
        self.rows.push(row);
        if self.rows.len() >= ROWS || self.bytes >= BYTES { self.store_rows(sql) } else { Ok(()) }
    }

    /// Whether the row of the event with this id is not stored yet.
    pub(super) fn has(&self, event_id: &Uuid) -> bool {
        self.events.contains(event_id)
    }

    /// Stores all of it, for whoever looks. After an error only a rollback is left.
    pub(super) fn store<S: Sql + ?Sized>(&mut self, sql: &S) -> Result<()> {
        self.store_rows(sql)?;
        self.heads.store(sql)
    }

    fn store_rows<S: Sql + ?Sized>(&mut self, sql: &S) -> Result<()> {
        self.events.clear();
        self.bytes = 0;
        entry::insert(sql, self.rows.drain(..))
    }
}
