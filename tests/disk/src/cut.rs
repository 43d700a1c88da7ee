//! The files as a power cut may leave them.
//!
//! What was flushed is there. Of what was written since, each sector may be in any state that it had, or in the middle
//! of a change; the size of the file too; and a name may stand for what it stood for at any time since its folder was
//! flushed. Truncations are kept in order with what follows them, as file systems do: the bytes of a truncated file do
//! not come back underneath new ones.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::{fs, io};

use fastrand::Rng;

use crate::disk::Op;

/// How much of what was not flushed survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    All,
    Nothing,
    /// A random choice for each sector of this size.
    Sectors(usize),
    /// The same, and a sector can be written in part.
    Torn(usize),
}

impl Survival {
    /// A random one. The two extremes are one state each, so they come up less often.
    pub fn any(rng: &mut Rng) -> Self {
        match rng.u8(..10) {
            0 => Self::All,
            1 => Self::Nothing,
            2..=4 => Self::Sectors(512),
            5..=6 => Self::Sectors(4096),
            _ => Self::Torn(512),
        }
    }
}

/// The platter and what is on its way to it.
#[derive(Clone, Default)]
pub struct Platter {
    files: HashMap<usize, Contents>,
    names: BTreeMap<String, Name>,
    /// Journals and WALs whose first flush flushes the folder.
    unflushed_names: Vec<usize>,
}

#[derive(Clone, Default)]
struct Contents {
    flushed: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { size: usize },
}

/// Which file a name stands for.
#[derive(Clone, Default)]
struct Name {
    flushed: Option<usize>,
    pending: Vec<Option<usize>>,
}

impl Platter {
    /// After these operations. `rng` decides what failed flushes wrote.
    pub fn new(log: &[Op], rng: &mut Rng) -> Self {
        let mut platter = Self::default();
        log.iter().for_each(|op| platter.apply(op, rng));
        platter
    }

    /// As the kernel has it, which shows what it was given whether or not it could be flushed: what a process finds
    /// that comes after one that died.
    pub fn cached(log: &[Op]) -> Self {
        let mut platter = Self::default();
        let written = log.iter().filter(|op| !matches!(op, Op::FailedFlush { .. }));
        written.for_each(|op| platter.apply(op, &mut Rng::with_seed(0)));
        platter
    }

    /// One more operation. `rng` decides what a failed flush wrote.
    pub fn apply(&mut self, op: &Op, rng: &mut Rng) {
        match op {
            Op::Create { name, file, flushes_folder } => {
                self.names.entry(name.clone()).or_default().pending.push(Some(*file));
                self.files.insert(*file, Contents::default());
                if *flushes_folder {
                    self.unflushed_names.push(*file);
                }
            }
            Op::Delete { name, flushes_folder } => {
                self.names.entry(name.clone()).or_default().pending.push(None);
                if *flushes_folder {
                    self.flush_folder();
                }
            }
            Op::Write { file, offset, bytes } => {
                self.file(*file).pending.push(Change::Write { offset: *offset, bytes: bytes.clone() });
            }
            Op::Truncate { file, size } => self.file(*file).pending.push(Change::Truncate { size: *size }),
            Op::Flush { file } => {
                let contents = self.file(*file);
                contents.flushed = contents.image(Survival::All, &mut Rng::with_seed(0));
                contents.pending.clear();
                if self.unflushed_names.contains(file) {
                    self.flush_folder();
                }
            }
            Op::FailedFlush { file } => {
                let contents = self.file(*file);
                contents.flushed = contents.image(Survival::any(rng), rng);
                contents.pending.clear();
            }
        }
    }

    fn file(&mut self, file: usize) -> &mut Contents {
        self.files.get_mut(&file).expect("a file is created before it is changed")
    }

    fn flush_folder(&mut self) {
        self.unflushed_names.clear();
        for name in self.names.values_mut() {
            if let Some(last) = name.pending.pop() {
                name.flushed = last;
                name.pending.clear();
            }
        }
    }

    /// Writes the files into an empty folder as they are found after the power cut.
    pub fn cut(&self, survival: Survival, rng: &mut Rng, folder: &Path) -> io::Result<()> {
        for (name, states) in &self.names {
            let kept = match survival {
                Survival::All => states.pending.len(),
                Survival::Nothing => 0,
                Survival::Sectors(_) | Survival::Torn(_) => rng.usize(..=states.pending.len()),
            };
            let file = if kept == 0 { states.flushed } else { states.pending[kept - 1] };
            if let Some(contents) = file.and_then(|file| self.files.get(&file)) {
                fs::write(folder.join(name), contents.image(survival, rng))?;
            }
        }
        Ok(())
    }
}

