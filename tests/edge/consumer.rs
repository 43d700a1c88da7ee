//! What a project that uses agent-store looks like: a conversation store with tables and migrations of its own, and a
//! routine board. The same text is compiled over agent-store itself by `tests/agent-store-peer`; `store` is the crate.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;

use super::store::{
    Backend, BackendKind, CommitEvent, Dialect, Doorbell, Entry, Fingerprint, Generation, Row, SqliteBackend,
    StoreError, StorePolicy, Value, WriterLog,
};

type Result<T> = super::store::Result<T>;

const SCHEMA_VERSION: i64 = 2;

/// Conversations over a log of turns, with titles in a table of its own.
struct ConversationStore {
    db: SqliteBackend,
    bell: Doorbell,
    me: Fingerprint,
}

impl ConversationStore {
    fn open(path: &Path, me: Fingerprint) -> Result<Self> {
        Self::over(SqliteBackend::open(path)?, me)
    }

    fn over(db: SqliteBackend, me: Fingerprint) -> Result<Self> {
        WriterLog::ensure_schema(&db)?;
        Generation::ensure_schema(&db)?;
        migrate(db.connection())?;
        Ok(Self { db, bell: Doorbell::new(), me })
    }

    fn conn(&self) -> &Connection {
        self.db.connection()
    }

    fn say(&self, conversation: &str, text: &str) -> Result<Entry> {
        let stream = stream(conversation);
        let turn = WriterLog::append(&self.db, &stream, &self.me.to_hex(), text.as_bytes())?;
        self.conn().execute(
            "INSERT INTO conversation (id, title) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING",
            params![conversation, text],
        )?;
        self.bell.ring(&CommitEvent {
            stream: turn.stream.clone(),
            writer: turn.writer.clone(),
            seq: turn.seq,
            content_hash: turn.content_hash,
        });
        Ok(turn)
    }

    fn transcript(&self, conversation: &str) -> Result<Vec<String>> {
        let entries = WriterLog::entries(&self.db, &stream(conversation), &self.me.to_hex())?;
        entries
            .into_iter()
            .map(|Entry { payload, seq, .. }| {
                String::from_utf8(payload).map_err(|_| StoreError::MalformedRow(format!("turn {seq} is not UTF-8")))
            })
            .collect()
    }

    fn titles(&self) -> Result<Vec<(String, String)>> {
        let mut statement = self.db.connection().prepare("SELECT id, title FROM conversation ORDER BY id")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
    }

    fn rename(&self, conversation: &str, title: &str) -> Result<bool> {
        let tx = self.conn().unchecked_transaction()?;
        let known: Option<i64> =
            tx.query_row("SELECT 1 FROM conversation WHERE id = ?1", [conversation], |row| row.get(0)).optional()?;
        tx.execute("UPDATE conversation SET title = ?2 WHERE id = ?1", params![conversation, title])?;
        tx.commit()?;
        Ok(known.is_some())
    }
}

fn stream(conversation: &str) -> String {
    format!("conv:{conversation}")
}

/// The project's own migrations, kept in `user_version`.
fn migrate(conn: &Connection) -> rusqlite::Result<()> {
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version < 1 {
        conn.execute_batch("CREATE TABLE conversation (id TEXT PRIMARY KEY, title TEXT NOT NULL);")?;
    }
    if version < 2 {
        conn.execute_batch("CREATE INDEX conversation_title ON conversation (title);")?;
    }
    conn.pragma_update(None, "user_version", SCHEMA_VERSION)
}

/// A board of routines whose reports are stamped with a generation.
struct RoutineBoard<B: Backend> {
    db: B,
    report: Generation,
}

impl<B: Backend> RoutineBoard<B> {
    fn new(db: B) -> Result<Self> {
        Generation::ensure_schema(&db)?;
        db.exec("CREATE TABLE IF NOT EXISTS report (generation INTEGER PRIMARY KEY, body TEXT NOT NULL)", &[])?;
        Ok(Self { db, report: Generation::new("report") })
    }

