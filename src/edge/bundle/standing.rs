//! What events about writers allow them, as far as a bundle begins with the first position.

use std::collections::HashMap;

use super::check::Checker;
use super::record::Entry;
use crate::causal::key_event::{EPOCH, EPOCH_STREAM, EQUIVOCATION, REVOCATION, ROTATION, subject, vault_identity};
use crate::causal::writer::Identity;
use crate::causal::{EntryV1, Fingerprint, KeyRotation};
use crate::words::{ChainRule, Result};

/// What is known of every writer that has an event or an entry.
#[derive(Default)]
pub(super) struct Standings {
    epoch: u32,
    writers: HashMap<Fingerprint, Standing>,
}

#[derive(Default)]
struct Standing {
    rotations: u32,
    is_frozen: bool,
    /// The last good position, where the writer was revoked.
    last_good: Option<u64>,
}

impl Standings {
    /// The last good position of a writer that was revoked.
    pub(super) fn last_good(&self, writer: &Fingerprint) -> Option<u64> {
        self.writers.get(writer)?.last_good
    }
}

impl Checker<'_> {
    /// The rotations that came with a writer's record: each is signed by the key before it.
    pub(super) fn check_rotations(&self, writer: &Identity, rotations: &[KeyRotation]) -> Result<Vec<u32>> {
        let mut epochs = Vec::new();
        let mut key = writer.first_key();
        for rotation in rotations {
            let event = EntryV1::decode(&rotation.entry.bytes)
                .map_err(|error| self.broken(ChainRule::KeyEvent, error, "a rotation"))?;
            let scope = (event.realm, event.tenant, event.writer);
            let is_own =
                scope == (self.header.realm, &*self.header.tenant, writer.id()) && epochs.last() < Some(&event.epoch);
            let outcome = match key {
                Some(from) if is_own => rotation.check(&from, &event),
                _ => Err("it is of another vault, tenant or writer, out of order, or of one without a key"),
            };
            if let Err(problem) = outcome {
                return Err(self.broken(ChainRule::KeyEvent, problem, "rotations that follow from the first key"));
            }
            epochs.push(event.epoch);
            key = Some(rotation.key);
        }
        Ok(epochs)
    }

    /// Whether earlier entries allow this one, and what it says about those that follow. A bundle that begins later, or
    /// leaves out positions, cannot tell.
    pub(super) fn check_standing(&mut self, entry: &Entry<'_>, stored: &EntryV1<'_>) -> Result<()> {
        if self.header.is_sparse() || self.header.after() > 0 {
            return Ok(());
        }
        let vault = vault_identity().id();
        let by_vault = stored.writer == vault;
        let mut standings = std::mem::take(&mut self.standings);
        if (stored.kind, stored.stream, by_vault, stored.seq) == (EPOCH, EPOCH_STREAM, true, 1) {
            standings.epoch = standings.epoch.max(stored.epoch);
        }
        let own = standings.writers.entry(stored.writer).or_default();
        let epoch = standings.epoch.checked_add(own.rotations);
        ensure!(self, Epoch, epoch == Some(stored.epoch), format!("epoch {}", stored.epoch), format!("{epoch:?}"));
        ensure!(self, Frozen, !own.is_frozen, "an entry", "none by a writer that was frozen");
        if stored.kind != REVOCATION {
            ensure!(self, Revoked, own.last_good.is_none(), "an entry", "none by a writer that was revoked");
        }
        if let Some(writer) = subject(stored.stream) {
            let by_self = stored.writer == writer;
            let is_signed = entry.signature.is_some();
            let about = standings.writers.entry(writer).or_default();
            let counts = match stored.kind {
                ROTATION => by_self && is_signed && self.is_told(&writer, about.rotations, entry.bytes),
                REVOCATION => {
                    let is_plain = stored.payload_len == 0 && entry.parents.len() <= 1;
                    is_plain && (by_vault || by_self && is_signed)
                }
                EQUIVOCATION => by_vault,
                EPOCH => false,
                _ => true,
            };
            ensure!(self, KeyEvent, counts, format!("a {} that does not count", stored.kind), "one that does");
            match stored.kind {
                ROTATION => about.rotations += 1,
                EQUIVOCATION => about.is_frozen = true,
                // What stands behind the last good one was written before: the report names its logs.
                REVOCATION => {
                    let good = entry.parents.first().copied().unwrap_or_default();
                    about.last_good = Some(about.last_good.map_or(good, |before| before.min(good)));
                }
                _ => {}
            }
        }
        self.standings = standings;
        Ok(())
    }

    /// Whether every rotation that was told is among the entries.
    pub(super) fn check_told(&self) -> Result<()> {
        for (writer, told) in self.rotations() {
            let found = self.standings.writers.get(writer).map_or(0, |standing| standing.rotations as usize);
            let holds = !self.header.is_everything() || found == told;
            ensure!(self, KeyEvent, holds, format!("{found} rotations of {writer}"), told);
        }
        Ok(())
    }
}
