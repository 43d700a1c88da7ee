//! Text as words, neighbours and parts of words.

use std::collections::BTreeMap;

use crate::words::limits::ENCODER_TEXT_BYTES;
use crate::words::{Result, StoreError};

/// Characters of a part of a word, its borders counted.
const PART: std::ops::RangeInclusive<usize> = 3..=5;

/// The words of a text, each once and in alphabetical order; none of one that is too long.
pub(crate) fn words(text: &str) -> Vec<String> {
    let words = Words::of(text).ok();
    words.iter().flat_map(|words| words.distinct().into_keys()).map(str::to_owned).collect()
}

/// A text that has words: lower-cased, and split wherever a character is neither a letter nor a digit.
pub(super) struct Words(String);

impl Words {
    pub(super) fn of(text: &str) -> Result<Self> {
        if text.len() > ENCODER_TEXT_BYTES {
            return Err(StoreError::Limit {
                what: "the text",
                found: text.len() as u64,
                limit: ENCODER_TEXT_BYTES as u64,
                unit: "bytes",
            });
        }
        let words = Self(text.to_lowercase());
        if words.iter().next().is_none() {
            return Err(StoreError::Invalid {
                what: "text",
                reason: format!("its {} bytes hold no letter and no digit; give it a word", text.len()),
            });
        }
        Ok(words)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
    }

    /// Each word once, and how often it stands there.
    pub(super) fn distinct(&self) -> BTreeMap<&str, u32> {
        tally(self.iter())
    }

    /// Each pair of neighbouring words likewise.
    pub(super) fn pairs(&self) -> BTreeMap<(&str, &str), u32> {
        tally(self.iter().zip(self.iter().skip(1)))
    }
}

fn tally<T: Ord>(items: impl Iterator<Item = T>) -> BTreeMap<T, u32> {
    let mut times = BTreeMap::new();
    for item in items {
        *times.entry(item).or_default() += 1;
    }
    times
}

/// Visits every 3, 4 and 5 neighbouring characters of a word, its borders counted.
pub(super) fn parts(word: &str, mut visit: impl FnMut(&str)) {
    let bordered = format!("^{word}$");
    let borders: Vec<usize> = bordered.char_indices().map(|(at, _)| at).chain([bordered.len()]).collect();
    for length in PART {
        for window in borders.windows(length + 1) {
            if let [first, .., last] = window {
                visit(bordered.get(*first..*last).unwrap_or_default());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_stands_between_other_characters_in_lower_case() {
        let words = Words::of("Größe: \u{2163}, ДА-да... x2; 東京 -- e\u{301}").unwrap();
        let found: Vec<&str> = words.iter().collect();
        assert_eq!(found, ["größe", "\u{2173}", "да", "да", "x2", "東京", "e"]);
        assert_eq!(words.distinct()["да"], 2);
        assert_eq!(words.pairs()[&("да", "да")], 1);
    }

    #[test]
    fn parts_are_cut_between_characters_and_never_within_one() {
        let parts_of = |word| {
            let mut found = Vec::new();
            parts(word, |part| found.push(part.to_owned()));
            found
        };
        assert_eq!(parts_of("ü"), ["^ü$"]);
        assert_eq!(parts_of("東京"), ["^東京", "東京$", "^東京$"]);
        assert_eq!(parts_of("abc"), ["^ab", "abc", "bc$", "^abc", "abc$", "^abc$"]);
    }

    #[test]
    fn a_text_without_a_word_and_one_that_is_too_long_are_refused() {
        for empty in ["", " \n", "?!", "\u{301}"] {
            assert!(matches!(Words::of(empty), Err(StoreError::Invalid { what: "text", .. })), "{empty:?}");
        }
        assert!(Words::of(&"x".repeat(ENCODER_TEXT_BYTES)).is_ok());
        let long = Words::of(&"x".repeat(ENCODER_TEXT_BYTES + 1)).err();
        assert_eq!(
            long,
            Some(StoreError::Limit { what: "the text", found: 1_048_577, limit: 1_048_576, unit: "bytes" })
        );
    }
}
