//! The system of record for AI agents: what happened, who did it, in what causal order; provable and replayable.
//!
//! A [`Vault`] is an embeddable, synchronous, append-only store of events in one SQLite file. Agents keep no ledgers of
//! their own: they append events, subscribe to the scopes they care about, and project local views. Every event is hashed
//! into its writer's log and into one Merkle tree, may be signed, and names the events it follows, whoever wrote them.
//!
//! It is not a database, not an agent framework and not a transport. It opens no socket, starts no thread that it was not
//! asked for, has no async runtime and no global state, and never orders anything by wall-clock time.
//!
//! # The nouns
//!
//! | noun | meaning |
//! |---|---|
//! | [`Vault`] | one store, seen by one tenant |
//! | stream | a named scope of events, such as `conv:demo` |
//! | [`Writer`] | an identity that commits: an ed25519 key, or a plain name that can sign nothing |
//! | log | the hash chain of one writer in one stream: its entries are numbered 1, 2, 3 ... |
//! | [`Event`], [`StoredEvent`] | what is committed, and what is read back |
//! | parents | events, of any writer, that an event causally follows |
//! | [`Position`] | the place in the gap-free commit order of a tenant: what a [`Cursor`] holds |
//! | [`Generation`] | a named counter that only moves forward |
//! | [`Doorbell`] | the seam that wakes others after a commit |
//!
//! ```text
//!   agents ── commit ──▶ ┌──────────────────── vault (one file) ───────────────────┐
//!                        │ log of alice   [1]◀──[2]◀─────[3]     hash chain, signed │
//!                        │                  ▲     ╲       ╱      parents cross logs │
//!                        │ log of bob        ╲     [1]◀──[2]                        │
//!                        │ positions      1   2     3     4 5    one commit order,  │
//!                        │                                       one Merkle root    │
//!                        └───┬──────────────────┬─────────────────────┬─────────────┘
//!                         doorbell           cursors               verify
//!                      (a hint, live)   (nothing is missed)   (an auditor's question)
//! ```
//!
//! # A story that runs
//!
//! ```
//! use causal_vault::{Event, Filter, SigningKey, Vault};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Mint { to: String, amount: u64 }
//!
//! let vault = Vault::in_memory()?; // or Vault::open("agents.vault")?
//! let alice = vault.writer(SigningKey::from_bytes(&[7; 32]))?; // signs every entry
//! let bob = vault.named_writer("bob")?; // can sign nothing
//!
//! // Wake somebody when the ledger changes. The guard ends the subscription.
//! let guard = vault.subscribe(Filter::stream("ledger"), |header| println!("{} #{}", header.kind, header.seq))?;
//!
//! // Alice mints, Bob answers: his event names hers as its cause.
//! let mint = Mint { to: "bob".into(), amount: 5 };
//! let mint = alice.commit(Event::new("ledger.mint", &mint)?.stream("ledger"))?;
//! bob.commit(Event::new("ledger.thanks", "received")?.stream("ledger").parent(&mint))?;
//!
//! // A view of one's own is a fold over events.
//! let mut balance = 0;
//! for event in vault.events(Filter::kind("ledger.mint"))? {
//!     balance += event?.decode::<Mint>()?.amount;
//! }
//! assert_eq!(balance, 5);
//!
//! // The auditor's question.
//! let report = vault.verify(&[vault.tree_head()?.into()])?;
//! assert!(report.is_intact());
//! # Ok::<(), causal_vault::StoreError>(())
//! ```
//!
//! # Where to go on
//!
//! - [`Vault`]: open, commit, read, subscribe, verify; [`Vault::transaction`] for your own SQL and an append, atomic.
//! - What an auditor takes along: [`VerifyReport`], [`Checkpoint`] and [`SignedNote`], [`InclusionProof`], [`Bundle`], and
//!   [`Equivocation`] where a writer has told two stories.
//! - The primitives, each usable alone over [`&dyn Backend`](Backend): [`WriterLog`], [`Generation`], [`Doorbell`],
//!   [`Fingerprint`], and the bytes themselves: [`EntryV1`].
//! - Why things happened: [`Event::embedding`], [`Vault::intents`] and [`Vault::similar`], [`Vault::search`],
//!   [`Vault::hybrid`]; [`Encoder`] for the model. Without a vault: [`IntentStore`] and [`FlatIndex`].
//! - [`manual`]: [architecture](manual::architecture), [the bytes](mod@manual::format), [bundles](manual::bundle),
//!   [what `Ok` means](manual::durability), [where the time goes](manual::performance),
//!   [how it is tested](manual::proof), [why, and why not](manual::why), [changes](manual::changelog).
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `conformance` | the `conformance` module: the suite that a [`Backend`] of your own has to pass |

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod backend;
mod causal;
mod edge;
mod intent;
pub mod manual;
mod vault;
mod words;

#[cfg(feature = "conformance")]
pub use backend::conformance;
pub use backend::{
    Access, Backend, BackendKind, Dialect, Durability, Listen, Row, SqliteBackend, SqliteOptions, StorePolicy,
    Transaction, Value, ValueRef, Visitor,
};
pub use causal::{
    Anchor, Break, CausalDigest, Checkpoint, CommitEvent, ConsistencyProof, Derived, Doorbell, Entry, EntryHash,
    EntryV1, Equivocation, EventRef, Extension, Extensions, Fingerprint, Generation, InclusionProof, KeyRotation,
    LogPlace, LogRange, LogReader, LogReport, LogVerdict, NoteSignature, NoteSigner, NoteVerifier, PayloadDigest,
    Realm, Scheme, SignedEntry, SignedNote, Signer, SigningKey, Subscription, SubscriptionId, TailVerdict, TreeHead,
    Verifier, VerifyReport, WriterLog, causal_hash, embedding_digest, tree_root, verify_consistency,
    verify_entry_signature, verify_inclusion,
};
pub use edge::{
    Bundle, BundleContents, BundleImport, BundleReport, ImportReport, ImportedLog, import_agent_store,
    verify_agent_store_import,
};
pub use intent::{
    Assignment, Calibration, CellId, Encoder, FlatIndex, FlatMatch, FlatMatches, HashingEncoder, IntentEvent,
    IntentFact, IntentId, IntentMatch, IntentOptions, IntentStore, IntentSummary, UnitVector,
};
/// The type of an event's id in [`EntryV1`] and in errors; [`EventId`] wraps it.
pub use uuid::Uuid;
pub use vault::{
    CheckpointSchedule, CheckpointSink, Cursor, Event, EventHeader, EventId, EventKey, Events, FileSink, Filter,
    Hybrid, Intent, Lineage, LogSummary, Outcome, Position, Query, Receipt, SignatureVerdict, Similar, Standing,
    StoredEvent, TextMatch, TextRule, Vault, VaultBuilder, VaultTransaction, WatchOptions, Watcher, Writer,
};
pub use words::{ChainRule, EngineError, ErrorKind, Result, StoreError, UnknownEvent, limits};

/// The README's code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
