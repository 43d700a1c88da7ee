//! Single flipped bits anywhere in the file: detected, refused, or harmless.

use std::path::Path;

use causal_vault::{Anchor, Durability, EntryHash, ErrorKind, Filter, StoreError, StoredEvent, Vault};

use super::scene::{Copy, scene};
use crate::suite::suite;

#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// It passes verification, every event is there in its order, and a look-up misses one or finds another: an index
    /// of the engine is damaged, which `PRAGMA integrity_check` says and the rules do not.
    Astray,
    Detected,
    Harmless,
    Refused,
    /// It passes verification and reads something else.
    Silent,
}

/// What a vault says to every question about each of its events.
#[derive(Debug, PartialEq)]
pub(super) struct Reading {
    events: Vec<StoredEvent>,
    /// By log, by id, by reference, and the lineage.
    lookups: Vec<Vec<EntryHash>>,
}

pub(super) fn read(vault: &Vault) -> Result<Reading, StoreError> {
    let events = vault.events(Filter::all())?.collect::<Result<Vec<_>, _>>()?;
    let mut lookups = Vec::new();
    for event in &events {
        let header = &event.header;
        let log = Filter::stream(&*header.stream).with_writer(header.writer).with_kind(&*header.kind);
        let in_log = vault.events(log)?.map(|event| event.map(|event| event.header.hash));
        lookups.push(in_log.collect::<Result<_, _>>()?);
        lookups.push(vault.try_get(header.id)?.into_iter().map(|event| event.header.hash).collect());
        lookups.push(vault.try_get(header)?.into_iter().map(|event| event.header.hash).collect());
        for lineage in [vault.ancestors(header.position), vault.descendants(header.position)] {
            match lineage {
                Err(StoreError::NotFound { .. }) => lookups.push(Vec::new()),
                found => lookups.push(found?.map(|header| Ok(header?.hash)).collect::<Result<_, StoreError>>()?),
            }
        }
    }
    Ok(Reading { events, lookups })
}

pub(super) fn outcome(path: &Path, anchor: &[Anchor], expected: &Reading) -> Outcome {
    let Ok(vault) = Vault::builder().durability(Durability::Fast).open(path) else { return Outcome::Refused };
    let refused = |error: StoreError| {
        assert_ne!(error.kind(), ErrorKind::Invalid, "stored bytes are nobody's argument: {error}");
        Outcome::Refused
    };
    match super::threads::verify(&vault, anchor) {
        Err(error) => return refused(error),
        Ok(report) if !report.is_intact() => return Outcome::Detected,
        Ok(_) => {}
    }
    match read(&vault) {
        Err(error) => refused(error),
        Ok(reading) if reading == *expected => Outcome::Harmless,
        Ok(reading) if reading.events == expected.events => Outcome::Astray,
        Ok(_) => Outcome::Silent,
    }
}

#[test]
fn a_flipped_bit_is_detected_refused_or_harmless() {
    let suite = suite("bit flips", 500, 20_000);
    let scene = scene();
    let expected = read(&scene.copy().open()).unwrap();
    let mut seen = [0; 4];
    for case in 0..suite.cases {
        let mut bytes = scene.bytes().to_vec();
        let bit = suite.dice(case.into()).below(bytes.len() as u64 * 8);
        bytes[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
        match outcome(&Copy::of(&bytes).path, &[scene.anchor], &expected) {
            Outcome::Detected => seen[0] += 1,
            Outcome::Harmless => seen[1] += 1,
            Outcome::Refused => seen[2] += 1,
            Outcome::Astray => seen[3] += 1,
            Outcome::Silent => panic!("bit {bit} of the file changes what is read and passes verification"),
        }
    }
    let [detected, harmless, refused, astray] = seen;
    println!("bit flips: {detected} detected, {harmless} harmless, {refused} refused, {astray} lead look-ups astray");
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
    assert_eq!(outcome(&copy.path, &[], &expected), Outcome::Silent);
    assert_eq!(outcome(&copy.path, &[scene.anchor], &expected), Outcome::Detected);
}
