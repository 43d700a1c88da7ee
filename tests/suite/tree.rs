//! The tree of RFC 6962, word for word.

use sha2::{Digest, Sha256};

pub(crate) fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => Sha256::digest(b"").into(),
        [only] => Sha256::digest([b"\0".as_slice(), only].concat()).into(),
        more => {
            let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
            Sha256::digest([b"\x01".as_slice(), &root(left), &root(right)].concat()).into()
        }
    }
}

/// The roots of the perfect trees that the whole consists of, the largest first.
pub(crate) fn peaks(leaves: &[[u8; 32]]) -> Vec<[u8; 32]> {
    if leaves.is_empty() {
        return Vec::new();
    }
    let (perfect, rest) = leaves.split_at(1 << leaves.len().ilog2());
    [vec![root(perfect)], peaks(rest)].concat()
}
