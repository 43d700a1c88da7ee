//! The texts of a payload.

use std::collections::HashMap;

use rmp::Marker;
use smallvec::SmallVec;

use super::rule::{self, TextRule};
use super::word;
use crate::backend::Sql;
use crate::causal::Extension;
use crate::causal::schema::is_present;
use crate::causal::table::entry::Row;
use crate::causal::table::{kind, text_rule};
use crate::vault::filter::fits;
use crate::vault::header::MESSAGE_PACK;
use crate::vault::messagepack::{self, Token};
use crate::vault::record::read_payload;
use crate::words::Result;
use crate::words::limits::TEXT_BYTES;

/// What some rules want of each kind that there is.
pub(super) struct Selection(HashMap<i64, Fields>);

/// The paths of the fields that are wanted; `None` for all of them.
type Fields = Option<Vec<Vec<String>>>;

impl Selection {
    pub(super) fn of<S: Sql + ?Sized>(sql: &S, rules: &[TextRule]) -> Result<Self> {
        let kinds = kind::all(sql)?.into_iter();
        let wanted = kinds.filter_map(|(number, kind)| {
            let mut rules = rules.iter().filter(|rule| fits(rule.pattern(), &kind)).peekable();
            rules.peek()?;
            let fields: Option<Vec<_>> = rules.map(paths).collect();
            Some((number, fields.map(|fields| fields.concat())))
        });
        Ok(Self(wanted.collect()))
    }

    /// The words of an entry that can be searched; `None` if there are none.
    pub(super) fn words<S: Sql + ?Sized>(&self, sql: &S, row: &Row<'_>) -> Result<Option<Vec<String>>> {
        let words = self.read(sql, row, |texts| word::of_texts(within(TEXT_BYTES, texts)))?;
        Ok(words.filter(|words| words.iter().any(|word| !word.is_empty())))
    }

    /// The texts of an entry, one line each.
    fn text<S: Sql + ?Sized>(&self, sql: &S, row: &Row<'_>) -> Result<Option<String>> {
        self.read(sql, row, |texts| within(TEXT_BYTES, texts).collect::<Vec<_>>().join("\n"))
    }

    fn read<S: Sql + ?Sized, T>(&self, sql: &S, row: &Row<'_>, show: impl FnOnce(Vec<&str>) -> T) -> Result<Option<T>> {
        let Some(fields) = self.0.get(&row.kind) else { return Ok(None) };
        let stored = row.decode()?;
        let media_type = stored.extensions.iter().find_map(|extension| match extension {
            Extension::ContentType(media_type) => Some(media_type),
            _ => None,
        });
        let media_type = media_type.as_deref().unwrap_or(MESSAGE_PACK);
        let is_text = media_type.get(..5).is_some_and(|family| family.eq_ignore_ascii_case("text/"));
        if !is_text && media_type != MESSAGE_PACK {
            return Ok(None);
        }
        let payload = read_payload(sql, row, stored.scheme)?;
        let texts = if is_text { str::from_utf8(&payload).into_iter().collect() } else { strings(&payload, fields) };
        Ok(Some(show(texts)))
    }
}

/// What the events of a tenant say in words: the texts that it has chosen to index, or all where it has chosen none.
pub(in crate::vault) struct Texts(Selection);

impl Texts {
    pub(in crate::vault) fn of<S: Sql + ?Sized>(sql: &S, tenant: &str) -> Result<Self> {
        let chosen = if is_present(sql, &text_rule::TABLE)? { rule::read(sql, tenant)? } else { Vec::new() };
        let everything = [TextRule::kind("*")];
        Selection::of(sql, if chosen.is_empty() { &everything } else { &chosen }).map(Self)
    }

    /// The texts of an entry, one line each; `None` where it has none.
    pub(in crate::vault) fn text<S: Sql + ?Sized>(&self, sql: &S, row: &Row<'_>) -> Result<Option<String>> {
        Ok(self.0.text(sql, row)?.filter(|text| !text.is_empty()))
    }
}

/// `None` where all fields are wanted.
fn paths(rule: &TextRule) -> Fields {
    let paths: Vec<_> = rule.fields().map(|path| path.split('.').map(str::to_owned).collect()).collect();
    (!paths.is_empty()).then_some(paths)
}

/// The first texts that have so many bytes in all, the last of them cut between two characters.
fn within(bytes: usize, texts: Vec<&str>) -> impl Iterator<Item = &str> {
    texts.into_iter().scan(bytes, |left, text| {
        let end = (0..=text.len().min(*left)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        // What is behind a text that was cut is behind the limit.
        *left = if end < text.len() { 0 } else { *left - end };
        text.get(..end)
    })
}

/// The strings of a MessagePack value in these fields; none if it is not one whole value.
fn strings<'p>(payload: &'p [u8], fields: &Fields) -> Vec<&'p str> {
    let mut found = Vec::new();
    let wanted = match fields {
        None => Wanted::All,
        Some(paths) => Wanted::Below(paths.iter().map(Vec::as_slice).collect()),
    };
    if messagepack::check(payload).is_ok() {
        walk(&mut &*payload, &wanted, &mut found);
    }
    found
}

