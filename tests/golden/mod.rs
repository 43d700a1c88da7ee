//! Files that released versions wrote, and what they hold. Every later version opens, verifies, reads and continues them.
//!
//! `tests/data/vault-VERSION.db` is the file and `vault-VERSION.json` what it held on the day. A version that is to be
//! released gets its own with `cargo test --test main golden -- --ignored`; one that is there is never written again.

mod pins;
mod refused;
mod write;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use causal_vault::{
    Anchor, Event, FileSink, Filter, Generation, LogVerdict, NoteSigner, SigningKey, SqliteBackend, StoreError,
    TailVerdict, Vault, Writer, WriterLog,
};
use tempfile::TempDir;

use pins::{Pins, differences};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");

/// A copy of one golden file, and what the original is known to hold.
struct Golden {
    folder: TempDir,
    version: String,
    pins: Pins,
}

impl Golden {
    fn copy(version: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(file(version, "db"), folder.path().join("vault.db")).unwrap();
        let pins = serde_json::from_str(&fs::read_to_string(file(version, "json")).unwrap()).unwrap();
        Self { folder, version: version.to_owned(), pins }
    }

    fn all() -> impl Iterator<Item = Self> {
        versions().into_iter().map(|version| Self::copy(&version))
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("vault.db")
    }

    fn open(&self) -> Vault {
        Vault::builder().inline_threshold(write::INLINE).open(self.path()).unwrap()
    }

    fn edit(&self, sql: &str) {
        rusqlite::Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }

    fn anchor(&self, vault: &Vault) -> Anchor {
        self.pins.tenant(vault.tenant()).anchor
    }
}

fn file(version: &str, extension: &str) -> PathBuf {
    Path::new(DATA).join(format!("vault-{version}.{extension}"))
}

fn versions() -> BTreeSet<String> {
    let names = fs::read_dir(DATA).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| Some(name.strip_prefix("vault-")?.strip_suffix(".db")?.to_owned())).collect()
}

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

fn log(vault: &Vault) -> NoteSigner {
    NoteSigner::new(vault.origin("vault.example").unwrap(), key(9)).unwrap()
}

fn witness() -> NoteSigner {
    NoteSigner::new("witness.example/w1", key(3)).unwrap()
}

#[test]
fn this_version_has_a_file() {
    let versions = versions();
    assert!(versions.contains(env!("CARGO_PKG_VERSION")), "only {versions:?} have one; see the top of {}", file!());
}

#[test]
fn every_file_holds_what_it_held_when_it_was_written() {
    for golden in Golden::all() {
        assert_eq!(differences(&golden.open(), &golden.pins), [""; 0], "{}", golden.version);
    }
}

#[test]
fn every_file_is_proved_against_the_anchor_that_was_published_then() {
    for golden in Golden::all() {
        let version = &golden.version;
        for tenant in &golden.pins.tenants {
            let vault = golden.open().for_tenant(&tenant.name).unwrap();
            let report = vault.verify(&[tenant.anchor]).unwrap();
            assert!(report.is_intact(), "{version}: {report:#?}");
            assert_eq!(report.tail, TailVerdict::Consistent { anchored: tenant.anchor.size }, "{version}");
            assert!(report.logs.iter().all(|log| log.verdict == LogVerdict::Anchored), "{version}: {report:#?}");
            for event in &tenant.events {
                let proof = vault.prove_inclusion(event.hash(), None).unwrap();
                assert!(proof.verify(&event.hash(), &vault.tree_head().unwrap()), "{version}: {event:?}");
            }
            for note in &tenant.checkpoints {
                let anchor = Anchor::from_note(&note.parse().unwrap(), &log(&vault).verifier()).unwrap();
                assert!(vault.verify(&[anchor]).unwrap().is_intact(), "{version}: {note}");
            }
        }
    }
}

