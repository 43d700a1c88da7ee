//! The vectors come from an independent implementation of the format.

use causal_vault::{
    CausalDigest, EntryHash, EntryV1, Extensions, Fingerprint, PayloadDigest, Realm, Scheme, Signer, SigningKey,
    causal_hash, embedding_digest, tree_root, verify_entry_signature,
};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../data/vectors-v1.json")).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let hex = value.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

#[test]
fn every_entry_decodes_and_encodes_to_the_same_bytes() {
    let vectors = vectors();
    let named = &vectors["named"];
    let entries = vectors["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 4);
    for vector in entries.iter().chain([named]) {
        let stored = bytes(&vector["entry_bytes"]);
        let entry = EntryV1::decode(&stored).unwrap();
        assert_eq!(entry.encode().unwrap(), stored);
        assert_eq!(EntryHash::of(&stored).as_bytes(), &array(&vector["entry_hash"]));
        assert_eq!(entry.realm, Realm::from_bytes(array(&vectors["realm"])));
        assert_eq!(entry.payload_len, bytes(&vector["payload"]).len() as u64);
        let rebuilt = Extensions::encode(&entry.extensions.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(rebuilt, entry.extensions.as_bytes());
    }
}

#[test]
fn entries_built_from_their_parts_have_the_bytes_of_the_vectors() {
    let vectors = vectors();
    let realm = Realm::from_bytes(array(&vectors["realm"]));
    let key = SigningKey::from_bytes(&array(&vectors["secret_key"]));
    let writer = Fingerprint::from_ed25519_pubkey(&key.public_key());
    assert_eq!(writer.as_bytes(), &array(&vectors["writer_id"]));
    let mut prev = EntryHash::from_bytes(array(&vectors["genesis"]));
    let mut causal: Vec<(EntryHash, CausalDigest)> = Vec::new();
    for (index, vector) in vectors["entries"].as_array().unwrap().iter().enumerate() {
        let seq = index as u64 + 1;
        let stored = bytes(&vector["entry_bytes"]);
        let payload = bytes(&vector["payload"]);
        let parents: Vec<EntryHash> =
            vector["parents"].as_array().unwrap().iter().map(|hash| EntryHash::from_bytes(array(hash))).collect();
        let decoded = EntryV1::decode(&stored).unwrap();
        let entry = EntryV1 {
            realm,
            tenant: "acme",
            stream: "conv:demo",
            writer,
            epoch: 0,
            seq,
            prev,
            lamport: seq,
            parents: parents.iter().copied().collect(),
            kind: &format!("chat.msg{index}"),
            ts_ms: 1_767_225_600_000 + i64::try_from(index).unwrap(),
            event_id: decoded.event_id,
            scheme: Scheme::Plain,
            payload_len: payload.len() as u64,
            payload_digest: PayloadDigest::of(&payload),
            extensions: decoded.extensions,
        };
        assert_eq!(entry.encode().unwrap(), stored);
        let hash = EntryHash::of(&stored);
        let lineage: Vec<CausalDigest> =
            parents.iter().map(|parent| causal.iter().find(|(hash, _)| hash == parent).unwrap().1).collect();
        let digest = causal_hash(&PayloadDigest::of(&payload), &lineage);
        assert_eq!(digest.as_bytes(), &array(&vector["causal_digest"]));
        let signature = array(&vector["signature"]);
        assert!(verify_entry_signature(&key.public_key(), realm.as_bytes(), hash.as_bytes(), &signature));
        causal.push((hash, digest));
        prev = hash;
    }
}

#[test]
fn the_commitment_the_forked_realm_and_the_roots_are_those_of_the_vectors() {
    let vectors = vectors();
    let named = &vectors["named"];
    let commitment = PayloadDigest::commitment(&array(&named["dek"]), &bytes(&named["payload"]));
    assert_eq!(commitment.as_bytes(), &array(&named["payload_commitment"]));
    let fork = &vectors["fork_realm"];
    let realm = Realm::from_bytes(array(&vectors["realm"]));
    let forked = realm.forked(array(&fork["timeline_id"]), &array(&fork["cut_root"]));
    assert_eq!(forked.as_bytes(), &array(&fork["realm"]));
    let leaves: Vec<[u8; 32]> = vectors["leaves"].as_array().unwrap().iter().map(array).collect();
    for (size, root) in vectors["roots"].as_array().unwrap().iter().enumerate() {
        assert_eq!(tree_root(leaves[..size].iter().copied()), array(root));
    }
}

#[test]
fn the_extensions_of_the_fourth_entry_say_what_the_format_says() {
    use causal_vault::Extension;
    let vectors = vectors();
    let stored = bytes(&vectors["entries"][3]["entry_bytes"]);
    let extensions: Vec<Extension> = EntryV1::decode(&stored).unwrap().extensions.iter().collect();
    let read = EntryHash::from_bytes(array(&vectors["entries"][1]["entry_hash"]));
    assert!(matches!(&extensions[0], Extension::Embedding { model, dimensions: 3, digest }
        if model == "hashing-v1" && *digest != embedding_digest(&[0.0; 3])));
    assert_eq!(extensions[1], Extension::Touches(vec!["file:src/a.rs".into(), "file:src/b.rs".into()]));
    assert_eq!(extensions[2], Extension::Reads(vec![read]));
    let second = bytes(&vectors["entries"][1]["entry_bytes"]);
    let trace: Vec<Extension> = EntryV1::decode(&second).unwrap().extensions.iter().collect();
    assert_eq!(
        trace,
        [Extension::Trace {
            trace_id: *b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f",
            span_id: [0, 1, 2, 3, 4, 5, 6, 7]
        }]
    );
}

/// As the page about the format gives it.
#[test]
fn the_digest_of_an_embedding_is_that_of_its_little_endian_values() {
    let bytes = [1.5_f32.to_le_bytes(), (-0.25_f32).to_le_bytes()].concat();
    let expected = blake3::derive_key("causal-vault v1 2026 embedding", &bytes);
    assert_eq!(embedding_digest(&[1.5, -0.25]), expected);
}

#[test]
fn any_single_changed_byte_is_refused_or_decodes_to_another_entry() {
    for vector in vectors()["entries"].as_array().unwrap() {
        let stored = bytes(&vector["entry_bytes"]);
        let original = EntryV1::decode(&stored).unwrap();
        for at in 0..stored.len() {
            let mut changed = stored.clone();
            changed[at] ^= 1;
            if let Ok(entry) = EntryV1::decode(&changed) {
                assert_ne!(entry, original);
                assert_eq!(entry.encode().unwrap(), changed);
            }
            assert!(EntryV1::decode(&stored[..at]).is_err(), "a prefix of {at} bytes");
        }
        assert!(EntryV1::decode(&[&stored[..], &[0]].concat()).is_err());
    }
}
