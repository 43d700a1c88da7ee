//! What a tenant, stream, writer or kind may be called.

use super::error::{Result, StoreError};
use super::limits::NAME_BYTES;

/// Accepts 1 to 128 bytes of UTF-8 without control characters; names are compared as bytes.
#[inline]
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<()> {
    // Most names are plain text, which is told without decoding it.
    let is_plain = name.bytes().fold(true, |is_plain, byte| is_plain & matches!(byte, b' '..=b'~'));
    if is_plain && (1..=NAME_BYTES).contains(&name.len()) { Ok(()) } else { check_unusual(what, name) }
}

fn check_unusual(what: &'static str, name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(StoreError::InvalidName {
            what,
            name: String::new(),
            reason: "it is empty; give it at least one byte",
        });
    }
    if name.len() > NAME_BYTES {
        return Err(StoreError::Limit { what, found: name.len() as u64, limit: NAME_BYTES as u64, unit: "bytes" });
    }
    if name.chars().any(char::is_control) {
        return Err(StoreError::InvalidName {
            what,
            name: name.to_owned(),
            reason: "it holds a control character; use printable text",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_exactly_the_limit_is_accepted_and_one_byte_more_is_not() {
        assert_eq!(check_name("stream", &"x".repeat(NAME_BYTES)), Ok(()));
        let long = "x".repeat(NAME_BYTES + 1);
        assert_eq!(
            check_name("stream", &long),
            Err(StoreError::Limit { what: "stream", found: 129, limit: 128, unit: "bytes" })
        );
    }

    #[test]
    fn empty_names_and_control_characters_are_refused_by_name() {
        for bad in ["", "a\0b", "line\nbreak", "\u{85}", "\u{7f}"] {
            let error = check_name("kind", bad).unwrap_err();
            assert!(matches!(&error, StoreError::InvalidName { what: "kind", name, .. } if name == bad));
        }
        assert_eq!(check_name("kind", "größe ✓ a b"), Ok(()));
    }
}
