use causal_vault::{Event, Signer, SigningKey};
use serde_json::json;

use super::sandbox::{BIG, Sandbox, TIME, run};

fn positions(text: &str) -> Vec<u64> {
    text.lines().map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect()
}

#[test]
fn info_counts_what_is_there_for_each_tenant() {
    let sandbox = Sandbox::new();
    sandbox.checkpoint();
    let info = &sandbox.json(&["info"])[0];
    assert_eq!(info["realm"], sandbox.vault.realm().to_hex());
    assert_eq!(info["format"], 1);
    assert!(info["file_bytes"].as_u64().unwrap() + info["log_bytes"].as_u64().unwrap() > 4096);
    let names: Vec<_> = info["tenants"].as_array().unwrap().iter().map(|tenant| &tenant["tenant"]).collect();
    assert_eq!(names, ["acme", "default"]);
    let tenant = &info["tenants"][1];
    assert_eq!((&tenant["events"], &tenant["logs"]), (&json!(5), &json!(2)));
    assert_eq!((&tenant["signed_writers"], &tenant["named_writers"]), (&json!(1), &json!(1)));
    assert_eq!((&tenant["first_ms"], &tenant["last_ms"]), (&json!(TIME), &json!(TIME + 2)));
    assert_eq!(tenant["streams"], json!([{ "stream": "ledger", "events": 3 }, { "stream": "conv:demo", "events": 2 }]));
    assert_eq!(tenant["newest_checkpoint"]["size"], 5);
    assert_eq!(sandbox.json(&["info", "--tenant", "acme"])[0]["tenants"].as_array().unwrap().len(), 1);

    let text = sandbox.text(&["info"]);
    for words in ["1 with a key, 1 by name, in 2 logs", "2026-01-01T00:00:00Z", "vault.example/", &sandbox.anchor()] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn an_empty_vault_is_no_error() {
    let sandbox = Sandbox::empty();
    assert!(sandbox.text(&["info"]).contains("no tenant has stored anything yet"));
    assert!(sandbox.text(&["verify"]).contains("no tenant has stored anything yet"));
    assert_eq!(sandbox.text(&["log"]), "");
    assert_eq!(sandbox.text(&["tail"]), "");
    assert_eq!(sandbox.run(&["show", "HEAD"]).code, 2);
    assert_eq!(sandbox.run(&["log", "--tenant", "acme"]).code, 2);
}

#[test]
fn the_log_is_newest_first_and_can_be_cut_and_turned() {
    let sandbox = Sandbox::new();
    for (arguments, expected) in [
        (&["log"][..], &[5, 4, 3, 2, 1][..]),
        (&["log", "-n", "2"], &[5, 4]),
        (&["log", "--reverse", "-n", "2"], &[1, 2]),
        (&["log", "--from", "2", "--to", "4"], &[4, 3, 2]),
        (&["log", "--from", "2", "--to", "4", "--reverse"], &[2, 3, 4]),
        (&["log", "--from", "9"], &[]),
        (&["log", "--to", "0"], &[]),
        (&["log", "-n", "0"], &[]),
        (&["log", "--stream", "conv:demo"], &[2, 1]),
        (&["log", "--writer", "alice"], &[2, 1]),
        (&["log", "--writer", "0871f3aa"], &[5, 4, 3]),
        (&["log", "--kind", "ledger.*"], &[3]),
        (&["tail"], &[1, 2, 3, 4, 5]),
        (&["tail", "-n", "2"], &[4, 5]),
        (&["tail", "-n", "2", "--writer", "alice"], &[1, 2]),
        (&["log", "--tenant", "acme"], &[1]),
    ] {
        assert_eq!(positions(&sandbox.text(arguments)), expected, "{arguments:?}");
    }
}

#[test]
fn a_long_history_is_walked_back_to_its_beginning_whatever_is_looked_for() {
    let sandbox = Sandbox::empty();
    let rare = |n| if n % 500 == 7 { "rare" } else { "tick" };
    let batch = (1..=3000_u32).map(|n| Event::raw(rare(n), n.to_string()).stream("clock"));
    sandbox.alice().commit_batch(batch).unwrap();
    assert!(positions(&sandbox.text(&["log"])).into_iter().eq((1..=3000).rev()));
    assert_eq!(positions(&sandbox.text(&["log", "--kind", "rare"])), [2507, 2007, 1507, 1007, 507, 7]);
    assert_eq!(positions(&sandbox.text(&["log", "--kind", "rare", "-n", "2"])), [2507, 2007]);
    assert_eq!(positions(&sandbox.text(&["tail", "--kind", "rare", "-n", "4"])), [1007, 1507, 2007, 2507]);
}

#[test]
fn a_line_says_who_did_what_when_after_what() {
    let sandbox = Sandbox::new();
    let lines = sandbox.text(&["log"]);
    let lines: Vec<_> = lines.lines().collect();
    let hash = |at: usize| sandbox.receipts[at].hash.to_hex()[..8].to_owned();
    assert_eq!(
        lines[3].split_whitespace().collect::<Vec<_>>(),
        ["2", &hash(1), "2026-01-01T00:00:00Z", "alice", "conv:demo", "note", "<-", &hash(0), "\"again\""]
    );
    assert!(lines[2].contains("0871f3aa  ledger  ledger.mint  <- "), "{}", lines[2]);
    assert!(lines[2].contains("{\"amount\": 5, ") && lines[2].ends_with('…'), "{}", lines[2]);
    assert!(lines.iter().all(|line| line.chars().count() < 250));
}

#[test]
fn programs_get_one_object_for_each_event() {
    let sandbox = Sandbox::new();
    let log = sandbox.json(&["log"]);
    assert_eq!(log.len(), 5);
    assert_eq!(log[2]["payload"]["memo"].as_str().unwrap().len(), BIG);
    assert_eq!(log[2]["parents"].as_array().unwrap().len(), 2);
    assert_eq!(log[2]["extensions"], json!([{ "touches": ["file:a"] }]));
    assert_eq!((&log[4]["payload_text"], &log[4]["writer_name"]), (&json!("hello"), &json!("alice")));
    assert_eq!(log[4]["hash"], sandbox.receipts[0].hash.to_hex());
}

#[test]
fn an_event_is_found_by_everything_that_names_it() {
    let sandbox = Sandbox::new();
    let note = &sandbox.receipts[1];
    let (hash, id) = (note.hash.to_hex(), note.id.to_string());
    for reference in
        ["2", &hash, &hash[..4], &hash[..11].to_uppercase(), &id, &id.replace('-', ""), "conv:demo/alice/2"]
    {
        assert_eq!(sandbox.json(&["show", reference])[0]["hash"], hash, "{reference}");
    }
    assert_eq!(sandbox.json(&["show", "HEAD"])[0]["position"], 5);
    assert_eq!(sandbox.json(&["show", "ledger/0871f3aa/1"])[0]["position"], 3);
    assert_eq!(sandbox.json(&["show", "1", "2"]).len(), 2);
    for missing in ["6", "0", "ffffffffff", "conv:demo/alice/3", "conv:demo/bob/1", "a/b", "nothing", "", "abc"] {
        let said = sandbox.run(&["show", missing]);
        assert_eq!((said.code, said.out.len()), (2, 0), "{missing}");
        assert!(said.errors.contains(&format!("there is no event {missing:?}")), "{}", said.errors);
    }
}

#[test]
fn a_name_with_slashes_is_found_all_the_same_and_a_short_hash_of_several_is_refused() {
    let sandbox = Sandbox::empty();
    let writer = sandbox.vault.named_writer("team/bob").unwrap();
    writer.commit(Event::raw("note", "x").stream("a/b/c")).unwrap();
    assert_eq!(sandbox.json(&["show", "a/b/c/team/bob/1"])[0]["position"], 1);
    let batch = (0..4000_u32).map(|n| Event::raw("tick", n.to_string()).stream("clock"));
    let receipts = writer.commit_batch(batch).unwrap();
    let mut prefixes: Vec<_> = receipts.iter().map(|tick| tick.hash.to_hex()[..4].to_owned()).collect();
    prefixes.sort();
    // A number that is a position names the position.
    let twice = prefixes.windows(2).find(|pair| pair[0] == pair[1] && pair[0].parse::<u64>().is_err()).unwrap();
    let said = sandbox.run(&["show", &twice[0]]);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("is the beginning of") && said.errors.contains("give more digits"), "{}", said.errors);
}

