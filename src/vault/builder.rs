//! How a vault is opened.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::open::{Settings, Vault};
use super::recall::Encoders;
use crate::backend::{Access, Backend, Durability, SqliteOptions};
use crate::causal::Realm;
use crate::causal::adopt::Adopter;
use crate::causal::append::INLINE_BYTES;
use crate::causal::schema;
use crate::causal::table::realm;
use crate::causal::writer_log::DEFAULT_TENANT;
use crate::intent::Encoder;
use crate::words::limits::{PAYLOAD_BYTES_DEFAULT, PAYLOAD_BYTES_MAX};
use crate::words::{Result, StoreError, check_name};

/// Settings of a [`Vault`]. See [`Vault::builder`].
///
/// ```
/// use causal_vault::VaultBuilder;
///
/// let vault = VaultBuilder::default().tenant("acme").in_memory()?;
/// assert_eq!(vault.tenant(), "acme");
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "settings open no vault"]
pub struct VaultBuilder {
    sqlite: SqliteOptions,
    read_only: bool,
    tenant: String,
    settings: Settings,
}

impl Default for VaultBuilder {
    fn default() -> Self {
        Self {
            sqlite: SqliteOptions::new(),
            read_only: false,
            tenant: DEFAULT_TENANT.to_owned(),
            settings: Settings {
                inline_bytes: INLINE_BYTES,
                payload_bytes: PAYLOAD_BYTES_DEFAULT,
                encoders: Encoders::default(),
            },
        }
    }
}

