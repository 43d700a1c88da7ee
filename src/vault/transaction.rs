//! A consumer's own SQL and appends, atomic together.

use std::cell::RefCell;
use std::fmt;

use uuid::Uuid;

use super::event::Event;
use super::filter::Filter;
use super::header::{EventHeader, Position};
use super::open::Vault;
use super::recall::check_first;
use super::receipt::Receipt;
use super::writer::Writer;
use crate::backend::{Access, Row, Transaction, Value};
use crate::causal::append::Appender;
use crate::causal::draft::{Author, Draft, check_payload};
use crate::causal::writer_log::{check_batch, check_batch_bytes};
use crate::causal::{EntryHash, Extensions, PayloadDigest, TreeHead};
use crate::words::{Result, StoreError, UnknownEvent};

/// An open transaction on a vault: appends, and SQL on the consumer's own tables. See [`Vault::transaction`].
///
/// ```
/// use causal_vault::{Event, StoreError, Value, Vault};
///
/// let vault = Vault::in_memory()?;
/// vault.backend().exec("CREATE TABLE balance (name TEXT PRIMARY KEY, amount INTEGER)", &[])?;
/// let alice = vault.named_writer("alice")?;
/// vault.transaction(|tx| {
///     tx.append(&alice, Event::new("ledger.mint", &5)?.stream("ledger"))?;
///     tx.exec("INSERT INTO balance VALUES ('alice', 5)", &[])?;
///     Ok::<_, StoreError>(())
/// })?;
/// assert_eq!(vault.backend().query("SELECT amount FROM balance", &[])?, vec![vec![Value::Int(5)]]);
/// # Ok::<(), StoreError>(())
/// ```
pub struct VaultTransaction<'t> {
    vault: &'t Vault,
    sql: &'t dyn Transaction,
    appender: RefCell<Appender<'t>>,
    committed: RefCell<Committed>,
}

/// What is announced if the transaction commits.
#[derive(Default)]
struct Committed {
    headers: Vec<EventHeader>,
    /// The first position that was taken and how many were.
    new: Option<(u64, u64)>,
    appended: Vec<(Uuid, EntryHash)>,
    embedded: usize,
    payloads: usize,
    bytes: usize,
}

/// When the events of a transaction are assigned to intents.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Assign {
    /// Within it: they are single commits.
    Now,
    /// When somebody asks.
    Later,
}

/// What is to be announced once a transaction is committed.
#[derive(Default)]
pub(super) struct News {
    pub(super) headers: Vec<EventHeader>,
    pub(super) head: Option<TreeHead>,
}

impl Vault {
    /// Runs `body` in one transaction that holds the write lock: what it appends and what it writes into the consumer's
    /// own tables is stored together, or not at all. It is rolled back when `body` returns an error or panics.
    ///
    /// The outbox, the projection and the adoption path in one. Subscribers are told after the commit. A commit through
    /// a [`Writer`] on the same thread within `body` is an error: append through the transaction. At most 4,096 events
    /// and 16 MiB.
    ///
    /// `body` may go on after an append that was refused: nothing of that one is stored. Within `body` this thread's
    /// own look-ups by receipt, reference or id find what was appended; readers of the timeline and other threads do
    /// once it is committed. Do not commit there through another vault on the same file: it waits for this one.
    ///
    /// ```
    /// use causal_vault::{Event, Filter, StoreError, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let failed = vault.transaction(|tx| {
    ///     tx.append(&alice, Event::raw("note", "never mind").stream("conv:demo"))?;
    ///     Err::<(), _>(StoreError::Backend("changed my mind".into()))
    /// });
    /// assert!(failed.is_err());
    /// assert_eq!(vault.events(Filter::all())?.count(), 0);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn transaction<T, E: From<StoreError>>(
        &self,
        body: impl FnOnce(&VaultTransaction<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let (value, news) = self.store_events(Access::Write, Assign::Later, body)?;
        self.bells().ring(&news.headers, news.head);
        Ok(value)
    }