#[test]
fn show_says_everything_about_an_event() {
    let sandbox = Sandbox::new();
    let text = sandbox.text(&["show", "3"]);
    let (mint, key) = (&sandbox.receipts[2], Signer::public_key(&SigningKey::from_bytes(&[7; 32])));
    for words in [
        &format!("event 3 {}", mint.hash),
        &format!("id          {}", mint.id),
        "seq         1 in epoch 0",
        &format!("holds, with key {}", hex::encode(key)),
        "{\"touches\":[\"file:a\"]}",
        &format!("parent           1 {}", &sandbox.receipts[0].hash.to_hex()[..8]),
        &format!("parent           2 {}", &sandbox.receipts[1].hash.to_hex()[..8]),
        "  \"to\": \"bob\"",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(sandbox.text(&["show", "1"]).contains(&format!("child            3 {}", &mint.hash.to_hex()[..8])));
    assert!(sandbox.text(&["show", "1"]).contains("signature   none"));
    assert!(sandbox.text(&["show", "4"]).contains("holds, through that of position 5"));
    let object = &sandbox.json(&["show", "4"])[0];
    assert_eq!((&object["signature"]["verdict"], &object["signature"]["by"]), (&json!("covered"), &json!(5)));
    assert_eq!(object["prev"], mint.hash.to_hex());
    assert_eq!(sandbox.run(&["show", "1", "--payload"]).out, b"hello");
}

#[test]
fn an_event_of_a_writer_that_was_revoked_says_so() {
    let sandbox = Sandbox::new();
    sandbox.vault.revoke(sandbox.carol().id(), None).unwrap();
    assert!(sandbox.text(&["show", "3"]).contains("its writer was revoked: see position 6"));
    assert_eq!(sandbox.json(&["show", "3"])[0]["writer_revoked"], 6);
    assert!(!sandbox.text(&["show", "1"]).contains("revoked"));
}

#[test]
fn the_tenant_is_named_where_it_cannot_be_known() {
    let sandbox = Sandbox::empty();
    for tenant in ["acme", "bank"] {
        let tenant = sandbox.vault.for_tenant(tenant).unwrap();
        tenant.named_writer("alice").unwrap().commit(Event::raw("note", tenant.tenant()).stream("s")).unwrap();
        let said = sandbox.run(&["log"]);
        assert_eq!(said.code, if tenant.tenant() == "acme" { 0 } else { 2 });
    }
    let said = sandbox.run(&["log"]);
    assert!(said.errors.contains("--tenant") && said.errors.contains("[\"acme\", \"bank\"]"), "{}", said.errors);
    assert!(sandbox.text(&["log", "--tenant", "bank"]).contains("\"bank\""));
    let said = sandbox.run(&["verify", "--tenant", "nobody"]);
    assert!(said.code == 2 && said.errors.contains("there is no tenant \"nobody\""), "{}", said.errors);
}

#[test]
fn nothing_is_written_and_nothing_is_created() {
    let sandbox = Sandbox::new();
    let copy = sandbox.beside("copy.vault");
    sandbox.vault.backend().query("PRAGMA wal_checkpoint(TRUNCATE)", &[]).unwrap();
    std::fs::copy(sandbox.file(), &copy).unwrap();
    let before = std::fs::read(&copy).unwrap();
    let mut permissions = std::fs::metadata(&copy).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&copy, permissions).unwrap();
    for command in [&["info"][..], &["log"], &["show", "1"], &["verify"], &["prove", "1"], &["tail"]] {
        assert_eq!(run(&copy, command).code, 0, "{command:?}");
        let missing = sandbox.beside("missing.vault");
        let said = run(&missing, command);
        assert_eq!(said.code, 2);
        assert!(said.errors.contains("there is no such file"), "{}", said.errors);
        assert!(!missing.exists());
    }
    assert_eq!(std::fs::read(&copy).unwrap(), before);
}
