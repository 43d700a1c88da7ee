//! Rows that are hashed together, which costs a fraction of hashing them one by one.

use crate::causal::hash::{EntryHash, PayloadDigest};
use crate::causal::table::entry::{Row, StoredPayload};
use crate::words::Result;

/// Rows of a batch. Those that are hashed side by side are chosen among them for their lengths.
const ROWS: usize = 64;
/// A batch with more bytes takes no further row.
const BYTES: usize = 256 << 10;

/// What the bytes of a row hash to.
pub(super) struct Hashes {
    pub(super) entry: EntryHash,
    /// That of an inline payload; without one, that of no bytes.
    pub(super) payload: PayloadDigest,
}

impl Hashes {
    pub(super) fn of(row: &Row<'_>) -> Self {
        Self { entry: EntryHash::of(row.bytes), payload: PayloadDigest::of(inline(row)) }
    }
}

/// Rows copied out of the engine, each with what was noted of it.
#[derive(Default)]
pub(super) struct Batch<N> {
    rows: Vec<Held<N>>,
    bytes: Vec<u8>,
}

struct Held<N> {
    /// Without its bytes.
    row: Row<'static>,
    entry: usize,
    payload: usize,
    note: N,
}

impl<N> Batch<N> {
    pub(super) fn push(&mut self, row: &Row<'_>, note: N) {
        let payload = inline(row);
        self.bytes.extend_from_slice(row.bytes);
        self.bytes.extend_from_slice(payload);
        let held = Held { row: row.with_bytes(&[], &[]), entry: row.bytes.len(), payload: payload.len(), note };
        self.rows.push(held);
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= ROWS || self.bytes.len() >= BYTES
    }

    /// Empties it and shows each row with its hashes, in the order in which they came, until one fails.
    pub(super) fn drain(&mut self, mut visit: impl FnMut(&Row<'_>, &Hashes, N) -> Result<()>) -> Result<()> {
        let (mut entries, mut payloads) = (Vec::with_capacity(ROWS), Vec::with_capacity(ROWS));
        let mut rest = self.bytes.as_slice();
        for held in &self.rows {
            let (entry, behind) = rest.split_at_checked(held.entry).unwrap_or_default();
            let (payload, behind) = behind.split_at_checked(held.payload).unwrap_or_default();
            rest = behind;
            entries.push(entry);
            payloads.push(payload);
        }
        let hashes = EntryHash::of_each(&entries).zip(PayloadDigest::of_each(&payloads));
        let bytes = entries.into_iter().zip(payloads);
        let visited = self.rows.drain(..).zip(bytes).zip(hashes).try_for_each(|((held, bytes), hashes)| {
            let hashes = Hashes { entry: hashes.0, payload: hashes.1 };
            visit(&held.row.with_bytes(bytes.0, bytes.1), &hashes, held.note)
        });
        self.bytes.clear();
        visited
    }
}

fn inline<'a>(row: &Row<'a>) -> &'a [u8] {
    match row.payload {
        StoredPayload::Inline(bytes) => bytes,
        StoredPayload::Shared(_) | StoredPayload::None => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::StoreError;

    fn row<'a>(id: u64, bytes: &'a [u8], payload: StoredPayload<&'a [u8]>) -> Row<'a> {
        let hash = EntryHash::from_bytes([id.to_le_bytes()[0]; 32]);
        let (log, seq, back, kind, lamport, signature) =
            (id.cast_signed() + 1, id + 2, id + 3, 4, id + 5, Some([6; 64]));
        Row { id, log, seq, back, event_key: Some(7), kind, lamport, hash, causal: None, bytes, signature, payload }
    }

    #[test]
    fn rows_come_back_in_order_as_they_were_each_with_its_own_hashes() {
        let bytes: Vec<u8> = (0..5000_u32).map(|at| (at * 7 / 5).to_le_bytes()[0]).collect();
        let rows: Vec<Row<'_>> = (0..100)
            .map(|id| {
                let at = usize::try_from(id).unwrap();
                let payload = match id % 4 {
                    0 => StoredPayload::None,
                    1 => StoredPayload::Shared(9),
                    _ => StoredPayload::Inline(&bytes[at..at * 40]),
                };
                row(id, &bytes[at * 10..at * 10 + at * 37 % 600], payload)
            })
            .collect();
        let mut batch = Batch::default();
        for _ in 0..2 {
            rows.iter().for_each(|row| batch.push(row, row.id * 3));
            let mut found = Vec::new();
            batch
                .drain(|row, hashes, note| {
                    let own = Hashes::of(row);
                    assert_eq!((hashes.entry, hashes.payload), (own.entry, own.payload), "row {}", row.id);
                    found.push((format!("{row:?}"), note));
                    Ok(())
                })
                .unwrap();
            let expected: Vec<_> = rows.iter().map(|row| (format!("{row:?}"), row.id * 3)).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_batch_is_full_by_its_rows_or_by_its_bytes() {
        let (few, many) = (vec![0; 10], vec![0; BYTES / 2]);
        for (bytes, expected) in [(&few, ROWS), (&many, 2)] {
            let mut batch = Batch::default();
            while !batch.is_full() {
                batch.push(&row(1, bytes, StoredPayload::None), ());
            }
            assert_eq!(batch.rows.len(), expected);
        }
    }

    #[test]
    fn nothing_is_left_behind_a_row_that_fails() {
        let mut batch = Batch::default();
        (0..3).for_each(|id| batch.push(&row(id, b"entry", StoredPayload::Inline(b"payload")), ()));
        let mut seen = 0;
        let failed = batch.drain(|_, _, ()| {
            seen += 1;
            if seen == 2 { Err(StoreError::Backend("no page".to_owned())) } else { Ok(()) }
        });
        assert!(failed.is_err() && seen == 2);
        batch.drain(|_, _, ()| panic!("it was emptied")).unwrap();
    }
}
