//! Single flipped bits anywhere in the file: detected, refused, or harmless.

use std::path::Path;

use causal_vault::{Anchor, Durability, EntryHash, ErrorKind, EventKey, Filter, StoreError, StoredEvent, Vault};

use super::scene::{Copy, Scene, fine_scene, scene};
use crate::suite::{Suite, suite};

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
    lookups: Vec<(String, Vec<EntryHash>)>,
}

pub(super) fn read(vault: &Vault) -> Result<Reading, StoreError> {
    let events = vault.events(Filter::all())?.collect::<Result<Vec<_>, _>>()?;
    let mut lookups = Vec::new();
    for event in &events {
        let header = &event.header;
        let log = || Filter::stream(&*header.stream).with_writer(header.writer);
        for (what, filter) in [
            ("the log", log()),
            ("the log from there", log().after(header.position)),
            ("the log's kind", log().with_kind(&*header.kind)),
            ("the stream", Filter::stream(&*header.stream)),
            ("the writer", Filter::writer(header.writer)),
            ("the kind", Filter::kind(&*header.kind)),
            ("the children", Filter::parent(event)),
            ("the rest", Filter::all().after(header.position)),
        ] {
            let hashes = vault.events(filter)?.map(|event| event.map(|event| event.header.hash));
            lookups.push((format!("{what} of {}", header.position), hashes.collect::<Result<_, _>>()?));
        }
        for key in [header.id.into(), header.into(), header.hash.into(), EventKey::from(header.position)] {
            let found = vault.try_get(key.clone())?.into_iter().map(|event| event.header.hash).collect();
            lookups.push((format!("{key:?}"), found));
        }
        let payload = vault.try_payload(&header.payload_digest)?.map(|bytes| EntryHash::of(&bytes));
        lookups.push((format!("the payload of {}", header.position), payload.into_iter().collect()));
        for lineage in [vault.ancestors(header.position), vault.descendants(header.position)] {
            let found = match lineage {
                Err(StoreError::NotFound { .. }) => Vec::new(),
                found => found?.map(|header| Ok(header?.hash)).collect::<Result<_, StoreError>>()?,
            };
            lookups.push((format!("the lineage of {}", header.position), found));
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

/// Flips one random bit of a copy, as often as the suite says.
fn flip(suite: Suite, scene: &Scene) {
    let expected = read(&scene.copy().open()).unwrap();
    let (mut seen, mut rebuilt) = ([0; 3], 0);
    for case in 0..suite.cases {
        let mut bytes = scene.bytes().to_vec();
        let bit = suite.dice(case.into()).below(bytes.len() as u64 * 8);
        bytes[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
        let copy = Copy::of(&bytes);
        match case % 4 {
            0 => drop(super::threads::verify(&copy.path, &[scene.anchor])),
            1 => rebuilt += u32::from(rebuild(&Copy::of(&bytes).path, scene.anchor, &expected)),
            _ => {}
        }
        match outcome(&copy.path, &[scene.anchor], &expected) {
            Outcome::Detected => seen[0] += 1,
            Outcome::Harmless => seen[1] += 1,
            Outcome::Refused => seen[2] += 1,
            Outcome::Silent(what) => panic!("bit {bit} of the file passes verification, and {what}"),
        }
    }
    let [detected, harmless, refused] = seen;
    println!("bit flips: {detected} detected, {harmless} harmless, {refused} refused; {rebuilt} rebuilt");
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
fn a_flipped_bit_is_detected_refused_or_harmless() {
    flip(suite("bit flips", 500, 20_000), scene());
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
