//! Which store a consumer opens, and how safe an acknowledgement is, as reviewable configuration.

use serde::{Deserialize, Serialize};

/// Which backend a [`StorePolicy`] selects.
///
/// ```
/// use causal_vault::BackendKind;
///
/// assert_eq!(BackendKind::default(), BackendKind::Sqlite);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendKind {
    /// PostgreSQL, where an operator runs a server.
    Postgres,
    /// Bundled SQLite: one file, no server, no daemon.
    #[default]
    Sqlite,
}

/// What an acknowledged commit survives.
///
/// ```
/// use causal_vault::Durability;
///
/// assert_eq!(Durability::default(), Durability::Durable);
/// assert!(Durability::Fast < Durability::Durable);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// The death of this process. SQLite: WAL with `synchronous=NORMAL`.
    Fast,
    /// A power cut, if the disk honours a flush. SQLite: WAL with `synchronous=FULL`.
    #[default]
    Durable,
}

/// A declarative storage policy: one reviewable knob a line, embedded in a consumer's own configuration.
///
/// A bare section, or none at all, means bundled SQLite.
///
/// ```
/// use causal_vault::{BackendKind, StorePolicy};
///
/// let policy: StorePolicy = toml::from_str("backend = 'postgres'").unwrap();
/// assert_eq!(policy.backend, BackendKind::Postgres);
/// let bare: StorePolicy = toml::from_str("").unwrap();
/// assert_eq!(bare.backend, BackendKind::Sqlite);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct StorePolicy {
    /// Which backend to open.
    pub backend: BackendKind,
}
