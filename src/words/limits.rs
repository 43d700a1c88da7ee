//! Every limit of the format and of the API, in one place.
//!
//! An excess is a [`StoreError::Limit`](crate::StoreError::Limit) that names the limit, and nothing is stored.

/// Bytes of a tenant, stream, writer or kind name; at least one.
pub const NAME_BYTES: usize = 128;
/// Explicit parents of one event.
pub const PARENTS: usize = 64;
/// Payload bytes that a vault accepts unless it is told otherwise: 1 MiB.
pub const PAYLOAD_BYTES_DEFAULT: usize = 1 << 20;
/// Payload bytes that a vault can be told to accept: 64 MiB.
pub const PAYLOAD_BYTES_MAX: usize = 64 << 20;
/// Bytes of one extension: 64 KiB.
pub const EXTENSION_BYTES: usize = 64 << 10;
/// Bytes of all extensions of one entry: 256 KiB.
pub const EXTENSIONS_BYTES: usize = 256 << 10;
/// Events in one batch.
pub const BATCH_EVENTS: usize = 4096;
/// Payload and attachment bytes in one batch: 16 MiB; a single event may always be as large as its own limit.
pub const BATCH_BYTES: usize = 16 << 20;
/// Dimensions of an embedding.
pub const EMBEDDING_DIMENSIONS: usize = 4096;
/// Bytes of the reason for a new epoch.
pub const EPOCH_REASON: usize = 1024;
/// Nesting of arrays and maps in a typed payload.
pub const PAYLOAD_DEPTH: usize = 64;
/// Bytes of a signed note's text: 1 MiB.
pub const NOTE_BYTES: usize = 1 << 20;
/// Signatures of one signed note.
pub const NOTE_SIGNATURES: usize = 100;
/// The largest sequence number, Lamport time and generation: they are stored as signed 64-bit integers.
pub const COUNTER_MAX: u64 = i64::MAX as u64;
/// The largest position of a timeline: 2^40 - 1.
pub const POSITION_MAX: u64 = (1 << 40) - 1;
/// The most timelines of one vault: 2^23 - 1.
pub const TIMELINES_MAX: u64 = (1 << 23) - 1;
/// Bytes of a bundle's header; most of them are a checkpoint's.
pub const BUNDLE_HEADER_BYTES: usize = 3 << 20;
/// Bytes of a bundle's record of an entry, without the payload: the entry bytes and what stands beside them.
pub const BUNDLE_ENTRY_BYTES: usize = 512 << 10;
/// Writers, logs, payloads that are kept once and parents whose children are yet to come: what the verification of a
/// bundle keeps in memory of each at most. Every one of them has bytes in the file that were read before.
pub const BUNDLE_STATE: usize = 1 << 24;
/// Threads of one verification; where more are asked for, no more than these are used.
pub const VERIFY_THREADS: usize = 64;
/// Bytes of a text that the built-in encoder accepts: 1 MiB.
pub const ENCODER_TEXT_BYTES: usize = 1 << 20;
/// Cells, the small groups that intents are made of, that one intent store can be told to keep. While they are grouped anew
/// there may be twice as many.
pub const INTENT_CELLS: usize = 1 << 14;
/// Rules of one tenant that say which texts can be searched.
pub const TEXT_RULES: usize = 64;
/// Fields of one such rule.
pub const TEXT_FIELDS: usize = 64;
/// Bytes of text that one event contributes to the index; the rest of it is not found. 256 KiB.
pub const TEXT_BYTES: usize = 256 << 10;
/// Bytes of a word in the index and in a query; of a longer one only its beginning counts.
pub const WORD_BYTES: usize = 128;
/// Bytes of a query for words: 16 KiB.
pub const QUERY_BYTES: usize = 16 << 10;
/// Words of a query, each counted as often as it stands there.
pub const QUERY_WORDS: usize = 256;
