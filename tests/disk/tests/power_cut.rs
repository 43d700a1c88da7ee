//! The power is cut after any operation on the disk, and the vault is opened from what may be left.
//!
//! `DISK_STATES` says how many states are tried (20,000, or a million with `PROOF=release`),
//! `CAUSAL_VAULT_SEED` from which seed.

use std::time::Instant;

use causal_vault::Durability;
use causal_vault_disk::check::{Claim, Outcome, check};
use causal_vault_disk::cut::{Platter, Survival};
use causal_vault_disk::disk::{Disk, VAULT, scratch};
use causal_vault_disk::workload::{Engine, Plan};
use causal_vault_disk::{on_every_core, seed, size};
use fastrand::Rng;

/// States that are tried of each workload.
const STATES: u64 = 400;

#[derive(Default)]
struct Tally {
    states: u64,
    /// States in which an acknowledged event was missing.
    losing: u64,
    sum: Outcome,
    wrong: Vec<String>,
}

/// Runs one workload and cuts the power at random moments of it.
fn cut_one(seed: u64, engine: Engine, states: u64) -> Tally {
    let plan = Plan::new(seed, 40, engine);
    let disk = Disk::new();
    let run = plan.run(&disk);
    disk.release();
    let mut tally = Tally::default();
    if run.errors > 0 {
        tally.wrong.push(format!("{plan:?}: {} steps failed without a fault", run.errors));
        return tally;
    }
    let log = disk.log();
    let mut rng = Rng::with_seed(seed);
    let mut cuts: Vec<usize> = (0..states).map(|_| rng.usize(..=log.len())).collect();
    cuts.sort_unstable();
    let (mut platter, mut applied) = (Platter::default(), 0);
    for cut in cuts {
        log[applied..cut].iter().for_each(|op| platter.apply(op, &mut rng));
        applied = cut;
        let survival = Survival::any(&mut rng);
        let folder = scratch();
        platter.cut(survival, &mut rng, folder.path()).expect("the scratch folder takes the files");
        tally.states += 1;
        let full = tally.states % 8 == 0;
        let claim = Claim { plan: &plan, units: &run.units, entries: Some(&run.entries), cut, full };
        match check(&folder.path().join(VAULT), &claim) {
            Ok(outcome) => {
                tally.losing += u64::from(outcome.lost > 0);
                tally.sum.add(outcome);
            }
            Err(wrong) => tally.wrong.push(format!("{plan:?} cut after {cut} of {}, {survival:?}: {wrong}", log.len())),
        }
    }
    tally
}

fn cut_many(what: &str, engine: Engine, states: u64) -> Tally {
    let (seed, started) = (seed(), Instant::now());
    let mut all = Tally::default();
    for tally in on_every_core(states.div_ceil(STATES), |job| cut_one(seed + job, engine, STATES)) {
        all.states += tally.states;
        all.losing += tally.losing;
        all.sum.add(tally.sum);
        all.wrong.extend(tally.wrong);
    }
    println!(
        "power cuts, {what}: {} states, {} of them lost {} acknowledged events; {} unacknowledged pieces of work were \
         there, {} events were stored by a retry; {} states wrong; CAUSAL_VAULT_SEED={seed}, {:.1} s",
        all.states,
        all.losing,
        all.sum.lost,
        all.sum.unknown,
        all.sum.retried,
        all.wrong.len(),
        started.elapsed().as_secs_f64(),
    );
    all.wrong.iter().take(5).for_each(|wrong| println!("  {wrong}"));
    all
}

#[test]
fn nothing_that_was_acknowledged_as_durable_is_lost_at_any_moment() {
    let durable = cut_many("Durable", Engine::Sqlite(Durability::Durable), size("DISK_STATES", 20_000, 1_000_000));
    assert!(durable.losing == 0 && durable.wrong.is_empty());
    assert!(durable.sum.unknown > 0 && durable.sum.retried > 0, "no commit was cut in the middle");
}

/// The control: if nothing is ever lost here, the power is not cut.
#[test]
fn fast_loses_acknowledged_events_and_damages_nothing() {
    let fast = cut_many("Fast", Engine::Sqlite(Durability::Fast), size("DISK_STATES", 20_000, 1_000_000) / 10);
    assert!(fast.wrong.is_empty());
    assert!(fast.losing > fast.states / 20, "only {} of {} states lost something", fast.losing, fast.states);
}

/// The control of the notes: an acknowledgement that comes too early is found out.
#[test]
fn an_engine_that_acknowledges_before_it_commits_is_caught() {
    let early = cut_many("acknowledged before the commit", Engine::Early, 2_000);
    assert!(early.losing > early.states / 20, "only {} of {} states lost something", early.losing, early.states);
}
