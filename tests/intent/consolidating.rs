//! Consolidation: bounded, recorded, and the same whenever it is done.

use std::collections::{BTreeMap, BTreeSet};

use causal_vault::{Assignment, CellId, IntentFact, IntentId, IntentOptions, IntentStore};
use proptest::prelude::*;

use super::filled;
use crate::suite::stream::{Dice, Stream};
use crate::suite::suite;

/// Follows an id through the facts alone, as a reader of a log does who has no store.
fn follow(id: IntentId, facts: &[IntentFact]) -> IntentId {
    facts.iter().fold(id, |id, fact| match fact {
        IntentFact::Merged { from, into } if *from == id => *into,
        IntentFact::Split { from, into } if *from == id && !into.contains(from) => into[0],
        _ => id,
    })
}

fn facts(assigned: &[Assignment]) -> Vec<IntentFact> {
    assigned.iter().flat_map(|event| event.facts.clone()).collect()
}

#[test]
fn near_duplicates_are_merged_and_the_old_id_resolves() {
    let store = IntentStore::new(IntentOptions::new("model", 8).manual()).unwrap();
    let mut dice = Dice::new(1);
    let groups: Vec<Vec<f32>> = (0..3).map(|_| dice.direction(8)).collect();
    let mut ids = BTreeMap::new();
    for number in 0..30 {
        let group = &groups[number % 3];
        let event: Vec<f32> = group.iter().map(|value| value + 0.08 * dice.normal()).collect();
        ids.entry(number % 3).or_insert_with(Vec::new).push(store.assign(&event).unwrap().0);
    }
    assert!(store.intents().len() > 3, "nothing is known yet, and what is only alike stands apart");
    let facts = store.consolidate().unwrap();
    assert_eq!(store.intents().len(), 3, "{:#?}", store.intents());
    for ids in ids.values() {
        let now: BTreeSet<_> = ids.iter().map(|id| store.resolve(id).unwrap()).collect();
        assert_eq!(now.len(), 1);
        assert!(ids.iter().all(|id| now.contains(&follow(*id, &facts))));
    }
    assert!(facts.iter().all(|fact| matches!(fact, IntentFact::Merged { .. })));
}

#[test]
fn what_has_become_two_is_split_and_the_parts_are_named() {
    let options = IntentOptions::new("model", 8).manual().threshold(-1.0);
    let store = IntentStore::new(options).unwrap();
    let mut dice = Dice::new(2);
    let (one, two) = (dice.direction(8), dice.direction(8));
    let near: Vec<f32> = one.iter().zip(&two).map(|(one, two)| 0.6 * one + 0.4 * two).collect();
    let mut cells: [Vec<CellId>; 2] = Default::default();
    let mut first = None;
    for number in 0..80 {
        let side = usize::from(number % 2 == 1);
        let centre = [&one, &two][side];
        let blend = if number < 4 { &near } else { centre };
        let event: Vec<f32> = blend.iter().map(|value| value + 0.03 * dice.normal()).collect();
        let assigned = store.assign_event(event.as_slice()).unwrap();
        first.get_or_insert(assigned.intent);
        if number >= 4 {
            cells[side].push(assigned.cell);
        }
    }
    let first = first.unwrap();
    assert_eq!(store.intents().len(), 1, "all of it was taken for one");
    let facts = store.consolidate().unwrap();
    let split = facts.iter().find_map(|fact| match fact {
        IntentFact::Split { from, into } if *from == first => Some(into.clone()),
        _ => None,
    });
    assert!(split.is_some_and(|into| into.len() >= 2 && into.contains(&first)), "{facts:?}");
    let now = cells.map(|side| side.iter().map(|cell| store.intent_of(*cell).unwrap()).collect::<BTreeSet<_>>());
    assert!(now[0].len() == 1 && now[1].len() == 1 && now[0] != now[1], "{now:?}");
}

#[test]
fn consolidating_again_changes_nothing_when_nothing_has_come() {
    let (events, _) = Stream::PLAIN.events();
    for count in [1, 2, 17, 300, 600] {
        let (store, _) = filled(IntentOptions::new("model", 32).cells(100), &events[..count]);
        store.consolidate().unwrap();
        let settled = store.snapshot().unwrap();
        assert_eq!(store.consolidate().unwrap(), []);
        assert_eq!(store.snapshot().unwrap(), settled);
        assert_eq!(IntentStore::restore(&settled).unwrap().consolidate().unwrap(), []);
    }
}

#[test]
fn nothing_to_consolidate_is_nothing_done() {
    let store = IntentStore::new(IntentOptions::new("model", 2)).unwrap();
    assert_eq!(store.consolidate().unwrap(), []);
    assert!(store.intents().is_empty());
}

#[test]
fn the_work_of_one_event_is_bounded_while_a_consolidation_is_under_way() {
    let options = || IntentOptions::new("model", 8).cells(200);
    let (events, _) = Stream { events: 1_500, intents: 60, dimension: 8, ..Stream::PLAIN }.events();
    let (_, assigned) = filled(options(), &events);
    let ended = assigned.iter().filter(|event| !event.facts.is_empty()).count();
    assert!(ended > 5, "{ended}");
    // The last field of a snapshot is the consolidation that is under way: nil if there is none.
    let store = IntentStore::new(options()).unwrap();
    let mut under_way = 0;
    for event in &events {
        store.assign(event).unwrap();
        under_way += u32::from(store.snapshot().unwrap().last() != Some(&0xc0));
    }
    assert!(under_way > 20, "{under_way} events found one under way, and none of {ended} took more than one event");
}

