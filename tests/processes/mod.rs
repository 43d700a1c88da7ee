//! Two dozen processes on one file, with readers and a checkpointer among them.

mod child;
mod history;

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use causal_vault::{Durability, Filter, Vault};

use self::history::{Record, check};
use crate::suite::suite;

const WRITERS: u32 = 24;
const READERS: u32 = 2;

fn open(folder: &Path) -> Vault {
    // However slow the machine is: no time-out decides a test.
    let patient = Vault::builder().durability(Durability::Fast).busy_timeout(Duration::from_secs(24 * 3600));
    patient.open(folder.join("agents.vault")).unwrap()
}

fn start(folder: &Path, role: &str, number: u32, appends: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::child::child", "--nocapture", "--test-threads=1"])
        .env(child::ROLE, format!("{role} {number} {appends}"))
        .current_dir(folder)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

/// Lets the children go at once, when all have said that they are ready.
fn go(folder: &Path, children: usize) {
    let started = Instant::now();
    let ready = || std::fs::read_dir(folder).unwrap().filter(|file| is_ready(file.as_ref().unwrap())).count();
    while ready() < children {
        assert!(started.elapsed() < Duration::from_secs(60), "only {} of {children} children started", ready());
        std::thread::sleep(Duration::from_millis(2));
    }
    std::fs::write(folder.join("go"), b"").unwrap();
}

fn is_ready(file: &std::fs::DirEntry) -> bool {
    file.file_name().to_string_lossy().starts_with("ready-")
}

fn history(vault: &Vault) -> Vec<Record> {
    vault.events(Filter::all()).unwrap().map(|event| Record::of(&event.unwrap())).collect()
}

#[test]
fn two_dozen_processes_append_at_once_and_nothing_is_lost() {
    let suite = suite("processes", 100, 10_000);
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let mut writers: Vec<_> = (0..WRITERS).map(|n| start(folder.path(), "writer", n, suite.cases)).collect();
    let mut others: Vec<_> = (0..READERS).map(|n| start(folder.path(), "reader", n, 0)).collect();
    others.push(start(folder.path(), "checkpointer", 0, 0));
    go(folder.path(), writers.len() + others.len());
    assert!(writers.iter_mut().all(|child| child.wait().unwrap().success()), "a writer failed");
    std::fs::write(folder.path().join("stop"), b"").unwrap();
    assert!(others.iter_mut().all(|child| child.wait().unwrap().success()), "a reader or the checkpointer failed");
    let vault = open(folder.path());
    check(&history(&vault), WRITERS, suite.cases).unwrap();
    let report = vault.verify(&[]).unwrap();
    assert!(report.is_intact(), "{report}");
    assert_eq!(report.tree.size, u64::from(WRITERS * suite.cases));
    assert_eq!(vault.tree_head(), Ok(report.tree));
}

/// The control: processes that read the last number and store the next one in two steps do not pass.
#[test]
fn careless_processes_are_caught() {
    let folder = tempfile::tempdir().unwrap();
    let vault = open(folder.path());
    vault.backend().exec("CREATE TABLE careless (position INTEGER, process INTEGER, append INTEGER)", &[]).unwrap();
    let mut children: Vec<_> = (0..4).map(|n| start(folder.path(), "careless", n, 20)).collect();
    go(folder.path(), children.len());
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    let rows = vault.backend().query("SELECT * FROM careless ORDER BY position, process", &[]).unwrap();
    let history: Vec<Record> = rows.iter().map(|row| Record::of_row(row)).collect();
    assert_eq!(history.len(), 80);
    assert!(check(&history, 4, 20).unwrap_err().starts_with("position"));
}

#[test]
fn two_dozen_processes_create_one_vault_at_once() {
    for _ in 0..suite("processes, first opening", 2, 50).cases.min(50) {
        let folder = tempfile::tempdir().unwrap();
        let mut children: Vec<_> = (0..WRITERS).map(|n| start(folder.path(), "founder", n, 1)).collect();
        go(folder.path(), children.len());
        assert!(children.iter_mut().all(|child| child.wait().unwrap().success()), "a founder failed");
        let vault = open(folder.path());
        check(&history(&vault), WRITERS, 1).unwrap();
        assert!(vault.verify(&[]).unwrap().is_intact());
    }
}
