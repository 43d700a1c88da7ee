//! Taking a bundle into a vault: every record is verified before it is stored, and nothing stays unless all of it holds.

use std::io::Read;
use std::path::Path;

use super::check::{Checked, Checker};
use super::header::BundleContents;
use super::read::{Bundle, Receive};
use super::record::{Entry, Payload};
use super::report::BundleReport;
use crate::causal::adopt::{Adopter, Foreign};
use crate::causal::writer::Identity;
use crate::causal::{Anchor, Break, Equivocation, PayloadDigest, SignedEntry, TailVerdict};
use crate::vault::{Vault, VaultBuilder};
use crate::words::{Result, StoreError};

/// What an import found and did.
///
/// ```
/// use causal_vault::{Filter, Vault};
///
/// let (vault, mut file) = (Vault::in_memory()?, Vec::new());
/// vault.export(Filter::all(), &mut file)?;
/// assert_eq!(vault.import(&file[..], &[])?.imported, 0);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BundleImport {
    /// What holds of the bundle.
    pub bundle: BundleReport,
    /// Entries that this import stored; the others were there.
    pub imported: u64,
}

impl Vault {
    /// Continues this tenant's history with a bundle of it: one of everything, or a range that begins no later than
    /// where the history here ends. What is there already must be the same, and what is new is appended.
    ///
    /// The file is not trusted: each record is verified by the rules of [`Bundle::verify`](crate::Bundle::verify) and
    /// against what is stored, before it is stored. All of it is one transaction, and after an error nothing of it is
    /// there. An anchor that the bundle contradicts, or does not reach, is an error. Where an anchor is at hand, give it:
    /// whoever holds the file and no key can make another history of unsigned writers.
    ///
    /// A bundle of another vault or tenant is refused, as are those of a stream or a writer, whose positions have gaps.
    /// Where the two histories differ, [`StoreError::BundleDiverges`] names the position; if a writer has signed both entries
    /// there, [`StoreError::equivocation`] proves it, and [`report_equivocation`](Self::report_equivocation) is the next step.
    /// Importing again does nothing.
    /// Payloads above this vault's [limit](VaultBuilder::payload_limit) are refused. Checkpoints are not taken over. Entries
    /// that a revocation in the bundle takes back are stored, and verification says here of them what it says there.
    ///
    /// ```
    /// use causal_vault::{Event, Filter, Vault};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// alice.commit(Event::raw("note", "one").stream("demo"))?;
    /// let mut all = Vec::new();
    /// vault.export(Filter::all(), &mut all)?;
    /// let copy = Vault::restore(folder.path().join("copy.vault"), &all[..], &[])?;
    ///
    /// alice.commit(Event::raw("note", "two").stream("demo"))?;
    /// let mut news = Vec::new();
    /// vault.export(Filter::all().after(copy.tree_head()?.into()), &mut news)?;
    /// assert_eq!(copy.import(&news[..], &[vault.tree_head()?.into()])?.imported, 1);
    /// assert_eq!(copy.tree_head()?, vault.tree_head()?);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn import(&self, bundle: impl Read, anchors: &[Anchor]) -> Result<BundleImport> {
        let bundle = Bundle::open(bundle)?;
        let refuse = |reason: String| Err(StoreError::Invalid { what: "bundle", reason });
        if bundle.realm() != self.realm() {
            return refuse(format!(
                "it is of vault {}, and this is {}; restore it into a file of its own",
                bundle.realm(),
                self.realm()
            ));
        }
        if bundle.tenant() != self.tenant() {
            return refuse(format!(
                "it is of tenant {:?}, and this handle is on {:?}; import it through that tenant's",
                bundle.tenant(),
                self.tenant()
            ));
        }
        self.adopt(|adopter| take_over(bundle, anchors, adopter, self.payload_limit()))
    }

    /// Creates a vault in the file at `path` from a bundle of everything: the same realm, tenant, entries and payloads, so
    /// that every proof and checkpoint of the old vault holds for it. The handle is on the bundle's tenant.
    ///
    /// The terms are those of [`import`](Self::import). A file that holds a vault is refused; after an error the file
    /// holds none, and can be given again. Do not go on writing in both vaults: they are one vault, and a signed writer
    /// that goes on in both signs two histories.
    ///
    /// ```
    /// use causal_vault::{Event, Filter, Vault};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let vault = Vault::in_memory()?;
    /// vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("demo"))?;
    /// let mut file = Vec::new();
    /// vault.export(Filter::all(), &mut file)?;
    ///
    /// let path = folder.path().join("restored.vault");
    /// let restored = Vault::restore(&path, &file[..], &[vault.tree_head()?.into()])?;
    /// assert_eq!((restored.realm(), restored.tree_head()?), (vault.realm(), vault.tree_head()?));
    /// assert!(Vault::restore(&path, &file[..], &[]).is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn restore(path: impl AsRef<Path>, bundle: impl Read, anchors: &[Anchor]) -> Result<Self> {
        Self::builder().restore(path, bundle, anchors).map(|(vault, _)| vault)
    }
}

