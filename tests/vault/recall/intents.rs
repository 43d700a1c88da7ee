//! The intents of a tenant as a list.

use std::collections::BTreeMap;

use causal_vault::{ErrorKind, Event, Filter, IntentOptions, Position, Query, TextRule, UnitVector, Vault};

use super::super::{alice, on_disk, vault};
use super::{Oracle, STREAM, thought};

#[test]
fn intents_are_those_of_the_events_now_and_as_of_any_position() {
    let vault = vault();
    let (events, _) = STREAM.events();
    let writers = ["alice", "bob"].map(|name| vault.named_writer(name).unwrap());
    for (n, values) in events.iter().enumerate() {
        writers[n % 2].commit(thought(n, values)).unwrap();
    }
    for end in [1, 57, 200, 400] {
        let oracle = Oracle::up_to(&vault, Position::new(end));
        let store = &oracle.stores["plane"];
        let told = vault.intents(&Filter::all().up_to(Position::new(end))).unwrap();
        let mut expected: Vec<_> = store.intents().iter().map(|i| (i.id, i.events, i.first, i.last)).collect();
        expected.sort_by_key(|(_, events, first, _)| (std::cmp::Reverse(*events), *first));
        let found: Vec<_> = told.iter().map(|i| (i.id, i.events, i.first.number(), i.last.number())).collect();
        assert_eq!(found, expected, "as of {end}");
        for intent in &told {
            assert_eq!(intent.growth.iter().sum::<u64>(), intent.events);
            assert!(intent.exemplars.len() == 3 || intent.exemplars.len() as u64 == intent.events);
            for exemplar in &intent.exemplars {
                let (_, _, cell) = &oracle.labels[&exemplar.header.position];
                assert_eq!(store.intent_of(*cell), Some(intent.id));
            }
        }
        let bobs = vault.intents(&Filter::writer(writers[1].id()).up_to(Position::new(end))).unwrap();
        assert_eq!(bobs.iter().map(|intent| intent.events).sum::<u64>(), end / 2);
    }
}

#[test]
fn terms_are_the_words_that_other_intents_lack_and_numbers_are_none() {
    let vault = vault();
    for n in 0..20 {
        let (words, at) =
            [("please restart the billing service 4711", [1.0, 0.0]), ("please book the table", [0.0, 1.0])][n % 2];
        alice(&vault).commit(Event::new("ask", words).unwrap().stream("chat").embedding("plane", &at)).unwrap();
    }
    let intents = vault.intents(&Filter::all()).unwrap();
    let terms: Vec<_> = intents.iter().map(|intent| intent.terms.join(" ")).collect();
    assert_eq!(terms, ["billing restart service", "book table please the"]);
    assert_eq!(intents[1].label(), "book table please");
}

#[test]
fn terms_are_weighed_against_how_often_they_stand_anywhere_and_are_eight_at_most() {
    let vault = vault();
    let ask = |words: &str, at: [f32; 2]| {
        alice(&vault).commit(Event::new("ask", words).unwrap().stream("chat").embedding("plane", &at)).unwrap();
    };
    ask("all a b c d e f g h i", [1.0, 0.0]);
    for words in ["all half one", "all half", "all half", "all"] {
        ask(words, [0.0, 1.0]);
    }
    let intents = vault.intents(&Filter::all()).unwrap();
    // 8 of 18 words: 8/18 of all are expected; (3 - 1.33) / 1.15 = 1.44, (4 - 2.22) / 1.49 = 1.19, 0.56 / 0.67 = 0.83.
    assert_eq!(intents[0].terms, ["half", "all", "one"]);
    assert_eq!(intents[1].terms, ["a", "b", "c", "d", "e", "f", "g", "h"]);
}

#[test]
fn terms_are_of_the_texts_that_were_chosen_to_be_searched() {
    let vault = vault();
    for at in [[1.0, 0.0], [0.0, 1.0]] {
        let page = BTreeMap::from([("title", "billing"), ("body", "private")]);
        alice(&vault).commit(Event::new("page", &page).unwrap().stream("chat").embedding("plane", &at)).unwrap();
    }
    assert_eq!(vault.intents(&Filter::all()).unwrap()[0].terms, ["billing", "private"]);
    vault.index_text(TextRule::kind("page").field("title")).unwrap();
    assert_eq!(vault.intents(&Filter::all()).unwrap()[0].terms, ["billing"]);
}

