//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::Arg::{Long, Short, Value};
use lexopt::Parser;

pub(crate) const HELP: &str = "\
Groups a stream of texts by purpose, as they arrive, and draws what came of it: one HTML file that needs nothing else.

usage: intents [FOLDER] [--data FOLDER] [--out FILE]

  FOLDER         a folder of texts: every paragraph of its .txt and .md files is an event, in the
                 order of their names; the file's name is the writer. Without it, the week of an agent
                 that is built in
  --data FOLDER  a folder with clinc150-text.json and clinc150-minilm.npy in it: texts and their embeddings
  --out FILE     the page to write; intents.html if left out
  -h, --help     this text
";

/// What was asked for.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    Help,
    Draw(Options),
}

/// What to draw, and where.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) source: Source,
    pub(crate) out: PathBuf,
}

/// Where the events come from.
#[derive(Debug, PartialEq)]
pub(crate) enum Source {
    Data(PathBuf),
    Folder(PathBuf),
    Week,
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, String> {
    parse_with(Parser::from_args(arguments)).map_err(|error| format!("{error}; try --help"))
}

fn parse_with(mut parser: Parser) -> Result<Request, lexopt::Error> {
    let (mut folder, mut data, mut out) = (None, None, None);
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Request::Help),
            Long("data") => once(&mut data, parser.value()?, "--data")?,
            Long("out") => once(&mut out, parser.value()?, "--out")?,
            Value(value) => once(&mut folder, value, "FOLDER")?,
            other => return Err(other.unexpected()),
        }
    }
    let source = match (folder, data) {
        (None, None) => Source::Week,
        (Some(folder), None) => Source::Folder(folder),
        (None, Some(data)) => Source::Data(data),
        (Some(_), Some(_)) => return Err("give either a FOLDER or --data FOLDER, not both".into()),
    };
    Ok(Request::Draw(Options { source, out: out.unwrap_or_else(|| PathBuf::from("intents.html")) }))
}

fn once(slot: &mut Option<PathBuf>, value: OsString, name: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err(format!("{name} is empty; give a name"));
    }
    match slot.replace(PathBuf::from(value)) {
        None => Ok(()),
        Some(_) => Err(format!("{name} is given twice; one is enough")),
    }
}
