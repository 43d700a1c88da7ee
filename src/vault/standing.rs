//! Who a writer is by now: its key, its epoch, and whether it may write.

use std::sync::Arc;

use super::header::Position;
use super::open::Vault;
use super::receipt::Receipt;
use super::transaction::VaultTransaction;
use super::writer::Writer;
use crate::backend::Sql;
use crate::causal::authority::{self, Authority, Scope};
use crate::causal::draft::{Author, Draft, Signing};
use crate::causal::key_event::{REVOCATION, ROTATION, stream_of, vault_identity};
use crate::causal::signer::{PURPOSE_ENTRY, check_public_key, message};
use crate::causal::table::{entry, timeline, writer};
use crate::causal::writer_log::opaque;
use crate::causal::{EventRef, Fingerprint, KeyRotation, Signer, verify_entry_signature};
use crate::words::{Result, StoreError};

/// What the events of a tenant say about a writer. See [`Vault::standing`].
///
/// ```
/// use causal_vault::{Fingerprint, Standing, Vault};
///
/// let standing: Standing = Vault::in_memory()?.standing(Fingerprint::named("alice")?)?;
/// assert!(standing.may_write());
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// The epoch of what it appends next.
    pub epoch: u32,
    /// The public key that it signs with: `None` for a named writer, and for one that this vault does not know.
    pub key: Option<[u8; 32]>,
    /// Where the first proof stands that it has signed two entries at one place.
    pub frozen: Option<Position>,
    /// Where it was revoked.
    pub revoked: Option<Position>,
}

impl Standing {
    /// Whether it is neither frozen nor revoked.
    ///
    /// ```
    /// use causal_vault::{SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.writer(SigningKey::from_bytes(&[7; 32]))?;
    /// alice.revoke(None)?;
    /// assert!(!vault.standing(alice.id())?.may_write());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn may_write(&self) -> bool {
        self.frozen.is_none() && self.revoked.is_none()
    }
}

