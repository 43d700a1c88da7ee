//! Rules that say which texts can be found.

use std::collections::BTreeMap;

use causal_vault::{ErrorKind, Event, Filter, StoreError, TextRule, Vault, limits};

use super::super::{alice, on_disk, vault};
use super::{chat, indexed, many, search};

/// Messages with a title and a body, and two payloads that are text themselves.
fn pages(vault: &Vault) {
    let page = |title: &str, text: &str| {
        let value = BTreeMap::from([("title", title), ("text", text)]);
        Event::new("page", &BTreeMap::from([("body", value)])).unwrap().stream("s")
    };
    let raw = |media_type: &str, bytes: &[u8]| Event::raw("page", bytes).content_type(media_type).stream("s");
    let events = [
        page("alpha", "beta"),
        page("beta", "gamma"),
        raw("Text/HTML; charset=utf-8", b"<p>beta"),
        raw("text/plain", b"beta \xff"),
        raw("application/octet-stream", b"beta"),
        raw("application/json", b"\"beta\""),
        Event::new("page", &7).unwrap().stream("s"),
        Event::new("other.page", "beta").unwrap().stream("s"),
    ];
    alice(vault).commit_batch(events).unwrap();
}

#[test]
fn a_rule_means_all_strings_or_some_fields_and_texts_as_a_whole() {
    let vault = vault();
    pages(&vault);
    vault.index_text(TextRule::kind("page")).unwrap();
    assert_eq!(search(&vault, "beta"), [1, 2, 3]);
    assert_eq!(search(&vault, "body title text"), Vec::<u64>::new(), "the keys of maps are no text");
    vault.index_text(TextRule::kind("page").field("body.title")).unwrap();
    assert_eq!(search(&vault, "beta"), [2, 3]);
    vault.index_text(TextRule::kind("page").field("body.text").field("nowhere")).unwrap();
    assert_eq!(search(&vault, "beta"), [1, 3]);
    vault.index_text(TextRule::kind("*page").field("body.title")).unwrap();
    assert_eq!(search(&vault, "beta").len(), 3, "two rules for one kind: the fields of both");
    assert_eq!(search(&vault, "alpha gamma").len(), 2);
    vault.index_text(TextRule::kind("*.page")).unwrap();
    assert_eq!(search(&vault, "beta").len(), 4);
}

#[test]
fn rules_are_listed_replaced_and_taken_back_and_stand_in_the_file() {
    let (folder, vault) = on_disk();
    assert_eq!(vault.text_rules(), Ok(vec![]));
    assert_eq!(vault.unindex_text("page"), Ok(false));
    let rules = [TextRule::kind("chat.*"), TextRule::kind("page").field("b").field("a.b"), TextRule::kind("page.*")];
    for rule in rules.iter().rev() {
        vault.index_text(rule.clone()).unwrap();
    }
    assert_eq!(vault.text_rules().unwrap(), rules);
    let fewer = TextRule::kind("page").field("c");
    vault.index_text(fewer.clone()).unwrap();
    assert_eq!(vault.unindex_text("chat.*"), Ok(true));
    assert_eq!(vault.unindex_text("chat.*"), Ok(false));
    drop(vault);
    let vault = Vault::open(folder.path().join("agents.vault")).unwrap();
    assert_eq!(vault.text_rules().unwrap(), [fewer, TextRule::kind("page.*")]);
    super::super::assert_intact(&vault);
}

