//! agent-store's rule: `content_hash = BLAKE3(prev_hash || payload)`, with nothing before the first payload.

use crate::causal::table::agent_store::{Content, Key};
use crate::words::{ChainRule, Result, StoreError};

/// How far a log has been followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) entries: u64,
    pub(super) head: Option<[u8; 32]>,
}

impl Chain {
    /// The hash of the next entry, if it has this payload.
    pub(super) fn hash(&self, payload: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        if let Some(head) = &self.head {
            hasher.update(head);
        }
        *hasher.update(payload).finalize().as_bytes()
    }

    /// Follows the log to its next entry, if it is that.
    pub(super) fn accept(&mut self, key: Key<'_>, content: &Content<'_>) -> Result<()> {
        let seq = self.entries + 1;
        let broken = |rule, detail: String| StoreError::ChainBroken {
            stream: key.stream.to_owned(),
            writer: key.writer.to_owned(),
            seq: u64::try_from(key.seq).unwrap_or(0),
            detail,
            rule,
        };
        if u64::try_from(key.seq) != Ok(seq) {
            return Err(broken(ChainRule::Sequence, format!("expected seq {seq}, found {}", key.seq)));
        }
        if content.prev != self.head {
            let detail = format!("prev_hash is {}, the entry before has {}", hex(content.prev), hex(self.head));
            return Err(broken(ChainRule::Previous, detail));
        }
        let computed = self.hash(content.payload);
        if computed != content.hash {
            let detail = format!("content_hash is {}, computed {}", hex(Some(content.hash)), hex(Some(computed)));
            return Err(broken(ChainRule::EntryHash, detail));
        }
        *self = Self { entries: seq, head: Some(computed) };
        Ok(())
    }
}

pub(super) fn hex(hash: Option<[u8; 32]>) -> String {
    hash.map_or_else(|| "none".to_owned(), |hash| blake3::Hash::from_bytes(hash).to_hex().to_string())
}
