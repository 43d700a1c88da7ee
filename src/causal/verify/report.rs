//! What verification can say, and no more than that.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::causal::fingerprint::Fingerprint;
use crate::causal::merkle::TreeHead;
use crate::words::ChainRule;

/// A tree head that was kept where the store's owner cannot change it: what tells a rolled-back store from a short one.
///
/// ```
/// use causal_vault::{Event, TailVerdict, Vault};
///
/// let vault = Vault::in_memory()?;
/// let alice = vault.named_writer("alice")?;
/// alice.commit(Event::raw("note", b"one").stream("demo"))?;
/// let anchor = vault.tree_head()?.into();
/// alice.commit(Event::raw("note", b"two").stream("demo"))?;
/// assert_eq!(vault.verify(&[anchor])?.tail, TailVerdict::Consistent { anchored: 1 });
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Anchor {
    /// Entries in the tree.
    pub size: u64,
    /// Its RFC 6962 root.
    pub root: [u8; 32],
}

impl From<TreeHead> for Anchor {
    fn from(head: TreeHead) -> Self {
        Self { size: head.size, root: head.root }
    }
}

/// The first place where something stored is not what it must be.
///
/// ```
/// use causal_vault::Vault;
///
/// let report = Vault::in_memory()?.verify(&[])?;
/// assert!(report.breaks.is_empty());
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Break {
    /// The position, where one is concerned.
    pub position: Option<u64>,
    /// The sequence number in its log, where one is concerned.
    pub seq: Option<u64>,
    /// The rule that does not hold.
    pub rule: ChainRule,
    /// What is there.
    pub found: String,
    /// What must be there.
    pub expected: String,
}

impl Break {
    pub(crate) fn new(
        position: Option<u64>,
        seq: Option<u64>,
        rule: ChainRule,
        found: impl ToString,
        expected: impl ToString,
    ) -> Self {
        Self { position, seq, rule, found: found.to_string(), expected: expected.to_string() }
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rule)?;
        if let Some(position) = self.position {
            write!(f, " at position {position}")?;
        }
        if let Some(seq) = self.seq {
            write!(f, " (entry {seq} of its log)")?;
        }
        write!(f, ": found {}, expected {}", self.found, self.expected)
    }
}

/// What holds for one log.
///
/// ```
/// use causal_vault::{Event, LogVerdict, Vault};
///
/// let vault = Vault::in_memory()?;
/// vault.named_writer("alice")?.commit(Event::raw("note", b"one").stream("demo"))?;
/// assert_eq!(vault.verify(&[])?.logs[0].verdict, LogVerdict::Unsigned);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogVerdict {
    /// Every rule holds, and an anchor held elsewhere covers every entry.
    Anchored,
    /// A rule does not hold; nothing is said about what follows it in this log.
    Broken(Break),
    /// Every rule holds and signatures cover every entry; no anchor says that none was cut off.
    SignedUnanchored,
    /// Every rule holds; whoever can write the file could have written this log.
    Unsigned,
}

/// One log and what holds for it.
///
/// ```
/// use causal_vault::{Event, Vault};
///
/// let vault = Vault::in_memory()?;
/// vault.named_writer("alice")?.commit(Event::raw("note", b"one").stream("demo"))?;
/// let report = vault.verify(&[])?;
/// assert_eq!((&*report.logs[0].stream, &*report.logs[0].writer_name), ("demo", "alice"));
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogReport {
    /// The stream.
    pub stream: Arc<str>,
    /// The writer.
    pub writer: Fingerprint,
    /// The writer's name, or its fingerprint in hex.
    pub writer_name: Arc<str>,
    /// The epoch.
    pub epoch: u32,
    /// The sequence number of the first entry that was checked.
    pub first: u64,
    /// Entries that were checked.
    pub entries: u64,
    /// How many of them an anchor covers.
    pub anchored: u64,
    /// How many of them the last signature covers: itself and all before it.
    pub signed: u64,
    /// What holds for all of them.
    pub verdict: LogVerdict,
}

