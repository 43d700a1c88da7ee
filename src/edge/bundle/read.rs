//! Reading a bundle that nobody vouches for.

use std::fmt;
use std::io::Read;

use super::check::{Checked, Checker, comparable};
use super::frame::{Frame, HEADER, Source};
use super::header::{BundleContents, Header};
use super::record::{Entry, Record};
use super::report::BundleReport;
use crate::causal::merkle::Frontier;
use crate::causal::{Anchor, PayloadDigest, Realm, SignedNote, TreeHead};
use crate::words::{Result, StoreError};

/// A bundle that is about to be verified: what it says of itself is known, and none of it is proved.
///
/// See [`Vault::export`](crate::Vault::export) for what a bundle is, and [the manual](mod@crate::manual::bundle) for its
/// bytes.
///
/// ```
/// use causal_vault::{Anchor, Bundle, Event, Filter, NoteSigner, SigningKey, TailVerdict, Vault};
///
/// let vault = Vault::in_memory()?;
/// vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("demo"))?;
/// let log = NoteSigner::new(vault.origin("vault.example")?, SigningKey::from_bytes(&[9; 32]))?;
/// vault.checkpoint(&log)?;
/// let mut file = Vec::new();
/// vault.export(Filter::all(), &mut file)?;
///
/// // Elsewhere, with nothing but the file and the log's vkey.
/// let bundle = Bundle::open(&file[..])?;
/// let note = bundle.checkpoint().expect("the newest goes with it");
/// let anchor = Anchor::from_note(note, &log.verifier())?;
/// let report = bundle.verify(&[anchor])?;
/// assert_eq!(report.tail, TailVerdict::Consistent { anchored: 1 });
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
pub struct Bundle<R> {
    source: Source<R>,
    header: Header,
}

/// What is done with each part of a bundle once it is known to hold.
pub(super) trait Receive {
    fn payload(&mut self, digest: &PayloadDigest, bytes: &[u8]) -> Result<()>;
    fn entry(&mut self, entry: &Entry<'_>, checked: &Checked<'_>, checker: &Checker<'_>) -> Result<()>;
}

/// Nothing is.
struct Nowhere;

impl Receive for Nowhere {
    fn payload(&mut self, _: &PayloadDigest, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn entry(&mut self, _: &Entry<'_>, _: &Checked<'_>, _: &Checker<'_>) -> Result<()> {
        Ok(())
    }
}

impl<R: Read> Bundle<R> {
    /// Reads what the bundle says of itself. It is read in pieces as it is verified, through a buffer of its own.
    ///
    /// ```
    /// use causal_vault::{Bundle, ErrorKind};
    ///
    /// let error = Bundle::open(&b"a letter"[..]).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Corrupt);
    /// ```
    pub fn open(input: R) -> Result<Self> {
        let mut source = Source::open(input)?;
        let header = match source.record()? {
            Frame { tag: HEADER, body, .. } => Header::decode(body),
            Frame { tag, .. } => return Err(source.broken(format!("a record of kind {tag}"), "the header, of kind 1")),
        };
        let header = header.map_err(|error| as_broken(&source, error))?;
        Ok(Self { source, header })
    }

    /// The vault that it says it is of.
    ///
    /// ```
    /// use causal_vault::{Bundle, Filter, Vault};
    ///
    /// let (vault, mut file) = (Vault::in_memory()?, Vec::new());
    /// vault.export(Filter::all(), &mut file)?;
    /// assert_eq!(Bundle::open(&file[..])?.realm(), vault.realm());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn realm(&self) -> Realm {
        self.header.realm
    }

    /// The tenant that it says it is of.
    ///
    /// ```
    /// use causal_vault::{Bundle, Filter, Vault};
    ///
    /// let (vault, mut file) = (Vault::in_memory()?, Vec::new());
    /// vault.export(Filter::all(), &mut file)?;
    /// assert_eq!(Bundle::open(&file[..])?.tenant(), "default");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn tenant(&self) -> &str {
        &self.header.tenant
    }

