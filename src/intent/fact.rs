//! What a consolidation has changed.

use super::id::IntentId;

/// A change of the intents, to be recorded: with these an id of old can be followed to what became of it.
///
/// ```
/// use causal_vault::{IntentFact, IntentId};
///
/// let [old, new] = [IntentId::from_bytes([1; 32]), IntentId::from_bytes([2; 32])];
/// let fact = IntentFact::Merged { from: old, into: new };
/// assert_eq!(fact.kind(), "intent.merged");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "fact", rename_all = "lowercase")]
pub enum IntentFact {
    /// All of an intent became part of another.
    Merged {
        /// The id that is retired.
        from: IntentId,
        /// The id that it resolves to from now on.
        into: IntentId,
    },
    /// The events of an intent now stand in several.
    Split {
        /// The intent that was split. It lives on if it is among the parts, and is retired otherwise.
        from: IntentId,
        /// The parts, the largest first; an id that is retired resolves to the first.
        into: Vec<IntentId>,
    },
}

impl IntentFact {
    /// What it is called where it is recorded.
    ///
    /// ```
    /// use causal_vault::{IntentFact, IntentId};
    ///
    /// let id = IntentId::from_bytes([1; 32]);
    /// assert_eq!(IntentFact::Split { from: id, into: vec![id] }.kind(), "intent.split");
    /// ```
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Merged { .. } => "intent.merged",
            Self::Split { .. } => "intent.split",
        }
    }
}