/// Consecutive entries of one log for which the same holds.
///
/// ```
/// use causal_vault::{Event, LogRange, LogVerdict, Vault};
///
/// let vault = Vault::in_memory()?;
/// vault.named_writer("alice")?.commit(Event::raw("note", b"one").stream("demo"))?;
/// let ranges = vault.verify(&[])?.logs[0].ranges();
/// assert_eq!((ranges[0].first, ranges[0].last, &ranges[0].verdict), (1, 1, &LogVerdict::Unsigned));
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogRange {
    /// The sequence number of the first of them.
    pub first: u64,
    /// The sequence number of the last of them.
    pub last: u64,
    /// What holds.
    pub verdict: LogVerdict,
}

impl LogReport {
    /// The entries that were checked, in ranges with a verdict each: what an anchor covers, what a signature covers beyond
    /// that, what neither does, and from the first break on the rest, of which nothing is said. A break that names no entry
    /// is all of the log's.
    ///
    /// ```
    /// use causal_vault::{Event, LogVerdict, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.writer(SigningKey::from_bytes(&[7; 32]))?;
    /// alice.commit(Event::raw("note", b"one").stream("demo"))?;
    /// let anchor = vault.tree_head()?.into();
    /// alice.commit(Event::raw("note", b"two").stream("demo"))?;
    /// let ranges = vault.verify(&[anchor])?.logs[0].ranges();
    /// assert_eq!((ranges[0].last, &ranges[0].verdict), (1, &LogVerdict::Anchored));
    /// assert_eq!((ranges[1].last, &ranges[1].verdict), (2, &LogVerdict::SignedUnanchored));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn ranges(&self) -> Vec<LogRange> {
        let before = self.first - 1;
        let intact = match &self.verdict {
            LogVerdict::Broken(broken) if broken.seq.is_none() => 0,
            LogVerdict::Broken(_) => self.entries - 1,
            _ => self.entries,
        };
        let anchored = self.anchored.min(intact);
        let signed = self.signed.clamp(anchored, intact);
        let ranges = [
            (0, anchored, LogVerdict::Anchored),
            (anchored, signed, LogVerdict::SignedUnanchored),
            (signed, intact, LogVerdict::Unsigned),
            (intact, self.entries, self.verdict.clone()),
        ];
        let range = |(from, to, verdict)| LogRange { first: before + from + 1, last: before + to, verdict };
        ranges.into_iter().filter(|(from, to, _)| from < to).map(range).collect()
    }
}

/// What the anchors say about the end of the timeline.
///
/// ```
/// use causal_vault::{TailVerdict, Vault};
///
/// assert_eq!(Vault::in_memory()?.verify(&[])?.tail, TailVerdict::Unanchored);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TailVerdict {
    /// Everything that was anchored is there, unchanged.
    Consistent {
        /// The size of the newest anchor.
        anchored: u64,
    },
    /// What is there is not what was anchored.
    Diverged {
        /// The smallest anchored size at which the roots differ.
        at: u64,
    },
    /// Entries that were anchored are missing.
    Truncated {
        /// The size of the smallest anchor that is not reached.
        anchored: u64,
        /// The entries that are there.
        found: u64,
    },
    /// Without an anchor a rolled-back store cannot be told from a short one.
    Unanchored,
}

/// Something that is kept beside the entries' bytes and follows from them.
///
/// ```
/// use causal_vault::{Derived, Event, Vault};
///
/// let vault = Vault::in_memory()?;
/// vault.named_writer("alice")?.commit(Event::raw("note", b"one").stream("demo"))?;
/// vault.backend().exec("UPDATE vault_entry SET lamport = 7", &[])?;
/// assert_eq!(vault.verify(&[])?.derived(), [Derived::Columns]);
/// assert!(vault.rebuild(&[])?.is_intact());
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Derived {
    /// The columns of entries, with the tables of logs and kinds that they point to.
    Columns,
    /// The edges between entries and their parents.
    Edges,
    /// The engine's indexes and the trees that its tables are.
    Indexes,
    /// The look-up by bare hash.
    Lookup,
    /// The kept nodes of the Merkle tree.
    Nodes,
    /// The stored tree head. It also tells that entries were cut off, so that it is rebuilt only where an anchor says that
    /// none were.
    TreeHead,
}

