//! Every limit of entry bytes at its edge, in both directions: what the encoder refuses, the decoder refuses as well.

use causal_vault::limits::{
    COUNTER_MAX, EMBEDDING_DIMENSIONS, EXTENSION_BYTES, EXTENSIONS_BYTES, NAME_BYTES, PARENTS, PAYLOAD_BYTES_MAX,
};
use causal_vault::{
    EntryHash, EntryV1, ErrorKind, Extension, Extensions, Fingerprint, PayloadDigest, Realm, Scheme, StoreError, Uuid,
};

fn entry() -> EntryV1<'static> {
    EntryV1 {
        realm: Realm::from_bytes([1; 32]),
        tenant: "t",
        stream: "s",
        writer: Fingerprint::from_bytes([2; 32]),
        epoch: 0,
        seq: 1,
        prev: EntryHash::from_bytes([3; 32]),
        lamport: 1,
        parents: Default::default(),
        kind: "k",
        ts_ms: 0,
        event_id: Uuid::from_bytes([4; 16]),
        scheme: Scheme::Plain,
        payload_len: 0,
        payload_digest: PayloadDigest::from_bytes([5; 32]),
        extensions: Extensions::NONE,
    }
}

/// Where fields stand in the bytes of `entry()`, which has names of one byte and no parents.
const SEQ: usize = 8 + 32 + 2 + 2 + 32 + 4;
const LAMPORT: usize = SEQ + 8 + 32;
const SCHEME: usize = LAMPORT + 8 + 2 + 2 + 8 + 16;
const PAYLOAD_LEN: usize = SCHEME + 1;
const PAYLOAD_DIGEST: usize = PAYLOAD_LEN + 8;

/// The bytes of `entry()` with some of them overwritten.
fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut all = entry().encode().unwrap();
    all[at..at + bytes.len()].copy_from_slice(bytes);
    all
}

#[track_caller]
fn accepted(entry: &EntryV1<'_>) {
    let bytes = entry.encode().unwrap();
    assert_eq!(EntryV1::decode(&bytes).as_ref(), Ok(entry));
}

fn over_bytes<T>(what: &'static str, found: usize, limit: usize) -> Result<T, StoreError> {
    Err(StoreError::Limit { what, found: found as u64, limit: limit as u64, unit: "bytes" })
}

#[test]
fn numbers_run_from_one_to_the_largest_that_an_engine_stores() {
    for number in [1, 2, COUNTER_MAX] {
        accepted(&EntryV1 { seq: number, ..entry() });
        accepted(&EntryV1 { lamport: number, ..entry() });
        assert_eq!(EntryV1::decode(&with(SEQ, &number.to_be_bytes())).unwrap().seq, number);
        assert_eq!(EntryV1::decode(&with(LAMPORT, &number.to_be_bytes())).unwrap().lamport, number);
    }
    for number in [0, COUNTER_MAX + 1, u64::MAX] {
        for (name, at, entry) in [
            ("seq", SEQ, EntryV1 { seq: number, ..entry() }),
            ("lamport", LAMPORT, EntryV1 { lamport: number, ..entry() }),
        ] {
            let expected = format!("{name} is {number}; it runs from 1 to {COUNTER_MAX}");
            assert!(entry.encode().unwrap_err().to_string().contains(&expected));
            assert!(EntryV1::decode(&with(at, &number.to_be_bytes())).unwrap_err().to_string().contains(&expected));
        }
    }
}

#[test]
fn a_payload_has_at_most_the_bytes_that_a_vault_can_be_told_to_accept() {
    let largest = PAYLOAD_BYTES_MAX as u64;
    accepted(&EntryV1 { payload_len: largest, ..entry() });
    let larger = EntryV1 { payload_len: largest + 1, ..entry() };
    let limit = StoreError::Limit { what: "the payload", found: largest + 1, limit: largest, unit: "bytes" };
    assert_eq!(larger.encode(), Err(limit.clone()));
    assert_eq!(EntryV1::decode(&with(PAYLOAD_LEN, &(largest + 1).to_be_bytes())), Err(limit));
    assert!(EntryV1::decode(&with(PAYLOAD_LEN, &u64::MAX.to_be_bytes())).is_err());
}

