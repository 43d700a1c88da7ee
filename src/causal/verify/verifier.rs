//! A verification that is about to run.

use super::plan::Plan;
use super::report::{Anchor, VerifyReport};
use crate::backend::{Access, Backend, Transaction};
use crate::words::{Result, StoreError};

/// Checks everything a tenant has stored, on as many threads as it is given. See
/// [`Vault::verifier`](crate::Vault::verifier).
///
/// ```
/// use causal_vault::{Event, Vault};
///
/// let vault = Vault::in_memory()?;
/// vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
/// let report = vault.verifier().anchor(vault.tree_head()?).threads(2).run()?;
/// assert_eq!(report, vault.verify(&[vault.tree_head()?.into()])?);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone)]
#[must_use = "nothing is verified until it is run"]
pub struct Verifier<'v> {
    db: &'v dyn Backend,
    tenant: &'v str,
    anchors: Vec<Anchor>,
    since: Option<Anchor>,
    threads: usize,
}

impl<'v> Verifier<'v> {
    pub(crate) fn new(db: &'v dyn Backend, tenant: &'v str) -> Self {
        Self { db, tenant, anchors: Vec::new(), since: None, threads: 1 }
    }

    /// Compares the history with a tree head that was kept elsewhere.
    ///
    /// ```
    /// use causal_vault::{TailVerdict, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let report = vault.verifier().anchor(vault.tree_head()?).run()?;
    /// assert_eq!(report.tail, TailVerdict::Consistent { anchored: 0 });
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn anchor(self, anchor: impl Into<Anchor>) -> Self {
        self.anchors(&[anchor.into()])
    }

    /// Compares the history with several tree heads that were kept elsewhere.
    ///
    /// ```
    /// use causal_vault::{Anchor, TailVerdict, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let anchors: [Anchor; 2] = [vault.tree_head()?.into(), Anchor { size: 7, root: [0; 32] }];
    /// let report = vault.verifier().anchors(&anchors).run()?;
    /// assert_eq!(report.tail, TailVerdict::Truncated { anchored: 7, found: 0 });
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn anchors(mut self, anchors: &[Anchor]) -> Self {
        self.anchors.extend_from_slice(anchors);
        self
    }

    /// Checks only what was appended since a tree head that was kept elsewhere: it takes as long as there is new.
    ///
    /// The tree of that size is computed from the nodes that are kept of it and must have the root of the anchor; if it
    /// does not, the verdict is [`Diverged`](crate::TailVerdict::Diverged), or [`Truncated`](crate::TailVerdict::Truncated)
    /// where there are fewer entries, and nothing else is looked at. Of an older entry only what a new one names is read:
    /// the one before it in its log and its parents, which are decoded and hashed again. A change to any other is left
    /// for a whole verification to find, and so are the look-up by hash and the parts of indexes that older entries have.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// alice.commit(Event::raw("note", "one").stream("demo"))?;
    /// assert!(vault.verify(&[])?.is_intact());
    /// let verified = vault.tree_head()?; // kept until the next time
    /// alice.commit(Event::raw("note", "two").stream("demo"))?;
    /// let report = vault.verifier().since(verified).run()?;
    /// assert!(report.is_intact());
    /// assert_eq!((report.since, report.logs[0].entries), (1, 1));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn since(mut self, anchor: impl Into<Anchor>) -> Self {
        self.since = Some(anchor.into());
        self
    }

    /// How many threads share the work, the calling one included: 1 unless set, and never more than
    /// [`limits::VERIFY_THREADS`](crate::limits::VERIFY_THREADS). The report is the same whatever their number; of
    /// several rows that cannot even be read, the one that the error names may be another.
    ///
    /// The others read through connections of their own and end with the verification. Where they cannot see what the
    /// calling thread sees, it works alone: inside a transaction of the caller's, and in a database in memory that was
    /// handed in.
    ///
    /// ```
    /// use causal_vault::Vault;
    ///
    /// let vault = Vault::in_memory()?;
    /// let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    /// assert!(vault.verifier().threads(cores).run()?.is_intact());
    /// let error = vault.verifier().threads(0).run().unwrap_err();
    /// assert!(error.to_string().contains("give it 1 for the calling thread alone"));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Checks everything up to the last entry there is when it begins, and reports what it can prove and no more.
    ///
    /// Memory grows with the number of logs, not of entries.
    ///
    /// ```
    /// use causal_vault::Vault;
    ///
    /// assert!(Vault::in_memory()?.verifier().run()?.is_intact());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn run(&self) -> Result<VerifyReport> {
        if self.threads == 0 {
            return Err(StoreError::Invalid {
                what: "threads",
                reason: "0 threads verify nothing; give it 1 for the calling thread alone".to_owned(),
            });
        }
        let tx = self.db.begin(Access::Read)?;
        match Plan::of(&*tx, self.tenant, &self.anchors, self.since)? {
            Ok(plan) => plan.run(tx, self.db, self.threads),
            Err(report) => Ok(report),
        }
    }

    /// The same within a transaction, whose own writes it sees, on the calling thread.
    pub(crate) fn run_in(&self, tx: &dyn Transaction) -> Result<VerifyReport> {
        Plan::of(tx, self.tenant, &self.anchors, self.since)?.map_or_else(Ok, |plan| plan.run_alone(tx))
    }
    /// The same, where an entry that a later revocation takes back is no break and hides none behind it.
    pub(crate) fn run_with_revoked_in(&self, tx: &dyn Transaction) -> Result<VerifyReport> {
        let plan = Plan::of(tx, self.tenant, &self.anchors, self.since)?;
        plan.map_or_else(Ok, |plan| plan.with_revoked().run_alone(tx))
    }
}