impl Derived {
    /// What may be at fault where this rule does not hold, if that can be built anew.
    fn behind(rule: ChainRule) -> Option<Self> {
        match rule {
            ChainRule::CausalDigest
            | ChainRule::Column
            | ChainRule::EntryHash
            | ChainRule::Scope
            | ChainRule::WriterIdentity => Some(Self::Columns),
            ChainRule::Edge => Some(Self::Edges),
            ChainRule::Index => Some(Self::Indexes),
            ChainRule::Lookup => Some(Self::Lookup),
            ChainRule::Node => Some(Self::Nodes),
            ChainRule::TreeHead => Some(Self::TreeHead),
            _ => None,
        }
    }
}

/// What verification found.
///
/// ```
/// use causal_vault::{Event, Vault};
///
/// let vault = Vault::in_memory()?;
/// vault.named_writer("alice")?.commit(Event::raw("note", b"one").stream("demo"))?;
/// let report = vault.verify(&[])?;
/// assert!(report.is_intact());
/// println!("{report}");
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// The position behind which entries were checked: 0, or the size of the anchor that an
    /// [incremental](crate::Verifier::since) verification began with. Of what stands before it, nothing is said.
    pub since: u64,
    /// The tree over the entries that are there.
    pub tree: TreeHead,
    /// Each log.
    pub logs: Vec<LogReport>,
    /// What is broken outside of any one log: positions, edges, shared payloads, the stored tree head.
    pub breaks: Vec<Break>,
    /// What the anchors say.
    pub tail: TailVerdict,
}

impl VerifyReport {
    pub(super) fn new(logs: Vec<LogReport>, breaks: Vec<Break>, tree: TreeHead, tail: TailVerdict) -> Self {
        Self { since: 0, tree, logs, breaks, tail }
    }

    /// Where the anchor that it was to begin with is contradicted, and nothing was checked.
    pub(super) fn of_nothing(since: u64, tree: TreeHead, tail: TailVerdict) -> Self {
        Self { since, ..Self::new(Vec::new(), Vec::new(), tree, tail) }
    }

    /// What of the things that are wrong can be [rebuilt](crate::Vault::rebuild) from the entries, if these are right:
    /// each once, in alphabetical order. Of each log only the first break is known.
    ///
    /// ```
    /// use causal_vault::Vault;
    ///
    /// assert!(Vault::in_memory()?.verify(&[])?.derived().is_empty());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn derived(&self) -> Vec<Derived> {
        let in_logs = self.logs.iter().filter_map(|log| match &log.verdict {
            LogVerdict::Broken(broken) => Some(broken),
            _ => None,
        });
        let found: BTreeSet<Derived> =
            in_logs.chain(&self.breaks).filter_map(|broken| Derived::behind(broken.rule)).collect();
        found.into_iter().collect()
    }

    /// Whether every rule holds and no anchor is contradicted. It does not mean signed, or anchored: read the verdicts.
    ///
    /// ```
    /// use causal_vault::Vault;
    ///
    /// assert!(Vault::in_memory()?.verify(&[])?.is_intact());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn is_intact(&self) -> bool {
        self.breaks.is_empty()
            && !self.logs.iter().any(|log| matches!(log.verdict, LogVerdict::Broken(_)))
            && !matches!(self.tail, TailVerdict::Diverged { .. } | TailVerdict::Truncated { .. })
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_intact() { "intact" } else { "BROKEN" };
        write!(f, "{verdict}: {} entries in {} logs", self.tree.size, self.logs.len())?;
        if self.since > 0 {
            write!(f, ", checked from {} on", self.since + 1)?;
        }
        match self.tail {
            TailVerdict::Consistent { anchored } => write!(f, ", anchored up to {anchored}")?,
            TailVerdict::Diverged { at } => write!(f, ", diverged from the anchor at {at}")?,
            TailVerdict::Truncated { anchored, found } => write!(f, ", cut from {anchored} to {found} entries")?,
            TailVerdict::Unanchored => write!(f, ", unanchored")?,
        }
        for log in &self.logs {
            if let LogVerdict::Broken(broken) = &log.verdict {
                write!(f, "\n  stream {:?} writer {:?}: {broken}", log.stream, log.writer_name)?;
            }
        }
        for broken in &self.breaks {
            write!(f, "\n  {broken}")?;
        }
        Ok(())
    }
}
