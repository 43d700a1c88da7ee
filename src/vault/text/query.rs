//! What is asked for.

use super::word;
use crate::words::limits::{QUERY_BYTES, QUERY_WORDS};
use crate::words::{Result, StoreError};

/// Words and phrases, each once, in the order in which they were given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) phrases: Vec<Phrase>,
}

/// Words that follow each other; mostly one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Phrase(pub(super) Vec<Pattern>);

/// A word, or the beginning of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) word: String,
    pub(super) is_prefix: bool,
}

impl Query {
    /// Every text is a query. What stands between two quotation marks is a phrase, and a star right behind a word makes it
    /// a beginning; nothing else has a meaning.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let limit = |found: usize, limit: usize, unit: &'static str| match found > limit {
            true => Err(StoreError::Limit { what: "the query", found: found as u64, limit: limit as u64, unit }),
            false => Ok(()),
        };
        limit(text.len(), QUERY_BYTES, "bytes")?;
        let mut phrases: Vec<Phrase> = Vec::new();
        let mut count = 0;
        let mut add = |phrase: Vec<Pattern>| {
            count += phrase.len();
            let phrase = Phrase(phrase);
            if !phrase.0.is_empty() && !phrases.contains(&phrase) {
                phrases.push(phrase);
            }
        };
        for (index, part) in text.split('"').enumerate() {
            let mut patterns = Vec::new();
            word::visit(part, |word, end| {
                let is_prefix = part.get(end..).is_some_and(|rest| rest.starts_with('*'));
                patterns.push(Pattern { word: word.to_owned(), is_prefix });
            });
            match index % 2 {
                0 => patterns.into_iter().for_each(|pattern| add(vec![pattern])),
                _ => add(patterns),
            }
        }
        limit(count, QUERY_WORDS, "words")?;
        Ok(Self { phrases })
    }
}

impl Pattern {
    pub(super) fn fits(&self, word: &str) -> bool {
        match self.is_prefix {
            true => word.starts_with(&self.word),
            false => word == self.word,
        }
    }
}

impl Phrase {
    /// How often it stands among these words.
    pub(super) fn count(&self, words: &[String]) -> u64 {
        let fits = |window: &&[String]| self.0.iter().zip(*window).all(|(pattern, word)| pattern.fits(word));
        words.windows(self.0.len()).filter(fits).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        let shown = |phrase: &Phrase| {
            let words =
                phrase.0.iter().map(|pattern| format!("{}{}", pattern.word, ["", "*"][usize::from(pattern.is_prefix)]));
            words.collect::<Vec<_>>().join("+")
        };
        Query::parse(text).unwrap().phrases.iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_phrases_and_beginnings_are_told_apart_and_counted_once() {
        for (text, expected) in [
            ("Billing service", "billing service"),
            ("the the \"the\" THE", "the"),
            ("\"out of memory\" kill*", "out+of+memory kill*"),
            ("\"new yo*\" \"\" ** * a *b", "new+yo* a b"),
            ("open \"never closed", "open never+closed"),
            ("a AND b OR NOT NEAR(c, 2) words:d ^e -f {g}", "a and b or not near c 2 words d e f g"),
            ("x'); DROP TABLE vault_entry; --\0 \\ % _ $1 ?", "x drop table vault entry 1"),
            ("ÄRGER* \u{301}*", "arger*"),
            ("", ""),
        ] {
            assert_eq!(parsed(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_query_that_is_too_long_is_refused_by_its_bytes_or_its_words() {
        let limit = |text: String| match Query::parse(&text) {
            Err(StoreError::Limit { what: "the query", found, limit, unit }) => (found, limit, unit),
            other => panic!("{other:?}"),
        };
        assert_eq!(limit("x".repeat(10 << 20)), (10 << 20, QUERY_BYTES as u64, "bytes"));
        assert_eq!(limit("a ".repeat(QUERY_WORDS + 1)), (QUERY_WORDS as u64 + 1, QUERY_WORDS as u64, "words"));
        assert_eq!(parsed(&"a ".repeat(QUERY_WORDS)), "a");
    }

    #[test]
    fn a_phrase_is_counted_wherever_it_stands() {
        let count =
            |query: &str, text: &str| Query::parse(query).unwrap().phrases[0].count(&word::of_texts(text.split('|')));
        assert_eq!(count("a", "a b a"), 2);
        assert_eq!(count("\"a b\"", "a b a|b a b"), 2);
        assert_eq!(count("\"a a\"", "a a a"), 2);
        assert_eq!(count("\"a b c\"", "a b"), 0);
        assert_eq!(count("b*", "ba b ab"), 2);
    }
}
