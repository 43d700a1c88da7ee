//! A disk on which the power can be cut after any operation and any operation can be failed, and what it takes to tell
//! whether a vault on it kept its word.
//!
//! - [`shim`]: the VFS. It wraps SQLite's own and stands in for it as the default, so that a vault is opened as ever.
//! - [`disk`]: one folder's log of what reached the disk, and the fault that is planned for it.
//! - [`cut`]: the files as a power cut may leave them.
//! - [`workload`]: a seeded mix of everything that writes, with a note of what was acknowledged when.
//! - [`check`]: the files opened again and held against those notes.
//! - [`early`]: an engine that acknowledges before it commits, which must be caught.

pub mod check;
pub mod cut;
pub mod disk;
pub mod early;
pub mod shim;
pub mod workload;

use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, thread};

use parking_lot::Mutex;

/// How much is tried: what the variable says, or what is usual for a push, or with `PROOF=release` for a release.
pub fn size(name: &str, usual: u64, release: u64) -> u64 {
    let is_release = env::var("PROOF").is_ok_and(|size| size == "release");
    number(name).unwrap_or(if is_release { release } else { usual })
}

/// The seed of this run: `CAUSAL_VAULT_SEED`, or a new one.
pub fn seed() -> u64 {
    number("CAUSAL_VAULT_SEED").unwrap_or_else(|| fastrand::u64(..1 << 40))
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text:?} is not a number")))
}

/// Does the jobs 0, 1, 2 ... on every core and returns what each of them gave, in their order.
pub fn on_every_core<T: Send>(jobs: u64, work: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    if job >= jobs {
                        break;
                    }
                    let result = work(job);
                    done.lock().push((job, result));
                }
            });
        }
    });
    let mut done = done.into_inner();
    done.sort_by_key(|(job, _)| *job);
    done.into_iter().map(|(_, result)| result).collect()
}