impl VaultBuilder {
    /// What an acknowledged commit survives; [`Durability::Durable`] unless set.
    ///
    /// ```
    /// use causal_vault::{Durability, Vault};
    ///
    /// let vault = Vault::builder().durability(Durability::Fast).in_memory()?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn durability(mut self, durability: Durability) -> Self {
        self.sqlite = self.sqlite.durability(durability);
        self
    }

    /// How long a commit waits for another process; 30 seconds unless set.
    ///
    /// ```
    /// use std::time::Duration;
    /// use causal_vault::Vault;
    ///
    /// let vault = Vault::builder().busy_timeout(Duration::from_secs(5)).in_memory()?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.sqlite = self.sqlite.busy_timeout(timeout);
        self
    }

    /// Accepts a file on a network file system, where SQLite's locks are unreliable.
    ///
    /// ```
    /// let vault = causal_vault::Vault::builder().allow_network_files(true).in_memory()?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn allow_network_files(mut self, allow: bool) -> Self {
        self.sqlite = self.sqlite.allow_network_files(allow);
        self
    }

    /// Opens a vault that is there to read it, prove from it and verify it, whoever writes it meanwhile, and never changes
    /// the file. A file that is missing or holds no vault is an error, and so is every commit. A look-up by hash is slower
    /// where nobody who writes has made one: its index stays as it is. See also
    /// [`SqliteOptions::read_only`](crate::SqliteOptions::read_only).
    ///
    /// ```
    /// use causal_vault::{ErrorKind, Event, Vault};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("agents.vault");
    /// assert!(Vault::builder().read_only(true).open(&path).is_err());
    /// assert!(!path.exists());
    /// Vault::open(&path)?.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    ///
    /// let auditor = Vault::builder().read_only(true).open(&path)?;
    /// assert!(auditor.verify(&[])?.is_intact());
    /// let error = auditor.named_writer("alice")?.commit(Event::raw("note", "more").stream("conv:demo")).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Denied);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self.sqlite = self.sqlite.read_only(read_only);
        self
    }

    /// The tenant; `default` unless set.
    ///
    /// ```
    /// let vault = causal_vault::Vault::builder().tenant("acme").in_memory()?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = tenant.into();
        self
    }

    /// The largest payload and attachment in bytes: 1 MiB unless set, 64 MiB at most.
    ///
    /// ```
    /// let vault = causal_vault::Vault::builder().payload_limit(64 << 20).in_memory()?;
    /// assert!(causal_vault::Vault::builder().payload_limit(65 << 20).in_memory().is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn payload_limit(mut self, bytes: usize) -> Self {
        self.settings.payload_bytes = bytes;
        self
    }

    /// Payloads up to this many bytes stand in the entry's row, larger ones once for each digest: 1,024 unless set.
    ///
    /// ```
    /// let vault = causal_vault::Vault::builder().inline_threshold(4096).in_memory()?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn inline_threshold(mut self, bytes: usize) -> Self {
        self.settings.inline_bytes = bytes;
        self
    }

    /// What turns the texts of [queries](crate::Query::text) into embeddings; one for each model.
    ///
    /// ```
    /// use causal_vault::{HashingEncoder, Vault};
    ///
    /// let vault = Vault::builder().encoder(HashingEncoder::new()).in_memory()?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn encoder(mut self, encoder: impl Encoder + 'static) -> Self {
        self.settings.encoders.add(Arc::new(encoder));
        self
    }

    /// Opens or creates the vault in the file at `path`. A file that belongs to another application is refused; the
    /// consumer's own tables in it are left alone.
    ///
    /// ```
    /// let folder = tempfile::tempdir().unwrap();
    /// let vault = causal_vault::Vault::builder().open(folder.path().join("agents.vault"))?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn open(self, path: impl AsRef<Path>) -> Result<Vault> {
        let db = self.sqlite.open(&path)?;
        match self.read_only {
            true if !schema::is_there(&db)? => {
                let name = path.as_ref().display().to_string();
                return Err(StoreError::NotFound { what: "a vault in", name });
            }
            true => {}
            false => db.stamp(realm::FORMAT)?,
        }
        self.over(db)
    }

    /// Opens a fresh vault in memory.
    ///
    /// ```
    /// let vault = causal_vault::Vault::builder().in_memory()?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn in_memory(self) -> Result<Vault> {
        let db = self.sqlite.in_memory()?;
        self.over(db)
    }

    /// Opens or creates the vault in a backend of the caller's; durability, time-out and network files are then the
    /// backend's own business.
    ///
    /// ```
    /// use causal_vault::{SqliteBackend, Vault};
    ///
    /// let mine = rusqlite::Connection::open_in_memory().unwrap();
    /// let vault = Vault::builder().over(SqliteBackend::from_connection(mine))?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn over(self, db: impl Backend + 'static) -> Result<Vault> {
        self.check()?;
        schema::ensure(&db)?;
        super::checkpoint::ensure(&db)?;
        super::cursor::ensure(&db)?;
        super::lookup::ensure(&db)?;
        let realm = realm::read(&db as &dyn Backend)?;
        Ok(Vault::new(Box::new(db), realm, self.settings, &self.tenant))
    }

    /// Creates the vault of a realm that is there already, in the file at `path`, with what `body` puts into it for this
    /// tenant: all of it or nothing. `body` is told the payload limit.
    pub(crate) fn create_as<T>(
        self,
        path: impl AsRef<Path>,
        realm: &Realm,
        tenant: &str,
        body: impl FnOnce(&mut Adopter<'_>, usize) -> Result<T>,
    ) -> Result<(Vault, T)> {
        let builder = self.tenant(tenant);
        builder.check()?;
        let db = builder.sqlite.clone().open(path)?;
        db.check()?;
        db.stamp(realm::FORMAT)?;
        let tx = db.begin(Access::Write)?;
        schema::create_as(&*tx, realm)?;
        let mut adopter = Adopter::open(&*tx, tenant, builder.settings.inline_bytes)?;
        let value = body(&mut adopter, builder.settings.payload_bytes)?;
        adopter.finish()?;
        tx.commit()?;
        Ok((builder.over(db)?, value))
    }

    fn check(&self) -> Result<()> {
        check_name("tenant", &self.tenant)?;
        for (what, bytes) in
            [("the payload limit", self.settings.payload_bytes), ("the inline threshold", self.settings.inline_bytes)]
        {
            if bytes > PAYLOAD_BYTES_MAX {
                return Err(StoreError::Limit {
                    what,
                    found: bytes as u64,
                    limit: PAYLOAD_BYTES_MAX as u64,
                    unit: "bytes",
                });
            }
        }
        Ok(())
    }
}
