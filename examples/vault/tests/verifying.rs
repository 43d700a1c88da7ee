use causal_vault::{Event, NoteSigner, SigningKey};
use serde_json::json;

use super::sandbox::{Said, Sandbox};

#[track_caller]
fn assert_says(said: &Said, code: u8, words: &str) {
    let text = said.text() + &said.errors;
    assert!(said.code == code && text.contains(words), "{words:?} with {code}: {said:?}");
}

#[test]
fn what_is_intact_exits_with_0_and_says_what_was_proved_for_every_tenant() {
    let sandbox = Sandbox::new();
    let text = sandbox.text(&["verify"]);
    assert!(text.contains("tenant acme: intact, 1 event in 1 log"), "{text}");
    assert!(text.contains("tenant default: intact, 5 events in 2 logs"), "{text}");
    assert!(text.contains("not anchored"), "{text}");
    let anchored = sandbox.text(&["verify", "--tenant", "default", "--anchor", &sandbox.anchor(), "--threads", "2"]);
    assert!(anchored.contains("what was anchored is there: 5 events") && !anchored.contains("acme"), "{anchored}");
    let object = &sandbox.json(&["verify", "--tenant", "default"])[0];
    assert_eq!((&object["intact"], &object["size"], &object["breaks"]), (&json!(true), &json!(5), &json!([])));
    let verdicts: Vec<_> = object["logs"].as_array().unwrap().iter().map(|log| &log["verdict"]).collect();
    assert_eq!(verdicts, ["unsigned", "signed"]);
}

#[test]
fn what_is_broken_exits_with_1_and_says_which_rule_broke_where() {
    let sandbox = Sandbox::new();
    sandbox
        .tamper("UPDATE vault_entry SET payload = CAST('HELLO' AS BLOB) WHERE id IN (SELECT min(id) FROM vault_entry)");
    let said = sandbox.run(&["verify"]);
    assert_says(&said, 1, "tenant default: BROKEN");
    assert_says(&said, 1, "conv:demo/alice: ");
    assert_says(&said, 1, "at position 1");
    let said = sandbox.run(&["verify", "--json", "--tenant", "default"]);
    let object: serde_json::Value = serde_json::from_slice(&said.out).unwrap();
    assert_eq!((said.code, &object["intact"]), (1, &json!(false)));
    assert_eq!(object["logs"][0]["break"]["position"], 1);
    assert_eq!(sandbox.run(&["verify", "--tenant", "acme"]).code, 0);
}

#[test]
fn an_event_whose_signature_does_not_hold_is_shown_as_broken() {
    let sandbox = Sandbox::new();
    sandbox.tamper("UPDATE vault_entry SET signature = zeroblob(64) WHERE signature IS NOT NULL");
    assert_says(&sandbox.run(&["show", "3"]), 1, "BROKEN at position 3: its signature is not by its writer's key");
    assert_says(&sandbox.run(&["show", "3", "--json"]), 1, "\"verdict\":\"broken\"");
}

#[test]
fn a_vault_that_was_rolled_back_or_rewritten_contradicts_its_anchor() {
    let (sandbox, other) = (Sandbox::new(), Sandbox::new());
    let anchor = sandbox.anchor();
    let verify = |anchor: &str| sandbox.run(&["verify", "--tenant", "default", "--anchor", anchor]);
    assert_says(&verify(&other.anchor()), 1, "DIVERGED");
    assert_says(&verify(&format!("9{}", &anchor[1..])), 1, "TRUNCATED: 9 events were anchored, 5 are there");
    for bad in ["5", "5:", "x:00", &anchor[..60], &format!("{anchor}00")] {
        assert_says(&verify(bad), 2, "SIZE:ROOT");
    }
    assert_says(&sandbox.run(&["verify", "--anchor", &anchor]), 2, "--tenant");
}

#[test]
fn a_checkpoint_is_trusted_once_its_signatures_hold() {
    let sandbox = Sandbox::new();
    let (note, key) = sandbox.checkpoint();
    // It says itself which tenant it is of.
    let text = sandbox.text(&["verify", "--checkpoint", &note, "--key", &key]);
    assert!(text.contains("trusted     checkpoint 5 of vault.example/"), "{text}");
    assert!(text.contains("what was anchored is there: 5 events") && text.contains("not anchored"), "{text}");

    let witness = NoteSigner::new("witness.example/w1", SigningKey::from_bytes(&[3; 32])).unwrap();
    let witness_key = witness.cosignature_verifier().to_string();
    let with_witness =
        |note: &str| sandbox.run(&["verify", "--checkpoint", note, "--key", &key, "--key", &witness_key]);
    assert_says(&with_witness(&note), 2, "witness.example/w1");
    let mut cosigned = sandbox.vault.last_checkpoint().unwrap().unwrap();
    cosigned.add(witness.cosign(&cosigned, 1_767_225_600).unwrap()).unwrap();
    assert_says(&with_witness(&sandbox.write_note("cosigned", &cosigned)), 0, "what was anchored is there");

    let verify = |arguments: &[&str]| sandbox.run(&[&["verify"], arguments].concat());
    assert_says(&verify(&["--checkpoint", &note]), 2, "--key");
    assert_says(&verify(&["--key", &key]), 2, "--checkpoint");
    assert_says(&verify(&["--checkpoint", &note, "--key", &witness_key]), 2, "none of the keys is a log's");
    assert_says(&verify(&["--checkpoint", "/nowhere/at/all", "--key", &key]), 2, "/nowhere/at/all");
    let stranger = NoteSigner::new(sandbox.signer().name(), SigningKey::from_bytes(&[8; 32])).unwrap();
    assert_eq!(verify(&["--checkpoint", &note, "--key", &stranger.verifier().to_string()]).code, 2);
    let (other, other_key) = Sandbox::new().checkpoint_text();
    let path = sandbox.beside("other");
    std::fs::write(&path, other).unwrap();
    let other = verify(&["--checkpoint", path.to_str().unwrap(), "--key", &other_key]);
    assert_says(&other, 2, "not about this vault");
    std::fs::write(&path, [0xff; 100]).unwrap();
    assert_eq!(verify(&["--checkpoint", path.to_str().unwrap(), "--key", &key]).code, 2);
}

#[test]
fn a_checkpoint_covers_what_came_before_it_and_says_so_of_the_rest() {
    let sandbox = Sandbox::new();
    let (note, key) = sandbox.checkpoint();
    sandbox.alice().commit(Event::raw("note", "later").stream("conv:demo")).unwrap();
    let text = sandbox.text(&["verify", "--tenant", "default", "--checkpoint", &note, "--key", &key]);
    assert!(text.contains("intact, 6 events") && text.contains("what was anchored is there: 5 events"), "{text}");
}

impl Sandbox {
    fn checkpoint_text(&self) -> (String, String) {
        let (note, key) = self.checkpoint();
        (std::fs::read_to_string(note).unwrap(), key)
    }
}
