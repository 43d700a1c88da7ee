//! A forger who recomputes every hash that needs no key: links, numbers, digests, edges and the tree.

use std::collections::HashMap;

use causal_vault::{CausalDigest, EntryHash, EntryV1, PayloadDigest, SigningKey, causal_hash};
use rusqlite::{Connection, params};

use crate::suite::tree::peaks;

pub(super) const TIMELINE: i64 = 1 << 40;

struct StoredRow {
    id: i64,
    log: i64,
    bytes: Vec<u8>,
    payload: Option<Vec<u8>>,
    payload_id: Option<i64>,
    signature: Option<Vec<u8>>,
}

#[derive(Clone, Copy)]
struct Last {
    hash: EntryHash,
    seq: u64,
    lamport: u64,
    causal: CausalDigest,
}

/// What the forger does to one entry, already put into its new place.
pub(super) enum Fate {
    Drop,
    Keep,
}

/// Rewrites the timeline of tenant `default`: `edit` sees each position, its entry and its inline payload. Entries whose
/// hash changes lose their signature, or get one by `key`.
pub(super) fn rewrite(
    conn: &Connection,
    key: Option<&SigningKey>,
    mut edit: impl FnMut(i64, &mut EntryV1<'_>, &mut Option<Vec<u8>>) -> Fate,
) {
    let rows = read(conn);
    conn.execute("DELETE FROM vault_entry WHERE id BETWEEN ?1 AND ?1 * 2 - 1", [TIMELINE]).unwrap();
    conn.execute("DELETE FROM vault_edge WHERE child BETWEEN ?1 AND ?1 * 2 - 1", [TIMELINE]).unwrap();
    let mut logs = HashMap::<i64, Last>::new();
    let mut renamed = HashMap::<EntryHash, (i64, Last)>::new();
    let mut leaves = Vec::new();
    for row in rows {
        let mut payload = row.payload.clone();
        let mut entry = EntryV1::decode(&row.bytes).unwrap();
        let last = logs.get(&row.log).copied();
        entry.seq = last.map_or(0, |last| last.seq) + 1;
        entry.prev = last.map_or_else(|| genesis(&entry), |last| last.hash);
        let mut parents: Vec<_> = entry.parents.iter().filter_map(|parent| renamed.get(parent).copied()).collect();
        parents.sort_by_key(|(_, parent)| parent.hash);
        entry.parents = parents.iter().map(|(_, parent)| parent.hash).collect();
        let before = parents.iter().map(|(_, parent)| parent.lamport).chain(last.map(|last| last.lamport)).max();
        entry.lamport = before.unwrap_or(0) + 1;
        if let Fate::Drop = edit(row.id - TIMELINE, &mut entry, &mut payload) {
            conn.execute("DELETE FROM vault_embedding WHERE id = ?", [row.id]).unwrap();
            continue;
        }
        if let Some(payload) = &payload {
            (entry.payload_len, entry.payload_digest) = (payload.len() as u64, PayloadDigest::of(payload));
        }
        let bytes = entry.encode().unwrap();
        let hash = EntryHash::of(&bytes);
        let causal =
            causal_hash(&entry.payload_digest, &parents.iter().map(|(_, parent)| parent.causal).collect::<Vec<_>>());
        let signature = match key {
            _ if bytes == row.bytes => row.signature,
            Some(key) => Some(sign(key, &entry, &hash).to_vec()),
            None => None,
        };
        leaves.push(*hash.as_bytes());
        let id = TIMELINE + count(&leaves);
        conn.execute("UPDATE vault_embedding SET id = ? WHERE id = ?", [id, row.id]).unwrap();
        conn.execute(
            "INSERT INTO vault_entry VALUES (?, ?, ?, 0, ?, (SELECT id FROM vault_kind WHERE kind = ?), ?, ?, ?, ?, ?, ?, ?)",
            params![
                id,
                row.log,
                entry.seq.cast_signed(),
                event_key(entry.event_id.as_bytes(), count(&leaves)),
                entry.kind,
                entry.lamport.cast_signed(),
                hash.as_bytes(),
                (!parents.is_empty()).then_some(causal.as_bytes()),
                bytes,
                signature,
                payload,
                row.payload_id
            ],
        )
        .unwrap();
        for (parent, _) in &parents {
            conn.execute("INSERT INTO vault_edge VALUES (?, ?)", [id, *parent]).unwrap();
        }
        let new = Last { hash, seq: entry.seq, lamport: entry.lamport, causal };
        logs.insert(row.log, new);
        renamed.insert(EntryHash::of(&row.bytes), (id, new));
    }
    settle(conn, &leaves);
}

/// Stores the size and the peaks that belong to these leaves, and the way along every log.
pub(super) fn settle(conn: &Connection, leaves: &[[u8; 32]]) {
    conn.execute(
        "UPDATE vault_head SET entry = ?, peaks = ? WHERE id = -1",
        params![TIMELINE + count(leaves), peaks(leaves).concat()],
    )
    .unwrap();
    conn.execute_batch(
        "UPDATE vault_entry SET back = coalesce(id - \
           (SELECT max(e.id) FROM vault_entry e WHERE e.log = vault_entry.log AND e.id < vault_entry.id), 0); \
         DELETE FROM vault_head WHERE id > 0; \
         INSERT INTO vault_head (id, entry) SELECT log, max(id) FROM vault_entry GROUP BY log",
    )
    .unwrap();
}

fn count(leaves: &[[u8; 32]]) -> i64 {
    i64::try_from(leaves.len()).unwrap()
}

/// The hashes that are there, in position order.
pub(super) fn leaves(conn: &Connection) -> Vec<[u8; 32]> {
    let mut statement =
        conn.prepare("SELECT hash FROM vault_entry WHERE id BETWEEN ?1 AND ?1 * 2 - 1 ORDER BY id").unwrap();
    statement.query_map([TIMELINE], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn read(conn: &Connection) -> Vec<StoredRow> {
    let mut statement = conn
        .prepare(
            "SELECT id, log, bytes, payload, payload_id, signature FROM vault_entry \
             WHERE id BETWEEN ?1 AND ?1 * 2 - 1 ORDER BY id",
        )
        .unwrap();
    let rows = statement.query_map([TIMELINE], |row| {
        Ok(StoredRow {
            id: row.get(0)?,
            log: row.get(1)?,
            bytes: row.get(2)?,
            payload: row.get(3)?,
            payload_id: row.get(4)?,
            signature: row.get(5)?,
        })
    });
    rows.unwrap().map(Result::unwrap).collect()
}

pub(super) fn genesis(entry: &EntryV1<'_>) -> EntryHash {
    let mut hasher = blake3::Hasher::new_derive_key("causal-vault v1 2026 log-genesis");
    hasher.update(entry.realm.as_bytes());
    for name in [entry.tenant, entry.stream] {
        hasher.update(&[u8::try_from(name.len()).unwrap()]).update(name.as_bytes());
    }
    hasher.update(entry.writer.as_bytes()).update(&entry.epoch.to_be_bytes());
    EntryHash::from_bytes(*hasher.finalize().as_bytes())
}

pub(super) fn sign(key: &SigningKey, entry: &EntryV1<'_>, hash: &EntryHash) -> [u8; 64] {
    sign_for(1, key, entry, hash)
}

pub(super) fn sign_for(purpose: u8, key: &SigningKey, entry: &EntryV1<'_>, hash: &EntryHash) -> [u8; 64] {
    let message = [b"CVSIG\x01".as_slice(), &[purpose], entry.realm.as_bytes(), hash.as_bytes()].concat();
    causal_vault::Signer::sign(key, &message).unwrap()
}

/// The first half of an event id, with the last two bytes of the second mixed into its own; nothing where an id of
/// version 8 begins with the position that it stands at.
pub(super) fn event_key(id: &[u8; 16], position: i64) -> Option<i64> {
    if id[6] >> 4 == 8 && id[..5] == position.to_be_bytes()[3..] {
        return None;
    }
    let mut key: [u8; 8] = id[..8].try_into().unwrap();
    key[6] ^= id[14];
    key[7] ^= id[15];
    Some(i64::from_be_bytes(key))
}