impl Vault {
    /// Who a writer is by now in this tenant, by the events up to the last one.
    ///
    /// ```
    /// use causal_vault::{Signer, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.writer(SigningKey::from_bytes(&[7; 32]))?;
    /// let new = SigningKey::from_bytes(&[8; 32]);
    /// let alice = alice.rotate(new.clone())?;
    /// let standing = vault.standing(alice.id())?;
    /// assert_eq!((standing.epoch, standing.key), (1, Some(new.public_key())));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn standing(&self, writer: Fingerprint) -> Result<Standing> {
        let scope = self.scope()?;
        let authority = Authority::read(self.db(), scope, &writer)?;
        let base = authority::epoch(self.db(), scope)?;
        let first_key = authority::first_key(self.db(), &writer)?;
        let place = |id| Position::new(entry::position(id));
        Ok(Standing {
            epoch: authority.epoch_at(base, u64::MAX).unwrap_or(u32::MAX),
            key: authority.rotated_key_at(u64::MAX).or(first_key),
            frozen: authority.frozen.as_ref().map(|(at, _)| place(*at)),
            revoked: authority.revoked.map(|revoked| place(revoked.at)),
        })
    }

    /// The events by which a writer went from its first key to the one it has, the oldest first.
    ///
    /// ```
    /// use causal_vault::{Fingerprint, Vault};
    ///
    /// assert!(Vault::in_memory()?.rotations(Fingerprint::named("alice")?)?.is_empty());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn rotations(&self, writer: Fingerprint) -> Result<Vec<KeyRotation>> {
        let authority = Authority::read(self.db(), self.scope()?, &writer)?;
        Ok(authority.rotations.iter().map(|(_, rotation)| rotation.clone()).collect())
    }

    /// A writer that has [rotated](Writer::rotate) its key, with the key that it has now. Its id is still that of its first
    /// key, which [`writer`](Self::writer) would make anew of the new one.
    ///
    /// ```
    /// use causal_vault::{Event, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.writer(SigningKey::from_bytes(&[7; 32]))?;
    /// let alice = alice.rotate(SigningKey::from_bytes(&[8; 32]))?;
    ///
    /// // The next time the program starts, with what it has kept: the writer's id and the new key.
    /// let again = vault.writer_as(alice.id(), SigningKey::from_bytes(&[8; 32]))?;
    /// let receipt = again.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// assert_eq!(receipt.writer, alice.id());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn writer_as(&self, writer: Fingerprint, signer: impl Signer + 'static) -> Result<Writer> {
        let row = writer::find(self.db(), &writer)?.map(|row| writer::read(self.db(), row)).transpose()?.flatten();
        let (_, identity) = row
            .filter(|(_, identity)| identity.id() == writer)
            .ok_or_else(|| StoreError::NotFound { what: "the writer", name: writer.to_hex() })?;
        let (key, standing) = (signer.public_key(), self.standing(writer)?);
        check_public_key(&key)?;
        if standing.key != Some(key) {
            let hex = |key| Fingerprint::from_bytes(key).to_hex();
            return Err(StoreError::KeyNotCurrent {
                writer: identity.label().to_string(),
                found: hex(key),
                expected: standing.key.map_or_else(|| "none".to_owned(), hex),
            });
        }
        Ok(Writer::new(self.clone(), Author::signing(identity, signer)))
    }

    /// Revokes a writer of which the key is lost or in other hands, in the vault's own name: no entry of it behind
    /// `last_good` counts. Nothing more of it is appended, and verification calls what already stands behind `last_good`
    /// broken. `None` says that none of its entries is good.
    ///
    /// What was written is not taken out of the history, so that a vault with entries behind `last_good` never is
    /// [intact](crate::VerifyReport::is_intact) again. It goes on nevertheless: it is [exported](Self::export),
    /// [restored](Self::restore) and [rebuilt](Self::rebuild) as it is, and whoever verifies the bundle is told which logs go
    /// on behind their last good entry.
    ///
    /// The order is that of the commits, never that of a clock. It says what the owner of this vault has decided, and is not
    /// signed: see [`Writer::revoke`] for the writer's own word.
    ///
    /// ```
    /// use causal_vault::{ErrorKind, Event, EventRef, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let note = alice.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// vault.revoke(alice.id(), EventRef::from(&note))?;
    /// let error = alice.commit(Event::raw("note", "more").stream("conv:demo")).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Denied);
    /// assert!(vault.verify(&[])?.is_intact());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn revoke(&self, writer: Fingerprint, last_good: impl Into<Option<EventRef>>) -> Result<Receipt> {
        if writer == vault_identity().id() {
            return Err(StoreError::Invalid {
                what: "writer",
                reason: "it is the vault's own, and events about writers are by it".to_owned(),
            });
        }
        self.append_revocation(&Author::named(vault_identity()), writer, last_good.into())
    }

    fn append_revocation(&self, author: &Author, writer: Fingerprint, last_good: Option<EventRef>) -> Result<Receipt> {
        if let Some(other) = last_good.as_ref().filter(|last_good| last_good.writer != writer) {
            return Err(StoreError::Invalid {
                what: "last good entry",
                reason: format!("{other} is not by writer {writer}, which is to be revoked"),
            });
        }
        let draft = Draft::new(stream_of(&writer), REVOCATION, Vec::new(), 0)?
            .with_parents(last_good.into_iter().collect::<Vec<_>>())?
            .with_extensions(&[opaque()])?;
        self.transaction(|tx| tx.append_draft(author, &draft))
    }

    /// This tenant's timeline, 0 where it has none yet.
    pub(super) fn scope(&self) -> Result<Scope<'_>> {
        self.scope_in(self.db())
    }

    fn scope_in<S: Sql + ?Sized>(&self, sql: &S) -> Result<Scope<'_>> {
        let timeline = timeline::size(sql, self.tenant(), timeline::MAIN)?.map_or(0, |(timeline, _)| timeline);
        Ok(Scope { realm: self.realm(), tenant: self.tenant(), timeline })
    }
}

impl VaultTransaction<'_> {
    /// What is known of a writer within the transaction.
    pub(super) fn authority(&self, writer: &Fingerprint) -> Result<Arc<Authority>> {
        Authority::read(self.sql(), self.vault().scope_in(self.sql())?, writer)
    }
}

