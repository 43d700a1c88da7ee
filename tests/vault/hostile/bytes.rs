//! The decoders are total and strict: an error, or a value that encodes to the same bytes.

use causal_vault::{EntryHash, EntryV1, Extension, Extensions, Fingerprint, PayloadDigest, Realm, Scheme};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::suite::suite;

fn extension() -> impl Strategy<Value = Extension> {
    prop_oneof![
        ("[a-z]{1,9}", 1..4097_u16, any::<[u8; 32]>()).prop_map(|(model, dimensions, digest)| Extension::Embedding {
            model,
            dimensions,
            digest
        }),
        prop::collection::vec("[a-z:/]{1,12}", 0..4).prop_map(Extension::Touches),
        prop::collection::vec(any::<[u8; 32]>().prop_map(EntryHash::from_bytes), 0..4).prop_map(Extension::Reads),
        any::<([u8; 16], [u8; 8])>().prop_map(|(trace_id, span_id)| Extension::Trace { trace_id, span_id }),
        any::<[u8; 32]>().prop_map(Extension::Grant),
        "[a-z/]{1,20}".prop_map(Extension::ContentType),
        any::<([u8; 16], [u8; 32], [u8; 32])>().prop_map(|(timeline_id, cut_root, fork_root)| Extension::Merge {
            timeline_id,
            cut_root,
            fork_root
        }),
        (7..0x8000_u16, prop::collection::vec(any::<u8>(), 0..9))
            .prop_map(|(tag, bytes)| Extension::Unknown { tag, bytes }),
    ]
}

fn extensions() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(extension(), 0..5).prop_map(|mut extensions| {
        extensions.sort_by_key(Extension::tag);
        extensions.dedup_by_key(|extension| extension.tag());
        Extensions::encode(&extensions).unwrap()
    })
}

fn entry() -> impl Strategy<Value = Vec<u8>> {
    let names = ("[a-z]{1,20}", "[a-zé:]{1,20}", "[a-z.]{1,20}");
    let numbers = (any::<u32>(), 1..=i64::MAX as u64, 1..=i64::MAX as u64, any::<i64>(), 0..=64_u64 << 20);
    let hashes = (any::<[u8; 32]>(), prop::collection::btree_set(any::<[u8; 32]>(), 0..4), any::<[u8; 16]>());
    (names, numbers, hashes, 0..3_u8, extensions()).prop_map(
        |((tenant, stream, kind), (epoch, seq, lamport, ts_ms, len), (hash, parents, id), scheme, extensions)| {
            let scheme = [Scheme::None, Scheme::Plain, Scheme::Commitment][usize::from(scheme)];
            let is_empty = scheme == Scheme::None;
            let entry = EntryV1 {
                realm: Realm::from_bytes(hash),
                tenant: &tenant,
                stream: &stream,
                writer: Fingerprint::from_bytes(hash),
                epoch,
                seq,
                prev: EntryHash::from_bytes(hash),
                lamport,
                parents: parents.into_iter().map(EntryHash::from_bytes).collect(),
                kind: &kind,
                ts_ms,
                event_id: uuid::Uuid::from_bytes(id),
                scheme,
                payload_len: if is_empty { 0 } else { len },
                payload_digest: PayloadDigest::from_bytes(if is_empty { [0; 32] } else { hash }),
                extensions: Extensions::decode(&extensions).unwrap(),
            };
            entry.encode().unwrap()
        },
    )
}

/// Bytes that are nearly right: a flipped bit, a cut, a doubled or a missing stretch.
fn nearly(right: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (right, any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..6_u8, any::<u8>()).prop_map(
        |(mut bytes, one, other, how, byte)| {
            let (one, other) = (one.index(bytes.len()), other.index(bytes.len()));
            let (from, to) = (one.min(other), one.max(other));
            match how {
                0 => bytes[from] ^= 1 << (byte % 8),
                1 => bytes.truncate(from),
                2 => drop(bytes.drain(from..to)),
                3 => bytes.extend_from_within(from..to),
                4 => bytes.insert(from, byte),
                _ => bytes[from] = byte,
            }
            bytes
        },
    )
}

fn strict_entry(bytes: &[u8]) -> Result<bool, TestCaseError> {
    let Ok(entry) = EntryV1::decode(bytes) else { return Ok(false) };
    prop_assert_eq!(entry.encode().unwrap(), bytes);
    Ok(true)
}

fn strict_extensions(bytes: &[u8]) -> Result<bool, TestCaseError> {
    let Ok(extensions) = Extensions::decode(bytes) else { return Ok(false) };
    prop_assert_eq!(Extensions::encode(&extensions.iter().collect::<Vec<_>>()).unwrap(), bytes);
    Ok(true)
}

#[test]
fn entry_bytes_decode_to_what_encodes_to_them_or_not_at_all() {
    let suite = suite("entry bytes", 3_000, 1_000_000);
    suite.runner().run(&entry(), |bytes| strict_entry(&bytes).map(|accepted| assert!(accepted))).unwrap();
    suite.runner().run(&nearly(entry()), |bytes| strict_entry(&bytes).map(drop)).unwrap();
    let noise = prop::collection::vec(any::<u8>(), 0..400);
    suite.runner().run(&noise, |bytes| strict_entry(&[b"CVENTRY\x01", &*bytes].concat()).map(drop)).unwrap();
}

#[test]
fn extension_bytes_decode_to_what_encodes_to_them_or_not_at_all() {
    let suite = suite("extension bytes", 3_000, 1_000_000);
    suite.runner().run(&extensions(), |bytes| strict_extensions(&bytes).map(|accepted| assert!(accepted))).unwrap();
    suite.runner().run(&nearly(extensions()), |bytes| strict_extensions(&bytes).map(drop)).unwrap();
    let noise = prop::collection::vec(any::<u8>(), 0..200);
    suite.runner().run(&noise, |bytes| strict_extensions(&bytes).map(drop)).unwrap();
}

/// The control: a decoder that takes bytes behind the entry's own for granted is not strict, and is caught.
#[test]
fn a_lax_decoder_is_caught() {
    let lax = |bytes: &[u8]| -> Result<(), TestCaseError> {
        let Some(entry) = (0..=bytes.len()).rev().find_map(|end| EntryV1::decode(&bytes[..end]).ok()) else {
            return Ok(());
        };
        prop_assert_eq!(entry.encode().unwrap(), bytes);
        Ok(())
    };
    let few = crate::suite::Suite { cases: 500, seed: 1, shrinks: 0 };
    assert!(few.runner().run(&nearly(entry()), |bytes| lax(&bytes)).is_err());
}
