//! Who writes: an ed25519 key, or a plain name that can sign nothing.

use std::sync::Arc;

use super::fingerprint::Fingerprint;
use crate::words::Result;

/// What a writer id is the hash of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Proof {
    Name(Arc<str>),
    PublicKey([u8; 32]),
}

/// A writer's id together with what it is the hash of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    id: Fingerprint,
    proof: Proof,
}

impl Identity {
    pub(crate) fn named(name: &str) -> Result<Self> {
        Ok(Self { id: Fingerprint::named(name)?, proof: Proof::Name(name.into()) })
    }

    pub(crate) fn signed(public_key: [u8; 32]) -> Self {
        Self { id: Fingerprint::from_ed25519_pubkey(&public_key), proof: Proof::PublicKey(public_key) }
    }

    pub(crate) fn id(&self) -> Fingerprint {
        self.id
    }

    pub(crate) fn proof(&self) -> &Proof {
        &self.proof
    }

    /// The key that its id is the hash of.
    pub(crate) fn first_key(&self) -> Option<[u8; 32]> {
        match &self.proof {
            Proof::Name(_) => None,
            Proof::PublicKey(key) => Some(*key),
        }
    }

    /// What people call it: the name, or the fingerprint in hex.
    pub(crate) fn label(&self) -> Arc<str> {
        match &self.proof {
            Proof::Name(name) => Arc::clone(name),
            Proof::PublicKey(_) => self.id.to_hex().into(),
        }
    }
}
