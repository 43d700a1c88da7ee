//! A log of one writer in one stream, over any backend.

use std::collections::VecDeque;
use std::fmt;
use std::ops::ControlFlow;

use super::append::{Appended, Appender, INLINE_BYTES};
use super::commit::commit;
use super::draft::{Author, Draft};
use super::entry::Scheme;
use super::extension::Extension;
use super::fingerprint::Fingerprint;
use super::schema;
use super::table::entry::{Row, StoredPayload};
use super::table::{agent_store, chain, log, payload, timeline, writer};
use super::verify;
use super::writer::Identity;
use crate::backend::{Access, Backend};
use crate::words::limits::{BATCH_BYTES, BATCH_EVENTS, PAYLOAD_BYTES_DEFAULT};
use crate::words::{Result, StoreError, UnknownEvent, check_name};

/// The tenant that a [`WriterLog`] appends to.
pub(crate) const DEFAULT_TENANT: &str = "default";

/// The kind of the events that a [`WriterLog`] appends.
pub(crate) const KIND: &str = "log.entry";

/// One entry of a writer's log.
///
/// ```
/// use causal_vault::{SqliteBackend, WriterLog};
///
/// let db = SqliteBackend::in_memory()?;
/// WriterLog::ensure_schema(&db)?;
/// let first = WriterLog::append(&db, "conv:demo", "alice", b"hello")?;
/// let second = WriterLog::append(&db, "conv:demo", "alice", b"world")?;
/// assert_eq!((first.seq, first.prev_hash), (1, None));
/// assert_eq!(second.prev_hash, Some(first.content_hash));
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The stream.
    pub stream: String,
    /// The writer's name, or its fingerprint in hex.
    pub writer: String,
    /// Its number in the log, from 1 in each epoch.
    pub seq: u64,
    /// The hash of the entry before it; `None` for the first.
    pub prev_hash: Option<[u8; 32]>,
    /// The entry hash: it covers everything, not the payload alone.
    pub content_hash: [u8; 32],
    /// The payload, verbatim.
    pub payload: Vec<u8>,
}

/// The hash chain of one writer in one stream: entries 1, 2, 3 ..., each naming the hash of the one before.
///
/// Works over any [`Backend`] without a [`Vault`](crate::Vault), and writes the same log as one: what is appended here
/// is an event of kind `log.entry` in the tenant `default`. A writer is a name; one that is the hex fingerprint of a
/// signing writer known to the vault reads that writer's log.
///
/// Appending is atomic under any number of threads and processes.
///
/// ```
/// use causal_vault::{SqliteBackend, WriterLog};
///
/// let db = SqliteBackend::in_memory()?;
/// WriterLog::ensure_schema(&db)?;
/// WriterLog::append(&db, "conv:demo", "alice", b"hello world")?;
/// WriterLog::verify(&db, "conv:demo", "alice")?;
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
pub struct WriterLog;

impl WriterLog {
    /// Creates the vault's tables where there are none, and checks them where there are. Idempotent.
    ///
    /// Where agent-store left logs in the same database that were not imported, this is [`StoreError::NotImported`]: an
    /// empty log under the name of a full one would pass for all there is. See
    /// [`import_agent_store`](crate::import_agent_store).
    pub fn ensure_schema(db: &dyn Backend) -> Result<()> {
        schema::ensure(db)?;
        if !agent_store::has_logs(db)? {
            return Ok(());
        }
        let (mut stream, mut writer) = (String::new(), String::new());
        while let Some((next_stream, next_writer, left)) = agent_store::log_after(db, &stream, &writer)? {
            (stream, writer) = (next_stream, next_writer);
            let importable = check_name("stream", &stream).and(check_name("writer", &writer)).is_ok();
            let found = if importable { head_seq(db, &stream, &writer)? } else { 0 };
            if found < left {
                let what = format!("stream {stream:?} writer {writer:?}");
                return Err(StoreError::NotImported { what, left, found });
            }
        }
        Ok(())
    }

    /// Appends a payload of up to 1 MiB and returns its entry.
    pub fn append(db: &dyn Backend, stream: &str, writer: &str, payload: &[u8]) -> Result<Entry> {
        let mut entries = Self::append_batch(db, stream, writer, &[payload])?;
        entries.pop().ok_or_else(|| StoreError::Backend("an append returned no entry".to_owned()))
    }

