//! Building anew what follows from the entries.

use super::open::Vault;
use super::recall;
use crate::causal::{Anchor, VerifyReport, rebuild};
use crate::words::Result;

impl Vault {
    /// Builds anew, in one transaction, what [`verify`](Self::verify) found [wrong](VerifyReport::derived) and follows
    /// from the entries' bytes: columns, edges, indexes, tree nodes, the look-up by hash. Intents are forgotten, and found
    /// anew from the embeddings. Then it verifies everything,
    /// against these anchors as well, and commits only what is intact.
    ///
    /// Entries behind the last good one of a writer that was [revoked](Self::revoke) later stay where they are, and are no
    /// reason not to commit: the report says of them what [`verify`](Self::verify) says, and so is not intact.
    ///
    /// The bytes of entries, their order, signatures, payloads, keys and names are not changed; where one of these is
    /// wrong, it is an error that says so, and nothing is changed at all. So it is where the stored tree head is not that
    /// of the entries: only an anchor tells a damaged tree head from a history that was cut off.
    ///
    /// It writes every entry once more, which takes the room of the whole file again until the transaction ends, and
    /// remembers the parents of all entries meanwhile. Close the vault in other processes first: they remember where they
    /// wrote last.
    ///
    /// ```
    /// use causal_vault::{Derived, Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let one = alice.commit(Event::raw("note", "one").stream("demo"))?;
    /// alice.commit(Event::raw("note", "two").stream("demo").parent(&one))?;
    /// vault.backend().exec("DELETE FROM vault_edge", &[])?;
    /// assert_eq!(vault.verify(&[])?.derived(), [Derived::Edges]);
    /// assert!(vault.rebuild(&[])?.is_intact());
    ///
    /// // A payload follows from nothing.
    /// vault.backend().exec("UPDATE vault_entry SET payload = x'00'", &[])?;
    /// assert!(vault.rebuild(&[]).unwrap_err().to_string().contains("Nothing was changed"));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn rebuild(&self, anchors: &[Anchor]) -> Result<VerifyReport> {
        let outcome = rebuild::rebuild(self.db(), self.tenant(), anchors, |tx, timeline| recall::forget(tx, timeline));
        self.forget();
        self.health().heed(outcome)
    }
}
