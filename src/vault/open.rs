//! The vault and how it is opened.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::bell::Bells;
use crate::backend::{Backend, Durability, SqliteOptions};
use crate::causal::append::INLINE_BYTES;
use crate::causal::merkle::Frontier;
use crate::causal::schema::{self, Catalogue};
use crate::causal::table::{realm, timeline};
use crate::causal::writer_log::DEFAULT_TENANT;
use crate::causal::{Anchor, Doorbell, Realm, TreeHead, VerifyReport, verify};
use crate::words::limits::{PAYLOAD_BYTES_DEFAULT, PAYLOAD_BYTES_MAX};
use crate::words::{Result, StoreError, check_name};

/// One tenant's view of a store of events: append-only, hash-chained, in one commit order.
///
/// A handle is cheap to clone and shared between threads; clones share their subscribers. What a handle reads and
/// writes is its own tenant's: see [`for_tenant`](Self::for_tenant).
///
/// ```
/// use causal_vault::{Event, Filter, Vault};
///
/// let folder = tempfile::tempdir().unwrap();
/// let vault = Vault::open(folder.path().join("agents.vault"))?;
/// let alice = vault.named_writer("alice")?;
/// alice.commit(Event::new("chat.message", "hello")?.stream("conv:demo"))?;
/// for event in vault.events(Filter::stream("conv:demo"))? {
///     println!("{}", event?.decode::<String>()?);
/// }
/// assert!(vault.verify(&[])?.is_intact());
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone)]
pub struct Vault {
    store: Arc<Store>,
    tenant: Arc<str>,
    bells: Arc<Bells>,
}

/// What the handles of all tenants share.
struct Store {
    db: Box<dyn Backend>,
    realm: Realm,
    settings: Settings,
    catalogue: Catalogue,
    bells: Mutex<HashMap<Arc<str>, Arc<Bells>>>,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) inline_bytes: usize,
    pub(super) payload_bytes: usize,
}

