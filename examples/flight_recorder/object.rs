//! Git's object ids, and how they are computed from the bytes they name.

use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use crate::bytes::ByteString;

/// The id of a commit, tree or blob, in either of git's two hashes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ObjectId {
    Sha1([u8; 20]),
    Sha256([u8; 32]),
}

/// Computes an object id from bytes that arrive in pieces.
pub(crate) enum ObjectHasher {
    Sha1(Sha1),
    Sha256(Sha256),
}

/// What was read in the place of an object id.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a git object id: expected 40 or 64 hexadecimal digits")]
pub(crate) struct NotAnObjectId(String);

impl ObjectId {
    /// The id that an object of `kind` with these bytes has, in the hash that `self` is written in.
    pub(crate) fn recompute(&self, kind: &str, bytes: &[u8]) -> ObjectId {
        let mut hasher = self.hasher(kind, bytes.len() as u64);
        hasher.update(bytes);
        hasher.finish()
    }

    /// A hasher of the same hash as `self`, for `size` bytes of an object of `kind`.
    pub(crate) fn hasher(&self, kind: &str, size: u64) -> ObjectHasher {
        let mut hasher = match self {
            ObjectId::Sha1(_) => ObjectHasher::Sha1(Sha1::new()),
            ObjectId::Sha256(_) => ObjectHasher::Sha256(Sha256::new()),
        };
        hasher.update(format!("{kind} {size}\0").as_bytes());
        hasher
    }

    pub(crate) fn parse(digits: &[u8]) -> Result<ObjectId, NotAnObjectId> {
        std::str::from_utf8(digits)
            .map_err(|_| NotAnObjectId(digits.escape_ascii().to_string()))
            .and_then(ObjectId::from_str)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            ObjectId::Sha1(bytes) => bytes,
            ObjectId::Sha256(bytes) => bytes,
        }
    }

    fn from_bytes(bytes: &[u8]) -> Option<ObjectId> {
        match bytes.len() {
            20 => bytes.try_into().ok().map(ObjectId::Sha1),
            32 => bytes.try_into().ok().map(ObjectId::Sha256),
            _ => None,
        }
    }
}

impl ObjectHasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            ObjectHasher::Sha1(hasher) => hasher.update(bytes),
            ObjectHasher::Sha256(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> ObjectId {
        match self {
            ObjectHasher::Sha1(hasher) => ObjectId::Sha1(hasher.finalize().into()),
            ObjectHasher::Sha256(hasher) => ObjectId::Sha256(hasher.finalize().into()),
        }
    }
}

impl FromStr for ObjectId {
    type Err = NotAnObjectId;

    fn from_str(digits: &str) -> Result<ObjectId, NotAnObjectId> {
        let bytes = hex::decode(digits).ok();
        bytes.as_deref().and_then(ObjectId::from_bytes).ok_or_else(|| NotAnObjectId(digits.to_owned()))
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.bytes()))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.bytes())
    }
}

impl<'de> Deserialize<'de> for ObjectId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ObjectId, D::Error> {
        let bytes = deserializer.deserialize_bytes(ByteString)?;
        ObjectId::from_bytes(&bytes)
            .ok_or_else(|| D::Error::invalid_length(bytes.len(), &"an object id of 20 or 32 bytes"))
    }
}
