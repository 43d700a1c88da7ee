//! A payload as text: MessagePack in the manner of JSON, anything else as text or in hex.

use std::fmt::{self, Write as _};

use causal_vault::StoredEvent;
use rmp_serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};

use crate::screen::acts;

const MESSAGE_PACK: &str = "application/msgpack";

/// What the crate accepts as a payload, which a file need not hold to.
const DEPTH: usize = 64;

/// A payload on one line of at most so many characters.
pub(crate) fn preview(event: &StoredEvent, room: usize) -> String {
    render(event, room, None)
}

/// A payload on as many lines as it takes, and at most so many characters.
pub(crate) fn pages(event: &StoredEvent, room: usize) -> String {
    render(event, room, Some(0))
}

/// The payload's part of a JSON object: its value, its text or its bytes.
pub(crate) fn to_json(event: &StoredEvent) -> (&'static str, Value) {
    match event.header.content_type() {
        MESSAGE_PACK => {
            if let Ok(value) = event.decode::<Value>() {
                return ("payload", value);
            }
        }
        _ => {
            if let Ok(text) = std::str::from_utf8(&event.payload) {
                return ("payload_text", json!(text));
            }
        }
    }
    ("payload_hex", json!(hex::encode(&event.payload)))
}

fn render(event: &StoredEvent, room: usize, indent: Option<usize>) -> String {
    let fresh = || Text { text: String::new(), room, full: false, indent };
    if event.header.content_type() == MESSAGE_PACK {
        let (mut text, mut bytes) = (fresh(), &event.payload[..]);
        let mut reader = Deserializer::new(&mut bytes);
        reader.set_max_depth(DEPTH);
        let read = Item(&mut text).deserialize(&mut reader);
        drop(reader);
        if text.full || (read.is_ok() && bytes.is_empty()) {
            return text.finish();
        }
    }
    let mut text = fresh();
    let _ = match std::str::from_utf8(&event.payload) {
        Ok(found) => text.quote(found),
        Err(_) => text.hex(&event.payload),
    };
    text.finish()
}

/// Text that ends when it is full.
struct Text {
    text: String,
    room: usize,
    full: bool,
    indent: Option<usize>,
}

impl Text {
    fn finish(mut self) -> String {
        if self.full {
            self.text.push('…');
        }
        self.text
    }

    fn put(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| self.put_char(c))
    }

    fn put_char(&mut self, c: char) -> fmt::Result {
        if self.room == 0 {
            self.full = true;
            return Err(fmt::Error);
        }
        self.room -= 1;
        self.text.push(c);
        Ok(())
    }

    fn quote(&mut self, text: &str) -> fmt::Result {
        self.put("\"")?;
        for c in text.chars() {
            match c {
                '"' | '\\' | '\n' | '\r' | '\t' => c.escape_default().try_for_each(|c| self.put_char(c))?,
                c if acts(c) => c.escape_unicode().try_for_each(|c| self.put_char(c))?,
                c => self.put_char(c)?,
            }
        }
        self.put("\"")
    }

    fn hex(&mut self, bytes: &[u8]) -> fmt::Result {
        self.put("0x")?;
        bytes.iter().try_for_each(|byte| write!(self, "{byte:02x}"))
    }

    /// Before an item of a list, or its end, whose items stand so much further in.
    fn next(&mut self, by: isize) -> fmt::Result {
        let Some(indent) = &mut self.indent else { return Ok(()) };
        *indent = indent.saturating_add_signed(by);
        let spaces = 2 * *indent;
        self.put("\n")?;
        (0..spaces).try_for_each(|_| self.put_char(' '))
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text)
    }
}

/// One value, written as it is read: nothing is kept of it.
struct Item<'t>(&'t mut Text);

fn written<E: Error>(result: fmt::Result) -> Result<(), E> {
    result.map_err(|_| E::custom("there is no more room"))
}

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

macro_rules! plain {
    ($($visit:ident: $type:ty),*) => {
        $(fn $visit<E: Error>(self, value: $type) -> Result<(), E> {
            written(write!(self.0, "{value}"))
        })*
    };
}

impl<'de> Visitor<'de> for Item<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    plain!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64);

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        written(self.0.put("null"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        written(self.0.quote(text))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<(), E> {
        written(self.0.hex(bytes))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        written(self.0.put("["))?;
        let mut first = true;
        loop {
            let mut separated = Separated { text: &mut *self.0, first };
            if items.next_element_seed(&mut separated)?.is_none() {
                break;
            }
            first = false;
        }
        written(if first { Ok(()) } else { self.0.next(-1) })?;
        written(self.0.put("]"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        written(self.0.put("{"))?;
        let mut first = true;
        loop {
            let mut separated = Separated { text: &mut *self.0, first };
            if items.next_key_seed(&mut separated)?.is_none() {
                break;
            }
            written(self.0.put(": "))?;
            items.next_value_seed(Item(&mut *self.0))?;
            first = false;
        }
        written(if first { Ok(()) } else { self.0.next(-1) })?;
        written(self.0.put("}"))
    }

    /// How an extension type is shown: its number and its bytes.
    fn visit_newtype_struct<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        written(self.0.put("ext"))?;
        deserializer.deserialize_any(Item(self.0))
    }
}

/// An item of a list, with what stands before it.
struct Separated<'t> {
    text: &'t mut Text,
    first: bool,
}

impl<'de> DeserializeSeed<'de> for &mut Separated<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let separator = match (self.first, self.text.indent) {
            (true, _) => "",
            (false, None) => ", ",
            (false, Some(_)) => ",",
        };
        written(self.text.put(separator))?;
        written(self.text.next(isize::from(self.first)))?;
        deserializer.deserialize_any(Item(self.text))
    }
}
