//! Entry bytes: the decoder is total and strict, and the encoder refuses what the decoder would.

use causal_vault::{EntryV1, Extension, Extensions};

pub fn target(data: &[u8]) -> bool {
    target_with(data, |data| EntryV1::decode(data).ok()?.encode().ok())
}

/// `again` decodes and encodes, or refuses.
pub fn target_with(data: &[u8], again: impl Fn(&[u8]) -> Option<Vec<u8>>) -> bool {
    let Some(encoded) = again(data) else {
        return false;
    };
    assert_eq!(hex::encode(encoded), hex::encode(data), "other bytes are read as the same entry");
    // No entry is the beginning of another.
    assert!(again(&data[..data.len() - 1]).is_none(), "it is read without its last byte");
    assert!(again(&[data, &[0]].concat()).is_none(), "a byte after it is overlooked");
    parts(data);
    true
}

/// What is read of an accepted entry says the same again.
fn parts(data: &[u8]) {
    let entry = EntryV1::decode(data).expect("it was accepted");
    let extensions: Vec<Extension> = entry.extensions.iter().collect();
    let encoded = Extensions::encode(&extensions).expect("what was decoded can be encoded");
    assert_eq!(encoded, entry.extensions.as_bytes());
    let mut larger = entry.clone();
    larger.seq = u64::MAX;
    assert!(larger.encode().is_err(), "the encoder refuses a number that the decoder refuses");
}