impl VaultBuilder {
    /// [`Vault::restore`] with other settings than the default; the tenant is the bundle's. Returns what was imported as
    /// well.
    ///
    /// ```
    /// use causal_vault::{Durability, Filter, Vault};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let mut file = Vec::new();
    /// Vault::builder().tenant("acme").in_memory()?.export(Filter::all(), &mut file)?;
    /// let builder = Vault::builder().durability(Durability::Fast);
    /// let (vault, done) = builder.restore(folder.path().join("restored.vault"), &file[..], &[])?;
    /// assert_eq!((vault.tenant(), done.imported), ("acme", 0));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn restore(
        self,
        path: impl AsRef<Path>,
        bundle: impl Read,
        anchors: &[Anchor],
    ) -> Result<(Vault, BundleImport)> {
        let bundle = Bundle::open(bundle)?;
        if !matches!(bundle.contents(), BundleContents::Everything) {
            return Err(StoreError::Invalid {
                what: "bundle",
                reason: "it holds a part of a tenant, and a vault is restored from everything".to_owned(),
            });
        }
        let (realm, tenant) = (bundle.realm(), bundle.tenant().to_owned());
        self.create_as(path, &realm, &tenant, |adopter, limit| take_over(bundle, anchors, adopter, limit))
    }
}

fn take_over<R: Read>(
    bundle: Bundle<R>,
    anchors: &[Anchor],
    adopter: &mut Adopter<'_>,
    payload_limit: usize,
) -> Result<BundleImport> {
    let start = adopter.head().size;
    let refuse = |reason: String| Err(StoreError::Invalid { what: "bundle", reason });
    match bundle.contents() {
        BundleContents::Range { after, .. } if *after > start => {
            return refuse(format!(
                "it begins behind position {after}, and the history here ends at {start}; export from there"
            ));
        }
        BundleContents::Everything | BundleContents::Range { .. } => {}
        BundleContents::Logs { .. } => {
            return refuse(
                "it holds the logs of a stream or a writer, whose positions have gaps: it can be verified, and not \
                 imported; import everything, or a range"
                    .to_owned(),
            );
        }
    }
    let (after, before) = bundle.before()?;
    let here = adopter.root_at(after)?;
    if before != here {
        let tree = |root: [u8; 32]| format!("a tree with root {}", blake3::Hash::from_bytes(root));
        let (found, stored) = (tree(before), tree(here));
        return Err(StoreError::BundleDiverges { position: after, found, stored, equivocation: None });
    }
    let mut taker = Taker { adopter, start, payload_limit };
    let report = bundle.receive(anchors, &mut taker)?;
    if !report.is_consistent() {
        let problem = format!("an anchor contradicts it ({report}); nothing of it was imported");
        return match report.tail {
            TailVerdict::Diverged { .. } => Err(StoreError::Corrupt { what: "the bundle".to_owned(), detail: problem }),
            _ => refuse(problem),
        };
    }
    let now = adopter.head().size;
    if let Some(broken) = adopter.first_break()? {
        return Err(as_bundled(report.bytes, broken));
    }
    Ok(BundleImport { bundle: report, imported: now - start })
}

