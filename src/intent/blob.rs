//! Floats as bytes, little-endian: four each, where a list of numbers would take five.

use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;

pub(super) fn serialize<S: Serializer>(values: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    serializer.serialize_bytes(&bytes)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    struct Floats;

    impl Visitor<'_> for Floats {
        type Value = Vec<f32>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("four bytes for each of some numbers")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<f32>, E> {
            let (values, []) = bytes.as_chunks() else { return Err(E::invalid_length(bytes.len(), &self)) };
            Ok(values.iter().map(|value| f32::from_le_bytes(*value)).collect())
        }
    }

    deserializer.deserialize_bytes(Floats)
}