    /// Runs `body` in a transaction and commits it; the caller rings.
    pub(super) fn store_events<T, E: From<StoreError>>(
        &self,
        access: Access,
        assign: Assign,
        body: impl FnOnce(&VaultTransaction<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<(T, News), E> {
        let sql = self.begin_sound(access)?;
        self.catalogue().check(&*sql)?;
        let known = self.known().lock().take();
        let appender = Appender::open(&*sql, self.tenant(), self.settings().inline_bytes, known);
        let appender = self.health().heed(appender)?;
        let tx = VaultTransaction {
            vault: self,
            sql: &*sql,
            appender: RefCell::new(appender),
            committed: RefCell::default(),
        };
        let value = body(&tx)?;
        let VaultTransaction { appender, committed, .. } = tx;
        let mut appender = appender.into_inner();
        // What the caller's own transaction may still take back is no head to remember.
        let is_told = sql.is_outermost() && self.heads().subscribers() > 0;
        let head = if is_told { self.health().heed(appender.new_head())? } else { None };
        let timeline = appender.timeline();
        let known = self.health().heed(appender.finish())?.filter(|_| sql.is_outermost());
        let Committed { mut headers, new, appended, embedded, .. } = committed.into_inner();
        let new = new.filter(|_| sql.is_outermost());
        if assign == Assign::Now && embedded > 0 {
            self.health().heed(self.assign_inline(&*sql, timeline, embedded, &mut headers))?;
        }
        self.bells().commit(&headers, || {
            self.health().commit(sql, || {
                appended
                    .iter()
                    .map(|(event_id, hash)| UnknownEvent { event_id: *event_id, entry_hash: hash.to_hex() })
                    .collect()
            })?;
            *self.known().lock() = known;
            Ok(())
        })?;
        Ok((value, self.with_late(News { headers, head }, new)))
    }
}

impl Vault {
    /// With what was not noted, as nobody listened: somebody may have begun to before the commit.
    fn with_late(&self, mut news: News, new: Option<(u64, u64)>) -> News {
        let Some((first, count)) = new else { return news };
        if (news.headers.len() as u64) < count {
            let late = self.committed_unheard(first - 1, first + count - 1).collect::<Vec<_>>();
            news.headers = if late.is_empty() { news.headers } else { late };
        }
        if news.head.is_none() && self.heads().subscribers() > 0 {
            news.head = self.tree_head().ok();
        }
        news
    }

    /// The headers of what was committed here and nobody noted, behind one position and up to another: for those who listen
    /// now, unless a watcher tells them. A hint: what cannot be read is no error of what is committed.
    pub(super) fn committed_unheard(&self, after: u64, to: u64) -> impl Iterator<Item = EventHeader> + '_ {
        let is_wanted = self.bells().is_watched() && !self.bells().has_watcher();
        let committed = Filter::all().after(Position::new(after)).up_to(Position::new(to));
        let events = is_wanted.then(|| self.events(committed)).into_iter().flatten();
        events.flatten().flatten().map(|event| event.header)
    }
}

impl VaultTransaction<'_> {
    /// Appends an event; later ones in the transaction can name it as a parent at once.
    ///
    /// ```
    /// use causal_vault::{Event, StoreError, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// vault.transaction(|tx| {
    ///     let plan = tx.append(&alice, Event::raw("plan", "do it").stream("plans"))?;
    ///     tx.append(&alice, Event::raw("step", "done").stream("plans").parent(&plan))
    /// })?;
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn append(&self, writer: &Writer, event: Event) -> Result<Receipt> {
        let home = writer.vault();
        if home.realm() != self.vault.realm() || home.tenant() != self.vault.tenant() {
            return Err(StoreError::Invalid {
                what: "writer",
                reason: format!(
                    "it writes to tenant {:?} of vault {}, and this transaction is on tenant {:?} of vault {}",
                    home.tenant(),
                    home.realm(),
                    self.vault.tenant(),
                    self.vault.realm()
                ),
            });
        }
        let receipt = self.append_draft(writer.author(), &event.draft(self.vault.settings().payload_bytes)?)?;
        self.store_pending()?;
        Ok(receipt)
    }

    /// Stores bytes that a later event will name by their digest, once for each digest and tenant, as
    /// [`Event::attach`] does: for an event with more attachments than one transaction takes, put them here first, in as
    /// many transactions as it needs. No hash covers them until an event's payload holds their digest.
    ///
    /// They count towards the 16 MiB of a transaction; alone in one, they may be as large as the vault's payload limit.
    ///
    /// ```
    /// use causal_vault::{Event, StoreError, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let mut pieces = Vec::new();
    /// for piece in ["a film, ", "in two pieces"] {
    ///     pieces.push(vault.transaction(|tx| tx.put_payload(piece))?);
    /// }
    /// vault.named_writer("alice")?.commit(Event::new("film.shot", &pieces)?.stream("films"))?;
    /// assert_eq!(vault.payload(&pieces[1])?, b"in two pieces");
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn put_payload(&self, bytes: impl AsRef<[u8]>) -> Result<PayloadDigest> {
        let bytes = bytes.as_ref();
        check_payload("the payload", bytes.len(), self.vault.settings().payload_bytes)?;
        let mut committed = self.committed.borrow_mut();
        let (payloads, total) = (committed.payloads + 1, committed.bytes + bytes.len());
        check_batch_bytes(committed.appended.len() + payloads, total)?;
        let digest = PayloadDigest::of(bytes);
        self.vault.health().heed(self.appender.borrow().put_payload(&digest, bytes))?;
        (committed.payloads, committed.bytes) = (payloads, total);
        Ok(digest)
    }

