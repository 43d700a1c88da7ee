//! Connections of threads: who gets which, and what an ended thread leaves behind.

use std::sync::Barrier;

use causal_vault::{Access, Backend, SqliteBackend, Value};
use tempfile::tempdir;

use super::{ensure_notes, note, notes};

#[test]
fn sixteen_threads_open_a_new_file_at_once() {
    for _ in 0..5 {
        let folder = tempdir().unwrap();
        let path = folder.path().join("agents.vault");
        let start = Barrier::new(16);
        std::thread::scope(|scope| {
            for thread in 0..16 {
                let (start, path) = (&start, &path);
                scope.spawn(move || {
                    start.wait();
                    let db = SqliteBackend::open(path).unwrap();
                    db.check().unwrap();
                    ensure_notes(&db);
                    note(&db, thread);
                });
            }
        });
        let db = SqliteBackend::open(&path).unwrap();
        assert_eq!(notes(&db), (0..16).collect::<Vec<_>>());
        assert_eq!(db.query("PRAGMA integrity_check", &[]), Ok(vec![vec![Value::Text("ok".into())]]));
    }
}

#[test]
fn databases_in_memory_are_separate_from_each_other_and_shared_by_their_threads() {
    let (one, two) = (SqliteBackend::in_memory().unwrap(), SqliteBackend::in_memory().unwrap());
    ensure_notes(&one);
    ensure_notes(&two);
    std::thread::scope(|scope| {
        scope.spawn(|| note(&one, 1));
        scope.spawn(|| note(&two, 2));
    });
    assert_eq!((notes(&one), notes(&two)), (vec![1], vec![2]));
}

#[test]
fn a_database_in_memory_serves_readers_and_writers_on_eight_threads() {
    let db = SqliteBackend::in_memory().unwrap();
    ensure_notes(&db);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let db = &db;
            scope.spawn(move || {
                for n in 0..50 {
                    if thread % 2 == 0 {
                        let tx = db.begin(Access::Write).unwrap();
                        note(db, thread * 1000 + n);
                        tx.commit().unwrap();
                    } else {
                        let tx = db.begin(Access::Read).unwrap();
                        assert_eq!(notes(db), notes(db));
                        tx.commit().unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(notes(&db).len(), 200);
}

#[test]
fn many_short_threads_share_few_connections() {
    let folder = tempdir().unwrap();
    let db = SqliteBackend::open(folder.path().join("agents.vault")).unwrap();
    ensure_notes(&db);
    for n in 0..200 {
        std::thread::scope(|scope| scope.spawn(|| note(&db, n)).join().unwrap());
    }
    assert_eq!(notes(&db).len(), 200);
    #[cfg(target_os = "linux")]
    {
        let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        let ours =
            open.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to.starts_with(folder.path()))).count();
        assert!(ours < 100, "{ours} descriptors for 200 threads that ran one after the other");
    }
}
