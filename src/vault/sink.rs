//! Where checkpoints go: out of reach of whoever can write the vault's file.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use uuid::Uuid;

use super::open::Vault;
use crate::causal::{Checkpoint, NoteSigner, SignedNote, Subscription, TreeHead};
use crate::words::{Result, StoreError};

/// Takes checkpoints to where they are kept: a file on another disk, a peer, a witness.
///
/// ```
/// use std::sync::Mutex;
/// use causal_vault::{CheckpointSink, Result, SignedNote};
///
/// #[derive(Default)]
/// struct Printer(Mutex<Option<SignedNote>>);
///
/// impl CheckpointSink for Printer {
///     fn publish(&self, note: &SignedNote) -> Result<()> {
///         println!("{note}");
///         *self.0.lock().unwrap() = Some(note.clone());
///         Ok(())
///     }
///
///     fn latest(&self) -> Result<Option<SignedNote>> {
///         Ok(self.0.lock().unwrap().clone())
///     }
/// }
/// ```
pub trait CheckpointSink: Send + Sync {
    /// Keeps a checkpoint. When it returns, the checkpoint is out of the vault's reach, or a larger one of the same log, which
    /// another thread or process has published meanwhile: one that is smaller must not replace it.
    fn publish(&self, note: &SignedNote) -> Result<()>;

    /// The largest checkpoint that was published here, which the next one has to continue. A vault that was rolled back has
    /// forgotten what it has signed since; its sink has not. `None` where nothing was published or none can be read back.
    fn latest(&self) -> Result<Option<SignedNote>>;
}

impl<T: CheckpointSink + ?Sized> CheckpointSink for Arc<T> {
    fn publish(&self, note: &SignedNote) -> Result<()> {
        (**self).publish(note)
    }

    fn latest(&self) -> Result<Option<SignedNote>> {
        (**self).latest()
    }
}

/// Keeps the newest checkpoint of one tenant in a file, which is replaced whole: a reader sees the old one or the new one.
///
/// Any number of threads and processes may publish to one file, one at a time: beside it stands an empty file, its name with
/// `.lock` at the end, which each of them locks. Where the file system has no locks, those of one sink and its clones
/// still go one at a time. A checkpoint that is smaller than the one in the file is not written, and that is no error: the
/// newer one says more. One of the same size with another root, or of another log, is.
///
/// ```
/// use causal_vault::{CheckpointSink, FileSink, NoteSigner, SigningKey, Vault};
///
/// let other_disk = tempfile::tempdir().unwrap();
/// let sink = FileSink::new(other_disk.path().join("checkpoint"));
/// let vault = Vault::in_memory()?;
/// let signer = NoteSigner::new(vault.origin("vault.example")?, SigningKey::from_bytes(&[9; 32]))?;
/// let note = vault.publish_checkpoint(&signer, &sink)?;
/// assert_eq!(sink.latest()?, Some(note));
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone)]
pub struct FileSink {
    path: PathBuf,
    turn: Arc<Mutex<()>>,
}

impl FileSink {
    /// A sink in the file at `path`, in a folder that exists.
    ///
    /// ```
    /// let sink = causal_vault::FileSink::new("/mnt/other-disk/checkpoint");
    /// ```
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), turn: Arc::default() }
    }

    /// The file's name with something behind it.
    fn beside(&self, end: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(end);
        self.path.with_file_name(name)
    }

    /// Waits for every other process that publishes here; dropping the file lets the next one in.
    fn lock(&self) -> std::io::Result<File> {
        let file = File::options().create(true).truncate(false).write(true).open(self.beside(".lock"))?;
        match file.lock() {
            Err(error) if error.kind() != ErrorKind::Unsupported => Err(error),
            _ => Ok(file),
        }
    }

    /// Whether a checkpoint may take the place of the one that is kept; one that is newer stays.
    fn is_next(&self, next: &Checkpoint) -> Result<bool> {
        let Some(kept) = self.latest()? else { return Ok(true) };
        let kept: Checkpoint = kept.text().parse()?;
        check_origin(&kept, next.origin())?;
        let (kept, next, hex) = (kept.head(), next.head(), |root| blake3::Hash::from_bytes(root).to_string());
        if kept.size == next.size && kept.root != next.root {
            return Err(StoreError::Invalid {
                what: "checkpoint",
                reason: format!(
                    "its tree of {} has root {}, and the one that was published has {}; a second history is not kept",
                    next.size,
                    hex(next.root),
                    hex(kept.root)
                ),
            });
        }
        Ok(kept.size <= next.size)
    }

    fn failed(&self, doing: &str, error: &std::io::Error) -> StoreError {
        StoreError::Backend(format!("the checkpoint file {} could not be {doing}: {error}", self.path.display()))
    }

    fn replace(&self, note: &SignedNote) -> std::io::Result<()> {
        // The name is nobody else's: processes on other machines, and where there are no locks, have one each.
        let new = self.beside(&format!(".{}.new", Uuid::new_v4()));
        let renamed = write_new(&new, note).and_then(|()| std::fs::rename(&new, &self.path));
        if let Err(error) = renamed {
            // What failed is told, and not what is left of it.
            let _ = std::fs::remove_file(&new);
            return Err(error);
        }
        // The new name is on the disk when its folder is; where folders cannot be opened, the rename flushes it.
        match self.path.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent }) {
            Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
            _ => Ok(()),
        }
    }
}

