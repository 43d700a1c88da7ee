//! The keys of signed notes, and the two kinds of signature they make.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use super::checkpoint::Checkpoint;
use super::note::{NoteSignature, SignedNote};
use super::signer::Signer;
use crate::words::limits::COUNTER_MAX;
use crate::words::{Result, StoreError};

/// Ed25519 over the text of a note.
const ED25519: u8 = 0x01;
/// A time and Ed25519 over it and a checkpoint: `c2sp.org/tlog-cosignature`.
const COSIGNATURE_V1: u8 = 0x04;

/// A named ed25519 key that signs notes: a log its checkpoints, a witness what it has seen of them.
///
/// The name of a log's key is the log's origin, see [`Vault::origin`](crate::Vault::origin). It is not a writer's key.
///
/// ```
/// use causal_vault::{NoteSigner, SignedNote, SigningKey};
///
/// let signer = NoteSigner::new("example.com/log", SigningKey::from_bytes(&[9; 32]))?;
/// println!("trust this: {}", signer.verifier()); // the vkey, to be handed to whoever verifies
/// let note = SignedNote::sign("hello\n", &signer)?;
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
pub struct NoteSigner {
    name: String,
    signer: Box<dyn Signer>,
}

/// A named public key that verifies notes, as a verifier key string (`vkey`) writes it: `name+id+base64`.
///
/// ```
/// use causal_vault::{NoteVerifier, SignedNote};
///
/// let vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
/// let verifier: NoteVerifier = vkey.parse()?;
/// let note: SignedNote = "If you think cryptography is the answer to your problem,\n\
///     then you don't know what your problem is.\n\
///     \n\
///     — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
///     .parse()?;
/// note.verify(&verifier)?;
/// assert_eq!(verifier.to_string(), vkey);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NoteVerifier {
    name: String,
    algorithm: u8,
    public_key: [u8; 32],
}

impl NoteSigner {
    /// A key with a name, which is not empty and holds neither spaces nor `+`; a URL without its scheme is a good one.
    ///
    /// ```
    /// use causal_vault::{NoteSigner, SigningKey};
    ///
    /// assert!(NoteSigner::new("example.com/log", SigningKey::from_bytes(&[9; 32])).is_ok());
    /// assert!(NoteSigner::new("a name", SigningKey::from_bytes(&[9; 32])).is_err());
    /// ```
    pub fn new(name: impl Into<String>, signer: impl Signer + 'static) -> Result<Self> {
        let name = name.into();
        check_key_name(&name)?;
        Ok(Self { name, signer: Box::new(signer) })
    }

    /// The key's name.
    ///
    /// ```
    /// use causal_vault::{NoteSigner, SigningKey};
    ///
    /// let signer = NoteSigner::new("example.com/log", SigningKey::from_bytes(&[9; 32]))?;
    /// assert_eq!(signer.name(), "example.com/log");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What verifies the [signatures](Self::sign) of this key.
    ///
    /// ```
    /// use causal_vault::{NoteSigner, NoteVerifier, SigningKey};
    ///
    /// let signer = NoteSigner::new("example.com/log", SigningKey::from_bytes(&[9; 32]))?;
    /// let vkey = signer.verifier().to_string();
    /// assert_eq!(vkey.parse::<NoteVerifier>()?, signer.verifier());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn verifier(&self) -> NoteVerifier {
        self.verifier_of(ED25519)
    }

    /// What verifies the [cosignatures](Self::cosign) of this key: it has another id.
    ///
    /// ```
    /// use causal_vault::{NoteSigner, SigningKey};
    ///
    /// let witness = NoteSigner::new("witness.example/w1", SigningKey::from_bytes(&[3; 32]))?;
    /// assert!(witness.cosignature_verifier().is_witness());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn cosignature_verifier(&self) -> NoteVerifier {
        self.verifier_of(COSIGNATURE_V1)
    }

    /// Signs the text of a note.
    ///
    /// ```
    /// use causal_vault::{NoteSigner, SigningKey};
    ///
    /// let signer = NoteSigner::new("example.com/log", SigningKey::from_bytes(&[9; 32]))?;
    /// assert_eq!(signer.sign("hello\n")?.bytes().len(), 64);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn sign(&self, text: &str) -> Result<NoteSignature> {
        let signature = self.signer.sign(text.as_bytes())?;
        Ok(NoteSignature::new(&self.name, self.verifier().key_id(), signature.to_vec()))
    }

    /// Cosigns a checkpoint as a witness, who says by it: at this time (in seconds since 1970) this was the largest tree
    /// that I have seen of this origin, and I have checked that it continues the ones before.
    ///
    /// ```
    /// use causal_vault::{NoteSigner, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let log = NoteSigner::new(vault.origin("vault.example")?, SigningKey::from_bytes(&[9; 32]))?;
    /// let witness = NoteSigner::new("witness.example/w1", SigningKey::from_bytes(&[3; 32]))?;
    /// let mut note = vault.checkpoint(&log)?;
    /// note.add(witness.cosign(&note, 1_767_225_600)?)?;
    /// assert_eq!(note.cosigned_at(&witness.cosignature_verifier())?, 1_767_225_600);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn cosign(&self, note: &SignedNote, time: u64) -> Result<NoteSignature> {
        note.text().parse::<Checkpoint>()?;
        if time > COUNTER_MAX {
            return Err(StoreError::Limit {
                what: "the cosignature's time",
                found: time,
                limit: COUNTER_MAX,
                unit: "seconds",
            });
        }
        let signature = self.signer.sign(cosigned(time, note.text()).as_bytes())?;
        let bytes = [time.to_be_bytes().as_slice(), &signature].concat();
        Ok(NoteSignature::new(&self.name, self.cosignature_verifier().key_id(), bytes))
    }

    pub(crate) fn public_key(&self) -> [u8; 32] {
        self.signer.public_key()
    }

    fn verifier_of(&self, algorithm: u8) -> NoteVerifier {
        NoteVerifier { name: self.name.clone(), algorithm, public_key: self.signer.public_key() }
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoteSigner").field("name", &self.name).finish_non_exhaustive()
    }
}