#[test]
fn exemplars_are_the_nearest_to_the_mean_of_events_that_are_evenly_spread() {
    let vault = vault();
    vault.choose_intents(IntentOptions::new("plane", 2).separation(2.0).threshold(-1.0)).unwrap();
    // Of 100 events that turn further and further 64 are looked at: 0, 1, 3, 4, 6 .. 98.
    let events: Vec<Vec<f32>> = (0..100_u16).map(|n| vec![1.0, f32::from(n) / 1000.0]).collect();
    alice(&vault).commit_batch(events.iter().enumerate().map(|(n, values)| thought(n, values))).unwrap();
    let intents = vault.intents(&Filter::all()).unwrap();
    assert_eq!((intents.len(), intents[0].events), (1, 100));
    let sample: Vec<usize> = (0..64).map(|n| n * 100 / 64).collect();
    let unit = |n: usize| UnitVector::new(&events[n]).unwrap();
    let sum = |at: usize| sample.iter().map(|n| unit(*n).values()[at]).sum::<f32>();
    let mean = UnitVector::new(&[sum(0), sum(1)]).unwrap();
    let mut near: Vec<(usize, f32)> = sample.iter().map(|n| (*n, mean.similarity(&unit(*n)).unwrap())).collect();
    near.sort_by(|(_, left), (_, right)| right.total_cmp(left));
    let expected: Vec<u64> = near.iter().take(3).map(|(n, _)| *n as u64 + 1).collect();
    let found: Vec<u64> = intents[0].exemplars.iter().map(|event| event.header.position.number()).collect();
    assert_eq!(found, expected);
    assert!(found.iter().all(|position| (45..55).contains(position)), "{found:?}");
}

#[test]
fn growth_counts_the_events_in_sixteen_parts_of_what_was_asked_about() {
    let vault = vault();
    for n in 0..40 {
        alice(&vault).commit(thought(n, &[1.0, 0.0])).unwrap();
        if n % 2 == 0 && n < 16 {
            alice(&vault).commit(Event::raw("note", "hi").stream("mind")).unwrap();
        }
    }
    // Two of three positions up to 24, and all from there on.
    let growth = |filter: Filter| vault.intents(&filter).unwrap()[0].growth.clone();
    let up_to = |position| Filter::all().up_to(Position::new(position));
    assert_eq!(growth(up_to(48)), [2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3]);
    assert_eq!(growth(up_to(16)), [1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1]);
    assert_eq!(growth(up_to(48).after(Position::new(16))), [1, 1, 2, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
    assert_eq!(growth(up_to(4)), [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
}

#[test]
fn intents_of_two_models_are_told_by_their_models() {
    let vault = vault();
    let (events, _) = STREAM.events();
    for (n, values) in events.iter().enumerate() {
        // Of the second model there is less to tell apart.
        alice(&vault).commit(thought(n, values)).unwrap();
        let event = Event::raw("thought", "again").stream("mind").embedding("line", &values[..3]);
        alice(&vault).commit(event).unwrap();
    }
    let stores = Oracle::of(&vault).stores;
    let told = vault.intents(&Filter::all()).unwrap();
    for model in ["line", "plane"] {
        let told = told.iter().filter(|intent| &*intent.model == model);
        let told: BTreeMap<_, _> = told.map(|intent| (intent.id, intent.events)).collect();
        let expected = stores[model].intents().into_iter().map(|intent| (intent.id, intent.events)).collect();
        assert_eq!(told, expected, "{model}");
    }
}

#[test]
fn a_word_that_stands_everywhere_is_in_no_label_however_often_it_is_there() {
    let vault = vault();
    let alice = alice(&vault);
    for n in 0..40 {
        let own = [["billing", "lunch"], ["invoice", "table"]][n / 2 % 2][n % 2];
        let event = Event::new("ask", &format!("is it the {own} again")).unwrap().stream("chat");
        alice.commit(event.embedding("plane", &[[1.0, 0.0], [0.0, 1.0]][n % 2][..])).unwrap();
    }
    let terms: Vec<_> = vault.intents(&Filter::all()).unwrap().into_iter().map(|intent| intent.terms).collect();
    for (terms, own) in terms.iter().zip([["billing", "invoice"], ["lunch", "table"]]) {
        assert_eq!(&terms[..2], own);
    }
}

#[test]
fn a_vault_that_is_read_only_tells_the_intents_that_were_assigned() {
    let (folder, writes) = on_disk();
    alice(&writes).commit(thought(0, &[1.0, 0.0])).unwrap();
    alice(&writes).commit_batch([thought(1, &[1.0, 0.0])]).unwrap();
    let reads = Vault::builder().read_only(true).open(folder.path().join("agents.vault")).unwrap();
    assert_eq!(reads.intents(&Filter::all()).unwrap()[0].events, 1);
    assert_eq!(reads.assigned_up_to().unwrap(), Position::new(1));
    assert_eq!(reads.similar(&Query::embedding("plane", &[1.0, 0.0]), 9).unwrap().len(), 2);
    assert_eq!(reads.assign_up_to(Position::new(2)).unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(writes.intents(&Filter::all()).unwrap()[0].events, 2);
}

#[test]
fn a_vault_where_nothing_was_ever_embedded_has_no_intents() {
    let (folder, vault) = on_disk();
    assert!(vault.intents(&Filter::all()).unwrap().is_empty());
    alice(&vault).commit(Event::raw("note", "hi").stream("chat")).unwrap();
    let reads = Vault::builder().read_only(true).open(folder.path().join("agents.vault")).unwrap();
    for vault in [&vault, &reads] {
        assert!(vault.intents(&Filter::all()).unwrap().is_empty());
        assert_eq!(vault.assigned_up_to().unwrap(), Position::new(1));
        assert!(vault.intent_facts("plane").unwrap().is_empty());
        assert_eq!(vault.calibration("plane").unwrap(), None);
        assert_eq!(vault.classify("plane", &[1.0]).unwrap(), None);
    }
}
