//! Two entries at one place: a proof against their writer.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bytes::Reader;
use super::entry::EntryV1;
use super::fingerprint::Fingerprint;
use super::hash::{EntryHash, Realm};
use super::key_event::{KeyRotation, SignedEntry};
use crate::words::{Result, StoreError};

/// Type tag and format version.
const MAGIC: [u8; 8] = *b"CVEQUIV\x01";
const WHAT: &str = "proof of equivocation";

/// A place in a writer's log, which one entry can have.
///
/// ```
/// use causal_vault::{Event, LogPlace, SigningKey, Vault};
///
/// let vault = Vault::in_memory()?;
/// let alice = vault.writer(SigningKey::from_bytes(&[7; 32]))?;
/// let note = alice.commit(Event::raw("note", "hi").stream("conv:demo"))?;
/// let place = LogPlace::of(&vault.signed_entry(&note)?.bytes)?;
/// assert_eq!((&*place.stream, place.writer, place.epoch, place.seq), ("conv:demo", alice.id(), 0, 1));
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogPlace {
    /// The vault.
    pub realm: Realm,
    /// The tenant.
    pub tenant: Arc<str>,
    /// The stream.
    pub stream: Arc<str>,
    /// The writer.
    pub writer: Fingerprint,
    /// The epoch.
    pub epoch: u32,
    /// The number in the log.
    pub seq: u64,
}

impl LogPlace {
    /// The place that entry bytes name.
    ///
    /// ```
    /// assert!(causal_vault::LogPlace::of(b"rubbish").is_err());
    /// ```
    pub fn of(entry_bytes: &[u8]) -> Result<Self> {
        EntryV1::decode(entry_bytes).map(|entry| Self::from(&entry))
    }
}

impl From<&EntryV1<'_>> for LogPlace {
    fn from(entry: &EntryV1<'_>) -> Self {
        Self {
            realm: entry.realm,
            tenant: entry.tenant.into(),
            stream: entry.stream.into(),
            writer: entry.writer,
            epoch: entry.epoch,
            seq: entry.seq,
        }
    }
}

impl fmt::Display for LogPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { realm, tenant, stream, writer, epoch, seq } = self;
        write!(
            f,
            "entry {seq} of stream {stream:?} writer {writer} epoch {epoch} in tenant {tenant:?} of vault {realm}"
        )
    }
}

/// A proof that a writer has signed two different entries at one place. Anybody can check it, without any store.
///
/// Every value of this type was checked: [`new`](Self::new) and [`from_bytes`](Self::from_bytes) refuse what proves nothing
/// and say why. A writer that rotated its key is bound to the new one by its rotations, which the proof then holds as well.
///
/// ```
/// use causal_vault::{Equivocation, Event, SigningKey, Vault};
///
/// # fn two_copies_of_one_vault(folder: &std::path::Path) -> causal_vault::Result<(Vault, Vault)> {
/// #     let [one, other] = ["one", "other"].map(|name| folder.join(name));
/// #     drop(Vault::open(&one)?);
/// #     std::fs::copy(&one, &other).unwrap();
/// #     Ok((Vault::open(one)?, Vault::open(other)?))
/// # }
/// # let folder = tempfile::tempdir().unwrap();
/// // One vault and a copy of it, to which the same key writes different things.
/// let (here, there) = two_copies_of_one_vault(folder.path())?;
/// let key = SigningKey::from_bytes(&[7; 32]);
/// here.writer(key.clone())?.commit(Event::raw("pay", "5 to bob").stream("ledger"))?;
/// let other = there.writer(key)?.commit(Event::raw("pay", "5 to eve").stream("ledger"))?;
///
/// let proof = here.find_equivocation(&there.signed_entry(&other)?)?.expect("two entries at one place");
/// assert_eq!(Equivocation::from_bytes(&proof.to_bytes())?, proof);
/// println!("two of {}", proof.place());
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub struct Equivocation {
    public_key: [u8; 32],
    rotations: Vec<KeyRotation>,
    /// Ascending by their hashes.
    entries: [SignedEntry; 2],
    place: LogPlace,
}

