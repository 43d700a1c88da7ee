//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
Records the complete history of a git repository into a vault, and proves that it can be rebuilt from there.

usage: flight_recorder [PATH] [--vault FILE] [--tamper]

  PATH          a folder inside the repository; the current one if left out
  --vault FILE  the vault to record into, and to keep; run again, it records only what is new.
                Without it, the vault is a temporary file that is removed at the end
  --tamper      afterwards, edit one stored row in each of three copies of the vault, behind
                its back, and show what verify says
  -h, --help    this text

A vault that is kept is flushed to the disk with each transaction of up to 1,024 commits: what
an interrupted recording stored stays, and the next one goes on from there. Copies and temporary
vaults lie in the folder for temporary files, which TMPDIR names.
";

/// What was asked for.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    Help,
    Record(Options),
}

/// What to record, and where.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) path: PathBuf,
    pub(crate) vault: Option<PathBuf>,
    pub(crate) tamper: bool,
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, String> {
    let mut arguments = arguments.into_iter();
    let (mut path, mut vault, mut tamper, mut only_paths) = (None, None, false, false);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--") if !only_paths => only_paths = true,
            Some("-h" | "--help") if !only_paths => return Ok(Request::Help),
            Some("--tamper") if !only_paths => tamper = true,
            Some("--vault") if !only_paths => {
                let file = arguments.next().ok_or("--vault needs the name of a file after it")?;
                once(&mut vault, file, "--vault")?;
            }
            Some(text) if !only_paths && text.starts_with("--vault=") => {
                once(&mut vault, text["--vault=".len()..].into(), "--vault")?;
            }
            Some(text) if !only_paths && text.starts_with('-') => {
                return Err(format!("unknown option {text:?}; try --help (a folder of that name goes after --)"));
            }
            _ => once(&mut path, argument, "PATH")?,
        }
    }
    Ok(Request::Record(Options { path: path.unwrap_or_else(|| PathBuf::from(".")), vault, tamper }))
}

fn once(slot: &mut Option<PathBuf>, value: OsString, name: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err(format!("{name} is empty"));
    }
    match slot.replace(PathBuf::from(&value)) {
        None => Ok(()),
        Some(first) => Err(format!("{name} is given twice: {first:?} and {value:?}; one is enough")),
    }
}
