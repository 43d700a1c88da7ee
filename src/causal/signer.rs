//! How a writer proves that an entry is its own.

use std::sync::Arc;

use ed25519_dalek::{Signature, Signer as _, VerifyingKey};

use crate::words::{Result, StoreError};

pub use ed25519_dalek::SigningKey;

const TAG: [u8; 6] = *b"CVSIG\x01";
/// What the signature of an entry is for.
pub(crate) const PURPOSE_ENTRY: u8 = 1;
/// What the signature of an event about the writer's own key is for.
pub(crate) const PURPOSE_KEY_EVENT: u8 = 2;

/// Something that holds an ed25519 key and signs with it: a [`SigningKey`] in memory, or a device.
///
/// A signer that fails returns [`StoreError::Signer`](StoreError::Signer), and nothing is stored.
///
/// ```
/// use causal_vault::{Result, Signer, SigningKey, StoreError};
///
/// struct Token(Option<SigningKey>);
///
/// impl Signer for Token {
///     fn public_key(&self) -> [u8; 32] {
///         self.0.as_ref().map_or([0; 32], Signer::public_key)
///     }
///
///     fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
///         let key = self.0.as_ref().ok_or_else(|| StoreError::Signer("the token was pulled out".into()))?;
///         Signer::sign(key, message)
///     }
/// }
///
/// assert!(Token(Some(SigningKey::from_bytes(&[7; 32]))).sign(b"hello").is_ok());
/// assert!(Token(None).sign(b"hello").is_err());
/// ```
pub trait Signer: Send + Sync {
    /// The 32 bytes of the public key, the same at every call.
    fn public_key(&self) -> [u8; 32];

    /// The ed25519 signature of `message` as it is, not of a hash of it.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64]>;
}

impl Signer for SigningKey {
    fn public_key(&self) -> [u8; 32] {
        self.verifying_key().to_bytes()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
        Ok(self.try_sign(message).map_err(|error| StoreError::Signer(error.to_string()))?.to_bytes())
    }
}

impl<T: Signer + ?Sized> Signer for Arc<T> {
    fn public_key(&self) -> [u8; 32] {
        (**self).public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
        (**self).sign(message)
    }
}

impl<T: Signer + ?Sized> Signer for Box<T> {
    fn public_key(&self) -> [u8; 32] {
        (**self).public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
        (**self).sign(message)
    }
}

/// The bytes that are signed: no signature holds in another realm, for another purpose or in another protocol.
pub(crate) fn message(purpose: u8, realm: &[u8; 32], entry_hash: &[u8; 32]) -> [u8; 71] {
    let mut message = [0; 71];
    let parts = TAG.iter().chain(std::iter::once(&purpose)).chain(realm).chain(entry_hash);
    for (byte, part) in message.iter_mut().zip(parts) {
        *byte = *part;
    }
    message
}

/// Refuses a public key that no signature verifies with: no point of the curve, or one of small order.
pub(crate) fn check_public_key(public_key: &[u8; 32]) -> Result<()> {
    if VerifyingKey::from_bytes(public_key).is_ok_and(|key| !key.is_weak()) {
        return Ok(());
    }
    Err(StoreError::Invalid {
        what: "public key",
        reason: format!(
            "{} is no ed25519 key that a signature can be verified with; is the signer's device there?",
            blake3::Hash::from_bytes(*public_key).to_hex()
        ),
    })
}

/// Whether `signature` is that of the holder of `public_key` over this entry of this realm.
///
/// Strict: keys of small order and encodings that are not canonical are refused, so that every verifier agrees.
///
/// ```
/// use causal_vault::{Signer, SigningKey, verify_entry_signature};
///
/// let key = SigningKey::from_bytes(&[7; 32]);
/// let (realm, entry_hash) = ([1; 32], [2; 32]);
/// let message = [b"CVSIG\x01\x01".as_slice(), &realm, &entry_hash].concat();
/// let signature = Signer::sign(&key, &message)?;
/// assert!(verify_entry_signature(&key.public_key(), &realm, &entry_hash, &signature));
/// assert!(!verify_entry_signature(&key.public_key(), &[9; 32], &entry_hash, &signature));
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
pub fn verify_entry_signature(
    public_key: &[u8; 32],
    realm: &[u8; 32],
    entry_hash: &[u8; 32],
    signature: &[u8; 64],
) -> bool {
    verify_signature(PURPOSE_ENTRY, public_key, realm, entry_hash, signature)
}

