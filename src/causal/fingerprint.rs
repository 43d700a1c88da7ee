//! Who wrote an entry.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

use crate::words::{Result, check_name};

const NAMED_WRITER: &str = "causal-vault v1 2026 named-writer";

/// A writer's identity: 32 bytes that its public key, or its name, hashes to.
///
/// Written as 64 lower-case hexadecimal digits; serialized as that in formats for people and as bytes in others.
///
/// ```
/// use causal_vault::{Fingerprint, SigningKey};
///
/// let key = SigningKey::from_bytes(&[7; 32]);
/// let writer = Fingerprint::from_ed25519_pubkey(key.verifying_key().as_bytes());
/// assert_eq!(writer.to_string(), "0871f3aabc26e4582c508af5c03884e6a96f0989d1dd8cfb49cd17ed25792433");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Wraps 32 bytes that are already a fingerprint.
    ///
    /// ```
    /// use causal_vault::Fingerprint;
    ///
    /// assert_eq!(Fingerprint::from_bytes([1; 32]).as_bytes(), &[1; 32]);
    /// ```
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The writer that signs with the secret half of this ed25519 key: the plain BLAKE3 hash of its bytes, which is the
    /// fingerprint agents already announce.
    ///
    /// ```
    /// use causal_vault::Fingerprint;
    ///
    /// assert_ne!(Fingerprint::from_ed25519_pubkey(&[1; 32]), Fingerprint::from_ed25519_pubkey(&[2; 32]));
    /// ```
    pub fn from_ed25519_pubkey(pubkey: &[u8]) -> Self {
        Self(*blake3::hash(pubkey).as_bytes())
    }

    /// The writer of this name, which can sign nothing. No public key has the same fingerprint.
    ///
    /// ```
    /// use causal_vault::Fingerprint;
    ///
    /// assert_eq!(Fingerprint::named("alice")?, Fingerprint::named("alice")?);
    /// assert!(Fingerprint::named("").is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn named(name: &str) -> Result<Self> {
        check_name("writer", name)?;
        let length = u8::try_from(name.len()).expect("a checked name has at most 128 bytes");
        let mut hasher = blake3::Hasher::new_derive_key(NAMED_WRITER);
        hasher.update(&[length]).update(name.as_bytes());
        Ok(Self(*hasher.finalize().as_bytes()))
    }

    /// The 32 bytes.
    ///
    /// ```
    /// use causal_vault::Fingerprint;
    ///
    /// assert_eq!(Fingerprint::from_bytes([1; 32]).as_bytes(), &[1; 32]);
    /// ```
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lower-case hexadecimal digits.
    ///
    /// ```
    /// use causal_vault::Fingerprint;
    ///
    /// assert_eq!(Fingerprint::from_bytes([0xab; 32]).to_hex(), "ab".repeat(32));
    /// ```
    pub fn to_hex(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }

    /// Reads 64 hexadecimal digits of either case; `None` for anything else.
    ///
    /// ```
    /// use causal_vault::Fingerprint;
    ///
    /// assert_eq!(Fingerprint::from_hex(&"ab".repeat(32)), Some(Fingerprint::from_bytes([0xab; 32])));
    /// assert_eq!(Fingerprint::from_hex("dead"), None);
    /// ```
    pub fn from_hex(hex: &str) -> Option<Self> {
        blake3::Hash::from_hex(hex).ok().map(|hash| Self(*hash.as_bytes()))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_bytes(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Either)
        } else {
            deserializer.deserialize_bytes(Either)
        }
    }
}

/// Takes both forms in either kind of format: serde forgets the kind when it buffers an untagged enum.
struct Either;

