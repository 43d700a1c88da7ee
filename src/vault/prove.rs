//! Proofs from the store: a few hundred hashes are read, however many entries there are.

use super::find::EventKey;
use super::header::Position;
use super::open::Vault;
use crate::backend::{Access, Transaction};
use crate::causal::merkle::Frontier;
use crate::causal::table::timeline::Timeline;
use crate::causal::table::{entry, node, timeline};
use crate::causal::{ConsistencyProof, InclusionProof, TreeHead, path};
use crate::words::{Result, StoreError};

impl Vault {
    /// Proves that an event is in the tree over the first `size` events, or over all of them where none is given.
    ///
    /// What it proves is worth what the tree head is worth that it is checked against: one from a
    /// [checkpoint](Self::checkpoint) or an [`Anchor`](crate::Anchor), not one from the prover.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let note = vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("demo"))?;
    /// let proof = vault.prove_inclusion(&note, None)?;
    /// assert!(proof.verify(&note.hash, &vault.tree_head()?));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn prove_inclusion(&self, event: impl Into<EventKey>, size: Option<u64>) -> Result<InclusionProof> {
        let key = event.into();
        let missing = || StoreError::NotFound { what: "the event", name: key.to_string() };
        let id = self.find(&key)?.ok_or_else(missing)?;
        let stored = entry::link_by_id(self.db(), id)?.ok_or_else(missing)?;
        let index = entry::position(stored.id).checked_sub(1).ok_or_else(missing)?;
        self.with_tree(size, |tree, size| {
            if index >= size {
                return Err(StoreError::Invalid {
                    what: "tree size",
                    reason: format!("the event stands at position {}, after the first {size}", index + 1),
                });
            }
            let path = path::inclusion(index, size, &mut |level, from, to| tree.read(level, from, to))?;
            Ok(InclusionProof { index, size, path })
        })
    }

    /// Proves that the tree over the first `to` events begins with the tree over the first `from`.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let seen = vault.tree_head()?;
    /// vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("demo"))?;
    /// let now = vault.tree_head()?;
    /// assert!(vault.prove_consistency(seen.size, now.size)?.verify(&seen, &now));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn prove_consistency(&self, from: u64, to: u64) -> Result<ConsistencyProof> {
        self.with_tree(Some(to), |tree, to| {
            if from > to {
                return Err(StoreError::Invalid {
                    what: "tree size",
                    reason: format!("{from} entries cannot be the beginning of {to}; give the smaller size first"),
                });
            }
            let path = path::consistency(from, to, &mut |level, from, to| tree.read(level, from, to))?;
            Ok(ConsistencyProof { from, to, path })
        })
    }

    /// The head that this tenant's tree had when it held `size` events.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let note = alice.commit(Event::raw("note", "one").stream("demo"))?;
    /// let then = vault.tree_head()?;
    /// alice.commit(Event::raw("note", "two").stream("demo"))?;
    /// assert_eq!(vault.tree_head_at(note.position)?, then);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn tree_head_at(&self, position: Position) -> Result<TreeHead> {
        self.with_tree(Some(position.number()), |tree, size| {
            Ok(TreeHead { size, root: path::root(0, size, &mut |level, from, to| tree.read(level, from, to))? })
        })
    }

    /// Computes the tree nodes that proofs read anew from the entries, where [`verify`](Self::verify) found them wrong,
    /// and returns how many there are. Entries that do not give the stored tree head are an error: they are not to be
    /// covered up.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let events = (0..300_u16).map(|n| Event::raw("tick", n.to_be_bytes()).stream("clock"));
    /// vault.named_writer("alice")?.commit_batch(events)?;
    /// vault.backend().exec("DELETE FROM vault_node", &[])?;
    /// assert!(!vault.verify(&[])?.is_intact());
    /// assert_eq!(vault.rebuild_tree()?, 1);
    /// assert!(vault.verify(&[])?.is_intact());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn rebuild_tree(&self) -> Result<usize> {
        let tx = self.db().begin(Access::Write)?;
        let Some(timeline) = timeline::find(&*tx, self.tenant(), timeline::MAIN)? else { return Ok(0) };
        let nodes = node::rebuild(&*tx, &timeline)?;
        self.commit_own(tx)?;
        Ok(nodes)
    }

    fn with_tree<T>(&self, size: Option<u64>, prove: impl FnOnce(&Tree<'_>, u64) -> Result<T>) -> Result<T> {
        let tx = self.db().begin(Access::Read)?;
        let timeline = timeline::find(&*tx, self.tenant(), timeline::MAIN)?;
        let Timeline { id, tree } = timeline.unwrap_or_else(|| Timeline { id: 0, tree: Frontier::new() });
        let size = size.unwrap_or_else(|| tree.size());
        if size > tree.size() {
            return Err(StoreError::Invalid {
                what: "tree size",
                reason: format!("{size} entries were asked for and there are {}", tree.size()),
            });
        }
        prove(&Tree { tx: &*tx, timeline: id }, size)
    }
}

/// One state of a tenant's tree.
struct Tree<'t> {
    tx: &'t dyn Transaction,
    timeline: u64,
}

impl Tree<'_> {
    fn read(&self, level: u32, from: u64, to: u64) -> Result<Vec<[u8; 32]>> {
        node::read(self.tx, self.timeline, level, from, to)
    }
}
