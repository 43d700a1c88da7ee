//! UmaDB's engine without its server. The stream is a tag; it has no writers and no hashes.

#[path = "../../workload.rs"]
mod workload;

use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use tokio::sync::{mpsc, oneshot, watch};
use umadb_core::db::UmaDb;
use umadb_core::io_shell::io_shell::start_io_uring_thread;
use umadb_core::mvcc::{Mvcc, StorageOptions};
use umadb_core::pager::ReadMethod;
use umadb_core::writer_thread_blocking::writer_thread_blocking;
use umadb_core::writer_thread_pipelining::writer_thread_pipelining;
use umadb_core::writer_thread_request::WriterThreadRequest;
use umadb_dcb::{DcbEvent, DcbEventStoreSync};
use workload::{Peer, Session, Task};

/// Events that its server puts into one group at most, and requests that it lets wait.
const GROUP: usize = 2000;
const QUEUE: usize = 10_000;
/// Events that its server puts into one answer to a reader at most.
const PAGE: u32 = 5000;

fn main() -> ExitCode {
    workload::main::<Uma>()
}

struct Uma {
    db: UmaDb,
    /// To the thread that its server sends all appends through; batches are faster without it.
    queue: Option<mpsc::Sender<WriterThreadRequest>>,
}

impl Peer for Uma {
    type Session<'a> = Client<'a>;

    /// Of its two writers the one that is faster at the work: pipelined for one thread, blocking for many.
    fn open(task: &Task) -> Result<Self, &'static str> {
        if !task.durable {
            return Err("always flushes");
        }
        let options = StorageOptions::default().db_path(&task.folder).read_method(ReadMethod::Mmap);
        let mvcc = Arc::new(Mvcc::new(false, options).unwrap());
        let shared = Arc::clone(&mvcc);
        let (queue, requests) = mpsc::channel(QUEUE);
        let (heads, _) = watch::channel(None);
        let queue = match task.work.as_str() {
            "single" => {
                let (path, page_size) = (mvcc.db_path.clone(), mvcc.page_size);
                let (jobs, waiting) = mpsc::unbounded_channel();
                thread::spawn(move || start_io_uring_thread(path, page_size, waiting));
                thread::spawn(move || writer_thread_pipelining(jobs, shared, requests, heads, GROUP));
                Some(queue)
            }
            "threads" => {
                thread::spawn(move || writer_thread_blocking(shared, requests, heads, GROUP));
                Some(queue)
            }
            _ => None,
        };
        Ok(Self { db: UmaDb::from_arc(mvcc), queue })
    }

    fn session(&self, _: usize) -> Client<'_> {
        Client(self)
    }

    /// In pages, as its server answers.
    fn verify(&self, task: &Task) -> Result<usize, &'static str> {
        if task.work != "read" {
            return Err("has no hashes");
        }
        let (mut count, mut start) = (0, 1);
        loop {
            let (events, _) = self.db.read_with_head(None, Some(start), false, Some(PAGE)).unwrap();
            let Some(last) = events.last() else { return Ok(count) };
            assert!(events.iter().all(|event| !event.event.data.is_empty()));
            start = last.position + 1;
            count += events.len();
        }
    }
}

struct Client<'a>(&'a Uma);

impl Client<'_> {
    fn send(&self, events: Vec<DcbEvent>) {
        let Some(queue) = &self.0.queue else {
            self.0.db.append(events, None, None).unwrap();
            return;
        };
        let (response_tx, response) = oneshot::channel();
        let request =
            WriterThreadRequest::Append { events, condition: None, tracking_info: None, response_tx, cancel: None };
        assert!(queue.blocking_send(request).is_ok(), "its writer has ended");
        response.blocking_recv().unwrap().unwrap();
    }
}

impl Session for Client<'_> {
    type Row = Vec<u8>;

    fn prepare(&mut self, payload: Vec<u8>) -> Vec<u8> {
        payload
    }

    fn append(&mut self, row: Vec<u8>) {
        self.send(vec![event(row)]);
    }

    fn batch(&mut self, rows: Vec<Vec<u8>>) {
        self.send(rows.into_iter().map(event).collect());
    }
}

fn event(payload: Vec<u8>) -> DcbEvent {
    DcbEvent::new().event_type("note").data(payload).tags(["conv:demo"])
}
