//! More than one process, by running this test binary again.

use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use causal_vault::{Access, Backend, SqliteBackend, Value};
use tempfile::tempdir;

use super::{ensure_notes, note, notes};

const JOB: &str = "CAUSAL_VAULT_TEST_JOB";
const ROWS: i64 = 50;

/// Runs [`child`] in a process of its own, in `folder`.
fn start(job: &str, folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "backend::processes::child", "--nocapture"]).env(JOB, job).current_dir(folder);
    command.spawn().unwrap()
}

/// What [`start`] runs; as a test of its own it has no job and does nothing.
#[test]
fn child() {
    match std::env::var(JOB).as_deref() {
        Ok("race") => {
            while !Path::new("go").exists() {
                std::thread::sleep(Duration::from_millis(1));
            }
            let db = SqliteBackend::open("agents.vault").unwrap();
            ensure_notes(&db);
            for n in 0..ROWS {
                let tx = db.begin(Access::Write).unwrap();
                note(&db, n);
                tx.commit().unwrap();
            }
        }
        Ok("move") => {
            let db = SqliteBackend::open("agents.vault").unwrap();
            ensure_notes(&db);
            note(&db, 1);
            std::fs::create_dir("elsewhere").unwrap();
            std::env::set_current_dir("elsewhere").unwrap();
            std::thread::scope(|scope| scope.spawn(|| note(&db, 2)).join().unwrap());
            assert_eq!(notes(&db), [1, 2]);
            assert_eq!(std::fs::read_dir(".").unwrap().count(), 0);
        }
        Ok("inherit") => {
            let db = SqliteBackend::open("agents.vault").unwrap();
            ensure_notes(&db);
            for n in 0..8 {
                let forgetful =
                    || db.connection().execute_batch("BEGIN IMMEDIATE; INSERT INTO note VALUES (100)").unwrap();
                std::thread::scope(|scope| scope.spawn(forgetful).join().unwrap());
                let heir = || {
                    let tx = db.begin(Access::Write).unwrap();
                    note(&db, n);
                    tx.commit().unwrap();
                };
                std::thread::scope(|scope| scope.spawn(heir).join().unwrap());
                assert_eq!(notes(&SqliteBackend::open("agents.vault").unwrap()), (0..=n).collect::<Vec<_>>());
            }
        }
        _ => {}
    }
}

/// Found in review: connections are handed on from ended threads to new ones. A transaction that the old thread had
/// begun on its connection and never ended made every commit of the new thread a part of it, acknowledged and lost.
/// In a process of its own, because the threads of other tests would inherit as well.
#[test]
fn a_thread_does_not_inherit_the_transaction_of_one_that_has_ended() {
    let folder = tempdir().unwrap();
    assert!(start("inherit", folder.path()).wait().unwrap().success());
    assert_eq!(notes(&SqliteBackend::open(folder.path().join("agents.vault")).unwrap()), (0..8).collect::<Vec<_>>());
}

#[test]
fn processes_open_a_new_file_at_once() {
    let folder = tempdir().unwrap();
    let mut children: Vec<_> = (0..4).map(|_| start("race", folder.path())).collect();
    std::thread::sleep(Duration::from_millis(50));
    std::fs::write(folder.path().join("go"), b"").unwrap();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let db = SqliteBackend::open(folder.path().join("agents.vault")).unwrap();
    let mut expected: Vec<_> = (0..ROWS).flat_map(|n| [n; 4]).collect();
    expected.sort_unstable();
    assert_eq!(notes(&db), expected);
    assert_eq!(db.query("PRAGMA integrity_check", &[]), Ok(vec![vec![Value::Text("ok".into())]]));
}

#[test]
fn a_relative_path_keeps_its_meaning_when_the_process_moves_to_another_folder() {
    let folder = tempdir().unwrap();
    assert!(start("move", folder.path()).wait().unwrap().success());
    assert_eq!(notes(&SqliteBackend::open(folder.path().join("agents.vault")).unwrap()), [1, 2]);
}
