//! A repository in a temporary folder, and what is done with it over and over.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use indicatif::ProgressBar;
use tempfile::TempDir;

use crate::git::Repository;
use crate::history::{self, Tally};
use crate::ledger::Ledger;
use crate::memory::MemoryLedger;
use crate::object::ObjectId;
use crate::record::CommitRecord;
use crate::vault_ledger::{VaultLedger, settings};
use crate::{Outcome, tree};

pub(super) struct Sandbox {
    folder: TempDir,
    pub(super) path: PathBuf,
}

impl Sandbox {
    /// An empty repository.
    pub(super) fn new() -> Sandbox {
        Sandbox::init(&[])
    }

    pub(super) fn init(options: &[&str]) -> Sandbox {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("repository");
        fs::create_dir(&path).unwrap();
        let sandbox = Sandbox { folder, path };
        sandbox.git(&[&["init", "--quiet", "--initial-branch=main"], options].concat());
        sandbox
    }

    /// A place beside the repository.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn git(&self, arguments: &[&str]) -> String {
        self.git_with(arguments, b"")
    }

    /// Runs git with this on its standard input; gives what it printed, without the last line break.
    pub(super) fn git_with(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut git = Command::new("git");
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"] {
            git.env_remove(name);
        }
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), "Ann Example").env(format!("GIT_{who}_EMAIL"), "ann@example.org");
            git.env(format!("GIT_{who}_DATE"), "1700000000 +0130");
        }
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null").current_dir(&self.path);
        git.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut git = git.spawn().unwrap();
        git.stdin.take().unwrap().write_all(input).unwrap();
        let output = git.wait_with_output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    pub(super) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Commits everything that lies there.
    pub(super) fn commit(&self, message: &str) -> ObjectId {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.head()
    }

    /// Commits one file that holds this.
    pub(super) fn commit_file(&self, path: &str, bytes: impl AsRef<[u8]>) -> ObjectId {
        self.write(path, bytes);
        self.commit(path)
    }

    /// Makes commits from git's own stream format, which takes any bytes.
    pub(super) fn import(&self, stream: &[u8]) {
        self.git_with(&["fast-import", "--quiet", "--force"], stream);
    }

    pub(super) fn head(&self) -> ObjectId {
        self.git(&["rev-parse", "HEAD"]).parse().unwrap()
    }

    /// Records everything and checks every tree; gives what was recorded.
    pub(super) fn prove(&self) -> MemoryLedger {
        prove(&self.path).unwrap()
    }

    /// The changes of the last commit, in words: `path mode`, or `path gone`.
    pub(super) fn last_changes(&self) -> Vec<String> {
        changes(&self.prove().load(&self.head()).unwrap())
    }
}

pub(super) fn changes(commit: &CommitRecord) -> Vec<String> {
    let mode = |entry: &crate::record::Entry| format!("{:o}", entry.mode);
    let words = commit.changes.iter().map(|change| {
        let now = change.entry.as_ref().map_or_else(|| "gone".to_owned(), mode);
        format!("{} {now}", change.path.0.escape_ascii())
    });
    words.collect()
}

pub(super) fn record_into(ledger: &mut dyn Ledger, path: &Path) -> Outcome<Tally> {
    let repository = Repository::open(path)?;
    let steps = repository.commits()?;
    history::record(&repository, &steps, ledger, 1 << 20, &ProgressBar::hidden())
}

/// Records the repository at `path` into memory and into a vault, and compares the tree at every commit with git's.
pub(super) fn prove(path: &Path) -> Outcome<MemoryLedger> {
    let mut ledger = MemoryLedger::default();
    record_into(&mut ledger, path)?;
    prove_recorded(path, &ledger, &ledger.order)?;

    let mut kept = vault();
    record_into(&mut kept, path)?;
    prove_recorded(path, &kept, &ledger.order)?;
    assert!(kept.vault().verify(&[])?.is_intact());
    assert_eq!(kept.census()?.events, ledger.order.len() as u64);
    for id in &ledger.order {
        assert_eq!(kept.load(id)?, ledger.load(id)?);
    }
    Ok(ledger)
}

/// A vault in memory, to record into.
pub(super) fn vault() -> VaultLedger {
    VaultLedger::new(settings().in_memory().unwrap()).unwrap()
}

/// Compares the tree at every commit with git's.
pub(super) fn prove_recorded(path: &Path, ledger: &dyn Ledger, order: &[ObjectId]) -> Outcome<()> {
    let repository = Repository::open(path)?;
    let steps: Vec<ObjectId> = repository.commits()?.iter().map(|step| step.id).collect();
    assert_eq!(steps.iter().collect::<HashSet<_>>(), order.iter().collect(), "every commit is recorded");
    let mut seen = HashSet::new();
    let mut proved = HashSet::new();
    tree::rebuild(
        &steps,
        |id| ledger.load(id),
        |commit, tree| {
            assert!(seen.insert(commit.id), "{} is checked twice", commit.id);
            tree::compare(commit, tree, &repository.tree(commit.id)?, ledger, &mut proved)
        },
    )?;
    assert_eq!(seen.len(), steps.len(), "every commit is checked");
    let mut earlier = HashSet::new();
    for id in order {
        let commit = ledger.load(id)?;
        assert!(commit.is_cut_off() || commit.parents.iter().all(|parent| earlier.contains(parent)), "parents first");
        earlier.insert(*id);
    }
    Ok(())
}
