//! What is asked as of a position is what a vault answered that ended there.

use causal_vault::{Event, Filter, IntentId, Position, Query, Similar, Vault};

use super::super::alice;
use super::{MOVING, thought};
use crate::suite::suite;

/// What a query comes to, without what only the file knows.
fn told(found: Vec<Similar>) -> Vec<(Position, u32, Option<IntentId>, Option<IntentId>)> {
    let told = |found: Similar| {
        let header = found.event.header;
        (header.position, found.similarity.to_bits(), header.intent, found.intent)
    };
    found.into_iter().map(told).collect()
}

fn copy_of(vault: &Vault, folder: &tempfile::TempDir, n: usize) -> Vault {
    let mut bundle = Vec::new();
    vault.export(Filter::all(), &mut bundle).unwrap();
    let copy = Vault::restore(folder.path().join(n.to_string()), &bundle[..], &[]).unwrap();
    copy.assign_up_to(copy.tree_head().unwrap().into()).unwrap();
    copy
}

#[test]
fn recall_as_of_a_position_is_that_of_a_vault_that_ended_there() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::open(folder.path().join("agents.vault")).unwrap();
    let suite = suite("recall as of a position", 8, 100);
    let (events, _) = MOVING.events();
    let mut then: Vec<(Position, Vault)> = Vec::new();
    for (n, values) in events.iter().enumerate() {
        let writer = vault.named_writer(["alice", "bob", "carol"][n % 3]).unwrap();
        let kind = ["thought", "wish"][n % 2];
        let event = Event::raw(kind, n.to_string()).stream(["mind", "heart"][n / 7 % 2]).embedding("plane", values);
        writer.commit(event).unwrap();
        if n % (events.len() / suite.cases as usize) == 37 {
            if n % 2 == 0 {
                vault.consolidate_intents("plane").unwrap();
            }
            then.push((vault.tree_head().unwrap().into(), copy_of(&vault, &folder, n)));
        }
    }
    let mut dice = suite.dice(1);
    let mut found_in_all = 0;
    for (position, old) in &then {
        for _ in 0..10 {
            let about = &events[usize::try_from(dice.below(400)).unwrap()];
            let any = vault.events(Filter::all().up_to(*position)).unwrap().nth(3).unwrap().unwrap().header;
            let filter = match dice.below(7) {
                0 => Filter::stream("heart"),
                1 => Filter::kind("w*").with_writer(any.writer),
                2 => Filter::writer(any.writer).after(Position::new(9)),
                3 => Filter::all().with_intent(any.intent.unwrap()),
                4 => Filter::stream("nowhere"),
                5 => Filter::parent(&any),
                _ => Filter::all(),
            };
            let k = usize::try_from(dice.below(30)).unwrap();
            let query = Query::embedding("plane", about).filter(filter.clone());
            let expected = told(old.similar(&query, k).unwrap());
            let query = Query::embedding("plane", about).filter(filter.up_to(*position));
            assert_eq!(told(vault.similar(&query, k).unwrap()), expected, "{query:?}");
            found_in_all += expected.len();
        }
    }
    assert!(found_in_all > 200, "{found_in_all}");
}

#[test]
fn an_intent_as_of_a_position_has_the_events_that_it_had_there() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::open(folder.path().join("agents.vault")).unwrap();
    let (events, _) = MOVING.events();
    let alice = alice(&vault);
    let mut moments: Vec<(Position, super::Oracle)> = Vec::new();
    for (n, values) in events.iter().enumerate() {
        alice.commit(thought(n, values)).unwrap();
        if n % 60 == 50 {
            moments.push((vault.tree_head().unwrap().into(), super::Oracle::of(&vault)));
        }
    }
    vault.consolidate_intents("plane").unwrap();
    let mut retired = 0;
    for (position, then) in moments {
        let store = &then.stores["plane"];
        let expected: Vec<_> =
            then.labels.iter().map(|(position, (_, _, cell))| (*position, store.intent_of(*cell).unwrap())).collect();
        assert_eq!(vault.intent_labels(&Filter::all().up_to(position)).unwrap(), expected);
        let near = Query::embedding("plane", &events[0]).filter(Filter::all().up_to(position));
        let mut near = vault.similar(&near, 1000).unwrap();
        near.sort_by_key(|found| found.event.header.position);
        let near: Vec<_> = near.iter().map(|found| (found.event.header.position, found.intent.unwrap())).collect();
        assert_eq!(near, expected);
        for intent in store.intents() {
            let filter = Filter::all().with_intent(intent.id).up_to(position);
            let members = vault.events(filter).unwrap().count();
            assert_eq!(members as u64, intent.events, "intent {} as of {position}", intent.id);
            retired += usize::from(vault.resolve_intent(&intent.id).unwrap() != Some(intent.id));
        }
    }
    assert!(retired > 9, "{retired}");
}
