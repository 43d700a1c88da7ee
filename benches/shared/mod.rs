//! What the benchmarks share: the baseline's table, and a race in which both sides run in one process, sample by sample.
//!
//! Criterion measures the vault. Within each of its samples the baseline does the same work on the same kind of file, the
//! two taking short turns, so that whatever else runs on the machine slows both. The median of the samples' ratios is what
//! is reported.

#![allow(dead_code)] // Each benchmark uses a part of it.

mod baseline;
pub(crate) mod filled;
pub(crate) mod numpy;

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode};
use tempfile::TempDir;

pub(crate) use baseline::Baseline;

/// Units of work in a turn.
const TURN: u64 = 64;

/// Whether the benchmarks are only to be shown to run: `cargo bench -- --test`. Nothing is measured then.
pub(crate) fn is_quick() -> bool {
    std::env::args().any(|arg| arg == "--test") || !std::env::args().any(|arg| arg == "--bench")
}

/// `full`, or `quick` where the benchmarks are only to be shown to run.
pub(crate) fn size(full: usize, quick: usize) -> usize {
    if is_quick() { quick } else { full }
}

pub(crate) fn criterion() -> Criterion {
    Criterion::default().configure_from_args()
}

/// A folder for the files of one race, on the disk that `TMPDIR` names.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// Payloads that do not compress and do not repeat.
pub(crate) fn payload(number: u64, bytes: usize) -> Vec<u8> {
    let mut payload = vec![0; bytes];
    blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof().fill(&mut payload);
    payload
}

/// The ratios of all races, printed as a table at the end.
#[derive(Default)]
pub(crate) struct Report {
    lines: Vec<Line>,
}

/// One line of the report.
pub(crate) struct Race {
    pub(crate) work: String,
    pub(crate) samples: usize,
    /// Rows or events that one iteration is worth.
    pub(crate) units: u64,
    /// The ratio of the rates that is aimed at.
    pub(crate) reach: Option<f64>,
}

struct Line {
    race: Race,
    /// Seconds a unit takes the baseline and the vault.
    pairs: Vec<(f64, f64)>,
}

impl Report {
    /// Races `vault` against `baseline`, each of which does as many iterations as it is told and says how long they
    /// took.
    pub(crate) fn race(
        &mut self,
        group: &mut BenchmarkGroup<'_, WallTime>,
        race: Race,
        mut baseline: impl FnMut(u64) -> Duration,
        mut vault: impl FnMut(u64) -> Duration,
    ) {
        let (samples, units) = (race.samples, race.units);
        let pairs = RefCell::new(Vec::new());
        group.sampling_mode(SamplingMode::Flat).sample_size(samples);
        group.throughput(criterion::Throughput::Elements(units));
        group.bench_function(&race.work, |bencher| {
            bencher.iter_custom(|iterations| {
                let (mut theirs, mut ours, mut left) = (Duration::ZERO, Duration::ZERO, iterations);
                while left > 0 {
                    let turn = left.min(TURN.div_ceil(units));
                    theirs += baseline(turn);
                    ours += vault(turn);
                    left -= turn;
                }
                let unit = |time: Duration| time.as_secs_f64() / (iterations * units) as f64;
                pairs.borrow_mut().push((unit(theirs), unit(ours)));
                ours
            });
        });
        let mut pairs = pairs.into_inner();
        // What criterion runs before its samples is warming up.
        pairs.drain(..pairs.len().saturating_sub(samples));
        self.lines.push(Line { race, pairs });
    }

    /// The same without criterion, which runs a short work so often that a far longer one beside it would take hours.
    pub(crate) fn turns(
        &mut self,
        race: Race,
        mut baseline: impl FnMut(u64) -> Duration,
        mut vault: impl FnMut(u64) -> Duration,
    ) {
        let unit = |time: Duration| time.as_secs_f64() / race.units as f64;
        let pairs = (0..race.samples).map(|_| (unit(baseline(1)), unit(vault(1)))).collect();
        self.lines.push(Line { race, pairs });
    }

    pub(crate) fn print(&self, title: &str) {
        if is_quick() {
            println!("{title}: shown to run, not measured");
            return;
        }
        println!("\n{title}\n| work | baseline | vault | ratio (5 % .. 95 %) | reach |\n|---|---|---|---|---|");
        for line in self.lines.iter().filter(|line| !line.pairs.is_empty()) {
            let [theirs, ours] = [|pair: &(f64, f64)| pair.0, |pair: &(f64, f64)| pair.1]
                .map(|side: fn(&(f64, f64)) -> f64| quantile(line.pairs.iter().map(side), 50));
            let ratio = |percent| quantile(line.pairs.iter().map(|(theirs, ours)| theirs / ours), percent);
            println!(
                "| {} | {:.0}/s | {:.0}/s | {:.2} x ({:.2} .. {:.2}) | {} |",
                line.race.work,
                1.0 / theirs,
                1.0 / ours,
                ratio(50),
                ratio(5),
                ratio(95),
                line.race.reach.map_or_else(|| "-".to_owned(), |reach| format!("{reach} x")),
            );
        }
    }
}

fn quantile(values: impl Iterator<Item = f64>, percent: usize) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() - 1) * percent / 100]
}

pub(crate) fn time(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}