impl Visitor<'_> for Either {
    type Value = Fingerprint;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fingerprint: 64 hexadecimal digits or 32 bytes")
    }

    fn visit_str<E: de::Error>(self, hex: &str) -> std::result::Result<Fingerprint, E> {
        Fingerprint::from_hex(hex).ok_or_else(|| E::invalid_value(de::Unexpected::Str(hex), &self))
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> std::result::Result<Fingerprint, E> {
        bytes.try_into().map(Fingerprint).map_err(|_| E::invalid_length(bytes.len(), &self))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../tests/data/vectors-v1.json")).unwrap()
    }

    fn hex(value: &Value) -> Fingerprint {
        Fingerprint::from_hex(value.as_str().unwrap()).unwrap()
    }

    #[test]
    fn both_kinds_of_writer_have_the_fingerprints_of_the_vectors() {
        let vectors = vectors();
        let key = hex(&vectors["public_key"]);
        assert_eq!(Fingerprint::from_ed25519_pubkey(key.as_bytes()), hex(&vectors["writer_id"]));
        let name = vectors["named"]["name"].as_str().unwrap();
        assert_eq!(Fingerprint::named(name), Ok(hex(&vectors["named"]["writer_id"])));
    }

    #[test]
    fn derivation_is_deterministic() {
        let twice = [0; 2].map(|_| Fingerprint::from_ed25519_pubkey(b"some-ed25519-pubkey-bytes"));
        assert_eq!(twice[0], twice[1]);
    }

    #[test]
    fn different_keys_differ() {
        assert_ne!(Fingerprint::from_ed25519_pubkey(b"key-one"), Fingerprint::from_ed25519_pubkey(b"key-two"));
    }

    #[test]
    fn a_name_never_has_the_fingerprint_of_a_key_of_the_same_bytes() {
        let name = "k".repeat(32);
        assert_ne!(Fingerprint::named(&name).unwrap(), Fingerprint::from_ed25519_pubkey(name.as_bytes()));
    }

    #[test]
    fn hex_round_trips() {
        let writer = Fingerprint::from_ed25519_pubkey(b"round-trip-me");
        let hex = writer.to_hex();
        assert_eq!((hex.len(), &hex), (64, &writer.to_string()));
        assert_eq!(Fingerprint::from_hex(&hex), Some(writer));
        assert_eq!(Fingerprint::from_hex(&hex.to_uppercase()), Some(writer));
        assert_eq!(format!("{writer:?}"), format!("Fingerprint({hex})"));
    }

    #[test]
    fn from_hex_rejects_garbage() {
        let long = "a".repeat(65);
        let wide = "é".repeat(32);
        for garbage in ["", "not-hex", "dead", &long, &wide] {
            assert_eq!(Fingerprint::from_hex(garbage), None);
        }
    }

    #[test]
    fn a_name_follows_the_rule_of_all_names() {
        for bad in ["", "a\nb", &"x".repeat(129)] {
            assert!(Fingerprint::named(bad).is_err());
        }
        assert!(Fingerprint::named(&"x".repeat(128)).is_ok());
    }

    #[test]
    fn people_read_hex_and_machines_read_bytes() {
        let writer = Fingerprint::from_bytes([0xab; 32]);
        let json = serde_json::to_string(&writer).unwrap();
        assert_eq!(json, format!("\"{writer}\""));
        assert_eq!(serde_json::from_str::<Fingerprint>(&json).unwrap(), writer);
        let packed = rmp_serde::to_vec_named(&writer).unwrap();
        assert_eq!(packed.len(), 34);
        assert_eq!(rmp_serde::from_slice::<Fingerprint>(&packed).unwrap(), writer);
        for bad in ["\"ab\"", "7", "[1,2]", "null"] {
            assert!(serde_json::from_str::<Fingerprint>(bad).is_err());
        }
        assert!(rmp_serde::from_slice::<Fingerprint>(&packed[..33]).is_err());
        assert!(rmp_serde::from_slice::<Fingerprint>(&rmp_serde::to_vec(&[1_u8; 31]).unwrap()).is_err());
    }

    #[test]
    fn bytes_survive_a_buffered_untagged_enum() {
        #[derive(Debug, PartialEq, serde::Deserialize, Serialize)]
        #[serde(untagged)]
        enum Who {
            Writer { id: Fingerprint },
        }
        let who = Who::Writer { id: Fingerprint::from_bytes([3; 32]) };
        let packed = rmp_serde::to_vec_named(&who).unwrap();
        assert_eq!(rmp_serde::from_slice::<Who>(&packed).unwrap(), who);
    }
}
