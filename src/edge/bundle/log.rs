//! A log as far as a bundle holds it.

use std::sync::Arc;

use crate::causal::writer::{Identity, Proof};
use crate::causal::{Break, EntryHash, Fingerprint, LogReport, LogVerdict};
use crate::words::ChainRule;

/// Where an entry stands.
pub(super) struct Place {
    pub(super) seq: u64,
    pub(super) hash: EntryHash,
    pub(super) lamport: u64,
    pub(super) position: u64,
}

/// Consecutive entries of one log.
pub(super) struct Log {
    /// How many logs began before it.
    pub(super) order: usize,
    stream: Arc<str>,
    identity: Identity,
    epoch: u32,
    first: u64,
    /// The last signed entry, or the one before the first.
    signed: u64,
    /// The last entry that stands no further than the newest anchor, or the one before the first.
    anchored: u64,
    pub(super) last: Place,
    /// The position of its last entry that a revocation can take back.
    revocable: u64,
}

impl Log {
    pub(super) fn begin(order: usize, stream: &Arc<str>, epoch: u32, identity: &Identity, first: Place) -> Self {
        let (stream, identity, before) = (Arc::clone(stream), identity.clone(), first.seq - 1);
        Self {
            order,
            stream,
            identity,
            epoch,
            first: first.seq,
            signed: before,
            anchored: before,
            last: first,
            revocable: 0,
        }
    }

    pub(super) fn advance(&mut self, last: Place) {
        self.last = last;
    }

    /// Takes note that the last entry is signed, which covers the ones before it.
    pub(super) fn sign(&mut self) {
        self.signed = self.last.seq;
    }

    /// Takes note that the last entry stands no further than the newest anchor.
    pub(super) fn anchor(&mut self) {
        self.anchored = self.last.seq;
    }

    /// Takes note that the last entry is no revocation, which nothing takes back.
    pub(super) fn note_revocable(&mut self) {
        self.revocable = self.last.position;
    }

    pub(super) fn writer(&self) -> Fingerprint {
        self.identity.id()
    }

    /// A signature that was taken away is missed at the end of a signed writer's log.
    pub(super) fn ends_unsigned(&self) -> bool {
        self.is_signed() && self.signed < self.last.seq
    }

    /// What holds, where an anchor covers the positions up to `anchored`, and a revocation of its writer takes back those
    /// behind `last_good`.
    pub(super) fn report(&self, anchored: u64, last_good: Option<u64>) -> LogReport {
        let revoked = last_good.filter(|last_good| self.revocable > *last_good).map(|last_good| {
            let found = format!("entries up to position {}", self.revocable);
            let expected = format!("none behind position {last_good}: its writer was revoked");
            LogVerdict::Broken(Break::new(None, None, ChainRule::Revoked, found, expected))
        });
        let verdict = revoked.unwrap_or_else(|| match () {
            () if self.last.position <= anchored => LogVerdict::Anchored,
            () if self.is_signed() && !self.ends_unsigned() => LogVerdict::SignedUnanchored,
            () => LogVerdict::Unsigned,
        });
        LogReport {
            stream: Arc::clone(&self.stream),
            writer: self.writer(),
            writer_name: self.identity.label(),
            epoch: self.epoch,
            first: self.first,
            entries: self.last.seq - self.first + 1,
            anchored: if anchored > 0 { self.anchored - (self.first - 1) } else { 0 },
            signed: self.signed - (self.first - 1),
            verdict,
        }
    }

    fn is_signed(&self) -> bool {
        matches!(self.identity.proof(), Proof::PublicKey(_))
    }
}
