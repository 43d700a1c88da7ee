//! What events at earlier positions allow a writer: its key, its epoch, and whether it may write at all.
//!
//! There is no table of this. It is read from the events themselves, each of which is checked as it is read, so that there
//! is nothing beside them to be changed: one that does not count allows and forbids nothing.

use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use super::entry::EntryV1;
use super::equivocation::{Equivocation, LogPlace};
use super::fingerprint::Fingerprint;
use super::hash::{PayloadDigest, Realm};
use super::key_event::{
    EPOCH, EPOCH_STREAM, EQUIVOCATION, KeyRotation, REVOCATION, ROTATION, STREAMS, SignedEntry, stream_of, subject,
    vault_identity,
};
use super::table::entry::{self, Row, StoredPayload};
use super::table::{chain, edge, log, payload, writer};
use crate::backend::Sql;
use crate::words::{Result, StoreError};

/// The tenant's timeline that events are read from.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) realm: Realm,
    pub(crate) tenant: &'a str,
    pub(crate) timeline: u64,
}

/// What the events about one writer say. Places are ids of entries.
#[derive(Clone, Default)]
pub(crate) struct Authority {
    first_key: Option<[u8; 32]>,
    pub(crate) rotations: Vec<(u64, KeyRotation)>,
    /// The first proof that counts.
    pub(crate) frozen: Option<(u64, Box<LogPlace>)>,
    pub(crate) revoked: Option<Revoked>,
    /// Every proof that counts.
    pub(crate) proofs: Vec<Equivocation>,
    /// What does not count, and why.
    refused: Vec<(u64, &'static str)>,
}

/// What revocations say of a writer.
#[derive(Clone, Copy)]
pub(crate) struct Revoked {
    /// The first revocation.
    pub(crate) at: u64,
    /// The earliest of the entries that they name as the last good one; 0 where none is good.
    pub(crate) last_good: u64,
}

/// Whether a tenant has events about writers at all: most have none, and nothing else has to be read.
pub(crate) fn is_told<S: Sql + ?Sized>(sql: &S, scope: Scope<'_>) -> Result<bool> {
    log::exist_between(sql, scope.timeline, STREAMS.0, STREAMS.1)
}

impl Authority {
    /// Reads the events about a writer, in the order of their positions.
    pub(crate) fn read<S: Sql + ?Sized>(sql: &S, scope: Scope<'_>, writer: &Fingerprint) -> Result<Arc<Self>> {
        let mut events = Vec::new();
        for log in log::select(sql, scope.timeline, Some(&stream_of(writer)), None)? {
            chain::scan(sql, log.id, 1, |row| {
                events.extend(Event::read(sql, row)?);
                Ok(ControlFlow::Continue(()))
            })?;
        }
        if events.is_empty() {
            return Ok(Self::none());
        }
        let mut authority = Self { first_key: first_key(sql, writer)?, ..Self::default() };
        events.sort_unstable_by_key(|event| event.id);
        let vault = vault_identity().id();
        for event in events {
            let Ok(entry) = EntryV1::decode(&event.entry.bytes) else { continue };
            if let Err(problem) = authority.take_up(sql, scope, (writer, &vault), &event, &entry)? {
                authority.refused.push((event.id, problem));
            }
        }
        Ok(Arc::new(authority))
    }

    /// That of a writer that no event is about.
    pub(crate) fn none() -> Arc<Self> {
        static NONE: LazyLock<Arc<Authority>> = LazyLock::new(Arc::default);
        Arc::clone(&NONE)
    }

