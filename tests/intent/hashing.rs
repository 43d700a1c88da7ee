//! The built-in encoder: the same bits everywhere, no text that breaks it, and likeness where there is some.

use causal_vault::limits::ENCODER_TEXT_BYTES;
use causal_vault::{Encoder, ErrorKind, HashingEncoder, UnitVector};
use proptest::prelude::*;

fn similarity(encoder: &HashingEncoder, left: &str, right: &str) -> f32 {
    let unit = |text| UnitVector::new(&encoder.encode(text).unwrap()).unwrap();
    unit(left).similarity(&unit(right)).unwrap()
}

/// The bits were written down once, and every machine has to reproduce them.
#[test]
fn a_text_has_the_same_bits_on_every_machine() {
    let mut encoder = HashingEncoder::new();
    for text in ["restart the service", "the service is down", "größe der 東京 карта"] {
        encoder.learn(text).unwrap();
    }
    let values = encoder.encode("Restart the 東京 service, restart größe!").unwrap();
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(
        blake3::hash(&bytes).to_hex().as_str(),
        "1ab832f65d6aec2a601e7639970bbd8d20e3211c4f0054e6bc7a00665d6b8eb8"
    );
    assert_eq!(
        blake3::hash(&encoder.export()).to_hex().as_str(),
        "cded89cf28d5ef38cccb7072f506aa013be4108eb841cf0a3fc126c77e2853c0"
    );
}

#[test]
fn texts_that_share_words_are_alike_and_inflections_are_somewhat() {
    let encoder = HashingEncoder::new();
    let base = "transfer money to my savings account";
    let same = similarity(&encoder, base, "Transfer money, to my SAVINGS account.");
    let shared = similarity(&encoder, base, "move money to the savings account");
    let inflected = similarity(&encoder, base, "transferring moneys accounts");
    let other = similarity(&encoder, base, "what is the weather in lisbon");
    assert!(same > 0.9999, "{same}");
    assert!(shared > 0.3, "{shared}");
    assert!(inflected > other + 0.05, "{inflected} and {other}");
    assert!(other.abs() < 0.15, "{other}");
}

#[test]
fn words_that_every_text_holds_stop_counting_once_they_are_learnt() {
    let mut encoder = HashingEncoder::new();
    let pair = ("please can you tell me the weather", "please can you tell me the balance");
    let before = similarity(&encoder, pair.0, pair.1);
    for topic in ["weather", "balance", "time", "news", "score", "route", "price", "date"] {
        for _ in 0..4 {
            encoder.learn(&format!("please can you tell me the {topic}")).unwrap();
        }
    }
    let after = similarity(&encoder, pair.0, pair.1);
    assert!(after < before - 0.1, "{before} before, {after} after");
}

#[test]
fn a_label_names_what_the_group_has_and_the_others_have_not() {
    let mut encoder = HashingEncoder::new();
    let cards = ["my card was stolen", "i lost my card yesterday", "report a lost card please", "my card is lost"];
    let others = ["what is my balance", "play my favourite song", "i was at the bank yesterday", "is my flight late"];
    cards.iter().chain(&others).for_each(|text| encoder.learn(text).unwrap());
    assert_eq!(encoder.typical_words(cards, 2), ["card", "lost"]);
    assert_eq!(encoder.typical_words(["?!", "", "card"], 5), ["card"]);
    assert!(encoder.typical_words::<&str>([], 5).is_empty());
    assert!(encoder.typical_words(cards, 0).is_empty());
}

#[test]
fn what_has_no_word_is_an_error_that_says_so_and_is_not_counted() {
    let mut encoder = HashingEncoder::new();
    for text in ["", "   ", "?!…", "\u{301}"] {
        for error in [encoder.encode(text).unwrap_err(), encoder.learn(text).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains("no letter and no digit"), "{error}");
        }
    }
    let long = "x ".repeat(ENCODER_TEXT_BYTES / 2 + 1);
    assert_eq!(encoder.encode(&long).unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(encoder, HashingEncoder::new());
}

#[test]
fn a_text_that_is_forgotten_leaves_nothing_behind() {
    let mut encoder = HashingEncoder::new();
    encoder.learn("the public part").unwrap();
    let before = encoder.export();
    encoder.learn("the secret part, the SECRET").unwrap();
    assert_eq!(encoder.forget("another secret").unwrap_err().kind(), ErrorKind::Invalid);
    encoder.forget("the secret part, the SECRET").unwrap();
    assert_eq!(encoder.export(), before);
}

#[test]
fn a_state_that_no_export_wrote_is_refused() {
    let mut encoder = HashingEncoder::with_dimension(16).unwrap();
    encoder.learn("one two three").unwrap();
    let good = encoder.export();
    assert_eq!(good.len(), 5 + 2 + 4 + 3 * 6);
    let refused = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        HashingEncoder::import(&bad).unwrap_err()
    };
    assert!(refused(0, b"X").to_string().contains("give what export wrote"));
    assert_eq!(refused(5, &[0, 0]).kind(), ErrorKind::Invalid);
    assert_eq!(refused(5, &[0xff, 0xff]).kind(), ErrorKind::Limit);
    assert!(refused(13, &[0; 4]).to_string().contains("none of them at 0"));
    assert!(refused(11, &[0xff, 0xff]).to_string().contains("counters from 65536 on"), "they must ascend");
    for end in 0..good.len() {
        let whole = end >= 11 && (end - 11) % 6 == 0;
        assert_eq!(HashingEncoder::import(&good[..end]).is_ok(), whole, "cut at {end}");
    }
}

proptest! {
    #[test]
    fn any_text_is_encoded_to_length_one_or_has_no_word(text in "\\PC{0,40}", dimension in 1..200usize) {
        let encoder = HashingEncoder::with_dimension(dimension).unwrap();
        match encoder.encode(&text) {
            Ok(values) => {
                prop_assert_eq!(values.len(), dimension);
                prop_assert!(UnitVector::new(&values).is_ok());
                prop_assert_eq!(encoder.encode(&text).unwrap(), values);
            }
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::Invalid),
        }
    }

    #[test]
    fn any_bytes_are_a_state_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut state = b"CVHE\x01\x00\x10".to_vec();
        state.extend(&bytes);
        for bytes in [bytes, state] {
            if let Ok(encoder) = HashingEncoder::import(&bytes) {
                prop_assert_eq!(encoder.export(), bytes);
                prop_assert!(encoder.encode("any text").is_ok());
            }
        }
    }

    #[test]
    fn texts_can_be_learnt_in_any_order(texts in prop::collection::vec("[a-d]{1,3}( [a-d]{1,3}){0,4}", 1..12)) {
        let learnt = |texts: &mut dyn Iterator<Item = &String>| {
            let mut encoder = HashingEncoder::new();
            texts.for_each(|text| encoder.learn(text).unwrap());
            encoder.export()
        };
        prop_assert_eq!(learnt(&mut texts.iter()), learnt(&mut texts.iter().rev()));
    }
}
