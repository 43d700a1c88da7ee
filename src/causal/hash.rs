//! The hashes of format v1: BLAKE3 `derive_key`, one context string for each purpose.

use std::sync::LazyLock;

use blake3::Hasher;
use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};

use super::bytes::put_name;
use super::fingerprint::Fingerprint;
use super::id::id32;
use super::lanes::derive_each;
use crate::words::{Result, check_name};

id32! {
    /// The hash of an entry's bytes: `derive_key("entry", entry_bytes)`.
    ///
    /// ```
    /// use causal_vault::EntryHash;
    ///
    /// let hash = EntryHash::from_bytes([7; 32]);
    /// assert_eq!(EntryHash::from_hex(&hash.to_hex()), Some(hash));
    /// ```
    EntryHash
}

id32! {
    /// The digest of a payload: `derive_key("payload", payload)`, or a keyed commitment to it.
    ///
    /// ```
    /// use causal_vault::PayloadDigest;
    ///
    /// assert_eq!(PayloadDigest::of(b"hello").to_hex()[..8], *"6cc69109");
    /// ```
    PayloadDigest
}

id32! {
    /// The lineage identity of an event: the same payload over the same lineage has the same digest, whoever wrote it.
    /// See [`causal_hash`].
    ///
    /// ```
    /// use causal_vault::{CausalDigest, PayloadDigest, causal_hash};
    ///
    /// let root: CausalDigest = causal_hash(&PayloadDigest::of(b"hello"), &[]);
    /// assert_eq!(root.to_hex()[..8], *"d0cac346");
    /// ```
    CausalDigest
}

id32! {
    /// The name of a logical vault: 32 random bytes made when it is created, part of every hash.
    ///
    /// ```
    /// use causal_vault::Realm;
    ///
    /// assert_eq!(Realm::from_bytes([0x11; 32]).to_hex()[..4], *"1111");
    /// ```
    Realm
}

macro_rules! context {
    ($name:ident, $context:literal) => {
        static $name: LazyLock<ContextKey> =
            LazyLock::new(|| hash_derive_key_context(concat!("causal-vault v1 2026 ", $context)));
    };
}

context!(AGENT_STORE_IMPORT, "agent-store-import");
context!(BUNDLE, "bundle");
context!(CAUSAL, "causal");
context!(EMBEDDING, "embedding");
context!(ENTRY, "entry");
context!(FORK_REALM, "fork-realm");
context!(INTENT, "intent");
context!(LOG_GENESIS, "log-genesis");
context!(NAMED_WRITER, "named-writer");
context!(PAYLOAD, "payload");
context!(PAYLOAD_COMMIT, "payload-commit");