    /// The inner result is why the event does not count.
    fn take_up<S: Sql + ?Sized>(
        &mut self,
        sql: &S,
        scope: Scope<'_>,
        (writer, vault): (&Fingerprint, &Fingerprint),
        event: &Event,
        entry: &EntryV1<'_>,
    ) -> Result<std::result::Result<(), &'static str>> {
        let key = self.key_at(event.id);
        let (own, by_vault) = (entry.writer == *writer, entry.writer == *vault);
        if (entry.realm, entry.tenant, subject(entry.stream)) != (scope.realm, scope.tenant, Some(*writer)) {
            return Ok(Err("it is of another vault, tenant or stream"));
        }
        Ok(match entry.kind {
            EPOCH | EQUIVOCATION | REVOCATION | ROTATION if self.is_barred(event.id, entry.kind) && own => {
                Err("its writer was frozen or revoked")
            }
            ROTATION if own => match (key, <[u8; 32]>::try_from(event.payload.as_slice())) {
                (Some(from), Ok(key)) => {
                    let rotation = KeyRotation { entry: event.entry.clone(), key };
                    let outcome = rotation.check(&from, entry);
                    if outcome.is_ok() {
                        self.rotations.push((event.id, rotation));
                    }
                    outcome
                }
                _ => Err("its payload is not a public key"),
            },
            REVOCATION if !event.payload.is_empty() || entry.parents.len() > 1 => {
                Err("it has a payload, or more than one last good entry")
            }
            REVOCATION if by_vault || key.is_some_and(|key| own && event.entry.is_signed_by(&key, entry)) => {
                let good = edge::parents(sql, event.id)?.into_iter().min().unwrap_or_default();
                let revoked = self.revoked.get_or_insert(Revoked { at: event.id, last_good: good });
                revoked.last_good = revoked.last_good.min(good);
                Ok(())
            }
            EQUIVOCATION if by_vault => match Equivocation::from_bytes(&event.payload) {
                Ok(proof) if fits(proof.place(), scope, writer) => {
                    self.frozen.get_or_insert_with(|| (event.id, Box::new(proof.place().clone())));
                    self.proofs.push(proof);
                    Ok(())
                }
                _ => Err("its payload is no proof against this writer"),
            },
            EPOCH | EQUIVOCATION | REVOCATION | ROTATION => Err("it is not by whoever may say it"),
            _ => Ok(()),
        })
    }

    fn is_barred(&self, id: u64, kind: &str) -> bool {
        self.is_frozen_at(id) || (self.revoked.is_some() && kind != REVOCATION)
    }

    /// The key that signs at this place: `None` where the writer has none, or none that the vault knows.
    pub(crate) fn key_at(&self, id: u64) -> Option<[u8; 32]> {
        self.rotated_key_at(id).or(self.first_key)
    }

    /// The key that a rotation before this place names.
    pub(crate) fn rotated_key_at(&self, id: u64) -> Option<[u8; 32]> {
        self.rotations.iter().rev().find(|(at, _)| *at < id).map(|(_, rotation)| rotation.key)
    }

    /// The rotations that lead to the key that signs the entries of an epoch.
    pub(crate) fn rotations_before_epoch(&self, epoch: u32) -> impl Iterator<Item = &KeyRotation> {
        let rotations = self.rotations.iter().map(|(_, rotation)| rotation);
        rotations
            .take_while(move |rotation| EntryV1::decode(&rotation.entry.bytes).is_ok_and(|event| event.epoch < epoch))
    }

    /// The epoch of an entry at this place, where the tenant's is `base`.
    pub(crate) fn epoch_at(&self, base: u32, id: u64) -> Option<u32> {
        let rotations = self.rotations.partition_point(|(at, _)| *at < id);
        u32::try_from(rotations).ok().and_then(|rotations| base.checked_add(rotations))
    }

    pub(crate) fn is_frozen_at(&self, id: u64) -> bool {
        self.frozen.as_ref().is_some_and(|(at, _)| *at < id)
    }

    /// Whether an entry at this place lies behind the last good one. What only says so itself does not count.
    pub(crate) fn is_revoked_at(&self, id: u64, kind: &str) -> bool {
        self.revoked.is_some_and(|revoked| id > revoked.last_good) && kind != REVOCATION
    }

    /// Whether the first revocation stands behind this place: what stands here was written before it.
    pub(crate) fn is_revoked_behind(&self, id: u64) -> bool {
        self.revoked.is_some_and(|revoked| id < revoked.at)
    }

    /// Why the event at this place does not count.
    pub(crate) fn refused_at(&self, id: u64) -> Option<&'static str> {
        self.refused.iter().find_map(|(at, problem)| (*at == id).then_some(*problem))
    }

    /// Refuses a writer that may append nothing more.
    pub(crate) fn check_may_append(&self, writer: &str) -> Result<()> {
        if let Some((at, place)) = &self.frozen {
            return Err(StoreError::WriterFrozen {
                writer: writer.to_owned(),
                stream: place.stream.to_string(),
                epoch: place.epoch,
                seq: place.seq,
                position: entry::position(*at),
            });
        }
        match self.revoked {
            Some(revoked) => {
                Err(StoreError::WriterRevoked { writer: writer.to_owned(), position: entry::position(revoked.at) })
            }
            None => Ok(()),
        }
    }
}

