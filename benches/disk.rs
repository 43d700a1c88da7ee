//! Bytes on disk for each event, and where they go. Nothing is timed.

mod shared;

use causal_vault::{Durability, Event, SigningKey, Vault};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use shared::{Folder, filled, payload, size};

const PAYLOAD: usize = 256;

/// A typed payload of 256 bytes once it is encoded.
#[derive(Serialize, Deserialize)]
struct Message {
    role: String,
    text: String,
}

fn main() {
    let events = size(100_000, 1_000) as u64;
    raw(events);
    typed(events);
    signed(events);
    let folder = Folder::new();
    let baseline = filled::baseline(&folder.file("baseline"), events);
    println!("\nbaseline: {:.0} bytes an event", baseline.bytes() as f64 / events as f64);
}

fn raw(events: u64) {
    let folder = Folder::new();
    drop(filled::vault(&folder.file("vault"), events));
    explain("raw payloads, unsigned", &folder, events);
}

fn typed(events: u64) {
    let folder = Folder::new();
    let vault = Vault::builder().durability(Durability::Fast).open(folder.file("vault")).unwrap();
    let alice = vault.named_writer("alice").unwrap();
    let message = |number: u64| {
        let text = payload(number, 118).iter().map(|byte| format!("{byte:02x}")).collect();
        Message { role: "user".to_owned(), text }
    };
    let encoded = Event::new("chat.message", &message(0)).unwrap();
    alice.commit(encoded.clone().stream("conv:demo")).unwrap();
    for first in (1..events).step_by(1024) {
        let numbers = first..events.min(first + 1024);
        let batch = numbers.map(|number| Event::new("chat.message", &message(number)).unwrap().stream("conv:demo"));
        alice.commit_batch(batch).unwrap();
    }
    drop(vault);
    explain("typed payloads, unsigned", &folder, events);
}

fn signed(events: u64) {
    let folder = Folder::new();
    let vault = Vault::builder().durability(Durability::Fast).open(folder.file("vault")).unwrap();
    let alice = vault.writer(SigningKey::from_bytes(&[7; 32])).unwrap();
    for first in (0..events).step_by(1024) {
        let numbers = first..events.min(first + 1024);
        let batch = numbers.map(|number| Event::raw("note", payload(number, PAYLOAD)).stream("conv:demo"));
        alice.commit_batch(batch).unwrap();
    }
    drop((alice, vault));
    explain("raw payloads, every entry signed", &folder, events);
}

/// Pages by table and index, then the columns of the entries.
fn explain(what: &str, folder: &Folder, events: u64) {
    let conn = Connection::open(folder.file("vault")).unwrap();
    let each = |bytes: i64| bytes as f64 / events as f64;
    let total: i64 = conn
        .query_row("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()", [], |row| row.get(0))
        .unwrap();
    println!("\n{what}: {:.0} bytes an event, {:.2} x the payload", each(total), each(total) / PAYLOAD as f64);
    println!("| table or index | bytes an event | of them unused |\n|---|---|---|");
    let mut pages = conn
        .prepare("SELECT name, sum(pgsize), sum(unused) FROM dbstat GROUP BY name ORDER BY sum(pgsize) DESC LIMIT 4")
        .unwrap();
    let rows = pages.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?))).unwrap();
    for (name, bytes, unused) in rows.map(Result::unwrap) {
        println!("| {name} | {:.1} | {:.1} |", each(bytes), each(unused));
    }
    println!("| column of vault_entry | bytes an event |\n|---|---|");
    let mut names = conn.prepare("SELECT name FROM pragma_table_info('vault_entry')").unwrap();
    for name in names.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap) {
        // As SQLite stores them: an integer takes as few of 0, 1, 2, 3, 4, 6 or 8 bytes as hold it.
        let bytes = format!(
            "SELECT sum(CASE typeof({name}) WHEN 'null' THEN 0 WHEN 'integer' THEN CASE WHEN {name} IN (0, 1) THEN 0 \
             WHEN {name} BETWEEN -128 AND 127 THEN 1 WHEN {name} BETWEEN -32768 AND 32767 THEN 2 \
             WHEN {name} BETWEEN -8388608 AND 8388607 THEN 3 WHEN {name} BETWEEN -2147483648 AND 2147483647 THEN 4 \
             WHEN {name} BETWEEN -140737488355328 AND 140737488355327 THEN 6 ELSE 8 END ELSE length({name}) END) \
             FROM vault_entry"
        );
        let bytes: i64 = conn.query_row(&bytes, [], |row| row.get(0)).unwrap();
        println!("| {name} | {:.1} |", each(bytes));
    }
}
