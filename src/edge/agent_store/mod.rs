//! Taking over what agent-store 0.1.2 has stored.

mod chain;
mod provenance;
mod survey;

use std::ops::ControlFlow;

pub use self::provenance::verify_agent_store_import;

use self::chain::Chain;
use self::survey::{Logs, Survey, refused, survey};
use crate::backend::Backend;
use crate::causal::table::agent_store::{self, After};
use crate::causal::writer_log::{DEFAULT_TENANT, KIND, head_seq};
use crate::causal::{EventRef, Generation};
use crate::vault::{Event, Vault, Writer};
use crate::words::{Result, StoreError};

/// Entries, and bytes of more than one, that are stored in one transaction.
const BATCH_EVENTS: usize = 1024;
const BATCH_BYTES: usize = 8 << 20;

/// What an import found and did.
///
/// ```
/// use causal_vault::ImportReport;
///
/// fn tell(report: &ImportReport) {
///     for log in &report.logs {
///         println!("{} {}: {} entries", log.stream, log.writer, log.entries);
///     }
///     println!("{} of them are new", report.imported);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportReport {
    /// Every log of the source.
    pub logs: Vec<ImportedLog>,
    /// Entries that this import stored; the others were there from an earlier one.
    pub imported: u64,
    /// Every generation of the source and its value there; the vault has that one or a larger.
    pub generations: Vec<(String, u64)>,
}

/// One log of agent-store that stands in the vault.
///
/// ```
/// use causal_vault::{Vault, verify_agent_store_import};
///
/// for log in verify_agent_store_import(&Vault::in_memory()?)? {
///     println!("{} {}: {} entries are what agent-store had", log.stream, log.writer, log.entries);
/// }
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportedLog {
    /// The stream.
    pub stream: String,
    /// The writer.
    pub writer: String,
    /// Its entries in agent-store; those that were appended in the vault since are not among them.
    pub entries: u64,
    /// The `content_hash` of the last of them, by agent-store's rule.
    pub content_hash: [u8; 32],
}