impl NoteVerifier {
    /// The key's name: of a log's key, the origin.
    ///
    /// ```
    /// let vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    /// assert_eq!(vkey.parse::<causal_vault::NoteVerifier>()?.name(), "PeterNeumann");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The short id in front of the key's signatures.
    ///
    /// ```
    /// let vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    /// assert_eq!(vkey.parse::<causal_vault::NoteVerifier>()?.key_id(), [0xc7, 0x4f, 0x20, 0xa3]);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn key_id(&self) -> [u8; 4] {
        let hash: [u8; 32] = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', self.algorithm])
            .chain_update(self.public_key)
            .finalize()
            .into();
        let [a, b, c, d, ..] = hash;
        [a, b, c, d]
    }

    /// Whether it verifies the cosignatures of a witness, rather than the signatures of a log.
    ///
    /// ```
    /// let vkey = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
    /// assert!(vkey.parse::<causal_vault::NoteVerifier>()?.is_witness());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn is_witness(&self) -> bool {
        self.algorithm == COSIGNATURE_V1
    }

    pub(super) fn has_made(&self, signature: &NoteSignature) -> bool {
        signature.name() == self.name && signature.key_id() == self.key_id()
    }

    /// Strict, as signatures of entries are.
    pub(super) fn verify(&self, text: &str, signature: &NoteSignature) -> bool {
        let (message, signature) = match self.algorithm {
            ED25519 => (text.to_owned(), signature.bytes()),
            _ => match cosigned_at(signature) {
                // A cosignature says nothing about a text that is not a checkpoint.
                Some((time, signature)) if text.parse::<Checkpoint>().is_ok() => (cosigned(time, text), signature),
                _ => return false,
            },
        };
        VerifyingKey::from_bytes(&self.public_key).is_ok_and(|key| {
            Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message.as_bytes(), &signature).is_ok())
        })
    }
}

impl SignedNote {
    /// The newest time at which this witness has cosigned the note, in seconds since 1970; an error like that of
    /// [`verify`](Self::verify) if it has not.
    ///
    /// ```
    /// use causal_vault::{NoteSigner, SigningKey, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let log = NoteSigner::new(vault.origin("vault.example")?, SigningKey::from_bytes(&[9; 32]))?;
    /// let witness = NoteSigner::new("witness.example/w1", SigningKey::from_bytes(&[3; 32]))?;
    /// let note = vault.checkpoint(&log)?;
    /// assert!(note.cosigned_at(&witness.cosignature_verifier()).is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn cosigned_at(&self, witness: &NoteVerifier) -> Result<u64> {
        if !witness.is_witness() {
            return Err(StoreError::Invalid {
                what: "witness",
                reason: format!("{witness} verifies a log's signatures; a witness's key has the kind 0x04"),
            });
        }
        let times = self.signatures_of(witness)?.into_iter().filter_map(cosigned_at).map(|(time, _)| time);
        Ok(times.max().unwrap_or_default())
    }
}

impl fmt::Display for NoteVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[self.algorithm], self.public_key.as_slice()].concat());
        write!(f, "{}+{:08x}+{key}", self.name, u32::from_be_bytes(self.key_id()))
    }
}

impl FromStr for NoteVerifier {
    type Err = StoreError;

    fn from_str(vkey: &str) -> Result<Self> {
        let refuse = |reason: String| StoreError::Invalid { what: "verifier key", reason };
        // The base64 may hold a plus, the name and the id do not.
        let mut parts = vkey.splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(refuse(format!("{vkey:?} is not `name+id+base64`")));
        };
        check_key_name(name)?;
        let decoded = STANDARD.decode(encoded).map_err(|error| refuse(format!("{encoded:?}: {error}")))?;
        let (algorithm, public_key) = match decoded.split_first() {
            Some((algorithm @ (&ED25519 | &COSIGNATURE_V1), key)) => (*algorithm, key),
            _ => return Err(refuse(format!("{encoded:?} is no key of kind 0x01 (ed25519) or 0x04 (cosignature/v1)"))),
        };
        let public_key = public_key
            .try_into()
            .map_err(|_| refuse(format!("its public key has {} bytes and not 32", public_key.len())))?;
        let verifier = Self { name: name.to_owned(), algorithm, public_key };
        let expected = format!("{:08x}", u32::from_be_bytes(verifier.key_id()));
        if id != expected {
            return Err(refuse(format!("its id is {id:?}, and that of its name and key is {expected:?}")));
        }
        Ok(verifier)
    }
}

/// Accepts a name that a signature line can hold.
pub(super) fn check_key_name(name: &str) -> Result<()> {
    if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+') {
        return Err(StoreError::InvalidName {
            what: "note key",
            name: name.to_owned(),
            reason: "it is empty or holds a space, a control character or a plus; use a URL without its scheme",
        });
    }
    Ok(())
}

/// What a witness signs.
fn cosigned(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// The time in a cosignature, and what was signed of it.
fn cosigned_at(signature: &NoteSignature) -> Option<(u64, &[u8])> {
    let (time, signature) = signature.bytes().split_first_chunk()?;
    let time = u64::from_be_bytes(*time);
    (time <= COUNTER_MAX).then_some((time, signature))
}
