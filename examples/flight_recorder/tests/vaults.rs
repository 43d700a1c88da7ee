use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use causal_vault::limits::PARENTS;
use causal_vault::{Filter, Fingerprint, StoredEvent};

use super::sandbox::{Sandbox, record_into, vault};
use crate::Outcome;
use crate::args::Options;
use crate::bytes::Digest;
use crate::census::Census;
use crate::history::Tally;
use crate::ledger::Ledger;
use crate::object::ObjectId;
use crate::purpose::Purposes;
use crate::record::CommitRecord;
use crate::report::{Check, Summary, VaultFacts};
use crate::tamper;
use crate::vault_ledger::{VaultLedger, settings};

pub(super) fn recorded(sandbox: &Sandbox) -> VaultLedger {
    let mut ledger = vault();
    record_into(&mut ledger, &sandbox.path).unwrap();
    ledger
}

pub(super) fn event(ledger: &VaultLedger, commit: &ObjectId) -> StoredEvent {
    ledger.vault().get(&ledger.place(commit).unwrap().0).unwrap()
}

pub(super) fn run(sandbox: &Sandbox, vault: Option<PathBuf>, tamper: bool) -> Outcome<String> {
    let mut told = Vec::new();
    crate::run(&Options { path: sandbox.path.clone(), vault, tamper }, &mut told)?;
    Ok(String::from_utf8(told)?)
}

#[test]
fn an_event_has_its_author_as_writer_its_time_and_the_events_of_its_parents() {
    let sandbox = Sandbox::new();
    let first = sandbox.commit_file("first", "one\n");
    sandbox.git(&["commit", "--quiet", "--allow-empty", "--message", "by Bo", "--author", "Bo <bo@example.org>"]);
    let ledger = recorded(&sandbox);
    let (first, second) = (event(&ledger, &first), event(&ledger, &sandbox.head()));
    assert_eq!(first.header.writer, Fingerprint::named("Ann Example <ann@example.org>").unwrap());
    assert_eq!(&*second.header.writer_name, "Bo <bo@example.org>");
    assert_eq!(second.header.parents[..], [first.header.hash]);
    assert_eq!((&*first.header.stream, &*first.header.kind), ("git", "git.commit"));
    assert_eq!(first.header.timestamp, 1_700_000_000_000);
    assert_eq!(first.header.id.to_string().as_bytes()[14], b'8', "a UUID of the version for such ids");
}