impl Contents {
    fn image(&self, survival: Survival, rng: &mut Rng) -> Vec<u8> {
        let changes = self.pending.len();
        let (sector, torn) = match survival {
            Survival::All => (usize::MAX, false),
            Survival::Nothing => return self.flushed.clone(),
            Survival::Sectors(sector) => (sector, false),
            Survival::Torn(sector) => (sector, true),
        };
        // The size is that after so many changes. Between the truncations around it, sectors are free.
        let sized = if survival == Survival::All { changes } else { rng.usize(..=changes) };
        let is_truncation = |change: &Change| matches!(change, Change::Truncate { .. });
        let from = self.pending[..sized].iter().rposition(is_truncation).map_or(0, |last| last + 1);
        let to = self.pending[sized..].iter().position(is_truncation).map_or(changes, |next| sized + next);

        let mut image = self.flushed.clone();
        self.pending[..from].iter().for_each(|change| change.apply(&mut image));
        let mut size = image.len();
        let salt = rng.u64(..);
        for (index, change) in (from..to).zip(&self.pending[from..to]) {
            let Change::Write { offset, bytes } = change else { continue };
            if index < sized {
                size = size.max(offset + bytes.len());
            }
            for (at, piece) in sectors(*offset, bytes, sector) {
                let kept = match survival {
                    Survival::All => to,
                    _ => sector_state(salt, at / sector, from, to),
                };
                if index < kept {
                    put(&mut image, at, piece);
                } else if torn && index == kept {
                    put(&mut image, at, &piece[..rng.usize(..=piece.len())]);
                }
            }
        }
        image.resize(size, 0);
        image
    }
}

impl Change {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => put(image, *offset, bytes),
            Self::Truncate { size } => image.resize(*size, 0),
        }
    }
}

/// After how many changes the disk took this sector: a third each before all of them, after all, and anywhere.
fn sector_state(salt: u64, sector: usize, from: usize, to: usize) -> usize {
    let mut rng = Rng::with_seed(salt ^ (sector as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    match rng.u8(..3) {
        0 => from,
        1 => to,
        _ => rng.usize(from..=to),
    }
}

/// The pieces of a write, cut where sectors begin.
fn sectors(offset: usize, bytes: &[u8], sector: usize) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        (at < bytes.len()).then(|| {
            let start = at;
            at = bytes.len().min(start.saturating_add(sector - (offset + start) % sector));
            (offset + start, &bytes[start..at])
        })
    })
}

fn put(image: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    image[at..end].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(offset: usize, byte: u8, length: usize) -> Op {
        Op::Write { file: 0, offset, bytes: vec![byte; length] }
    }

    fn platter(ops: &[Op]) -> Platter {
        let mut platter = Platter::default();
        let create = Op::Create { name: "a-wal".to_owned(), file: 0, flushes_folder: true };
        for op in [create].iter().chain(ops) {
            platter.apply(op, &mut Rng::with_seed(1));
        }
        platter
    }

    fn states(platter: &Platter, survival: Survival) -> Vec<Option<Vec<u8>>> {
        let mut found: Vec<_> = (0..300)
            .map(|seed| {
                let folder = crate::disk::scratch();
                platter.cut(survival, &mut Rng::with_seed(seed), folder.path()).unwrap();
                fs::read(folder.path().join("a-wal")).ok()
            })
            .collect();
        found.sort();
        found.dedup();
        found
    }

    #[test]
    fn what_was_flushed_is_there_and_what_was_not_may_be() {
        let flushed = platter(&[write(0, 1, 4), Op::Flush { file: 0 }]);
        for survival in [Survival::All, Survival::Nothing, Survival::Sectors(512), Survival::Torn(512)] {
            assert_eq!(states(&flushed, survival), [Some(vec![1; 4])]);
        }
        let unflushed = platter(&[write(0, 1, 4)]);
        assert_eq!(states(&unflushed, Survival::Nothing), [None]);
        assert_eq!(states(&unflushed, Survival::All), [Some(vec![1; 4])]);
        let some = [None, Some(vec![]), Some(vec![0; 4]), Some(vec![1; 4])];
        assert_eq!(states(&unflushed, Survival::Sectors(512)), some);
    }

    #[test]
    fn sectors_survive_each_for_itself_and_can_be_torn() {
        let ops = [write(0, 1, 1024), Op::Flush { file: 0 }, write(0, 2, 1024)];
        let states_of = |survival| states(&platter(&ops), survival).into_iter().flatten().collect::<Vec<_>>();
        let whole = states_of(Survival::Sectors(512));
        assert_eq!(
            whole.iter().map(|state| (state[0], state[1023])).collect::<Vec<_>>(),
            [(1, 1), (1, 2), (2, 1), (2, 2)]
        );
        assert!(whole.iter().all(|state| state[0] == state[511]));
        assert_eq!(states_of(Survival::Sectors(4096)).len(), 2);
        assert!(states_of(Survival::Torn(512)).iter().any(|state| state[0] == 2 && state[511] == 1));
    }

    #[test]
    fn bytes_from_before_a_truncation_never_stand_behind_later_ones() {
        let ops = [write(0, 1, 1024), Op::Flush { file: 0 }, Op::Truncate { file: 0, size: 0 }, write(0, 2, 1024)];
        for state in states(&platter(&ops), Survival::Sectors(512)).into_iter().flatten() {
            assert!(!(state.contains(&1) && (state.contains(&2) || state.contains(&0))));
        }
    }

    #[test]
    fn a_delete_that_was_not_flushed_can_be_undone() {
        let ops = [write(0, 1, 4), Op::Flush { file: 0 }];
        let delete = |flushes_folder| Op::Delete { name: "a-wal".to_owned(), flushes_folder };
        let undone = platter(&[&ops[..], &[delete(false)]].concat());
        assert_eq!(states(&undone, Survival::Sectors(512)), [None, Some(vec![1; 4])]);
        let done = platter(&[&ops[..], &[delete(true)]].concat());
        assert_eq!(states(&done, Survival::Sectors(512)), [None]);
    }
}
