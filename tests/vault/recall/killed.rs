//! A process that is killed while it assigns and consolidates leaves nothing by halves.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use causal_vault::{Durability, Vault};

use super::{check, thought};
use crate::suite::stream::Stream;
use crate::suite::suite;

const JOB: &str = "CAUSAL_VAULT_RECALL_JOB";

fn open(path: &Path) -> Vault {
    Vault::builder().durability(Durability::Fast).open(path).unwrap()
}

/// What is killed: it commits single events and batches, and consolidates, until it is.
#[test]
fn child() {
    let Ok(job) = std::env::var(JOB) else { return };
    let (seed, path) = job.split_once(' ').unwrap();
    let seed: u64 = seed.parse().unwrap();
    let vault = open(Path::new(path));
    let alice = vault.named_writer("alice").unwrap();
    let stream = Stream { events: 3_000, intents: 8, dimension: 16, seed, ..Stream::PLAIN };
    for (n, part) in stream.events().0.chunks(20).enumerate() {
        if n % 3 == 2 {
            alice.commit_batch(part.iter().map(|values| thought(n, values))).unwrap();
            vault.consolidate_intents("plane").unwrap();
        } else {
            part.iter().for_each(|values| drop(alice.commit(thought(n, values)).unwrap()));
        }
        println!("part {n}");
    }
}

#[test]
fn what_a_killed_process_leaves_is_what_its_events_come_to() {
    let suite = suite("kill -9 while intents are consolidated", 5, 1_000);
    let folder = tempfile::tempdir().unwrap();
    let mut path = folder.path().join("0");
    for case in 0..u64::from(suite.cases) {
        if case.is_multiple_of(4) {
            path = folder.path().join(case.to_string());
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "vault::recall::killed::child", "--nocapture", "--test-threads=1"])
            .env(JOB, format!("{} {}", suite.seed ^ case, path.display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut dice = suite.dice(case);
        let parts = usize::try_from(dice.below(6)).unwrap() + 1;
        // Open until it is killed: a child that cannot print goes away by itself.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let printed = lines.by_ref().filter(|line| line.contains("part ")).take(parts).count();
        std::thread::sleep(Duration::from_micros(dice.below(20_000)));
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        assert_eq!(printed, parts, "the child went away before it was killed");
        let vault = open(&path);
        assert!(vault.verify(&[]).unwrap().is_intact());
        check(&vault);
    }
}
