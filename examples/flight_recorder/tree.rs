//! The check: a tree rebuilt from what was recorded, against what git says.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::Outcome;
use crate::bytes::Text;
use crate::git::Listed;
use crate::ledger::Ledger;
use crate::object::ObjectId;
use crate::record::{CommitRecord, Entry, SUBMODULE};

/// What a commit holds: every path that is no folder.
pub(crate) type Tree = BTreeMap<Text, Entry>;

/// Where a rebuilt tree is not what git says.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum Difference {
    #[error("{path:?} is recorded as {recorded} but git has {listed}")]
    Changed { path: Text, recorded: String, listed: String },
    #[error("{path:?} is in git, but not in the record")]
    NotRecorded { path: Text },
    #[error("{path:?} is recorded, but not in git")]
    NotInGit { path: Text },
    #[error("the bytes recorded for {path:?} are those of {found}, not of {expected}")]
    Bytes { path: Text, found: ObjectId, expected: ObjectId },
    #[error("the record of commit {expected} hashes to {found}")]
    Commit { found: ObjectId, expected: ObjectId },
}

/// Rebuilds the tree at each of `targets` and hands it to `visit`, from nothing but the recorded commits. Targets share
/// what their histories have in common: each commit is loaded twice at most, however many targets there are.
pub(crate) fn rebuild(
    targets: &[ObjectId],
    mut load: impl FnMut(&ObjectId) -> Outcome<CommitRecord>,
    mut visit: impl FnMut(&CommitRecord, &Tree) -> Outcome<()>,
) -> Outcome<()> {
    // A commit is needed once for every needed commit that is based on it, and once more if it is a target.
    let mut needed: HashMap<ObjectId, u32> = HashMap::new();
    let mut order = Vec::new();
    let mut wanted = HashSet::new();
    for target in targets {
        if !wanted.insert(*target) {
            continue;
        }
        let from = order.len();
        let mut next = Some(*target);
        while let Some(id) = next {
            let uses = needed.entry(id).or_default();
            *uses += 1;
            next = if *uses == 1 {
                order.push(id);
                load(&id)?.base
            } else {
                None
            };
        }
        order[from..].reverse();
    }

    let mut trees: HashMap<ObjectId, Tree> = HashMap::new();
    for id in order {
        let commit = load(&id)?;
        let mut tree = match commit.base {
            None => Tree::new(),
            Some(base) => take(&mut trees, &mut needed, base)?,
        };
        apply(&mut tree, &commit);
        if wanted.contains(&id) {
            visit(&commit, &tree)?;
        }
        trees.insert(id, tree);
        if wanted.contains(&id) {
            take(&mut trees, &mut needed, id)?;
        }
    }
    debug_assert!(trees.is_empty(), "a tree is kept no longer than to its last use");
    Ok(())
}

/// Compares a rebuilt tree with git's listing, path by path, and proves the commit and every file by its bytes: their
/// ids are computed anew. Files in `proved` are those that were proved before.
pub(crate) fn compare(
    commit: &CommitRecord,
    tree: &Tree,
    listing: &[Listed],
    ledger: &dyn Ledger,
    proved: &mut HashSet<Entry>,
) -> Outcome<()> {
    let found = commit.recomputed_id();
    if found != commit.id {
        return Err(Difference::Commit { found, expected: commit.id }.into());
    }
    let in_git: HashSet<&Text> = listing.iter().map(|listed| &listed.path).collect();
    if let Some(path) = tree.keys().find(|path| !in_git.contains(path)) {
        return Err(Difference::NotInGit { path: path.clone() }.into());
    }
    for Listed { path, mode, object } in listing {
        let entry = tree.get(path).ok_or_else(|| Difference::NotRecorded { path: path.clone() })?;
        if (entry.mode, entry.object) != (*mode, *object) {
            let recorded = format!("{:06o} {}", entry.mode, entry.object);
            return Err(
                Difference::Changed { path: path.clone(), recorded, listed: format!("{mode:06o} {object}") }.into()
            );
        }
        if entry.mode != SUBMODULE && proved.insert(entry.clone()) {
            let found = recomputed_id(entry, ledger)?;
            if found != entry.object {
                return Err(Difference::Bytes { path: path.clone(), found, expected: entry.object }.into());
            }
        }
    }
    Ok(())
}

/// The id that git would give to the bytes that were kept.
fn recomputed_id(entry: &Entry, ledger: &dyn Ledger) -> Outcome<ObjectId> {
    let mut hasher = entry.object.hasher("blob", entry.size);
    for digest in &entry.pieces {
        hasher.update(&ledger.fetch(digest)?);
    }
    Ok(hasher.finish())
}

fn apply(tree: &mut Tree, commit: &CommitRecord) {
    for change in &commit.changes {
        match &change.entry {
            Some(entry) => tree.insert(change.path.clone(), entry.clone()),
            None => tree.remove(&change.path),
        };
    }
}

/// The tree at `id` for one of its uses; the last one gets the tree itself.
fn take(trees: &mut HashMap<ObjectId, Tree>, needed: &mut HashMap<ObjectId, u32>, id: ObjectId) -> Outcome<Tree> {
    let uses = needed.get_mut(&id).expect("a base was counted when its commit was");
    *uses -= 1;
    let tree = if *uses == 0 { trees.remove(&id) } else { trees.get(&id).cloned() };
    Ok(tree.ok_or_else(|| format!("commit {id} comes after a commit that is based on it"))?)
}
