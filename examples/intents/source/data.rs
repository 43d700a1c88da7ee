//! A data set: texts as one JSON array, and their embeddings as one matrix of half floats.

use std::fs;
use std::path::Path;

use super::{Stream, Text, check_count, half_floats};
use crate::Outcome;

/// Far more than texts and embeddings of the most events that a page carries take.
const BYTES_MAX: u64 = 1 << 30;

pub(super) fn read(folder: &Path) -> Outcome<Stream> {
    let texts = load(&folder.join("clinc150-text.json"), |bytes| Ok(serde_json::from_slice::<Vec<String>>(bytes)?))?;
    let rows = load(&folder.join("clinc150-minilm.npy"), half_floats)?;
    check_count(texts.len())?;
    if texts.is_empty() {
        return Err("there are no texts; give at least one".into());
    }
    if texts.len() != rows.len() {
        return Err(
            format!("there are {} texts and {} embeddings; each text needs one", texts.len(), rows.len()).into()
        );
    }
    let event = |(text, embedding)| Text { text, writer: "user".to_owned(), embedding };
    let texts = texts.into_iter().zip(rows).map(event).collect();
    Ok(Stream { name: "CLINC150".to_owned(), model: Some("all-MiniLM-L6-v2"), texts })
}

fn load<T>(path: &Path, parse: impl Fn(&[u8]) -> Outcome<T>) -> Outcome<T> {
    let read = || {
        let found = fs::metadata(path)?.len();
        if found > BYTES_MAX {
            return Err(format!("it has {found} bytes; the limit is {BYTES_MAX}").into());
        }
        parse(&fs::read(path)?)
    };
    read().map_err(|error| format!("{}: {error}", path.display()).into())
}
