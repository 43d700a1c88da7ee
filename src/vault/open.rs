//! The vault's handle.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::bell::Bells;
use super::builder::VaultBuilder;
use super::group::Group;
use super::outcome::Health;
use super::recall::{Encoders, Recall};
use crate::backend::Backend;
use crate::causal::known::Known;
use crate::causal::merkle::Frontier;
use crate::causal::schema::Catalogue;
use crate::causal::table::{self, timeline};
use crate::causal::{Anchor, Doorbell, Realm, TreeHead, Verifier, VerifyReport};
use crate::words::{Result, check_name};

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
    shared: Arc<Shared>,
}

/// What the handles of one tenant share.
#[derive(Default)]
struct Shared {
    bells: Bells,
    known: Mutex<Option<Known>>,
    group: Group,
    recall: Recall,
}

/// What the handles of all tenants share.
struct Store {
    db: Box<dyn Backend>,
    realm: Realm,
    settings: Settings,
    catalogue: Catalogue,
    text_catalogue: Catalogue,
    health: Health,
    recall_tables: OnceLock<()>,
    tenants: Mutex<HashMap<Arc<str>, Arc<Shared>>>,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) inline_bytes: usize,
    pub(super) payload_bytes: usize,
    pub(super) encoders: Encoders,
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
    /// positions, payloads, cursors or subscribers. A subscription lasts as long as the vault, not as long as the handle.
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

    pub(super) fn new(db: Box<dyn Backend>, realm: Realm, settings: Settings, tenant: &str) -> Self {
        let store = Store {
            db,
            realm,
            settings,
            catalogue: Catalogue::of(&table::TABLES),
            text_catalogue: Catalogue::of(table::text::TABLES),
            health: Health::default(),
            recall_tables: OnceLock::new(),
            tenants: Mutex::default(),
        };
        Self::handle(Arc::new(store), tenant)
    }

    fn handle(store: Arc<Store>, tenant: &str) -> Self {
        let tenant: Arc<str> = tenant.into();
        let mut all = store.tenants.lock();
        // Before the table grows, those go that nobody holds and nobody listens to.
        if all.len() == all.capacity() {
            all.retain(|_, shared| Arc::strong_count(shared) > 1 || shared.bells.is_watched());
        }
        let shared = Arc::clone(all.entry(Arc::clone(&tenant)).or_default());
        drop(all);
        Self { store, tenant, shared }
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
        &self.shared.bells.commits
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
        self.verifier().anchors(anchors).run()
    }

    /// A verification that can be given threads: [`verify`](Self::verify) starts none.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// assert!(vault.verifier().anchor(vault.tree_head()?).threads(2).run()?.is_intact());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn verifier(&self) -> Verifier<'_> {
        Verifier::new(self.db(), &self.tenant)
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

    /// That of the tables that a search reads.
    pub(super) fn text_catalogue(&self) -> &Catalogue {
        &self.store.text_catalogue
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.store.settings
    }

    pub(super) fn bells(&self) -> &Bells {
        &self.shared.bells
    }

    pub(super) fn group(&self) -> &Group {
        &self.shared.group
    }

    pub(super) fn recall(&self) -> &Recall {
        &self.shared.recall
    }

    /// Whether what assigning needs is known to be there.
    pub(super) fn recall_tables(&self) -> &OnceLock<()> {
        &self.store.recall_tables
    }

    pub(super) fn health(&self) -> &Health {
        &self.store.health
    }

    /// Forgets what was kept in memory of every tenant.
    pub(super) fn forget(&self) {
        for shared in self.store.tenants.lock().values() {
            *shared.known.lock() = None;
            shared.recall.reset();
        }
    }

    /// What the last transaction left for the next; without it, that one reads again.
    pub(super) fn known(&self) -> &Mutex<Option<Known>> {
        &self.shared.known
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if std::thread::panicking() || self.health.check().is_err() {
            return;
        }
        for (tenant, shared) in self.tenants.get_mut() {
            // What cannot be stored is found again by whoever needs it.
            let _ = shared.recall.store(&*self.db, tenant);
        }
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("realm", &self.store.realm).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_on_ever_new_tenants_leave_nothing_behind_in_memory() {
        let vault = Vault::in_memory().unwrap();
        let watched = vault.for_tenant("watched").unwrap().shared;
        watched.bells.commits.subscribe(|_| {});
        let watched = Arc::downgrade(&watched);
        let held: Vec<_> = (0..10).map(|n| vault.for_tenant(&format!("held {n}")).unwrap()).collect();
        for n in 0..10_000 {
            vault.for_tenant(&format!("passing {n}")).unwrap();
        }
        assert!(vault.store.tenants.lock().len() < 100);
        assert!(watched.upgrade().is_some());
        for handle in held {
            assert!(Arc::ptr_eq(&handle.shared, &vault.for_tenant(handle.tenant()).unwrap().shared));
        }
    }
}
