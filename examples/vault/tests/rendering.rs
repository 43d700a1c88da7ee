use causal_vault::{Event, StoredEvent, Vault};
use proptest::prelude::*;
use serde_json::json;

use crate::payload::{pages, preview, to_json};
use crate::screen::{Colour, Screen, acts, safe, safe_json, safe_lines};

fn stored(event: Event) -> StoredEvent {
    let vault = Vault::in_memory().unwrap();
    let receipt = vault.named_writer("alice").unwrap().commit(event.stream("s")).unwrap();
    vault.get(&receipt).unwrap()
}

fn messagepack(bytes: impl Into<Vec<u8>>) -> StoredEvent {
    stored(Event::raw("x", bytes).content_type("application/msgpack"))
}

#[test]
fn messagepack_is_shown_in_the_manner_of_json() {
    let value = json!({ "a": [1, -2, 2.5, true, null], "b": {}, "c": [], "d": "x\n\"\u{1b}[2J" });
    let event = stored(Event::new("x", &value).unwrap());
    let expected = r#"{"a": [1, -2, 2.5, true, null], "b": {}, "c": [], "d": "x\n\"\u{1b}[2J"}"#;
    assert_eq!(preview(&event, 1000), expected);
    assert_eq!(preview(&event, 10), format!("{}…", &expected[..10]));
    assert_eq!(preview(&event, expected.len()), expected);
    assert_eq!(
        pages(&messagepack(*b"\x82\x01\x92\x02\x03\x05\x80"), 100),
        "{\n  1: [\n    2,\n    3\n  ],\n  5: {}\n}"
    );
    assert_eq!(to_json(&event), ("payload", value));
}

#[test]
fn what_json_has_no_word_for_is_shown_in_hex() {
    assert_eq!(preview(&messagepack(*b"\x92\xc4\x02\xff\x00\xd4\x05\x07"), 100), "[0xff00, ext[5, 0x07]]");
    assert_eq!(to_json(&messagepack(*b"\xc4\x01\xff")), ("payload_hex", json!("c401ff")));
}

#[test]
fn what_is_no_messagepack_is_shown_as_text_or_in_hex() {
    assert_eq!(preview(&stored(Event::raw("x", "grüße\u{202e}")), 100), "\"grüße\\u{202e}\"");
    assert_eq!(preview(&stored(Event::raw("x", [0, 0xff])), 100), "0x00ff");
    assert_eq!(preview(&stored(Event::raw("x", "")), 100), "\"\"");
    // One that goes on after its end, one that ends too early, one that claims four billion items.
    assert_eq!(preview(&messagepack(*b"\x01\x02"), 100), "\"\\u{1}\\u{2}\"");
    assert_eq!(preview(&messagepack(*b"\x92\x01"), 100), "0x9201");
    assert_eq!(preview(&messagepack(*b"\xdd\xff\xff\xff\xff\x01"), 100), "0xddffffffff01");
    assert_eq!(preview(&messagepack([0x91; 5000]), 100), format!("0x{}…", "91".repeat(49)));
}

#[test]
fn nothing_that_acts_on_a_terminal_gets_through() {
    let hostile = "a\x1b]0;title\x07\u{9b}31m\u{202e}\u{2066}\u{200b}\u{feff}\r\0\x7f\u{e0041}é";
    for shown in [safe(hostile), safe_lines(hostile), safe_json(&json!({ hostile: hostile }).to_string())] {
        assert!(!shown.chars().any(acts), "{shown:?}");
        assert!(shown.contains('é'), "{shown:?}");
    }
    let read: serde_json::Value = serde_json::from_str(&safe_json(&json!({ hostile: hostile }).to_string())).unwrap();
    assert_eq!(read, json!({ hostile: hostile }));
    assert_eq!(safe_lines("one\ntwo\r"), "one\ntwo\\u{d}");
}

#[test]
fn there_are_colours_only_where_they_are_wanted() {
    let paint = |colours| Screen { out: &mut std::io::sink(), colours }.paint(Colour::Bad, "no");
    assert_eq!((paint(true).as_str(), paint(false).as_str()), ("\x1b[31mno\x1b[0m", "no"));
}

proptest! {
    #[test]
    fn any_bytes_are_shown_in_the_room_there_is(bytes in prop::collection::vec(any::<u8>(), 0..200), room in 0_usize..100) {
        for event in [messagepack(bytes.clone()), stored(Event::raw("x", bytes))] {
            let shown = preview(&event, room);
            prop_assert!(shown.chars().count() <= room + 1 && !shown.chars().any(acts));
            let shown = pages(&event, room);
            prop_assert!(shown.chars().count() <= room + 1 && !shown.chars().any(|c| acts(c) && c != '\n'));
            to_json(&event);
        }
    }
}
