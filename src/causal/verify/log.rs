//! A log, as its row and its writer's say.

use std::sync::Arc;

use super::rules::{Checked, broken};
use super::standing::{Standing, Standings};
use crate::backend::Transaction;
use crate::causal::entry::{EntryV1, LogScope};
use crate::causal::fingerprint::Fingerprint;
use crate::causal::hash::{EntryHash, Realm};
use crate::causal::key_event::purpose;
use crate::causal::signer::verify_signature;
use crate::causal::table::entry::Row;
use crate::causal::table::{log as table, writer};
use crate::causal::writer::{Identity, Proof};
use crate::words::{ChainRule, Result};

/// What a log's row and its writer's say.
pub(super) struct Log {
    pub(super) stream: Arc<str>,
    pub(super) identity: Identity,
    pub(super) label: Arc<str>,
    pub(super) epoch: u32,
    /// The row of the writer, if there is one.
    pub(super) writer: Option<i64>,
    pub(super) claimed: Fingerprint,
    pub(super) timeline: u64,
    pub(super) standing: Standing,
    /// What its entries begin with.
    pub(super) scope_bytes: Vec<u8>,
}

impl Log {
    /// Reads a log's row and its writer's. One that is not there belongs to nobody: no row can be of it.
    pub(super) fn read(
        tx: &dyn Transaction,
        standings: &mut Standings<'_>,
        realm: Realm,
        tenant: &str,
        id: i64,
    ) -> Result<Self> {
        let log = table::read(tx, id)?;
        let writer = log.as_ref().map(|log| writer::read(tx, log.writer)).transpose()?.flatten();
        let is_known = log.is_some() && writer.is_some();
        let (log, (claimed, identity)) = log.zip(writer).unwrap_or_else(|| {
            let nowhere = table::Log { id, timeline: 0, stream: format!("log {id}"), writer: 0, epoch: 0 };
            (nowhere, (Fingerprint::from_bytes([0; 32]), Identity::signed([0; 32])))
        });
        let scope = LogScope { realm, tenant, stream: &log.stream, writer: identity.id(), epoch: log.epoch };
        Ok(Self {
            scope_bytes: scope.to_bytes(),
            standing: standings.of(tx, &identity.id(), &log.stream)?,
            stream: log.stream.into(),
            label: identity.label(),
            epoch: log.epoch,
            timeline: log.timeline,
            writer: is_known.then_some(log.writer),
            claimed,
            identity,
        })
    }

    /// Whether the row that its number leads to is this one.
    pub(super) fn is(&self, row: &table::Log) -> bool {
        (self.timeline, &*self.stream, self.writer, self.epoch)
            == (row.timeline, row.stream.as_str(), Some(row.writer), row.epoch)
    }

    pub(super) fn is_signed(&self) -> bool {
        matches!(self.identity.proof(), Proof::PublicKey(_))
    }

    /// The signature of one of its entries, if there is one.
    pub(super) fn check_signature(&self, row: &Row<'_>, stored: &EntryV1<'_>, hash: &EntryHash) -> Checked {
        let Some(signature) = row.signature else { return Ok(()) };
        let (found, expected) = match self.identity.proof() {
            Proof::Name(name) => (format!("a signature by {name:?}"), "none: a named writer has no key"),
            Proof::PublicKey(first) => {
                let (rotated, purpose) = (self.standing.rotated_key_at(row), purpose(stored.kind));
                let key = rotated.as_ref().unwrap_or(first);
                if verify_signature(purpose, key, stored.realm.as_bytes(), hash.as_bytes(), &signature) {
                    return Ok(());
                }
                ("a signature that does not verify".to_owned(), "one by the writer's key")
            }
        };
        Err(broken(row, ChainRule::Signature, found, expected))
    }
}
