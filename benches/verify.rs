//! Verification and reading, against loading every row and hashing `prev || payload`; and the memory that each takes.

mod shared;

use std::process::Command;
use std::time::Duration;

use causal_vault::{Durability, Filter, SigningKey, Vault, WriterLog};
use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use shared::{Baseline, Folder, Race, Report, filled, is_quick, size, time};

/// Set in a child process: what it is to do, and on which file.
const CHILD: &str = "CAUSAL_VAULT_BENCH_CHILD";

/// Threads that verify.
const THREADS: [usize; 2] = [1, 2];

fn main() {
    if let Ok(task) = std::env::var(CHILD) {
        return child(&task);
    }
    let mut criterion = shared::criterion();
    let mut report = Report::default();
    let mut memory = Vec::new();
    let mut group = criterion.benchmark_group("verify");
    let sizes: &[u64] = if is_quick() { &[1_000] } else { &[10_000, 100_000, 1_000_000] };
    for events in sizes.iter().copied() {
        let folder = Folder::new();
        let vault = filled::vault(&folder.file("vault"), events);
        let baseline = filled::baseline(&folder.file("baseline"), events);
        let usual = |n| time(|| (0..n).for_each(|_| assert_eq!(baseline.verify() as u64, events)));
        for threads in THREADS {
            let work = format!("verify {events}, {threads} thread(s)");
            let reach = (threads == 2).then_some(1.2);
            report.race(&mut group, race(work, events, reach), usual, whole(&vault, events, threads));
        }
        if events <= 100_000 {
            let log =
                |n| time(|| (0..n).for_each(|_| WriterLog::verify(vault.backend(), "conv:demo", "alice").unwrap()));
            report.race(&mut group, race(format!("verify one log of {events}"), events, None), usual, log);
            let load = |n| time(|| (0..n).for_each(|_| assert_eq!(baseline.entries().len() as u64, events)));
            for (what, filter) in [("all", Filter::all()), ("a stream", Filter::stream("conv:demo"))] {
                let read = |n| {
                    time(|| {
                        for _ in 0..n {
                            assert_eq!(vault.events(filter.clone()).unwrap().count() as u64, events);
                        }
                    })
                };
                report.race(&mut group, race(format!("read {what}, {events}"), events, None), load, read);
            }
        }
        since(&mut report, &vault, events);
        drop((vault, baseline));
        for task in ["vault, 1 thread", "vault, 2 threads", "baseline"] {
            memory.push((events, task, peak(task, &folder)));
        }
    }
    let events = size(100_000, 1_000) as u64;
    signed(&mut report, &mut group, events);
    let (folder, vault) = (Folder::new(), Vault::in_memory().unwrap());
    filled::fill(&vault.named_writer("alice").unwrap(), events);
    let baseline = filled::baseline(&folder.file("baseline"), events);
    report.race(
        &mut group,
        race(format!("read all, {events}, in memory"), events, None),
        |n| time(|| (0..n).for_each(|_| assert_eq!(baseline.entries().len() as u64, events))),
        |n| time(|| (0..n).for_each(|_| assert_eq!(vault.events(Filter::all()).unwrap().count() as u64, events))),
    );
    group.finish();
    criterion.final_summary();
    report.print("verify and read: events a second");
    println!("\npeak memory of a process that verifies\n| events | who | KiB |\n|---|---|---|");
    for (events, who, kib) in memory {
        println!("| {events} | {who} | {} |", kib.map_or_else(|| "unknown here".to_owned(), |kib| kib.to_string()));
    }
}

/// What is new since an anchor, against the whole.
fn since(report: &mut Report, vault: &Vault, events: u64) {
    let anchor = vault.tree_head().unwrap();
    let new = size(1_000, 100) as u64;
    filled::fill(&vault.named_writer("alice").unwrap(), new);
    let incremental = |n| {
        time(|| {
            for _ in 0..n {
                let report = vault.verifier().since(anchor).run().unwrap();
                assert!(report.is_intact() && report.logs[0].entries == new);
            }
        })
    };
    // Under 5 % of the whole, where that is a million.
    let reach = (events >= 1_000_000).then_some(20.0);
    let work = format!("incremental, {new} new on {events}, against the whole");
    report.turns(race(work, events, reach), whole(vault, events + new, 1), incremental);
}

/// Every entry signed, against the usual way, which signs nothing.
fn signed(report: &mut Report, group: &mut BenchmarkGroup<'_, WallTime>, events: u64) {
    let folder = Folder::new();
    let baseline = filled::baseline(&folder.file("baseline"), events);
    let vault = Vault::builder().durability(Durability::Fast).open(folder.file("vault")).unwrap();
    filled::fill(&vault.writer(SigningKey::from_bytes(&[7; 32])).unwrap(), events);
    for threads in THREADS {
        let usual = |n| time(|| (0..n).for_each(|_| assert_eq!(baseline.verify() as u64, events)));
        let work = format!("verify {events} signed, {threads} thread(s)");
        report.race(group, race(work, events, None), usual, whole(&vault, events, threads));
    }
}

/// Verifies everything, as often as it is told.
fn whole(vault: &Vault, events: u64, threads: usize) -> impl Fn(u64) -> Duration {
    move |n| {
        time(|| {
            for _ in 0..n {
                let report = vault.verifier().threads(threads).run().unwrap();
                assert!(report.is_intact() && report.tree.size == events);
            }
        })
    }
}

fn race(work: String, events: u64, reach: Option<f64>) -> Race {
    Race { work, samples: 10, units: events, reach }
}

/// The peak resident memory of a process that does nothing but verify.
fn peak(task: &str, folder: &Folder) -> Option<u64> {
    let child = Command::new(std::env::current_exe().unwrap())
        .env(CHILD, format!("{task}|{}", folder.file(task.split(',').next().unwrap()).display()))
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    String::from_utf8(child.stdout).unwrap().trim().parse().ok()
}

fn child(task: &str) {
    let verify = |path, threads| {
        assert!(Vault::open(path).unwrap().verifier().threads(threads).run().unwrap().is_intact());
    };
    match task.split_once('|').unwrap() {
        ("vault, 1 thread", path) => verify(path, 1),
        ("vault, 2 threads", path) => verify(path, 2),
        (_, path) => assert!(Baseline::open(path.as_ref(), Durability::Fast).verify() > 0),
    }
    // Linux only; elsewhere nothing is printed.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
        println!("{}", peak.trim().trim_end_matches(" kB"));
    }
}