impl Writer {
    /// Goes on to a new key: the old one signs an event that names it, and from the next position on every entry of this
    /// writer in this tenant is signed with the new key, in the next epoch. The writer's id stays what it is.
    ///
    /// The old key is good for nothing from there on; no clock is asked. A writer that is returned signs as this one does,
    /// and [`Vault::writer_as`] makes one when the program starts again. Rotating to the key that the writer has by now
    /// changes nothing, so that it may be retried.
    ///
    /// ```
    /// use causal_vault::{ErrorKind, Event, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.writer(SigningKey::from_bytes(&[7; 32]))?;
    /// let note = |text| Event::raw("note", text).stream("conv:demo");
    /// alice.commit(note("with the old key"))?;
    /// let renewed = alice.rotate(SigningKey::from_bytes(&[8; 32]))?;
    /// assert_eq!(renewed.commit(note("with the new key"))?.writer, alice.id());
    /// assert_eq!(alice.commit(note("with the old key again")).unwrap_err().kind(), ErrorKind::Denied);
    /// assert!(vault.verify(&[])?.is_intact());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn rotate(&self, signer: impl Signer + 'static) -> Result<Writer> {
        let key = signer.public_key();
        check_public_key(&key)?;
        check_signs(&signer, &key)?;
        let (author, id) = (self.author_of_key_events()?, self.id());
        let draft = Draft::new(stream_of(&id), ROTATION, key.to_vec(), key.len())?.with_extensions(&[opaque()])?;
        self.vault().transaction(|tx| {
            let authority = tx.authority(&id)?;
            if authority.rotated_key_at(u64::MAX) == Some(key) {
                return authority.check_may_append(&id.to_hex());
            }
            let used = authority.rotations.iter().any(|(_, rotation)| rotation.key == key);
            if used || author.identity.first_key() == Some(key) {
                return Err(StoreError::Invalid {
                    what: "new key",
                    reason: format!("{} has been this writer's before; make a new one", Fingerprint::from_bytes(key)),
                });
            }
            tx.append_draft(&author, &draft).map(drop)
        })?;
        let signer: Arc<dyn Signer> = Arc::new(signer);
        let signing = match &self.author().signing {
            Signing::Last(_) => Signing::Last(signer),
            Signing::Each(_) | Signing::Never => Signing::Each(signer),
        };
        let author = Author { identity: author.identity, key: Some(key), signing };
        Ok(Writer::new(self.vault().clone(), author))
    }

    /// Revokes this writer by its own word, signed with its key: no entry of it behind `last_good` counts, `None` says that
    /// none at all does. See [`Vault::revoke`] for what that means, and for a writer that cannot sign.
    ///
    /// A writer that only wants another key [rotates](Self::rotate) it.
    ///
    /// ```
    /// use causal_vault::{Event, EventRef, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.writer(SigningKey::from_bytes(&[7; 32]))?;
    /// let note = alice.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// alice.revoke(EventRef::from(&note))?;
    /// assert!(alice.commit(Event::raw("note", "more").stream("conv:demo")).is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn revoke(&self, last_good: impl Into<Option<EventRef>>) -> Result<Receipt> {
        self.vault().append_revocation(&self.author_of_key_events()?, self.id(), last_good.into())
    }

    /// This writer, signing every entry.
    fn author_of_key_events(&self) -> Result<Author> {
        match &self.author().signing {
            Signing::Each(signer) | Signing::Last(signer) => {
                Ok(Author { signing: Signing::Each(Arc::clone(signer)), ..self.author().clone() })
            }
            Signing::Never => Err(StoreError::Invalid {
                what: "writer",
                reason: format!(
                    "{:?} has a name and no key that could sign it; use Vault::revoke, or a writer with a key",
                    self.author().identity.label()
                ),
            }),
        }
    }
}

/// A new key that cannot sign would be the writer's last.
fn check_signs(signer: &dyn Signer, key: &[u8; 32]) -> Result<()> {
    let (realm, hash) = ([0; 32], [0; 32]);
    let signature = signer.sign(&message(PURPOSE_ENTRY, &realm, &hash))?;
    if verify_entry_signature(key, &realm, &hash, &signature) {
        return Ok(());
    }
    Err(StoreError::Signer("its signature does not verify with its own public key".to_owned()))
}
