//! The vault that is attacked, and copies of its file.

use std::path::PathBuf;
use std::sync::OnceLock;

use causal_vault::{Anchor, Durability, Event, EventId, SigningKey, Vault, Writer};
use rusqlite::Connection;
use tempfile::TempDir;

/// A vault's file and the tree head that someone kept elsewhere.
pub(super) struct Scene {
    bytes: Vec<u8>,
    pub(super) anchor: Anchor,
}

/// A copy of the file that may be spoilt.
pub(super) struct Copy {
    _folder: TempDir,
    pub(super) path: PathBuf,
}

/// Three logs in tenant `default`, two in tenant `acme`.
///
/// Positions of `default`:
/// ```text
/// 1 2 3 4   ledger, alice (named); 2 and 3 hold payloads of the same length
/// 5 6 7     ledger, key 7, every entry signed; 5 follows 1, 6 follows 2 and 5
/// 8 9 10    chat, key 8, signed at the end of the batch
/// 11 12     ledger, alice: payloads too large to stand in the row
/// ```
pub(super) fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agents.vault");
        let anchor = write_story(&Vault::open(&path).unwrap());
        Scene { bytes: std::fs::read(&path).unwrap(), anchor }
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
    batch.commit_batch((0..3).map(|n| Event::raw("chat.say", vec![n]).stream("chat"))).unwrap();
    for byte in [b'a', b'b'] {
        alice.commit(Event::raw("ledger.scan", vec![byte; 5000]).stream("ledger")).unwrap();
    }
    let acme = vault.for_tenant("acme").unwrap();
    for name in ["alice", "carol"] {
        pay(&acme.named_writer(name).unwrap(), "pay 9 to eve".to_owned());
    }
    vault.tree_head().unwrap().into()
}

impl Scene {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn copy(&self) -> Copy {
        Copy::of(&self.bytes)
    }
}

impl Copy {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agents.vault");
        std::fs::write(&path, bytes).unwrap();
        Self { _folder: folder, path }
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

/// Runs SQL that must change something.
pub(super) fn sql(conn: &Connection, statements: &str) {
    let before = conn.total_changes();
    conn.execute_batch(statements).unwrap();
    assert!(conn.total_changes() > before, "changed nothing: {statements}");
}
