//! Where the texts come from: a folder, a data set that has embeddings already, or the built-in week.

mod data;
mod folder;
mod npy;
mod week;

pub(crate) use npy::half_floats;

use crate::Outcome;
use crate::args::Source;

/// A stream of texts, in the order in which they happened.
#[derive(Debug)]
pub(crate) struct Stream {
    /// What it is, in a few words.
    pub(crate) name: String,
    /// The model of the embeddings that came with it; without one the texts are yet to be embedded.
    pub(crate) model: Option<&'static str>,
    pub(crate) texts: Vec<Text>,
}

/// What one event says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) writer: String,
    /// Empty where it is yet to be made.
    pub(crate) embedding: Vec<f32>,
}

pub(crate) fn read(source: &Source) -> Outcome<Stream> {
    match source {
        Source::Data(folder) => data::read(folder),
        Source::Folder(folder) => folder::read(folder),
        Source::Week => Ok(week::week()),
    }
}

/// Refuses more events than a page can carry.
fn check_count(found: usize) -> Outcome<()> {
    const EVENTS_MAX: usize = 100_000;
    if found > EVENTS_MAX {
        return Err(format!("there are {found} texts; a page carries at most {EVENTS_MAX}").into());
    }
    Ok(())
}
