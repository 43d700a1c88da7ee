//! The workload that every peer runs, by `#[path]`: what is done, what is timed, and the line that says how long it took.
//!
//! `PEER WORK COUNT PAYLOAD DURABILITY FOLDER`, where WORK is `single`, `threads`, `batch`, `fill` or one that ends up in
//! [`Peer::verify`], such as `verify` and `read`, COUNT is in events, PAYLOAD in bytes and DURABILITY `durable` or `fast`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Threads of `threads`.
pub const THREADS: usize = 16;
/// Events in a batch.
pub const BATCH: usize = 1024;
/// Batches before the clock starts: files exist and have the size that they keep (a WAL is reused from then on).
const WARM: usize = 8;

/// What a command line asks for.
pub struct Task {
    pub work: String,
    pub count: usize,
    pub payload: usize,
    /// Flushed before it is acknowledged; otherwise it survives the death of the process and no more.
    pub durable: bool,
    pub folder: PathBuf,
}

/// A store under test.
pub trait Peer: Sized + Sync {
    type Session<'a>: Session
    where
        Self: 'a;

    /// Opens the store in the folder, new or full, or says why it cannot do this work.
    fn open(task: &Task) -> Result<Self, &'static str>;

    /// What one thread appends through, made in that thread.
    fn session(&self, thread: usize) -> Self::Session<'_>;

    /// Checks every event by whatever the store has for it, or reads all of them if that is the work, and says how many
    /// there were.
    fn verify(&self, task: &Task) -> Result<usize, &'static str>;

    fn close(self) {}
}

pub trait Session {
    type Row;

    /// Made of a payload before the clock starts: for a peer the payload itself.
    fn prepare(&mut self, payload: Vec<u8>) -> Self::Row;

    /// One event, acknowledged at the level asked for.
    fn append(&mut self, row: Self::Row);

    /// All of them in one atomic step, acknowledged at the level asked for.
    fn batch(&mut self, rows: Vec<Self::Row>);
}

/// The whole of a peer's `main`.
pub fn main<P: Peer>() -> ExitCode {
    let Some(task) = task() else {
        eprintln!("usage: PEER single|threads|batch|fill|verify|read COUNT PAYLOAD durable|fast FOLDER");
        return ExitCode::from(2);
    };
    match run::<P>(&task) {
        Ok(time) => {
            println!(r#"{{"seconds": {}, "count": {}, "peak_kib": {}}}"#, time.as_secs_f64(), task.count, peak_kib())
        }
        Err(reason) => println!(r#"{{"unsupported": "{reason}"}}"#),
    }
    ExitCode::SUCCESS
}

fn task() -> Option<Task> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [work, count, payload, durability, folder] = args.try_into().ok()?;
    let durable = match durability.as_str() {
        "durable" => true,
        "fast" => false,
        _ => return None,
    };
    Some(Task { work, count: count.parse().ok()?, payload: payload.parse().ok()?, durable, folder: folder.into() })
}

fn run<P: Peer>(task: &Task) -> Result<Duration, &'static str> {
    let peer = P::open(task)?;
    let time = match task.work.as_str() {
        "single" => appends(&peer, task, 1),
        "threads" => appends(&peer, task, THREADS),
        "batch" => batches(&peer, task, WARM),
        "fill" => batches(&peer, task, 0),
        _ => {
            let started = Instant::now();
            let found = peer.verify(task)?;
            let time = started.elapsed();
            assert_eq!(found, task.count, "it verified another number of events");
            time
        }
    };
    peer.close();
    Ok(time)
}

/// From the moment that all threads are ready to the end of the last.
fn appends<P: Peer>(peer: &P, task: &Task, threads: usize) -> Duration {
    batches(peer, &Task { count: 0, folder: PathBuf::new(), work: String::new(), ..*task }, WARM);
    let each = task.count / threads;
    let start = Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let start = &start;
            scope.spawn(move || {
                let mut session = peer.session(thread);
                let rows: Vec<_> =
                    (0..each).map(|n| session.prepare(payload(thread * each + n, task.payload))).collect();
                start.wait();
                rows.into_iter().for_each(|row| session.append(row));
            });
        }
        start.wait();
        Instant::now()
    })
    .elapsed()
}

fn batches<P: Peer>(peer: &P, task: &Task, warm: usize) -> Duration {
    let mut session = peer.session(0);
    for first in 0..warm {
        let rows = (0..BATCH).map(|n| session.prepare(payload(usize::MAX - first * BATCH - n, task.payload))).collect();
        session.batch(rows);
    }
    let mut batches = Vec::new();
    for first in (0..task.count).step_by(BATCH) {
        let numbers = first..task.count.min(first + BATCH);
        batches.push(numbers.map(|n| session.prepare(payload(n, task.payload))).collect());
    }
    let started = Instant::now();
    batches.into_iter().for_each(|rows| session.batch(rows));
    started.elapsed()
}

/// Bytes that do not compress and do not repeat: splitmix64, seeded with the event's number.
fn payload(number: usize, bytes: usize) -> Vec<u8> {
    let mut state = (number as u64).wrapping_mul(0xd1b5_4a32_d192_ed03);
    let mut payload = Vec::with_capacity(bytes + 8);
    while payload.len() < bytes {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        payload.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    payload.truncate(bytes);
    payload
}

/// The most memory that this process has held; Linux only, elsewhere 0.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
