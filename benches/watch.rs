//! How long a commit takes to reach a callback, in another process and in its own, and what waiting for one costs.
//!
//! Times may be negative: a commit can be read by others before the call that made it has returned.

#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use causal_vault::{
    Access, Backend, Dialect, Durability, Event, Filter, Result, Row, SqliteBackend, SqliteOptions, Transaction, Value,
    Vault, Visitor, WatchOptions, Watcher,
};
use parking_lot::Mutex;

const CHILD: &str = "CAUSAL_VAULT_BENCH_FILE";

fn main() {
    let is_quick = std::env::args().any(|arg| arg == "--test") || !std::env::args().any(|arg| arg == "--bench");
    let size = |full, quick| if is_quick { quick } else { full };
    if let Ok(file) = std::env::var(CHILD) {
        return write(Path::new(&file));
    }
    println!("\nwatch: commit's return in another process to callback here, and the thread's cost while idle");
    println!(
        "| mechanism | writer | median us | 99 % us | largest us | looks/s idle | CPU idle |\n|---|---|---|---|---|---|---|"
    );
    let polling = |ms| WatchOptions::new().hints(false).idle(Duration::from_millis(ms));
    for durability in [Durability::Durable, Durability::Fast] {
        other_process("hints, and a look each second", WatchOptions::new(), durability, size(300, 5));
    }
    for ms in [1, 2, 4, 5] {
        other_process(&format!("looks each {ms} ms"), polling(ms), Durability::Durable, size(300, 5));
    }
    println!(
        "\nwatch: the transaction's commit to callback in its own process\n| vault | median us | 99 % us |\n|---|---|---|"
    );
    for durability in [Durability::Durable, Durability::Fast] {
        for watched in [false, true] {
            own_process(durability, watched, size(2000, 10));
        }
    }
    println!("\nwatch: what watching costs the commits of its own process, fast, one subscriber");
    own_rate(size(20_000, 10));
    println!("\nwatch: one look");
    looks(size(100_000, 10));
}

/// The other process: commits at uneven intervals, and says when each commit returned.
fn write(file: &Path) {
    let fast = file.extension().is_some_and(|kind| kind == "Fast");
    let durability = if fast { Durability::Fast } else { Durability::Durable };
    let alice = Vault::builder().durability(durability).open(file).unwrap().named_writer("alice").unwrap();
    let count = std::env::args().next_back().unwrap().parse().unwrap();
    for n in 0..count {
        // Neither in step with any interval of the watcher nor always while it still looks often.
        sleep(Duration::from_micros(3_000 + n * 7_919 % 37_000));
        let receipt = alice.commit(note(n)).unwrap();
        println!("{} {}", receipt.position, now());
    }
}

fn note(n: u64) -> Event {
    Event::raw("note", blake3::hash(&n.to_le_bytes()).as_bytes().repeat(8)).stream("conv:demo")
}

fn now() -> i128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos().cast_signed()
}

fn other_process(name: &str, options: WatchOptions, durability: Durability, count: u64) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(format!("vault.{durability:?}"));
    let vault = Vault::open(&file).unwrap();
    let (send, heard) = channel();
    let _guard =
        vault.subscribe(Filter::all(), move |header| send.send((header.position.number(), now())).unwrap()).unwrap();
    let watcher = vault.watch(options).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--bench", &count.to_string()]).env(CHILD, &file).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let returned: BTreeMap<u64, i128> = std::io::BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(|line| {
            let line = line.unwrap();
            let (position, at) = line.split_once(' ').unwrap();
            (position.parse().unwrap(), at.parse().unwrap())
        })
        .collect();
    assert!(child.wait().unwrap().success());
    let late = (0..count).map(|_| {
        let (position, at) = heard.recv_timeout(Duration::from_secs(10)).unwrap();
        (at - returned[&position]) as f64 / 1e3
    });
    let late = sorted(late);
    let (looks, cpu) = idle(&watcher, Duration::from_millis(count * 20));
    let [median, tail, largest] = [50, 99, 100].map(|q| quantile(&late, q));
    println!(
        "| {name} | {durability:?} | {median:.0} | {tail:.0} | {largest:.0} | {looks:.0} | {:.3} % |",
        cpu * 100.0
    );
}

/// Looks a second, and the part of a core that the watching thread takes while nobody commits.
fn idle(watcher: &Watcher, time: Duration) -> (f64, f64) {
    sleep(Duration::from_secs(1));
    let start = (watcher.looks(), cpu());
    sleep(time);
    let seconds = time.as_secs_f64();
    ((watcher.looks() - start.0) as f64 / seconds, (cpu() - start.1) / seconds)
}

