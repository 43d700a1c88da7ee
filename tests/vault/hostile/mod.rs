//! Hostile input: a clear error that names the value and the limit, and nothing stored or lost.

mod bytes;
mod disk;
mod events;
mod files;
mod names;

use causal_vault::{Event, Filter, Receipt, StoredEvent, TreeHead, Vault, Writer};

/// A vault with some events in it, and what it held before anybody tried anything.
struct Untouched {
    vault: Vault,
    alice: Writer,
    receipts: Vec<Receipt>,
    before: (TreeHead, Vec<StoredEvent>),
}

fn note(text: &str) -> Event {
    Event::raw("note", text).stream("demo")
}

fn contents(vault: &Vault) -> (TreeHead, Vec<StoredEvent>) {
    let events = vault.events(Filter::all()).unwrap().collect::<Result<_, _>>().unwrap();
    (vault.tree_head().unwrap(), events)
}

impl Untouched {
    fn new() -> Self {
        Self::of(Vault::in_memory().unwrap())
    }

    fn of(vault: Vault) -> Self {
        let alice = vault.named_writer("alice").unwrap();
        let receipts = ["one", "two"].map(|text| alice.commit(note(text)).unwrap()).to_vec();
        let before = contents(&vault);
        Self { vault, alice, receipts, before }
    }

    /// Nothing has changed, and the next commit works.
    #[track_caller]
    fn assert_unharmed(&self) {
        assert!(contents(&self.vault) == self.before, "something was stored or lost");
        let next = self.alice.commit(note("next")).unwrap();
        assert_eq!(next.seq, self.before.0.size + 1);
        let report = self.vault.verify(&[self.before.0.into()]).unwrap();
        assert!(report.is_intact(), "{report}");
    }
}
