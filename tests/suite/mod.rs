//! How large a suite runs, and the seed that runs it again.
//!
//! `PROOF=release` chooses the size of a release, `CAUSAL_VAULT_CASES` any other, `CAUSAL_VAULT_SEED` the seed: a new
//! one each time unless set, and the printed line says how to run the same again.

pub(crate) mod agreement;
pub(crate) mod hooked;
pub(crate) mod stream;
pub(crate) mod tree;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use proptest::prelude::RngExt;
use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestRng, TestRunner};

/// One suite's size and seed.
#[derive(Clone, Copy)]
pub(crate) struct Suite {
    pub(crate) cases: u32,
    pub(crate) seed: u64,
    /// How often a failing case is tried smaller; a control has no use for that.
    pub(crate) shrinks: u32,
}

/// Reads the size and the seed, and prints what it takes to run the same again.
pub(crate) fn suite(name: &str, every_push: u32, release: u32) -> Suite {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let usual = if std::env::var("PROOF").as_deref() == Ok("release") { release } else { every_push };
    let cases = number("CAUSAL_VAULT_CASES").map_or(usual, |cases| u32::try_from(cases).expect("a 32-bit number"));
    let seed = match std::env::var("CAUSAL_VAULT_SEED").as_deref() {
        Err(_) | Ok("random") => fresh(),
        Ok(_) => number("CAUSAL_VAULT_SEED").expect("a seed"),
    };
    println!("{name}: {cases} cases; again with CAUSAL_VAULT_SEED={seed} CAUSAL_VAULT_CASES={cases}");
    Suite { cases, seed, shrinks: 2_000 }
}

fn fresh() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("this machine's clock stands after 1970");
    u64::from(now.subsec_nanos()) << 20 ^ now.as_secs()
}

/// Does the jobs 0, 1, 2 ... on every core and returns what each of them gave, in any order.
pub(crate) fn on_every_core<T: Send>(jobs: u32, work: impl Fn(u32) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicU32::new(0), Mutex::new(Vec::new()));
    let take = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|job| *job < jobs);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(job) = take() {
                    let result = work(job);
                    done.lock().unwrap().push(result);
                }
            });
        }
    });
    done.into_inner().unwrap()
}

impl Suite {
    pub(crate) fn runner(&self) -> TestRunner {
        TestRunner::new(Config {
            cases: self.cases,
            rng_seed: RngSeed::Fixed(self.seed),
            failure_persistence: None,
            max_shrink_iters: self.shrinks,
            ..Config::default()
        })
    }

    /// The dice of one case.
    pub(crate) fn dice(&self, case: u64) -> Dice {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_be_bytes());
        seed[8..16].copy_from_slice(&case.to_be_bytes());
        Dice(TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
    }
}

/// Random numbers that a seed reproduces.
pub(crate) struct Dice(TestRng);

impl Dice {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0.random_range(0..end)
    }
}

#[test]
fn the_same_seed_throws_the_same_dice_and_another_case_throws_others() {
    let suite = Suite { cases: 1, seed: 7, shrinks: 0 };
    let throw = |case| {
        let mut dice = suite.dice(case);
        (0..20).map(|_| dice.below(1000)).collect::<Vec<_>>()
    };
    assert_eq!(throw(1), throw(1));
    assert_ne!(throw(1), throw(2));
}
