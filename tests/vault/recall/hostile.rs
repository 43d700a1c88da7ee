//! Tables that somebody has edited: an error or an answer, never a panic, and `rebuild` mends it.

use causal_vault::{ErrorKind, Filter, IntentFact, IntentId, IntentOptions, Position, Query, Vault};
use rusqlite::Connection;

use super::super::{alice, on_disk};
use super::{STREAM, check, thought};
use crate::suite::suite;

const CELLS: [(&str, &[&str]); 7] = [
    ("vault_intent", &["model", "intent"]),
    ("vault_intent_label", &["entry", "model", "intent", "cell"]),
    ("vault_intent_home", &["cell", "since", "intent"]),
    ("vault_intent_fact", &["entry", "ordinal", "rank", "fact", "source", "target"]),
    ("vault_intent_state", &["entry", "state"]),
    ("vault_intent_choice", &["timeline", "model", "options"]),
    ("vault_embedding", &["model", "vector"]),
];

#[test]
fn edited_tables_give_errors_or_answers_and_are_found_anew() {
    let suite = suite("edited intents", 24, 20_000);
    let (folder, vault) = on_disk();
    let path = folder.path().join("agents.vault");
    let (events, _) = STREAM.events();
    let options = || IntentOptions::new("plane", 16);
    vault.choose_intents(options()).unwrap();
    for (n, values) in events.iter().take(200).enumerate() {
        alice(&vault).commit(thought(n, values)).unwrap();
    }
    vault.consolidate_intents("plane").unwrap();
    drop(vault);
    let original = std::fs::read(&path).unwrap();
    for case in 0..u64::from(suite.cases) {
        std::fs::write(&path, &original).unwrap();
        let mut dice = suite.dice(case);
        let (table, columns) = CELLS[usize::try_from(dice.below(CELLS.len() as u64)).unwrap()];
        let column = columns[usize::try_from(dice.below(columns.len() as u64)).unwrap()];
        let value = ["-1", "0", "1 << 40", "9223372036854775807", "x'00ff'", "'x'", "zeroblob(64)", "NULL"];
        let value = value[usize::try_from(dice.below(8)).unwrap()];
        let rows = ["1", "abs(random()) % 9 = 0"][usize::from(dice.below(2) == 0)];
        let conn = Connection::open(&path).unwrap();
        let edit = format!("UPDATE OR IGNORE {table} SET {column} = {value} WHERE {rows}");
        // A cell that may not be so is passed over, and nothing is edited.
        let is_edited = conn.execute(&edit, []).is_ok_and(|edited| edited > 0);
        drop(conn);
        let vault = Vault::open(&path).unwrap();
        let _ = vault.assigned_up_to();
        let _ = alice(&vault).commit(thought(1, &events[201]));
        let _ = vault.assign_up_to(vault.tree_head().unwrap().into());
        let _ = vault.calibration("plane");
        let _ = vault.intent_facts("plane");
        let _ = vault.resolve_intent(&IntentId::from_bytes([7; 32]));
        let _ = vault.similar(&Query::embedding("plane", &events[0]), 10);
        let read: Result<Vec<_>, _> = vault.events(Filter::all()).unwrap().collect();
        let intent = read.ok().and_then(|events| events[0].header.intent);
        let _ = intent.map(|intent| vault.events(Filter::all().with_intent(intent)).map(Iterator::count));
        if table == "vault_embedding" {
            let intact = vault.verify(&[]).unwrap().is_intact();
            assert!(!intact || !is_edited, "{edit}");
        } else {
            assert!(vault.rebuild(&[]).unwrap().is_intact(), "{edit}");
            // What was chosen follows from nothing, and is chosen again.
            vault.choose_intents(options()).unwrap();
            check(&vault);
        }
    }
}

#[test]
fn options_that_are_damaged_stop_commits_until_they_are_chosen_again() {
    let (folder, vault) = on_disk();
    let edit = Connection::open(folder.path().join("agents.vault")).unwrap();
    let (events, _) = STREAM.events();
    let options = || IntentOptions::new("plane", 16);
    vault.choose_intents(options()).unwrap();
    let commit = |from: usize| {
        let mut events = events.iter().enumerate().skip(from).take(100);
        events.try_for_each(|(n, values)| alice(&vault).commit(thought(n, values)).map(drop))
    };
    commit(0).unwrap();
    edit.execute_batch("CREATE TABLE whole AS SELECT options FROM vault_intent_choice").unwrap();
    // "cells" is 1,000 in three bytes, and then 0 or a text.
    let cells = |value: &str| format!("unhex(replace(hex(options), 'A563656C6C73CD03E8', 'A563656C6C73{value}'))");
    for damaged in ["x''".to_owned(), "x'00ff'".to_owned(), cells("00"), cells("A131")] {
        edit.execute_batch(&format!("UPDATE vault_intent_choice SET options = (SELECT {damaged} FROM whole)")).unwrap();
        let error = commit(100).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.to_string().contains("choose them again"), "{damaged}: {error}");
        vault.choose_intents(options()).unwrap();
        check(&vault);
    }
    commit(100).unwrap();
    check(&vault);
}

#[test]
fn an_embedding_that_is_none_any_more_is_passed_over() {
    let (folder, vault) = on_disk();
    let (events, _) = STREAM.events();
    let batch = events.iter().take(40).enumerate().map(|(n, values)| thought(n, values));
    alice(&vault).commit_batch(batch).unwrap();
    let edit = Connection::open(folder.path().join("agents.vault")).unwrap();
    for (position, vector) in
        [(3, "x'0000c07f'"), (4, "zeroblob(64)"), (5, "x'0000803f'"), (6, "x''"), (7, "x'01'"), (40, "x''")]
    {
        let edited = format!("UPDATE vault_embedding SET vector = {vector} WHERE id = (1 << 40) + {position}");
        assert_eq!(edit.execute(&edited, []), Ok(1));
    }
    // A model that is nobody's.
    edit.execute_batch("UPDATE vault_embedding SET model = 9 WHERE id = (1 << 40) + 8").unwrap();
    let end = Position::new(40);
    assert_eq!(vault.assign_up_to(end).unwrap(), end);
    let near = vault.similar(&Query::embedding("plane", &events[0]), 100).unwrap();
    let mut near: Vec<u64> = near.iter().map(|found| found.event.header.position.number()).collect();
    near.sort_unstable();
    let expected: Vec<u64> = (1..40).filter(|position| !(3..=8).contains(position)).collect();
    assert_eq!(near, expected);
    let labels = vault.intent_labels(&Filter::all()).unwrap();
    assert_eq!(labels.iter().map(|(position, _)| position.number()).collect::<Vec<_>>(), expected);
}

#[test]
fn a_fact_that_is_not_what_its_name_says_is_not_told() {
    let vault = super::super::vault();
    for (n, values) in STREAM.events().0.iter().take(200).enumerate() {
        alice(&vault).commit(thought(n, values)).unwrap();
    }
    vault.consolidate_intents("plane").unwrap();
    assert!(!vault.intent_facts("plane").unwrap().is_empty());
    vault
        .backend()
        .exec("UPDATE vault_intent_fact SET fact = 'intent.split' WHERE fact <> 'intent.split'", &[])
        .unwrap();
    let told = vault.intent_facts("plane").unwrap();
    assert!(told.iter().all(|(_, fact)| matches!(fact, IntentFact::Split { into, .. } if into.len() > 1)), "{told:?}");
}
