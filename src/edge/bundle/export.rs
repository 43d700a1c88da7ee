//! Writing a bundle, from one state of the vault.

use std::collections::HashSet;
use std::io::Write;
use std::ops::ControlFlow;

use smallvec::SmallVec;

use super::check::Checker;
use super::frame::{ENTRY, HEADER, PAYLOAD, Sink, WRITER};
use super::header::{BundleContents, Header};
use super::record::{Entry, Payload, encode_writer};
use super::report::BundleReport;
use crate::backend::{Access, Transaction};
use crate::causal::authority::{Authority, Scope};
use crate::causal::merkle::Frontier;
use crate::causal::table::entry::{Row, StoredPayload};
use crate::causal::table::timeline::{self, MAIN, Timeline};
use crate::causal::table::{edge, embedding, entry, log, node, payload, writer};
use crate::causal::{TreeHead, path};
use crate::vault::{Filter, Vault, read_payload, visit_logs};
use crate::words::{Result, StoreError};

impl Vault {
    /// Writes events of this tenant as one file that anybody can verify offline, and another vault can
    /// [import](Self::import): everything there is, a range of positions, or the logs of a stream, a writer or both.
    ///
    /// ```
    /// use causal_vault::{Bundle, Event, Filter, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let first = alice.commit(Event::raw("note", "one").stream("demo"))?;
    /// alice.commit(Event::raw("note", "two").stream("other"))?;
    /// for filter in [Filter::all(), Filter::all().after(first.position), Filter::stream("demo")] {
    ///     let mut file = Vec::new();
    ///     let written = vault.export(filter, &mut file)?;
    ///     let read = Bundle::open(&file[..])?.verify(&[])?;
    ///     assert_eq!(read, written);
    /// }
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    ///
    /// - [`Filter::all`] exports everything, with the attachments, which no entry carries, and the newest checkpoint.
    /// - With [`after`](Filter::after) or [`up_to`](Filter::up_to) alone it is a range, with the hashes at its edges that
    ///   bind it to the root.
    /// - With a stream or a writer every entry comes with a proof of its own. That nothing was left out behind a log's
    ///   last entry, nor a whole log, such a bundle cannot prove.
    /// - Of kinds and parents there is none: a bundle holds whole stretches of logs.
    ///
    /// A part is proved to be in the tree of the newest [checkpoint](Self::checkpoint) that was issued, where that covers
    /// the part, and otherwise in the tree as it is now. So export up to a checkpoint, and the file carries its proof.
    ///
    /// What is written is verified as it is written: a vault that is damaged there gives no bundle but an error, and the
    /// file has no end. Entries that a [revocation](Self::revoke) took back later are no damage: they are written, and the
    /// report says of their logs that they are revoked. Memory grows as for [`Bundle::verify`](crate::Bundle::verify). In a database in memory writers
    /// wait while it is written.
    pub fn export(&self, filter: Filter, out: impl Write) -> Result<BundleReport> {
        filter.check()?;
        let tx = self.backend().begin(Access::Read)?;
        let timeline = timeline::find(&*tx, self.tenant(), MAIN)?;
        let timeline = timeline.unwrap_or_else(|| Timeline { id: 0, tree: Frontier::new() });
        let header = Plan { vault: self, tx: &*tx, timeline: &timeline }.header(&filter)?;
        let checker = Checker::new(&header, &[], 0).map_err(damaged)?;
        let mut exporter = Exporter {
            tx: &*tx,
            timeline: timeline.id,
            end: entry::id(timeline.id, header.up_to())?,
            header: &header,
            checker,
            sink: Sink::open(out)?,
        };
        exporter.sink.record(HEADER, &header.encode())?;
        exporter.payloads()?;
        exporter.entries()?;
        let Exporter { checker, sink, .. } = exporter;
        let counts = checker.counts();
        if header.is_sparse() && counts.starts_with(&[0]) {
            return Err(StoreError::NotFound { what: "any event", name: format!("of {:?}", header.contents) });
        }
        // What is said of the whole must hold before the end is written.
        let mut report = checker.finish(counts, 0).map_err(damaged)?;
        report.bytes = sink.end(counts)?;
        Ok(report)
    }
}

