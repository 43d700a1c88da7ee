use causal_vault::{EntryHash, Event, verify_consistency, verify_inclusion};
use serde_json::{Value, json};

use super::sandbox::Sandbox;

fn hash(value: &Value) -> [u8; 32] {
    let mut bytes = [0; 32];
    hex::decode_to_slice(value.as_str().unwrap(), &mut bytes).unwrap();
    bytes
}

fn path(proof: &Value) -> Vec<[u8; 32]> {
    proof["path"].as_array().unwrap().iter().map(hash).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

#[test]
fn another_tool_can_check_an_inclusion_proof_from_what_is_printed() {
    let sandbox = Sandbox::new();
    for (position, receipt) in (1..).zip(&sandbox.receipts) {
        let text = sandbox.text(&["prove", &position.to_string()]);
        let proof: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&proof["proof"], &proof["verified"]), (&json!("inclusion"), &json!(true)));
        let entry = EntryHash::from_bytes(hash(&proof["entry_hash"]));
        assert_eq!(entry, receipt.hash);
        let (index, size) = (number(&proof["leaf_index"]), number(&proof["tree_size"]));
        assert_eq!((index, size), (position - 1, 5));
        assert!(verify_inclusion(&entry, index, size, &path(&proof), &hash(&proof["root"])));
    }
}

#[test]
fn a_proof_is_checked_against_what_is_trusted() {
    let (sandbox, other) = (Sandbox::new(), Sandbox::new());
    let (note, key) = sandbox.checkpoint();
    let anchor = sandbox.anchor();
    sandbox.alice().commit(Event::raw("note", "later").stream("conv:demo")).unwrap();
    for trust in [&["--anchor", &anchor][..], &["--checkpoint", &note, "--key", &key]] {
        let proof = &sandbox.json(&[&["prove", "2"], trust].concat())[0];
        assert_eq!((number(&proof["tree_size"]), &proof["verified"]), (5, &json!(true)));
        assert!(!proof["root_from"].as_str().unwrap().contains("itself"));
        let said = sandbox.run(&[&["prove", "6"], trust].concat());
        assert!(said.code == 2 && said.errors.contains("position 6, after the first 5"), "{said:?}");
    }
    let said = sandbox.run(&["prove", "2", "--anchor", &other.anchor()]);
    assert!(said.code == 1 && said.text().contains("\"verified\": false"), "{said:?}");
    assert_eq!(sandbox.run(&["prove", "2", "--anchor", &anchor, "--anchor", &anchor]).code, 2);
    let (note, key) = other.checkpoint();
    let said = sandbox.run(&["prove", "2", "--checkpoint", &note, "--key", &key]);
    assert!(said.code == 2 && said.errors.contains("not about this vault"), "{said:?}");
}

#[test]
fn a_consistency_proof_shows_that_an_older_tree_is_where_this_one_begins() {
    let (sandbox, other) = (Sandbox::new(), Sandbox::new());
    let (anchor, others) = (sandbox.anchor(), other.anchor());
    sandbox.alice().commit_batch((0..9).map(|n| Event::raw("n", n.to_string()).stream("n"))).unwrap();
    for from in ["3", "5", "14", "0", &anchor] {
        let proof = &sandbox.json(&["prove", "--from", from])[0];
        assert_eq!((&proof["proof"], &proof["verified"]), (&json!("consistency"), &json!(true)), "{from}");
        let (from, to) = (number(&proof["from_size"]), number(&proof["tree_size"]));
        let (older, newer) = (hash(&proof["from_root"]), hash(&proof["root"]));
        assert!(verify_consistency(from, &older, to, &newer, &path(proof)));
    }
    let said = sandbox.run(&["prove", "--from", &others]);
    assert!(said.code == 1 && said.text().contains("\"verified\": false"), "{said:?}");
    for bad in ["15", "x", "-1", "3:00"] {
        assert_eq!(sandbox.run(&["prove", "--from", bad]).code, 2, "{bad}");
    }
}
