//! How a SQLite database is opened.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{SqliteBackend, errors, preflight};
use crate::backend::Durability;
use crate::words::{Result, StoreError};

/// What SQLite can count: 2^31 - 1 milliseconds.
const BUSY_TIMEOUT_MAX: Duration = Duration::from_millis(i32::MAX as u64);

/// Settings of a [`SqliteBackend`].
///
/// ```
/// use std::time::Duration;
/// use causal_vault::{Durability, SqliteOptions};
///
/// let folder = tempfile::tempdir().unwrap();
/// let db = SqliteOptions::new()
///     .durability(Durability::Fast)
///     .busy_timeout(Duration::from_secs(5))
///     .open(folder.path().join("agents.vault"))?;
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    pub(super) busy_timeout: Duration,
    durability: Durability,
    pub(super) network_files: bool,
    foreign_application: bool,
    read_only: bool,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(30),
            durability: Durability::default(),
            network_files: false,
            foreign_application: false,
            read_only: false,
        }
    }
}

impl SqliteOptions {
    /// Full durability, a busy time-out of 30 seconds, local disks only.
    ///
    /// ```
    /// let options = causal_vault::SqliteOptions::new();
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// What an acknowledged commit survives; [`Durability::Durable`] unless set.
    ///
    /// ```
    /// use causal_vault::{Durability, SqliteOptions};
    ///
    /// let db = SqliteOptions::new().durability(Durability::Fast).in_memory()?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How long a writer waits for another; 30 seconds unless set, and 24 days at most.
    ///
    /// ```
    /// use std::time::Duration;
    /// use causal_vault::SqliteOptions;
    ///
    /// let db = SqliteOptions::new().busy_timeout(Duration::from_millis(100)).in_memory()?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout.min(BUSY_TIMEOUT_MAX);
        self
    }

    /// Accepts a file on a network file system. SQLite's locks are unreliable there and the file can be corrupted.
    ///
    /// ```
    /// use causal_vault::SqliteOptions;
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let db = SqliteOptions::new().allow_network_files(true).open(folder.path().join("agents.vault"))?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn allow_network_files(mut self, allow: bool) -> Self {
        self.network_files = allow;
        self
    }

    /// Accepts a database whose `application_id` says that it belongs to another application.
    ///
    /// ```
    /// use causal_vault::{SqliteBackend, SqliteOptions};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("notes.db");
    /// SqliteBackend::open(&path)?.connection().pragma_update(None, "application_id", 7)?;
    /// assert!(SqliteBackend::open(&path).is_err());
    /// assert!(SqliteOptions::new().allow_foreign_application(true).open(&path).is_ok());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn allow_foreign_application(mut self, allow: bool) -> Self {
        self.foreign_application = allow;
        self
    }

    /// Opens an existing file to read it, whoever it belongs to, and never changes it. It is what
    /// [`import_agent_store`](crate::import_agent_store) reads from, and how
    /// [`VaultBuilder::read_only`](crate::VaultBuilder::read_only) opens a vault. SQLite keeps a `-wal` and a `-shm` file
    /// beside a database in WAL mode even for a reader, so that its folder must be writable.
    ///
    /// ```
    /// use causal_vault::{Backend, ErrorKind, SqliteBackend, SqliteOptions};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("notes.db");
    /// assert!(SqliteOptions::new().read_only(true).open(&path).is_err());
    /// SqliteBackend::open(&path)?.exec("CREATE TABLE note (body TEXT)", &[])?;
    /// let reader = SqliteOptions::new().read_only(true).open(&path)?;
    /// assert!(reader.query("SELECT body FROM note", &[])?.is_empty());
    /// assert_eq!(reader.exec("DELETE FROM note", &[]).unwrap_err().kind(), ErrorKind::Denied);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Opens or creates the database file at `path`. See [`SqliteBackend::open`].
    ///
    /// ```
    /// use causal_vault::SqliteOptions;
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let db = SqliteOptions::new().open(folder.path().join("agents.vault"))?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn open(&self, path: impl AsRef<Path>) -> Result<SqliteBackend> {
        let path = path.as_ref();
        let refused = |reason: String| StoreError::FileRefused { path: path.display().to_string(), reason };
        if path.as_os_str() == ":memory:" {
            return Err(refused(
                "it would become a file of that name; use in_memory for a database in memory".to_owned(),
            ));
        }
        let absolute =
            std::path::absolute(path).map_err(|error| refused(format!("the path is not usable: {error}")))?;
        match std::fs::metadata(&absolute) {
            Ok(found) if found.is_dir() => return Err(refused("it is a folder; name a file in it".to_owned())),
            Ok(found) if !found.is_file() => return Err(refused("it is a device or a pipe; name a file".to_owned())),
            _ => {}
        }
        if absolute.as_os_str().as_encoded_bytes().contains(&0) {
            return Err(refused("the path holds a NUL byte; use a path without it".to_owned()));
        }
        if !self.network_files {
            preflight::local_disk(&absolute)?;
        }
        self.start(Place::File(absolute))
    }

    /// Opens a fresh database in memory. See [`SqliteBackend::in_memory`].
    ///
    /// ```
    /// let db = causal_vault::SqliteOptions::new().in_memory()?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn in_memory(&self) -> Result<SqliteBackend> {
        self.start(Place::Memory(format!("file:/{}?vfs=memdb", uuid::Uuid::now_v7())))
    }

    /// Wraps a connection that the caller already owns. See [`SqliteBackend::from_connection`]. The durability is what
    /// the connection says, and its own busy time-out is kept as well: other threads get the one set here.
    ///
    /// ```
    /// use causal_vault::{Backend, SqliteOptions};
    ///
    /// let mine = rusqlite::Connection::open_in_memory()?;
    /// let db = SqliteOptions::new().from_connection(mine);
    /// db.check()?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn from_connection(&self, conn: Connection) -> SqliteBackend {
        let path = conn.path().filter(|path| !path.is_empty()).map(PathBuf::from);
        SqliteBackend::adopt(conn, Place::Adopted(path), self.clone())
    }

    fn start(&self, place: Place) -> Result<SqliteBackend> {
        let backend = SqliteBackend::closed(place, self.clone());
        let first = backend.session_with(|| backend.place.create(self))?;
        if !backend.reads_only() {
            preflight::check(first.connection(), &backend.place)?;
        }
        Ok(backend)
    }
}

