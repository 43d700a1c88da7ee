//! The seam between the recorder and the place where it keeps what it read.

use crate::Outcome;
use crate::bytes::Digest;
use crate::object::ObjectId;
use crate::record::CommitRecord;

/// The longest piece that a file is kept in; a longer file is several, so that memory stays small however long it is.
pub(crate) const PIECE_BYTES_MAX: usize = 8 << 20;

/// Keeps bytes under their digest, and commits in the order they come: parents first, and every file before the commit
/// that names it, so that a recording that stops half way has no commit whose files are not there.
pub(crate) trait Ledger {
    /// Is this commit recorded already?
    fn holds(&self, commit: &ObjectId) -> Outcome<bool>;

    /// Keeps a file, or a piece of one; keeping the same bytes again gives the same digest and costs nothing more.
    fn put(&mut self, piece: Vec<u8>) -> Outcome<Digest>;

    /// Appends the event of one commit.
    fn append(&mut self, record: CommitRecord) -> Outcome<()>;

    /// Keeps for good what was put and appended.
    fn flush(&mut self) -> Outcome<()>;

    /// The recorded commit; that it is not there is an error.
    fn load(&self, commit: &ObjectId) -> Outcome<CommitRecord>;

    /// The bytes of a digest; that they are not there is an error.
    fn fetch(&self, digest: &Digest) -> Outcome<Vec<u8>>;
}
