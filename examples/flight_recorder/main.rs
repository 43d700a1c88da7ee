//! Records the complete history of a git repository, one event per commit, proves that every tree can be rebuilt, and
//! tells what the commits were for.
//!
//! ```text
//! cargo run --release --example flight_recorder -- PATH [--vault FILE] [--tamper]
//! ```

mod args;
mod bytes;
mod census;
mod git;
mod history;
mod ledger;
#[cfg(test)]
mod memory;
mod object;
mod purpose;
mod record;
mod report;
mod tamper;
#[cfg(test)]
mod tests;
mod tree;
mod vault_ledger;

use std::collections::HashSet;
use std::env;
use std::error::Error;
use std::io::{self, ErrorKind, Write, stdout};
use std::process::ExitCode;
use std::time::Instant;

use causal_vault::{Anchor, Durability};

use args::{Options, Request};
use git::{Repository, Step};
use ledger::Ledger;
use object::ObjectId;
use report::{Check, Summary, VaultFacts};
use tempfile::TempDir;
use vault_ledger::VaultLedger;

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
    let mut out = stdout().lock();
    let outcome = match request {
        Request::Help => out.write_all(args::HELP.as_bytes()).map_err(Into::into),
        Request::Record(options) => run(&options, &mut out),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flight_recorder: {error}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Records a repository, checks the record and tells about it.
fn run(options: &Options, out: &mut dyn Write) -> Outcome<()> {
    let repository = Repository::open(&options.path)?;
    let steps = repository.commits()?;
    if steps.is_empty() {
        writeln!(out, "{} has no commits yet: there is nothing to record.", options.path.display())?;
        return Ok(());
    }
    let temporary = TempDir::with_prefix("flight_recorder-")?;
    let (file, durability) = match &options.vault {
        Some(file) => (file.clone(), Durability::Durable),
        None => (temporary.path().join("flight.vault"), Durability::Fast),
    };
    let vault = vault_ledger::settings().durability(durability).open(&file)?;
    let mut anchors: Vec<Anchor> = vec![vault.tree_head()?.into()];
    let mut ledger = VaultLedger::new(vault)?;

    let start = Instant::now();
    let bar = report::progress("recording", steps.len());
    let tally = history::record(&repository, &steps, &mut ledger, ledger::PIECE_BYTES_MAX, &bar)?;
    bar.finish_and_clear();
    let elapsed = start.elapsed();

    let purposes = report::waiting("grouping", || ledger.purposes(tally.recorded > 0))?;
    let head = ledger.vault().tree_head()?;
    anchors.push(head.into());
    let start = Instant::now();
    let verdict = report::waiting("verifying", || ledger.vault().verify(&anchors))?;
    let verified_in = start.elapsed();
    if !verdict.is_intact() {
        return Err(format!("{} is not what was recorded into it; verify says {verdict}", file.display()).into());
    }
    let vault = VaultFacts {
        file: file.display().to_string(),
        is_kept: options.vault.is_some(),
        file_bytes: ledger.file_bytes()?,
        census: report::waiting("counting", || ledger.census())?,
        root: hex::encode(head.root),
        verdict,
        verified_in,
    };
    let check = check(&repository, &steps, &ledger)?;
    let (branches, tags) = repository.branches_and_tags()?;
    let name = options.path.canonicalize().unwrap_or_else(|_| options.path.clone()).display().to_string();
    write!(out, "{}", Summary { repository: name, branches, tags, tally, elapsed, vault, check, purposes })?;
    if options.tamper {
        let middle = steps[steps.len() / 2].id;
        tamper::demonstrate(&ledger, &file, &middle, head.into(), out)?;
    }
    Ok(())
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