    /// What it says it holds.
    ///
    /// ```
    /// use causal_vault::{Bundle, BundleContents, Filter, Vault};
    ///
    /// let mut file = Vec::new();
    /// Vault::in_memory()?.export(Filter::all(), &mut file)?;
    /// assert_eq!(Bundle::open(&file[..])?.contents(), &BundleContents::Everything);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn contents(&self) -> &BundleContents {
        &self.header.contents
    }

    /// The tree that it says its entries are in.
    ///
    /// ```
    /// use causal_vault::{Bundle, Filter, Vault};
    ///
    /// let (vault, mut file) = (Vault::in_memory()?, Vec::new());
    /// vault.export(Filter::all(), &mut file)?;
    /// assert_eq!(Bundle::open(&file[..])?.tree_head(), vault.tree_head()?);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn tree_head(&self) -> TreeHead {
        self.header.tree
    }

    /// The checkpoint that goes with it, which nobody has verified yet: give it to
    /// [`Anchor::from_note`](crate::Anchor::from_note) with the key that is trusted, and the anchor to
    /// [`verify`](Self::verify).
    ///
    /// ```
    /// use causal_vault::{Bundle, Filter, Vault};
    ///
    /// let mut file = Vec::new();
    /// Vault::in_memory()?.export(Filter::all(), &mut file)?;
    /// assert_eq!(Bundle::open(&file[..])?.checkpoint(), None);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn checkpoint(&self) -> Option<&SignedNote> {
        self.header.note.as_ref()
    }

    /// Checks every byte, without a vault: entries, signatures, chains, parents, payloads, and that all of it is in the
    /// tree that the bundle names. The first record that breaks a rule is the error.
    ///
    /// Memory grows with the number of logs, of payloads that are kept once and of parents whose children are yet to
    /// come, not of entries; [`limits`](crate::limits) bound each, and no length is believed before its bytes are there.
    ///
    /// ```
    /// use causal_vault::{Bundle, Event, Filter, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("demo"))?;
    /// let mut file = Vec::new();
    /// vault.export(Filter::stream("demo"), &mut file)?;
    /// assert_eq!(Bundle::open(&file[..])?.verify(&[])?.entries, 1);
    /// file[400] ^= 1;
    /// assert!(Bundle::open(&file[..])?.verify(&[]).is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn verify(self, anchors: &[Anchor]) -> Result<BundleReport> {
        self.receive(anchors, &mut Nowhere)
    }

    /// The position before the first entry, and the root that the bundle says the tree had there.
    pub(super) fn before(&self) -> Result<(u64, [u8; 32])> {
        let after = self.header.after();
        let left = Frontier::from_bytes(after, self.header.left.as_flattened());
        Ok((after, left.map_err(|error| as_broken(&self.source, error))?.root()))
    }

    /// Verifies, and hands over each part as soon as it holds; whether the whole holds is known at the end.
    pub(super) fn receive(self, anchors: &[Anchor], receiver: &mut impl Receive) -> Result<BundleReport> {
        let Self { mut source, header } = self;
        let anchors = comparable(&header, anchors);
        let mut checker = Checker::new(&header, &anchors, source.at())?;
        loop {
            let frame = source.record()?;
            checker.at = frame.at;
            match Record::decode(frame.tag, frame.body) {
                Err(error) => return Err(as_broken(&source, error)),
                Ok(Record::Writer(identity, rotations)) => checker.writer(identity, rotations)?,
                Ok(Record::Payload(bytes)) => {
                    let digest = checker.payload(bytes)?;
                    receiver.payload(&digest, bytes)?;
                }
                Ok(Record::Entry(entry)) => {
                    let checked = checker.entry(&entry)?;
                    receiver.entry(&entry, &checked, &checker)?;
                }
                Ok(Record::End) => break,
            }
        }
        let counts = source.end()?;
        checker.finish(counts, source.bytes())
    }
}

/// A record that is not written as one is; an excess keeps naming its limit.
fn as_broken<R: Read>(source: &Source<R>, error: StoreError) -> StoreError {
    match error {
        StoreError::Limit { .. } => error,
        error => source.broken(error, "a record as an export writes it"),
    }
}

impl<R> fmt::Debug for Bundle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle").field("header", &self.header).finish_non_exhaustive()
    }
}
