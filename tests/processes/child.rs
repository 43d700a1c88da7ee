//! What each process does.

use std::path::Path;
use std::time::Duration;

use causal_vault::{Event, Filter, SigningKey, Value, Vault, Writer, tree_root};

pub(super) const ROLE: &str = "CAUSAL_VAULT_PROCESS_ROLE";

/// What the parent runs; as a test of its own it has no role and does nothing.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let parts: Vec<&str> = role.split(' ').collect();
    let (number, appends): (u32, u32) = (parts[1].parse().unwrap(), parts[2].parse().unwrap());
    let here = Path::new(".");
    let early = (parts[0] != "founder").then(|| super::open(here));
    std::fs::write(format!("ready-{}-{number}", parts[0]), b"").unwrap();
    while !Path::new("go").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let vault = early.unwrap_or_else(|| super::open(here));
    match parts[0] {
        "reader" => until_stopped(|| read(&vault)),
        "checkpointer" => until_stopped(|| {
            for mode in ["PASSIVE", "RESTART", "TRUNCATE"] {
                // Busy is an answer too.
                let _ = vault.backend().query(&format!("PRAGMA wal_checkpoint({mode})"), &[]);
            }
        }),
        "careless" => append_carelessly(&vault, number, appends),
        _ => append(&vault, number, appends),
    }
}

fn until_stopped(mut work: impl FnMut()) {
    while !Path::new("stop").exists() {
        work();
        std::thread::sleep(Duration::from_millis(5));
    }
    work();
}

/// One log for every third process, a log of its own for the next, and batches for the last.
fn append(vault: &Vault, number: u32, appends: u32) {
    let own = vault.writer(SigningKey::from_bytes(&[u8::try_from(number).unwrap(); 32])).unwrap();
    let event = |n: u32| Event::raw("test", format!("{number}:{n}")).stream("shared");
    let one_by_one = |writer: Writer| (0..appends).for_each(|n| drop(writer.commit(event(n)).unwrap()));
    match number % 3 {
        0 => one_by_one(vault.named_writer("everyone").unwrap()),
        1 => one_by_one(own),
        _ => {
            let numbers: Vec<u32> = (0..appends).collect();
            for batch in numbers.chunks(10) {
                own.commit_batch(batch.iter().map(|n| event(*n))).unwrap();
            }
        }
    }
}

/// What must not be done: the last number is read, and the next one stored, in two steps.
fn append_carelessly(vault: &Vault, number: u32, appends: u32) {
    for n in 0..appends {
        let rows = vault.backend().query("SELECT coalesce(max(position), 0) + 1 FROM careless", &[]).unwrap();
        std::thread::sleep(Duration::from_millis(1));
        let row = [rows[0][0].clone(), Value::Int(number.into()), Value::Int(n.into())];
        vault.backend().exec("INSERT INTO careless VALUES (?, ?, ?)", &row).unwrap();
    }
}

/// What a reader sees is a prefix of the history: as long as the tree head says, and with its root.
fn read(vault: &Vault) {
    let head = vault.tree_head().unwrap();
    let hashes: Vec<_> = vault
        .events(Filter::all())
        .unwrap()
        .take(usize::try_from(head.size).unwrap())
        .map(|event| <[u8; 32]>::from(event.unwrap().header.hash))
        .collect();
    assert_eq!(hashes.len() as u64, head.size);
    assert_eq!(tree_root(hashes), head.root);
}
