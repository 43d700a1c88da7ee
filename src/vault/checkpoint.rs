//! Checkpoints of a tenant's tree: issued, kept, cosigned.

use super::open::Vault;
use crate::backend::{Access, Backend, Sql, columns};
use crate::causal::authority;
use crate::causal::merkle::Frontier;
use crate::causal::schema::ensure_table;
use crate::causal::table::{Table, int, node, text, timeline, writer};
use crate::causal::{
    Checkpoint, Fingerprint, NoteSigner, NoteVerifier, SignedNote, TreeHead, path, verify_consistency,
};
use crate::words::{Result, StoreError};

const TABLE: Table = Table {
    name: "vault_checkpoint",
    schema: &["CREATE TABLE vault_checkpoint (\
               tenant TEXT NOT NULL, \
               size INTEGER NOT NULL, \
               origin TEXT NOT NULL, \
               note TEXT NOT NULL, \
               PRIMARY KEY (tenant, size, origin)) STRICT"],
};

pub(super) fn ensure(db: &dyn Backend) -> Result<()> {
    ensure_table(db, &TABLE)
}

impl Vault {
    /// The name under which this tenant's checkpoints are issued: `host/first-8-bytes-of-realm-in-hex/tenant`. The host is
    /// a name of the operator's, such as a domain; nothing has to answer there.
    ///
    /// A tenant whose name holds a space or a `+` can have no checkpoints: their format has no place for such names.
    ///
    /// ```
    /// let vault = causal_vault::Vault::builder().tenant("acme").in_memory()?;
    /// let origin = vault.origin("vault.example")?;
    /// assert_eq!(origin, format!("vault.example/{}/acme", &vault.realm().to_hex()[..16]));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn origin(&self, host: &str) -> Result<String> {
        if host.is_empty() || host.chars().any(|c| c.is_whitespace() || c.is_control() || "+/".contains(c)) {
            return Err(StoreError::InvalidName {
                what: "host",
                name: host.to_owned(),
                reason: "it is empty or holds a space, a control character, a plus or a slash; use a domain",
            });
        }
        Ok(format!("{host}{}", self.origin_path()))
    }

    /// Issues a checkpoint of the tree as it is now, keeps it in the vault and returns it: to be published where the
    /// vault's owner cannot take it back, see [`publish_checkpoint`](Self::publish_checkpoint).
    ///
    /// The signer's name is this tenant's [`origin`](Self::origin). Its key is to be used for nothing else: one with which a
    /// writer in this file began, or to which a writer of this tenant has rotated, is refused. Where the tree has
    /// not grown, the checkpoint that was issued before is returned, with its cosignatures. A tree that does not continue
    /// the one in the last checkpoint is an error that names both, and nothing is signed.
    ///
    /// Without a flush at each commit ([`Durability::Fast`](crate::Durability::Fast)) a power cut can take back what a
    /// checkpoint was issued for.
    ///
    /// ```
    /// use causal_vault::{Event, NoteSigner, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("demo"))?;
    /// let signer = NoteSigner::new(vault.origin("vault.example")?, SigningKey::from_bytes(&[9; 32]))?;
    /// println!("{}", vault.checkpoint(&signer)?);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn checkpoint(&self, signer: &NoteSigner) -> Result<SignedNote> {
        self.issue(signer, None)
    }

    /// Issues a checkpoint that continues the last one that was kept here, and the last one that was published.
    pub(super) fn issue(&self, signer: &NoteSigner, published: Option<Checkpoint>) -> Result<SignedNote> {
        self.check_signer(signer)?;
        let kept = self.last_checkpoint()?.map(|note| note.text().parse()).transpose()?;
        let head = self.continued([published, kept].iter().flatten().map(Checkpoint::head))?;
        let note = SignedNote::sign(Checkpoint::new(signer.name(), head)?.to_string(), signer)?;
        self.keep(note)
    }

    /// The newest checkpoint that was issued, or `None`.
    ///
    /// ```
    /// assert_eq!(causal_vault::Vault::in_memory()?.last_checkpoint()?, None);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn last_checkpoint(&self) -> Result<Option<SignedNote>> {
        let statement = "SELECT note FROM vault_checkpoint WHERE tenant = ? ORDER BY size DESC, origin LIMIT 1";
        self.db().first(statement, &[text(self.tenant())], |row| parse(columns::text(row, 0)?))
    }

    /// The newest checkpoint of a size in this range, and its size.
    pub(crate) fn newest_checkpoint(&self, from: u64, to: u64) -> Result<Option<(u64, SignedNote)>> {
        let statement = "SELECT size, note FROM vault_checkpoint WHERE tenant = ? AND size BETWEEN ? AND ? \
             ORDER BY size DESC, origin LIMIT 1";
        self.db().first(statement, &[text(self.tenant()), int(from), int(to)], |row| {
            Ok((columns::counter(row, 0)?, parse(columns::text(row, 1)?)?))
        })
    }

    /// Every checkpoint that was issued, the oldest first, with the cosignatures that came for it.
    ///
    /// ```
    /// use causal_vault::{NoteSigner, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let signer = NoteSigner::new(vault.origin("vault.example")?, SigningKey::from_bytes(&[9; 32]))?;
    /// let note = vault.checkpoint(&signer)?;
    /// assert_eq!(vault.checkpoints()?, [note]);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn checkpoints(&self) -> Result<Vec<SignedNote>> {
        let statement = "SELECT note FROM vault_checkpoint WHERE tenant = ? ORDER BY size, origin";
        self.db().all(statement, &[text(self.tenant())], |row| parse(columns::text(row, 0)?))
    }

    /// Keeps what a witness has added to a checkpoint of this vault, once it is verified to be the witness's, and returns
    /// the checkpoint with all that it has by now. One that was not issued here is an error.
    ///
    /// ```
    /// use causal_vault::{NoteSigner, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let log = NoteSigner::new(vault.origin("vault.example")?, SigningKey::from_bytes(&[9; 32]))?;
    /// let note = vault.checkpoint(&log)?;
    ///
    /// // The witness, elsewhere.
    /// let witness = NoteSigner::new("witness.example/w1", SigningKey::from_bytes(&[3; 32]))?;
    /// let mut cosigned = note.clone();
    /// cosigned.add(witness.cosign(&note, 1_767_225_600)?)?;
    ///
    /// let kept = vault.add_cosignature(&cosigned, &witness.cosignature_verifier())?;
    /// assert_eq!(kept.signatures().len(), 2);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn add_cosignature(&self, note: &SignedNote, witness: &NoteVerifier) -> Result<SignedNote> {
        note.cosigned_at(witness)?;
        let checkpoint: Checkpoint = note.text().parse()?;
        let tx = self.db().begin(Access::Write)?;
        let issued = self.find_checkpoint(&*tx, &checkpoint)?.filter(|issued| issued.text() == note.text());
        let mut kept = issued.ok_or_else(|| StoreError::NotFound {
            what: "the checkpoint",
            name: format!("of {:?} at size {} with that root", checkpoint.origin(), checkpoint.head().size),
        })?;
        for signature in note.signatures_of(witness)? {
            kept.add(signature.clone())?;
        }
        self.store(&*tx, &checkpoint, &kept)?;
        self.commit_own(tx)?;
        Ok(kept)
    }

    /// The tree as it is now, if it continues all of these.
    pub(super) fn continued(&self, earlier: impl Iterator<Item = TreeHead>) -> Result<TreeHead> {
        let tx = self.db().begin(Access::Read)?;
        if !tx.is_outermost() {
            return Err(StoreError::Unsupported {
                what: "a checkpoint within the caller's own transaction",
                reason:
                    "what is signed could still be rolled back; commit first (a backend says by `is_outermost` that \
                         its commits are final)"
                        .to_owned(),
            });
        }
        let timeline = timeline::find(&*tx, self.tenant(), timeline::MAIN)?;
        let now = timeline.as_ref().map_or_else(|| Frontier::new().head(), |timeline| timeline.tree.head());
        let id = timeline.map_or(0, |timeline| timeline.id);
        for last in earlier {
            let mut read = |level, from, to| node::read(&*tx, id, level, from, to);
            let continues = last.size <= now.size
                && verify_consistency(
                    last.size,
                    &last.root,
                    now.size,
                    &now.root,
                    &path::consistency(last.size, now.size, &mut read)?,
                );
            if !continues {
                return Err(StoreError::InconsistentHistory {
                    tenant: self.tenant().to_owned(),
                    issued_size: last.size,
                    issued_root: hex(&last.root),
                    found_size: now.size,
                    found_root: hex(&now.root),
                });
            }
        }
        Ok(now)
    }

    fn check_signer(&self, signer: &NoteSigner) -> Result<()> {
        let refuse = |reason: String| Err(StoreError::Invalid { what: "checkpoint signer", reason });
        let host = signer.name().strip_suffix(&self.origin_path());
        if host.is_none_or(|host| self.origin(host).is_err()) {
            return refuse(format!(
                "its name is {:?}, and this tenant's checkpoints are issued under HOST{}",
                signer.name(),
                self.origin_path()
            ));
        }
        let key = signer.public_key();
        let first = Fingerprint::from_ed25519_pubkey(&key);
        let writer = match writer::find(self.db(), &first)? {
            Some(_) => Some(first),
            None => authority::rotated_to(self.db(), self.scope()?, &key)?,
        };
        match writer {
            Some(writer) => refuse(format!("its key is that of writer {writer}; checkpoints have a key of their own")),
            None => Ok(()),
        }
    }

    pub(super) fn origin_path(&self) -> String {
        let realm = self.realm().to_hex();
        format!("/{}/{}", realm.get(..16).unwrap_or_default(), self.tenant())
    }

    /// Stores a note, together with what was stored for the same checkpoint before.
    fn keep(&self, note: SignedNote) -> Result<SignedNote> {
        let checkpoint: Checkpoint = note.text().parse()?;
        let tx = self.db().begin(Access::Write)?;
        let mut kept = self.find_checkpoint(&*tx, &checkpoint)?.unwrap_or_else(|| note.clone());
        if kept.text() != note.text() {
            return Err(StoreError::Corrupt {
                what: TABLE.name.to_owned(),
                detail: format!("it holds {:?}, where {:?} was signed; restore it", kept.text(), note.text()),
            });
        }
        for signature in note.signatures() {
            kept.add(signature.clone())?;
        }
        self.store(&*tx, &checkpoint, &kept)?;
        self.commit_own(tx)?;
        Ok(kept)
    }

    /// What was issued under the name and the size of this one.
    fn find_checkpoint<S: Sql + ?Sized>(&self, sql: &S, checkpoint: &Checkpoint) -> Result<Option<SignedNote>> {
        let statement = "SELECT note FROM vault_checkpoint WHERE tenant = ? AND size = ? AND origin = ?";
        let key = [text(self.tenant()), int(checkpoint.head().size), text(checkpoint.origin())];
        sql.first(statement, &key, |row| parse(columns::text(row, 0)?))
    }

    fn store<S: Sql + ?Sized>(&self, sql: &S, checkpoint: &Checkpoint, note: &SignedNote) -> Result<()> {
        let row =
            [text(self.tenant()), int(checkpoint.head().size), text(checkpoint.origin()), text(&note.to_string())];
        sql.exec_one(
            TABLE.name,
            "INSERT INTO vault_checkpoint (tenant, size, origin, note) VALUES (?, ?, ?, ?) \
             ON CONFLICT (tenant, size, origin) DO UPDATE SET note = excluded.note",
            &row,
        )
    }
}

fn hex(root: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*root).to_hex().to_string()
}

fn parse(note: &str) -> Result<SignedNote> {
    note.parse().map_err(|error: StoreError| StoreError::Corrupt {
        what: TABLE.name.to_owned(),
        detail: format!("{note:?} is no note of a checkpoint: {error}"),
    })
}
