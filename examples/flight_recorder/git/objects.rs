//! `git cat-file --batch`: the bytes of commits and files.

use super::conversation::{Conversation, WINDOW};
use super::{Git, GitError, unknown_answer};
use crate::object::ObjectId;
use crate::record::CommitRecord;

/// A process that hands out the bytes of objects.
pub(crate) struct Objects {
    talk: Conversation,
}

impl Objects {
    pub(super) fn start(git: &Git) -> Result<Objects, GitError> {
        Ok(Objects { talk: Conversation::start(git, "cat-file", &["--batch"])? })
    }

    /// The commits of these ids, without their changes.
    pub(crate) fn commits(&mut self, ids: &[ObjectId]) -> Result<Vec<CommitRecord>, GitError> {
        let mut records = Vec::with_capacity(ids.len());
        self.each(ids, "commit", usize::MAX, |id, _, object| {
            records.push(CommitRecord::parse(id, &object).map_err(|why| GitError::Odd { id, why })?);
            Ok::<_, GitError>(())
        })?;
        Ok(records)
    }

    /// Hands the bytes of every file in `ids` to `take`, with the file's whole size, in pieces of at most `piece_max`
    /// bytes; an empty file is one empty piece.
    pub(crate) fn files<E: From<GitError>>(
        &mut self,
        ids: &[ObjectId],
        piece_max: usize,
        take: impl FnMut(ObjectId, u64, Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each(ids, "blob", piece_max, take)
    }

    fn each<E: From<GitError>>(
        &mut self,
        ids: &[ObjectId],
        kind: &str,
        piece_max: usize,
        mut take: impl FnMut(ObjectId, u64, Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        for window in ids.chunks(WINDOW) {
            self.talk.send(&window.iter().map(|id| format!("{id}\n")).collect::<String>())?;
            for id in window {
                let size = self.size_of_next(*id, kind)?;
                let mut left = size;
                loop {
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(piece_max);
                    let mut piece = vec![0; length];
                    self.talk.read_exact(&mut piece)?;
                    left -= length as u64;
                    take(*id, size, piece)?;
                    if left == 0 {
                        break;
                    }
                }
                self.talk.read_until(b'\n')?;
            }
        }
        Ok(())
    }

    /// Reads the line in front of an object: `ID KIND SIZE`.
    fn size_of_next(&mut self, id: ObjectId, kind: &str) -> Result<u64, GitError> {
        let line = self.talk.read_until(b'\n')?;
        let text = String::from_utf8_lossy(&line);
        let answer = text.strip_prefix(&format!("{id} ")).ok_or_else(|| unknown_answer("cat-file", &line))?;
        if answer == "missing" {
            return Err(GitError::Missing { id });
        }
        let size = answer.strip_prefix(kind).and_then(|size| size.trim_ascii().parse().ok());
        size.ok_or_else(|| unknown_answer("cat-file", &line))
    }
}
