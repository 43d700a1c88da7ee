//! What is found anew from the events is what was there.

use causal_vault::{Position, Row, Vault};

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
    for (n, values) in events.iter().take(300).enumerate() {
        alice(&vault).commit(thought(n, values)).unwrap();
    }
    drop(vault);
    for damage in [
        "DELETE FROM vault_intent_state",
        "UPDATE vault_intent_state SET state = x'00'",
        "UPDATE vault_intent_state SET state = substr(state, 1, length(state) - 9)",
        "UPDATE vault_intent_state SET entry = entry + 1000",
        "UPDATE vault_intent_state SET entry = 5",
        "INSERT INTO vault_intent_label VALUES ((1 << 40) + 1000000, 1, 1, 1)",
    ] {
        let edit = rusqlite::Connection::open(&path).unwrap();
        edit.execute_batch(damage).unwrap();
        drop(edit);
        let vault = Vault::open(&path).unwrap();
        alice(&vault).commit(thought(1, &events[301])).unwrap();
        check(&vault);
    }
}