    /// Runs one statement on the consumer's own tables and returns the number of rows it changed. One that would end
    /// the transaction, or roll back a part of it, is refused.
    ///
    /// ```
    /// use causal_vault::{StoreError, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// vault.transaction(|tx| tx.exec("CREATE TABLE mine (x INTEGER)", &[]))?;
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        check_statement(sql)?;
        self.vault.health().heed(self.sql.exec(sql, params))
    }

    /// Runs one query on the consumer's own tables.
    ///
    /// ```
    /// use causal_vault::{StoreError, Value, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let rows = vault.transaction(|tx| tx.query("SELECT ?", &[Value::Int(7)]))?;
    /// assert_eq!(rows, vec![vec![Value::Int(7)]]);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        check_statement(sql)?;
        self.vault.health().heed(self.sql.query(sql, params))
    }

    pub(super) fn sql(&self) -> &dyn Transaction {
        self.sql
    }

    pub(super) fn vault(&self) -> &Vault {
        self.vault
    }

    /// Stores what was appended, for whoever looks.
    pub(super) fn store_pending(&self) -> Result<()> {
        self.vault.health().heed(self.appender.borrow_mut().store_pending())
    }

    pub(super) fn append_draft(&self, author: &Author, draft: &Draft<'_>) -> Result<Receipt> {
        let mut committed = self.committed.borrow_mut();
        let (events, bytes) = (committed.appended.len() + 1, committed.bytes + draft.bytes());
        check_batch(events, bytes)?;
        check_batch_bytes(events + committed.payloads, bytes)?;
        let mut appender = self.appender.borrow_mut();
        if let Some((model, values)) = &draft.embedding
            && !self.vault.health().heed(appender.has_model(model))?
        {
            let dimension = values.len() / size_of::<f32>();
            self.vault.health().heed(check_first(self.sql, appender.timeline(), model, dimension))?;
        }
        let appended = self.vault.health().heed(appender.append(author, draft))?;
        committed.appended.push((appended.event_id, appended.reference.hash));
        committed.bytes = bytes;
        committed.embedded += usize::from(appended.is_new && draft.embedding.is_some());
        let receipt = Receipt::from(&appended);
        if appended.is_new {
            let (first, count) = committed.new.unwrap_or((receipt.position.number(), 0));
            committed.new = Some((first, count + 1));
        }
        if appended.is_new && self.vault.bells().is_watched() {
            committed.headers.push(EventHeader {
                id: receipt.id,
                parents: appended.parents,
                timestamp: draft.ts_ms,
                digest: appended.causal,
                kind: (&*draft.kind).into(),
                stream: appended.reference.stream,
                writer: receipt.writer,
                writer_name: author.identity.label(),
                epoch: receipt.epoch,
                seq: receipt.seq,
                position: receipt.position,
                hash: receipt.hash,
                lamport: appended.lamport,
                payload_digest: draft.digest,
                payload_len: draft.payload.len() as u64,
                extensions: Extensions::encoded(&draft.extensions).iter().collect(),
                intent: None,
            });
        }
        Ok(receipt)
    }
}

impl fmt::Debug for VaultTransaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultTransaction").field("vault", &self.vault).finish_non_exhaustive()
    }
}

/// What begins a statement that ends a transaction or cuts it: appends would count entries that are gone.
const CONTROL: [&str; 9] = ["ABORT", "BEGIN", "COMMIT", "END", "PREPARE", "RELEASE", "ROLLBACK", "SAVEPOINT", "START"];

fn check_statement(sql: &str) -> Result<()> {
    let word = first_word(sql);
    if CONTROL.iter().any(|control| control.eq_ignore_ascii_case(word)) {
        return Err(StoreError::Invalid {
            what: "statement",
            reason: format!(
                "{word} would end or cut the vault's transaction; return an error to roll it back, Ok to commit it"
            ),
        });
    }
    Ok(())
}

/// The first word behind blanks, remarks and empty statements.
fn first_word(mut sql: &str) -> &str {
    loop {
        sql = sql.trim_start_matches(|c: char| c.is_whitespace() || [';', '\u{feff}'].contains(&c));
        let remark = match (sql.strip_prefix("--"), sql.strip_prefix("/*")) {
            (Some(remark), _) => remark.split_once('\n'),
            (_, Some(remark)) => remark.split_once("*/"),
            (None, None) => return sql.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default(),
        };
        sql = remark.map_or("", |(_, behind)| behind);
    }
}