/// Seconds that the watching thread has run; not known elsewhere than on Linux.
fn cpu() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return f64::NAN };
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    threads
        .map(|thread| thread.unwrap().path())
        .find(|thread| read(thread.join("comm")).trim_end() == "vault-watch")
        .and_then(|thread| read(thread.join("schedstat")).split(' ').next()?.parse::<f64>().ok())
        .map_or(f64::NAN, |nanoseconds| nanoseconds / 1e9)
}

fn own_process(durability: Durability, watched: bool, count: u64) {
    let folder = tempfile::tempdir().unwrap();
    let committed = Arc::new(Mutex::new(Instant::now()));
    let db = SqliteOptions::new().durability(durability).open(folder.path().join("vault")).unwrap();
    let vault = Vault::builder().over(Timed { db, committed: Arc::clone(&committed) }).unwrap();
    let (send, heard) = channel();
    let _guard = vault.subscribe(Filter::all(), move |_| send.send(committed.lock().elapsed()).unwrap()).unwrap();
    let _watcher = watched.then(|| vault.watch(WatchOptions::new()).unwrap());
    let alice = vault.named_writer("alice").unwrap();
    (0..count).for_each(|n| drop(alice.commit(note(n)).unwrap()));
    let late = sorted(heard.try_iter().map(|late| late.as_secs_f64() * 1e6));
    let name = if watched { "watched" } else { "not watched" };
    println!("| {durability:?}, {name} | {:.2} | {:.2} |", quantile(&late, 50), quantile(&late, 99));
}

fn own_rate(count: u64) {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::builder().durability(Durability::Fast).open(folder.path().join("vault")).unwrap();
    let _guard = vault.subscribe(Filter::all(), |_| {}).unwrap();
    let alice = vault.named_writer("alice").unwrap();
    let rate = |watched: bool| {
        let _watcher = watched.then(|| vault.watch(WatchOptions::new()).unwrap());
        let started = Instant::now();
        (0..count).for_each(|n| drop(alice.commit(note(n)).unwrap()));
        count as f64 / started.elapsed().as_secs_f64()
    };
    let pairs: Vec<_> = (0..6).map(|_| (rate(false), rate(true))).collect();
    let ratio = quantile(&sorted(pairs.iter().map(|(without, with)| with / without)), 50);
    println!("{:.0}/s without, {:.0}/s with, ratio {ratio:.2}", pairs[5].0, pairs[5].1);
}

fn looks(count: u64) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vault");
    let vault = Vault::open(&file).unwrap();
    vault.named_writer("alice").unwrap().commit(note(1)).unwrap();
    let db = SqliteBackend::open(&file).unwrap();
    for sql in ["PRAGMA data_version", "SELECT entry FROM vault_head WHERE id = -1"] {
        let started = Instant::now();
        (0..count).for_each(|_| drop(db.query(sql, &[]).unwrap()));
        println!("{sql}: {:.2} us", started.elapsed().as_secs_f64() * 1e6 / count as f64);
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn quantile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// Notes when each of its transactions has committed.
struct Timed {
    db: SqliteBackend,
    committed: Arc<Mutex<Instant>>,
}

impl Backend for Timed {
    fn dialect(&self) -> Dialect {
        self.db.dialect()
    }

    fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        self.db.exec(sql, params)
    }

    fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        self.db.query(sql, params)
    }

    fn begin(&self, access: Access) -> Result<Box<dyn Transaction + '_>> {
        Ok(Box::new(TimedTransaction { tx: self.db.begin(access)?, committed: &self.committed }))
    }

    fn visit(&self, sql: &str, params: &[Value], visit: &mut Visitor<'_>) -> Result<()> {
        self.db.visit(sql, params, visit)
    }

    fn listen(&self) -> Box<dyn causal_vault::Listen> {
        self.db.listen()
    }
}

struct TimedTransaction<'a> {
    tx: Box<dyn Transaction + 'a>,
    committed: &'a Mutex<Instant>,
}

impl Transaction for TimedTransaction<'_> {
    fn dialect(&self) -> Dialect {
        self.tx.dialect()
    }

    fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        self.tx.exec(sql, params)
    }

    fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        self.tx.query(sql, params)
    }

    fn visit(&self, sql: &str, params: &[Value], visit: &mut Visitor<'_>) -> Result<()> {
        self.tx.visit(sql, params, visit)
    }

    fn commit(self: Box<Self>) -> Result<()> {
        self.tx.commit()?;
        *self.committed.lock() = Instant::now();
        Ok(())
    }
}