/// Compares what is there, and stores what is not.
struct Taker<'a, 't> {
    adopter: &'a mut Adopter<'t>,
    /// The last position that is there.
    start: u64,
    payload_limit: usize,
}

impl Receive for Taker<'_, '_> {
    fn payload(&mut self, digest: &PayloadDigest, bytes: &[u8]) -> Result<()> {
        self.check_len(bytes)?;
        self.adopter.payload(digest, bytes)
    }

    fn entry(&mut self, entry: &Entry<'_>, checked: &Checked<'_>, checker: &Checker<'_>) -> Result<()> {
        let Some(identity) = checker.identity(&checked.stored.writer) else { return Ok(()) };
        if entry.position <= self.start {
            return self.compare(entry, checked, checker);
        }
        let payload = match entry.payload {
            Payload::Inline(bytes) => Some(bytes),
            Payload::Before | Payload::None => None,
        };
        self.check_len(payload.unwrap_or_default())?;
        let stored = self.adopter.entry(&Foreign {
            stored: &checked.stored,
            bytes: entry.bytes,
            hash: checked.hash,
            signature: entry.signature,
            identity,
            parents: &entry.parents,
            payload,
            embedding: Some(entry.embedding),
        })?;
        stored.map_err(|broken| as_bundled(checker.at, broken))
    }
}

fn as_bundled(offset: u64, broken: Break) -> StoreError {
    let Break { position, rule, found, expected, .. } = broken;
    StoreError::BundleBroken { offset, position, rule, found, expected }
}

impl Taker<'_, '_> {
    fn check_len(&self, payload: &[u8]) -> Result<()> {
        let (found, limit) = (payload.len() as u64, self.payload_limit as u64);
        match found <= limit {
            true => Ok(()),
            false => Err(StoreError::Limit { what: "a payload of the bundle", found, limit, unit: "bytes" }),
        }
    }

    fn compare(&mut self, entry: &Entry<'_>, checked: &Checked<'_>, checker: &Checker<'_>) -> Result<()> {
        let position = entry.position;
        let here = self.adopter.hash_at(position)?.ok_or_else(|| StoreError::Corrupt {
            what: format!("position {position}"),
            detail: "there is no entry; verify the vault".to_owned(),
        })?;
        if here == checked.hash {
            return Ok(());
        }
        Err(StoreError::BundleDiverges {
            position,
            found: format!("entry {}", checked.hash),
            stored: format!("entry {here}"),
            equivocation: self.equivocation(entry, checked, checker)?.map(|proof| proof.to_bytes()),
        })
    }

    /// The proof, where the writer has signed both this entry and another one for the same place in its log.
    fn equivocation(
        &mut self,
        entry: &Entry<'_>,
        checked: &Checked<'_>,
        checker: &Checker<'_>,
    ) -> Result<Option<Equivocation>> {
        let stored = &checked.stored;
        let key = checker.identity(&stored.writer).and_then(Identity::first_key);
        let Some((key, signature)) = key.zip(entry.signature) else { return Ok(None) };
        let Some(twin) = self.adopter.twin(stored)? else { return Ok(None) };
        let rotations = checker.rotations_before(&stored.writer, stored.epoch).to_vec();
        // What proves nothing is refused: the same entry, or another signature than the writer's.
        let seen = SignedEntry { bytes: entry.bytes.to_vec(), signature };
        Ok(Equivocation::new(key, rotations, [twin, seen]).ok())
    }
}
