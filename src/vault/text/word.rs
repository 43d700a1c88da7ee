//! What a word is, the same in texts and in queries, whatever engine keeps the index.

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

use crate::words::limits::WORD_BYTES;

/// Shows each word of a text, as it is compared, and where in the text it ends.
///
/// A word is a run of letters and digits. Case, diacritics and the forms of a letter that Unicode calls compatible make no
/// difference. Of a word that is too long only the beginning counts.
pub(super) fn visit(text: &str, mut word: impl FnMut(&str, usize)) {
    let mut current = String::new();
    for (at, c) in text.char_indices() {
        fold(c, |c| {
            if c.is_alphanumeric() || (is_combining_mark(c) && !current.is_empty()) {
                if current.len() + c.len_utf8() <= WORD_BYTES {
                    current.push(c);
                }
            } else if !current.is_empty() {
                word(&current, at);
                current.clear();
            }
        });
    }
    if !current.is_empty() {
        word(&current, text.len());
    }
}

/// Upper case first, as some letters of lower case have the same one.
fn fold(c: char, mut each: impl FnMut(char)) {
    if c.is_ascii() {
        return each(c.to_ascii_lowercase());
    }
    decompose_compatible(c, |part| {
        let is_diacritic = matches!(part, '\u{300}'..='\u{36f}');
        if !is_diacritic {
            part.to_uppercase().flat_map(char::to_lowercase).for_each(&mut each);
        }
    });
}

/// The words of several texts in their order, with an empty one between two texts, so that no phrase leads from one into
/// the next.
pub(super) fn of_texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for text in texts {
        if words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        visit(text, |word, _| words.push(word.to_owned()));
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        of_texts([text])
    }

    #[test]
    fn case_diacritics_and_compatible_forms_make_no_difference() {
        for (text, expected) in [
            ("Größe: GRÖSSE, gro\u{308}ße", vec!["grosse", "grosse", "grosse"]),
            ("Éé e\u{301} İI ıi", vec!["ee", "e", "ii", "ii"]),
            ("ΣΊΣΥΦΟΣ σίσυφος", vec!["σισυφοσ", "σισυφοσ"]),
            ("ﬁn ＦＵＬＬ № ½", vec!["fin", "full", "no", "1", "2"]),
            ("don't snake_case x2\0y", vec!["don", "t", "snake", "case", "x2", "y"]),
            ("東京 हिन्दी が", vec!["東京", "हिन्दी", "か\u{3099}"]),
            ("\u{301} ❤\u{fe0f} -- !?", vec![]),
        ] {
            assert_eq!(words(text), expected, "{text:?}");
        }
    }

    #[test]
    fn of_a_word_that_is_too_long_the_beginning_counts() {
        assert_eq!(words(&"x".repeat(WORD_BYTES + 9)), ["x".repeat(WORD_BYTES)]);
        let wide = words(&format!("x{} y", "я".repeat(WORD_BYTES)));
        assert_eq!(wide, [format!("x{}", "я".repeat((WORD_BYTES - 1) / 2)), "y".to_owned()]);
    }

    #[test]
    fn between_two_texts_there_is_a_gap() {
        assert_eq!(of_texts(["a b", "?", "c"]), ["a", "b", "", "c"]);
        assert_eq!(of_texts(["", "a"]), ["a"]);
    }

    proptest! {
        #[test]
        fn words_are_short_and_hold_nothing_that_the_index_splits_or_changes(text in "\\PC{0,40}|[\\x00-\\u{2ff}]{0,40}") {
            let mut last = 0;
            visit(&text, |word, end| {
                assert!(!word.is_empty() && word.len() <= WORD_BYTES);
                assert!(word.bytes().all(|byte| byte >= 0x80 || byte.is_ascii_lowercase() || byte.is_ascii_digit()));
                assert!(text.is_char_boundary(end) && end >= last);
                last = end;
            });
        }
    }
}