    fn publish(&self, body: &str) -> Result<u64> {
        let generation = self.report.bump(&self.db)?;
        let stamp = i64::try_from(generation).map_err(|error| StoreError::Backend(error.to_string()))?;
        self.db.exec("INSERT INTO report VALUES (?, ?)", &[Value::Int(stamp), Value::Text(body.into())])?;
        Ok(generation)
    }

    fn latest(&self) -> Result<Option<Row>> {
        let rows = self.db.query("SELECT generation, body FROM report ORDER BY generation DESC LIMIT 1", &[])?;
        Ok(rows.into_iter().next())
    }
}

#[derive(Debug, Default, Deserialize)]
struct Config {
    #[serde(default)]
    store: StorePolicy,
}

fn open_configured(config: &str, path: &Path) -> std::result::Result<SqliteBackend, Box<dyn std::error::Error>> {
    let config: Config = toml::from_str(config)?;
    match config.store.backend {
        BackendKind::Sqlite => Ok(SqliteBackend::open(path)?),
        BackendKind::Postgres => Err("PostgreSQL is not wired".into()),
    }
}

/// What the project shows for each error it knows.
fn explain(error: StoreError) -> String {
    match error {
        StoreError::Backend(detail) => format!("store: {detail}"),
        StoreError::ChainBroken { seq, stream, .. } => format!("{stream} was edited at {seq}"),
        StoreError::NonMonotonicGeneration { key, current, attempted } => format!("{key}: {attempted} < {current}"),
        StoreError::MalformedRow(detail) => format!("row: {detail}"),
        #[allow(unreachable_patterns)]
        other => other.to_string(),
    }
}

fn me() -> Fingerprint {
    Fingerprint::from_ed25519_pubkey(&[7; 32])
}

fn is_send<T: Send>(value: T) -> T {
    value
}

#[test]
fn a_conversation_is_kept_across_openings() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("conversations.db");
    {
        let store = ConversationStore::open(&path, me()).unwrap();
        assert_eq!(store.say("demo", "hello").unwrap().seq, 1);
        assert_eq!(store.say("demo", "world").unwrap().seq, 2);
        assert!(store.rename("demo", "Greetings").unwrap());
    }
    let store = ConversationStore::open(path.as_path(), me()).unwrap();
    assert_eq!(store.transcript("demo").unwrap(), ["hello", "world"]);
    assert_eq!(store.titles().unwrap(), [("demo".to_owned(), "Greetings".to_owned())]);
    let third = store.say("demo", "again").unwrap();
    let head = WriterLog::head(&store.db, "conv:demo", &me().to_hex()).unwrap();
    assert_eq!((third.seq, head), (3, Some(third)));
    WriterLog::verify(&store.db, "conv:demo", &me().to_string()).unwrap();
    let version: i64 = store.conn().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, SCHEMA_VERSION);
    drop(store);
    SqliteBackend::open(&path).unwrap();
}

#[test]
fn entries_chain_and_a_foreign_writer_has_a_log_of_its_own() {
    let store = ConversationStore::over(SqliteBackend::in_memory().unwrap(), me()).unwrap();
    let first = store.say("demo", "one").unwrap();
    let second = store.say("demo", "two").unwrap();
    assert_eq!((first.prev_hash, second.prev_hash), (None, Some(first.content_hash)));
    assert_eq!(WriterLog::append(&store.db, "conv:demo", "bob", b"").unwrap().seq, 1);
    assert_eq!(WriterLog::entries(&store.db, "conv:demo", "nobody").unwrap(), vec![]);
    assert_eq!(Fingerprint::from_hex(&first.writer), Some(store.me));
}

