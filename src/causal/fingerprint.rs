//! Who wrote an entry.

use super::hash;
use super::id::id32;
use crate::words::Result;

id32! {
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
    Fingerprint
}

impl Fingerprint {
    /// Derives the fingerprint of an ed25519 public key: plain BLAKE3 of its 32 bytes, the string that agents already
    /// announce.
    ///
    /// ```
    /// use causal_vault::{Fingerprint, Signer, SigningKey};
    ///
    /// let key = SigningKey::from_bytes(&[7; 32]);
    /// assert_eq!(Fingerprint::from_ed25519_pubkey(&key.public_key()).to_hex()[..8], *"0871f3aa");
    /// ```
    pub fn from_ed25519_pubkey(pubkey: &[u8]) -> Self {
        Self::from_bytes(*blake3::hash(pubkey).as_bytes())
    }

    /// The identity of a named writer, which has no key and can sign nothing. A name never has the fingerprint of a key.
    ///
    /// ```
    /// use causal_vault::Fingerprint;
    ///
    /// assert_eq!(Fingerprint::named("alice")?.to_hex()[..8], *"e06d30fb");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn named(name: &str) -> Result<Self> {
        hash::named_writer(name).map(Self::from_bytes)
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
        #[derive(Debug, PartialEq, serde::Deserialize, serde::Serialize)]
        #[serde(untagged)]
        enum Who {
            Writer { id: Fingerprint },
        }
        let who = Who::Writer { id: Fingerprint::from_bytes([3; 32]) };
        let packed = rmp_serde::to_vec_named(&who).unwrap();
        assert_eq!(rmp_serde::from_slice::<Who>(&packed).unwrap(), who);
    }
}
