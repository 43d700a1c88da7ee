//! The primitives: identities, entries and their hashes, logs, the tree, counters and the doorbell. Each is usable alone
//! over `&dyn Backend`.

pub(crate) mod append;
mod bytes;
mod checkpoint;
mod claim;
pub(crate) mod commit;
mod doorbell;
pub(crate) mod draft;
mod entry;
mod event_id;
mod extension;
mod fingerprint;
mod generation;
pub(crate) mod hash;
mod id;
pub(crate) mod known;
pub(crate) mod merkle;
mod note;
mod note_key;
pub(crate) mod path;
mod proof;
mod reference;
pub(crate) mod schema;
pub(crate) mod signer;
pub(crate) mod table;
pub(crate) mod verify;
pub(crate) mod writer;
pub(crate) mod writer_log;

pub use checkpoint::Checkpoint;
pub use doorbell::{CommitEvent, Doorbell, Subscription, SubscriptionId};
pub use entry::{EntryV1, Scheme};
pub use extension::{Extension, Extensions, embedding_digest};
pub use fingerprint::Fingerprint;
pub use generation::Generation;
pub use hash::{CausalDigest, EntryHash, PayloadDigest, Realm, causal_hash};
pub use merkle::{TreeHead, tree_root};
pub use note::{NoteSignature, SignedNote};
pub use note_key::{NoteSigner, NoteVerifier};
pub use proof::{ConsistencyProof, InclusionProof, verify_consistency, verify_inclusion};
pub use reference::EventRef;
pub use signer::{Signer, SigningKey, verify_entry_signature};
pub use verify::{Anchor, Break, LogReport, LogVerdict, TailVerdict, Verifier, VerifyReport};
pub use writer_log::{Entry, LogReader, WriterLog};
