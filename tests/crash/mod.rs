//! `kill -9` at any moment: every acknowledged event is there once, nothing is there by halves, and a retry is safe.

mod child;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use causal_vault::{Anchor, Durability, EventId, Filter, Outcome, Value, Vault};

use self::child::{Operation, perform};
use crate::suite::{Suite, suite};

/// Cycles on one file, before the next begins with a new one.
const CYCLES_PER_FILE: usize = 15;

/// Cycles that run beside each other, on files of their own: most of their time is spent waiting for the disk.
const LANES: u32 = 4;

/// What a child does and how, handed over in its environment.
#[derive(Clone, Copy, Debug)]
struct Job {
    cycle: u32,
    durability: Durability,
    /// Acknowledges before it commits: what this suite must catch.
    lies: bool,
    /// The first does the operations 0, threads, 2 * threads ..., the second those behind them, and so on.
    threads: u32,
}

/// Runs a child until it has acknowledged `acks` operations and `wait` has passed, kills it, and returns how many each
/// thread had acknowledged by then.
fn run_and_kill(path: &Path, job: Job, acks: u64, wait: Duration) -> Vec<u32> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child::child", "--nocapture", "--test-threads=1"])
        .env(child::JOB, job.to_text(path))
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut acknowledged = vec![0; job.threads as usize];
    let mut count = |line: String| {
        // The test harness talks on the same pipe.
        if let Some((_, number)) = line.split_once("acknowledged ") {
            let number: u32 = number.parse().unwrap();
            let own = &mut acknowledged[(number % job.threads) as usize];
            assert_eq!(number / job.threads, *own);
            *own += 1;
        }
        acknowledged.iter().copied().map(u64::from).sum::<u64>()
    };
    while acks > 0 && lines.next().map(&mut count).expect("the child went away by itself") < acks {}
    std::thread::sleep(wait);
    child.kill().unwrap();
    lines.for_each(|line| {
        count(line);
    });
    assert!(!child.wait().unwrap().success());
    acknowledged
}

/// What must be in the file: the operations of every cycle so far.
#[derive(Default)]
struct Ledger {
    operations: Vec<Operation>,
    anchors: Vec<Anchor>,
}

impl Ledger {
    /// Compares the file with what was acknowledged, then retries what was not.
    fn settle(&mut self, vault: &Vault, cycle: u32, acknowledged: &[u32]) -> Result<(), String> {
        let threads = u32::try_from(acknowledged.len()).unwrap();
        let mut in_flight = Vec::new();
        for (thread, count) in (0..).zip(acknowledged) {
            let operation = |at: u32| Operation { cycle, n: thread + at * threads };
            self.operations.extend((0..*count).map(operation));
            in_flight.push(operation(*count));
        }
        self.compare(vault, &in_flight)?;
        in_flight.iter().for_each(|operation| perform(vault, *operation));
        self.operations.extend(in_flight);
        self.compare(vault, &[])?;
        self.anchors.push(vault.tree_head().unwrap().into());
        Ok(())
    }

    fn compare(&self, vault: &Vault, in_flight: &[Operation]) -> Result<(), String> {
        let report = vault.verify(&self.anchors).unwrap();
        if !report.is_intact() {
            return Err(report.to_string());
        }
        let mut found = BTreeMap::<[u8; 16], u32>::new();
        for event in vault.events(Filter::all()).unwrap() {
            *found.entry(*event.unwrap().header.id.as_bytes()).or_default() += 1;
        }
        if let Some((id, times)) = found.iter().find(|(_, times)| **times > 1) {
            return Err(format!("event {id:?} is there {times} times"));
        }
        let mut expected = BTreeSet::new();
        for operation in &self.operations {
            let missing = operation.ids().into_iter().filter(|id| !found.contains_key(id)).count();
            if missing > 0 {
                return Err(format!("{operation:?} was acknowledged and {missing} of its events are lost"));
            }
            expected.extend(operation.ids());
        }
        for operation in in_flight {
            for id in operation.ids() {
                let outcome = vault.resolve(EventId::from_bytes(id)).unwrap();
                if matches!(outcome, Outcome::Committed(_)) != found.contains_key(&id) {
                    return Err(format!("an event of {operation:?} is resolved as {outcome:?}"));
                }
            }
            let there = operation.ids().into_iter().filter(|id| found.contains_key(id)).count();
            if ![0, operation.ids().len()].contains(&there) {
                return Err(format!("{there} events of {operation:?} are there, which is neither all nor none"));
            }
            expected.extend(operation.ids().into_iter().filter(|_| there > 0));
        }
        if let Some(id) = found.keys().find(|id| !expected.contains(*id)) {
            return Err(format!("event {id:?} was never asked for"));
        }
        compare_own_table(vault, &found)
    }
}