fn write_new(path: &Path, note: &SignedNote) -> std::io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(note.to_string().as_bytes())?;
    file.sync_all()
}

fn check_origin(published: &Checkpoint, name: &str) -> Result<()> {
    if published.origin() == name {
        return Ok(());
    }
    Err(StoreError::Invalid {
        what: "checkpoint sink",
        reason: format!(
            "it holds a checkpoint of {:?} and was given one of {name:?}; use a sink for each",
            published.origin()
        ),
    })
}

impl CheckpointSink for FileSink {
    fn publish(&self, note: &SignedNote) -> Result<()> {
        let next: Checkpoint = note.text().parse()?;
        let _turn = self.turn.lock();
        let _lock = self.lock().map_err(|error| self.failed("locked", &error))?;
        match self.is_next(&next)? {
            true => self.replace(note).map_err(|error| self.failed("written", &error)),
            false => Ok(()),
        }
    }

    fn latest(&self) -> Result<Option<SignedNote>> {
        match std::fs::read_to_string(&self.path) {
            Ok(note) => note.parse().map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("read", &error)),
        }
    }
}

impl fmt::Debug for FileSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSink").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Publishes checkpoints as the vault grows, until it is dropped. See [`Vault::checkpoint_every`].
///
/// ```
/// use causal_vault::{Event, FileSink, NoteSigner, SigningKey, Vault};
///
/// let other_disk = tempfile::tempdir().unwrap();
/// let vault = Vault::in_memory()?;
/// let signer = NoteSigner::new(vault.origin("vault.example")?, SigningKey::from_bytes(&[9; 32]))?;
/// let checkpoints = vault.checkpoint_every(2, signer, FileSink::new(other_disk.path().join("checkpoint")))?;
/// let alice = vault.named_writer("alice")?;
/// for text in ["one", "two", "three"] {
///     alice.commit(Event::raw("note", text).stream("demo"))?;
/// }
/// assert_eq!(vault.checkpoints()?.len(), 1);
/// assert_eq!(checkpoints.sink_errors(), 0);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[must_use = "no checkpoint is published once this is dropped"]
pub struct CheckpointSchedule {
    schedule: Arc<Schedule>,
    _bell: Subscription<TreeHead>,
}

struct Schedule {
    vault: Vault,
    every: u64,
    signer: NoteSigner,
    sink: Box<dyn CheckpointSink>,
    /// How many multiples the vault has passed, and how many when a checkpoint was last published.
    passed: AtomicU64,
    published: Mutex<u64>,
    errors: AtomicU64,
    last_error: Mutex<Option<StoreError>>,
}

