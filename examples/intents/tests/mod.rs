//! What the example promises, from the command line to the page.

mod arguments;
mod drawing;
mod placing;
mod reading;
mod telling;

use std::sync::LazyLock;

use crate::args::Source;
use crate::source::{Stream, Text};
use crate::story::Story;

/// A stream of texts by alice that are yet to be embedded.
fn stream<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Stream {
    let text = |text: T| Text { text: text.into(), writer: "alice".to_owned(), ..Text::default() };
    Stream { name: "test".to_owned(), model: None, texts: texts.into_iter().map(text).collect() }
}

/// The built-in week, told once for all tests.
fn week() -> &'static Story {
    static WEEK: LazyLock<Story> = LazyLock::new(told_week);
    &WEEK
}

fn told_week() -> Story {
    Story::of(crate::source::read(&Source::Week).unwrap()).unwrap()
}
