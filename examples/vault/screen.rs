//! What is written where, and that nothing in a vault can drive the terminal that shows it.

use std::io::{self, Write};

use serde_json::Value;

/// Where results go, and whether in colours.
pub(crate) struct Screen<'a> {
    pub(crate) out: &'a mut dyn Write,
    pub(crate) colours: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum Colour {
    Bad = 31,
    Good = 32,
    Hash = 33,
    Kind = 36,
    Weak = 2,
}

impl Screen<'_> {
    /// One line.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// One JSON object on one line.
    pub(crate) fn json(&mut self, value: &Value) -> io::Result<()> {
        self.line(&safe_json(&value.to_string()))
    }

    pub(crate) fn paint(&self, colour: Colour, text: &str) -> String {
        match self.colours {
            true => format!("\x1b[{}m{text}\x1b[0m", colour as u8),
            false => text.to_owned(),
        }
    }
}

/// Whether a character does anything to a terminal or to a reader but stand there: control characters, those that turn
/// the direction of writing, and those that nobody sees.
pub(crate) fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Text with every character that [`acts`] written out.
pub(crate) fn safe(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut safe, c| {
        if acts(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
        safe
    })
}

/// The same for text of several lines, such as an error's.
pub(crate) fn safe_lines(text: &str) -> String {
    text.split('\n').map(safe).collect::<Vec<_>>().join("\n")
}

/// JSON in which the same characters are written as JSON writes them. They stand in strings, and line breaks between.
pub(crate) fn safe_json(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut safe, c| {
        if acts(c) && c != '\n' {
            let units = c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
            safe.push_str(&units);
        } else {
            safe.push(c);
        }
        safe
    })
}

/// The first digits of a hash.
pub(crate) fn short(hex: &str) -> &str {
    hex.get(..8).unwrap_or(hex)
}

/// `1 log`, `2 logs`.
pub(crate) fn plural(count: impl TryInto<u64>, what: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