#[test]
fn an_intent_of_long_ago_gives_way_to_what_is_new_by_events_and_not_by_time() {
    let mut dice = Dice::new(3);
    let others: Vec<Vec<f32>> = (0..6).map(|_| dice.direction(16)).collect();
    let [home, away] = [dice.direction(16), dice.direction(16)];
    let moved: Vec<f32> = home.iter().zip(&away).map(|(home, away)| 0.8 * home + 0.6 * away).collect();
    let mut around = |centre: &[f32]| -> Vec<f32> { centre.iter().map(|value| value + 0.03 * dice.normal()).collect() };
    let mut events: Vec<Vec<f32>> = (0..120).map(|_| around(&home)).collect();
    events.extend((0..600).map(|number| around(&others[number % 6])));
    events.extend((0..10).map(|_| around(&moved)));
    let follows = |horizon| {
        let (store, _) = filled(IntentOptions::new("model", 16).cells(50).threshold(0.5).horizon(horizon), &events);
        store.classify(&moved).unwrap().unwrap().similarity
    };
    let (aged, ageless) = (follows(100), follows(1 << 40));
    assert!(aged > ageless + 0.02, "{aged} and {ageless}");
}

#[test]
fn whatever_comes_ids_resolve_counts_add_up_and_facts_tell_what_the_store_tells() {
    let suite = suite("intents", 12, 400);
    let case = (any::<u64>(), 1usize..1_200, 2usize..24, 1usize..40, 2usize..120, 0.05f32..0.8, 0u32..400);
    suite
        .runner()
        .run(&case, |(seed, count, dimension, intents, cells, separation, asked)| {
            let stream = Stream { seed, events: count, dimension, intents, drift: 0.3, late: 0.6, ..Stream::PLAIN };
            let (events, _) = stream.events();
            let options = || IntentOptions::new("model", dimension).cells(cells).separation(separation).horizon(500);
            let store = IntentStore::new(options()).unwrap();
            let again = IntentStore::new(options()).unwrap();
            let mut history = Vec::new();
            let mut labels: Vec<(IntentId, CellId, usize)> = Vec::new();
            for (number, event) in (1u32..).zip(&events) {
                let assigned = store.assign_event(event.as_slice()).unwrap();
                prop_assert_eq!(&again.assign_event(event.as_slice()).unwrap(), &assigned);
                labels.push((assigned.intent, assigned.cell, history.len()));
                history.extend(assigned.facts);
                if asked > 0 && number % asked == 0 {
                    let facts = store.consolidate().unwrap();
                    prop_assert_eq!(&again.consolidate().unwrap(), &facts);
                    history.extend(facts);
                }
            }
            prop_assert_eq!(store.snapshot().unwrap(), again.snapshot().unwrap());
            let live: BTreeMap<IntentId, u64> =
                store.intents().iter().map(|intent| (intent.id, intent.events)).collect();
            let mut counts: BTreeMap<IntentId, u64> = BTreeMap::new();
            for (then, cell, seen) in &labels {
                *counts.entry(store.intent_of(*cell).unwrap()).or_default() += 1;
                let now = store.resolve(then).unwrap();
                prop_assert!(live.contains_key(&now));
                prop_assert_eq!(follow(*then, &history[*seen..]), now);
            }
            prop_assert_eq!(counts, live);
            Ok(())
        })
        .unwrap();
}

#[test]
fn facts_survive_a_round_trip_through_messagepack_and_json() {
    let (events, _) = Stream::PLAIN.events();
    let facts = facts(&filled(IntentOptions::new("model", 32), &events).1);
    assert!(facts.iter().any(|fact| fact.kind() == "intent.merged"));
    for fact in facts {
        let bytes = rmp_serde::to_vec_named(&fact).unwrap();
        assert_eq!(rmp_serde::from_slice::<IntentFact>(&bytes).unwrap(), fact);
        let text = serde_json::to_string(&fact).unwrap();
        assert_eq!(serde_json::from_str::<IntentFact>(&text).unwrap(), fact);
    }
}

/// Each event has a direction of its own, so that without a number consolidations begin for what is new.
#[test]
fn a_consolidation_begins_after_as_many_events_as_were_asked_for() {
    let begins = |options: IntentOptions| -> Vec<u64> {
        let store = IntentStore::new(options.threshold(1.0)).unwrap();
        let mut dice = Dice::new(7);
        let learnt = (1..=55).filter(|_| {
            let before = store.calibration();
            store.assign(&dice.direction(16)).unwrap();
            store.calibration() != before
        });
        learnt.collect()
    };
    let options = || IntentOptions::new("model", 16);
    assert_eq!(begins(options().consolidate_every(20)), [20, 40]);
    assert_eq!(begins(options().consolidate_every(40)), [40]);
    assert!(begins(options()).len() > 2);
    assert_eq!(begins(options().consolidate_every(40).manual()), [0; 0]);
    let error = IntentStore::new(options().consolidate_every(0)).unwrap_err();
    assert!(error.to_string().contains("consolidate_every is 0; give at least one event"), "{error}");
}
