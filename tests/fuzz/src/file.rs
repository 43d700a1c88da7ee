//! A vault's file that somebody has edited: refused, or found to be damaged, or as it was.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use causal_vault::{Anchor, Durability, ErrorKind, Filter, StoreError, StoredEvent, Vault};

use crate::patch::{Scratch, apply};

/// What the file holds before it is edited.
struct Original {
    bytes: Vec<u8>,
    anchor: Anchor,
    events: Vec<StoredEvent>,
    scratch: Scratch,
}

pub fn target(patches: &[u8]) -> bool {
    target_with(patches, |vault, anchor| vault.verify(&[anchor]).map(|report| report.is_intact()))
}

/// `verify` says whether everything that is anchored is there and unchanged.
pub fn target_with(patches: &[u8], verify: impl Fn(&Vault, Anchor) -> Result<bool, StoreError>) -> bool {
    let original = original();
    let mut bytes = original.bytes.clone();
    apply(&mut bytes, patches);
    let path = original.scratch.file(&bytes);
    let passes = open(&path).and_then(|vault| Ok((verify(&vault, original.anchor)?, vault)));
    let read = passes.and_then(|(passes, vault)| Ok((passes, read(&vault)?)));
    original.scratch.remove(&path);
    match read {
        Err(error) => assert_ne!(error.kind(), ErrorKind::Invalid, "stored bytes are nobody's argument: {error}"),
        Ok((true, events)) => assert!(events == original.events, "it passes verification and reads otherwise"),
        Ok((false, _)) => {}
    }
    true
}

fn open(path: &Path) -> Result<Vault, StoreError> {
    Vault::builder().durability(Durability::Fast).open(path)
}

fn read(vault: &Vault) -> Result<Vec<StoredEvent>, StoreError> {
    vault.events(Filter::all())?.collect()
}

/// The golden file of version 0.1.0, in pages of 512 bytes so that a case writes little.
fn original() -> &'static Original {
    static ORIGINAL: OnceLock<Original> = OnceLock::new();
    ORIGINAL.get_or_init(|| {
        let scratch = Scratch::new();
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/vault-0.1.0.db");
        let path: PathBuf = scratch.file(&std::fs::read(data).expect("the golden file"));
        let conn = rusqlite::Connection::open(&path).expect("a database");
        let smaller = "PRAGMA journal_mode=DELETE; PRAGMA page_size=512; VACUUM; PRAGMA journal_mode=WAL";
        conn.execute_batch(smaller).expect("a database");
        conn.close().expect("nothing is open");
        let bytes = std::fs::read(&path).expect("the smaller file");
        let vault = open(&path).expect("a vault");
        let anchor = vault.tree_head().expect("a head").into();
        let events = read(&vault).expect("whole events");
        drop(vault);
        scratch.remove(&path);
        Original { bytes, anchor, events, scratch }
    })
}
