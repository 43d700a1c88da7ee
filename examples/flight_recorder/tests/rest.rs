use std::collections::{HashMap, HashSet};
use std::ffi::OsString;

use indicatif::ProgressBar;

use super::sandbox::{Sandbox, prove_recorded, record_into};
use crate::args::{self, Options, Request};
use crate::git::Repository;
use crate::history;
use crate::ledger::Ledger;
use crate::memory::MemoryLedger;
use crate::record::{CommitRecord, Person};
use crate::{targets, tree};

#[test]
fn a_second_run_records_only_what_is_new() {
    let sandbox = Sandbox::new();
    sandbox.commit_file("first", "one\n");
    let mut ledger = MemoryLedger::default();
    assert_eq!(record_into(&mut ledger, &sandbox.path).unwrap().recorded, 1);
    for n in 0..40 {
        sandbox.commit_file("second", format!("{n}\n"));
    }
    let tally = record_into(&mut ledger, &sandbox.path).unwrap();
    assert_eq!((tally.recorded, tally.known_before), (40, 1));
    let tally = record_into(&mut ledger, &sandbox.path).unwrap();
    assert_eq!((tally.recorded, tally.known_before, tally.bytes_read), (0, 41, 0));
    assert_eq!(ledger.order.len(), 41);
    prove_recorded(&sandbox.path, &ledger, &ledger.order).unwrap();
}

#[test]
fn a_long_file_is_kept_in_pieces_and_proved_as_a_whole() {
    let sandbox = Sandbox::new();
    for (name, length) in [("none", 0), ("short", 99), ("exact", 100), ("twice", 200), ("long", 201)] {
        sandbox.write(name, vec![b'x'; length]);
    }
    sandbox.commit("lengths");
    let repository = Repository::open(&sandbox.path).unwrap();
    let mut ledger = MemoryLedger::default();
    let steps = repository.commits().unwrap();
    let tally = history::record(&repository, &steps, &mut ledger, 100, &ProgressBar::hidden()).unwrap();
    let commit = ledger.load(&sandbox.head()).unwrap();
    let pieces = commit.changes.iter().map(|c| (c.path.0.as_slice(), c.entry.as_ref().unwrap().pieces.len()));
    let pieces: HashMap<&[u8], usize> = pieces.collect();
    assert_eq!(pieces, HashMap::from([(&b"none"[..], 0), (b"short", 1), (b"exact", 1), (b"twice", 2), (b"long", 3)]));
    assert_eq!(tally.bytes_read, 600);
    prove_recorded(&sandbox.path, &ledger, &ledger.order).unwrap();
}

#[test]
fn trees_are_rebuilt_with_two_loads_a_commit_however_many_targets_there_are() {
    let sandbox = Sandbox::new();
    for n in 0..30 {
        sandbox.commit_file("file", format!("{n}"));
    }
    let ledger = sandbox.prove();
    let mut loads: HashMap<_, u32> = HashMap::new();
    let mut seen = HashSet::new();
    tree::rebuild(
        &ledger.order,
        |id| {
            *loads.entry(*id).or_default() += 1;
            ledger.load(id)
        },
        |commit, _| {
            seen.insert(commit.id);
            Ok(())
        },
    )
    .unwrap();
    assert_eq!(seen.len(), 30);
    assert!(loads.values().all(|count| *count == 2));
}

#[test]
fn head_and_ten_others_are_checked_and_fewer_where_there_are_fewer() {
    let sandbox = Sandbox::new();
    for n in 0..25 {
        sandbox.commit(&format!("{n}"));
        let steps = Repository::open(&sandbox.path).unwrap().commits().unwrap();
        let chosen = targets(&steps, Some(sandbox.head()));
        assert_eq!(chosen.len(), (n + 1).min(11));
        assert_eq!(chosen.iter().collect::<HashSet<_>>().len(), chosen.len(), "none twice");
        assert_eq!(chosen[0], sandbox.head());
        assert!(n == 0 || chosen.contains(&steps[0].id));
    }
}

#[test]
fn what_is_no_commit_or_has_another_id_is_not_taken_for_one() {
    let id = "1".repeat(40).parse().unwrap();
    for object in ["", "tree", "tree x\n", "parent \n", "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nm"] {
        assert!(CommitRecord::parse(id, object.as_bytes()).is_err(), "{object:?}");
    }
}

#[test]
fn a_writers_name_fits_the_limits_and_keeps_people_apart() {
    let name = |line: &[u8]| Person(line.into()).writer_name();
    assert_eq!(name(b"Ann <a@b.org> 1 +0000"), "Ann <a@b.org>");
    assert_eq!(name(b"  <a@b> 1 +0000"), "<a@b>");
    let long = |end: &str| name(format!("{}{end} <a@b.org> 1 +0000", "é".repeat(100)).as_bytes());
    assert!(long("1").len() <= 128 && long("1").len() > 120);
    assert_ne!(long("1"), long("2"));
    assert_ne!(name(b"J\xf6rg <j>"), name(b"J\xe4rg <j>"));
    assert!(!name(b"a\x01\x7fb <c>").contains(char::is_control));
    assert_eq!(name(b""), "<>");
}

#[test]
fn dates_are_read_as_far_as_they_can_be() {
    let seconds = |line: &[u8]| Person(line.into()).seconds();
    assert_eq!(seconds(b"A <a> 17 +0100"), Some(17));
    assert_eq!(seconds(b"A <a> <b> -5 +0100"), Some(-5));
    assert_eq!(seconds(b"A <a>"), None);
    assert_eq!(seconds(b"A <a> 99999999999999999999 +0000"), None);
    assert_eq!(seconds(b""), None);
}

#[test]
fn arguments_are_read_strictly() {
    let parse = |line: &str| args::parse(line.split_whitespace().map(OsString::from));
    let record = |path: &str, vault: Option<&str>, tamper| {
        Ok(Request::Record(Options { path: path.into(), vault: vault.map(Into::into), tamper }))
    };
    assert_eq!(parse(""), record(".", None, false));
    assert_eq!(parse("repo --vault a.vault --tamper"), record("repo", Some("a.vault"), true));
    assert_eq!(parse("--vault=a.vault -- --odd"), record("--odd", Some("a.vault"), false));
    assert_eq!(parse("repo --help"), Ok(Request::Help));
    for (line, said) in [
        ("--valt x", "unknown option \"--valt\""),
        ("-x", "unknown option"),
        ("--vault", "needs the name of a file"),
        ("--vault=", "is empty"),
        ("one two", "given twice"),
        ("--vault a --vault b", "given twice"),
    ] {
        assert!(parse(line).unwrap_err().contains(said), "{line}");
    }
}
