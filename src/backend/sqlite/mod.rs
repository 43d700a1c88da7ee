//! The bundled SQLite engine: a connection per thread over one file.
//!
//! A `rusqlite::Connection` cannot be shared between threads, and one behind a lock would make every reader wait for
//! every writer. So each thread that uses the backend gets a connection of its own, opened on first use with the same
//! settings; SQLite's WAL lets them read while another writes. Writers of one backend queue on a lock in memory, which
//! is fair and wakes at once, before they meet SQLite's own file lock, which polls.

mod errors;
#[cfg(target_os = "linux")]
mod listen;
mod options;
mod preflight;
mod session;
mod transaction;

use std::path::Path;

use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use rusqlite::Connection;
use thread_local::ThreadLocal;

pub(crate) use errors::is_failed_io;
pub use options::SqliteOptions;

use self::options::Place;
use self::session::Session;
use self::transaction::{Queue, SqliteTransaction};
use super::{Access, Backend, Dialect, Row, Sql, Transaction, Value, Visitor, columns};
#[cfg(target_os = "linux")]
use super::{Deaf, Listen};
use crate::words::{Result, StoreError};

/// A [`Backend`] on bundled SQLite: one file in WAL mode, no system library, no server.
///
/// `Send + Sync`: share one between threads. Each thread works on a connection of its own.
///
/// ```
/// use causal_vault::{Backend, SqliteBackend};
///
/// let folder = tempfile::tempdir().unwrap();
/// let db = SqliteBackend::open(folder.path().join("agents.vault"))?;
/// db.exec("CREATE TABLE mine (x INTEGER)", &[])?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| assert!(db.query("SELECT x FROM mine", &[]).unwrap().is_empty()));
/// });
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
pub struct SqliteBackend {
    place: Place,
    options: SqliteOptions,
    sessions: ThreadLocal<Session>,
    /// Where a thread that cannot be given a connection finds one on which every statement fails.
    barren: ThreadLocal<Connection>,
    /// What writers of this process queue on, with the connection of those that write for several threads: the pages
    /// that one of them has read are still at hand for the next.
    writer: Mutex<Option<Session>>,
}

