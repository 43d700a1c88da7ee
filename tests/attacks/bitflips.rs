//! Single flipped bits anywhere in the file: detected, refused, or harmless.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use causal_vault::{Anchor, Durability, EntryHash, ErrorKind, EventKey, Filter, StoreError, StoredEvent, Vault};

use super::scene::{Scene, fine_scene, open_scene, scene, small_scene};
use crate::suite::{Suite, on_every_core, suite};

#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    Detected,
    Harmless,
    Refused,
    /// It passes verification and reads something else: where it first differs.
    Silent(String),
}

/// What a vault says to every question about each of its events. Not asked is where cursors stand, which consumers say
/// of themselves, nor for checkpoints, which are signed.
#[derive(Debug, PartialEq)]
pub(super) struct Reading {
    events: Vec<StoredEvent>,
    lookups: BTreeMap<String, Vec<EntryHash>>,
}

pub(super) fn read(vault: &Vault) -> Result<Reading, StoreError> {
    let events = vault.events(Filter::all())?.collect::<Result<Vec<_>, _>>()?;
    let mut lookups = BTreeMap::new();
    for (n, event) in events.iter().enumerate() {
        let header = &event.header;
        let (at, stream, writer, kind) = (header.position, &*header.stream, header.writer, &*header.kind);
        let log = || Filter::stream(stream).with_writer(writer);
        let some = events.get(n + 3).map_or(Filter::all(), |last| Filter::all().up_to(last.header.position));
        for (what, filter) in [
            (format!("the log of {writer} in {stream}"), log()),
            (format!("the log from {at}"), log().after(at)),
            (format!("{kind} in the log of {writer} in {stream}"), log().with_kind(kind)),
            (format!("the stream {stream}"), Filter::stream(stream)),
            (format!("the writer {writer}"), Filter::writer(writer)),
            (format!("the kind {kind}"), Filter::kind(kind)),
            (format!("the children of {at}"), Filter::parent(event)),
            (format!("what follows {at}"), some.after(at)),
        ] {
            if let Entry::Vacant(lookup) = lookups.entry(what) {
                let hashes = vault.events(filter)?.map(|event| event.map(|event| event.header.hash));
                lookup.insert(hashes.collect::<Result<_, _>>()?);
            }
        }
        for key in [header.id.into(), header.into(), header.hash.into(), EventKey::from(at)] {
            let found = vault.try_get(key.clone())?.into_iter().map(|event| event.header.hash).collect();
            lookups.insert(format!("{key:?}"), found);
        }
        let payload = vault.try_payload(&header.payload_digest)?.map(|bytes| EntryHash::of(&bytes));
        lookups.insert(format!("the payload of {at}"), payload.into_iter().collect());
        for (what, lineage) in [("ancestors", vault.ancestors(at)), ("descendants", vault.descendants(at))] {
            let found = match lineage {
                Err(StoreError::NotFound { .. }) => Vec::new(),
                found => found?.map(|header| Ok(header?.hash)).collect::<Result<_, StoreError>>()?,
            };
            lookups.insert(format!("the {what} of {at}"), found);
        }
    }
    Ok(Reading { events, lookups })
}

/// Where two readings first differ.
fn difference(found: &Reading, expected: &Reading) -> Option<String> {
    let event = found.events.iter().zip(&expected.events).find(|(found, expected)| found != expected);
    let lookup = found.lookups.iter().zip(&expected.lookups).find(|(found, expected)| found != expected);
    let lookup =
        || lookup.map(|(found, expected)| format!("{} finds {:?} instead of {:?}", expected.0, found.1, expected.1));
    let event = event.map(|(found, expected)| format!("{found:?} instead of {expected:?}"));
    let other = || (found != expected).then(|| "the number of events differs".to_owned());
    event.or_else(lookup).or_else(other)
}

