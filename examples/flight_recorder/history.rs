//! Recording: from git into a ledger.

use std::collections::{HashMap, HashSet};

use indicatif::ProgressBar;

use crate::Outcome;
use crate::bytes::Digest;
use crate::git::{Diffs, Objects, RawChange, Repository, Step};
use crate::ledger::Ledger;
use crate::object::ObjectId;
use crate::record::{Change, Entry, SUBMODULE};

/// What a run recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) recorded: u64,
    pub(crate) known_before: u64,
    /// The bytes of the files that were read, each once.
    pub(crate) bytes_read: u64,
}

/// The files that a ledger holds, by git's name of them: git is asked for each one once.
#[derive(Default)]
struct Shelf {
    files: HashMap<ObjectId, (u64, Vec<Digest>)>,
}

/// Records every commit of `steps` that the ledger does not hold yet.
pub(crate) fn record(
    repository: &Repository,
    steps: &[Step],
    ledger: &mut dyn Ledger,
    piece_max: usize,
    progress: &ProgressBar,
) -> Outcome<Tally> {
    let mut tally = Tally::default();
    let mut shelf = Shelf::default();
    let (mut objects, mut diffs) = (repository.objects()?, repository.diffs()?);
    let mut new = Vec::new();
    for step in steps {
        if !ledger.holds(&step.id)? {
            new.push(*step);
        }
    }
    tally.known_before = (steps.len() - new.len()) as u64;
    progress.set_length(new.len() as u64);

    let mut windows = new.chunks(Diffs::WINDOW).peekable();
    diffs.ask(windows.peek().copied().unwrap_or_default())?;
    while let Some(window) = windows.next() {
        // Git compares the next trees while the files of these are read.
        diffs.ask(windows.peek().copied().unwrap_or_default())?;
        let ids: Vec<ObjectId> = window.iter().map(|step| step.id).collect();
        for (mut commit, step) in objects.commits(&ids)?.into_iter().zip(window) {
            let changes = diffs.next()?;
            shelf.fill(&changes, &mut objects, ledger, piece_max, &mut tally)?;
            commit.base = step.base;
            commit.changes = changes.into_iter().map(|change| shelf.resolve(change)).collect();
            ledger.append(commit)?;
            tally.recorded += 1;
            progress.inc(1);
        }
    }
    ledger.flush()?;
    Ok(tally)
}

impl Shelf {
    /// Moves the files that these changes name into the ledger, as far as they are not there.
    fn fill(
        &mut self,
        changes: &[RawChange],
        objects: &mut Objects,
        ledger: &mut dyn Ledger,
        piece_max: usize,
        tally: &mut Tally,
    ) -> Outcome<()> {
        let named = changes.iter().filter_map(|change| change.now).filter(|(mode, _)| *mode != SUBMODULE);
        let unknown: HashSet<ObjectId> =
            named.map(|(_, object)| object).filter(|object| !self.files.contains_key(object)).collect();
        let unknown: Vec<ObjectId> = unknown.into_iter().collect();
        objects.files(&unknown, piece_max, |id, size, piece| {
            let (_, pieces) = self.files.entry(id).or_insert_with(|| (size, Vec::new()));
            if size > 0 {
                tally.bytes_read += piece.len() as u64;
                pieces.push(ledger.put(piece)?);
            }
            Ok(())
        })
    }

    fn resolve(&self, change: RawChange) -> Change {
        let entry = change.now.map(|(mode, object)| {
            let (size, pieces) = self.files.get(&object).cloned().unwrap_or_default();
            Entry { mode, object, size, pieces }
        });
        Change { path: change.path, entry }
    }
}