/// Takes over the logs and generations that agent-store 0.1.2 stored, and leaves the source as it is.
///
/// The source is a file opened with [`SqliteOptions::read_only`](crate::SqliteOptions::read_only), or the vault's own
/// backend where the old tables stand in the same database.
///
/// First every log is read and verified by agent-store's rule; whatever breaks it, or cannot stand in a vault, is an
/// error that names the entry, and nothing is stored. Then each payload is appended as
/// [`WriterLog::append`](crate::WriterLog::append) would: under the same stream, writer and sequence number, as an event
/// of kind `log.entry` of the tenant `default`, in the order in which the source has its rows. Appending goes on at the
/// next number. Before that an event of kind `vault.import` in the stream `vault:import` records for each log which
/// entries came and what hashes they had; the first of them names it as its parent. A generation moves to its old value
/// unless it is already behind it.
///
/// Entries have ids made from their place and their old hash. So an import that was interrupted is finished by calling
/// it again, one that is complete does nothing, and from a source that has grown only the new entries come, unless the
/// log has also grown here: that is [`StoreError::ImportConflict`].
///
/// Memory grows with the number of logs, not of entries.
///
/// # Coming from agent-store
///
/// Rename the dependency, move `rusqlite` to 0.41 where the project uses it, import once, and go on:
///
/// ```
/// use causal_vault::{Generation, SqliteBackend, SqliteOptions, Vault, WriterLog, import_agent_store};
///
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("agents.db");
/// # SqliteBackend::open(&path)?.connection().execute_batch(
/// #     "CREATE TABLE _agent_store_meta (key TEXT PRIMARY KEY, ival INTEGER NOT NULL);
/// #     INSERT INTO _agent_store_meta VALUES ('report', 41);
/// #     CREATE TABLE _agent_store_log (stream TEXT NOT NULL, writer TEXT NOT NULL, seq INTEGER NOT NULL,
/// #     prev_hash BLOB, content_hash BLOB NOT NULL, payload BLOB NOT NULL, PRIMARY KEY (stream, writer, seq));
/// #     INSERT INTO _agent_store_log VALUES ('conv:demo', 'alice', 1, NULL,
/// #     x'd74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24', 'hello world');
/// #     UPDATE _agent_store_log SET payload = CAST(payload AS BLOB)",
/// # )?;
/// // Once, where the old tables stand in the file that the project goes on with:
/// let vault = Vault::open(&path)?;
/// let report = import_agent_store(vault.backend(), &vault)?;
/// assert_eq!(report.imported, 1);
/// // Or from a file of its own: import_agent_store(&SqliteOptions::new().read_only(true).open(&old)?, &vault)?
///
/// let db = SqliteBackend::open(&path)?;
/// WriterLog::ensure_schema(&db)?;
/// Generation::ensure_schema(&db)?;
/// assert_eq!(WriterLog::append(&db, "conv:demo", "alice", b"and on")?.seq, 2);
/// assert_eq!(Generation::new("report").bump(&db)?, 42);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
///
/// Until then both `ensure_schema` are [`StoreError::NotImported`], so that an old history never looks empty. To begin
/// anew on purpose, rename the old tables. They are not read again after the import and may be dropped.
///
/// What does not compile:
/// - a `match` on [`StoreError`] without a last arm, and a pattern of `ChainBroken` without `..`: there are more
///   variants, and a `rule`;
/// - an `impl Backend` of the project's own without `begin`, or that is not `Sync`;
/// - `SqliteBackend::open(path.as_ref())`: give it the path itself;
/// - a function of type `()` that ends in `bell.subscribe(..)`: it returns an id now, end it with a semicolon.
///
/// What behaves differently:
/// - Names have 1 to 128 bytes and no control characters, payloads at most 1 MiB.
/// - Hashes cover where and when an entry stands, not the payload alone: the same payloads have other hashes elsewhere.
/// - Errors of SQLite are [`StoreError::Engine`], not `Backend`: [`StoreError::kind`] tells them apart.
/// - A connection that is handed in must be in WAL mode if it is on disk. One in memory stays with the thread that
///   handed it in, even behind a lock; [`SqliteBackend::in_memory`](crate::SqliteBackend::in_memory) is shared.
/// - Each thread has a connection of its own: what the project sets on [`connection`](crate::SqliteBackend::connection),
///   such as `foreign_keys` or a function, is set on the calling thread's.
/// - `SqliteBackend::open` takes `:memory:` for the name of a file, refuses a file marked by another `application_id`, and
///   flushes at every commit: [`SqliteOptions`](crate::SqliteOptions) has the old `NORMAL` as `Durability::Fast`.
/// - Text that is not UTF-8, NaN, and a NUL in text are errors instead of being changed silently.
/// - A project that counts its own migrations in `user_version` opens its file with `SqliteBackend::open`, or has its
///   own tables in it before `Vault::open` creates the file and marks it as a vault's.
pub fn import_agent_store(source: &dyn Backend, vault: &Vault) -> Result<ImportReport> {
    if vault.tenant() != DEFAULT_TENANT {
        return Err(StoreError::Unsupported {
            what: "an import into another tenant",
            reason: format!(
                "this vault's handle is on tenant {:?}, and a WriterLog goes on in {DEFAULT_TENANT:?}; give it \
                 vault.for_tenant({DEFAULT_TENANT:?})?",
                vault.tenant()
            ),
        });
    }
    let survey = survey(source, vault.payload_limit())?;
    let mut pending = compare(source, vault, &survey.logs)?;
    record(vault, &mut pending)?;
    let imported = copy(source, vault, &mut pending, survey.rows_in_order)?;
    advance(vault.backend(), &survey.generations)?;
    Ok(report(survey, imported))
}

/// A log of which entries are still to come.
struct Pending {
    author: Writer,
    /// How far it stands in the vault.
    here: Chain,
    /// How far it goes.
    log: Chain,
    /// The event that records where the next entry comes from, until it is appended.
    origin: Option<EventRef>,
}

/// Finds for each log how much of it the vault has.
fn compare(source: &dyn Backend, vault: &Vault, logs: &Logs<Chain>) -> Result<Logs<Pending>> {
    let mut pending = Logs::new();
    for (stream, writers) in logs {
        for (writer, log) in writers {
            let seq = head_seq(vault.backend(), stream, writer)?.min(log.entries);
            let here = match seq {
                0 => Chain::default(),
                _ => Chain { entries: seq, head: agent_store::hash_at(source, stream, writer, seq)? },
            };
            let author = vault.named_writer(writer)?;
            if let Some(hash) = here.head {
                let met = vault.try_get(provenance::entry_id(stream, writer, seq, &hash))?.map(|event| event.header);
                let same =
                    met.is_some_and(|met| *met.stream == **stream && met.writer == author.id() && met.seq == seq);
                if !same {
                    return Err(StoreError::ImportConflict { stream: stream.clone(), writer: writer.clone(), seq });
                }
            }
            if here.entries < log.entries {
                let log = Pending { author, here, log: *log, origin: None };
                pending.entry(stream.clone()).or_insert_with(Default::default).insert(writer.clone(), log);
            }
        }
    }
    Ok(pending)
}

