use causal_vault::{Bundle, Event, Vault};
use serde_json::json;

use super::sandbox::{Sandbox, run};

#[test]
fn what_is_exported_is_imported_elsewhere_and_continued() {
    let sandbox = Sandbox::new();
    let (bundle, copy) = (sandbox.beside("all.bundle"), sandbox.beside("copy.vault"));
    let bundle = bundle.to_str().unwrap();
    let exported = &sandbox.json(&["export", bundle])[0];
    assert_eq!((&exported["tenant"], &exported["entries"]), (&json!("default"), &json!(5)));
    assert_eq!(exported["bytes"], std::fs::metadata(bundle).unwrap().len());

    let imported = run(&copy, &["import", bundle, "--anchor", &sandbox.anchor()]);
    assert!(imported.code == 0 && imported.text().contains("imported 5 events"), "{imported:?}");
    let again = run(&copy, &["import", bundle]);
    assert!(again.code == 0 && again.text().contains("imported 0 events"), "{again:?}");
    assert_eq!(run(&copy, &["log"]).out, sandbox.run(&["log"]).out);
    assert_eq!(run(&copy, &["verify", "--anchor", &sandbox.anchor()]).code, 0);

    sandbox.alice().commit(Event::raw("note", "later").stream("conv:demo")).unwrap();
    let news = sandbox.beside("news.bundle");
    let news = news.to_str().unwrap();
    let part = &sandbox.json(&["export", news, "--from", "6"])[0];
    assert_eq!((&part["entries"], &part["part"]), (&json!(1), &json!({ "from": 6, "to": 6 })));
    let (note, key) = sandbox.checkpoint();
    let imported = run(&copy, &["import", news, "--checkpoint", &note, "--key", &key, "--json"]);
    assert!(imported.code == 0 && imported.text().contains("\"imported\":1"), "{imported:?}");
    assert_eq!(run(&copy, &["verify", "--checkpoint", &note, "--key", &key]).code, 0);
}

#[test]
fn a_part_goes_to_the_standard_output_as_nothing_but_a_bundle() {
    let sandbox = Sandbox::new();
    let said = sandbox.run(&["export", "-", "--stream", "ledger", "--writer", "0871f3aa"]);
    let report = Bundle::open(&said.out[..]).unwrap().verify(&[]).unwrap();
    assert_eq!((said.code, report.entries), (0, 3));
}

#[test]
fn an_export_that_fails_leaves_no_file_and_overwrites_none() {
    let sandbox = Sandbox::new();
    let bundle = sandbox.beside("all.bundle");
    std::fs::write(&bundle, "mine").unwrap();
    let said = sandbox.run(&["export", bundle.to_str().unwrap()]);
    assert!(said.code == 2 && said.errors.contains("all.bundle: "), "{said:?}");
    assert_eq!(std::fs::read(&bundle).unwrap(), b"mine");
    std::fs::remove_file(&bundle).unwrap();
    sandbox.tamper("UPDATE vault_entry SET payload = zeroblob(5) WHERE payload IS NOT NULL");
    assert_eq!(sandbox.run(&["export", bundle.to_str().unwrap()]).code, 1);
    assert_eq!(sandbox.run(&["export", "-"]).code, 1);
    assert!(!bundle.exists());
}

#[test]
fn what_cannot_be_imported_is_refused_and_nothing_of_it_stays() {
    let (sandbox, other) = (Sandbox::new(), Sandbox::new());
    let bundle = sandbox.beside("all.bundle");
    let path = bundle.to_str().unwrap();
    sandbox.text(&["export", path]);
    let copy = sandbox.beside("copy.vault");
    let exits = |code: u8, file: &std::path::Path, arguments: &[&str], words: &str| {
        let said = run(file, &[&["import"], arguments].concat());
        assert!(said.code == code && said.errors.contains(words), "{said:?}");
    };
    let refused = |file: &std::path::Path, arguments: &[&str], words: &str| exits(2, file, arguments, words);
    exits(1, &copy, &[path, "--anchor", &other.anchor()], "an anchor contradicts it");
    refused(&copy, &[path, "--anchor", &format!("9{}", other.anchor())], "an anchor contradicts it");
    refused(&copy, &[path, "--tenant", "acme"], "is of tenant \"default\"");
    let (note, key) = other.checkpoint();
    refused(&copy, &[path, "--checkpoint", &note, "--key", &key], "is not about the vault");
    refused(&copy, &["/nowhere/at/all"], "/nowhere/at/all");
    assert_eq!(run(&copy, &["info"]).code, 2);
    let head = other.vault.tree_head().unwrap();
    refused(&other.file(), &[path], "it is of vault");
    assert_eq!(other.vault.tree_head().unwrap(), head);

    let (whole, mut broken) = (std::fs::read(&bundle).unwrap(), 0);
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        for bytes in [&damaged[..], &whole[..at]] {
            std::fs::write(&bundle, bytes).unwrap();
            // Some changes make another kind of bundle of it, or one that is too large.
            let said = run(&copy, &["import", path]);
            let is_broken = said.errors.contains("the bundle breaks a rule");
            assert_eq!(said.code, if is_broken { 1 } else { 2 }, "{said:?}");
            broken += usize::from(is_broken);
        }
    }
    assert!(broken > 70, "{broken}");
    // What failed left the file free.
    std::fs::write(&bundle, whole).unwrap();
    assert_eq!(run(&copy, &["import", path]).code, 0);
    assert_eq!(Vault::open(&copy).unwrap().tree_head().unwrap(), sandbox.vault.tree_head().unwrap());
    sandbox.alice().commit(Event::raw("note", "one way").stream("conv:demo")).unwrap();
    let elsewhere = Vault::open(&copy).unwrap();
    elsewhere.named_writer("alice").unwrap().commit(Event::raw("note", "another way").stream("conv:demo")).unwrap();
    std::fs::remove_file(&bundle).unwrap();
    sandbox.text(&["export", path]);
    exits(1, &copy, &[path], "up to position 6 the bundle has");
}
