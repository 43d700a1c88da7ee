//! What the killed process does: commits, batches and transactions, of one thread or of several that share their
//! transactions, each acknowledged on its standard output.

use std::path::Path;

use causal_vault::{Durability, Event, EventId, SigningKey, StoreError, Value, Vault};

use super::Job;

pub(super) const JOB: &str = "CAUSAL_VAULT_CRASH_JOB";

/// The n-th operation of a cycle. What it does follows from its number, so that the parent can do it again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Operation {
    pub(super) cycle: u32,
    pub(super) n: u32,
}

impl Job {
    pub(super) fn to_text(self, path: &Path) -> String {
        let durable = self.durability == Durability::Durable;
        format!("{} {durable} {} {} {}", self.cycle, self.lies, self.threads, path.display())
    }

    fn from_text(text: &str) -> (Self, &Path) {
        let parts: Vec<&str> = text.splitn(5, ' ').collect();
        let durability = if parts[1] == "true" { Durability::Durable } else { Durability::Fast };
        let (cycle, threads) = (parts[0].parse().unwrap(), parts[3].parse().unwrap());
        (Self { cycle, durability, lies: parts[2] == "true", threads }, Path::new(parts[4]))
    }
}

impl Operation {
    /// Commits have one event, batches three, transactions two and a row of their own.
    pub(super) fn ids(self) -> Vec<[u8; 16]> {
        let events = [1, 3, 2][self.n as usize % 3];
        let id = |event: u32| [self.cycle, self.n, event, 7].map(u32::to_be_bytes).concat().try_into().unwrap();
        (0..events).map(id).collect()
    }

    /// The operation that an id belongs to, told by its first event.
    pub(super) fn of(id: &[u8; 16]) -> Option<Self> {
        let number = |at: usize| u32::from_be_bytes(id[at..at + 4].try_into().unwrap());
        (number(8) == 0).then(|| Self { cycle: number(0), n: number(4) })
    }

    pub(super) fn has_own_row(self) -> bool {
        self.n % 3 == 2
    }

    fn events(self) -> impl Iterator<Item = Event> {
        let payload = vec![1; if self.n.is_multiple_of(5) { 5000 } else { 100 }];
        self.ids()
            .into_iter()
            .map(move |id| Event::raw("crash.test", payload.clone()).stream("crash").id(EventId::from_bytes(id)))
    }
}

pub(super) fn open(path: &Path, durability: Durability) -> Vault {
    let vault = Vault::builder().durability(durability).open(path).unwrap();
    vault.backend().exec("CREATE TABLE IF NOT EXISTS mine (cycle INTEGER, n INTEGER)", &[]).unwrap();
    vault
}

/// Does it, or finds it done.
pub(super) fn perform(vault: &Vault, operation: Operation) {
    let writer = vault.writer(SigningKey::from_bytes(&[7; 32])).unwrap().signing_last();
    let mut events = operation.events();
    match operation.n % 3 {
        0 => drop(writer.commit(events.next().unwrap()).unwrap()),
        1 => drop(writer.commit_batch(events).unwrap()),
        _ => {
            let done: Result<(), StoreError> = vault.transaction(|tx| {
                let mut is_new = true;
                for event in events {
                    is_new &= tx.append(&writer, event)?.is_new;
                }
                if is_new {
                    let row = [operation.cycle, operation.n].map(|number| Value::Int(number.into()));
                    tx.exec("INSERT INTO mine VALUES (?, ?)", &row)?;
                }
                Ok(())
            });
            done.unwrap();
        }
    }
}

/// What the parent runs; as a test of its own it has no job and does nothing.
#[test]
fn child() {
    let Ok(job) = std::env::var(JOB) else { return };
    let (job, path) = Job::from_text(&job);
    let vault = open(path, job.durability);
    let work = |thread: u32| {
        for n in (thread..).step_by(job.threads as usize) {
            if job.lies {
                println!("acknowledged {n}");
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            perform(&vault, Operation { cycle: job.cycle, n });
            if !job.lies {
                println!("acknowledged {n}");
            }
        }
    };
    std::thread::scope(|scope| (0..job.threads).for_each(|thread| drop(scope.spawn(move || work(thread)))));
}
