//! Whether an author may append, with which key and in which epoch.

use super::authority::{self, Authority, Scope};
use super::draft::{Author, Draft};
use super::extension::Extension;
use super::fingerprint::Fingerprint;
use super::key_event::{EPOCH, EPOCH_STREAM};
use super::known::{Known, KnownWriter};
use super::table::writer;
use crate::backend::Transaction;
use crate::words::limits::EPOCH_REASON;
use crate::words::{Result, StoreError};

/// An author that may append.
pub(super) struct Admitted {
    /// The writer's row.
    pub(super) row: i64,
    pub(super) key: Option<[u8; 32]>,
    pub(super) epoch: u32,
}

/// Looks at what events say about the author, once for as long as the tree head is the same: it covers them all.
pub(super) fn admit(
    sql: &dyn Transaction,
    tenant: &str,
    known: &mut Known,
    author: &Author,
    kind: &str,
) -> Result<Admitted> {
    let scope = Scope { realm: known.realm, tenant, timeline: known.timeline.id };
    let id = author.identity.id();
    let is_told = match known.is_told() {
        Some(is_told) => is_told,
        None => known.learn_is_told(authority::is_told(sql, scope)?),
    };
    let KnownWriter { row, key, rotations } = match known.writer(&id) {
        Some(writer) => writer,
        None => {
            let authority = if is_told { Authority::read(sql, scope, &id)? } else { Authority::none() };
            authority.check_may_append(&author.identity.label())?;
            let key = authority.rotated_key_at(u64::MAX).or(author.identity.first_key());
            let rotations = u32::try_from(authority.rotations.len()).unwrap_or(u32::MAX);
            let row = writer::find_or_create(sql, &author.identity)?;
            known.learn_writer(id, KnownWriter { row, key, rotations })
        }
    };
    check_key(author, &key)?;
    let newest = match known.epoch() {
        Some(epoch) => epoch,
        None => known.learn_epoch(if is_told { authority::epoch(sql, scope)? } else { 0 }),
    };
    let begun = if kind == EPOCH { step()? } else { 0 };
    let epoch = newest.checked_add(begun).and_then(|epoch| epoch.checked_add(rotations));
    let epoch = epoch.ok_or(StoreError::Limit {
        what: "the log",
        found: u64::from(u32::MAX) + 1,
        limit: u32::MAX.into(),
        unit: "epochs",
    })?;
    Ok(Admitted { row, key, epoch })
}

/// Refuses a signer whose key is not the writer's, or is not any more.
pub(super) fn check_key(author: &Author, expected: &Option<[u8; 32]>) -> Result<()> {
    if author.key == *expected {
        return Ok(());
    }
    let hex = |key: &Option<[u8; 32]>| key.map_or("none".to_owned(), |key| Fingerprint::from_bytes(key).to_hex());
    Err(StoreError::KeyNotCurrent {
        writer: author.identity.label().to_string(),
        found: hex(&author.key),
        expected: hex(expected),
    })
}

/// The event that begins an epoch.
pub(crate) fn epoch_draft(reason: &str) -> Result<Draft<'_>> {
    Draft::new(EPOCH_STREAM, EPOCH, reason.as_bytes(), EPOCH_REASON)?
        .with_extensions(&[Extension::ContentType("text/plain".to_owned())])
}

/// How far an epoch lies behind the one before it: a random way, so that it is none of those that a lost future has seen
/// which began at the same place, such as that of an earlier restore of the same backup.
fn step() -> Result<u32> {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Unsupported {
        what: "beginning an epoch",
        reason: format!("the operating system gives no random numbers: {error}"),
    })?;
    Ok(u32::from(u16::from_be_bytes(bytes)) + 1)
}
