//! What is near by meaning and what has the words, in one answer.

use std::collections::{BTreeMap, BTreeSet};

use causal_vault::{Encoder, Event, Filter, HashingEncoder, Position, Query, TextRule, Vault};

use super::super::{alice, vault};
use super::MOVING;

#[test]
fn hybrid_recall_fuses_the_ranks_of_both_answers() {
    let vault = vault();
    vault.index_text(TextRule::kind("note")).unwrap();
    let alice = alice(&vault);
    for n in 0..60_u16 {
        let text = format!("note {n} {}", if n % 7 == 0 { "billing" } else { "lunch" });
        let values = [1.0, f32::from(n % 11)];
        alice.commit(Event::new("note", &text).unwrap().stream("chat").embedding("plane", &values)).unwrap();
    }
    let query = Query::embedding("plane", &[1.0, 2.0]).words("billing note");
    for end in [60, 30, 8] {
        let filter = Filter::all().up_to(Position::new(end));
        let query = query.clone().filter(filter.clone());
        let mut scores = BTreeMap::new();
        let near = vault.similar(&query, 100).unwrap();
        let fits = vault.search("billing note", &filter, 100).unwrap();
        for (rank, position) in near.iter().map(|near| near.event.header.position).enumerate() {
            *scores.entry(position).or_insert(0.0) += 1.0 / (61.0 + rank as f64);
        }
        for (rank, position) in fits.iter().map(|fits| fits.event.header.position).enumerate() {
            *scores.entry(position).or_insert(0.0) += 1.0 / (61.0 + rank as f64);
        }
        let mut expected: Vec<(Position, f64)> = scores.into_iter().collect();
        expected.sort_by(|(_, left), (_, right)| right.total_cmp(left));
        let found = vault.hybrid(&query, 20).unwrap();
        let told: Vec<_> = found.iter().map(|found| (found.event.header.position, found.score)).collect();
        assert_eq!(told, expected[..told.len()]);
        assert_eq!(told.len(), expected.len().min(20));
        assert!(found.iter().all(|found| found.intent.is_some()));
    }
    let error = vault.hybrid(&Query::embedding("plane", &[1.0, 2.0]), 1).unwrap_err();
    assert!(error.to_string().contains(".words"), "{error}");
}

#[test]
fn hybrid_recall_tells_of_each_event_what_either_answer_tells_of_it() {
    let vault = vault();
    vault.index_text(TextRule::kind("note")).unwrap();
    let (events, _) = MOVING.events();
    for (n, values) in events.iter().enumerate() {
        let event = Event::new("note", &["even", "odd"][n % 2]).unwrap().stream("chat");
        let event = if n % 50 == 0 { event } else { event.embedding("plane", values) };
        alice(&vault).commit(event).unwrap();
    }
    vault.consolidate_intents("plane").unwrap();
    let filter = Filter::all().up_to(Position::new(150));
    let query = Query::embedding("plane", &events[7]).words("even").filter(filter.clone());
    let intents: BTreeMap<_, _> = vault.intent_labels(&filter).unwrap().into_iter().collect();
    let now: BTreeMap<_, _> = vault.intent_labels(&Filter::all()).unwrap().into_iter().collect();
    let moved = intents.iter().filter(|(position, intent)| now[*position] != **intent).count();
    assert!(moved > 20, "{moved} events belong elsewhere since");
    for k in [100, 400] {
        let depth = k.max(100);
        let near = vault.similar(&query, depth).unwrap();
        let near: BTreeMap<_, _> = near.iter().map(|near| (near.event.header.position, near.similarity)).collect();
        let fits = vault.search("even", &filter, depth).unwrap();
        let fits: BTreeMap<_, _> = fits.iter().map(|fits| (fits.event.header.position, fits.score)).collect();
        let found = vault.hybrid(&query, k).unwrap();
        for found in &found {
            let position = found.event.header.position;
            assert_eq!(found.similarity, near.get(&position).copied(), "{position}");
            assert_eq!(found.text_score, fits.get(&position).copied(), "{position}");
            assert_eq!(found.intent, intents.get(&position).copied(), "{position}");
        }
        let all: BTreeSet<_> = near.keys().chain(fits.keys()).collect();
        assert_eq!(found.len(), all.len().min(k));
        assert!(k > 100 || found.iter().any(|found| found.similarity.is_none() && found.intent.is_some()));
    }
}

#[test]
fn words_that_are_given_take_the_place_of_the_text() {
    let encoder = HashingEncoder::new();
    let vault = Vault::builder().encoder(encoder.clone()).in_memory().unwrap();
    vault.index_text(TextRule::kind("note")).unwrap();
    for text in ["milk and bread", "the harbour at night"] {
        let event = Event::new("note", text).unwrap().stream("chat");
        alice(&vault).commit(event.embedding(encoder.model(), &encoder.encode(text).unwrap())).unwrap();
    }
    let scores = |query: Query| {
        vault.hybrid(&query, 2).unwrap().iter().map(|found| found.text_score.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(scores(Query::text("milk")), [true, false]);
    assert_eq!(scores(Query::text("milk").words("nothing")), [false, false]);
}

#[test]
fn an_event_is_not_found_by_its_own_words_and_takes_the_place_of_no_other() {
    let vault = vault();
    vault.index_text(TextRule::kind("note")).unwrap();
    let receipts: Vec<_> = (0..101_u16)
        .map(|n| {
            let event = Event::new("note", "milk and bread").unwrap().stream("chat");
            alice(&vault).commit(event.embedding("plane", &[1.0, f32::from(n)])).unwrap()
        })
        .collect();
    let query = Query::event(&receipts[3]).words("bread");
    let found = vault.hybrid(&query, 200).unwrap();
    assert_eq!(found.len(), 100);
    let filtered = query.filter(Filter::all().up_to(receipts[100].position));
    for found in [found, vault.hybrid(&filtered, 100).unwrap()] {
        assert!(found.iter().all(|found| found.event.header.position != receipts[3].position));
        assert!(found.iter().all(|found| found.similarity.is_some() && found.text_score.is_some()));
    }
}