/// An entry with an event about a writer, whoever wrote it.
struct Event {
    id: u64,
    /// A signature of zeros verifies for nobody.
    entry: SignedEntry,
    payload: Vec<u8>,
}

impl Event {
    /// `None` where its payload is not the one that it names: verification says so at the entry.
    fn read<S: Sql + ?Sized>(sql: &S, row: &Row<'_>) -> Result<Option<Self>> {
        let payload = match row.payload {
            StoredPayload::Inline(bytes) => bytes.to_vec(),
            StoredPayload::Shared(id) => payload::read(sql, id)?.unwrap_or_default(),
            StoredPayload::None => Vec::new(),
        };
        let named = EntryV1::decode(row.bytes).ok().map(|entry| entry.payload_digest);
        Ok((named == Some(PayloadDigest::of(&payload))).then(|| Self {
            id: row.id,
            entry: SignedEntry { bytes: row.bytes.to_vec(), signature: row.signature.unwrap_or([0; 64]) },
            payload,
        }))
    }
}

fn fits(place: &LogPlace, scope: Scope<'_>, writer: &Fingerprint) -> bool {
    (place.realm, &*place.tenant, &place.writer) == (scope.realm, scope.tenant, writer)
}

/// The public key that the writer's id is the hash of, where this vault knows it.
pub(crate) fn first_key<S: Sql + ?Sized>(sql: &S, writer: &Fingerprint) -> Result<Option<[u8; 32]>> {
    let row = writer::find(sql, writer)?.map(|row| writer::read(sql, row)).transpose()?.flatten();
    Ok(row.map(|(_, identity)| identity).filter(|identity| identity.id() == *writer).and_then(|own| own.first_key()))
}

/// The writer of a tenant that has gone on to this key, if there is one.
pub(crate) fn rotated_to<S: Sql + ?Sized>(sql: &S, scope: Scope<'_>, key: &[u8; 32]) -> Result<Option<Fingerprint>> {
    for stream in log::streams_between(sql, scope.timeline, STREAMS.0, STREAMS.1)? {
        let Some(writer) = subject(&stream) else { continue };
        if Authority::read(sql, scope, &writer)?.rotations.iter().any(|(_, rotation)| rotation.key == *key) {
            return Ok(Some(writer));
        }
    }
    Ok(None)
}

/// What begins the tenant's epochs, and the epoch that holds from there on.
pub(crate) fn epochs<S: Sql + ?Sized>(sql: &S, scope: Scope<'_>) -> Result<Vec<(u64, u32)>> {
    let mut epochs = Vec::new();
    let Some(row) = writer::find(sql, &vault_identity().id())? else { return Ok(epochs) };
    for (log, epoch) in log::epochs(sql, scope.timeline, EPOCH_STREAM, row)? {
        chain::scan(sql, log, 1, |row| {
            if EntryV1::decode(row.bytes).is_ok_and(|entry| entry.kind == EPOCH && entry.epoch == epoch) {
                epochs.push((row.id, epoch));
            }
            Ok(ControlFlow::Break(()))
        })?;
    }
    epochs.sort_unstable();
    // One that goes back begins nothing.
    let mut newest = 0;
    for (_, epoch) in &mut epochs {
        newest = newest.max(*epoch);
        *epoch = newest;
    }
    Ok(epochs)
}

/// The tenant's newest epoch.
pub(crate) fn epoch<S: Sql + ?Sized>(sql: &S, scope: Scope<'_>) -> Result<u32> {
    let Some(row) = writer::find(sql, &vault_identity().id())? else { return Ok(0) };
    Ok(log::epochs(sql, scope.timeline, EPOCH_STREAM, row)?.first().map_or(0, |(_, epoch)| *epoch))
}

/// The tenant's epoch at this place, of those that begin there or before.
pub(crate) fn epoch_at(epochs: &[(u64, u32)], id: u64) -> u32 {
    let begun = epochs.partition_point(|(at, _)| *at <= id);
    begun.checked_sub(1).and_then(|last| epochs.get(last)).map_or(0, |(_, epoch)| *epoch)
}
