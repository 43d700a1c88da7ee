//! Answers, compared with a naive model's and with those of a vault that stopped earlier.

use causal_vault::{Event, Filter, Fingerprint, Position, TextRule, Vault};

use super::super::{alice, vault};
use super::model::{Plan, Query, plans, tell};
use super::{below, bits, chat, many, search};
use crate::suite::{Dice, suite};

/// A vault that holds what was planned. Searches in between have indexed a part of it.
fn told(dice: &mut Dice, plans: &[Plan]) -> Vault {
    let (vault, mut told) = (vault(), Vec::new());
    let mut from = 0;
    if dice.below(2) == 0 {
        vault.index_text(TextRule::kind("chat.*")).unwrap();
    }
    while from < plans.len() {
        let to = plans.len().min(from + 1 + below(dice, 500));
        tell(&vault, &plans[from..to], &mut told);
        vault.search("nothing", &Filter::all(), 1).unwrap();
        from = to;
    }
    vault.index_text(TextRule::kind("chat.*")).unwrap();
    vault
}

type Wants<'p> = Box<dyn Fn(usize, &Plan) -> bool + 'p>;

/// A filter, and what it wants.
fn filter<'p>(dice: &mut Dice, vault: &Vault, plans: &'p [Plan]) -> (Filter, Wants<'p>) {
    match dice.below(6) {
        0 => (Filter::stream("conv:a"), Box::new(|_, plan| plan.stream == "conv:a")),
        1 => (Filter::kind("chat.m*"), Box::new(|_, plan| plan.kind == "chat.message")),
        2 => (Filter::writer(Fingerprint::named("bob").unwrap()), Box::new(|_, plan| plan.writer == "bob")),
        3 => {
            let after = dice.below(plans.len() as u64);
            (Filter::all().after(Position::new(after)), Box::new(move |at, _| at as u64 >= after))
        }
        4 => {
            let parent = below(dice, plans.len());
            let header = vault.get(Position::new(parent as u64 + 1)).unwrap().header;
            (Filter::parent(&header), Box::new(move |at, plan| plan.parent.is_some_and(|back| at - back == parent)))
        }
        _ => (Filter::all(), Box::new(|_, _| true)),
    }
}

#[test]
fn answers_are_those_of_a_naive_model_at_every_position_and_for_every_filter() {
    let suite = suite("text search", 16, 400);
    for case in 0..u64::from(suite.cases) {
        let mut dice = suite.dice(case);
        let most = [10, 300, 900][below(&mut dice, 3)];
        let size = 1 + below(&mut dice, most);
        let plans = plans(&mut dice, size);
        let vault = told(&mut dice, &plans);
        for _ in 0..30 {
            let query = Query::new(&mut dice);
            let (mut filter, wanted) = filter(&mut dice, &vault, &plans);
            let mut end = plans.len();
            if dice.below(2) == 0 {
                end = below(&mut dice, plans.len() + 1);
                filter = filter.up_to(Position::new(end as u64));
            }
            let k = [1, 3, usize::MAX][below(&mut dice, 3)];
            let mut expected = query.answer(&plans[..end], wanted);
            expected.truncate(k);
            let found = vault.search(&query.written, &filter, k).unwrap();
            let expected: Vec<_> = expected.into_iter().map(|(position, score)| (position, score.to_bits())).collect();
            assert_eq!(bits(&found), expected, "case {case}, {size} events, {query:?}, {filter:?}");
        }
    }
}

#[test]
fn as_of_a_position_the_answer_is_bit_for_bit_that_of_a_vault_which_holds_no_more() {
    let suite = suite("text search as of", 6, 100);
    for case in 0..u64::from(suite.cases) {
        let mut dice = suite.dice(case);
        let plans = plans(&mut dice, 800);
        let vault = told(&mut dice, &plans);
        for _ in 0..4 {
            let end = below(&mut dice, 801);
            let then = told(&mut dice, &plans[..end]);
            for _ in 0..8 {
                let query = Query::new(&mut dice).written;
                let found = vault.search(&query, &Filter::all().up_to(Position::new(end as u64)), usize::MAX);
                let expected = then.search(&query, &Filter::all(), usize::MAX);
                assert_eq!(bits(&found.unwrap()), bits(&expected.unwrap()), "case {case}, up to {end}, {query:?}");
            }
        }
    }
}

