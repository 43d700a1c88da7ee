//! Proofs of equivocation: bytes that are read are bytes that are written, and nobody is proved to have signed what it has
//! not.

use std::sync::LazyLock;

use causal_vault::Equivocation;

/// The proofs for which somebody has signed two entries.
pub static SIGNED: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let vectors = include_str!("../../data/vectors-identity-v1.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).expect("the vectors are JSON");
    ["proof", "proof_after_rotation"]
        .map(|name| hex::decode(vectors[name].as_str().expect("a vector is text")).expect("a vector is hexadecimal"))
});

pub fn target(data: &[u8]) -> bool {
    target_with(data, |data| Equivocation::from_bytes(data).ok())
}

pub fn target_with(data: &[u8], read: impl Fn(&[u8]) -> Option<Equivocation>) -> bool {
    let Some(proof) = read(data) else { return false };
    assert_eq!(proof.to_bytes(), data, "other bytes are read as the same proof");
    assert!(SIGNED.iter().any(|signed| signed == data), "a proof of what nobody has signed");
    assert_eq!(Equivocation::new(first_key(data), proof.rotations().to_vec(), proof.entries().clone()), Ok(proof));
    true
}

fn first_key(data: &[u8]) -> [u8; 32] {
    data.get(8..40).and_then(|key| key.try_into().ok()).expect("a proof that was read has a key")
}