impl Vault {
    /// Issues a [checkpoint](Self::checkpoint) and publishes it. It has to continue the one that the sink has last, so
    /// that a vault that was rolled back cannot sign a second history.
    ///
    /// ```
    /// use causal_vault::{FileSink, NoteSigner, SigningKey, Vault};
    ///
    /// let other_disk = tempfile::tempdir().unwrap();
    /// let vault = Vault::in_memory()?;
    /// let signer = NoteSigner::new(vault.origin("vault.example")?, SigningKey::from_bytes(&[9; 32]))?;
    /// vault.publish_checkpoint(&signer, &FileSink::new(other_disk.path().join("checkpoint")))?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn publish_checkpoint(&self, signer: &NoteSigner, sink: &dyn CheckpointSink) -> Result<SignedNote> {
        let published = sink.latest()?.map(|note| note.text().parse::<Checkpoint>()).transpose()?;
        if let Some(published) = &published {
            check_origin(published, signer.name())?;
        }
        let note = self.issue(signer, published)?;
        sink.publish(&note)?;
        Ok(note)
    }

    /// Publishes a checkpoint after each commit through this vault's handles that passes a multiple of `events`: on the
    /// thread that committed, after the commit and outside every lock. It ends when the guard is dropped.
    ///
    /// A checkpoint or a sink that fails does not fail the commit: see [`CheckpointSchedule::sink_errors`]. The next multiple
    /// tries again.
    ///
    /// ```
    /// use causal_vault::{FileSink, NoteSigner, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let signer = NoteSigner::new(vault.origin("vault.example")?, SigningKey::from_bytes(&[9; 32]))?;
    /// let checkpoints = vault.checkpoint_every(1_000, signer, FileSink::new("/mnt/other-disk/checkpoint"))?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn checkpoint_every(
        &self,
        events: u64,
        signer: NoteSigner,
        sink: impl CheckpointSink + 'static,
    ) -> Result<CheckpointSchedule> {
        if events == 0 {
            return Err(StoreError::Invalid {
                what: "checkpoint interval",
                reason: "it is 0; give the number of events from one checkpoint to the next".to_owned(),
            });
        }
        let passed = self.tree_head()?.size / events;
        let schedule = Arc::new(Schedule {
            vault: self.clone(),
            every: events,
            signer,
            sink: Box::new(sink),
            passed: AtomicU64::new(passed),
            published: Mutex::new(passed),
            errors: AtomicU64::new(0),
            last_error: Mutex::new(None),
        });
        let rung = Arc::downgrade(&schedule);
        let bell = self.heads().subscribe_guarded(move |head| {
            if let Some(schedule) = rung.upgrade() {
                schedule.grown(head.size);
            }
        });
        Ok(CheckpointSchedule { schedule, _bell: bell })
    }
}

impl Schedule {
    fn grown(&self, size: u64) {
        self.passed.fetch_max(size / self.every, Ordering::SeqCst);
        // One thread publishes at a time, and goes on for those that found it busy: nobody waits for a slow sink.
        while let Some(mut published) = self.published.try_lock() {
            let passed = self.passed.load(Ordering::SeqCst);
            if *published < passed {
                *published = passed;
                self.publish();
            }
            drop(published);
            if self.passed.load(Ordering::SeqCst) == passed {
                return;
            }
        }
    }

    fn publish(&self) {
        if let Err(error) = self.vault.publish_checkpoint(&self.signer, &*self.sink) {
            self.errors.fetch_add(1, Ordering::Relaxed);
            *self.last_error.lock() = Some(error);
        }
    }
}

impl CheckpointSchedule {
    /// How many checkpoints could not be issued or published.
    ///
    /// ```
    /// use causal_vault::{Event, FileSink, NoteSigner, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let signer = NoteSigner::new(vault.origin("vault.example")?, SigningKey::from_bytes(&[9; 32]))?;
    /// let checkpoints = vault.checkpoint_every(1, signer, FileSink::new("/no/such/folder/checkpoint"))?;
    /// vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("demo"))?;
    /// assert_eq!(checkpoints.sink_errors(), 1);
    /// println!("{}", checkpoints.last_error().unwrap());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn sink_errors(&self) -> u64 {
        self.schedule.errors.load(Ordering::Relaxed)
    }

    /// The last of these errors.
    ///
    /// ```
    /// use causal_vault::{FileSink, NoteSigner, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let signer = NoteSigner::new(vault.origin("vault.example")?, SigningKey::from_bytes(&[9; 32]))?;
    /// let checkpoints = vault.checkpoint_every(1, signer, FileSink::new("checkpoint"))?;
    /// assert_eq!(checkpoints.last_error(), None);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn last_error(&self) -> Option<StoreError> {
        self.schedule.last_error.lock().clone()
    }
}