#[test]
fn a_merge_of_more_parents_than_an_event_can_name_keeps_all_of_them_in_its_payload() {
    let sandbox = Sandbox::new();
    let root = sandbox.commit_file("file", "one\n").to_string();
    let mut arguments = vec!["commit-tree".to_owned(), format!("{root}^{{tree}}"), "-m".to_owned(), "wide".to_owned()];
    for n in 0..PARENTS + 6 {
        let parent = sandbox.git(&["commit-tree", &format!("{root}^{{tree}}"), "-p", &root, "-m", &n.to_string()]);
        arguments.extend(["-p".to_owned(), parent]);
    }
    let wide = sandbox.git(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    sandbox.git(&["update-ref", "refs/heads/wide", &wide]);
    sandbox.prove();
    let (ledger, wide) = (recorded(&sandbox), wide.parse().unwrap());
    assert_eq!(event(&ledger, &wide).header.parents.len(), PARENTS);
    assert_eq!(ledger.load(&wide).unwrap().parents.len(), PARENTS + 6);
    assert_eq!(ledger.census().unwrap().wide_merges, 1);
    assert!(run(&sandbox, None, false).unwrap().contains("1 merge of more than 64 parents"));
}

#[test]
fn a_parent_that_a_commit_names_twice_is_one_parent_of_its_event() {
    let sandbox = Sandbox::new();
    let first = sandbox.commit_file("file", "one\n");
    let tree = sandbox.git(&["rev-parse", "HEAD^{tree}"]);
    let object = format!("tree {tree}\nparent {first}\nparent {first}\nauthor A <a> 1 +0\ncommitter A <a> 1 +0\n\nm");
    let id = sandbox.git_with(&["hash-object", "-t", "commit", "-w", "--literally", "--stdin"], object.as_bytes());
    sandbox.git(&["update-ref", "refs/heads/twice", &id]);
    let ledger = recorded(&sandbox);
    let id = id.parse().unwrap();
    assert_eq!((ledger.load(&id).unwrap().parents.len(), event(&ledger, &id).header.parents.len()), (2, 1));
}

#[test]
fn a_commit_of_more_files_than_one_payload_lists_is_rebuilt() {
    let sandbox = Sandbox::new();
    let mut stream = "commit refs/heads/main\ncommitter A <a@b> 1 +0000\ndata 1\nm\n".to_owned();
    for n in 0..9000 {
        write!(stream, "M 100644 inline folder/file-{n}\ndata 1\nx\n").unwrap();
    }
    sandbox.import(stream.as_bytes());
    sandbox.prove();
    assert_eq!(recorded(&sandbox).census().unwrap().files_changed, 9000);
}

#[test]
fn a_second_run_on_the_same_file_records_only_what_is_new_and_says_so() {
    let sandbox = Sandbox::new();
    let file = sandbox.beside("history.vault");
    sandbox.commit_file("first", "one\n");
    assert!(run(&sandbox, Some(file.clone()), false).unwrap().contains("recorded        1 commit in "));
    sandbox.commit_file("second", "two\n");
    let told = run(&sandbox, Some(file.clone()), false).unwrap();
    assert!(told.contains("events/s; 1 there before\n"), "{told}");
    let told = run(&sandbox, Some(file.clone()), false).unwrap();
    assert!(told.contains("nothing new: 2 there before\n"), "{told}");
    assert!(told.contains("events          2 commits"), "{told}");
    let vault = settings().open(file).unwrap();
    assert_eq!(vault.events(Filter::kind("git.commit")).unwrap().count(), 2);
    assert_eq!(vault.events(Filter::all()).unwrap().count(), 4, "the two runs with something new were tidied up after");
}

#[test]
fn the_summary_is_an_aligned_table_with_a_chart_of_writers() {
    let sandbox = Sandbox::new();
    sandbox.commit("message");
    let ledger = recorded(&sandbox);
    let anchor = ledger.vault().tree_head().unwrap().into();
    let writers = HashMap::from([("Ann <ann@example.org>".to_owned(), 1203), ("Bo <bo@example.org>".to_owned(), 7)]);
    let census = Census {
        events: 1210,
        merges: 1,
        wide_merges: 0,
        cut_off: 2,
        files_changed: 4000,
        bytes_named: 3 << 20,
        bytes_stored: 1 << 20,
        writers,
    };
    let vault = VaultFacts {
        file: "history.vault".to_owned(),
        file_bytes: 2 << 20,
        is_kept: true,
        census,
        root: "ab".repeat(32),
        verdict: ledger.vault().verify(&[anchor]).unwrap(),
        verified_in: Duration::from_millis(20),
    };
    let check = Check { head: true, others: 10, paths: 110, files_proved: 12, elapsed: Duration::from_millis(30) };
    let summary = Summary {
        repository: "/home/ann/project".to_owned(),
        branches: 1,
        tags: 2,
        tally: Tally { recorded: 1207, known_before: 3, bytes_read: 0 },
        elapsed: Duration::from_secs(2),
        vault,
        check,
        purposes: Purposes::default(),
    };
    let expected = "
  repository      /home/ann/project
  refs            1 branch, 2 tags
  recorded        1,207 commits in 2.00 s: 603 events/s; 3 there before

  vault           history.vault, 2.00 MiB
  events          1,210 commits (1 merge)
  writers         2
  files changed   4,000
  payload bytes   3.00 MiB before dedup, 1.00 MiB after (3.0 : 1)
  shallow clone   2 commits without parents here, kept as a whole tree each
  root            ROOT

  verify          intact, anchored at 1 event: every hash, link and payload, in 0.02 s
  self check      passed: the tree at HEAD and at 10 other commits equals git ls-tree -r
                  110 paths; 12 files proved by their bytes, in 0.03 s

  Ann <ann@example.org>  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━      1,203
  Bo <bo@example.org>    ╸                                         7
";
    assert_eq!(summary.to_string(), expected.replace("ROOT", &"ab".repeat(32)));
}

/// Keeps what was appended every now and then, and is interrupted.
struct Interrupted<'l> {
    inner: &'l mut VaultLedger,
    appended: usize,
}

impl Ledger for Interrupted<'_> {
    fn holds(&self, commit: &ObjectId) -> Outcome<bool> {
        self.inner.holds(commit)
    }

    fn put(&mut self, piece: Vec<u8>) -> Outcome<Digest> {
        self.inner.put(piece)
    }

    fn append(&mut self, record: CommitRecord) -> Outcome<()> {
        self.inner.append(record)?;
        self.appended += 1;
        match self.appended {
            20 => Err("interrupted".into()),
            n if n % 7 == 0 => self.inner.flush(),
            _ => Ok(()),
        }
    }

    fn flush(&mut self) -> Outcome<()> {
        self.inner.flush()
    }

    fn load(&self, commit: &ObjectId) -> Outcome<CommitRecord> {
        self.inner.load(commit)
    }

    fn fetch(&self, digest: &Digest) -> Outcome<Vec<u8>> {
        self.inner.fetch(digest)
    }
}

