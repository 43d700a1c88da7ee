//! Every verification here runs on several threads as well, and says the same.

use std::collections::BTreeSet;
use std::path::Path;

use causal_vault::{Anchor, Durability, Event, Receipt, SigningKey, StoreError, Vault, VerifyReport, Writer};

use super::random::edit;
use super::scene::Copy;
use crate::suite::{Dice, suite};
use rusqlite::Connection;

/// What one thread says, and with it every number of threads: these divide the history.
///
/// Each opens the file for itself: SQLite refuses some damaged pages only when it first reads them.
pub(super) fn verify(path: &Path, anchors: &[Anchor]) -> Result<VerifyReport, StoreError> {
    let verify = |threads| {
        let vault = Vault::builder().durability(Durability::Fast).open(path)?;
        vault.verifier().anchors(anchors).threads(threads).run()
    };
    let alone = verify(1);
    for threads in [2, 5] {
        match (verify(threads), &alone) {
            (Ok(together), Ok(alone)) => assert_eq!(together, *alone, "{threads} threads"),
            // Of several pages that cannot be read, the one that is met first depends on the threads.
            (Err(error), Err(first)) => assert_eq!(error.kind(), first.kind(), "{threads} threads: {error} | {first}"),
            (together, alone) => {
                let is_intact = |found: &Result<VerifyReport, _>| found.as_ref().is_ok_and(VerifyReport::is_intact);
                assert!(!is_intact(&together) && !is_intact(alone), "{threads} threads: {together:?} | {alone:?}");
            }
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
            match verify(&copy.path, &anchors) {
                Ok(report) => broken += u32::from(!report.is_intact()),
                Err(_) => unreadable += 1,
            }
        }
    }
    println!("reports of several threads: {broken} broken, {unreadable} unreadable");
    assert!(broken > suite.cases, "{broken} broken, {unreadable} unreadable");
}

#[test]
fn what_is_verified_since_any_anchor_and_what_was_before_it_is_the_whole() {
    let suite = suite("histories cut at anchors", 60, 5_000);
    let (mut missed, mut found) = (0, 0);
    for case in 0..suite.cases {
        let mut dice = suite.dice(case.into());
        let copy = Copy::of(&[]);
        let anchors = history(&copy.open(), &mut dice);
        let whole = copy.open().verify(&anchors).unwrap();
        for anchor in &anchors {
            let vault = copy.open();
            let report = vault.verifier().since(*anchor).run().unwrap();
            assert!(report.is_intact() && report.since == anchor.size && report.tree == whole.tree, "{report}");
            let entries: u64 = report.logs.iter().map(|log| log.entries).sum();
            assert_eq!(entries + anchor.size, whole.tree.size);
            for log in &report.logs {
                let same = whole
                    .logs
                    .iter()
                    .find(|all| (&all.stream, all.writer, all.epoch) == (&log.stream, log.writer, log.epoch));
                let before = log.first - 1;
                assert_eq!(same.map(|all| all.signed.max(before)), Some(before + log.signed), "{log:?}");
            }
        }
        // What an edit breaks behind an anchor is found since it.
        let bytes = std::fs::read(&copy.path).unwrap();
        let Some(anchor) = anchors.first().filter(|anchor| anchor.size < whole.tree.size) else { continue };
        for _ in 0..5 {
            let copy = Copy::of(&bytes);
            let position = anchor.size + 1 + dice.below(whole.tree.size - anchor.size);
            let edit = match dice.below(5) {
                0 => "DELETE FROM vault_entry",
                1 => "UPDATE vault_entry SET hash = zeroblob(32)",
                2 => "UPDATE vault_entry SET lamport = lamport + 1",
                3 => "UPDATE vault_entry SET bytes = substr(bytes, 2)",
                _ => "UPDATE vault_entry SET seq = seq + 1000",
            };
            copy.edit(|conn| {
                let id = format!("{edit} WHERE id = (1 << 40) + {position}");
                assert_eq!(conn.execute(&id, []).unwrap(), 1);
            });
            let is_intact = copy.open().verifier().since(*anchor).run().is_ok_and(|report| report.is_intact());
            assert!(!is_intact, "case {case}: {edit} at {position}, since {}", anchor.size);
            found += 1;
        }
        // Whatever a whole verification lets pass, one since an anchor does as well.
        let copy = Copy::of(&bytes);
        copy.edit(|conn| drop(edit(conn, &mut dice)));
        let Ok(vault) = Vault::open(&copy.path) else { continue };
        let is_intact = |report: Result<VerifyReport, StoreError>| report.is_ok_and(|report| report.is_intact());
        let is_whole = is_intact(vault.verify(&anchors));
        let is_since = is_intact(vault.verifier().since(*anchor).run());
        assert!(is_since || !is_whole, "case {case}");
        missed += u32::from(is_since && !is_whole);
    }
    println!("histories cut at anchors: {found} edits found since, {missed} left for a whole verification");
    assert!(found > suite.cases, "{found}");
}

/// An index over logs that claimed more cells than its page has was refused by the first verification on a connection, and
/// by no other after it: SQLite looks at the cells of a page only when it first reads it.
#[test]
fn a_page_that_was_refused_is_refused_again() {
    let scene = super::scene::small_scene();
    let copy = scene.copy();
    let page: u32 = Connection::open(&copy.path)
        .unwrap()
        .query_row("SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_vault_log_1'", [], |row| {
            row.get(0)
        })
        .unwrap();
    let mut bytes = scene.bytes().to_vec();
    bytes[(page as usize - 1) * 512 + 4] ^= 0x20;
    let copy = Copy::of(&bytes);
    let vault = copy.open();
    let first = verify(&copy.path, &[scene.anchor]).unwrap();
    assert!(!first.is_intact(), "{first}");
    for threads in [1, 1, 2, 1] {
        let again = vault.verifier().anchors(&[scene.anchor]).threads(threads).run();
        assert_eq!(again.as_ref(), Ok(&first), "{threads} threads");
    }
}