#[test]
fn a_rule_that_is_added_changed_or_taken_back_fills_the_index_anew() {
    let vault = vault();
    many(&vault, 700);
    let log = (0..5000).map(|n| Event::new("log", &format!("number{n}")).unwrap().stream("s"));
    alice(&vault).commit_batch(log.clone().take(2500)).unwrap();
    alice(&vault).commit_batch(log.skip(2500)).unwrap();
    vault.index_text(TextRule::kind("chat.*")).unwrap();
    assert_eq!((search(&vault, "number7").len(), indexed(&vault)), (1, 700));
    vault.index_text(TextRule::kind("log")).unwrap();
    assert_eq!((search(&vault, "number7").len(), indexed(&vault)), (2, 5700));
    vault.index_text(TextRule::kind("log").field("x")).unwrap();
    assert_eq!((search(&vault, "number7").len(), indexed(&vault)), (1, 700));
    vault.unindex_text("chat.*").unwrap();
    assert_eq!((search(&vault, "number7").len(), indexed(&vault)), (0, 0));
}

#[test]
fn a_rule_that_is_there_already_leaves_the_index_alone() {
    let vault = vault();
    many(&vault, 300);
    let rule = TextRule::kind("chat.*").field("a").field("b");
    vault.index_text(rule).unwrap();
    vault.index_text(TextRule::kind("chat.*")).unwrap();
    search(&vault, "x");
    let progress = || vault.backend().query("SELECT * FROM vault_text_progress", &[]).unwrap();
    let before = progress();
    assert_eq!(before.len(), 1);
    vault.index_text(TextRule::kind("chat.*")).unwrap();
    assert_eq!(progress(), before);
}

#[test]
fn too_many_rules_and_fields_are_refused_with_the_limit_and_a_changed_rule_counts_once() {
    let vault = vault();
    let error = (0..=limits::TEXT_FIELDS).fold(TextRule::kind("a"), |rule, n| rule.field(n.to_string()));
    let error = vault.index_text(error).unwrap_err();
    assert_eq!(error, StoreError::Limit { what: "the text rule", found: 65, limit: 64, unit: "fields" });
    for n in 0..limits::TEXT_RULES {
        vault.index_text(TextRule::kind(format!("kind.{n}"))).unwrap();
    }
    vault.index_text(TextRule::kind("kind.0").field("a")).unwrap();
    let error = vault.index_text(TextRule::kind("one.more")).unwrap_err();
    assert_eq!(error, StoreError::Limit { what: "the tenant", found: 65, limit: 64, unit: "text rules" });
    vault.for_tenant("acme").unwrap().index_text(TextRule::kind("one.more")).unwrap();
}

#[test]
fn kinds_and_fields_that_cannot_be_are_refused() {
    let vault = vault();
    for kind in ["", "a\0b", &"x".repeat(129)] {
        assert!(vault.index_text(TextRule::kind(kind)).is_err(), "{kind:?}");
        assert!(vault.unindex_text(kind).is_err(), "{kind:?}");
    }
    for field in ["", ".", "a.", ".a", "a..b", "a\nb", &"x".repeat(129)] {
        let error = vault.index_text(TextRule::kind("a").field(field)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Limit), "{field:?}: {error}");
    }
    assert_eq!(vault.text_rules(), Ok(vec![]));
}

#[test]
fn a_rule_is_not_given_within_a_transaction() {
    let vault = vault();
    let error = vault.transaction(|_| vault.index_text(TextRule::kind("a"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    vault.index_text(TextRule::kind("a")).unwrap();
    let error = vault.transaction(|_| vault.index_text(TextRule::kind("b"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[test]
fn of_a_text_that_is_too_long_the_beginning_is_found() {
    let vault = vault();
    vault.index_text(TextRule::kind("chat.*")).unwrap();
    let long = "x ".repeat(limits::TEXT_BYTES / 2 - 2);
    // The last word stands across the limit, and is cut between two characters.
    alice(&vault).commit(chat(&format!("{long} wüüüst after"))).unwrap();
    assert_eq!(search(&vault, "wu"), [1]);
    assert!(search(&vault, "wuust wuuust after").is_empty());
    many(&vault, 300);
    assert_eq!(search(&vault, "wu"), [1]);
    assert!(search(&vault, "wuust wuuust after").is_empty());
    assert_eq!(vault.search("x", &Filter::all(), 9).unwrap().len(), 1);
}
