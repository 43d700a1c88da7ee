//! The vault that is attacked, and copies of its file.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use causal_vault::{Anchor, Durability, Event, EventId, PayloadDigest, Receipt, SigningKey, Vault, Writer};
use rusqlite::Connection;
use tempfile::TempDir;

/// A vault's file, with its WAL if it was copied while it was open, and the tree head that someone kept elsewhere.
pub(super) struct Scene {
    bytes: Vec<u8>,
    wal: Vec<u8>,
    pub(super) anchor: Anchor,
}

/// A copy of the file that may be spoilt.
pub(super) struct Copy {
    folder: TempDir,
    pub(super) path: PathBuf,
}

/// Three logs in tenant `default`, two in tenant `acme`.
///
/// Positions of `default`:
/// ```text
/// 1 2 3 4   ledger, alice (named); 2 and 3 hold payloads of the same length
/// 5 6 7     ledger, key 7, every entry signed; 5 follows 1, 6 follows 2 and 5
/// 8 9 10    chat, key 8, signed at the end of the batch, each with an embedding
/// 11 12     ledger, alice: payloads too large to stand in the row
/// ```
pub(super) fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agents.vault");
        let anchor = write_story(&Vault::open(&path).unwrap());
        Scene::closed(&path, anchor)
    })
}

pub(super) fn write_story(vault: &Vault) -> Anchor {
    let alice = vault.named_writer("alice").unwrap();
    // An id of their own, so that the index over ids holds something.
    let pay = |writer: &Writer, text: String| {
        writer.commit(Event::raw("ledger.pay", text).stream("ledger").id(EventId::new())).unwrap()
    };
    let paid: Vec<_> = (1..=4).map(|n| pay(&alice, format!("pay {n} to bob"))).collect();
    let signed = vault.writer(SigningKey::from_bytes(&[7; 32])).unwrap();
    let event = |text: &str| Event::raw("ledger.audit", text).stream("ledger");
    let first = signed.commit(event("seen").parent(&paid[0])).unwrap();
    signed.commit(event("seen again").parent(&paid[1]).parent(&first)).unwrap();
    signed.commit(event("done")).unwrap();
    let batch = vault.writer(SigningKey::from_bytes(&[8; 32])).unwrap().signing_last();
    let say = |n: u8| Event::raw("chat.say", vec![n]).stream("chat").embedding("plane", &[1.0, f32::from(n)]);
    batch.commit_batch((0..3).map(say)).unwrap();
    for byte in [b'a', b'b'] {
        alice.commit(Event::raw("ledger.scan", vec![byte; 5000]).stream("ledger")).unwrap();
    }
    let acme = vault.for_tenant("acme").unwrap();
    for name in ["alice", "carol"] {
        pay(&acme.named_writer(name).unwrap(), "pay 9 to eve".to_owned());
    }
    vault.tree_head().unwrap().into()
}

/// A vault in pages of 512 bytes, so that every table and index of a few rows is a tree of several pages.
///
/// Sixty events of seven writers in twenty logs, one of them long enough for a milestone, with parents, ids of their own and kinds of their own, of which every
/// hash was looked up; and tenants enough for the table of timelines.
pub(super) fn fine_scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agents.vault");
        let vault = open_fine(&path);
        for tenant in 0..6 {
            let other = vault.for_tenant(&format!("tenant {tenant}")).unwrap();
            let alice = other.named_writer("alice").unwrap();
            alice.commit(Event::raw("note", "theirs").stream("ledger").id(EventId::new())).unwrap();
        }
        let mut told: Vec<Receipt> = Vec::new();
        for n in 0..62_usize {
            let (name, stream) = if n < 40 || n % 4 == 0 { (n % 7, n % 3) } else { (1, 1) };
            let writer = match name {
                0 => vault.writer(SigningKey::from_bytes(&[7; 32])).unwrap(),
                name => vault.named_writer(&format!("a writer called {name}")).unwrap(),
            };
            let payload = vec![b'x'; if n % 9 == 0 { 1100 + n } else { n }];
            let mut event = Event::raw(format!("a.kind.called.{n}"), payload).stream(format!("stream {stream}"));
            if n % 2 == 0 {
                event = event.id(EventId::new());
            }
            for back in [1, 2, 5].into_iter().filter(|back| *back <= n) {
                event = event.parent(&told[n - back]);
            }
            told.push(writer.commit(event).unwrap());
        }
        let anchor = vault.tree_head().unwrap().into();
        drop(vault);
        look_everything_up(&Connection::open(&path).unwrap());
        Scene::closed(&path, anchor)
    })
}

/// A small vault in small pages, so that few of its bytes hold nothing: something of everything, once.
pub(super) fn small_scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agents.vault");
        let vault = open_fine(&path);
        begin_small_story(&vault);
        let anchor = end_small_story(&vault);
        drop(vault);
        Scene::closed(&path, anchor)
    })
}

/// The same vault, copied while it was open: how it ends stands in the WAL alone.
pub(super) fn open_scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agents.vault");
        begin_small_story(&open_fine(&path));
        let vault = Vault::open(&path).unwrap();
        let anchor = end_small_story(&vault);
        Scene { wal: std::fs::read(wal(&path)).unwrap(), ..Scene::closed(&path, anchor) }
    })
}

