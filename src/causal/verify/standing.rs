//! What events at earlier positions allow the writer of a log.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::report::Break;
use crate::backend::Transaction;
use crate::causal::authority::{Authority, Scope, epoch_at, epochs};
use crate::causal::entry::EntryV1;
use crate::causal::fingerprint::Fingerprint;
use crate::causal::hash::Realm;
use crate::causal::key_event::subject;
use crate::causal::table::entry::{self, Row};
use crate::causal::table::timeline;
use crate::words::{ChainRule, ErrorKind, Result, StoreError};

/// The events of a tenant that are about writers, read once for each writer.
pub(super) struct Standings<'t> {
    scope: Scope<'t>,
    /// What begins each of the tenant's epochs.
    epochs: Arc<[(u64, u32)]>,
    writers: BTreeMap<Fingerprint, Arc<Authority>>,
    /// Why some of them could not be read.
    astray: Option<StoreError>,
}

/// What they say about the writer of a log.
pub(super) struct Standing {
    epochs: Arc<[(u64, u32)]>,
    writer: Arc<Authority>,
    /// And about the one that its stream is about.
    subject: Option<Arc<Authority>>,
}

impl<'t> Standings<'t> {
    pub(super) fn open(tx: &dyn Transaction, realm: Realm, tenant: &'t str) -> Result<Self> {
        let timeline = timeline::size(tx, tenant, timeline::MAIN)?.map_or(0, |(timeline, _)| timeline);
        let scope = Scope { realm, tenant, timeline };
        let (epochs, astray) = or_astray(epochs(tx, scope))?;
        Ok(Self { scope, epochs: epochs.unwrap_or_default().into(), writers: BTreeMap::new(), astray })
    }

    /// Why some of the events could not be read, if that is so.
    pub(super) fn astray(&self) -> Option<&StoreError> {
        self.astray.as_ref()
    }

    pub(super) fn of(&mut self, tx: &dyn Transaction, writer: &Fingerprint, stream: &str) -> Result<Standing> {
        Ok(Standing {
            epochs: Arc::clone(&self.epochs),
            writer: self.authority(tx, writer)?,
            subject: subject(stream).map(|subject| self.authority(tx, &subject)).transpose()?,
        })
    }

    fn authority(&mut self, tx: &dyn Transaction, writer: &Fingerprint) -> Result<Arc<Authority>> {
        Ok(Arc::clone(match self.writers.entry(*writer) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let (authority, astray) = or_astray(Authority::read(tx, self.scope, writer))?;
                self.astray = self.astray.take().or(astray);
                unknown.insert(authority.unwrap_or_else(Authority::none))
            }
        }))
    }
}

/// What was read, or why it leads astray: a break among others, and not the end of the verification.
fn or_astray<T>(read: Result<T>) -> Result<(Option<T>, Option<StoreError>)> {
    match read {
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok((None, Some(error))),
        read => Ok((Some(read?), None)),
    }
}

impl Standing {
    /// The key that the writer has gone on to before this row.
    pub(super) fn rotated_key_at(&self, row: &Row<'_>) -> Option<[u8; 32]> {
        self.writer.rotated_key_at(row.id)
    }

    /// Whether the writer may write this, in this epoch. `takes_revoked` is the brief's.
    pub(super) fn check(
        &self,
        row: &Row<'_>,
        stored: &EntryV1<'_>,
        takes_revoked: bool,
    ) -> std::result::Result<(), Break> {
        let broken = |rule, found: String, expected: String| {
            Err(Break::new(Some(entry::position(row.id)), Some(row.seq), rule, found, expected))
        };
        if let Some(problem) = self.subject.as_ref().and_then(|subject| subject.refused_at(row.id)) {
            let found = format!("a {} that does not count: {problem}", stored.kind);
            return broken(ChainRule::KeyEvent, found, "one that does".to_owned());
        }
        if self.writer.is_frozen_at(row.id) {
            return broken(ChainRule::Frozen, "an entry".to_owned(), "none by a writer that was frozen".to_owned());
        }
        let is_taken = takes_revoked && self.writer.is_revoked_behind(row.id);
        if !is_taken && self.writer.is_revoked_at(row.id, stored.kind) {
            let expected = "none behind the last good one of a revoked writer".to_owned();
            return broken(ChainRule::Revoked, "an entry".to_owned(), expected);
        }
        match self.writer.epoch_at(epoch_at(&self.epochs, row.id), row.id) {
            Some(epoch) if epoch == stored.epoch => Ok(()),
            expected => {
                let expected = expected.map_or_else(|| "none".to_owned(), |epoch| format!("epoch {epoch}"));
                let expected = format!("{expected}, as events before it announce");
                broken(ChainRule::Epoch, format!("epoch {}", stored.epoch), expected)
            }
        }
    }
}
