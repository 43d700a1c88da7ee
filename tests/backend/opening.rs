//! What may be opened as a vault's file, and what the refusal of the rest says. A refused file is not changed.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use causal_vault::{ErrorKind, SqliteBackend, SqliteOptions};
use tempfile::tempdir;

use super::{assert_explains, ensure_notes, note, notes, without_privileges};

/// Opening `path` fails as told, and neither the file nor its folder is changed by it.
#[track_caller]
fn assert_refused(path: &Path, kind: ErrorKind, advice: &str) {
    let list = || -> Vec<_> {
        let mut names: Vec<_> = fs::read_dir(path.parent().unwrap()).map_or_else(
            |_| vec![],
            |folder| folder.map(|entry| entry.unwrap().file_name()).filter(|name| !is_side_file(name)).collect(),
        );
        names.sort();
        names
    };
    let (bytes, names) = (fs::read(path).ok(), list());
    let error = SqliteBackend::open(path).map(drop).unwrap_err();
    assert_explains(&error, kind, path, advice);
    assert_eq!(fs::read(path).ok(), bytes, "{error}");
    assert_eq!(list(), names, "{error}");
}

/// SQLite's index of the WAL, which holds no data.
fn is_side_file(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.ends_with("-shm") || name.ends_with("-wal"))
}

/// A vault's file with a few pages, closed.
fn make(path: &Path) {
    let db = SqliteBackend::open(path).unwrap();
    ensure_notes(&db);
    let series = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 2000)";
    db.connection().execute(&format!("{series} INSERT INTO note SELECT i FROM c"), []).unwrap();
}

#[test]
fn a_hostile_file_is_refused_and_not_changed() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("hostile");
    let random: Vec<u8> = (0..9000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    let header = [b"SQLite format 3\0".as_slice(), &random].concat();
    let mut good_header = b"SQLite format 3\0\x10\0\x02\x02\0\x40\x20\x20".to_vec();
    good_header.resize(100, 0);
    good_header.extend(&random[..4096 - 100]);
    for hostile in [random.as_slice(), b"dear diary\n", &b"a line of text\n".repeat(1000), &header[..16], &header] {
        fs::write(&path, hostile).unwrap();
        assert_refused(&path, ErrorKind::Corrupt, "check the path");
    }
    fs::write(&path, &good_header).unwrap();
    assert_refused(&path, ErrorKind::Corrupt, "restore it from a backup");
}

#[test]
fn an_empty_file_becomes_a_vault() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("empty");
    fs::write(&path, b"").unwrap();
    let db = SqliteBackend::open(&path).unwrap();
    ensure_notes(&db);
    note(&db, 1);
    assert_eq!(notes(&db), [1]);
}

#[test]
fn a_truncated_file_is_reported_as_damaged_and_keeps_its_bytes() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("short");
    make(&path);
    let whole = fs::read(&path).unwrap();
    for length in [whole.len() - 4096, whole.len() / 2, 4096 + 7, 4096, 600, 100, 50, 17] {
        fs::write(&path, &whole[..length]).unwrap();
        let found = SqliteBackend::open(&path).and_then(|db| {
            use causal_vault::Backend;
            db.query("SELECT count(*), sum(n) FROM note", &[]).map(drop)
        });
        let Err(error) = found else { panic!("cut at {length} of {} was opened", whole.len()) };
        assert_eq!(error.kind(), ErrorKind::Corrupt, "cut at {length}: {error}");
        assert!(error.to_string().contains(&path.display().to_string()), "cut at {length}: {error}");
        assert_eq!(fs::read(&path).unwrap(), whole[..length], "cut at {length}: {error}");
    }
}

