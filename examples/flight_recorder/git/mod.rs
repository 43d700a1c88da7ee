//! A repository, read through git's own plumbing: what git says is the truth that the recorder is held to.

mod command;
mod conversation;
mod diffs;
mod objects;

use std::io;
use std::path::{Path, PathBuf};

pub(crate) use command::Git;
pub(crate) use diffs::{Diffs, RawChange};
pub(crate) use objects::Objects;

use crate::bytes::Text;
use crate::object::{NotAnObjectId, ObjectId};
use crate::record::OddCommit;

/// Why a repository could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    #[error("git could not be started: {0}; install git, or put it on the PATH")]
    NotInstalled(io::Error),
    #[error("no such folder: {}; name a folder inside a git repository", .0.display())]
    NoFolder(PathBuf),
    #[error("{} is not a git repository that can be read here; git says: {said}", .path.display())]
    NotARepository { path: PathBuf, said: String },
    #[error("git {command} failed ({status}): {said}")]
    Failed { command: String, status: String, said: String },
    #[error(
        "{id} is not in this repository, though its history names it; a partial clone \
         lacks files until they are fetched with `git fetch --refetch --no-filter`"
    )]
    Missing { id: ObjectId },
    #[error("commit {id} cannot be recorded: {why}")]
    Odd { id: ObjectId, why: OddCommit },
    #[error("git {command} answered {found:?}, which is not in the form this program knows; is it git 2.31 or newer?")]
    Answer { command: &'static str, found: String },
    #[error(transparent)]
    Id(#[from] NotAnObjectId),
    #[error("talking to git: {0}")]
    Io(#[from] io::Error),
}

/// A git repository, bare or not, or a work tree of one.
pub(crate) struct Repository {
    git: Git,
}

/// A commit to visit, and the one its changes are listed against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) id: ObjectId,
    pub(crate) base: Option<ObjectId>,
}

/// One line of a tree as git lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) path: Text,
    pub(crate) mode: u32,
    pub(crate) object: ObjectId,
}

impl Repository {
    /// Finds the repository that `path` is in.
    pub(crate) fn open(path: &Path) -> Result<Repository, GitError> {
        if !path.is_dir() {
            return Err(GitError::NoFolder(path.to_owned()));
        }
        let git = Git::at(path);
        match git.ask(&["rev-parse", "--git-dir"]) {
            Ok(_) => Ok(Repository { git }),
            Err(GitError::Failed { said, .. }) => Err(GitError::NotARepository { path: path.to_owned(), said }),
            Err(error) => Err(error),
        }
    }

    /// Every commit that a branch, a tag or a HEAD leads to, parents before children. Git walks the history once before
    /// it says the first one, and the list is kept: some 70 bytes a commit.
    pub(crate) fn commits(&self) -> Result<Vec<Step>, GitError> {
        // A replacement is a lens on the history, not a part of it.
        let ids = self.git.ask(&[
            "rev-list",
            "--topo-order",
            "--reverse",
            "--parents",
            "--exclude=refs/replace/*",
            "--all",
        ])?;
        ids.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(step).collect()
    }

    /// The commit that is checked out, if there is one yet.
    pub(crate) fn head(&self) -> Result<Option<ObjectId>, GitError> {
        match self.git.ask(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]) {
            Ok(id) => Ok(Some(ObjectId::parse(id.trim_ascii())?)),
            Err(GitError::Failed { said, .. }) if said.is_empty() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How many branches (remote ones too) and tags there are.
    pub(crate) fn branches_and_tags(&self) -> Result<(usize, usize), GitError> {
        let count = |names: &[&str]| {
            let listed = self.git.ask(&[&["for-each-ref", "--format=x%(symref)"], names].concat())?;
            // `origin/HEAD` is another name of a branch, not a branch.
            Ok::<_, GitError>(listed.split(|byte| *byte == b'\n').filter(|line| *line == b"x").count())
        };
        Ok((count(&["refs/heads", "refs/remotes"])?, count(&["refs/tags"])?))
    }

    /// `git ls-tree -r`: what git says the tree of a commit holds.
    pub(crate) fn tree(&self, commit: ObjectId) -> Result<Vec<Listed>, GitError> {
        let listing = self.git.ask(&["ls-tree", "-r", "-z", "--full-tree", &commit.to_string()])?;
        listing.split(|byte| *byte == 0).filter(|line| !line.is_empty()).map(listed).collect()
    }

    /// The contents of commits and files.
    pub(crate) fn objects(&self) -> Result<Objects, GitError> {
        Objects::start(&self.git)
    }

    /// The changes between commits.
    pub(crate) fn diffs(&self) -> Result<Diffs, GitError> {
        Diffs::start(&self.git)
    }
}

fn step(line: &[u8]) -> Result<Step, GitError> {
    let mut ids = line.split(|byte| *byte == b' ').map(ObjectId::parse);
    let id = ids.next().ok_or_else(|| unknown_answer("rev-list", line))??;
    Ok(Step { id, base: ids.next().transpose()? })
}

fn listed(line: &[u8]) -> Result<Listed, GitError> {
    let found = || -> Option<(u32, &[u8], &[u8])> {
        let tab = line.iter().position(|byte| *byte == b'\t')?;
        let mut fields = line[..tab].split(|byte| *byte == b' ');
        Some((mode(fields.next()?)?, fields.nth(1)?, &line[tab + 1..]))
    };
    let (mode, object, path) = found().ok_or_else(|| unknown_answer("ls-tree", line))?;
    Ok(Listed { path: path.into(), mode, object: ObjectId::parse(object)? })
}

fn mode(digits: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

fn unknown_answer(command: &'static str, found: &[u8]) -> GitError {
    GitError::Answer { command, found: String::from_utf8_lossy(found).into_owned() }
}
