use std::fs;
use std::path::Path;
use std::time::Duration;

use causal_vault::{
    Backend, ErrorKind, Event, Filter, Result, SigningKey, SqliteBackend, StoreError, Vault, WatchOptions, WriterLog,
};

use super::{alice, assert_intact, events, note, notes, on_disk, size, texts};

fn read_only(path: impl AsRef<Path>) -> Result<Vault> {
    Vault::builder().read_only(true).open(path)
}

#[test]
fn a_reader_sees_what_a_writer_commits_meanwhile_and_changes_nothing_of_the_file() {
    let (folder, vault) = on_disk();
    let path = folder.path().join("agents.vault");
    let first = notes(&alice(&vault), 2);
    let reader = read_only(&path).unwrap();
    assert_eq!(texts(&events(&reader, Filter::all())), ["0", "1"]);
    alice(&vault).commit(note("2")).unwrap();
    assert_eq!(texts(&events(&reader, Filter::all())), ["0", "1", "2"]);
    assert_eq!(reader.get(first[0].hash).unwrap().header.hash, first[0].hash);
    assert_intact(&reader);
    let proof = reader.prove_inclusion(&first[1], None).unwrap();
    assert!(proof.verify(&first[1].hash, &vault.tree_head().unwrap()));
    drop((vault, reader));

    let before = fs::read(&path).unwrap();
    let reader = read_only(&path).unwrap();
    assert_intact(&reader);
    assert_eq!(reader.hashes_with_prefix(&first[0].hash.to_hex()[..8], 2), Ok(vec![first[0].hash]));
    drop(reader);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn every_way_to_write_through_a_reader_is_refused() {
    let (folder, vault) = on_disk();
    notes(&alice(&vault), 1);
    let reader = read_only(folder.path().join("agents.vault")).unwrap();
    let denied = |error: StoreError| assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    denied(alice(&reader).commit(note("1")).unwrap_err());
    denied(alice(&reader).commit_batch([note("1")]).unwrap_err());
    denied(reader.transaction(|tx| tx.put_payload(b"x")).unwrap_err());
    denied(reader.backend().exec("DELETE FROM vault_entry", &[]).unwrap_err());
    assert_eq!(size(&vault), 1);
}

#[test]
fn a_reader_that_watches_hears_of_commits() {
    let (folder, vault) = on_disk();
    let reader = read_only(folder.path().join("agents.vault")).unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    let _guard = reader.subscribe(Filter::all(), move |header| send.send(header.seq).unwrap()).unwrap();
    let _watcher = reader.watch(WatchOptions::new()).unwrap();
    notes(&alice(&vault), 1);
    assert_eq!(receive.recv_timeout(Duration::from_secs(30)), Ok(1));
}

#[test]
fn a_look_up_by_hash_finds_what_no_writer_has_indexed() {
    let (folder, vault) = on_disk();
    let many = (0..2000_u32).map(|n| Event::raw("tick", n.to_be_bytes()).stream("clock"));
    let receipts = vault.writer(SigningKey::from_bytes(&[7; 32])).unwrap().commit_batch(many).unwrap();
    let reader = read_only(folder.path().join("agents.vault")).unwrap();
    let last = &receipts[1999];
    assert_eq!(reader.get(last.hash).unwrap().header.seq, 2000);
    assert_eq!(reader.hashes_with_prefix(&last.hash.to_hex()[..16], 2), Ok(vec![last.hash]));
}

#[test]
fn what_is_no_vault_is_refused_and_nothing_is_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agents.vault");
    assert_eq!(read_only(&path).err().unwrap().kind(), ErrorKind::Denied);
    assert!(!path.exists());

    SqliteBackend::open(&path).unwrap().exec("CREATE TABLE mine (x INTEGER)", &[]).unwrap();
    let error = read_only(&path).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let tables = "SELECT name FROM sqlite_master";
    assert_eq!(SqliteBackend::open(&path).unwrap().query(tables, &[]).unwrap().len(), 1);

    fs::write(&path, b"nothing of the kind, and long enough to be looked at".repeat(20)).unwrap();
    assert_eq!(read_only(&path).err().unwrap().kind(), ErrorKind::Corrupt);
}

#[test]
fn a_file_of_the_primitives_alone_says_what_it_lacks_until_a_vault_has_been_opened_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agents.vault");
    let db = SqliteBackend::open(&path).unwrap();
    WriterLog::ensure_schema(&db).unwrap();
    WriterLog::append(&db, "conv:demo", "alice", b"hello").unwrap();
    let error = read_only(&path).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("open the vault once to write"), "{error}");
    drop(Vault::open(&path).unwrap());
    assert_eq!(size(&read_only(&path).unwrap()), 1);
}
