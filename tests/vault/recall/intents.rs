//! The intents of a tenant as a list, and hybrid recall.

use causal_vault::{ErrorKind, Event, Filter, Position, Query, TextRule, Vault};

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
fn a_label_is_made_of_the_words_that_other_intents_lack() {
    let vault = vault();
    let alice = alice(&vault);
    for n in 0..20 {
        let (words, at) =
            [("please restart the billing service", [1.0, 0.0]), ("please book a table for lunch", [0.0, 1.0])][n % 2];
        alice.commit(Event::new("ask", words).unwrap().stream("chat").embedding("plane", &at)).unwrap();
    }
    let intents = vault.intents(&Filter::all()).unwrap();
    assert_eq!(intents.len(), 2);
    for (intent, own) in intents.iter().zip([["billing", "service"], ["lunch", "table"]]) {
        assert!(own.iter().all(|word| intent.terms.contains(&(*word).to_owned())), "{:?}", intent.terms);
        assert_ne!(intent.terms[0], "please");
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
        let mut scores = std::collections::BTreeMap::new();
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