/// What a header is made from.
struct Plan<'t> {
    vault: &'t Vault,
    tx: &'t dyn Transaction,
    timeline: &'t Timeline,
}

impl Plan<'_> {
    fn header(&self, filter: &Filter) -> Result<Header> {
        let now = self.timeline.tree.head();
        let contents = contents(filter, now.size)?;
        let mut header = Header {
            realm: self.vault.realm(),
            tenant: self.vault.tenant().to_owned(),
            contents,
            tree: now,
            left: Vec::new(),
            right: Vec::new(),
            note: None,
            noted: None,
        };
        let up_to = header.up_to();
        let from = if header.is_everything() { 0 } else { up_to };
        if let Some((size, note)) = self.vault.newest_checkpoint(from, now.size)? {
            if !header.is_everything() {
                header.tree = TreeHead { size, root: path::root(0, size, &mut |l, from, to| self.node(l, from, to))? };
            }
            header.noted = Some(header.check_note(&note)?);
            header.note = Some(note);
        }
        if let BundleContents::Range { after, up_to } = header.contents {
            let mut low = 0;
            for level in (0..u64::BITS).rev().filter(|level| after >> level & 1 == 1) {
                header.left.push(path::root(low, low + (1 << level), &mut |l, from, to| self.node(l, from, to))?);
                low += 1 << level;
            }
            header.right = path::consistency(up_to, header.tree.size, &mut |l, from, to| self.node(l, from, to))?;
        }
        Ok(header)
    }

    fn node(&self, level: u32, from: u64, to: u64) -> Result<Vec<[u8; 32]>> {
        node::read(self.tx, self.timeline.id, level, from, to)
    }
}

fn contents(filter: &Filter, size: u64) -> Result<BundleContents> {
    if filter.kind.is_some() || filter.parent.is_some() || filter.intent.is_some() {
        return Err(StoreError::Unsupported {
            what: "a bundle of some kinds, of an intent or of an event's children",
            reason: "it would hold logs with gaps; filter by stream, writer and positions".to_owned(),
        });
    }
    let (after, up_to) = (filter.after.number(), filter.up_to.map_or(size, |up_to| up_to.number()));
    if after > up_to || up_to > size {
        return Err(StoreError::Invalid {
            what: "filter",
            reason: format!("there are no positions behind {after} and up to {up_to}: the last one is {size}"),
        });
    }
    Ok(match (&filter.stream, &filter.writer) {
        (None, None) if after == 0 && filter.up_to.is_none() => BundleContents::Everything,
        (None, None) => BundleContents::Range { after, up_to },
        (stream, writer) => BundleContents::Logs { stream: stream.clone(), writer: *writer, after, up_to },
    })
}

struct Exporter<'t, W: Write> {
    tx: &'t dyn Transaction,
    timeline: u64,
    /// The id of the last entry.
    end: u64,
    header: &'t Header,
    checker: Checker<'t>,
    sink: Sink<W>,
}

