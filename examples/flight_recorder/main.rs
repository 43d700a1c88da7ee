//! Records the complete history of a git repository, one event per commit, and proves that every tree can be rebuilt.
//!
//! ```text
//! cargo run --release --example flight_recorder -- PATH [--vault FILE] [--tamper]
//! ```

mod args;
mod bytes;
mod git;
mod history;
mod ledger;
mod memory;
mod object;
mod record;
mod report;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::HashSet;
use std::env;
use std::error::Error;
use std::io::{ErrorKind, Write, stdout};
use std::process::ExitCode;
use std::time::Instant;

use args::{Options, Request};
use git::{Repository, Step};
use ledger::Ledger;
use memory::MemoryLedger;
use object::ObjectId;
use report::{Check, Summary};

/// What a step of the recorder gives, or why it could not.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How many commits are checked besides HEAD.
const CHECKED: usize = 10;

fn main() -> ExitCode {
    let request = match args::parse(env::args_os().skip(1)) {
        Ok(request) => request,
        Err(error) => {
            eprintln!("flight_recorder: {error}");
            return ExitCode::from(2);
        }
    };
    let told = match request {
        Request::Help => Ok(args::HELP.to_owned()),
        Request::Record(options) => run(&options),
    };
    match told.and_then(|text| print(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flight_recorder: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> Outcome<()> {
    match stdout().write_all(text.as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// Records a repository and checks the record; gives the text to print.
fn run(options: &Options) -> Outcome<String> {
    if options.vault.is_some() || options.tamper {
        return Err("--vault and --tamper need a vault, and this build keeps the record in memory".into());
    }
    let repository = Repository::open(&options.path)?;
    let steps = repository.commits()?;
    if steps.is_empty() {
        return Ok(format!("{} has no commits yet: there is nothing to record.\n", options.path.display()));
    }
    let mut ledger = MemoryLedger::default();
    let start = Instant::now();
    let bar = report::progress("recording", steps.len());
    let tally = history::record(&repository, &steps, &mut ledger, ledger::PIECE_BYTES_MAX, &bar)?;
    bar.finish_and_clear();
    let elapsed = start.elapsed();
    let check = check(&repository, &steps, &ledger)?;
    let (branches, tags) = repository.branches_and_tags()?;
    let name = options.path.canonicalize().unwrap_or_else(|_| options.path.clone()).display().to_string();
    Ok(Summary { repository: name, branches, tags, tally, elapsed, vault: None, check }.to_string())
}

/// Rebuilds the tree at HEAD and at some other commits from the ledger alone, and compares it with git.
fn check(repository: &Repository, steps: &[Step], ledger: &dyn Ledger) -> Outcome<Check> {
    let start = Instant::now();
    let head = repository.head()?;
    let targets = targets(steps, head);
    let mut check = Check { head: head.is_some(), others: targets.len(), ..Check::default() };
    check.others -= usize::from(check.head);
    let mut proved = HashSet::new();
    let bar = report::progress("checking", targets.len());
    tree::rebuild(
        &targets,
        |id| ledger.load(id),
        |commit, tree| {
            let listing = repository.tree(commit.id)?;
            tree::compare(commit, tree, &listing, ledger, &mut proved)
                .map_err(|error| format!("the record of commit {} is not what git says: {error}", commit.id))?;
            check.paths += listing.len() as u64;
            bar.inc(1);
            Ok(())
        },
    )?;
    bar.finish_and_clear();
    check.files_proved = proved.len();
    check.elapsed = start.elapsed();
    Ok(check)
}

/// HEAD, and [`CHECKED`] other commits spread evenly from the first to the last.
fn targets(steps: &[Step], head: Option<ObjectId>) -> Vec<ObjectId> {
    let others: Vec<ObjectId> = steps.iter().map(|step| step.id).filter(|id| Some(*id) != head).collect();
    let count = others.len().min(CHECKED);
    let spread = (0..count).map(|n| others[n * (others.len() - 1) / (count - 1).max(1)]);
    head.into_iter().chain(spread).collect()
}
