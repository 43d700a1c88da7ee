use super::sandbox::{Sandbox, prove_recorded};
use crate::Outcome;
use crate::ledger::Ledger;
use crate::memory::MemoryLedger;
use crate::record::CommitRecord;
use crate::tree::Difference;

fn history() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.commit_file("first", "one\n");
    sandbox.write("second", "two\n");
    sandbox.commit("the last one");
    sandbox
}

/// What the check says after the last commit's record was edited.
fn after(edit: impl FnOnce(&mut CommitRecord, &mut MemoryLedger)) -> Difference {
    let sandbox = history();
    let mut ledger = sandbox.prove();
    let mut commit = ledger.load(&sandbox.head()).unwrap();
    edit(&mut commit, &mut ledger);
    ledger.commits.insert(commit.id, rmp_serde::to_vec_named(&commit).unwrap());
    difference(prove_recorded(&sandbox.path, &ledger, &ledger.order))
}

fn difference(outcome: Outcome<()>) -> Difference {
    *outcome.unwrap_err().downcast::<Difference>().expect("a difference")
}

#[test]
fn edited_bytes_of_a_file_are_found_by_its_id() {
    let found = after(|commit, ledger| {
        let digest = commit.changes[0].entry.as_ref().unwrap().pieces[0];
        ledger.pieces.insert(digest.0, b"too\n".to_vec());
    });
    assert!(matches!(found, Difference::Bytes { path, .. } if path.0 == b"second"));
}

#[test]
fn pieces_swapped_between_files_are_found() {
    let found = after(|commit, ledger| {
        let first = ledger.load(&commit.base.unwrap()).unwrap();
        commit.changes[0].entry.as_mut().unwrap().pieces = first.changes[0].entry.clone().unwrap().pieces;
    });
    assert!(matches!(found, Difference::Bytes { path, .. } if path.0 == b"second"));
}

#[test]
fn an_edited_message_or_author_is_found_by_the_commits_id() {
    for edit in [
        (|commit| commit.message.0.push(b'!')) as fn(&mut CommitRecord),
        |commit| commit.author.as_mut().unwrap().0.0[0] = b'U',
        |commit| commit.parents.clear(),
        |commit| commit.tree = commit.id,
    ] {
        assert!(matches!(after(|commit, _| edit(commit)), Difference::Commit { .. }));
    }
}

#[test]
fn a_change_left_out_added_or_altered_is_found() {
    let left_out = after(|commit, _| commit.changes.clear());
    assert!(matches!(left_out, Difference::NotRecorded { path } if path.0 == b"second"));

    let added = after(|commit, _| {
        let mut change = commit.changes[0].clone();
        change.path.0.push(b'2');
        commit.changes.push(change);
    });
    assert!(matches!(added, Difference::NotInGit { path } if path.0 == b"second2"));

    let altered = after(|commit, _| commit.changes[0].entry.as_mut().unwrap().mode = 0o100_755);
    assert!(matches!(altered, Difference::Changed { recorded, .. } if recorded.starts_with("100755 ")));
}