fn begin_small_story(vault: &Vault) {
    let alice = vault.named_writer("alice").unwrap();
    let paid = alice.commit(Event::raw("ledger.pay", "pay 1").stream("ledger").id(EventId::new())).unwrap();
    let signed = vault.writer(SigningKey::from_bytes(&[7; 32])).unwrap();
    signed.commit(Event::raw("ledger.audit", "seen").stream("ledger").parent(&paid)).unwrap();
    let acme = vault.for_tenant("acme").unwrap();
    acme.named_writer("alice").unwrap().commit(Event::raw("ledger.pay", "pay 9").stream("ledger")).unwrap();
}

fn end_small_story(vault: &Vault) -> Anchor {
    let batch = vault.writer(SigningKey::from_bytes(&[8; 32])).unwrap().signing_last();
    batch.commit_batch((0..2).map(|n| Event::raw("chat.say", vec![n]).stream("chat"))).unwrap();
    let alice = vault.named_writer("alice").unwrap();
    alice.commit(Event::raw("ledger.scan", vec![b'a'; 1100]).stream("ledger")).unwrap();
    vault.tree_head().unwrap().into()
}

/// A vault whose file has pages of 512 bytes.
fn open_fine(path: &Path) -> Vault {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch("PRAGMA page_size = 512; VACUUM").unwrap();
    conn.close().unwrap();
    Vault::open(path).unwrap()
}

/// Fills the look-up by hash, as a vault with more than a thousand new events does by itself.
fn look_everything_up(conn: &Connection) {
    let timeline: i64 =
        conn.query_row("SELECT id FROM vault_timeline WHERE tenant = 'default'", [], |row| row.get(0)).unwrap();
    let mut statement =
        conn.prepare("SELECT id, hash, payload FROM vault_entry WHERE id >> 40 = ? ORDER BY id").unwrap();
    let rows = statement.query_map([timeline], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?, row.get::<_, Option<Vec<u8>>>(2)?))
    });
    let prefix = |bytes: &[u8]| i64::from_be_bytes(bytes[..8].try_into().unwrap());
    let mut last = None;
    for (id, hash, payload) in rows.unwrap().map(Result::unwrap) {
        let digest = payload.map(|payload| *PayloadDigest::of(&payload).as_bytes());
        for key in [Some(hash), digest].into_iter().flatten() {
            conn.execute(
                "INSERT INTO vault_lookup VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (timeline, prefix(&key), id),
            )
            .unwrap();
        }
        last = Some((id, hash));
    }
    let (id, hash) = last.unwrap();
    conn.execute("INSERT INTO vault_lookup_progress VALUES (?, ?, ?)", (timeline, id, hash)).unwrap();
}

impl Scene {
    fn closed(path: &Path, anchor: Anchor) -> Self {
        Self { bytes: std::fs::read(path).unwrap(), wal: Vec::new(), anchor }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn copy(&self) -> Copy {
        Copy::with_wal(&self.bytes, &self.wal)
    }

    /// How many bits can be flipped: those of the WAL where there is one, otherwise those of the file.
    pub(super) fn bits(&self) -> u32 {
        let flipped = if self.wal.is_empty() { &self.bytes } else { &self.wal };
        u32::try_from(flipped.len() * 8).unwrap()
    }

    pub(super) fn flipped(&self, bit: u32) -> Copy {
        let (mut bytes, mut wal) = (self.bytes.clone(), self.wal.clone());
        let flipped = if wal.is_empty() { &mut bytes } else { &mut wal };
        flipped[bit as usize / 8] ^= 1 << (bit % 8);
        Copy::with_wal(&bytes, &wal)
    }
}

/// Where SQLite keeps the WAL of a file.
fn wal(path: &Path) -> PathBuf {
    path.with_extension("vault-wal")
}

impl Copy {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agents.vault");
        std::fs::write(&path, bytes).unwrap();
        Self { folder, path }
    }

    /// The file of a vault that was open, with its WAL.
    fn with_wal(bytes: &[u8], log: &[u8]) -> Self {
        let copy = Self::of(bytes);
        if !log.is_empty() {
            std::fs::write(wal(&copy.path), log).unwrap();
        }
        copy
    }

    pub(super) fn open(&self) -> Vault {
        Vault::builder().durability(Durability::Fast).open(&self.path).unwrap()
    }

    /// Opens the file as any program with SQLite can, and closes it again.
    pub(super) fn edit(&self, edit: impl FnOnce(&Connection)) {
        let conn = Connection::open(&self.path).unwrap();
        edit(&conn);
        conn.close().unwrap();
    }
}

/// A copy with which something went wrong stays, to be looked at.
impl Drop for Copy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("the file is kept: {}", self.path.display());
        }
    }
}

/// Runs SQL that must change something.
pub(super) fn sql(conn: &Connection, statements: &str) {
    let before = conn.total_changes();
    conn.execute_batch(statements).unwrap();
    assert!(conn.total_changes() > before, "changed nothing: {statements}");
}
