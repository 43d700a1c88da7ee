use std::fs;

use super::sandbox::{Sandbox, changes};
use crate::ledger::Ledger;

/// Two branches with a commit each, and `main` checked out.
fn two_branches() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.commit_file("shared", "one\n");
    sandbox.git(&["checkout", "--quiet", "-b", "side"]);
    sandbox.commit_file("of-side", "side\n");
    sandbox.git(&["checkout", "--quiet", "main"]);
    sandbox.commit_file("of-main", "main\n");
    sandbox
}

#[test]
fn a_commit_tells_who_wrote_what() {
    let sandbox = Sandbox::new();
    sandbox.commit("subject\n\nbody");
    let commit = sandbox.prove().load(&sandbox.head()).unwrap();
    assert_eq!(commit.author.unwrap().0.0, b"Ann Example <ann@example.org> 1700000000 +0130");
    assert_eq!((commit.headers.0.as_slice(), commit.message.0.as_slice()), (&b"\n"[..], &b"subject\n\nbody\n"[..]));
}

#[test]
fn a_merge_lists_what_it_changes_against_its_first_parent() {
    let sandbox = two_branches();
    sandbox.git(&["merge", "--quiet", "--no-ff", "--no-edit", "side"]);
    let ledger = sandbox.prove();
    let merge = ledger.load(&sandbox.head()).unwrap();
    assert_eq!(merge.parents.len(), 2);
    assert_eq!(merge.base, Some(merge.parents[0]));
    assert_eq!(changes(&merge), ["of-side 100644"]);
}

#[test]
fn an_octopus_merge_keeps_all_its_parents() {
    let sandbox = two_branches();
    for name in ["third", "fourth"] {
        sandbox.git(&["checkout", "--quiet", "-b", name, "main~1"]);
        sandbox.commit_file(name, name);
    }
    sandbox.git(&["checkout", "--quiet", "main"]);
    sandbox.git(&["merge", "--quiet", "--no-edit", "side", "third", "fourth"]);
    let merge = sandbox.prove().load(&sandbox.head()).unwrap();
    assert_eq!(merge.parents.len(), 4);
    assert_eq!(changes(&merge), ["fourth 100644", "of-side 100644", "third 100644"]);
}

#[test]
fn an_evil_merge_is_rebuilt_with_what_no_parent_had() {
    let sandbox = two_branches();
    sandbox.git(&["merge", "--quiet", "--no-commit", "--no-ff", "side"]);
    fs::remove_file(sandbox.path.join("shared")).unwrap();
    sandbox.write("from-nowhere", "evil\n");
    sandbox.commit("merged, and more");
    assert_eq!(sandbox.last_changes(), ["from-nowhere 100644", "of-side 100644", "shared gone"]);
}

#[test]
fn a_merge_that_takes_ours_changes_nothing() {
    let sandbox = two_branches();
    sandbox.git(&["merge", "--quiet", "--no-edit", "--strategy=ours", "side"]);
    assert!(sandbox.last_changes().is_empty());
}

#[test]
fn a_rename_is_one_path_gone_and_another_added_and_its_bytes_are_kept_once() {
    let sandbox = Sandbox::new();
    sandbox.commit_file("old name", "the same bytes\n".repeat(50));
    sandbox.git(&["mv", "old name", "new name"]);
    sandbox.commit("renamed");
    assert_eq!(sandbox.last_changes(), ["new name 100644", "old name gone"]);
    let ledger = sandbox.prove();
    assert_eq!((ledger.pieces.len(), ledger.puts), (1, 1));
}

#[test]
fn binary_and_empty_files_come_back_byte_for_byte() {
    let sandbox = Sandbox::new();
    let every_byte: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    sandbox.write("binary", &every_byte);
    sandbox.write("empty", "");
    sandbox.write("ends with no line break", "\0\n\0");
    let ledger = {
        sandbox.commit("bytes");
        sandbox.prove()
    };
    let commit = ledger.load(&sandbox.head()).unwrap();
    let entries: Vec<_> = commit.changes.iter().map(|change| change.entry.clone().unwrap()).collect();
    assert_eq!(ledger.fetch(&entries[0].pieces[0]).unwrap(), every_byte);
    assert_eq!((entries[1].size, entries[1].pieces.len()), (0, 0));
}

#[test]
fn a_file_that_becomes_a_folder_and_a_folder_that_becomes_a_file() {
    let sandbox = Sandbox::new();
    sandbox.write("a-b", "beside\n");
    sandbox.write("a", "a file\n");
    sandbox.commit_file("d/e/f", "deep\n");
    fs::remove_file(sandbox.path.join("a")).unwrap();
    fs::remove_dir_all(sandbox.path.join("d")).unwrap();
    sandbox.write("a/b", "inside\n");
    sandbox.write("d", "a file now\n");
    sandbox.commit("turned round");
    let mut changes = sandbox.last_changes();
    changes.sort();
    assert_eq!(changes, ["a gone", "a/b 100644", "d 100644", "d/e/f gone"]);
}

