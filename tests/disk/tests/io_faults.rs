//! Every write, flush, truncation, deletion and opening of a file fails, one after the other.
//!
//! `DISK_WORKLOADS` says for how many workloads (one, or 20 with `PROOF=release`), `CAUSAL_VAULT_SEED` from which seed.

use std::path::Path;
use std::time::Instant;

use causal_vault::Durability;
use causal_vault_disk::check::{Claim, check};
use causal_vault_disk::cut::{Platter, Survival};
use causal_vault_disk::disk::{Disk, Fault, VAULT, scratch};
use causal_vault_disk::workload::{Engine, Plan};
use causal_vault_disk::{on_every_core, seed, size};
use fastrand::Rng;

const IOERR_WRITE: i32 = rusqlite::ffi::SQLITE_IOERR_WRITE;
const IOERR_FSYNC: i32 = rusqlite::ffi::SQLITE_IOERR_FSYNC;

#[derive(Default)]
struct Tally {
    faults: u64,
    /// Runs in which a call returned an error.
    told: u64,
    /// Pieces of work that were not acknowledged.
    refused: u64,
    /// Those of them that were there after all, if the process died right then, and if it went on.
    unknown: u64,
    unknown_at_end: u64,
    /// The same where one flush failed and nothing else.
    flush_refused: u64,
    flush_unknown: u64,
    retried: u64,
    wrong: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.faults += other.faults;
        self.told += other.told;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.unknown_at_end += other.unknown_at_end;
        self.flush_refused += other.flush_refused;
        self.flush_unknown += other.flush_unknown;
        self.retried += other.retried;
        self.wrong.extend(other.wrong);
    }
}

/// Every fault of every workload, the disk that is full among the writes.
fn points(seed: u64, engine: Engine) -> Vec<(Plan, Fault)> {
    let mut points = Vec::new();
    for workload in 0..size("DISK_WORKLOADS", 1, 20) {
        let plan = Plan::new(seed + workload, 20, engine);
        let disk = Disk::new();
        assert_eq!(plan.run(&disk).errors, 0, "{plan:?} fails without a fault");
        disk.release();
        for (at, code) in (0..).zip(disk.operations()) {
            for full in [false, true].into_iter().filter(|full| !full || code == IOERR_WRITE) {
                points.extend([false, true].map(|lasting| (plan, Fault { at, lasting, full })));
            }
        }
    }
    points
}

fn fail_all(points: &[(Plan, Fault)]) -> Tally {
    let mut all = Tally::default();
    for tally in on_every_core(points.len() as u64, |job| {
        let (plan, fault) = points[usize::try_from(job).expect("an index")];
        fail_one(plan, fault)
    }) {
        all.add(tally);
    }
    all
}

/// Runs the workload with one fault. The vault must be in order when it is opened again, and as well if the process
/// died right after the first refusal, or if the power failed then or at the end.
fn fail_one(plan: Plan, fault: Fault) -> Tally {
    let disk = Disk::new();
    disk.fail(Some(fault));
    let run = plan.run(&disk);
    disk.fail(None);
    disk.release();
    let (log, operations) = (disk.log(), disk.operations());
    let refused = run.units.iter().filter(|unit| unit.acked.is_none());
    let (first, last) = (refused.clone().map(|unit| unit.ended).min().unwrap_or(log.len()), log.len());
    let judge = |path: &Path, cut| {
        check(path, &Claim { plan: &plan, units: &run.units, entries: None, cut, full: true }).and_then(|outcome| {
            if outcome.lost > 0 { Err(format!("{} events are lost", outcome.lost)) } else { Ok(outcome) }
        })
    };
    let mut rng = Rng::with_seed(plan.seed ^ fault.at);
    let mut sectors = rng.fork();
    let mut left_by = |platter: &Platter, survival, cut| {
        let folder = scratch();
        platter.cut(survival, &mut sectors, folder.path()).expect("the scratch folder takes the files");
        judge(&folder.path().join(VAULT), cut)
    };

    let cut = if rng.bool() { first } else { last };
    let survival = Survival::any(&mut rng);
    let died = left_by(&Platter::cached(&log[..first]), Survival::All, first);
    let dark = left_by(&Platter::new(&log[..cut], &mut rng), survival, cut);
    let opened = judge(&disk.vault(), last);

    let code = operations.get(usize::try_from(fault.at).expect("an index")).copied();
    let one_flush = code == Some(IOERR_FSYNC) && !fault.lasting;
    let mut tally = Tally { faults: disk.failed(), told: u64::from(run.errors > 0), ..Tally::default() };
    tally.refused = refused.count() as u64;
    if let Ok(outcome) = &died {
        tally.unknown = outcome.unknown;
        tally.flush_unknown = if one_flush { outcome.unknown } else { 0 };
        tally.flush_refused = if one_flush { tally.refused } else { 0 };
    }
    if let Ok(outcome) = &opened {
        tally.unknown_at_end = outcome.unknown;
        tally.retried = outcome.retried;
    }
    let wrong: Vec<_> = [("the process died", died), ("the power failed", dark), ("it was opened again", opened)]
        .into_iter()
        .filter_map(|(when, result)| Some(format!("{when}: {}", result.err()?)))
        .collect();
    if !wrong.is_empty() {
        tally.wrong.push(format!("{plan:?} {fault:?} {survival:?}: {}", wrong.join("; ")));
    }
    tally
}

#[test]
fn after_any_fault_what_was_acknowledged_is_there_and_a_retry_stores_nothing_twice() {
    let (seed, started) = (seed(), Instant::now());
    let points = points(seed, Engine::Sqlite(Durability::Durable));
    let all = fail_all(&points);
    println!(
        "I/O faults: {} points, {} operations failed, {} runs were told of it; {} pieces of work were refused; {} were \
         there anyway if the process died right then, {} if it went on; {} events were stored by a retry. Of {} that one \
         failed flush refused, {} were there. {} runs wrong; CAUSAL_VAULT_SEED={seed}, {:.1} s",
        points.len(),
        all.faults,
        all.told,
        all.refused,
        all.unknown,
        all.unknown_at_end,
        all.retried,
        all.flush_refused,
        all.flush_unknown,
        all.wrong.len(),
        started.elapsed().as_secs_f64(),
    );
    all.wrong.iter().take(5).for_each(|wrong| println!("  {wrong}"));
    assert!(all.wrong.is_empty());
    assert!(all.faults >= points.len() as u64 / 2 && all.unknown > 0, "the disk did not fail");
}

/// The control: what is acknowledged before it is committed is gone when the commit fails.
#[test]
fn an_engine_that_hides_a_failed_commit_is_caught() {
    let points: Vec<_> = points(seed(), Engine::Early).into_iter().step_by(9).collect();
    let wrong = fail_all(&points).wrong.len();
    println!("I/O faults, acknowledged before the commit: {wrong} of {} points were found out", points.len());
    assert!(wrong > points.len() / 20);
}
