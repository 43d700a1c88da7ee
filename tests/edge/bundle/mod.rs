//! Bundles: what goes out comes back, what was changed is told, and a second verifier says the same.

mod damage;
mod events;
mod file;
mod forge;
mod hostile;
mod import;
mod limits;
mod notes;
mod peer;
mod proofs;
mod random;
mod round_trip;
mod writers;

use causal_vault::{
    Anchor, Bundle, BundleReport, Event, EventRef, Filter, NoteSigner, Position, Result, SigningKey, Vault, Writer,
};

pub(super) fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

pub(super) fn note(text: impl Into<Vec<u8>>) -> Event {
    Event::raw("note", text).stream("conv:demo")
}

pub(super) fn export(vault: &Vault, filter: Filter) -> Vec<u8> {
    let mut file = Vec::new();
    let written = vault.export(filter, &mut file).unwrap();
    assert_eq!(Bundle::open(&file[..]).unwrap().verify(&[]), Ok(written));
    file
}

pub(super) fn verify(file: &[u8], anchors: &[Anchor]) -> Result<BundleReport> {
    Bundle::open(file)?.verify(anchors)
}

pub(super) fn head(vault: &Vault) -> Anchor {
    vault.tree_head().unwrap().into()
}

pub(super) fn log_key(vault: &Vault) -> NoteSigner {
    NoteSigner::new(vault.origin("vault.example").unwrap(), key(9)).unwrap()
}

/// A position by its number.
pub(super) fn at(vault: &Vault, number: u64) -> Position {
    let events = vault.events(Filter::all()).unwrap().map(|event| event.unwrap().header.position);
    [Position::START].into_iter().chain(events).nth(usize::try_from(number).unwrap()).unwrap()
}

/// Everything that a history can hold, in little: signed and named writers, several streams, parents across logs,
/// payloads of every size and place, attachments, extensions, a batch that only its end signs, and a checkpoint at 7.
pub(super) fn scene(vault: &Vault) {
    let (alice, bob) = (vault.named_writer("alice").unwrap(), vault.writer(key(7)).unwrap());
    let carol = vault.writer(key(8)).unwrap().signing_last();
    let commit = |writer: &Writer, event: Event| EventRef::from(&writer.commit(event).unwrap());
    let first = commit(&alice, note("hello"));
    let second = commit(&bob, note(vec![b'x'; 2000]).parent(&first).touches(["file:a"]));
    let attached = commit(&alice, Event::raw("film", "").stream("films").attach(vec![b'f'; 90]).attach("small"));
    let step = |text: &str| Event::raw("step", text).stream("conv:demo").parent(&first).embedding("plane", &[0.5, 1.0]);
    let batch = ["a", "b", "c"].map(step);
    carol.commit_batch(batch).unwrap();
    commit(&bob, Event::raw("film", vec![b'x'; 2000]).stream("films").parent(&attached).parent(&second));
    vault.checkpoint(&log_key(vault)).unwrap();
    commit(&alice, note("grüße").parent(&second).grant([5; 32]).trace([1; 16], [2; 8]));
    commit(&bob, note("end").reads([first.hash]));
}

pub(super) fn full() -> Vault {
    let vault = Vault::in_memory().unwrap();
    scene(&vault);
    vault
}

/// Each form that a bundle has, by name.
pub(super) fn forms(vault: &Vault) -> Vec<(&'static str, Vec<u8>)> {
    let bob = vault.writer(key(7)).unwrap().id();
    let filters = [
        ("everything", Filter::all()),
        ("range", Filter::all().after(at(vault, 2)).up_to(at(vault, 6))),
        ("beginning", Filter::all().up_to(at(vault, 7))),
        ("end", Filter::all().after(at(vault, 7))),
        ("stream", Filter::stream("conv:demo")),
        ("stream-to-checkpoint", Filter::stream("conv:demo").up_to(at(vault, 7))),
        ("writer", Filter::writer(bob)),
        ("log-behind", Filter::stream("conv:demo").with_writer(bob).after(at(vault, 3))),
    ];
    filters.map(|(name, filter)| (name, export(vault, filter))).into()
}