#[test]
fn the_doorbell_tells_of_each_turn() {
    let bell = Doorbell::default();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    bell.subscribe(move |e| sink.lock().unwrap().push((e.writer.clone(), e.seq)));
    let mut store = ConversationStore::over(SqliteBackend::in_memory().unwrap(), me()).unwrap();
    store.bell = bell.clone();
    store.say("demo", "one").unwrap();
    store.say("demo", "two").unwrap();
    assert_eq!(*seen.lock().unwrap(), [(me().to_hex(), 1), (me().to_hex(), 2)]);
}

#[test]
fn a_routine_board_counts_its_reports() {
    let board = RoutineBoard::new(SqliteBackend::in_memory().unwrap()).unwrap();
    assert_eq!(board.latest().unwrap(), None);
    assert_eq!((board.publish("first").unwrap(), board.publish("second").unwrap()), (1, 2));
    assert_eq!(board.latest().unwrap(), Some(vec![Value::Int(2), Value::Text("second".into())]));
    board.report.set(&board.db, 10).unwrap();
    assert_eq!(board.publish("eleventh").unwrap(), 11);
    assert_eq!(explain(board.report.set(&board.db, 3).unwrap_err()), "report: 3 < 11");
    assert_eq!(board.db.dialect(), Dialect::Sqlite);
}

#[test]
fn a_connection_of_the_projects_own_carries_the_primitives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.db");
    let conn = Connection::open(&path).unwrap();
    conn.pragma_update(None, "journal_mode", "WAL").unwrap();
    conn.execute_batch("CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT); PRAGMA user_version = 1").unwrap();
    let db = SqliteBackend::from_connection(conn);
    WriterLog::ensure_schema(&db).unwrap();
    let dynamic: &dyn Backend = &db;
    let tx = db.connection().unchecked_transaction().unwrap();
    WriterLog::append(dynamic, "conv:demo", "alice", b"undone").unwrap();
    tx.rollback().unwrap();
    assert_eq!(WriterLog::head(dynamic, "conv:demo", "alice").unwrap(), None);
    db.connection().execute("INSERT INTO setting VALUES ('colour', 'red')", []).unwrap();
    assert_eq!(db.query("SELECT value FROM setting", &[]).unwrap(), [[Value::Text("red".into())]]);
}

#[test]
fn a_store_moves_to_another_thread_and_is_shared_behind_a_lock() {
    let folder = tempfile::tempdir().unwrap();
    let store = ConversationStore::open(&folder.path().join("shared.db"), me()).unwrap();
    let store = Arc::new(Mutex::new(is_send(store)));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let store = Arc::clone(&store);
            thread::spawn(move || store.lock().unwrap().say("demo", "hi").unwrap().seq)
        })
        .collect();
    let mut seqs: Vec<u64> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, [1, 2, 3, 4]);
    assert_eq!(store.lock().unwrap().transcript("demo").unwrap().len(), 4);
}

#[test]
fn a_configuration_chooses_the_backend() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("configured.db");
    assert!(open_configured("", &path).is_ok());
    assert!(open_configured("[store]\nbackend = \"sqlite\"", &path).is_ok());
    let refused = open_configured("[store]\nbackend = \"postgres\"", &path).err().unwrap();
    assert_eq!(refused.to_string(), "PostgreSQL is not wired");
    assert!(open_configured("[store]\nbackend = \"mongo\"", &path).is_err());
    assert_eq!(StorePolicy { backend: BackendKind::Sqlite }, StorePolicy::default());
}

#[test]
fn errors_of_the_engine_pass_through_the_question_mark() {
    fn missing(db: &SqliteBackend) -> Result<i64> {
        let mut statement = db.connection().prepare("SELECT x FROM missing")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }
    let db = SqliteBackend::in_memory().unwrap();
    assert!(explain(missing(&db).unwrap_err()).contains("no such table: missing"));
    assert!(explain(StoreError::from(rusqlite::Error::InvalidQuery)).contains("not read-only"));
    assert_eq!(explain(StoreError::Backend("full".into())), "store: full");
    let boxed: Box<dyn std::error::Error + Send + Sync> = missing(&db).unwrap_err().into();
    assert!(boxed.to_string().contains("no such table"));
}
