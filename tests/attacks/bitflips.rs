//! Single flipped bits anywhere in the file: detected, refused, or harmless.

use causal_vault::{Anchor, Durability, ErrorKind, Filter, StoreError, StoredEvent, Vault};

use super::scene::{Copy, scene};
use crate::suite::suite;

#[derive(Debug, PartialEq)]
enum Outcome {
    Detected,
    Harmless,
    Refused,
    /// It passes verification and reads something else.
    Silent,
}

fn everything(vault: &Vault) -> Result<Vec<StoredEvent>, StoreError> {
    vault.events(Filter::all())?.collect()
}

fn outcome(bytes: &[u8], anchor: &[Anchor], expected: &[StoredEvent]) -> Outcome {
    let copy = Copy::of(bytes);
    let Ok(vault) = Vault::builder().durability(Durability::Fast).open(&copy.path) else { return Outcome::Refused };
    match vault.verify(anchor) {
        Err(error) => {
            assert_ne!(error.kind(), ErrorKind::Invalid, "stored bytes are nobody's argument: {error}");
            Outcome::Refused
        }
        Ok(report) if !report.is_intact() => Outcome::Detected,
        Ok(_) if everything(&vault).as_deref() == Ok(expected) => Outcome::Harmless,
        Ok(_) => Outcome::Silent,
    }
}

#[test]
fn a_flipped_bit_is_detected_refused_or_harmless() {
    let suite = suite("bit flips", 500, 20_000);
    let scene = scene();
    let expected = everything(&Vault::open(&scene.copy().path).unwrap()).unwrap();
    let mut seen = [0; 3];
    for case in 0..suite.cases {
        let mut bytes = scene.bytes().to_vec();
        let bit = suite.dice(case.into()).below(bytes.len() as u64 * 8);
        bytes[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
        match outcome(&bytes, &[scene.anchor], &expected) {
            Outcome::Detected => seen[0] += 1,
            Outcome::Harmless => seen[1] += 1,
            Outcome::Refused => seen[2] += 1,
            Outcome::Silent => panic!("bit {bit} of the file changes what is read and passes verification"),
        }
    }
    println!("bit flips: {} detected, {} harmless, {} refused", seen[0], seen[1], seen[2]);
}

/// The control: an edit that keeps every hash right is silent to whoever holds no anchor, and this suite says so.
#[test]
fn the_suite_sees_a_silent_change_where_there_is_one() {
    let scene = scene();
    let expected = everything(&Vault::open(&scene.copy().path).unwrap()).unwrap();
    let copy = scene.copy();
    copy.edit(|conn| {
        super::forger::rewrite(conn, None, |position, entry, _| {
            entry.ts_ms += i64::from(position == 12);
            super::forger::Fate::Keep
        });
    });
    let bytes = std::fs::read(&copy.path).unwrap();
    assert_eq!(outcome(&bytes, &[], &expected), Outcome::Silent);
    assert_eq!(outcome(&bytes, &[scene.anchor], &expected), Outcome::Detected);
}
