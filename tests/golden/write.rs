//! A small vault with something of everything in it.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::time::Duration;

use causal_vault::{Event, EventId, Filter, Generation, StoreError, Value, Vault, Writer, WriterLog};
use serde::Serialize;

use super::pins::Pins;
use super::{file, key, log, witness};

/// Larger payloads are stored once for each digest.
pub(super) const INLINE: usize = 256;

#[derive(Serialize)]
struct Mint<'a> {
    to: &'a str,
    amount: u64,
}

/// Writes the file of this version and the text beside it, unless they are there.
pub(super) fn write(version: &str) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("vault.db");
    let vault = Vault::builder().inline_threshold(INLINE).open(&path).unwrap();
    fill(&vault).unwrap();
    let pins = Pins::of(&vault, &[vault.tenant(), "acme"]);
    drop(vault);
    // Closing the last connection has left everything in the one file.
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    conn.close().unwrap();
    let create = |extension| OpenOptions::new().write(true).create_new(true).open(file(version, extension));
    create("db")?.write_all(&std::fs::read(&path)?)?;
    writeln!(create("json")?, "{}", serde_json::to_string_pretty(&pins)?)
}

/// An event whose id its writer chose, and who it is.
pub(super) fn named_twice(vault: &Vault) -> (Writer, Event) {
    let event = Event::raw("ledger.once", "only once").stream("ledger").id(EventId::from_bytes([5; 16])).timestamp(4);
    (vault.named_writer("carol").unwrap(), event)
}

fn fill(vault: &Vault) -> Result<(), StoreError> {
    let alice = vault.writer(key(7))?;
    let bob = vault.writer(key(8))?.signing_last();
    let carol = vault.named_writer("carol")?;
    let large = "a payload that stands in a table of its own. ".repeat(10);

    let mint = Event::new("ledger.mint", &Mint { to: "bob", amount: 5 })?.stream("ledger").timestamp(1);
    let mint = alice.commit(mint)?;
    let thanks = carol.commit(Event::new("ledger.thanks", "received")?.stream("ledger").parent(&mint).timestamp(2))?;
    bob.commit_batch((0..5).map(|n| Event::raw("tick", [n]).stream("clock").timestamp(i64::from(n))))?;
    bob.commit_batch((0..3).map(|n: i16| {
        Event::raw("thought", "hm").stream("mind").timestamp(i64::from(n)).embedding("plane", &[1.0, f32::from(n)])
    }))?;
    vault.checkpoint(&log(vault))?;
    let (writer, once) = named_twice(vault);
    writer.commit(once)?;
    for writer in [&alice, &bob, &carol] {
        let answer = Event::raw("note", large.clone()).stream("conv:demo").content_type("text/plain");
        writer.commit(answer.parent(&mint).parent(&thanks).touches(["file:src/a.rs"]).reads([mint.hash]))?;
    }
    alice.commit(Event::raw("", "").stream("conv:demo")).expect_err("a kind has at least one byte");
    alice.commit(Event::raw("empty", "").stream("Straße \u{1f512}").trace([1; 16], [2; 8]).grant([3; 32]))?;
    alice.commit(Event::raw("attached", "see beside").stream("conv:demo").attach(vec![7; 600]))?;
    WriterLog::append_batch(vault.backend(), "conv:demo", "alice", &[b"hello", b"world"])?;

    vault.backend().exec("CREATE TABLE mine (text TEXT NOT NULL)", &[])?;
    vault.transaction(|tx| {
        tx.exec("INSERT INTO mine (text) VALUES (?)", &[Value::Text("in the same transaction".into())])?;
        tx.append(&carol, Event::raw("outbox", "sent").stream("ledger"))
    })?;
    Generation::ensure_schema(vault.backend())?;
    Generation::new("report").set(vault.backend(), 7)?;
    let mut cursor = vault.cursor("balances", Filter::stream("ledger"))?;
    let seen = cursor.poll(2, Duration::ZERO)?;
    cursor.ack(seen.last().expect("the ledger has events"))?;

    let acme = vault.for_tenant("acme")?;
    acme.writer(key(7))?.commit(Event::raw("note", large).stream("conv:demo"))?;
    acme.named_writer("alice")?.commit(Event::raw("note", "of another tenant").stream("conv:demo"))?;
    for vault in [vault, &acme] {
        let note = vault.checkpoint(&log(vault))?;
        let mut seen = note.clone();
        seen.add(witness().cosign(&note, 1_700_000_000)?)?;
        vault.add_cosignature(&seen, &witness().cosignature_verifier())?;
    }
    Ok(())
}
