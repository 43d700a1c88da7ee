use std::collections::BTreeSet;

use causal_vault::{ErrorKind, EventHeader, Lineage};
use proptest::prelude::*;

use super::history::{Told, plans, tell};
use super::{alice, note, vault};

/// Everything that can be reached over one kind of step, without the start.
fn reachable(told: &[Told], start: usize, steps: impl Fn(usize) -> Vec<usize>) -> Vec<usize> {
    let mut found = BTreeSet::new();
    let mut open = steps(start);
    while let Some(at) = open.pop() {
        if found.insert(at) {
            open.extend(steps(at));
        }
    }
    let mut found: Vec<usize> = found.into_iter().collect();
    found.sort_by_key(|at| (told[*at].lamport, told[*at].receipt.hash));
    found
}

fn hashes(lineage: Lineage) -> Vec<causal_vault::EntryHash> {
    lineage.map(|header| header.map(|header: EventHeader| header.hash)).collect::<Result<_, _>>().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn lineage_is_the_naive_closure_in_the_order_of_lamport_time_and_hash(plans in plans(30)) {
        let vault = vault();
        let told = tell(&vault, &plans);
        let hash = |at: usize| told[at].receipt.hash;
        for start in 0..told.len() {
            let up = reachable(&told, start, |at| told[at].parents.clone());
            let down = reachable(&told, start, |at| {
                (0..told.len()).filter(|child| told[*child].parents.contains(&at)).collect()
            });
            let key = &told[start].receipt;
            prop_assert_eq!(hashes(vault.ancestors(key).unwrap()), up.into_iter().rev().map(hash).collect::<Vec<_>>());
            prop_assert_eq!(hashes(vault.descendants(key).unwrap()), down.into_iter().map(hash).collect::<Vec<_>>());
        }
    }
}

#[test]
fn descendants_are_those_that_were_there_when_the_lineage_was_asked_for() {
    let vault = vault();
    let alice = alice(&vault);
    let root = alice.commit(note("root")).unwrap();
    let mut last = alice.commit(note("child").parent(&root)).unwrap();
    let mut seen = 0;
    for header in vault.descendants(&root).unwrap() {
        assert_eq!(header.unwrap().hash, last.hash);
        last = alice.commit(note("child of the child").parent(&last)).unwrap();
        seen += 1;
    }
    assert_eq!(seen, 1);
    assert_eq!(vault.descendants(&root).unwrap().count(), 2);
}

#[test]
fn the_lineage_of_an_event_that_is_not_there_is_an_error_that_names_it() {
    let vault = vault();
    let receipt = alice(&vault).commit(note("here")).unwrap();
    let elsewhere = super::vault();
    let error = elsewhere.ancestors(&receipt).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains(&receipt.hash.to_hex()), "{error}");
    assert_eq!(elsewhere.descendants(receipt.id).err().unwrap().kind(), ErrorKind::NotFound);
}
