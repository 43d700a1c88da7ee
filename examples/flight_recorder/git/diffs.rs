//! `git diff-tree --stdin`: which paths a commit changed.

use super::conversation::{Conversation, WINDOW};
use super::{Git, GitError, Step, mode, unknown_answer};
use crate::bytes::Text;
use crate::object::ObjectId;

/// Everything that a user's configuration could turn on is turned off: a rename is one path gone and another added.
const OPTIONS: [&str; 11] = [
    "--stdin",
    "--root",
    "-r",
    "--raw",
    "-z",
    "--no-abbrev",
    "--no-commit-id",
    "--no-renames",
    "--no-relative",
    "--ignore-submodules=none",
    "--no-ext-diff",
];

/// A line that is no object id: `diff-tree` echoes it, which marks the end of the answer before it.
const END: &str = ".\n";

/// A process that lists changes.
pub(crate) struct Diffs {
    talk: Conversation,
}

/// One path, and what is there now: a mode and an object, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawChange {
    pub(crate) path: Text,
    pub(crate) now: Option<(u32, ObjectId)>,
}

impl Diffs {
    /// How many commits can be asked for at once.
    pub(crate) const WINDOW: usize = WINDOW;

    pub(super) fn start(git: &Git) -> Result<Diffs, GitError> {
        Ok(Diffs { talk: Conversation::start(git, "diff-tree", &OPTIONS)? })
    }

    /// Asks for the changes of at most a [`WINDOW`](Self::WINDOW) of commits, each against its base. One window can be
    /// asked for while the answers to the one before it are still to be read.
    pub(crate) fn ask(&mut self, steps: &[Step]) -> Result<(), GitError> {
        let line = |step: &Step| match step.base {
            Some(base) => format!("{} {base}\n{END}", step.id),
            None => format!("{}\n{END}", step.id),
        };
        self.talk.send(&steps.iter().map(line).collect::<String>())
    }

    /// The changes of the next commit that was asked for.
    pub(crate) fn next(&mut self) -> Result<Vec<RawChange>, GitError> {
        let mut changes = Vec::new();
        while self.talk.peek()? == b':' {
            let fields = self.talk.read_until(0)?;
            let path = Text(self.talk.read_until(0)?);
            changes.push(RawChange { path, now: now(&fields)? });
        }
        let end = self.talk.read_until(b'\n')?;
        if end == b"." { Ok(changes) } else { Err(unknown_answer("diff-tree", &end)) }
    }
}

/// Reads `:MODE MODE ID ID STATUS`, of which the second mode and id count.
fn now(fields: &[u8]) -> Result<Option<(u32, ObjectId)>, GitError> {
    let unknown = || unknown_answer("diff-tree", fields);
    let mut words = fields.split(|byte| *byte == b' ').skip(1);
    let mode = words.next().and_then(mode).ok_or_else(unknown)?;
    let object = ObjectId::parse(words.nth(1).ok_or_else(unknown)?)?;
    Ok((mode != 0).then_some((mode, object)))
}