/// Where the database is, and so how another thread's connection to it is opened.
pub(super) enum Place {
    /// A connection that was handed in, with its file if it has one.
    Adopted(Option<PathBuf>),
    /// A file that we open.
    File(PathBuf),
    /// The URI of a shared database in this process's memory.
    Memory(String),
}

impl Place {
    /// What messages call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Adopted(Some(path)) | Self::File(path) => path.display().to_string(),
            Self::Adopted(None) | Self::Memory(_) => "the database in memory".to_owned(),
        }
    }

    /// Whether nothing may be written: only a file can be there already.
    pub(super) fn reads_only(&self, options: &SqliteOptions) -> bool {
        options.read_only && matches!(self, Self::File(_))
    }

    /// The first connection, which creates the file where there is none.
    pub(super) fn create(&self, options: &SqliteOptions) -> Result<Connection> {
        self.open(options, OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// One more connection. A file that has been deleted meanwhile is an error: a new one in its place would split the
    /// vault in two.
    pub(super) fn connect(&self, options: &SqliteOptions) -> Result<Connection> {
        self.open(options, OpenFlags::empty())
    }

    fn open(&self, options: &SqliteOptions, create: OpenFlags) -> Result<Connection> {
        let access = if self.reads_only(options) {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        } else {
            OpenFlags::SQLITE_OPEN_READ_WRITE | create
        };
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = match self {
            Self::Adopted(None) => {
                return Err(StoreError::Unsupported {
                    what: "a second thread",
                    reason: "the connection was handed in and its database is in memory, which only the thread that \
                             handed it in can use; use a file, or SqliteBackend::in_memory"
                        .to_owned(),
                });
            }
            Self::Adopted(Some(path)) | Self::File(path) => Connection::open_with_flags(path, flags),
            Self::Memory(uri) => Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI),
        };
        let conn = conn.map_err(|error| errors::unopened(&self.name(), error))?;
        self.configure(&conn, options)?;
        Ok(conn)
    }

    fn configure(&self, conn: &Connection, options: &SqliteOptions) -> Result<()> {
        let explain = |error| errors::explain(conn, &self.name(), error);
        self.harden(conn, options).map_err(explain)?;
        if matches!(self, Self::Adopted(_)) {
            return Ok(());
        }
        if self.reads_only(options) {
            // A file that is no database is refused here, and not at the first statement.
            return conn.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(())).map_err(explain);
        }
        // Before anything is changed in a file that may be another application's.
        if !options.foreign_application {
            preflight::application(conn, self)?;
        }
        self.make_durable(conn, options).map_err(explain)
    }

    /// What is set on the connection alone.
    fn harden(&self, conn: &Connection, options: &SqliteOptions) -> rusqlite::Result<()> {
        conn.busy_timeout(options.busy_timeout)?;
        // Without it a cached statement with a bound LIMIT or a head read is compiled again at every call.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        if matches!(self, Self::Adopted(_)) {
            return Ok(());
        }
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        conn.pragma_update(None, "cell_size_check", true)
    }

    /// What decides how much an acknowledgement is worth.
    fn make_durable(&self, conn: &Connection, options: &SqliteOptions) -> rusqlite::Result<()> {
        if matches!(self, Self::File(_)) {
            enter_wal(conn, options.busy_timeout)?;
        }
        let synchronous = match options.durability {
            Durability::Fast => "NORMAL",
            Durability::Durable => "FULL",
        };
        conn.pragma_update(None, "synchronous", synchronous)?;
        if cfg!(target_os = "macos") {
            conn.pragma_update(None, "fullfsync", options.durability == Durability::Durable)?;
            conn.pragma_update(None, "checkpoint_fullfsync", true)?;
        }
        Ok(())
    }
}

/// Switching a new file to WAL needs it alone, and SQLite does not wait for that by itself.
fn enter_wal(conn: &Connection, timeout: Duration) -> rusqlite::Result<()> {
    let started = Instant::now();
    loop {
        match conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && started.elapsed() < timeout => {
                std::thread::sleep(Duration::from_millis(2));
            }
            other => return other,
        }
    }
}
