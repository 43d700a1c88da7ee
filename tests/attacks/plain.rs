//! The plain chain that the field started from: each entry's hash is `H(prev || payload)`, the head hash is pinned.

use causal_vault::ChainRule;

#[derive(Clone, Debug)]
pub(super) struct PlainEntry {
    pub(super) stream: &'static str,
    pub(super) writer: &'static str,
    pub(super) seq: u64,
    pub(super) kind: &'static str,
    pub(super) timestamp: i64,
    pub(super) prev: Option<[u8; 32]>,
    pub(super) hash: [u8; 32],
    pub(super) payload: Vec<u8>,
}

/// One log of ten entries, and the hash of the last one, kept elsewhere.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    pub(super) entries: Vec<PlainEntry>,
    pinned: [u8; 32],
}

/// What becomes of an attack on the plain chain.
pub(super) enum PlainEdit {
    /// There is nothing of the kind to attack, for this reason.
    Absent(#[allow(dead_code)] &'static str),
    /// It is noticed.
    Caught(fn(&mut Plain)),
    /// It gets through, although the head hash is pinned.
    Through(fn(&mut Plain)),
    /// It gets through where nobody pinned the head hash, and not otherwise.
    ThroughUnpinned(fn(&mut Plain)),
}

pub(super) fn plain_hash(prev: Option<[u8; 32]>, payload: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(prev.as_ref().map_or(&[][..], |prev| prev)).update(payload);
    *hasher.finalize().as_bytes()
}

impl Plain {
    pub(super) fn story() -> Self {
        let payloads = (1..=10).map(|n| format!("pay {n:02} to bob").into_bytes());
        let mut entries: Vec<PlainEntry> = Vec::new();
        for (seq, payload) in (1..).zip(payloads) {
            let prev = entries.last().map(|entry| entry.hash);
            let hash = plain_hash(prev, &payload);
            let (stream, writer, kind) = ("ledger", "alice", "ledger.pay");
            entries.push(PlainEntry { stream, writer, seq, kind, timestamp: 1_700_000_000, prev, hash, payload });
        }
        Self { pinned: entries[9].hash, entries }
    }

    /// Hashes, links and numbers, as the plain scheme can check them.
    pub(super) fn verify(&self) -> Result<(), ChainRule> {
        self.verify_unpinned()?;
        match self.entries.last() {
            Some(last) if last.hash == self.pinned => Ok(()),
            _ => Err(ChainRule::TreeHead),
        }
    }

    fn verify_unpinned(&self) -> Result<(), ChainRule> {
        let mut prev = None;
        for (seq, entry) in (1..).zip(&self.entries) {
            let holds = [
                (ChainRule::Sequence, entry.seq == seq),
                (ChainRule::Previous, entry.prev == prev),
                (ChainRule::EntryHash, entry.hash == plain_hash(prev, &entry.payload)),
            ];
            if let Some((rule, _)) = holds.into_iter().find(|(_, holds)| !holds) {
                return Err(rule);
            }
            prev = Some(entry.hash);
        }
        Ok(())
    }

    /// What the scheme lets anybody do: numbers and links put right again.
    pub(super) fn rechain(&mut self) {
        let mut prev = None;
        for (seq, entry) in (1..).zip(&mut self.entries) {
            (entry.seq, entry.prev, entry.hash) = (seq, prev, plain_hash(prev, &entry.payload));
            prev = Some(entry.hash);
        }
    }
}

impl PlainEdit {
    pub(super) fn judge(&self) -> Result<(), String> {
        let mut plain = Plain::story();
        let (edit, unpinned, pinned) = match self {
            Self::Absent(_) => return Ok(()),
            Self::Caught(edit) => (edit, false, false),
            Self::Through(edit) => (edit, true, true),
            Self::ThroughUnpinned(edit) => (edit, true, false),
        };
        edit(&mut plain);
        let say = |passes: bool| if passes { "noticed" } else { "did not notice" };
        super::expect(plain.verify_unpinned().is_ok() == unpinned, format!("the plain chain {}", say(unpinned)))?;
        super::expect(plain.verify().is_ok() == pinned, format!("the pinned head of the plain chain {}", say(pinned)))
    }
}
