//! The typed bridge: a payload is one MessagePack value with named fields.

use std::any::type_name;
use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::messagepack::check;
use crate::words::{Result, StoreError};

/// The most that is repeated of serde's messages: they quote the value, which may be the whole payload.
const MESSAGE_CHARS: usize = 200;

pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    let bytes = rmp_serde::to_vec_named(value).map_err(|error| unfit("encode", type_name::<T>(), error))?;
    check(&bytes)?;
    Ok(bytes)
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    check(bytes)?;
    rmp_serde::from_slice(bytes).map_err(|error| unfit("decode", type_name::<T>(), error))
}

#[cold]
fn unfit(verb: &str, name: &str, error: impl Display) -> StoreError {
    let error = error.to_string();
    let message: String = error.chars().take(MESSAGE_CHARS).collect();
    let more = if message.len() < error.len() { "..." } else { "" };
    StoreError::Invalid { what: "payload", reason: format!("it does not {verb} as {name}: {message}{more}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::causal::Fingerprint;
    use crate::vault::messagepack::tests::nearly_messagepack;

    #[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
    enum Tree {
        Flag(bool),
        Float(f64),
        Leaf,
        Number(i64),
        Text(String),
        List(Vec<Tree>),
        Map(BTreeMap<String, Tree>),
        Keyed(BTreeMap<(i32, Option<u16>), Tree>),
        Fields { left: Box<Tree>, right: Option<Box<Tree>>, wide: u64 },
    }

    fn tree() -> impl Strategy<Value = Tree> {
        let leaf = prop_oneof![
            Just(Tree::Leaf),
            any::<bool>().prop_map(Tree::Flag),
            (-1e300..1e300).prop_map(Tree::Float),
            any::<i64>().prop_map(Tree::Number),
            any::<String>().prop_map(Tree::Text),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..20).prop_map(Tree::List),
                prop::collection::btree_map(any::<String>(), inner.clone(), 0..20).prop_map(Tree::Map),
                prop::collection::btree_map(any::<(i32, Option<u16>)>(), inner.clone(), 0..8).prop_map(Tree::Keyed),
                (inner.clone(), prop::option::of(inner), any::<u64>()).prop_map(|(left, right, wide)| Tree::Fields {
                    left: left.into(),
                    right: right.map(Into::into),
                    wide
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_encoded_passes_and_comes_back(tree in tree()) {
            let bytes = encode(&tree).unwrap();
            prop_assert_eq!(decode::<Tree>(&bytes).unwrap(), tree);
        }

        #[test]
        fn no_bytes_make_a_typed_read_panic(
            bytes in prop_oneof![nearly_messagepack(), prop::collection::vec(any::<u8>(), 0..100)],
        ) {
            let _ = decode::<Tree>(&bytes);
            let _ = decode::<Vec<Option<(u8, String)>>>(&bytes);
            let _ = decode::<BTreeMap<String, i128>>(&bytes);
            let _ = decode::<serde_json::Value>(&bytes);
            let _ = decode::<Fingerprint>(&bytes);
        }

        #[test]
        fn no_part_of_a_payload_and_no_longer_one_passes(tree in tree(), more in any::<u8>()) {
            let mut bytes = encode(&tree).unwrap();
            for end in 0..bytes.len() {
                prop_assert!(check(&bytes[..end]).is_err());
            }
            bytes.push(more);
            prop_assert!(check(&bytes).is_err());
        }
    }

    #[test]
    fn a_value_of_another_shape_is_refused_with_serdes_words_and_not_its_whole_self() {
        #[derive(Debug, PartialEq, Deserialize, Serialize)]
        struct Mint {
            amount: u32,
        }
        assert_eq!(encode(&Mint { amount: 5 }).unwrap(), b"\x81\xa6amount\x05");
        let missing = decode::<Mint>(b"\x80").unwrap_err().to_string();
        assert!(missing.ends_with("Mint: missing field `amount`"), "{missing}");
        let long = decode::<bool>(&encode("é".repeat(100_000).as_str()).unwrap()).unwrap_err().to_string();
        assert!(long.len() < 600, "{long}");
        let huge = decode::<(u8, bool)>(&encode(&(1, "é".repeat(100_000))).unwrap()).unwrap_err().to_string();
        assert!(huge.len() < 600, "{huge}");
    }

    #[test]
    fn a_value_nested_deeper_than_a_payload_may_be_is_not_encoded() {
        let nested = |depth: usize| -> serde_json::Value {
            serde_json::from_str(&("[".repeat(depth) + &"]".repeat(depth))).unwrap()
        };
        assert!(encode(&nested(64)).is_ok());
        assert!(encode(&nested(65)).unwrap_err().to_string().contains("deeper than 64"));
    }

    #[test]
    fn a_type_that_repeats_a_key_or_cannot_be_encoded_is_refused() {
        #[derive(Serialize)]
        struct Flat {
            name: u8,
            #[serde(flatten)]
            more: BTreeMap<&'static str, u8>,
        }
        let twice = Flat { name: 1, more: BTreeMap::from([("name", 2)]) };
        assert!(encode(&twice).unwrap_err().to_string().contains("has this key already"));
        struct Refuses;
        impl Serialize for Refuses {
            fn serialize<S: serde::Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("not today"))
            }
        }
        assert!(encode(&Refuses).unwrap_err().to_string().ends_with("Refuses: not today"));
    }
}
