//! Hints from the kernel that the write-ahead log is being written.
//!
//! A writer appends its frames to the log, flushes them where its `synchronous` is FULL, and only then publishes them in
//! the index that readers go by (`walFrames` in sqlite3.c: `sqlite3OsSync`, then `walIndexAppend`, `walIndexWriteHdr`).
//! So a hint comes before the flush, and what a read sees comes after it.

use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::{self, Errno};

use crate::backend::Listen;
use crate::words::{EngineError, ErrorKind, Result, StoreError};

/// Watches the write-ahead log of one database with inotify, by its name: no descriptor of the file is opened or closed,
/// as closing one drops SQLite's locks.
pub(super) struct WalListener {
    inotify: OwnedFd,
    wake: OwnedFd,
    wal: PathBuf,
    hears: AtomicBool,
}

impl WalListener {
    /// `database` is the file as SQLite resolved it, whose log lies beside it. `None` where the kernel has no watch left.
    pub(super) fn new(database: &Path) -> Option<Self> {
        let mut wal = OsString::from(database);
        wal.push("-wal");
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok()?;
        let listener = Self { inotify, wake, wal: wal.into(), hears: AtomicBool::new(false) };
        listener.arm();
        Some(listener)
    }

    /// Again before every wait, as the log may have been replaced; a watch that is there already stays as it is.
    fn arm(&self) {
        let armed = inotify::add_watch(&self.inotify, &self.wal, WatchFlags::MODIFY).is_ok();
        self.hears.store(armed, Ordering::Relaxed);
    }

    fn drain(&self) -> io::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); 1024];
        let mut events = inotify::Reader::new(&self.inotify, &mut buffer);
        while unblocked(events.next().map(drop))? {}
        unblocked(io::read(&self.wake, &mut [0; 8]).map(drop)).map(drop)
    }
}

impl Listen for WalListener {
    fn hears(&self) -> bool {
        self.hears.load(Ordering::Relaxed)
    }

    fn wait(&self, timeout: Duration) -> Result<bool> {
        self.arm();
        let timeout = Timespec::try_from(timeout).ok();
        let mut ears = [PollFd::new(&self.inotify, PollFlags::IN), PollFd::new(&self.wake, PollFlags::IN)];
        let heard = match poll(&mut ears, timeout.as_ref()) {
            Err(Errno::INTR) => Ok(true),
            Ok(0) => Ok(false),
            Ok(_) => self.drain().map(|()| true),
            Err(error) => Err(error),
        };
        heard.map_err(|error| {
            StoreError::Engine(EngineError {
                engine: "inotify",
                kind: ErrorKind::Backend,
                code: i64::from(error.raw_os_error()),
                message: format!("waiting for {}: {error}", self.wal.display()),
                source: Some(Arc::new(std::io::Error::from(error))),
            })
        })
    }

    fn wake(&self) {
        // It can only fail by being full, and then it wakes anyway.
        let _ = io::write(&self.wake, &1_u64.to_ne_bytes());
    }
}

/// Whether there was something to read.
fn unblocked(read: io::Result<()>) -> io::Result<bool> {
    match read {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error),
    }
}