#[test]
fn a_name_that_starts_with_file_is_a_plain_file_name() {
    let folder = tempdir().unwrap();
    for name in ["file:x?mode=memory", "file:y", ":memory:", "a b?c#d%20"] {
        let path = folder.path().join(name);
        let db = SqliteBackend::open(&path).unwrap();
        ensure_notes(&db);
        note(&db, 1);
        std::thread::scope(|scope| scope.spawn(|| assert_eq!(notes(&db), [1])).join().unwrap());
        drop(db);
        assert!(path.is_file(), "{name}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn sqlites_name_for_a_database_in_memory_is_refused_rather_than_made_a_file() {
    let error = SqliteBackend::open(":memory:").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains(":memory:") && error.to_string().contains("in_memory"), "{error}");
    assert!(!std::path::Path::new(":memory:").exists());
}

#[cfg(unix)]
#[test]
fn a_name_that_is_not_utf_8_is_a_file_name_like_any_other() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempdir().unwrap();
    let path = folder.path().join(OsStr::from_bytes(b"caf\xe9"));
    let db = SqliteBackend::open(&path).unwrap();
    ensure_notes(&db);
    std::thread::scope(|scope| scope.spawn(|| note(&db, 1)).join().unwrap());
    assert_eq!(notes(&db), [1]);
    assert!(path.is_file());
}

#[test]
fn a_path_that_names_no_file_is_refused() {
    let folder = tempdir().unwrap();
    // Others write beside the folder.
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    assert_refused(&inner, ErrorKind::Denied, "name a file in it");
    assert_refused(&folder.path().join("nul\0here"), ErrorKind::Denied, "use a path without it");
    assert_refused(&folder.path().join("missing/agents.vault"), ErrorKind::Denied, "check that the folder exists");
    assert_refused(&folder.path().join("x".repeat(300)), ErrorKind::Denied, "check that the folder exists");
    let error = SqliteBackend::open("").map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("the path is not usable"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_device_is_not_a_file_in_which_events_would_vanish() {
    assert_refused(Path::new("/dev/null"), ErrorKind::Denied, "name a file");
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let path = folder.path().join("agents.vault");
    without_privileges(|| assert_refused(&path, ErrorKind::Denied, "permissions"));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    #[cfg(target_os = "linux")]
    assert_refused(Path::new("/proc/agents.vault"), ErrorKind::Denied, "permissions");
}

#[cfg(unix)]
#[test]
fn a_file_that_can_only_be_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    let path = folder.path().join("agents.vault");
    make(&path);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    without_privileges(|| assert_refused(&path, ErrorKind::Denied, "permissions"));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    without_privileges(|| assert_refused(&path, ErrorKind::Denied, "permissions"));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    without_privileges(|| {
        let error = SqliteBackend::open(&path).map(drop).unwrap_err();
        assert_explains(&error, ErrorKind::Denied, &path, "permissions");
    });
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(notes(&SqliteBackend::open(&path).unwrap()).len(), 2000);
}

#[test]
fn another_applications_file_is_refused_before_anything_in_it_is_changed() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("places.sqlite");
    let theirs = rusqlite::Connection::open(&path).unwrap();
    theirs.execute_batch("PRAGMA application_id = 252006675; CREATE TABLE place (url TEXT)").unwrap();
    drop(theirs);
    assert_refused(&path, ErrorKind::Denied, "use a file of your own");
    let error = SqliteBackend::open(&path).map(drop).unwrap_err();
    assert!(error.to_string().contains("0x0f055113"), "{error}");
    let theirs = rusqlite::Connection::open(&path).unwrap();
    let mode: String = theirs.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete");
    drop(theirs);
    let db = SqliteOptions::new().allow_foreign_application(true).open(&path).unwrap();
    ensure_notes(&db);
    assert!(notes(&db).is_empty());
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_leads_to_the_same_vault() {
    let folder = tempdir().unwrap();
    let elsewhere = tempdir().unwrap();
    let (real, link) = (elsewhere.path().join("agents.vault"), folder.path().join("link"));
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let through_link = SqliteBackend::open(&link).unwrap();
    ensure_notes(&through_link);
    let direct = SqliteBackend::open(&real).unwrap();
    note(&through_link, 1);
    note(&direct, 2);
    assert_eq!((notes(&through_link), notes(&direct)), (vec![1, 2], vec![1, 2]));
    drop((through_link, direct));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a WAL beside the link would split the vault in two");
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_in_a_circle_is_refused() {
    let folder = tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    std::os::unix::fs::symlink(&one, &two).unwrap();
    std::os::unix::fs::symlink(&two, &one).unwrap();
    assert_refused(&one, ErrorKind::Denied, "check that the folder exists");
}
