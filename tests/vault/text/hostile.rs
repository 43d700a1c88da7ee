//! Queries and payloads that nobody would write.

use causal_vault::{ErrorKind, Event, Filter, StoreError, TextRule, limits};
use proptest::prelude::*;

use super::super::{alice, assert_intact, size, vault};
use super::{chat, indexed, many, search};

#[test]
fn no_query_is_taken_for_the_syntax_of_an_engine() {
    let vault = vault();
    vault.index_text(TextRule::kind("chat.*")).unwrap();
    many(&vault, 300);
    for query in [
        "number7 NOT number7",
        "number7 AND nothing",
        "words : number7",
        "{words} : number7",
        "- number7",
        "^number7",
        "NEAR(number7 nothing, 0)",
        "number7'; DELETE FROM vault_text; --",
        "number7\" OR \"",
        "\"number7",
        "number7\0number8",
        "number7) (",
        "NUMBER7%_",
        "'number7'",
        "x\u{0}\"\u{fffd}\u{202e} number7 \u{301}\u{1f511}*",
        "number7 ' ' '' \\\" \\",
        "message number7",
    ] {
        assert_eq!(search(&vault, query)[0], 8, "{query:?}");
    }
    for query in ["*", "\"*\"", "\"\"\"\"", "id*:", "1·message", "message*number7 *id", "·", "\u{10ffff}*"] {
        assert!(vault.search(query, &Filter::all(), 3).is_ok(), "{query:?}");
    }
    assert!(search(&vault, "\"1·mess*\"").is_empty(), "a word as the index has it");
}

#[test]
fn a_query_of_ten_megabytes_is_refused_with_the_limit() {
    let vault = vault();
    let query = |text: &str| vault.search(text, &Filter::all(), 1);
    let error = query(&"word ".repeat(2 << 20)).unwrap_err();
    assert_eq!(error, StoreError::Limit { what: "the query", found: 10 << 20, limit: 16 << 10, unit: "bytes" });
    let error = query(&"a ".repeat(limits::QUERY_WORDS + 1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(query(&"x".repeat(limits::QUERY_BYTES)).is_ok());
}

#[test]
fn whatever_a_payload_is_it_is_committed_and_does_not_stand_in_the_way_of_a_search() {
    let vault = vault();
    vault.index_text(TextRule::kind("*")).unwrap();
    let raw = |media_type: &str, bytes: Vec<u8>| Event::raw("x", bytes).content_type(media_type).stream("s");
    let packed = |bytes: &[u8]| raw("application/msgpack", bytes.to_vec());
    let events = [
        raw("text/plain", vec![0; 1 << 20]),
        raw("text/plain", b"a\0b\0wolf\0".to_vec()),
        raw("text/plain", vec![0xff; 1000]),
        raw("text/plain", "\u{301}\u{fe0f}\u{200d}".repeat(10_000).into_bytes()),
        raw("text/plain", "\u{fdfa}".repeat(300_000).into_bytes()),
        raw("text/plain", vec![b'a'; 1 << 20]),
        raw("text/", Vec::new()),
        raw("text", b"wolf".to_vec()),
        raw("é/x", b"wolf".to_vec()),
        chat("in a wolf's clothes"),
    ];
    let before = size(&vault);
    let count = events.len() as u64;
    alice(&vault).commit_batch(events).unwrap();
    let mut refused = 0;
    for bytes in [
        b"\xc1".as_slice(),
        b"",
        b"\xdd\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xffwolf",
        b"\xa4wolf\xa4wolf",
        b"\xa5wolf",
    ] {
        refused += u64::from(alice(&vault).commit(packed(bytes)).is_err());
    }
    alice(&vault)
        .commit(packed(&[b"\x91".repeat(70), b"\xa4wolf".to_vec()].concat()))
        .map_or_else(|_| refused += 1, drop);
    assert_eq!(size(&vault), before + count + 7 - refused);
    assert_eq!(search(&vault, "wolf"), [2, 10]);
    many(&vault, 300);
    assert_eq!(search(&vault, "wolf"), [2, 10]);
    assert_eq!(search(&vault, "a*").len(), 3);
    assert_eq!(indexed(&vault), 300 + 4);
    assert_intact(&vault);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_query_has_an_answer_and_whoever_asks_for_a_text_finds_it(
        text in "[a-c\"*() \\PC]{0,60}",
        query in "[a-c\"*() \\x00]{0,20}|\\PC{0,20}",
    ) {
        let vault = vault();
        vault.index_text(TextRule::kind("chat.*")).unwrap();
        alice(&vault).commit(chat(&text)).unwrap();
        let is_there = |query: &str| !vault.search(query, &Filter::all(), 1).unwrap().is_empty();
        is_there(&query);
        let is_word = text.chars().any(char::is_alphanumeric);
        prop_assert_eq!(is_there(&text.replace(['"', '*'], " ")), is_word);
        many(&vault, 256);
        is_there(&query);
        prop_assert_eq!(is_there(&text.replace(['"', '*'], " ")), is_word);
    }
}