#[test]
fn an_entry_without_a_payload_has_neither_a_length_nor_a_digest() {
    let none = EntryV1 { scheme: Scheme::None, payload_digest: PayloadDigest::from_bytes([0; 32]), ..entry() };
    accepted(&none);
    let some_length = EntryV1 { payload_len: 1, ..none.clone() };
    let some_digest = EntryV1 { payload_digest: PayloadDigest::from_bytes([5; 32]), ..none.clone() };
    let mut bytes = none.encode().unwrap();
    for entry in [some_length, some_digest] {
        assert!(entry.encode().unwrap_err().to_string().contains("no payload, and yet a length or a digest"));
    }
    for at in [PAYLOAD_LEN + 7, PAYLOAD_DIGEST, PAYLOAD_DIGEST + 31] {
        bytes[at] = 1;
        assert!(EntryV1::decode(&bytes).unwrap_err().to_string().contains("no payload, and yet"));
        bytes[at] = 0;
    }
    assert!(EntryV1::decode(&bytes).is_ok());
    // Either of the others may stand for an empty payload, and for one whose digest happens to be zeros.
    for scheme in [Scheme::Plain, Scheme::Commitment] {
        accepted(&EntryV1 { scheme, payload_digest: PayloadDigest::from_bytes([0; 32]), ..entry() });
    }
    assert!(EntryV1::decode(&with(SCHEME, &[3])).unwrap_err().to_string().contains("payload scheme 3 is unknown"));
}

#[test]
fn parents_are_at_most_64_and_strictly_ascending() {
    let hash = |n: usize| EntryHash::from_bytes([u8::try_from(n).unwrap(); 32]);
    accepted(&EntryV1 { parents: (0..PARENTS).map(hash).collect(), ..entry() });
    let many = EntryV1 { parents: (0..=PARENTS).map(hash).collect(), ..entry() };
    let limit = StoreError::Limit { what: "the event", found: 65, limit: 64, unit: "parents" };
    assert_eq!(many.encode(), Err(limit.clone()));
    assert_eq!(EntryV1::decode(&with(LAMPORT + 8, &[0, 65])), Err(limit));
    let two = EntryV1 { parents: [hash(1), hash(2)].into_iter().collect(), ..entry() };
    let bytes = two.encode().unwrap();
    for wrong in [[hash(2), hash(1)], [hash(1), hash(1)]] {
        let entry = EntryV1 { parents: wrong.into_iter().collect(), ..entry() };
        assert!(entry.encode().unwrap_err().to_string().contains("not strictly ascending"));
        let mut bytes = bytes.clone();
        for (at, hash) in wrong.iter().enumerate() {
            bytes[LAMPORT + 10 + 32 * at..][..32].copy_from_slice(hash.as_bytes());
        }
        assert!(EntryV1::decode(&bytes).unwrap_err().to_string().contains("not strictly ascending"));
    }
}

#[test]
fn names_have_1_to_128_bytes() {
    let long = "é".repeat(NAME_BYTES / 2);
    let longer = format!("{long}x");
    for name in ["x", &long] {
        accepted(&EntryV1 { tenant: name, stream: name, kind: name, ..entry() });
    }
    for name in ["", &longer, "a\nb", "\u{7f}", "\u{85}"] {
        for entry in [
            EntryV1 { tenant: name, ..entry() },
            EntryV1 { stream: name, ..entry() },
            EntryV1 { kind: name, ..entry() },
        ] {
            assert!(entry.encode().is_err(), "{name:?}");
        }
    }
}

#[test]
fn an_extension_that_is_not_known_keeps_to_tags_that_nobody_has() {
    let unknown = |tag| Extension::Unknown { tag, bytes: vec![1, 2] };
    for tag in [0, 7, 8, 0x7fff] {
        let bytes = Extensions::encode(&[unknown(tag)]).unwrap();
        assert_eq!(Extensions::decode(&bytes).unwrap().iter().collect::<Vec<_>>(), [unknown(tag)]);
    }
    for tag in [1, 2, 6, 0x8000, 0x8001, 0xffff] {
        let error = Extensions::encode(&[unknown(tag)]).unwrap_err();
        assert!(error.to_string().contains("has a form of its own or is critical"), "{tag:#06x}: {error}");
        let bytes = [&[0, 1][..], &u16::to_be_bytes(tag), &[0, 0, 0, 2, 1, 2]].concat();
        let error = Extensions::decode(&bytes).unwrap_err();
        assert_eq!(error.to_string().contains("critical"), tag == 0x8000 || tag == 0xffff, "{tag:#06x}: {error}");
    }
}

