//! The vault's own events, most of them about writers: what they are called, where they stand, and how their signatures are checked.
//!
//! ```text
//! stream                 kind                 writer         payload
//! vault:writer:WRITER    vault.rotation       the writer     the new public key, 32 bytes
//! vault:writer:WRITER    vault.revocation     the writer,    nothing; its parent is the last entry that is good
//!                                             or the vault
//! vault:writer:WRITER    vault.equivocation   the vault      the proof
//! vault:writers          vault.epoch          the vault      why, as text
//! vault:intents          vault.consolidation  the vault      the name of a model, whose intents are grouped anew here
//! ```

use super::entry::EntryV1;
use super::fingerprint::Fingerprint;
use super::hash::{EntryHash, PayloadDigest};
use super::signer::{PURPOSE_ENTRY, PURPOSE_KEY_EVENT, verify_signature};
use super::writer::Identity;

/// The named writer of a vault's own events.
pub(crate) const VAULT_WRITER: &str = "causal-vault";
/// What the kinds of a vault's own events begin with.
pub(crate) const RESERVED: &str = "vault.";

pub(crate) const EPOCH_STREAM: &str = "vault:writers";
pub(crate) const EPOCH: &str = "vault.epoch";
pub(crate) const EQUIVOCATION: &str = "vault.equivocation";
pub(crate) const REVOCATION: &str = "vault.revocation";
pub(crate) const ROTATION: &str = "vault.rotation";
pub(crate) const INTENT_STREAM: &str = "vault:intents";
pub(crate) const CONSOLIDATION: &str = "vault.consolidation";

const WRITER_STREAM: &str = "vault:writer:";
/// All of these streams, and hardly any other, stand from the first to before the second.
pub(crate) const STREAMS: (&str, &str) = ("vault:writer", "vault:writet");

/// The writer of a vault's own events.
pub(crate) fn vault_identity() -> Identity {
    Identity::named(VAULT_WRITER).expect("the vault's own name follows the rule for names")
}

/// The stream of the events about a writer.
pub(crate) fn stream_of(writer: &Fingerprint) -> String {
    format!("{WRITER_STREAM}{writer}")
}

/// The writer that the events of a stream are about.
pub(crate) fn subject(stream: &str) -> Option<Fingerprint> {
    // Only as `stream_of` writes it: hexadecimal digits have two cases.
    stream.strip_prefix(WRITER_STREAM).and_then(Fingerprint::from_hex).filter(|writer| stream_of(writer) == stream)
}

/// Whether what is appended here can change what a writer may append next.
pub(crate) fn is_about_writers(stream: &str) -> bool {
    stream == EPOCH_STREAM || stream.starts_with(WRITER_STREAM)
}

/// What the signature of an entry of this kind is for.
pub(crate) fn purpose(kind: &str) -> u8 {
    match kind {
        REVOCATION | ROTATION => PURPOSE_KEY_EVENT,
        _ => PURPOSE_ENTRY,
    }
}

/// An entry as it is hashed and its writer's signature: what proves to anybody that the writer wrote it.
///
/// ```
/// use causal_vault::{Event, EntryHash, SignedEntry, SigningKey, Vault};
///
/// let vault = Vault::in_memory()?;
/// let alice = vault.writer(SigningKey::from_bytes(&[7; 32]))?;
/// let note = alice.commit(Event::raw("note", "hi").stream("conv:demo"))?;
/// let entry: SignedEntry = vault.signed_entry(&note)?;
/// assert_eq!(EntryHash::of(&entry.bytes), note.hash);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignedEntry {
    /// The entry bytes: see [`EntryV1`](crate::EntryV1).
    pub bytes: Vec<u8>,
    /// The writer's signature over their hash.
    pub signature: [u8; 64],
}

impl SignedEntry {
    /// Whether the holder of this key has signed the entry, which these bytes decode to.
    pub(crate) fn is_signed_by(&self, public_key: &[u8; 32], entry: &EntryV1<'_>) -> bool {
        let hash = EntryHash::of(&self.bytes);
        verify_signature(purpose(entry.kind), public_key, entry.realm.as_bytes(), hash.as_bytes(), &self.signature)
    }
}

/// An event by which a writer went on to a new key: signed with the key before it.
///
/// ```
/// use causal_vault::{KeyRotation, Signer, SigningKey, Vault};
///
/// let vault = Vault::in_memory()?;
/// let alice = vault.writer(SigningKey::from_bytes(&[7; 32]))?;
/// let new = SigningKey::from_bytes(&[8; 32]);
/// let alice = alice.rotate(new.clone())?;
/// let rotations: Vec<KeyRotation> = vault.rotations(alice.id())?;
/// assert_eq!(rotations[0].key, new.public_key());
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyRotation {
    /// The event's entry.
    pub entry: SignedEntry,
    /// The new public key, which is its payload.
    pub key: [u8; 32],
}

impl KeyRotation {
    /// What is wrong with it, as a rotation away from the key `from` of the writer of `entry`, which its bytes decode to.
    pub(crate) fn check(&self, from: &[u8; 32], entry: &EntryV1<'_>) -> Result<(), &'static str> {
        let problems = [
            (entry.kind == ROTATION, "its kind is not vault.rotation"),
            (subject(entry.stream) == Some(entry.writer), "it does not stand in the writer's own stream"),
            (
                entry.payload_len == 32 && entry.payload_digest == PayloadDigest::of(&self.key),
                "its payload is not the new key",
            ),
            (self.entry.is_signed_by(from, entry), "it is not signed as a key event by the key before it"),
        ];
        problems.into_iter().find_map(|(holds, problem)| (!holds).then_some(problem)).map_or(Ok(()), Err)
    }
}
