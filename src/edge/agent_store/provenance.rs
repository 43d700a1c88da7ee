//! Where imported entries came from, as an event, and the proof that they are still what came.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ImportedLog;
use super::chain::{Chain, hex};
use super::survey::Logs;
use crate::causal::key_event::VAULT_WRITER;
use crate::causal::writer_log::DEFAULT_TENANT;
use crate::causal::{Fingerprint, WriterLog, hash};
use crate::vault::{Event, EventId, Filter, Vault};
use crate::words::{ChainRule, Result, StoreError};

/// The log that imports are recorded in.
pub(super) const STREAM: &str = "vault:import";
pub(super) const WRITER: &str = VAULT_WRITER;

const KIND: &str = "vault.import";
const FORMAT: &str = "agent-store 0.1.2";

/// The payload of a `vault.import` event: which entries of a log follow it, and the hashes that they had. `hash` is the
/// lower-case hexadecimal `content_hash` of entry `last_seq`, and covers all entries from the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Provenance {
    format: String,
    stream: String,
    writer: String,
    first_seq: u64,
    last_seq: u64,
    prev_hash: Option<String>,
    hash: String,
}

/// Records that the entries behind `here`, up to the end of the log, are about to be imported.
pub(super) fn event(stream: &str, writer: &str, here: Chain, log: Chain) -> Result<Event> {
    let first_seq = here.entries + 1;
    let payload = Provenance {
        format: FORMAT.to_owned(),
        stream: stream.to_owned(),
        writer: writer.to_owned(),
        first_seq,
        last_seq: log.entries,
        prev_hash: here.head.map(|head| hex(Some(head))),
        hash: hex(log.head),
    };
    let id = hash::agent_store_import(stream, writer, first_seq, log.entries, &log.head.unwrap_or_default());
    Ok(Event::new(KIND, &payload)?.by_the_vault().stream(STREAM).id(event_id(first_seq, id)))
}

/// The id of an imported entry.
pub(super) fn entry_id(stream: &str, writer: &str, seq: u64, content_hash: &[u8; 32]) -> EventId {
    event_id(seq, hash::agent_store_import(stream, writer, 0, seq, content_hash))
}

/// A UUID of version 8 that begins with the sequence number, so that the index over ids grows in one place: with hashes
/// alone an import of a million entries took more than twice as long.
fn event_id(seq: u64, digest: [u8; 32]) -> EventId {
    let mut bytes = u128::from_be_bytes(*digest.first_chunk().expect("32 bytes are more than 16")) & u128::MAX >> 32;
    bytes |= u128::from(seq) << 96;
    uuid::Builder::from_custom_bytes(bytes.to_be_bytes()).into_uuid().into()
}

/// Computes the old hashes of every log that was imported into the vault anew, from the payloads as they stand there, and
/// compares them with those that the import recorded.
///
/// So what agent-store had acknowledged can still be shown, long after its file is gone. It says nothing about the
/// entries that were appended here afterwards: [`Vault::verify`] does. A difference is [`StoreError::ChainBroken`]; an
/// import that was interrupted and never finished is [`StoreError::NotImported`].
///
/// ```
/// use causal_vault::{Vault, verify_agent_store_import};
///
/// assert!(verify_agent_store_import(&Vault::in_memory()?)?.is_empty());
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
pub fn verify_agent_store_import(vault: &Vault) -> Result<Vec<ImportedLog>> {
    let mut recorded = Logs::<BTreeMap<u64, String>>::new();
    let vault = vault.for_tenant(DEFAULT_TENANT)?;
    let filter = Filter::stream(STREAM).with_writer(Fingerprint::named(WRITER)?).with_kind(KIND);
    for event in vault.events(filter)? {
        let Provenance { format, stream, writer, last_seq, hash, .. } = event?.decode()?;
        if format == FORMAT {
            recorded.entry(stream).or_default().entry(writer).or_default().insert(last_seq, hash);
        }
    }
    let mut logs = Vec::new();
    for (stream, writers) in recorded {
        for (writer, expected) in writers {
            logs.push(compare(&vault, &stream, writer, &expected)?);
        }
    }
    Ok(logs)
}

fn compare(vault: &Vault, stream: &str, writer: String, expected: &BTreeMap<u64, String>) -> Result<ImportedLog> {
    let left = expected.last_key_value().map_or(0, |(seq, _)| *seq);
    let mut chain = Chain::default();
    for entry in WriterLog::reader(vault.backend(), stream, &writer)? {
        if chain.entries == left {
            break;
        }
        let head = chain.hash(&entry?.payload);
        chain = Chain { entries: chain.entries + 1, head: Some(head) };
        if let Some(recorded) = expected.get(&chain.entries).filter(|recorded| **recorded != hex(chain.head)) {
            return Err(StoreError::ChainBroken {
                stream: stream.to_owned(),
                writer,
                seq: chain.entries,
                detail: format!(
                    "agent-store had hash {recorded}, the payloads up to here have {}: one of them is not what was \
                     imported",
                    hex(chain.head)
                ),
                rule: ChainRule::EntryHash,
            });
        }
    }
    match chain.head {
        Some(head) if chain.entries == left => {
            Ok(ImportedLog { stream: stream.to_owned(), writer, entries: left, content_hash: head })
        }
        _ => {
            let what = format!("stream {stream:?} writer {writer:?}");
            Err(StoreError::NotImported { what, left, found: chain.entries })
        }
    }
}