#[test]
fn the_tags_of_extensions_ascend() {
    let bytes = |first: u8, second: u8| [0, 2, 0, first, 0, 0, 0, 0, 0, second, 0, 0, 0, 0];
    assert_eq!(Extensions::decode(&bytes(7, 8)).unwrap().iter().count(), 2);
    for (first, second) in [(7, 7), (8, 7)] {
        assert!(Extensions::decode(&bytes(first, second)).unwrap_err().to_string().contains("not in ascending order"));
    }
    let twice = [Extension::Grant([1; 32]), Extension::Grant([2; 32])];
    assert!(Extensions::encode(&twice).unwrap_err().to_string().contains("0x0005 was given twice"));
}

#[test]
fn an_embedding_has_1_to_4096_dimensions() {
    let embedding = |dimensions| Extension::Embedding { model: "m".into(), dimensions, digest: [1; 32] };
    let most = u16::try_from(EMBEDDING_DIMENSIONS).unwrap();
    let mut bytes = Vec::new();
    for dimensions in [1, most] {
        bytes = Extensions::encode(&[embedding(dimensions)]).unwrap();
        assert_eq!(Extensions::decode(&bytes).unwrap().iter().collect::<Vec<_>>(), [embedding(dimensions)]);
    }
    for dimensions in [0, most + 1, u16::MAX] {
        let error = Extensions::encode(&[embedding(dimensions)]).unwrap_err();
        bytes[2 + 2 + 4 + 2..][..2].copy_from_slice(&dimensions.to_be_bytes());
        assert_eq!(Extensions::decode(&bytes).unwrap_err(), error);
        assert_eq!(error.kind() == ErrorKind::Limit, dimensions > 0, "{error}");
    }
}

#[test]
fn one_extension_has_at_most_64_kib_and_all_of_them_256() {
    let of = |tag, length| Extension::Unknown { tag, bytes: vec![7; length] };
    let largest = Extensions::encode(&[of(9, EXTENSION_BYTES)]).unwrap();
    assert!(Extensions::decode(&largest).is_ok());
    let found = EXTENSION_BYTES + 1;
    assert_eq!(Extensions::encode(&[of(9, found)]), over_bytes("extension", found, EXTENSION_BYTES));
    let mut longer = largest;
    longer.push(7);
    longer[2 + 2..][..4].copy_from_slice(&u32::try_from(found).unwrap().to_be_bytes());
    assert_eq!(Extensions::decode(&longer).map(drop), over_bytes("extension", found, EXTENSION_BYTES));

    let whole = |last| [of(9, EXTENSION_BYTES), of(10, EXTENSION_BYTES), of(11, EXTENSION_BYTES), of(12, last)];
    // The count, and a tag and a length before each.
    let last = EXTENSIONS_BYTES - 3 * EXTENSION_BYTES - 2 - 4 * 6;
    let full = Extensions::encode(&whole(last)).unwrap();
    assert_eq!(full.len(), EXTENSIONS_BYTES);
    assert!(Extensions::decode(&full).is_ok());
    let over = EXTENSIONS_BYTES + 1;
    assert_eq!(Extensions::encode(&whole(last + 1)), over_bytes("extensions together", over, EXTENSIONS_BYTES));
    let longer = [&full[..], &[7]].concat();
    let decoded = Extensions::decode(&longer).map(drop);
    assert_eq!(decoded, over_bytes("extensions together", over, EXTENSIONS_BYTES));
}

#[test]
fn what_an_extension_lists_has_at_most_65535_elements() {
    let hashes = vec![EntryHash::from_bytes([1; 32]); 65_536];
    let error = Extensions::encode(&[Extension::Reads(hashes)]).unwrap_err();
    assert_eq!(error, StoreError::Limit { what: "read entries", found: 65_536, limit: 65_535, unit: "elements" });
}