/// What is wanted of a value: paths that lead on from it.
enum Wanted<'f> {
    All,
    Below(SmallVec<[&'f [String]; 4]>),
}

impl<'f> Wanted<'f> {
    fn at(&self, key: Option<&[u8]>) -> Self {
        let Self::Below(paths) = self else { return Self::All };
        let below = paths.iter().filter_map(|path| path.split_first());
        let below = below.filter(|(first, _)| key == Some(first.as_bytes())).map(|(_, rest)| rest);
        let below: SmallVec<[&'f [String]; 4]> = below.collect();
        if below.iter().any(|path| path.is_empty()) { Self::All } else { Self::Below(below) }
    }
}

/// Reads a value that was checked: it is whole, and nested no deeper than the limit.
fn walk<'p>(rest: &mut &'p [u8], wanted: &Wanted<'_>, found: &mut Vec<&'p str>) -> Option<()> {
    let text = string(rest);
    match Token::read(rest).ok()? {
        Token::Array(count) => (0..count).try_for_each(|_| walk(rest, wanted, found))?,
        Token::Map(count) => {
            for _ in 0..count {
                let key = string(rest);
                walk(rest, &Wanted::Below(SmallVec::new()), found)?;
                walk(rest, &wanted.at(key), found)?;
            }
        }
        _ if matches!(wanted, Wanted::All) => found.extend(text.and_then(|bytes| str::from_utf8(bytes).ok())),
        _ => {}
    }
    Some(())
}

/// The bytes of the string that a value begins with, if it is one: to a token, binary data are the same.
fn string(mut rest: &[u8]) -> Option<&[u8]> {
    let first = Marker::from_u8(*rest.first()?);
    let is_string = matches!(first, Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32);
    match Token::read(&mut rest) {
        Ok(Token::Bytes(bytes)) if is_string => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::vault::messagepack::tests::nearly_messagepack;

    fn found(value: &serde_json::Value, fields: &[&str]) -> Vec<String> {
        let rule = fields.iter().fold(TextRule::kind("note"), |rule, field| rule.field(*field));
        let payload = rmp_serde::to_vec_named(value).unwrap();
        strings(&payload, &paths(&rule)).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn strings_are_found_in_all_fields_or_in_those_that_are_named() {
        let value = json!({
            "body": {"text": "b", "title": "t"},
            "messages": [{"role": "user", "text": ["m1", "m2"]}, {"text": {"deep": [["m3"]]}}, "m4"],
            "n": 7, "yes": true, "nothing": null, "title": "top",
        });
        assert_eq!(found(&value, &[]), ["b", "t", "user", "m1", "m2", "m3", "m4", "top"]);
        assert_eq!(found(&value, &["body"]), ["b", "t"]);
        assert_eq!(found(&value, &["body.title", "title"]), ["t", "top"]);
        assert_eq!(found(&value, &["messages.text"]), ["m1", "m2", "m3"]);
        assert_eq!(found(&value, &["messages", "messages.text", "messages.role"]), ["user", "m1", "m2", "m3", "m4"]);
        assert!(found(&value, &["n", "body.text.more", "tit", "titles", "body..title"]).is_empty());
        assert_eq!(found(&json!("alone"), &[]), ["alone"]);
        assert!(found(&json!("alone"), &["alone"]).is_empty());
    }

    #[test]
    fn binary_data_keys_and_strings_that_are_not_utf_8_are_no_text() {
        // {"k": "v", bin "b": bin "x", ["in", "key"]: 1, "bad": "\xff", 7: "seven"}
        let payload = b"\x85\xa1k\xa1v\xc4\x01b\xc4\x01x\x92\xa2in\xa3key\x01\xa3bad\xa1\xff\x07\xa5seven";
        assert_eq!(strings(payload, &None), ["v", "seven"]);
        assert_eq!(strings(payload, &Some(vec![vec!["k".to_owned()]])), ["v"]);
        assert!(strings(payload, &Some(vec![vec!["b".to_owned()], vec!["7".to_owned()]])).is_empty());
        assert!(strings(&payload[..payload.len() - 1], &None).is_empty(), "it is not whole");
        assert!(strings(&b"\x91".repeat(1 << 20), &None).is_empty(), "it is too deep");
    }

    #[test]
    fn what_is_beyond_the_limit_is_cut_between_two_characters() {
        let cut = |bytes, texts: &[&'static str]| within(bytes, texts.to_vec()).collect::<Vec<_>>();
        assert_eq!(cut(5, &["abc", "de", "f"]), ["abc", "de", ""]);
        assert_eq!(cut(4, &["abc", "é", "f"]), ["abc", "", ""]);
        assert_eq!(cut(5, &["abc", "é"]), ["abc", "é"]);
        assert_eq!(cut(0, &["a"]), [""]);
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_are_reading_them_ends(
            bytes in prop_oneof![nearly_messagepack(), prop::collection::vec(any::<u8>(), 0..200)],
        ) {
            let texts: usize = strings(&bytes, &None).iter().map(|text| text.len()).sum();
            prop_assert!(texts <= bytes.len());
            strings(&bytes, &Some(vec![vec!["a".to_owned()], vec!["a".to_owned(), String::new()]]));
        }
    }
}