impl Vault {
    /// Opens or creates the vault in the file at `path`, durable in full, for the tenant `default`.
    ///
    /// See [`builder`](Self::builder) for other settings and [`SqliteBackend::open`](crate::SqliteBackend::open) for what is refused.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder().open(path)
    }

    /// Opens a fresh vault in memory.
    ///
    /// ```
    /// assert_eq!(causal_vault::Vault::in_memory()?.tree_head()?.size, 0);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn in_memory() -> Result<Self> {
        Self::builder().in_memory()
    }

    /// Other settings than the default.
    ///
    /// ```
    /// use causal_vault::{Durability, Vault};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let vault = Vault::builder()
    ///     .durability(Durability::Fast)
    ///     .tenant("acme")
    ///     .payload_limit(8 << 20)
    ///     .open(folder.path().join("agents.vault"))?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn builder() -> VaultBuilder {
        VaultBuilder::default()
    }

    /// A handle on another tenant of the same vault. Tenants share the file and nothing else: neither events nor
    /// positions, payloads, cursors or subscribers.
    ///
    /// ```
    /// use causal_vault::{Event, Filter, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let acme = vault.for_tenant("acme")?;
    /// acme.named_writer("alice")?.commit(Event::raw("note", "secret").stream("conv:demo"))?;
    /// assert_eq!(vault.events(Filter::all())?.count(), 0);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn for_tenant(&self, tenant: &str) -> Result<Self> {
        check_name("tenant", tenant)?;
        Ok(Self::handle(Arc::clone(&self.store), tenant))
    }

    fn handle(store: Arc<Store>, tenant: &str) -> Self {
        let tenant: Arc<str> = tenant.into();
        let bells = Arc::clone(store.bells.lock().entry(Arc::clone(&tenant)).or_default());
        Self { store, tenant, bells }
    }

    /// The tenant whose events this handle reads and writes.
    ///
    /// ```
    /// assert_eq!(causal_vault::Vault::in_memory()?.tenant(), "default");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The name of the logical vault, part of every hash.
    ///
    /// ```
    /// let (a, b) = (causal_vault::Vault::in_memory()?, causal_vault::Vault::in_memory()?);
    /// assert_ne!(a.realm(), b.realm());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn realm(&self) -> Realm {
        self.store.realm
    }

    /// The backend below, for a consumer's own tables and for the primitives.
    ///
    /// ```
    /// use causal_vault::{Event, Vault, WriterLog};
    ///
    /// let vault = Vault::in_memory()?;
    /// WriterLog::append(vault.backend(), "conv:demo", "alice", b"hello")?;
    /// assert_eq!(vault.tree_head()?.size, 1);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn backend(&self) -> &dyn Backend {
        self.db()
    }

    /// The bell that rings after each commit through this vault's handles.
    ///
    /// ```
    /// use causal_vault::Vault;
    ///
    /// let vault = Vault::in_memory()?;
    /// vault.doorbell().subscribe(|event| println!("{} wrote entry {}", event.writer, event.seq));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn doorbell(&self) -> &Doorbell {
        &self.bells.commits
    }

    /// The size and root of the RFC 6962 tree over this tenant's entries: kept elsewhere, an [`Anchor`].
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// assert_eq!(vault.tree_head()?.size, 1);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn tree_head(&self) -> Result<TreeHead> {
        let timeline = timeline::find(self.db(), &self.tenant, timeline::MAIN)?;
        Ok(timeline.map_or_else(|| Frontier::new().head(), |timeline| timeline.tree.head()))
    }

    /// Checks everything this tenant has stored: every hash, link, signature, column, edge and payload, and the end of
    /// the history against anchors that were kept elsewhere.
    ///
    /// It reports what it can prove and no more. Memory grows with the number of logs, not of entries.
    ///
    /// ```
    /// use causal_vault::{Event, TailVerdict, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// alice.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// let report = vault.verify(&[vault.tree_head()?.into()])?;
    /// assert!(report.is_intact());
    /// assert_eq!(report.tail, TailVerdict::Consistent { anchored: 1 });
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn verify(&self, anchors: &[Anchor]) -> Result<VerifyReport> {
        verify::tenant(self.db(), &self.tenant, anchors)
    }

    /// The largest payload it accepts, in bytes.
    pub(crate) fn payload_limit(&self) -> usize {
        self.store.settings.payload_bytes
    }

    pub(super) fn db(&self) -> &dyn Backend {
        &*self.store.db
    }

    pub(super) fn catalogue(&self) -> &Catalogue {
        &self.store.catalogue
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.store.settings
    }

    pub(super) fn bells(&self) -> &Bells {
        &self.bells
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("realm", &self.store.realm).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

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
pub struct VaultBuilder {
    sqlite: SqliteOptions,
    tenant: String,
    settings: Settings,
}

impl Default for VaultBuilder {
    fn default() -> Self {
        Self {
            sqlite: SqliteOptions::new(),
            tenant: DEFAULT_TENANT.to_owned(),
            settings: Settings { inline_bytes: INLINE_BYTES, payload_bytes: PAYLOAD_BYTES_DEFAULT },
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

    /// Opens or creates the vault in the file at `path`. A file that belongs to another application is refused; the
    /// consumer's own tables in it are left alone.
    ///
    /// ```
    /// let folder = tempfile::tempdir().unwrap();
    /// let vault = causal_vault::Vault::builder().open(folder.path().join("agents.vault"))?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn open(self, path: impl AsRef<Path>) -> Result<Vault> {
        let db = self.sqlite.open(path)?;
        db.stamp(realm::FORMAT)?;
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
        schema::ensure(&db)?;
        super::cursor::ensure(&db)?;
        super::lookup::ensure(&db)?;
        let realm = realm::read(&db as &dyn Backend)?;
        let store = Store {
            db: Box::new(db),
            realm,
            settings: self.settings,
            catalogue: Catalogue::default(),
            bells: Mutex::default(),
        };
        Ok(Vault::handle(Arc::new(store), &self.tenant))
    }
}
