//! Runs a target without libFuzzer: over its corpus, and over mutations of it that a seed reproduces.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::{env, fs};

use fastrand::Rng;

/// How much is tried: `CAUSAL_VAULT_CASES`, or what is usual for a push, or with `PROOF=release` for a release.
pub fn cases(usual: u64, release: u64) -> u64 {
    let is_release = env::var("PROOF").is_ok_and(|size| size == "release");
    number("CAUSAL_VAULT_CASES").unwrap_or(if is_release { release } else { usual })
}

/// `CAUSAL_VAULT_SEED`, which is 1 unless set, and a new one each time for `random`.
pub fn seed() -> u64 {
    if env::var("CAUSAL_VAULT_SEED").is_ok_and(|seed| seed == "random") {
        return fastrand::u64(..1 << 40);
    }
    number("CAUSAL_VAULT_SEED").unwrap_or(1)
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text:?} is not a number")))
}

/// What a run has seen.
pub struct Run {
    pub cases: u64,
    pub accepted: u64,
    /// The first input for which a property did not hold, and what the target said.
    pub failed: Option<(Vec<u8>, String)>,
}

/// The inputs in `corpus/NAME`, by name.
pub fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).collect()
}

/// The corpus as it is, then `cases` mutations, until one fails. Half of them change what was accepted.
pub fn run(seeds: &[Vec<u8>], seed: u64, cases: u64, target: impl Fn(&[u8]) -> bool) -> Run {
    let mut run = Run { cases: 0, accepted: 0, failed: None };
    let mut good = Vec::new();
    for data in seeds {
        if run.tries(data, &target) {
            good.push(data.clone());
        }
    }
    for case in 0..cases {
        if run.failed.is_some() {
            break;
        }
        let mut dice = Rng::with_seed(seed ^ case.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let from = if good.is_empty() || dice.bool() { seeds } else { &good };
        run.tries(&mutated(from, &mut dice), &target);
    }
    run
}

impl Run {
    /// Whether the input is accepted. Nothing is tried after a failure.
    fn tries(&mut self, data: &[u8], target: impl Fn(&[u8]) -> bool) -> bool {
        if self.failed.is_some() {
            return false;
        }
        self.cases += 1;
        let accepted = catch_unwind(AssertUnwindSafe(|| target(data))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            self.failed = Some((data.to_vec(), text.unwrap_or_default()));
            false
        });
        self.accepted += u64::from(accepted);
        accepted
    }
}

/// The gate: every property holds, and at least one case in `reach` is accepted, or nothing was tried.
pub fn hold(name: &str, usual: u64, release: u64, reach: u64, target: fn(&[u8]) -> bool) {
    let (cases, seed) = (cases(usual, release), seed());
    let run = run(&corpus(name), seed, cases, target);
    println!(
        "{name}: {} inputs, {} accepted; CAUSAL_VAULT_SEED={seed} CAUSAL_VAULT_CASES={cases}",
        run.cases, run.accepted
    );
    if let Some((data, why)) = run.failed {
        let path = env::temp_dir().join(format!("{name}-{seed}-{}", run.cases));
        let kept = fs::write(&path, &data).map(|()| path.display().to_string());
        panic!(
            "{name}: {why}\nthe input is in {kept:?}: {}",
            hex::encode(data.get(..data.len().min(1024)).unwrap_or(&data))
        );
    }
    assert!(run.accepted * reach >= run.cases, "{name}: too little is accepted to prove anything");
}

/// A control: a reader with a mistake is caught.
pub fn caught(name: &str, cases: u64, target: impl Fn(&[u8]) -> bool) {
    let run = run(&corpus(name), seed(), cases, target);
    match run.failed {
        Some((data, why)) => println!("{name}: caught at input {} of {} bytes: {why}", run.cases, data.len()),
        None => panic!("{name}: the mistake was not caught in {} inputs", run.cases),
    }
}

/// One of the seeds, changed in a few places.
fn mutated(seeds: &[Vec<u8>], dice: &mut Rng) -> Vec<u8> {
    let pick = |dice: &mut Rng| seeds.get(dice.usize(..seeds.len().max(1))).cloned().unwrap_or_default();
    let mut data = pick(dice);
    for _ in 0..1 + dice.usize(..4) {
        change(&mut data, dice, pick);
    }
    data
}

fn change(data: &mut Vec<u8>, dice: &mut Rng, pick: impl Fn(&mut Rng) -> Vec<u8>) {
    const EDGES: [u64; 12] =
        [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, u64::MAX];
    let at = dice.usize(..=data.len());
    let end = (at + 1 + dice.usize(..16)).min(data.len());
    match dice.u8(..10) {
        0 => data.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << dice.u8(..8)),
        1 => data.iter_mut().skip(at).take(1).for_each(|byte| *byte = dice.u8(..)),
        2 => data
            .iter_mut()
            .skip(at)
            .take(1)
            .for_each(|byte| *byte = byte.wrapping_add(dice.choice([1, 255]).unwrap_or(1))),
        3 => {
            let number = dice.choice(EDGES).unwrap_or_default().to_be_bytes();
            let width = 1 << dice.u8(..4);
            data.iter_mut().skip(at).zip(&number[8 - width..]).for_each(|(to, from)| *to = *from);
        }
        4 => data.truncate(at),
        5 => drop(data.splice(at..end, [])),
        6 => drop(data.splice(at..at, std::iter::repeat_with(|| dice.u8(..)).take(1 + at % 8).collect::<Vec<_>>())),
        7 => {
            let copy = data[at..end].to_vec();
            let to = dice.usize(..=data.len());
            data.splice(to..to, copy);
        }
        8 => {
            let (other, from) = (pick(dice), dice.usize(..=data.len()));
            let tail = other.get(from.min(other.len())..).unwrap_or_default().to_vec();
            data.splice(at.., tail);
        }
        _ => {
            let other = pick(dice);
            let part = other.get(at.min(other.len())..end.min(other.len())).unwrap_or_default().to_vec();
            data.splice(at..end, part);
        }
    }
    data.truncate(1 << 16);
}
