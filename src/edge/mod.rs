//! The edge: what comes into a vault and goes out of it. Bytes in, bytes out, no sockets.

mod agent_store;
mod bundle;

pub use agent_store::{ImportReport, ImportedLog, import_agent_store, verify_agent_store_import};
pub use bundle::{Bundle, BundleContents, BundleImport, BundleReport};
