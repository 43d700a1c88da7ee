//! The vault: what crates that write agents link.

mod bell;
mod builder;
mod checkpoint;
mod codec;
mod cursor;
mod event;
mod filter;
mod find;
mod header;
mod lineage;
mod lookup;
mod messagepack;
mod open;
mod prove;
mod read;
mod receipt;
mod record;
mod sink;
mod transaction;
mod watch;
mod writer;

pub use builder::VaultBuilder;
pub use cursor::Cursor;
pub use event::Event;
pub use filter::Filter;
pub use find::EventKey;
pub use header::{EventHeader, EventId, Position};
pub use lineage::Lineage;
pub use open::Vault;
pub use read::Events;
pub use receipt::Receipt;
pub use record::StoredEvent;
pub use sink::{CheckpointSchedule, CheckpointSink, FileSink};
pub use transaction::VaultTransaction;
pub use watch::{WatchOptions, Watcher};
pub use writer::Writer;