/// Records where the entries that are to come come from.
fn record(vault: &Vault, pending: &mut Logs<Pending>) -> Result<()> {
    let recorder = vault.named_writer(provenance::WRITER)?;
    let mut logs: Vec<_> = pending
        .iter_mut()
        .flat_map(|(stream, writers)| writers.iter_mut().map(move |(writer, log)| (stream, writer, log)))
        .collect();
    for batch in logs.chunks_mut(BATCH_EVENTS) {
        vault.transaction(|tx| {
            for (stream, writer, log) in batch {
                let receipt = tx.append(&recorder, provenance::event(stream, writer, log.here, log.log)?)?;
                log.origin = Some((&receipt).into());
            }
            Ok::<_, StoreError>(())
        })?;
    }
    Ok(())
}

/// Appends the entries, verifying each once more as it is read, and returns how many there were.
fn copy(source: &dyn Backend, vault: &Vault, pending: &mut Logs<Pending>, rows_in_order: bool) -> Result<u64> {
    let total = pending.values().flat_map(|logs| logs.values()).map(|log| log.log.entries - log.here.entries).sum();
    let mut after = if rows_in_order { After::FIRST_ROW } else { After::FIRST_ENTRY };
    let mut imported = 0;
    while imported < total {
        let batch = next_batch(source, vault.payload_limit(), &mut after, pending)?;
        vault.transaction(|tx| {
            batch.iter().try_for_each(|(author, event)| tx.append(author, event.clone()).map(drop))
        })?;
        imported += batch.len() as u64;
    }
    Ok(imported)
}

fn next_batch(
    source: &dyn Backend,
    payload_limit: usize,
    after: &mut After,
    pending: &mut Logs<Pending>,
) -> Result<Vec<(Writer, Event)>> {
    let (mut batch, mut bytes, mut seen) = (Vec::new(), 0, 0);
    agent_store::page(source, &after.clone(), payload_limit, |key, content| {
        seen += 1;
        let log = pending.get_mut(key.stream).and_then(|writers| writers.get_mut(key.writer));
        let seq = u64::try_from(key.seq).unwrap_or(0);
        if let Some(log) = log.filter(|log| seq > log.here.entries && seq <= log.log.entries) {
            let content = content.map_err(|cause| refused(key, cause))?;
            bytes += content.payload.len();
            if bytes > BATCH_BYTES && !batch.is_empty() {
                return Ok(ControlFlow::Break(()));
            }
            log.here.accept(key, &content)?;
            let event = Event::raw(KIND, content.payload)
                .stream(key.stream)
                .id(provenance::entry_id(key.stream, key.writer, seq, &content.hash))
                .expect_seq(seq - 1);
            let event = log.origin.take().into_iter().fold(event, Event::parent);
            batch.push((log.author.clone(), event));
        }
        after.advance(key);
        Ok(ControlFlow::Continue(()))
    })?;
    if seen == 0 {
        return Err(StoreError::Corrupt {
            what: "table _agent_store_log".to_owned(),
            detail: "entries that were verified are gone; something changed it during the import".to_owned(),
        });
    }
    Ok(batch)
}

/// Moves the generations to their old values, none of them back.
fn advance(db: &dyn Backend, generations: &[(String, u64)]) -> Result<()> {
    if generations.is_empty() {
        return Ok(());
    }
    Generation::create(db)?;
    for (key, value) in generations {
        match Generation::new(key).set(db, *value) {
            Ok(()) | Err(StoreError::NonMonotonicGeneration { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn report(survey: Survey, imported: u64) -> ImportReport {
    let mut logs = Vec::new();
    for (stream, writers) in survey.logs {
        for (writer, log) in writers {
            let content_hash = log.head.unwrap_or_default();
            logs.push(ImportedLog { stream: stream.clone(), writer, entries: log.entries, content_hash });
        }
    }
    ImportReport { logs, imported, generations: survey.generations }
}
