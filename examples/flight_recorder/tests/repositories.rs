use std::fs;

use super::sandbox::{Sandbox, changes, prove, record_into};
use crate::git::{Git, GitError, Repository};
use crate::ledger::Ledger;
use crate::memory::MemoryLedger;
use crate::object::ObjectId;

fn three_commits(sandbox: &Sandbox) -> [ObjectId; 3] {
    [1, 2, 3].map(|n| sandbox.commit_file(&format!("folder/file-{n}"), format!("{n}\n").repeat(9)))
}

fn refusal(path: &std::path::Path) -> String {
    Repository::open(path).err().expect("this cannot be opened").to_string()
}

#[test]
fn a_users_configuration_changes_nothing() {
    let sandbox = Sandbox::new();
    three_commits(&sandbox);
    sandbox.git(&["mv", "folder/file-1", "folder/moved"]);
    sandbox.write(".gitmodules", "[submodule \"s\"]\n\tpath = s\n\turl = ../s\n\tignore = all\n");
    sandbox.git(&["add", "--all"]);
    sandbox.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{},s", "ab".repeat(20))]);
    sandbox.git(&["commit", "--quiet", "--message", "renamed, and a submodule"]);
    let plain = sandbox.prove();
    sandbox.write("order", "*3\n*2\n");
    for (key, value) in [
        ("color.ui", "always"),
        ("core.quotePath", "true"),
        ("diff.external", "false"),
        ("diff.ignoreSubmodules", "all"),
        ("diff.noprefix", "true"),
        ("diff.orderFile", "order"),
        ("diff.relative", "true"),
        ("diff.renames", "copies"),
        ("i18n.logOutputEncoding", "UTF-16"),
        ("log.diffMerges", "off"),
        ("log.follow", "true"),
        ("log.showRoot", "false"),
        ("log.showSignature", "true"),
        ("submodule.s.ignore", "all"),
    ] {
        sandbox.git(&["config", key, value]);
    }
    let ledger = prove(&sandbox.path.join("folder")).unwrap();
    assert_eq!(ledger.commits, plain.commits);
    assert!(sandbox.last_changes().contains(&"s 160000".to_owned()));
}

#[test]
fn replacements_and_grafts_do_not_bend_the_history() {
    let sandbox = Sandbox::new();
    let [first, second, third] = three_commits(&sandbox);
    let plain = sandbox.prove();
    sandbox.git(&["replace", &second.to_string(), &first.to_string()]);
    let other = sandbox.git(&["commit-tree", "-m", "another first commit", &format!("{second}^{{tree}}")]);
    sandbox.git(&["replace", &first.to_string(), &other]);
    sandbox.write(".git/info/grafts", format!("{third}\n"));
    let ledger = sandbox.prove();
    assert_eq!(ledger.commits, plain.commits);
    assert_eq!(ledger.load(&third).unwrap().base, Some(second));
}

