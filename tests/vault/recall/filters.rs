//! What a filter wants is the same, whoever is asked.

use std::collections::BTreeSet;

use causal_vault::{Event, Filter, Fingerprint, IntentFact, IntentId, Position, Query, Receipt, TextRule, Vault};

use super::super::{alice, vault};
use super::{MOVING, thought};
use crate::suite::{Dice, suite};

/// A filter of several parts, some of which nothing has.
fn filter(dice: &mut Dice, told: &[Receipt], intents: &[IntentId], strange: &Receipt) -> Filter {
    let mut filter = Filter::all();
    let mut one_in = |n| dice.below(n) == 0;
    if one_in(3) {
        filter = filter.with_stream(["mind", "heart"][usize::from(one_in(2))]);
    }
    if one_in(3) {
        let name = if one_in(4) { "nobody" } else { ["alice", "bob"][usize::from(one_in(2))] };
        filter = filter.with_writer(Fingerprint::named(name).unwrap());
    }
    if one_in(3) {
        filter = filter.with_kind(if one_in(4) { "w*s" } else { ["w*", "thought"][usize::from(one_in(2))] });
    }
    if one_in(4) {
        filter = if one_in(3) { filter.with_parent(strange) } else { filter.with_parent(&told[0]) };
    }
    let mut below = |end: usize| usize::try_from(dice.below(end as u64)).unwrap();
    if below(4) == 0 {
        filter = filter.with_intent(intents[below(intents.len())]);
    }
    if below(3) == 0 {
        filter = filter.after(Position::new(below(100) as u64));
    }
    if below(3) == 0 { filter.up_to(Position::new(100 + below(200) as u64)) } else { filter }
}

/// Writers, streams and kinds of every combination; every third event has the first one for a parent.
fn told(vault: &Vault) -> Vec<Receipt> {
    let mut told: Vec<Receipt> = Vec::new();
    for (n, values) in MOVING.events().0.iter().enumerate().take(240) {
        let event = Event::raw(["thought", "wish", "wonder"][n % 3], "word").content_type("text/plain");
        let event = event.stream(["mind", "heart"][n / 3 % 2]).embedding("plane", values);
        let parent = told.first().filter(|_| n % 5 == 2);
        let event = parent.into_iter().fold(event, |event, parent| event.parent(parent));
        told.push(vault.named_writer(["alice", "bob"][n / 6 % 2]).unwrap().commit(event).unwrap());
    }
    vault.consolidate_intents("plane").unwrap();
    told
}

#[test]
fn recall_and_search_find_what_a_reader_reads_with_the_same_filter() {
    let vault = vault();
    vault.index_text(TextRule::kind("*")).unwrap();
    let (told, suite) = (told(&vault), suite("filters of recall", 150, 10_000));
    let all = vault.events(Filter::all()).unwrap().map(|event| event.unwrap().header);
    let intents: Vec<IntentId> = all.filter_map(|header| header.intent).collect::<BTreeSet<_>>().into_iter().collect();
    let elsewhere = super::super::vault();
    let strange = alice(&elsewhere).commit(thought(0, &[1.0, 0.0])).unwrap();
    let query = Query::embedding("plane", &MOVING.events().0[7]);
    let mut sizes = BTreeSet::new();
    for case in 0..u64::from(suite.cases) {
        let filter = filter(&mut suite.dice(case), &told, &intents, &strange);
        let read = vault.events(filter.clone()).unwrap().map(|event| event.unwrap().header);
        let expected: Vec<Position> = read.filter(|header| header.model().is_some()).map(|it| it.position).collect();
        let near = vault.similar(&query.clone().filter(filter.clone()), 1000).unwrap();
        let near: BTreeSet<_> = near.iter().map(|found| found.event.header.position).collect();
        assert_eq!(near.into_iter().collect::<Vec<_>>(), expected, "{filter:?}");
        let fits = vault.search("word", &filter, 1000).unwrap();
        assert_eq!(fits.iter().map(|found| found.event.header.position).collect::<Vec<_>>(), expected, "{filter:?}");
        let labels = vault.intent_labels(&filter).unwrap();
        assert_eq!(labels.iter().map(|(position, _)| *position).collect::<Vec<_>>(), expected, "{filter:?}");
        let counted = vault.intents(&filter).unwrap().iter().map(|intent| intent.events).sum::<u64>();
        assert_eq!(counted, expected.len() as u64, "{filter:?}");
        sizes.insert(expected.len());
    }
    assert!(sizes.len() > 20 && sizes.contains(&0) && sizes.contains(&240), "{sizes:?}");
}

#[test]
fn an_intent_that_is_no_more_has_the_events_of_what_it_has_become() {
    let vault = vault();
    told(&vault);
    let members = |intent| {
        let read = vault.events(Filter::all().with_intent(intent)).unwrap();
        read.map(|event| event.unwrap().header.position).collect::<Vec<_>>()
    };
    let mut retired = 0;
    for (_, fact) in vault.intent_facts("plane").unwrap() {
        let (IntentFact::Merged { from, .. } | IntentFact::Split { from, .. }) = fact;
        let now = vault.resolve_intent(&from).unwrap().unwrap();
        retired += usize::from(now != from);
        assert!(!members(from).is_empty());
        assert_eq!(members(from), members(now));
    }
    assert!(retired > 0);
}