/// [`verify_entry_signature`] for a signature of any purpose.
pub(crate) fn verify_signature(
    purpose: u8,
    public_key: &[u8; 32],
    realm: &[u8; 32],
    entry_hash: &[u8; 32],
    signature: &[u8; 64],
) -> bool {
    VerifyingKey::from_bytes(public_key).is_ok_and(|key| {
        key.verify_strict(&message(purpose, realm, entry_hash), &Signature::from_bytes(signature)).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../tests/data/vectors-v1.json")).unwrap()
    }

    fn hex<const N: usize>(value: &Value) -> [u8; N] {
        let digits = value.as_str().unwrap();
        assert_eq!(digits.len(), 2 * N);
        std::array::from_fn(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
    }

    #[test]
    fn the_signatures_of_the_vectors_are_made_and_accepted() {
        let vectors = vectors();
        let key = SigningKey::from_bytes(&hex(&vectors["secret_key"]));
        let public: [u8; 32] = hex(&vectors["public_key"]);
        assert_eq!(Signer::public_key(&key), public);
        let realm = hex(&vectors["realm"]);
        let entries = vectors["entries"].as_array().unwrap();
        assert_eq!(entries.len(), 4);
        for entry in entries {
            let hash = hex(&entry["entry_hash"]);
            let signature = Signer::sign(&key, &message(PURPOSE_ENTRY, &realm, &hash)).unwrap();
            assert_eq!(signature, hex(&entry["signature"]));
            assert!(verify_entry_signature(&public, &realm, &hash, &signature));
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_is_refused() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let (public, realm, hash) = (key.public_key(), [1; 32], [2; 32]);
        let signature = Signer::sign(&key, &message(PURPOSE_ENTRY, &realm, &hash)).unwrap();
        for bit in (0..512).step_by(7) {
            let flip32 = |mut bytes: [u8; 32]| {
                bytes[bit / 8 % 32] ^= 1 << (bit % 8);
                bytes
            };
            let mut other = signature;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!verify_entry_signature(&public, &realm, &hash, &other));
            assert!(!verify_entry_signature(&flip32(public), &realm, &hash, &signature));
            assert!(!verify_entry_signature(&public, &flip32(realm), &hash, &signature));
            assert!(!verify_entry_signature(&public, &realm, &flip32(hash), &signature));
        }
        assert!(verify_entry_signature(&public, &realm, &hash, &signature));
    }

    #[test]
    fn a_signature_for_another_purpose_does_not_hold_for_an_entry() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let signature = Signer::sign(&key, &message(2, &[1; 32], &[2; 32])).unwrap();
        assert!(!verify_entry_signature(&key.public_key(), &[1; 32], &[2; 32], &signature));
    }

    /// The key of order one verifies R = identity, S = 0 over any message under lax rules.
    #[test]
    fn a_key_of_small_order_that_fits_every_message_is_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        let lax = VerifyingKey::from_bytes(&identity).unwrap();
        let forged = Signature::from_bytes(&signature);
        assert!(ed25519_dalek::Verifier::verify(&lax, b"anything", &forged).is_ok());
        assert!(!verify_entry_signature(&identity, &[1; 32], &[2; 32], &signature));
    }

    #[test]
    fn shared_and_boxed_signers_sign_as_their_key() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let boxed: Box<dyn Signer> = Box::new(key.clone());
        let shared: Arc<dyn Signer> = Arc::new(key.clone());
        assert_eq!([boxed.public_key(), shared.public_key()], [key.public_key(); 2]);
        assert_eq!(boxed.sign(b"x"), Signer::sign(&key, b"x"));
        assert_eq!(shared.sign(b"x"), Signer::sign(&key, b"x"));
    }
}
