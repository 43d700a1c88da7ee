//! A writer's handle on a vault.

use std::fmt;

use super::event::Event;
use super::open::Vault;
use super::receipt::Receipt;
use crate::causal::draft::{Author, Draft, Signing};
use crate::causal::signer::check_public_key;
use crate::causal::writer::Identity;
use crate::causal::{Fingerprint, Signer};
use crate::words::Result;

/// Commits events under one identity.
///
/// ```
/// use causal_vault::{Event, SigningKey, Vault};
///
/// let vault = Vault::in_memory()?;
/// let alice = vault.writer(SigningKey::from_bytes(&[7; 32]))?;
/// let receipt = alice.commit(Event::new("chat.message", "hello")?.stream("conv:demo"))?;
/// assert_eq!(receipt.writer, alice.id());
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone)]
#[must_use = "a writer writes when it commits"]
pub struct Writer {
    vault: Vault,
    author: Author,
}

impl Vault {
    /// A writer that signs every entry with an ed25519 key: a [`SigningKey`](crate::SigningKey), or a [`Signer`] of the
    /// caller's that keeps the key elsewhere. A public key that no signature can be verified with is refused.
    ///
    /// ```
    /// use causal_vault::{SigningKey, Vault};
    ///
    /// let alice = Vault::in_memory()?.writer(SigningKey::from_bytes(&[7; 32]))?;
    /// assert_eq!(alice.id().to_hex()[..8], *"0871f3aa");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn writer(&self, signer: impl Signer + 'static) -> Result<Writer> {
        let public_key = signer.public_key();
        check_public_key(&public_key)?;
        let identity = Identity::signed(public_key);
        Ok(Writer { vault: self.clone(), author: Author::signing(identity, signer) })
    }

    /// A writer that has a name and no key: it can sign nothing, and whoever can write the file can write in its name.
    ///
    /// ```
    /// use causal_vault::Vault;
    ///
    /// let alice = Vault::in_memory()?.named_writer("alice")?;
    /// assert_eq!(alice.id().to_hex()[..8], *"e06d30fb");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn named_writer(&self, name: &str) -> Result<Writer> {
        let identity = Identity::named(name)?;
        Ok(Writer { vault: self.clone(), author: Author::named(identity) })
    }
}

impl Writer {
    /// Signs only the last entry of each transaction in a stream: through the chain it covers the ones before it, at a
    /// fraction of the cost. Of no effect on a named writer.
    ///
    /// What is covered so cannot be shown to others by itself: an entry inside a batch has no signature of its own. If its
    /// writer signs another batch with another entry at that place, both histories are signed, and there is no portable proof
    /// against the writer ([`Equivocation`](crate::Equivocation)) but where both have a signed entry at one place.
    ///
    /// ```
    /// use causal_vault::{Event, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.writer(SigningKey::from_bytes(&[7; 32]))?.signing_last();
    /// alice.commit_batch((0..100).map(|n| Event::raw("tick", vec![n]).stream("clock")))?;
    /// assert_eq!(vault.verify(&[])?.logs[0].signed, 100);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn signing_last(mut self) -> Self {
        if let Signing::Each(signer) = self.author.signing {
            self.author.signing = Signing::Last(signer);
        }
        self
    }

    /// Who this writer is.
    ///
    /// ```
    /// use causal_vault::{Fingerprint, Vault};
    ///
    /// let alice = Vault::in_memory()?.named_writer("alice")?;
    /// assert_eq!(alice.id(), Fingerprint::named("alice")?);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn id(&self) -> Fingerprint {
        self.author.identity.id()
    }

    /// Commits one event: when it returns, the event is stored at the vault's durability.
    ///
    /// Commits that other threads ask for meanwhile share the next transaction and its flush, up to 4,096 of them and
    /// 16 MiB; each succeeds or fails by itself. A commit that is alone waits for nobody.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let receipt = vault.named_writer("alice")?.commit(Event::new("note", "hi")?.stream("conv:demo"))?;
    /// assert_eq!(receipt.seq, 1);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn commit(&self, event: Event) -> Result<Receipt> {
        let draft = event.draft(self.vault.settings().payload_bytes)?;
        self.vault.commit_in_group(&self.author, draft)
    }

    /// Commits several events in one transaction: all of them, or none. At most 4,096 and 16 MiB.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let events = ["one", "two"].map(|text| Event::raw("note", text).stream("conv:demo"));
    /// let receipts = vault.named_writer("alice")?.commit_batch(events)?;
    /// assert_eq!(receipts.iter().map(|receipt| receipt.seq).collect::<Vec<_>>(), [1, 2]);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn commit_batch(&self, events: impl IntoIterator<Item = Event>) -> Result<Vec<Receipt>> {
        let limit = self.vault.settings().payload_bytes;
        let mut drafts = events.into_iter().map(|event| event.unhashed(limit)).collect::<Result<Vec<_>>>()?;
        Draft::hash_each(&mut drafts);
        self.vault.transaction(|tx| drafts.iter().map(|draft| tx.append_draft(&self.author, draft)).collect())
    }

    pub(super) fn new(vault: Vault, author: Author) -> Self {
        Self { vault, author }
    }

    pub(super) fn author(&self) -> &Author {
        &self.author
    }

    pub(super) fn vault(&self) -> &Vault {
        &self.vault
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("vault", &self.vault)
            .field("name", &self.author.identity.label())
            .finish_non_exhaustive()
    }
}