#[test]
fn every_file_is_continued_where_it_ended() {
    for golden in Golden::all() {
        let vault = golden.open();
        let anchor = golden.anchor(&vault);
        let before = vault.verify(&[anchor]).unwrap().logs;
        let last = golden.pins.tenant(vault.tenant()).events.last().unwrap().hash();
        let last = vault.get(last).unwrap();
        for writer in [vault.writer(key(7)).unwrap(), vault.named_writer("carol").unwrap()] {
            let log = before.iter().find(|log| log.writer == writer.id() && &*log.stream == "ledger");
            let next = log.map_or(0, |log| log.entries) + 1;
            let more = Event::raw("ledger.more", "more").stream("ledger").parent(&last).expect_seq(next - 1);
            assert_eq!(writer.commit(more).unwrap().seq, next, "{}", golden.version);
        }
        let old = WriterLog::head(vault.backend(), "conv:demo", "alice").unwrap().unwrap();
        assert_eq!(WriterLog::append(vault.backend(), "conv:demo", "alice", b"next").unwrap().seq, old.seq + 1);

        assert_eq!(Generation::new("report").bump(vault.backend()).unwrap(), golden.pins.generation + 1);
        let mut cursor = vault.cursor("balances", Filter::stream("ledger")).unwrap();
        assert_eq!(cursor.acked().unwrap(), golden.pins.cursor);
        let unread = cursor.poll(100, Duration::ZERO).unwrap();
        assert!(unread.iter().all(|event| event.header.position > golden.pins.cursor) && unread.len() > 2);

        vault.publish_checkpoint(&log(&vault), &FileSink::new(golden.folder.path().join("published"))).unwrap();
        assert!(vault.checkpoints().unwrap().len() > golden.pins.tenant(vault.tenant()).checkpoints.len());
        drop((cursor, vault));

        let report = golden.open().verify(&[anchor]).unwrap();
        assert!(report.is_intact(), "{}: {report:#?}", golden.version);
        assert_eq!(report.tail, TailVerdict::Consistent { anchored: anchor.size });
    }
}

/// An event that is sent again, by a program that was upgraded meanwhile, is still known.
#[test]
fn an_event_of_an_old_file_that_is_committed_again_has_its_old_receipt() {
    for golden in Golden::all() {
        let vault = golden.open();
        let size = vault.tree_head().unwrap().size;
        let (writer, again): (Writer, Event) = write::named_twice(&vault);
        let receipt = writer.commit(again.clone()).unwrap();
        assert!(!receipt.is_new, "{}", golden.version);
        assert!(golden.pins.tenant(vault.tenant()).events.iter().any(|event| event.hash() == receipt.hash));
        assert_eq!(vault.tree_head().unwrap().size, size);
        let other = writer.commit(again.touches(["something else"])).unwrap_err();
        assert!(matches!(other, StoreError::IdempotencyConflict { .. }), "{other}");
    }
}

/// What makes the test above able to fail.
#[test]
fn a_file_that_was_changed_differs_from_what_it_held_or_breaks_a_rule() {
    let changes = [
        "UPDATE vault_entry SET payload = CAST('changed' AS BLOB) WHERE id = 1 << 40 | 1",
        "UPDATE vault_payload SET bytes = zeroblob(length(bytes))",
        "DELETE FROM vault_entry WHERE id = 1 << 40 | 3",
        "UPDATE vault_generation SET value = 9 WHERE key = 'report'",
        "UPDATE vault_cursor SET position = 1",
        "DELETE FROM vault_checkpoint",
        "UPDATE vault_realm SET realm = zeroblob(32)",
        "DELETE FROM mine",
    ];
    for change in changes {
        for golden in Golden::all() {
            golden.edit(change);
            assert_ne!(differences(&golden.open(), &golden.pins), [""; 0], "{}: {change}", golden.version);
        }
    }
}

#[test]
fn the_file_of_a_version_is_not_written_twice() {
    let version = env!("CARGO_PKG_VERSION");
    let before = fs::read(file(version, "db")).unwrap();
    let error = write::write(version).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    assert!(fs::read(file(version, "db")).unwrap() == before);
}

#[test]
#[ignore = "writes the file of a version that is to be released"]
fn write_the_file_of_this_version() {
    write::write(env!("CARGO_PKG_VERSION")).unwrap();
    println!("{}", file(env!("CARGO_PKG_VERSION"), "db").display());
}

/// The story's primitives over the file alone, without a vault.
#[test]
fn the_logs_of_every_file_are_read_by_writer_log_alone() {
    for golden in Golden::all() {
        let db = SqliteBackend::open(golden.path()).unwrap();
        WriterLog::ensure_schema(&db).unwrap();
        WriterLog::verify(&db, "conv:demo", "alice").unwrap();
        let entries = WriterLog::entries(&db, "conv:demo", "alice").unwrap();
        let pinned = golden.pins.log("conv:demo", "alice");
        assert_eq!(entries.iter().map(|entry| entry.content_hash).collect::<Vec<_>>(), pinned);
        assert!(!pinned.is_empty());
    }
}
