use std::fs;
use std::path::Path;

use causal_vault::{Anchor, ErrorKind, Event, Filter, StoreError, TailVerdict, Vault};
use rusqlite::Connection;
use tempfile::tempdir;

fn make(path: &Path) -> Anchor {
    let vault = Vault::open(path).unwrap();
    let alice = vault.named_writer("alice").unwrap();
    for n in 0..40_u8 {
        alice.commit(Event::raw("note", vec![n; 600]).stream("demo")).unwrap();
    }
    vault.tree_head().unwrap().into()
}

fn edit(path: &Path, sql: &str) {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch(sql).unwrap();
    conn.close().unwrap();
}

#[test]
fn a_newer_format_is_refused_by_name_and_the_file_is_left_as_it_is() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("agents.vault");
    let anchor = make(&path);
    for (newer, back) in [
        ("UPDATE vault_realm SET format = 2", "UPDATE vault_realm SET format = 1"),
        ("PRAGMA user_version = 2", "PRAGMA user_version = 1"),
    ] {
        edit(&path, newer);
        let before = fs::read(&path).unwrap();
        let error = Vault::open(&path).unwrap_err();
        assert_eq!(error, StoreError::NewerFormat { found: 2, supported: 1 });
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(
            error.to_string().contains("format 2") && error.to_string().contains("upgrade causal-vault"),
            "{error}"
        );
        assert!(fs::read(&path).unwrap() == before, "{newer}");
        edit(&path, back);
        assert!(Vault::open(&path).unwrap().verify(&[anchor]).unwrap().is_intact());
    }
}

#[test]
fn a_vault_that_lacks_a_table_is_refused_by_the_tables_name_and_nothing_is_created() {
    const TABLES: [&str; 10] =
        ["realm", "timeline", "writer", "log", "kind", "entry", "edge", "payload", "model", "embedding"];
    for table in TABLES {
        let folder = tempdir().unwrap();
        let path = folder.path().join("agents.vault");
        make(&path);
        edit(&path, &format!("DROP TABLE vault_{table}"));
        let before = fs::read(&path).unwrap();
        let error = Vault::open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains(&format!("table vault_{table} ")), "{error}");
        assert!(error.to_string().contains("backup"), "{error}");
        assert!(fs::read(&path).unwrap() == before, "{table}");
    }
}

/// A file that was cut off anywhere is refused or reported, and what verification lets pass is what was there.
#[test]
fn a_truncated_file_is_refused_or_noticed() {
    let folder = tempdir().unwrap();
    let whole = folder.path().join("whole.vault");
    let anchor = make(&whole);
    let bytes = fs::read(&whole).unwrap();
    let pages = (1..bytes.len() / 4096).map(|page| page * 4096);
    for length in [0, 1, 15, 16, 99, 100, 512, 4095, bytes.len() - 1].into_iter().chain(pages) {
        let path = folder.path().join(format!("{length}.vault"));
        fs::write(&path, &bytes[..length]).unwrap();
        let opened = Vault::open(&path);
        let outcome = opened.and_then(|vault| Ok((vault.verify(&[anchor])?, vault)));
        match outcome {
            Err(error) => {
                let text = error.to_string();
                assert!(
                    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Denied | ErrorKind::Backend),
                    "{length}: {error:?}"
                );
                assert!(text.contains(&path.display().to_string()) || text.contains("vault_"), "{length}: {text}");
            }
            Ok((report, vault)) => {
                assert!(!report.is_intact(), "{length}: {report}");
                // An empty file is a new vault; only the anchor knows of the old one.
                if length == 0 {
                    assert_eq!(report.tail, TailVerdict::Truncated { anchored: 40, found: 0 });
                    assert_eq!(vault.events(Filter::all()).unwrap().count(), 0);
                }
            }
        }
    }
}

#[test]
fn a_file_of_noise_is_refused_by_name_and_left_as_it_is() {
    let folder = tempdir().unwrap();
    let noise: Vec<u8> = (0..20_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for bytes in [noise, b"SQLite format 3\0".repeat(500), b"just some text\n".to_vec()] {
        let path = folder.path().join("noise.vault");
        fs::write(&path, &bytes).unwrap();
        let error = Vault::open(&path).unwrap_err();
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        assert!(fs::read(&path).unwrap() == bytes);
    }
}
