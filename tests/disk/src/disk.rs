//! What reached the disk, in order, and what is going to fail.

use std::collections::HashMap;
use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use parking_lot::{Mutex, MutexGuard};
use rusqlite::ffi;
use tempfile::TempDir;

use crate::shim;

/// One operation on the disk. A file is known by a number of its own: a name may come to stand for another file.
#[derive(Clone, Debug)]
pub enum Op {
    /// A new, empty file. The first flush of a journal or a WAL flushes its folder as well.
    Create {
        name: String,
        file: usize,
        flushes_folder: bool,
    },
    Delete {
        name: String,
        flushes_folder: bool,
    },
    Write {
        file: usize,
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: usize,
        size: usize,
    },
    Flush {
        file: usize,
    },
    /// What was not flushed before may never be: the kernel takes it for written.
    FailedFlush {
        file: usize,
    },
}

/// An error that the disk is going to report.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The number of the operation that fails, from 0.
    pub at: u64,
    /// Whether all later ones fail too.
    pub lasting: bool,
    /// Whether a write finds the disk full, instead of broken.
    pub full: bool,
}

/// A folder whose files are traced and whose operations can fail.
pub struct Disk {
    folder: TempDir,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    log: Vec<Op>,
    /// The files that have a name now.
    names: HashMap<String, usize>,
    files: usize,
    /// What each operation that can fail would have been answered.
    operations: Vec<c_int>,
    fault: Option<Fault>,
    failed: u64,
}

static DISKS: LazyLock<Mutex<HashMap<PathBuf, Arc<Disk>>>> = LazyLock::new(Mutex::default);

impl Disk {
    /// An empty one, in memory where that is possible.
    pub fn new() -> Arc<Self> {
        shim::install();
        let disk = Arc::new(Self { folder: scratch(), state: Mutex::default() });
        DISKS.lock().insert(disk.folder.path().to_owned(), Arc::clone(&disk));
        disk
    }

    /// Files of this folder that are opened from now on are left alone.
    pub fn release(&self) {
        DISKS.lock().remove(self.folder.path());
    }

    /// The disk that a file lies on.
    pub(crate) fn of(path: &Path) -> Option<Arc<Self>> {
        DISKS.lock().get(path.parent()?).cloned()
    }

    pub fn vault(&self) -> PathBuf {
        self.folder.path().join(VAULT)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The number of operations that have reached the disk.
    pub fn now(&self) -> usize {
        self.state.lock().log.len()
    }

    pub fn log(&self) -> Vec<Op> {
        self.state.lock().log.clone()
    }

    /// Plans a fault, or none.
    pub fn fail(&self, fault: Option<Fault>) {
        self.state.lock().fault = fault;
    }

    /// The operations that could have failed, each by the code that its failure has.
    pub fn operations(&self) -> Vec<c_int> {
        self.state.lock().operations.clone()
    }

    /// The operations that did.
    pub fn failed(&self) -> u64 {
        self.state.lock().failed
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// The name of the vault's file on every disk.
pub const VAULT: &str = "agents.vault";

/// A folder in memory where there is one.
pub fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}

impl State {
    /// Counts one operation. If it is to fail, `code` is what SQLite is told.
    pub(crate) fn attempt(&mut self, code: c_int) -> Result<(), c_int> {
        let number = self.operations.len() as u64;
        self.operations.push(code);
        match self.fault {
            Some(fault) if number == fault.at || (fault.lasting && number > fault.at) => {
                self.failed += 1;
                Err(if fault.full && code == ffi::SQLITE_IOERR_WRITE { ffi::SQLITE_FULL } else { code })
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn push(&mut self, op: Op) {
        self.log.push(op);
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// The number of the file of this name, which is created if there is none.
    pub(crate) fn open(&mut self, name: &str, flushes_folder: bool) -> usize {
        if let Some(file) = self.names.get(name) {
            return *file;
        }
        let file = self.files;
        self.files += 1;
        self.names.insert(name.to_owned(), file);
        self.push(Op::Create { name: name.to_owned(), file, flushes_folder });
        file
    }

    pub(crate) fn delete(&mut self, name: &str, flushes_folder: bool) {
        self.names.remove(name);
        self.push(Op::Delete { name: name.to_owned(), flushes_folder });
    }
}