#[test]
fn a_bare_clone_a_work_tree_and_a_subfolder_give_the_same_record() {
    let sandbox = Sandbox::new();
    three_commits(&sandbox);
    let plain = sandbox.prove();
    let (bare, tree) = (sandbox.beside("bare"), sandbox.beside("tree"));
    sandbox.git(&["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
    sandbox.git(&["worktree", "add", "--quiet", "-b", "other", tree.to_str().unwrap()]);
    for path in [bare, tree, sandbox.path.join("folder")] {
        assert_eq!(prove(&path).unwrap().commits, plain.commits, "{}", path.display());
    }
}

#[test]
fn a_shallow_clone_starts_with_a_whole_tree_and_says_so() {
    let sandbox = Sandbox::new();
    let [_, second, third] = three_commits(&sandbox);
    let clone = sandbox.beside("shallow");
    let url = format!("file://{}", sandbox.path.display());
    sandbox.git(&["clone", "--quiet", "--depth=2", &url, clone.to_str().unwrap()]);
    let ledger = prove(&clone).unwrap();
    assert_eq!(ledger.order, [second, third]);
    let boundary = ledger.load(&second).unwrap();
    assert!(boundary.is_cut_off());
    assert_eq!(boundary.parents.len(), 1);
    assert_eq!(changes(&boundary), ["folder/file-1 100644", "folder/file-2 100644"]);
}

#[test]
fn a_sha256_repository_is_recorded_like_any_other() {
    let sandbox = Sandbox::init(&["--object-format=sha256"]);
    three_commits(&sandbox);
    assert!(matches!(sandbox.prove().order[0], ObjectId::Sha256(_)));
}

#[test]
fn a_repository_without_commits_has_nothing_to_record() {
    let sandbox = Sandbox::new();
    let repository = Repository::open(&sandbox.path).unwrap();
    assert_eq!(repository.commits().unwrap(), []);
    assert_eq!(repository.head().unwrap(), None);
    assert_eq!(repository.branches_and_tags().unwrap(), (0, 0));
    let options = crate::args::Options { path: sandbox.path.clone(), vault: None, tamper: false };
    let mut told = Vec::new();
    crate::run(&options, &mut told).unwrap();
    assert!(String::from_utf8(told).unwrap().contains("has no commits yet"));
}

#[test]
fn branches_and_tags_are_counted_and_other_names_of_them_are_not() {
    let sandbox = Sandbox::new();
    three_commits(&sandbox);
    sandbox.git(&["branch", "another"]);
    sandbox.git(&["tag", "v1"]);
    let clone = sandbox.beside("clone");
    sandbox.git(&["clone", "--quiet", ".", clone.to_str().unwrap()]);
    let counts = |path| Repository::open(path).unwrap().branches_and_tags().unwrap();
    assert_eq!(counts(&sandbox.path), (2, 1));
    assert_eq!(counts(&clone), (3, 1));
}

#[test]
fn a_folder_that_is_no_repository_is_refused_in_gits_words() {
    let sandbox = Sandbox::new();
    let plain = sandbox.beside("plain");
    fs::create_dir(&plain).unwrap();
    assert!(refusal(&plain).contains("not a git repository"), "{}", refusal(&plain));
    let missing = sandbox.beside("missing");
    assert!(refusal(&missing).starts_with("no such folder"));
    sandbox.write("file", "");
    assert!(refusal(&sandbox.path.join("file")).starts_with("no such folder"));
}

#[cfg(unix)]
#[test]
fn a_repository_of_somebody_else_is_refused_in_gits_words() {
    let sandbox = Sandbox::new();
    three_commits(&sandbox);
    for path in [sandbox.path.clone(), sandbox.path.join(".git")] {
        if std::os::unix::fs::chown(path, Some(12_345), None).is_err() {
            eprintln!("not tried: only root can give a folder to somebody else");
            return;
        }
    }
    assert!(refusal(&sandbox.path).contains("safe.directory"), "{}", refusal(&sandbox.path));
}

#[test]
fn a_machine_without_git_is_told_to_install_it() {
    let git = Git::named("git-that-is-not-installed", &std::env::temp_dir());
    let error = git.ask(&["rev-parse"]).unwrap_err();
    assert!(matches!(error, GitError::NotInstalled(_)));
    assert!(error.to_string().contains("install git"));
}

#[test]
fn a_file_that_the_repository_lost_is_named_and_its_commit_is_not_recorded() {
    let sandbox = Sandbox::new();
    let [first, second, _] = three_commits(&sandbox);
    let lost = sandbox.git(&["rev-parse", &format!("{second}:folder/file-2")]);
    fs::remove_file(sandbox.path.join(".git/objects").join(&lost[..2]).join(&lost[2..])).unwrap();
    let mut ledger = MemoryLedger::default();
    let error = record_into(&mut ledger, &sandbox.path).unwrap_err().to_string();
    assert!(error.contains(&lost) && error.contains("is not in this repository"), "{error}");
    assert_eq!(ledger.order, [first]);
}

#[test]
fn a_tree_that_the_repository_lost_is_reported_in_gits_words() {
    let sandbox = Sandbox::new();
    let [_, second, _] = three_commits(&sandbox);
    let lost = sandbox.git(&["rev-parse", &format!("{second}:folder")]);
    fs::remove_file(sandbox.path.join(".git/objects").join(&lost[..2]).join(&lost[2..])).unwrap();
    let error = record_into(&mut MemoryLedger::default(), &sandbox.path).unwrap_err().to_string();
    assert!(error.starts_with("git diff-tree failed") && error.contains(&lost), "{error}");
}
