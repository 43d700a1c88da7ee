//! What holds of a bundle, and no more than that.

use std::fmt;

use super::header::{BundleContents, Header};
use crate::causal::{LogReport, LogVerdict, Realm, TailVerdict, TreeHead};

/// What was found in a bundle that is whole: every record of it holds under the tree it names.
///
/// Whether that tree is the one that was committed, an anchor or the [checkpoint](crate::Bundle::checkpoint) says: see
/// [`tail`](Self::tail).
///
/// ```
/// use causal_vault::{Bundle, Event, Filter, TailVerdict, Vault};
///
/// let vault = Vault::in_memory()?;
/// vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("demo"))?;
/// let mut file = Vec::new();
/// let written = vault.export(Filter::all(), &mut file)?;
/// assert_eq!((written.entries, written.bytes, &written.tail), (1, file.len() as u64, &TailVerdict::Unanchored));
/// let read = Bundle::open(&file[..])?.verify(&[vault.tree_head()?.into()])?;
/// assert_eq!(read.tail, TailVerdict::Consistent { anchored: 1 });
/// println!("{read}");
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BundleReport {
    /// The vault that it is of.
    pub realm: Realm,
    /// The tenant that it is of.
    pub tenant: String,
    /// What it holds of it.
    pub contents: BundleContents,
    /// The tree that every entry was proved to be in.
    pub tree: TreeHead,
    /// Entries.
    pub entries: u64,
    /// Payloads that stand in records of their own, attachments included.
    pub payloads: u64,
    /// The length of the bundle.
    pub bytes: u64,
    /// Each log, as far as it is in the bundle. [`Broken`](LogVerdict::Broken) are those, and no others, that go on behind
    /// the last good entry of a writer which was [revoked](crate::Vault::revoke) later, where the bundle begins with the
    /// first position and leaves out none.
    pub logs: Vec<LogReport>,
    /// What the anchors say about the tree. Those of sizes at which the bundle shows no tree are not compared.
    pub tail: TailVerdict,
}

impl BundleReport {
    pub(super) fn new(
        header: &Header,
        entries: u64,
        payloads: u64,
        bytes: u64,
        logs: Vec<LogReport>,
        tail: TailVerdict,
    ) -> Self {
        let (realm, tenant, contents) = (header.realm, header.tenant.clone(), header.contents.clone());
        Self { realm, tenant, contents, tree: header.tree, entries, payloads, bytes, logs, tail }
    }

    /// Whether no anchor is contradicted. It does not mean signed, anchored, or not revoked: read the verdicts.
    ///
    /// ```
    /// use causal_vault::{Anchor, Bundle, Filter, Vault};
    ///
    /// let mut file = Vec::new();
    /// Vault::in_memory()?.export(Filter::all(), &mut file)?;
    /// assert!(Bundle::open(&file[..])?.verify(&[])?.is_consistent());
    /// assert!(!Bundle::open(&file[..])?.verify(&[Anchor { size: 7, root: [0; 32] }])?.is_consistent());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn is_consistent(&self) -> bool {
        !matches!(self.tail, TailVerdict::Diverged { .. } | TailVerdict::Truncated { .. })
    }
}

impl fmt::Display for BundleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tenant {:?} of {}: ", self.tenant, self.realm)?;
        match &self.contents {
            BundleContents::Everything => write!(f, "everything")?,
            BundleContents::Range { after, up_to } => write!(f, "positions {} to {up_to}", after + 1)?,
            BundleContents::Logs { stream, writer, after, up_to } => {
                write!(f, "logs")?;
                stream.iter().try_for_each(|stream| write!(f, " of stream {stream:?}"))?;
                writer.iter().try_for_each(|writer| write!(f, " of writer {writer}"))?;
                write!(f, " at positions {} to {up_to}", after + 1)?;
            }
        }
        write!(f, ", {} entries in {} logs", self.entries, self.logs.len())?;
        match self.logs.iter().filter(|log| matches!(log.verdict, LogVerdict::Broken(_))).count() {
            0 => {}
            revoked => write!(f, ", {revoked} of them with REVOKED entries")?,
        }
        write!(f, ", in a tree of {}", self.tree.size)?;
        match self.tail {
            TailVerdict::Consistent { anchored } => write!(f, ", anchored up to {anchored}"),
            TailVerdict::Diverged { at } => write!(f, ", DIVERGED from the anchor at {at}"),
            TailVerdict::Truncated { anchored, .. } => write!(f, ", SHORTER than the anchor at {anchored}"),
            TailVerdict::Unanchored => write!(f, ", unanchored"),
        }
    }
}
