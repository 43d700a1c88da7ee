//! A ledger in memory: what the rest is proved against without a vault.

use std::collections::HashMap;

use crate::Outcome;
use crate::bytes::Digest;
use crate::ledger::Ledger;
use crate::object::ObjectId;
use crate::record::CommitRecord;

/// Keeps payloads as a vault would: encoded, under the digest of format v1.
#[derive(Default)]
pub(crate) struct MemoryLedger {
    pub(crate) commits: HashMap<ObjectId, Vec<u8>>,
    pub(crate) order: Vec<ObjectId>,
    pub(crate) pieces: HashMap<[u8; 32], Vec<u8>>,
    pub(crate) puts: usize,
}

impl Ledger for MemoryLedger {
    fn holds(&self, commit: &ObjectId) -> Outcome<bool> {
        Ok(self.commits.contains_key(commit))
    }

    fn put(&mut self, piece: Vec<u8>) -> Outcome<Digest> {
        let digest = blake3::derive_key("causal-vault v1 2026 payload", &piece);
        self.puts += 1;
        self.pieces.insert(digest, piece);
        Ok(Digest(digest))
    }

    fn append(&mut self, record: CommitRecord) -> Outcome<()> {
        self.commits.insert(record.id, rmp_serde::to_vec_named(&record)?);
        self.order.push(record.id);
        Ok(())
    }

    fn flush(&mut self) -> Outcome<()> {
        Ok(())
    }

    fn load(&self, commit: &ObjectId) -> Outcome<CommitRecord> {
        let bytes = self.commits.get(commit).ok_or_else(|| format!("commit {commit} is not recorded"))?;
        Ok(rmp_serde::from_slice(bytes)?)
    }

    fn fetch(&self, digest: &Digest) -> Outcome<Vec<u8>> {
        Ok(self.pieces.get(&digest.0).cloned().ok_or_else(|| format!("no payload {digest:?}"))?)
    }
}
