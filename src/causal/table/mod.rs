//! The tables of a vault: a file for each, which alone holds its schema and its statements.
//!
//! ```text
//! vault_realm      one row: the format and the realm
//! vault_timeline   a tenant's position order
//! vault_writer     who a writer id is: a public key or a name
//! vault_log        a hash chain: timeline, stream, writer, epoch
//! vault_head       the newest entry of each log and timeline, and the peaks of its Merkle tree
//! vault_kind       the names of the kinds
//! vault_entry      the entries: id = timeline << 40 | position
//! vault_edge       who follows whom, explicitly
//! vault_node       the roots of complete tiles of the Merkle tree, for proofs
//! vault_lookup     where something with a bare hash may stand, for those who look
//! vault_payload    payloads too large to stand in the entry's row, once for each digest and tenant
//! vault_model      the models whose embeddings a tenant's events carry
//! vault_embedding  the values of the entries' embeddings
//! vault_text       the texts that can be searched, an index over their words, and the rules that say which they are
//! ```
//!
//! Beside them stand the two tables of agent-store, where it left some.

pub(crate) mod agent_store;
pub(crate) mod chain;
pub(crate) mod edge;
pub(crate) mod embedding;
pub(crate) mod entry;
pub(crate) mod head;
pub(crate) mod kind;
pub(crate) mod log;
pub(crate) mod lookup;
pub(crate) mod model;
pub(crate) mod node;
pub(crate) mod payload;
pub(crate) mod realm;
mod row;
pub(crate) mod text;
pub(crate) mod text_rule;
pub(crate) mod timeline;
pub(crate) mod writer;

use crate::backend::Value;

/// One table: its name, and the statements that create it and its indexes.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) schema: &'static [&'static str],
}

/// Every table that entries are stored in.
pub(crate) const TABLES: [&Table; 11] = [
    &realm::TABLE,
    &timeline::TABLE,
    &writer::TABLE,
    &log::TABLE,
    &head::TABLE,
    &kind::TABLE,
    &entry::TABLE,
    &edge::TABLE,
    &payload::TABLE,
    &model::TABLE,
    &embedding::TABLE,
];

/// A counter as the engines store it; limits keep every counter below 2^63.
pub(crate) fn int(counter: u64) -> Value {
    Value::Int(i64::try_from(counter).unwrap_or(i64::MAX))
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(crate) fn blob(bytes: &[u8]) -> Value {
    Value::Blob(bytes.to_vec())
}

/// The first eight bytes of a digest or id as an integer: an index over these costs a fraction of one over the bytes.
pub(crate) fn prefix(bytes: &[u8]) -> i64 {
    let mut first = [0; 8];
    for (to, from) in first.iter_mut().zip(bytes) {
        *to = *from;
    }
    i64::from_be_bytes(first)
}