#[test]
fn an_interrupted_recording_goes_on_where_the_last_transaction_ended() {
    let sandbox = Sandbox::new();
    for n in 0..30 {
        sandbox.commit_file("file", format!("{n}\n"));
    }
    let mut ledger = vault();
    let vault = ledger.vault().clone();
    let error = record_into(&mut Interrupted { inner: &mut ledger, appended: 0 }, &sandbox.path).unwrap_err();
    assert_eq!(error.to_string(), "interrupted");
    drop(ledger);
    assert_eq!(vault.tree_head().unwrap().size, 14);

    let mut ledger = VaultLedger::new(vault).unwrap();
    let tally = record_into(&mut ledger, &sandbox.path).unwrap();
    assert_eq!((tally.recorded, tally.known_before), (16, 14));
    let whole = recorded(&sandbox);
    assert_eq!(ledger.load(&sandbox.head()).unwrap(), whole.load(&sandbox.head()).unwrap());
    assert_eq!(ledger.census().unwrap().bytes_stored, whole.census().unwrap().bytes_stored);
    assert!(ledger.vault().verify(&[]).unwrap().is_intact());
}

#[test]
fn every_edit_behind_the_vaults_back_is_noticed_and_told() {
    for message in ["one commit", "\u{1f980} 1", "x\u{ff}\ny"] {
        let sandbox = Sandbox::new();
        for path in ["a", "b", "c"] {
            sandbox.write(path, path);
            sandbox.commit(message);
        }
        let told = run(&sandbox, Some(sandbox.beside("history.vault")), true).unwrap();
        assert_eq!(told.matches("BROKEN").count(), 3, "{told}");
        for rule in ["payload", "position", "scope"] {
            assert!(told.contains(&format!("BROKEN: {rule}")), "{rule}: {told}");
        }
        assert!(told.ends_with("noticed: all three\n"));
        let kept = settings().open(sandbox.beside("history.vault")).unwrap();
        assert!(kept.verify(&[]).unwrap().is_intact(), "the vault itself is not touched");
    }
}

#[test]
fn a_record_too_large_to_stand_in_its_row_is_edited_where_it_stands() {
    let sandbox = Sandbox::new();
    sandbox.commit(&"long ".repeat(1000));
    let told = run(&sandbox, None, true).unwrap();
    assert!(told.contains("\"long long") && told.contains("\"Long long"), "{told}");
}

#[test]
fn an_edit_that_nobody_notices_is_an_error() {
    let sandbox = Sandbox::new();
    sandbox.commit("message");
    let file = sandbox.beside("history.vault");
    let mut ledger = VaultLedger::new(settings().open(&file).unwrap()).unwrap();
    record_into(&mut ledger, &sandbox.path).unwrap();
    let nothing: tamper::Edit = |_, _| Ok("nothing".to_owned());
    let anchor = ledger.vault().tree_head().unwrap().into();
    let outcome = tamper::try_one(("no edit", nothing), &ledger, &file, &sandbox.head(), anchor, &mut Vec::new());
    assert_eq!(outcome.unwrap_err().to_string(), "verify did not notice no edit");
}

#[test]
fn a_vault_that_was_edited_is_reported_by_the_next_run() {
    let sandbox = Sandbox::new();
    sandbox.commit_file("file", "one\n");
    let file = sandbox.beside("history.vault");
    run(&sandbox, Some(file.clone()), false).unwrap();
    let db = rusqlite::Connection::open(&file).unwrap();
    assert_eq!(db.execute("UPDATE vault_payload SET bytes = x'00'", []).unwrap(), 1);
    drop(db);
    let error = run(&sandbox, Some(file), false).unwrap_err().to_string();
    assert!(error.contains("is not what was recorded into it; verify says BROKEN: "), "{error}");
}

#[test]
fn a_file_that_is_no_vault_is_refused_and_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.commit_file("file", "one\n");
    let file = sandbox.beside("notes.txt");
    std::fs::write(&file, "not a vault\n").unwrap();
    assert!(run(&sandbox, Some(file.clone()), false).is_err());
    assert_eq!(std::fs::read(file).unwrap(), b"not a vault\n");
}