/// The consumer's own rows are those of the transactions whose events are there.
fn compare_own_table(vault: &Vault, found: &BTreeMap<[u8; 16], u32>) -> Result<(), String> {
    let rows = vault.backend().query("SELECT cycle, n FROM mine ORDER BY cycle, n", &[]).unwrap();
    let own: Vec<Operation> = rows
        .into_iter()
        .map(|row| match row[..] {
            [Value::Int(cycle), Value::Int(n)] => {
                Operation { cycle: cycle.try_into().unwrap(), n: n.try_into().unwrap() }
            }
            _ => panic!("{row:?}"),
        })
        .collect();
    let with_events: Vec<Operation> =
        found.keys().filter_map(Operation::of).filter(|operation| operation.has_own_row()).collect();
    if own != with_events {
        return Err(format!("own rows {own:?}, events {with_events:?}"));
    }
    Ok(())
}

/// Kills one child after another; the first complaint ends it.
fn cycles(cycles: Range<u32>, lies: bool, suite: Suite) -> Result<u32, String> {
    let mut file = None;
    let mut acknowledged_in_all = 0;
    for (at, cycle) in cycles.enumerate() {
        if at % CYCLES_PER_FILE == 0 {
            file = Some((tempfile::tempdir().unwrap(), Ledger::default()));
        }
        let (folder, ledger) = file.as_mut().expect("made by the first cycle");
        let path = folder.path().join("agents.vault");
        let durability = if cycle % 2 == 0 { Durability::Fast } else { Durability::Durable };
        let mut dice = suite.dice(cycle.into());
        // A kill before any acknowledgement may fall into the creation of the tables.
        let (acks, wait) = (dice.below(12), Duration::from_micros(dice.below(4000)));
        // Every third cycle is that of a single thread.
        let threads = if cycle % 3 == 0 { 1 } else { 4 };
        let acknowledged = run_and_kill(&path, Job { cycle, durability, lies, threads }, acks, wait);
        let vault = child::open(&path, durability);
        ledger.settle(&vault, cycle, &acknowledged).map_err(|complaint| format!("cycle {cycle}: {complaint}"))?;
        acknowledged_in_all += acknowledged.iter().sum::<u32>();
    }
    Ok(acknowledged_in_all)
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let suite = suite("kill -9", 300, 10_000);
    let lane = |n: u32| suite.cases * n / LANES..suite.cases * (n + 1) / LANES;
    let acknowledged: u32 = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|n| scope.spawn(move || cycles(lane(n), false, suite))).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap().unwrap()).sum()
    });
    println!("kill -9: {acknowledged} operations acknowledged in {} cycles", suite.cases);
    assert!(acknowledged > suite.cases, "the children were killed too early to prove anything");
}

/// The control: a writer that acknowledges before it commits loses events here.
#[test]
fn an_acknowledgement_before_the_commit_is_caught() {
    let complaint = cycles(0..30, true, suite("kill -9, control", 30, 30)).unwrap_err();
    assert!(complaint.contains("events are lost"), "{complaint}");
}
