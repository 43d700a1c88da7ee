//! Every verification here runs on several threads as well, and says the same.

use std::collections::BTreeSet;

use causal_vault::{Anchor, Event, Receipt, SigningKey, StoreError, Vault, VerifyReport, Writer};

use super::random::edit;
use super::scene::Copy;
use crate::suite::{Dice, suite};

/// What one thread says, and with it every number of threads: these divide the history.
pub(super) fn verify(vault: &Vault, anchors: &[Anchor]) -> Result<VerifyReport, StoreError> {
    let alone = vault.verify(anchors);
    for threads in [2, 5] {
        let together = vault.verifier().anchors(anchors).threads(threads).run();
        // Of several pages that cannot be read, the one that is met first depends on the threads.
        match (&together, &alone) {
            (Err(error), Err(first)) => assert_eq!(error.kind(), first.kind(), "{threads} threads: {error} | {first}"),
            _ => assert_eq!(together, alone, "{threads} threads"),
        }
    }
    alone
}

/// Some writers, some streams, some parents, signed and not, in batches and alone.
fn history(vault: &Vault, dice: &mut Dice) -> Vec<Anchor> {
    let key = |byte| SigningKey::from_bytes(&[byte; 32]);
    let writers: [Writer; 4] = [
        vault.named_writer("alice").unwrap(),
        vault.named_writer("bob").unwrap(),
        vault.writer(key(7)).unwrap(),
        vault.writer(key(8)).unwrap().signing_last(),
    ];
    let mut told: Vec<Receipt> = Vec::new();
    let mut anchors = Vec::new();
    let pick = |dice: &mut Dice, len: usize| usize::try_from(dice.below(len as u64)).unwrap();
    for _ in 0..1 + dice.below(40) {
        let batch: Vec<Event> = (0..1 + dice.below(8))
            .map(|n| {
                let length = if dice.below(6) == 0 { 3000 } else { 20 };
                let event = Event::raw(["a", "b"][pick(dice, 2)], vec![b'x'; length + pick(dice, 3)]);
                let event = event.stream(["s", "t"][if n == 0 { pick(dice, 2) } else { 0 }]);
                let parents = if told.is_empty() { 0 } else { dice.below(3) };
                (0..parents)
                    .map(|_| pick(dice, told.len()))
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .fold(event, |event, at| event.parent(&told[at]))
            })
            .collect();
        told.extend(writers[pick(dice, 4)].commit_batch(batch).unwrap());
        if dice.below(8) == 0 {
            anchors.push(vault.tree_head().unwrap().into());
        }
    }
    anchors
}

#[test]
fn a_random_history_after_random_edits_has_one_report_whatever_the_number_of_threads() {
    let suite = suite("reports of several threads", 60, 5_000);
    let (mut broken, mut unreadable) = (0, 0);
    for case in 0..suite.cases {
        let mut dice = suite.dice(case.into());
        let copy = Copy::of(&[]);
        let anchors = history(&copy.open(), &mut dice);
        let bytes = std::fs::read(&copy.path).unwrap();
        for _ in 0..5 {
            let copy = Copy::of(&bytes);
            copy.edit(|conn| (0..dice.below(4)).for_each(|_| drop(edit(conn, &mut dice))));
            if let Ok(vault) = Vault::open(&copy.path) {
                match verify(&vault, &anchors) {
                    Ok(report) => broken += u32::from(!report.is_intact()),
                    Err(_) => unreadable += 1,
                }
            }
        }
    }
    println!("reports of several threads: {broken} broken, {unreadable} unreadable");
    assert!(broken > suite.cases, "{broken} broken, {unreadable} unreadable");
}
