//! What an intent and a cell are called.

use std::fmt;

use crate::causal::hash;
use crate::causal::id::id32;

id32! {
    /// The name of an intent: derived from the tenant, the model and the event that founded it, so that the same events in
    /// the same order have the same ids everywhere. An id is never given twice, and one that is retired
    /// [resolves](crate::IntentStore::resolve) to its successor.
    ///
    /// ```
    /// use causal_vault::IntentId;
    ///
    /// let id = IntentId::from_bytes([7; 32]);
    /// assert_eq!(IntentId::from_hex(&id.to_hex()), Some(id));
    /// assert_eq!(id.to_string().parse::<IntentId>()?, id);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    IntentId
}

impl IntentId {
    /// `round` is 0 for an intent that an event founds, and the number of the consolidation for one that is split off.
    pub(super) fn founded(tenant: &str, model: &str, founder: &[u8; 32], cell: CellId, round: u64) -> Self {
        Self::from_bytes(hash::intent_id(tenant, model, founder, cell.0, round))
    }
}

impl std::str::FromStr for IntentId {
    type Err = crate::words::StoreError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_hex(text).ok_or_else(|| crate::words::StoreError::Invalid {
            what: "intent id",
            reason: format!("it has {} characters; give 64 hexadecimal digits", text.chars().count()),
        })
    }
}

/// The number of a cell: one of the small groups of like events that intents are made of. An event stays in its cell for
/// good, and so it is a cell that says to which intent an event belongs [as of now](crate::IntentStore::intent_of).
///
/// ```
/// use causal_vault::{IntentOptions, IntentStore};
///
/// let store = IntentStore::new(IntentOptions::new("minilm", 2))?;
/// let assigned = store.assign_event(&[1.0, 0.0])?;
/// assert_eq!(assigned.cell.to_string(), "0");
/// assert_eq!(store.intent_of(assigned.cell), Some(assigned.intent));
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct CellId(pub u32);

impl CellId {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