impl<W: Write> Exporter<'_, W> {
    /// Every payload that stands in a row of its own: attachments are named by no entry.
    fn payloads(&mut self) -> Result<()> {
        if !self.header.is_everything() {
            return Ok(());
        }
        payload::visit(self.tx, self.timeline, |bytes| {
            self.checker.payload(bytes).map_err(damaged)?;
            self.sink.record(PAYLOAD, bytes)
        })
    }

    fn entries(&mut self) -> Result<()> {
        let (tx, after, end) = (self.tx, entry::id(self.timeline, self.header.after())?, self.end);
        let BundleContents::Logs { stream, writer, .. } = &self.header.contents else {
            return entry::scan(tx, after, end, |row| self.entry(&row));
        };
        let writer = writer.map(|id| writer::find(tx, &id)).transpose()?;
        let logs = match writer {
            Some(None) => Vec::new(),
            Some(Some(writer)) => log::select(tx, self.timeline, stream.as_deref(), Some(writer))?,
            None => log::select(tx, self.timeline, stream.as_deref(), None)?,
        };
        let logs: HashSet<i64> = logs.into_iter().map(|log| log.id).collect();
        visit_logs(tx, logs, after, end, |row| self.entry(row))
    }

    fn entry(&mut self, row: &Row<'_>) -> Result<ControlFlow<()>> {
        let stored = row.decode()?;
        let position = entry::position(row.id);
        if !self.checker.knows(&stored.writer) {
            let found = writer::find(self.tx, &stored.writer)?.map(|id| writer::read(self.tx, id)).transpose()?;
            let (_, identity) = found.flatten().ok_or_else(|| StoreError::Corrupt {
                what: "a writer".to_owned(),
                detail: format!("the entry at position {position} is by {}, who is not there", stored.writer),
            })?;
            let scope = Scope { realm: self.header.realm, tenant: &self.header.tenant, timeline: self.timeline };
            let rotations = Authority::read(self.tx, scope, &stored.writer)?.rotations.clone();
            let rotations = rotations.into_iter().filter(|(at, _)| *at <= self.end).map(|(_, rotation)| rotation);
            let rotations: Vec<_> = rotations.collect();
            let body = encode_writer(&identity, &rotations);
            self.checker.writer(identity, rotations).map_err(damaged)?;
            self.sink.record(WRITER, &body)?;
        }
        let bytes;
        let payload = match row.payload {
            StoredPayload::None => Payload::None,
            StoredPayload::Inline(bytes) => Payload::Inline(bytes),
            StoredPayload::Shared(_) => {
                if self.checker.payload_len(&stored.payload_digest).is_none() {
                    bytes = read_payload(self.tx, row, stored.scheme)?;
                    self.checker.payload(&bytes).map_err(damaged)?;
                    self.sink.record(PAYLOAD, &bytes)?;
                }
                Payload::Before
            }
        };
        let is_sparse = self.header.is_sparse();
        let mut parents = SmallVec::<[_; 4]>::new();
        if !stored.parents.is_empty() && !is_sparse {
            for parent in edge::parents(self.tx, row.id)? {
                parents.extend(entry::link_by_id(self.tx, parent)?);
            }
            parents.sort_unstable_by_key(|link| link.hash);
        }
        let children = if is_sparse { 0 } else { edge::count_children(self.tx, row.id, self.end)? };
        let path = match is_sparse {
            false => Vec::new(),
            true => path::inclusion(position - 1, self.header.tree.size, &mut |level, from, to| {
                node::read(self.tx, self.timeline, level, from, to)
            })?,
        };
        let embedding = match stored.extensions.embedding() {
            Some(_) => embedding::by_id(self.tx, row.id, |stored| Ok(stored.bytes.to_vec()))?.unwrap_or_default(),
            None => Vec::new(),
        };
        let entry = Entry {
            position,
            children: u32::try_from(children).unwrap_or(u32::MAX),
            signature: row.signature,
            bytes: row.bytes,
            parents: parents.iter().map(|link| entry::position(link.id)).collect(),
            path,
            embedding: &embedding,
            payload,
        };
        self.checker.entry(&entry).map_err(damaged)?;
        self.sink.record(ENTRY, &entry.encode())?;
        Ok(ControlFlow::Continue(()))
    }
}

/// What breaks a bundle's rules as it is written is the vault's fault.
fn damaged(error: StoreError) -> StoreError {
    match error {
        StoreError::BundleBroken { position, rule, found, expected, .. } => StoreError::Corrupt {
            what: position.map_or_else(|| "the vault".to_owned(), |at| format!("the entry at position {at}")),
            detail: format!("it cannot be exported, {rule}: found {found}, expected {expected}; verify the vault"),
        },
        error => error,
    }
}