    /// Appends several payloads in one transaction: all of them, or none.
    ///
    /// After [`StoreError::UnknownOutcome`] they are stored if the [`head`](Self::head) is the last of the entries that
    /// it names.
    ///
    /// ```
    /// use causal_vault::{SqliteBackend, WriterLog};
    ///
    /// let db = SqliteBackend::in_memory()?;
    /// WriterLog::ensure_schema(&db)?;
    /// let entries = WriterLog::append_batch(&db, "conv:demo", "alice", &[b"one", b"two"])?;
    /// assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2]);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn append_batch(
        db: &dyn Backend,
        stream: &str,
        writer: &str,
        payloads: &[impl AsRef<[u8]>],
    ) -> Result<Vec<Entry>> {
        let author = Author::named(Identity::named(writer)?);
        check_batch(payloads.len(), payloads.iter().map(|payload| payload.as_ref().len()).sum())?;
        let mut drafts = payloads
            .iter()
            .map(|payload| {
                Draft::unhashed(stream, KIND, payload.as_ref(), PAYLOAD_BYTES_DEFAULT)?.with_extensions(&[opaque()])
            })
            .collect::<Result<Vec<_>>>()?;
        Draft::hash_each(&mut drafts);
        let tx = db.begin(Access::Write)?;
        let mut appender = Appender::open(&*tx, DEFAULT_TENANT, INLINE_BYTES, None)?;
        let appended = drafts.iter().map(|draft| appender.append(&author, draft)).collect::<Result<Vec<Appended>>>()?;
        appender.finish()?;
        commit(tx, || appended.iter().map(UnknownEvent::from).collect())?;
        Ok(appended
            .into_iter()
            .zip(payloads)
            .map(|(appended, payload)| Entry {
                stream: stream.to_owned(),
                writer: writer.to_owned(),
                seq: appended.reference.seq,
                prev_hash: appended.prev.map(Into::into),
                content_hash: appended.reference.hash.into(),
                payload: payload.as_ref().to_vec(),
            })
            .collect())
    }

    /// The newest entry, or `None` if the log is empty.
    ///
    /// ```
    /// use causal_vault::{SqliteBackend, WriterLog};
    ///
    /// let db = SqliteBackend::in_memory()?;
    /// WriterLog::ensure_schema(&db)?;
    /// assert_eq!(WriterLog::head(&db, "conv:demo", "alice")?, None);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn head(db: &dyn Backend, stream: &str, writer: &str) -> Result<Option<Entry>> {
        for (_, log) in find(db, stream, writer)?.into_iter().rev() {
            if let Some(head) = chain::head(db, log)? {
                return Ok(page(db, writer, log, head.seq)?.pop());
            }
        }
        Ok(None)
    }

    /// All entries, oldest first. [`reader`](Self::reader) reads a long log in constant memory.
    ///
    /// ```
    /// use causal_vault::{SqliteBackend, WriterLog};
    ///
    /// let db = SqliteBackend::in_memory()?;
    /// WriterLog::ensure_schema(&db)?;
    /// WriterLog::append(&db, "conv:demo", "alice", b"hello")?;
    /// assert_eq!(WriterLog::entries(&db, "conv:demo", "alice")?[0].payload, b"hello");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn entries(db: &dyn Backend, stream: &str, writer: &str) -> Result<Vec<Entry>> {
        Self::reader(db, stream, writer)?.collect()
    }

    /// Reads the entries page by page, in constant memory, up to the newest when a page is read.
    ///
    /// ```
    /// use causal_vault::{SqliteBackend, WriterLog};
    ///
    /// let db = SqliteBackend::in_memory()?;
    /// WriterLog::ensure_schema(&db)?;
    /// WriterLog::append_batch(&db, "conv:demo", "alice", &[b"one", b"two"])?;
    /// let mut bytes = 0;
    /// for entry in WriterLog::reader(&db, "conv:demo", "alice")? {
    ///     bytes += entry?.payload.len();
    /// }
    /// assert_eq!(bytes, 6);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn reader<'a>(db: &'a dyn Backend, stream: &str, writer: &str) -> Result<LogReader<'a>> {
        let logs = find(db, stream, writer)?.into_iter().map(|(_, log)| log).collect();
        Ok(LogReader { db, writer: writer.to_owned(), logs, next: 1, page: VecDeque::new(), done: false })
    }

    /// Recomputes every hash of the log and checks every rule of the format; the first broken one is a
    /// [`StoreError::ChainBroken`]. An empty log is in order.
    ///
    /// Without an anchor held elsewhere, a log that was cut short cannot be told from a short one: see
    /// [`Vault::verify`](crate::Vault::verify).
    ///
    /// ```
    /// use causal_vault::{Backend, SqliteBackend, StoreError, Value, WriterLog};
    ///
    /// let db = SqliteBackend::in_memory()?;
    /// WriterLog::ensure_schema(&db)?;
    /// WriterLog::append(&db, "conv:demo", "alice", b"original")?;
    /// db.exec("UPDATE vault_entry SET payload = ?", &[Value::Blob(b"tampered".to_vec())])?;
    /// let error = WriterLog::verify(&db, "conv:demo", "alice").unwrap_err();
    /// assert!(matches!(error, StoreError::ChainBroken { seq: 1, .. }));
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn verify(db: &dyn Backend, stream: &str, writer: &str) -> Result<()> {
        find(db, stream, writer)?.into_iter().try_for_each(|(_, log)| verify::log(db, DEFAULT_TENANT, log))
    }
}

