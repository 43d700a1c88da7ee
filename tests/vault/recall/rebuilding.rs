//! What is found anew from the events is what was there.

use std::path::PathBuf;

use causal_vault::{Event, IntentOptions, Position, Row, Vault};
use rusqlite::Connection;

use super::super::{alice, on_disk};
use super::{STREAM, check, thought};

const TABLES: [&str; 5] =
    ["vault_intent", "vault_intent_label", "vault_intent_home", "vault_intent_fact", "vault_intent_state"];

fn dump(vault: &Vault) -> Vec<Vec<Row>> {
    let rows = |table: &&str| vault.backend().query(&format!("SELECT * FROM {table} ORDER BY 1, 2, 3"), &[]).unwrap();
    TABLES.iter().map(rows).collect()
}

#[test]
fn a_rebuilt_vault_has_the_same_intents_to_the_last_bit() {
    let (folder, vault) = on_disk();
    let (events, _) = STREAM.events();
    for (n, values) in events.iter().enumerate() {
        alice(&vault).commit(thought(n, values)).unwrap();
        if n == 170 {
            vault.consolidate_intents("plane").unwrap();
        }
    }
    check(&vault);
    drop(vault);
    let vault = Vault::open(folder.path().join("agents.vault")).unwrap();
    let before = dump(&vault);
    assert!(before.iter().all(|rows| !rows.is_empty()), "{:?}", before.iter().map(Vec::len).collect::<Vec<_>>());
    assert!(vault.rebuild(&[]).unwrap().is_intact());
    assert_eq!(vault.assigned_up_to().unwrap(), Position::START);
    vault.assign_up_to(vault.tree_head().unwrap().into()).unwrap();
    drop(vault);
    let vault = Vault::open(folder.path().join("agents.vault")).unwrap();
    assert_eq!(dump(&vault)[..4], before[..4]);
    let state = |dump: &[Vec<Row>]| dump[4][0][2].clone();
    // Each was stored when its vault was closed.
    assert!(state(&dump(&vault)) == state(&before), "the states differ");
    check(&vault);
}

#[test]
fn a_state_that_is_missing_or_damaged_is_found_anew() {
    let (folder, vault) = on_disk();
    let path = folder.path().join("agents.vault");
    let (events, _) = STREAM.events();
    for vault in [&vault, &vault.for_tenant("acme").unwrap()] {
        alice(vault).commit_batch(events.iter().take(300).enumerate().map(|(n, values)| thought(n, values))).unwrap();
        vault.assign_up_to(Position::new(300)).unwrap();
    }
    drop(vault);
    for damage in [
        "DELETE FROM vault_intent_state WHERE model = 1",
        "UPDATE vault_intent_state SET state = x'00'",
        "UPDATE vault_intent_state SET state = substr(state, 1, length(state) - 9)",
        "UPDATE vault_intent_state SET entry = entry + 1000",
        "UPDATE vault_intent_state SET entry = 5",
        "UPDATE vault_intent_state SET entry = (2 << 40) + 300 WHERE model = 1",
        "INSERT INTO vault_intent_label VALUES ((1 << 40) + 1000000, 1, 1, 1)",
    ] {
        let edit = Connection::open(&path).unwrap();
        edit.execute_batch(damage).unwrap();
        drop(edit);
        let vault = Vault::open(&path).unwrap();
        alice(&vault).commit(thought(1, &events[301])).unwrap();
        check(&vault);
    }
}

/// A vault that was closed twice: the states of the first time, in a table of their own, and those of the second.
fn closed_twice(options: impl Fn(&Vault, usize)) -> (tempfile::TempDir, PathBuf, Connection) {
    let (folder, vault) = on_disk();
    let path = folder.path().join("agents.vault");
    drop(vault);
    let (events, _) = STREAM.events();
    for (time, part) in events[..200].chunks(100).enumerate() {
        let vault = Vault::open(&path).unwrap();
        options(&vault, time);
        for (n, values) in part.iter().enumerate() {
            alice(&vault).commit(thought(n, values)).unwrap();
            let event = Event::raw("thought", "again").stream("mind").embedding("line", &values[..3]);
            alice(&vault).commit(event).unwrap();
        }
        vault.assign_up_to(vault.tree_head().unwrap().into()).unwrap();
        drop(vault);
        if time == 0 {
            let edit = Connection::open(&path).unwrap();
            edit.execute_batch("CREATE TABLE then_ AS SELECT * FROM vault_intent_state").unwrap();
        }
    }
    let edit = Connection::open(&path).unwrap();
    (folder, path, edit)
}

/// More events, which whoever goes on from a wrong state puts elsewhere.
fn go_on(vault: &Vault) {
    for (n, values) in STREAM.events().0[200..].iter().enumerate() {
        alice(vault).commit(thought(n, values)).unwrap();
    }
    check(vault);
}

#[test]
fn states_of_two_moments_are_not_gone_on_from() {
    for model in [1, 2] {
        let (_folder, path, edit) = closed_twice(|_, _| {});
        let put_back = format!("INSERT OR REPLACE INTO vault_intent_state SELECT * FROM then_ WHERE model = {model}");
        assert_eq!(edit.execute(&put_back, []), Ok(1));
        check(&Vault::open(&path).unwrap());
    }
}

#[test]
fn states_are_not_gone_on_from_where_another_model_has_none() {
    for damage in ["DELETE FROM vault_intent_state", "UPDATE vault_intent_state SET state = x'00'"] {
        for model in [1, 2] {
            let (_folder, path, edit) = closed_twice(|_, _| {});
            assert_eq!(edit.execute(&format!("{damage} WHERE model = {model}"), []), Ok(1));
            let vault = Vault::open(&path).unwrap();
            for (n, values) in STREAM.events().0[200..230].iter().enumerate() {
                alice(&vault).commit(thought(n, values)).unwrap();
                let event = Event::raw("thought", "again").stream("mind").embedding("line", &values[..3]);
                alice(&vault).commit(event).unwrap();
            }
            check(&vault);
        }
    }
}

#[test]
fn a_state_of_other_options_is_not_gone_on_from() {
    let (_folder, path, edit) = closed_twice(|vault, time| {
        let options = IntentOptions::new("plane", 16);
        vault.choose_intents(if time == 0 { options.separation(0.5) } else { options }).unwrap();
    });
    edit.execute_batch("DELETE FROM vault_intent_state; INSERT INTO vault_intent_state SELECT * FROM then_").unwrap();
    go_on(&Vault::open(&path).unwrap());
}

#[test]
fn states_are_stored_now_and_then_while_a_vault_is_open() {
    let vault = super::super::vault();
    let events = (0..600).map(|n| thought(n, &[1.0; 256]));
    alice(&vault).commit_batch(events).unwrap();
    vault.assign_up_to(Position::new(600)).unwrap();
    let states = || vault.backend().query("SELECT entry & 0xffff FROM vault_intent_state", &[]).unwrap();
    assert_eq!(states(), [[causal_vault::Value::Int(512)]]);
    for n in 0..256 {
        alice(&vault).commit(thought(n, &[1.0; 256])).unwrap();
    }
    assert_ne!(states(), [[causal_vault::Value::Int(512)]]);
}