impl Equivocation {
    /// A proof from its parts, in whatever order the two entries are given: the writer's first public key, its rotations up
    /// to the epoch of the entries, and the entries. An error says what is missing for a proof:
    ///
    /// - the entries are the same, or stand at different places: nobody promised not to write these;
    /// - the public key is not the one that the writer's id is the hash of. A named writer has no key: two entries in its
    ///   name prove nothing against anybody, since everyone can write them;
    /// - a signature or a rotation does not verify.
    ///
    /// ```
    /// use causal_vault::{Equivocation, Event, Signer, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let key = SigningKey::from_bytes(&[7; 32]);
    /// let alice = vault.writer(key.clone())?;
    /// let note = alice.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// let entry = vault.signed_entry(&note)?;
    /// let error = Equivocation::new(key.public_key(), Vec::new(), [entry.clone(), entry]).unwrap_err();
    /// assert!(error.to_string().contains("the same entry twice"));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn new(public_key: [u8; 32], rotations: Vec<KeyRotation>, entries: [SignedEntry; 2]) -> Result<Self> {
        let mut entries = entries;
        entries.sort_by_cached_key(|entry| EntryHash::of(&entry.bytes));
        let place = check(&public_key, &rotations, &entries)?;
        Ok(Self { public_key, rotations, entries, place })
    }

    /// The place that both entries claim, and with it the writer.
    ///
    /// ```
    /// # fn show(proof: &causal_vault::Equivocation) {
    /// println!("writer {} is not to be trusted", proof.place().writer);
    /// # }
    /// ```
    pub fn place(&self) -> &LogPlace {
        &self.place
    }

    /// The two entries, in the order of their hashes.
    ///
    /// ```
    /// # fn show(proof: &causal_vault::Equivocation) {
    /// for entry in proof.entries() {
    ///     println!("{:?}", causal_vault::EntryV1::decode(&entry.bytes));
    /// }
    /// # }
    /// ```
    pub fn entries(&self) -> &[SignedEntry; 2] {
        &self.entries
    }

    /// The rotations from the writer's first key to the one that has signed both.
    ///
    /// ```
    /// # fn show(proof: &causal_vault::Equivocation) {
    /// println!("the writer's key was rotated {} times", proof.rotations().len());
    /// # }
    /// ```
    pub fn rotations(&self) -> &[KeyRotation] {
        &self.rotations
    }

    /// The key that has signed both.
    ///
    /// ```
    /// # fn show(proof: &causal_vault::Equivocation) {
    /// println!("key {:02x?} has signed both", proof.key());
    /// # }
    /// ```
    pub fn key(&self) -> [u8; 32] {
        self.rotations.last().map_or(self.public_key, |rotation| rotation.key)
    }

    /// `"CVEQUIV" 0x01`, the public key, the rotations and the entries: see [the format](mod@crate::manual::format).
    ///
    /// ```
    /// # fn send(proof: &causal_vault::Equivocation) {
    /// assert!(proof.to_bytes().starts_with(b"CVEQUIV\x01"));
    /// # }
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = [MAGIC.as_slice(), &self.public_key].concat();
        let count = u16::try_from(self.rotations.len()).expect("the number of rotations was checked");
        bytes.extend_from_slice(&count.to_be_bytes());
        for rotation in &self.rotations {
            bytes.extend_from_slice(&rotation.key);
            put_entry(&mut bytes, &rotation.entry);
        }
        self.entries.iter().for_each(|entry| put_entry(&mut bytes, entry));
        bytes
    }

    /// Reads and checks a proof. Total and strict: an error, or a proof whose [`to_bytes`](Self::to_bytes) are these.
    ///
    /// ```
    /// assert!(causal_vault::Equivocation::from_bytes(b"CVEQUIV\x01").is_err());
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(WHAT, bytes);
        if reader.array()? != MAGIC {
            return Err(reader.invalid("it does not begin with \"CVEQUIV\" and version 1".to_owned()));
        }
        let public_key = reader.array()?;
        let count = reader.u16()?;
        let mut rotations = Vec::new();
        for _ in 0..count {
            let key = reader.array()?;
            rotations.push(KeyRotation { key, entry: take_entry(&mut reader)? });
        }
        let entries = [take_entry(&mut reader)?, take_entry(&mut reader)?];
        reader.end()?;
        let proof = Self::new(public_key, rotations, entries.clone())?;
        if proof.entries != entries {
            return Err(reader.invalid("its entries are not in the order of their hashes".to_owned()));
        }
        Ok(proof)
    }
}

