//! A folder of texts: every paragraph is an event, and its file is who wrote it.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Stream, Text, check_count};
use crate::Outcome;

const ENDINGS: [&str; 2] = ["md", "txt"];
const FILE_BYTES_MAX: u64 = 16 << 20;

pub(super) fn read(folder: &Path) -> Outcome<Stream> {
    let mut files = Vec::new();
    collect(folder, &mut files).map_err(|error| format!("{}: {error}", folder.display()))?;
    files.sort();
    let mut texts = Vec::new();
    for path in files {
        let text = load(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let writer = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        let event = |text: String| Text { text, writer: writer.clone(), ..Text::default() };
        texts.extend(paragraphs(&text).map(event));
        check_count(texts.len())?;
    }
    if texts.is_empty() {
        return Err(format!("{}: no .txt or .md file in it has a word", folder.display()).into());
    }
    Ok(Stream { name: folder.display().to_string(), model: None, texts })
}

/// The files to read; links are not followed, so that there is an end.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Outcome<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let is_text = path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
        if kind.is_dir() {
            collect(&path, files)?;
        } else if kind.is_file() && is_text {
            files.push(path);
        }
    }
    Ok(())
}

fn load(path: &Path) -> Outcome<String> {
    let found = fs::metadata(path)?.len();
    if found > FILE_BYTES_MAX {
        return Err(format!("it has {found} bytes; the limit is {FILE_BYTES_MAX}").into());
    }
    let bytes = fs::read(path)?;
    String::from_utf8(bytes).map_err(|error| format!("it is not UTF-8: {}", error.utf8_error()).into())
}

/// What stands between blank lines, each as one line; what has no word is no event.
fn paragraphs(text: &str) -> impl Iterator<Item = String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let paragraphs: Vec<String> = lines.split(|line| line.is_empty()).map(|lines| lines.join(" ")).collect();
    paragraphs.into_iter().filter(|paragraph| paragraph.contains(char::is_alphanumeric))
}
