//! What a restored backup needs: to be noticed, and a new epoch.

use super::open::Vault;
use super::receipt::Receipt;
use super::sink::CheckpointSink;
use crate::causal::Checkpoint;
use crate::causal::admission::epoch_draft;
use crate::causal::draft::Author;
use crate::causal::key_event::vault_identity;
use crate::causal::table::timeline;
use crate::words::{Result, StoreError};

impl Vault {
    /// Begins a new epoch in every tenant of this file: call it once after the file was restored from a backup, before
    /// anything is appended.
    ///
    /// Every log goes on in an epoch of its own with its next entry, whose number is 1 again. What is appended from here on
    /// can therefore not stand at the places of entries that the backup did not have and that others may have seen, which
    /// would look as if their writers had signed two histories. An event `vault.epoch` in each tenant announces it; a
    /// tenant that is made later begins with one.
    ///
    /// The reason, up to [`limits::EPOCH_REASON`](crate::limits::EPOCH_REASON) bytes, is for people. To call it again, or
    /// without need, does no harm. The tenants are told one after the other: where it fails, those before were told, and it is to be called again.
    ///
    /// ```
    /// use causal_vault::{Event, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.writer(SigningKey::from_bytes(&[7; 32]))?;
    /// alice.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// vault.begin_epoch("restored from last night's backup")?;
    /// assert!(vault.standing(alice.id())?.epoch > 0);
    /// assert_eq!(alice.commit(Event::raw("note", "more").stream("conv:demo"))?.seq, 1);
    /// assert!(vault.verify(&[])?.is_intact());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn begin_epoch(&self, reason: &str) -> Result<Receipt> {
        let (author, draft) = (Author::named(vault_identity()), epoch_draft(reason)?);
        for tenant in timeline::tenants(self.db())?.iter().filter(|tenant| **tenant != self.tenant()) {
            self.for_tenant(tenant)?.transaction(|tx| tx.append_draft(&author, &draft))?;
        }
        self.transaction(|tx| tx.append_draft(&author, &draft))
    }

    /// Whether this tenant has all that a sink has seen published: look before the first append to a file of which the past
    /// is in doubt.
    ///
    /// A tenant that ends before the published checkpoint is [`StoreError::BehindCheckpoint`]: the file was restored from a
    /// backup. Where what is missing cannot be restored either, [`begin_epoch`](Self::begin_epoch) is the way on; the sink
    /// keeps the checkpoint that the new history does not continue, and takes no other. One that has another history at the
    /// checkpoint's size is [`StoreError::InconsistentHistory`].
    ///
    /// ```
    /// use causal_vault::{FileSink, NoteSigner, SigningKey, Vault};
    ///
    /// let other_disk = tempfile::tempdir().unwrap();
    /// let sink = FileSink::new(other_disk.path().join("checkpoint"));
    /// let vault = Vault::in_memory()?;
    /// let signer = NoteSigner::new(vault.origin("vault.example")?, SigningKey::from_bytes(&[9; 32]))?;
    /// vault.publish_checkpoint(&signer, &sink)?;
    /// vault.check_published(&sink)?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn check_published(&self, sink: &dyn CheckpointSink) -> Result<()> {
        let Some(note) = sink.latest()? else { return Ok(()) };
        let published: Checkpoint = note.text().parse()?;
        if !published.origin().ends_with(&self.origin_path()) {
            return Err(StoreError::Invalid {
                what: "checkpoint sink",
                reason: format!(
                    "it holds a checkpoint of {:?}, and this tenant's are of HOST{}",
                    published.origin(),
                    self.origin_path()
                ),
            });
        }
        let (found, published) = (self.tree_head()?.size, published.head());
        if found < published.size {
            return Err(StoreError::BehindCheckpoint {
                tenant: self.tenant().to_owned(),
                found,
                published: published.size,
            });
        }
        self.continued([published].into_iter()).map(drop)
    }
}
