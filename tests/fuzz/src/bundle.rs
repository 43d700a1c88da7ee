//! A bundle from a stranger: what verifies under the anchor is what was exported, and a vault is restored from that alone.

use std::path::Path;
use std::sync::OnceLock;

use causal_vault::{Anchor, Bundle, BundleContents, Durability, Filter, StoreError, StoredEvent, TailVerdict, Vault};

use crate::patch::Scratch;

/// The vault that the corpus was exported from: the golden file of version 0.1.0.
struct Original {
    anchor: Anchor,
    events: Vec<StoredEvent>,
    scratch: Scratch,
}

pub fn target(data: &[u8]) -> bool {
    target_with(data, |data, anchor| Bundle::open(data)?.verify(&[anchor]).map(|report| report.tail))
}

/// `verify` says what a bundle holds under the anchor.
pub fn target_with(data: &[u8], verify: impl Fn(&[u8], Anchor) -> Result<TailVerdict, StoreError>) -> bool {
    let original = original();
    let Ok(verdict) = verify(data, original.anchor) else { return false };
    let is_whole = Bundle::open(data).is_ok_and(|bundle| matches!(bundle.contents(), BundleContents::Everything));
    if !is_whole || verdict != (TailVerdict::Consistent { anchored: original.anchor.size }) {
        return true;
    }
    let path = original.scratch.file(&[]);
    original.scratch.remove(&path);
    let restored = restore(&path, data, original.anchor);
    original.scratch.remove(&path);
    match restored {
        Ok(events) => assert!(events == original.events, "it verifies under the anchor and holds something else"),
        Err(error) => panic!("it verifies and cannot be restored: {error}"),
    }
    true
}

fn restore(path: &Path, data: &[u8], anchor: Anchor) -> Result<Vec<StoredEvent>, StoreError> {
    let (vault, _) = Vault::builder().durability(Durability::Fast).restore(path, data, &[anchor])?;
    assert!(vault.verify(&[anchor])?.is_intact(), "what was restored breaks a rule");
    vault.events(Filter::all())?.collect()
}

/// A copy of the golden file, opened.
pub fn golden(scratch: &Scratch) -> Vault {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/vault-0.1.0.db");
    let path = scratch.file(&std::fs::read(data).expect("the golden file"));
    Vault::builder().durability(Durability::Fast).open(path).expect("a vault")
}

fn original() -> &'static Original {
    static ORIGINAL: OnceLock<Original> = OnceLock::new();
    ORIGINAL.get_or_init(|| {
        let scratch = Scratch::new();
        let vault = golden(&scratch);
        let anchor = vault.tree_head().expect("a head").into();
        let events =
            vault.events(Filter::all()).expect("a good filter").collect::<Result<_, _>>().expect("whole events");
        drop(vault);
        Original { anchor, events, scratch }
    })
}