#[test]
fn a_change_of_mode_alone_and_a_link_in_the_place_of_a_file() {
    let sandbox = Sandbox::new();
    sandbox.write("link", "a file at first\n");
    sandbox.commit_file("script", "#!/bin/sh\n");
    sandbox.git(&["update-index", "--chmod=+x", "script"]);
    let target = sandbox.git_with(&["hash-object", "-w", "--stdin"], b"where/it/leads");
    sandbox.git(&["update-index", "--cacheinfo", &format!("120000,{target},link")]);
    sandbox.git(&["commit", "--quiet", "--message", "modes"]);
    assert_eq!(sandbox.last_changes(), ["link 120000", "script 100755"]);
}

#[test]
fn a_submodule_is_named_though_its_commit_is_not_here() {
    let sandbox = Sandbox::new();
    sandbox.commit_file("file", "x");
    for nowhere in ["12", "34"] {
        let entry = format!("160000,{},vendor/library", nowhere.repeat(20));
        sandbox.git(&["update-index", "--add", "--cacheinfo", &entry]);
        sandbox.git(&["commit", "--quiet", "--message", "submodule"]);
    }
    assert_eq!(sandbox.last_changes(), ["vendor/library 160000"]);
}

#[test]
fn roots_tags_outside_of_branches_a_detached_head_and_empty_commits_are_all_recorded() {
    let sandbox = Sandbox::new();
    sandbox.commit_file("first", "root");
    sandbox.git(&["checkout", "--quiet", "--orphan", "second-root"]);
    sandbox.commit_file("second", "root");
    sandbox.git(&["checkout", "--quiet", "--detach"]);
    sandbox.commit_file("tagged", "only a tag leads here");
    sandbox.git(&["tag", "--annotate", "--message", "a tag", "v1"]);
    let blob = sandbox.git_with(&["hash-object", "-w", "--stdin"], b"a tag may name a file");
    sandbox.git(&["tag", "of-a-file", &blob]);
    sandbox.git(&["checkout", "--quiet", "--detach", "main"]);
    let detached = sandbox.commit("only HEAD leads here, and nothing changed");
    let ledger = sandbox.prove();
    assert_eq!(ledger.order.len(), 4);
    assert!(ledger.load(&detached).unwrap().changes.is_empty());
    assert_eq!(ledger.order.iter().filter(|id| ledger.load(id).unwrap().base.is_none()).count(), 2);
}

#[test]
fn names_messages_and_paths_that_are_not_utf8_are_kept_verbatim() {
    let sandbox = Sandbox::new();
    sandbox.import(
        b"commit refs/heads/main\nauthor J\xf6rg \xff <j\xf6rg@example.org> 1600000000 -0330\n\
          committer \xe3\x82\xa2 <a@b> 1600000001 +0000\nencoding ISO-8859-1\ndata 7\nGr\xfc\xdfe\n\n\
          M 100644 inline \"caf\\351/\\n\\t\\377 \\\"quoted\\\"\"\ndata 3\nx\xff\n\n\
          M 100644 inline caf\xc3\xa9\ndata 2\nyy\n",
    );
    sandbox.git(&["config", "i18n.logOutputEncoding", "UTF-16"]);
    let commit = sandbox.prove().load(&sandbox.head()).unwrap();
    let author = commit.author.as_ref().unwrap();
    assert_eq!((author.name(), author.email()), (b"J\xf6rg \xff".as_slice(), b"j\xf6rg@example.org".as_slice()));
    assert_eq!(author.seconds(), Some(1_600_000_000));
    assert_eq!(commit.message.0, b"Gr\xfc\xdfe\n\n");
    assert_eq!(commit.headers.0, b"encoding ISO-8859-1\n\n");
    let mut paths: Vec<&[u8]> = commit.changes.iter().map(|change| change.path.0.as_slice()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["caf\u{e9}".as_bytes(), b"caf\xe9/\n\t\xff \"quoted\""]);
}

#[test]
fn commits_that_git_would_not_write_today_are_kept_verbatim() {
    let sandbox = Sandbox::new();
    let tree = sandbox.git_with(&["mktree"], b"");
    for (name, rest) in [
        ("no-message", "author A <a> 1 +0000\ncommitter A <a> 1 +0000\n"),
        ("no-date", "author A <a>\ncommitter  <>\n\n"),
        ("no-author", "committer A <a> 1 +0000\n\n\nmessage after a blank line"),
        (
            "signed",
            "author A <a> 1 +0\ncommitter A <b> 9 +0\ngpgsig -----BEGIN\n \n line\n -----END\nx y\n\n\nm\n\0nul",
        ),
    ] {
        let object = format!("tree {tree}\n{rest}");
        let id = sandbox.git_with(&["hash-object", "-t", "commit", "-w", "--literally", "--stdin"], object.as_bytes());
        sandbox.git(&["update-ref", &format!("refs/heads/{name}"), &id]);
    }
    assert_eq!(sandbox.prove().order.len(), 4);
}
