//! A verification that is about to run.

use std::thread;

use super::chunk::Span;
use super::crew::Crew;
use super::report::{Anchor, VerifyReport};
use super::tail::Heads;
use super::timeline;
use crate::backend::{Access, Backend, Transaction};
use crate::causal::merkle::Frontier;
use crate::causal::table::timeline::Timeline;
use crate::causal::table::{entry, timeline as table};
use crate::words::limits::VERIFY_THREADS;
use crate::words::{Result, StoreError};

/// Positions that a thread checks at a time: some milliseconds of work, 128 KiB of hashes.
const CHUNK: u64 = 4096;

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
    threads: usize,
}

impl<'v> Verifier<'v> {
    pub(crate) fn new(db: &'v dyn Backend, tenant: &'v str) -> Self {
        Self { db, tenant, anchors: Vec::new(), threads: 1 }
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

    /// How many threads share the work, the calling one included: 1 unless set, and never more than
    /// [`limits::VERIFY_THREADS`](crate::limits::VERIFY_THREADS). The report is the same whatever their number.
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
        let Some(timeline) = table::find(&*tx, self.tenant, table::MAIN)? else {
            let mut heads = Heads::wanted(&self.anchors);
            heads.note(&Frontier::new());
            return Ok(VerifyReport::new(Vec::new(), Vec::new(), Frontier::new().head(), heads.verdict(0)));
        };
        self.run_over(tx, &timeline)
    }

    fn run_over(&self, tx: Box<dyn Transaction + '_>, timeline: &Timeline) -> Result<VerifyReport> {
        // What others commit meanwhile is not looked at: this transaction does not see it.
        let all = timeline::span(timeline.id)?;
        let span = Span { to: entry::last(&*tx, all.after, all.to)?.unwrap_or(all.after), ..all };
        let positions = span.to - span.after;
        // Others do not see what a transaction around this one has written.
        let threads = if tx.is_outermost() { self.threads.min(VERIFY_THREADS) as u64 } else { 1 };
        let (chunk, ahead) = match threads {
            1 => (CHUNK, 1),
            // A short history is divided as well, so that every thread has its share.
            _ => (positions.div_ceil(threads * 8).clamp(1, CHUNK), threads + 2),
        };
        let crew = Crew::new(span, chunk, ahead);
        thread::scope(|scope| {
            let stop = crew.stop_on_drop();
            let helpers = (1..threads.min(positions.div_ceil(chunk))).map_while(|_| {
                let helper = thread::Builder::new().name("causal-vault-verify".to_owned());
                // Without a thread there is less help, and nothing else is different.
                helper.spawn_scoped(scope, || crew.help(self.db, self.tenant)).ok()
            });
            let helpers: Vec<_> = helpers.collect();
            let report = timeline::verify(&*tx, self.tenant, timeline, &self.anchors, &crew);
            // In a database in memory a helper may be waiting for a writer that waits for this reader.
            drop((stop, tx));
            // What a helper has failed at was done here.
            helpers.into_iter().for_each(|helper| drop(helper.join()));
            report
        })
    }
}