pub(super) fn outcome(path: &Path, anchor: &[Anchor], expected: &Reading) -> Outcome {
    let Ok(vault) = Vault::builder().durability(Durability::Fast).open(path) else { return Outcome::Refused };
    let refused = |error: StoreError| {
        assert_ne!(error.kind(), ErrorKind::Invalid, "stored bytes are nobody's argument: {error}");
        Outcome::Refused
    };
    match vault.verify(anchor) {
        Err(error) => return refused(error),
        Ok(report) if !report.is_intact() => return Outcome::Detected,
        Ok(_) => {}
    }
    match read(&vault) {
        Err(error) => refused(error),
        Ok(reading) => difference(&reading, expected).map_or(Outcome::Harmless, Outcome::Silent),
    }
}

/// Flips one bit of a copy, as often as the suite says: a random one, or each where it says as much as there are.
fn flip(suite: Suite, scene: &Scene) {
    let expected = read(&scene.copy().open()).unwrap();
    let flips = suite.cases.min(scene.bits());
    let outcomes = on_every_core(flips, |case| {
        let mut dice = suite.dice(case.into());
        let bit = if flips == scene.bits() { case } else { dice.below(scene.bits().into()).try_into().unwrap() };
        let flipped = || scene.flipped(bit);
        let mut is_rebuilt = false;
        match dice.below(16) {
            0 => drop(super::threads::verify(&flipped().path, &[scene.anchor])),
            1 => is_rebuilt = rebuild(&flipped().path, scene.anchor, &expected),
            _ => {}
        }
        let copy = flipped();
        match outcome(&copy.path, &[scene.anchor], &expected) {
            Outcome::Silent(what) => panic!("bit {bit} passes verification, and {what}"),
            outcome => (outcome, is_rebuilt),
        }
    });
    let count = |wanted| outcomes.iter().filter(|(outcome, _)| *outcome == wanted).count();
    let [detected, harmless, refused] = [Outcome::Detected, Outcome::Harmless, Outcome::Refused].map(count);
    let rebuilt = outcomes.iter().filter(|(_, is_rebuilt)| *is_rebuilt).count();
    println!(
        "bit flips: {detected} detected, {harmless} harmless, {refused} refused; {rebuilt} rebuilt; {flips} of {} bits",
        scene.bits(),
    );
}

/// Whether a rebuild succeeds; if it does, everything reads as it did.
pub(super) fn rebuild(path: &Path, anchor: Anchor, expected: &Reading) -> bool {
    let Ok(vault) = Vault::builder().durability(Durability::Fast).open(path) else { return false };
    if vault.rebuild(&[anchor]).is_err() {
        return false;
    }
    let report = vault.verify(&[anchor]).unwrap();
    assert!(report.is_intact(), "{report}");
    assert_eq!(difference(&read(&vault).unwrap(), expected), None, "rebuilt");
    true
}

#[test]
fn a_flipped_bit_of_a_small_vault_is_detected_refused_or_harmless() {
    flip(suite("bit flips", 20_000, small_scene().bits()), small_scene());
}

#[test]
fn a_flipped_bit_of_a_wal_is_detected_refused_or_harmless() {
    flip(suite("bit flips in a WAL", 2_000, open_scene().bits()), open_scene());
}

#[test]
fn a_flipped_bit_is_detected_refused_or_harmless() {
    flip(suite("bit flips in large pages", 500, 20_000), scene());
}

/// The trees of this file have several pages each: a bit may lead a search astray where a scan is right.
#[test]
fn a_flipped_bit_leads_no_search_astray() {
    flip(suite("bit flips in small pages", 200, 20_000), fine_scene());
}

/// The control: an edit that keeps every hash right is silent to whoever holds no anchor, and this suite says so.
#[test]
fn the_suite_sees_a_silent_change_where_there_is_one() {
    let scene = scene();
    let expected = read(&scene.copy().open()).unwrap();
    let copy = scene.copy();
    copy.edit(|conn| {
        super::forger::rewrite(conn, None, |position, entry, _| {
            entry.ts_ms += i64::from(position == 12);
            super::forger::Fate::Keep
        });
    });
    assert!(matches!(outcome(&copy.path, &[], &expected), Outcome::Silent(_)));
    assert_eq!(outcome(&copy.path, &[scene.anchor], &expected), Outcome::Detected);
}