impl StoreError {
    /// The proof that a bundle and a vault [diverge](Self::BundleDiverges) because a writer has signed both. Of other errors
    /// there is none.
    ///
    /// ```
    /// use causal_vault::{Event, Filter, SigningKey, Vault};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// let here = Vault::in_memory()?;
    /// let copy = |vault: &Vault| {
    ///     let mut file = Vec::new();
    ///     vault.export(Filter::all(), &mut file).map(|_| file)
    /// };
    /// let there = Vault::restore(folder.path().join("there.vault"), &copy(&here)?[..], &[])?;
    /// for (vault, text) in [(&here, "5 to bob"), (&there, "5 to eve")] {
    ///     vault.writer(SigningKey::from_bytes(&[7; 32]))?.commit(Event::raw("pay", text).stream("ledger"))?;
    /// }
    /// let error = here.import(&copy(&there)?[..], &[]).unwrap_err();
    /// let proof = error.equivocation().expect("one key has signed both");
    /// here.report_equivocation(&proof)?;
    /// assert!(here.standing(proof.place().writer)?.frozen.is_some());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn equivocation(&self) -> Option<Equivocation> {
        match self {
            Self::BundleDiverges { equivocation: Some(proof), .. } => Equivocation::from_bytes(proof).ok(),
            _ => None,
        }
    }
}

impl TryFrom<Vec<u8>> for Equivocation {
    type Error = StoreError;

    fn try_from(bytes: Vec<u8>) -> Result<Self> {
        Self::from_bytes(&bytes)
    }
}

impl From<Equivocation> for Vec<u8> {
    fn from(proof: Equivocation) -> Self {
        proof.to_bytes()
    }
}

fn put_entry(bytes: &mut Vec<u8>, entry: &SignedEntry) {
    bytes.extend_from_slice(&entry.signature);
    let len = u32::try_from(entry.bytes.len()).expect("entry bytes that decode are far below 4 GiB");
    bytes.extend_from_slice(&len.to_be_bytes());
    bytes.extend_from_slice(&entry.bytes);
}

fn take_entry(reader: &mut Reader<'_>) -> Result<SignedEntry> {
    let signature = reader.array()?;
    let len = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
    Ok(SignedEntry { signature, bytes: reader.take(len)?.to_vec() })
}

/// What makes it a proof, and the place that it is about.
fn check(first_key: &[u8; 32], rotations: &[KeyRotation], entries: &[SignedEntry; 2]) -> Result<LogPlace> {
    let refuse = |reason: String| Err(StoreError::Invalid { what: WHAT, reason });
    let [one, other] = entries;
    let (first, second) = (EntryV1::decode(&one.bytes)?, EntryV1::decode(&other.bytes)?);
    let (place, elsewhere) = (LogPlace::from(&first), LogPlace::from(&second));
    if place != elsewhere {
        return refuse(format!("its entries stand at two places, which is no fault: {place}, and {elsewhere}"));
    }
    if one.bytes == other.bytes {
        return refuse(format!("it holds the same entry twice: {place}"));
    }
    if place.writer != Fingerprint::from_ed25519_pubkey(first_key) {
        return refuse(format!(
            "its public key is not that of writer {}; where that is a named writer it has none, and two entries in its \
             name prove nothing against anybody",
            place.writer
        ));
    }
    if u16::try_from(rotations.len()).is_err() {
        return refuse(format!("it has {} rotations, and there is room for {}", rotations.len(), u16::MAX));
    }
    let (mut key, mut after) = (first_key, None);
    for (number, rotation) in (1..).zip(rotations) {
        let event = EntryV1::decode(&rotation.entry.bytes)?;
        let scope = (event.realm, event.tenant, event.writer) == (place.realm, &*place.tenant, place.writer);
        let problem = match rotation.check(key, &event) {
            Err(problem) => Some(problem),
            Ok(()) if !scope => Some("it is about another vault, tenant or writer"),
            Ok(()) if after.is_some_and(|after| event.epoch <= after) => Some("it does not follow the one before it"),
            Ok(()) if event.epoch >= place.epoch => Some("it does not come before the entries"),
            Ok(()) => None,
        };
        if let Some(problem) = problem {
            return refuse(format!("rotation {number} of {} does not count: {problem}", rotations.len()));
        }
        (key, after) = (&rotation.key, Some(event.epoch));
    }
    for (entry, decoded) in [(one, &first), (other, &second)] {
        if !entry.is_signed_by(key, decoded) {
            let hash = EntryHash::of(&entry.bytes);
            return refuse(format!("the signature of entry {hash} is not by key {}", blake3::Hash::from_bytes(*key)));
        }
    }
    Ok(place)
}