fn derive(context: &ContextKey, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Hasher::new_from_context_key(context);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// The bytes of an intent's id: whose it is, which model's, the event that founded it, and which of that event's ids.
/// The names are checked by the caller.
pub(crate) fn intent_id(tenant: &str, model: &str, founder: &[u8; 32], cell: u32, round: u64) -> [u8; 32] {
    let mut scope = Vec::with_capacity(2 * 129);
    put_name(&mut scope, tenant);
    put_name(&mut scope, model);
    derive(&INTENT, &[&scope, founder, &cell.to_be_bytes(), &round.to_be_bytes()])
}

impl EntryHash {
    /// The hash of an entry's bytes.
    ///
    /// ```
    /// use causal_vault::EntryHash;
    ///
    /// assert_ne!(EntryHash::of(b"one"), EntryHash::of(b"two"));
    /// ```
    pub fn of(entry_bytes: &[u8]) -> Self {
        Self::from_bytes(derive(&ENTRY, &[entry_bytes]))
    }

    /// The hashes of the bytes of several entries, in their order.
    pub(crate) fn of_each(entries: &[&[u8]]) -> impl Iterator<Item = Self> + use<> {
        derive_each(&ENTRY, entries).into_iter().map(Self::from_bytes)
    }

    /// What the first entry of a log names as the hash before it: it binds the log to its vault, tenant, stream, writer
    /// and epoch. The names are checked by the caller.
    pub(crate) fn genesis(realm: &Realm, tenant: &str, stream: &str, writer: &Fingerprint, epoch: u32) -> Self {
        let mut scope = Vec::with_capacity(2 * 129);
        put_name(&mut scope, tenant);
        put_name(&mut scope, stream);
        Self::from_bytes(derive(&LOG_GENESIS, &[realm.as_bytes(), &scope, writer.as_bytes(), &epoch.to_be_bytes()]))
    }
}

impl PayloadDigest {
    /// The plain digest of a payload (scheme 1).
    ///
    /// ```
    /// use causal_vault::PayloadDigest;
    ///
    /// assert_eq!(PayloadDigest::of(b"").to_hex()[..8], *"4756ca77");
    /// ```
    pub fn of(payload: &[u8]) -> Self {
        Self::from_bytes(derive(&PAYLOAD, &[payload]))
    }

    /// The plain digests of several payloads, in their order.
    pub(crate) fn of_each(payloads: &[&[u8]]) -> impl Iterator<Item = Self> + use<> {
        derive_each(&PAYLOAD, payloads).into_iter().map(Self::from_bytes)
    }

    /// A keyed commitment to a payload (scheme 2): without the 32-byte data key it says nothing about the payload, so
    /// that destroying the key erases it.
    ///
    /// ```
    /// use causal_vault::PayloadDigest;
    ///
    /// assert_eq!(PayloadDigest::commitment(&[0x5a; 32], b"secret").to_hex()[..8], *"18de91aa");
    /// ```
    pub fn commitment(data_key: &[u8; 32], payload: &[u8]) -> Self {
        let key = derive(&PAYLOAD_COMMIT, &[data_key]);
        Self::from_bytes(*blake3::keyed_hash(&key, payload).as_bytes())
    }
}

impl Realm {
    /// The realm of a timeline forked off `self` at `cut_root`, the tree's root at the cut.
    ///
    /// ```
    /// use causal_vault::Realm;
    ///
    /// let main = Realm::from_bytes([0x11; 32]);
    /// assert_ne!(main.forked([1; 16], &[0; 32]), main.forked([2; 16], &[0; 32]));
    /// ```
    pub fn forked(&self, timeline_id: [u8; 16], cut_root: &[u8; 32]) -> Self {
        Self::from_bytes(derive(&FORK_REALM, &[self.as_bytes(), &timeline_id, cut_root]))
    }

    /// A new realm from the operating system's random numbers.
    pub(crate) fn random() -> Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| crate::words::StoreError::Unsupported {
            what: "creating a vault",
            reason: format!("the operating system gives no random numbers: {error}"),
        })?;
        Ok(Self::from_bytes(bytes))
    }
}

/// What the bytes of a bundle are hashed with as they pass.
pub(crate) fn bundle() -> Hasher {
    Hasher::new_from_context_key(&BUNDLE)
}

/// The digest of an embedding's little-endian bytes.
pub(crate) fn embedding(values: &[u8]) -> [u8; 32] {
    derive(&EMBEDDING, &[values])
}

/// What the ids of imported events are made from: the same entry of the same store has the same id in every import.
pub(crate) fn agent_store_import(stream: &str, writer: &str, first_seq: u64, seq: u64, hash: &[u8; 32]) -> [u8; 32] {
    let mut scope = Vec::with_capacity(2 * 129);
    put_name(&mut scope, stream);
    put_name(&mut scope, writer);
    derive(&AGENT_STORE_IMPORT, &[&scope, &first_seq.to_be_bytes(), &seq.to_be_bytes(), hash])
}

/// The identity of a named writer, which can sign nothing.
pub(crate) fn named_writer(name: &str) -> Result<[u8; 32]> {
    check_name("writer", name)?;
    let mut scope = Vec::with_capacity(129);
    put_name(&mut scope, name);
    Ok(derive(&NAMED_WRITER, &[&scope]))
}

/// The lineage identity of an event: `derive_key("causal", payload_digest || n || parents' digests, ascending)`.
///
/// The order in which the parents are given does not matter.
///
/// ```
/// use causal_vault::{PayloadDigest, causal_hash};
///
/// let a = causal_hash(&PayloadDigest::of(b"a"), &[]);
/// let b = causal_hash(&PayloadDigest::of(b"b"), &[]);
/// let digest = PayloadDigest::of(b"sum");
/// assert_eq!(causal_hash(&digest, &[a, b]), causal_hash(&digest, &[b, a]));
/// ```
pub fn causal_hash(payload: &PayloadDigest, parents: &[CausalDigest]) -> CausalDigest {
    let mut sorted: smallvec::SmallVec<[CausalDigest; 4]> = parents.into();
    sorted.sort_unstable();
    let count = u16::try_from(sorted.len()).unwrap_or(u16::MAX);
    let mut hasher = Hasher::new_from_context_key(&CAUSAL);
    hasher.update(payload.as_bytes()).update(&count.to_be_bytes());
    for parent in &sorted {
        hasher.update(parent.as_bytes());
    }
    CausalDigest::from_bytes(*hasher.finalize().as_bytes())
}