#[test]
fn what_was_committed_since_the_last_search_is_found_at_once() {
    let vault = vault();
    vault.index_text(TextRule::kind("chat.*")).unwrap();
    many(&vault, 600);
    for text in ["wolf", "the wolf comes", "wolf wolf"] {
        let receipt = alice(&vault).commit(chat(text)).unwrap();
        assert!(search(&vault, "wolf").contains(&receipt.position.number()));
    }
    assert_eq!(search(&vault, "wolf"), [603, 601, 602]);
    assert_eq!(search(&vault, "number599 number0"), [1, 600]);
}

#[test]
fn a_search_in_a_transaction_sees_what_the_transaction_has_appended_and_nothing_of_one_that_was_dropped() {
    let vault = vault();
    vault.index_text(TextRule::kind("chat.*")).unwrap();
    many(&vault, 300);
    let dropped = vault.transaction(|tx| {
        tx.append(&alice(&vault), chat("wolf"))?;
        assert!(search(&vault, "number7").len() == 1);
        Err::<(), _>(causal_vault::StoreError::Backend("no".into()))
    });
    assert!(dropped.is_err());
    assert!(search(&vault, "wolf").is_empty());
}

#[test]
fn no_phrase_leads_from_one_string_into_the_next() {
    let vault = vault();
    vault.index_text(TextRule::kind("pair")).unwrap();
    let pair = |a: &str, b: &str| Event::new("pair", &[a, b]).unwrap().stream("s");
    alice(&vault).commit_batch((0..300).map(|_| pair("red fox", "brown bear"))).unwrap();
    assert_eq!(search(&vault, "\"red fox\"").len(), 300);
    assert_eq!(search(&vault, "\"fox brown\"").len(), 0);
    alice(&vault).commit(pair("fox", "brown")).unwrap();
    assert_eq!(search(&vault, "\"fox brown\"").len(), 0);
}

#[test]
fn nothing_is_found_for_no_words_no_answers_and_no_rule() {
    let vault = vault();
    many(&vault, 300);
    assert!(search(&vault, "message").is_empty());
    vault.index_text(TextRule::kind("chat.*")).unwrap();
    assert!(vault.search("message", &Filter::all(), 0).unwrap().is_empty());
    assert!(search(&vault, " ?! \"\" *").is_empty());
    assert_eq!(search(&vault, "message").len(), 300);
    assert!(vault.search("message", &Filter::all().up_to(Position::START), 9).unwrap().is_empty());
    assert!(vault.search("message", &Filter::stream(""), 9).is_err());
}

#[test]
fn of_the_texts_those_of_an_intent_are_found_as_it_is_seen_then() {
    let vault = vault();
    vault.index_text(TextRule::kind("chat.*")).unwrap();
    let events = (0..400_u16).map(|n| {
        let values = if n % 4 == 0 { [0.0, 1.0] } else { [1.0, 0.0] };
        chat(&format!("message number{n}")).embedding("minilm", &values)
    });
    alice(&vault).commit_batch(events).unwrap();
    let north = |position| vault.get(Position::new(position)).unwrap().header.intent;
    let nobody = Filter::all().with_intent(causal_vault::IntentId::from_bytes([7; 32]));
    assert!(vault.search("message", &nobody, 9).unwrap().is_empty());
    vault.assign_up_to(Position::new(400)).unwrap();
    let filter = Filter::all().with_intent(north(1).unwrap());
    let found = vault.search("message", &filter, 400).unwrap();
    assert_eq!(super::positions(&found), (0..100).map(|n| n * 4 + 1).collect::<Vec<_>>());
    assert_eq!(vault.search("number4 number5", &filter.up_to(Position::new(6)), 9).unwrap().len(), 1);
}