/// The entries of a [`WriterLog`], read page by page. See [`WriterLog::reader`].
///
/// ```
/// use causal_vault::{LogReader, SqliteBackend, WriterLog};
///
/// let db = SqliteBackend::in_memory()?;
/// WriterLog::ensure_schema(&db)?;
/// let reader: LogReader<'_> = WriterLog::reader(&db, "conv:demo", "alice")?;
/// assert_eq!(reader.count(), 0);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[must_use = "entries are read as they are asked for"]
pub struct LogReader<'a> {
    db: &'a dyn Backend,
    writer: String,
    logs: VecDeque<i64>,
    next: u64,
    page: VecDeque<Entry>,
    done: bool,
}

impl fmt::Debug for LogReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogReader").field("writer", &self.writer).field("next", &self.next).finish_non_exhaustive()
    }
}

impl Iterator for LogReader<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.page.is_empty() && !self.done {
            let Some(log) = self.logs.front().copied() else { break };
            match page(self.db, &self.writer, log, self.next) {
                Ok(entries) if entries.is_empty() => {
                    self.logs.pop_front();
                    self.next = 1;
                }
                Ok(entries) => {
                    self.next = entries.last().map_or(self.next, |last| last.seq + 1);
                    self.page = entries.into();
                }
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
        self.page.pop_front().map(Ok)
    }
}

/// Entries in a page: enough to forget the cost of a statement, few enough to hold.
const PAGE_ENTRIES: usize = 128;
/// Payload bytes after which a page ends.
const PAGE_BYTES: usize = 1 << 20;

/// Refuses a batch that is over the limits.
pub(crate) fn check_batch(events: usize, bytes: usize) -> Result<()> {
    if events > BATCH_EVENTS {
        return Err(StoreError::Limit {
            what: "the batch",
            found: events as u64,
            limit: BATCH_EVENTS as u64,
            unit: "events",
        });
    }
    check_batch_bytes(events, bytes)
}

/// Refuses a batch of more bytes than a batch may have, unless one item makes up all of it: that has a limit of its own.
pub(crate) fn check_batch_bytes(items: usize, bytes: usize) -> Result<()> {
    if items > 1 && bytes > BATCH_BYTES {
        return Err(StoreError::Limit {
            what: "the batch",
            found: bytes as u64,
            limit: BATCH_BYTES as u64,
            unit: "bytes",
        });
    }
    Ok(())
}

/// Marks a payload as bytes of the caller's own making.
pub(crate) fn opaque() -> Extension {
    Extension::ContentType("application/octet-stream".to_owned())
}

/// The logs of a writer in a stream of the default tenant, oldest epoch first.
fn find(db: &dyn Backend, stream: &str, writer: &str) -> Result<VecDeque<(u32, i64)>> {
    let Some(timeline) = timeline::find(db, DEFAULT_TENANT, timeline::MAIN)? else { return Ok(VecDeque::new()) };
    let ids = [Some(Fingerprint::named(writer)?), Fingerprint::from_hex(writer)];
    for id in ids.into_iter().flatten() {
        let Some(row) = writer::find(db, &id)? else { continue };
        let epochs = log::epochs(db, timeline.id, stream, row)?;
        if !epochs.is_empty() {
            return Ok(epochs.into_iter().rev().map(|(log, epoch)| (epoch, log)).collect());
        }
    }
    Ok(VecDeque::new())
}

/// The largest number of an entry, of whatever epoch; 0 in an empty log.
pub(crate) fn head_seq(db: &dyn Backend, stream: &str, writer: &str) -> Result<u64> {
    find(db, stream, writer)?.into_iter().try_fold(0, |max, (_, log)| {
        let head = chain::head(db, log)?;
        Ok(head.map_or(max, |head| max.max(head.seq)))
    })
}

fn page(db: &dyn Backend, writer: &str, log: i64, from: u64) -> Result<Vec<Entry>> {
    let (mut entries, mut bytes) = (Vec::new(), 0);
    chain::scan(db, log, from, |row| {
        let entry = read(db, writer, row)?;
        bytes += entry.payload.len();
        entries.push(entry);
        let full = entries.len() >= PAGE_ENTRIES || bytes >= PAGE_BYTES;
        Ok(if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(entries)
}

fn read(db: &dyn Backend, writer: &str, row: &Row<'_>) -> Result<Entry> {
    let stored = row.decode()?;
    let payload = match row.payload {
        StoredPayload::Inline(bytes) => bytes.to_vec(),
        StoredPayload::Shared(id) => payload::read(db, id)?.ok_or_else(|| StoreError::Corrupt {
            what: format!("payload {id}"),
            detail: format!("entry {} of stream {:?} needs it and it is missing", row.seq, stored.stream),
        })?,
        StoredPayload::None if stored.scheme == Scheme::None => Vec::new(),
        StoredPayload::None => {
            return Err(StoreError::Corrupt {
                what: format!("entry {} of stream {:?}", row.seq, stored.stream),
                detail: "its payload is missing".to_owned(),
            });
        }
    };
    Ok(Entry {
        stream: stored.stream.to_owned(),
        writer: writer.to_owned(),
        seq: row.seq,
        prev_hash: (stored.seq > 1).then(|| stored.prev.into()),
        content_hash: row.hash.into(),
        payload,
    })
}