impl SqliteBackend {
    /// Opens or creates the database file at `path`, durable in full. See [`SqliteOptions`] for other settings.
    ///
    /// The path is a file name and never a URI: `file:x` is a file of that name. Refused with an error that says why: a
    /// file that is not a database or belongs to another application, one that cannot be written, a network file
    /// system, a SQLite older than 3.51.3, a journal mode other than WAL.
    ///
    /// ```
    /// use causal_vault::{ErrorKind, SqliteBackend};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let db = SqliteBackend::open(folder.path().join("agents.vault"))?;
    /// let error = SqliteBackend::open(folder.path()).err().unwrap();
    /// assert_eq!(error.kind(), ErrorKind::Denied);
    /// assert!(error.to_string().contains("it is a folder; name a file in it"));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        SqliteOptions::new().open(path)
    }

    /// Opens a fresh database in memory. It lives as long as the backend and is shared by its threads.
    ///
    /// ```
    /// use causal_vault::{Backend, SqliteBackend};
    ///
    /// let db = SqliteBackend::in_memory()?;
    /// db.exec("CREATE TABLE mine (x INTEGER)", &[])?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn in_memory() -> Result<Self> {
        SqliteOptions::new().in_memory()
    }

    /// Wraps a connection that the caller already owns, so that a project with its own tables can adopt the vault on
    /// the same database. The caller's settings are left alone, so an acknowledgement is worth what its `synchronous`
    /// says; what a vault needs of them is checked when its schema is created or opened. The calling thread keeps the
    /// connection; other threads get their own to the same file, with SQLite's defaults, and an error if the connection
    /// is in memory.
    ///
    /// ```
    /// use causal_vault::{Generation, SqliteBackend};
    ///
    /// let mine = rusqlite::Connection::open_in_memory().unwrap();
    /// mine.execute("CREATE TABLE mine (x INTEGER)", []).unwrap();
    /// let db = SqliteBackend::from_connection(mine);
    /// Generation::ensure_schema(&db)?;
    /// assert_eq!(Generation::new("report").bump(&db)?, 1);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn from_connection(conn: Connection) -> Self {
        SqliteOptions::new().from_connection(conn)
    }

    /// This thread's connection, for the consumer's own SQL on its own tables.
    ///
    /// A transaction begun on it holds what this thread does through the backend until it ends, appends included; begin
    /// it `IMMEDIATE`, as one that reads first may be refused the write lock, and end it before the thread ends. Where this thread cannot be given a connection, every statement on the one returned fails;
    /// [`try_connection`](Self::try_connection) says why.
    ///
    /// ```
    /// use causal_vault::SqliteBackend;
    ///
    /// let db = SqliteBackend::in_memory()?;
    /// db.connection().execute("CREATE TABLE mine (x INTEGER)", []).unwrap();
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn connection(&self) -> &Connection {
        self.try_connection().unwrap_or_else(|_| self.barren.get_or(session::barren))
    }

    /// This thread's connection, or why it cannot have one.
    ///
    /// ```
    /// use causal_vault::SqliteBackend;
    ///
    /// let db = SqliteBackend::in_memory()?;
    /// assert!(db.try_connection()?.is_autocommit());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn try_connection(&self) -> Result<&Connection> {
        self.session().map(Session::connection)
    }

    /// Marks a file without any table as a vault's, and refuses one that a newer format marked. A file that already
    /// holds the consumer's tables keeps its own mark: there the format stands in the vault's tables alone.
    pub(crate) fn stamp(&self, format: i64) -> Result<()> {
        if self.mark()? == (0, 0, 0) {
            let tx = self.begin(Access::Write)?;
            if self.mark()? == (0, 0, 0) {
                tx.exec(&format!("PRAGMA application_id = {}", preflight::APPLICATION_ID), &[])?;
                tx.exec(&format!("PRAGMA user_version = {format}"), &[])?;
            }
            return tx.commit();
        }
        match self.mark()? {
            (id, found, _) if id == i64::from(preflight::APPLICATION_ID) && found > format => {
                Err(StoreError::NewerFormat { found, supported: format })
            }
            _ => Ok(()),
        }
    }

    /// The application id, the user version and the number of schema objects.
    fn mark(&self) -> Result<(i64, i64, i64)> {
        let db: &dyn Backend = self;
        let int = |sql| db.first(sql, &[], |row| columns::int(row, 0)).map(Option::unwrap_or_default);
        Ok((int("PRAGMA application_id")?, int("PRAGMA user_version")?, int("SELECT count(*) FROM sqlite_master")?))
    }

    pub(super) fn reads_only(&self) -> bool {
        self.place.reads_only(&self.options)
    }

    fn closed(place: Place, options: SqliteOptions) -> Self {
        Self { place, options, sessions: ThreadLocal::new(), barren: ThreadLocal::new(), writer: Mutex::default() }
    }

    fn adopt(conn: Connection, place: Place, options: SqliteOptions) -> Self {
        let backend = Self::closed(place, options);
        backend.sessions.get_or(|| Session::new(conn, backend.place.name()));
        backend
    }

    fn session(&self) -> Result<&Session> {
        self.session_with(|| self.place.connect(&self.options))
    }

    fn session_with(&self, connect: impl FnOnce() -> Result<Connection>) -> Result<&Session> {
        let session = self.sessions.get_or_try(|| connect().map(|conn| Session::new(conn, self.place.name())))?;
        session.inherit()?;
        Ok(session)
    }

    /// The connection of those that write for several threads.
    fn shared(&self) -> Result<MappedMutexGuard<'_, Session>> {
        let mut queue = self.queue()?;
        if queue.is_none() {
            *queue = Some(Session::new(self.place.connect(&self.options)?, self.place.name()));
        }
        Ok(MutexGuard::map(queue, |shared| shared.as_mut().expect("it was connected above")))
    }

    fn queue(&self) -> Result<Queue<'_>> {
        let waited = self.options.busy_timeout;
        self.writer.try_lock_for(waited).ok_or_else(|| StoreError::Busy {
            what: format!("{}: the write lock of this process", self.place.name()),
            waited,
        })
    }
}

impl Backend for SqliteBackend {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        self.session()?.exec(sql, params)
    }

    fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        self.session()?.query(sql, params)
    }

    fn begin(&self, access: Access) -> Result<Box<dyn Transaction + '_>> {
        let session = self.session()?;
        let tx = match (access, &self.place) {
            (Access::SharedWrite, Place::File(_)) if session.is_free() => {
                SqliteTransaction::begin_shared(session, self.shared()?)?
            }
            _ => SqliteTransaction::begin(session, access, || self.queue())?,
        };
        Ok(Box::new(tx))
    }

    fn visit(&self, sql: &str, params: &[Value], visit: &mut Visitor<'_>) -> Result<()> {
        self.session()?.visit(sql, params, visit)
    }

    fn is_idle(&self) -> bool {
        self.session().is_ok_and(Session::is_free)
    }

    #[cfg(target_os = "linux")]
    fn listen(&self) -> Box<dyn Listen> {
        let file = self.connection().path().filter(|path| !path.is_empty() && !matches!(self.place, Place::Memory(_)));
        match file.and_then(|file| listen::WalListener::new(Path::new(file))) {
            Some(listener) => Box::new(listener),
            None => Box::new(Deaf::default()),
        }
    }

    fn check(&self) -> Result<()> {
        if let (Place::Adopted(Some(path)), false) = (&self.place, self.options.network_files) {
            preflight::local_disk(path)?;
        }
        match self.reads_only() {
            // What decides how much an acknowledgement is worth concerns no reader.
            true => self.session().map(drop),
            false => preflight::check(self.try_connection()?, &self.place),
        }
    }
}
