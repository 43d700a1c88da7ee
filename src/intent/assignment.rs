//! An event as it is assigned, and what comes of it.

use super::fact::IntentFact;
use super::id::{CellId, IntentId};
use crate::causal::Fingerprint;

/// An event's embedding, and what names the event.
///
/// ```
/// use causal_vault::{Fingerprint, IntentEvent};
///
/// let event = IntentEvent::from(&[0.6, 0.8]).reference([7; 32]).writer(Fingerprint::named("alice")?);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct IntentEvent<'a> {
    pub(super) embedding: &'a [f32],
    pub(super) reference: Option<[u8; 32]>,
    pub(super) writer: Option<Fingerprint>,
}

impl<'a> IntentEvent<'a> {
    /// What names the event, such as its entry hash: the id of an intent that it founds is derived from it. Without one the
    /// event is named by its number.
    ///
    /// ```
    /// let event = causal_vault::IntentEvent::from(&[0.6, 0.8]).reference([7; 32]);
    /// ```
    #[must_use]
    pub fn reference(mut self, reference: [u8; 32]) -> Self {
        self.reference = Some(reference);
        self
    }

    /// Who wrote it. A writer that did not found a cell moves it at most as far as all others together; without a writer
    /// there is no such quota.
    ///
    /// ```
    /// use causal_vault::{Fingerprint, IntentEvent};
    ///
    /// let event = IntentEvent::from(&[0.6, 0.8]).writer(Fingerprint::named("alice")?);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    #[must_use]
    pub fn writer(mut self, writer: Fingerprint) -> Self {
        self.writer = Some(writer);
        self
    }
}

impl<'a> From<&'a [f32]> for IntentEvent<'a> {
    fn from(embedding: &'a [f32]) -> Self {
        Self { embedding, reference: None, writer: None }
    }
}

impl<'a, const N: usize> From<&'a [f32; N]> for IntentEvent<'a> {
    fn from(embedding: &'a [f32; N]) -> Self {
        Self::from(embedding.as_slice())
    }
}

/// Where an event was put.
///
/// ```
/// use causal_vault::{IntentOptions, IntentStore};
///
/// let store = IntentStore::new(IntentOptions::new("minilm", 2))?;
/// let first = store.assign_event(&[1.0, 0.0])?;
/// let again = store.assign_event(&[1.0, 0.0])?;
/// assert!(first.is_new && !again.is_new);
/// assert_eq!((again.intent, again.similarity), (first.intent, 1.0));
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The intent.
    pub intent: IntentId,
    /// Whether the event founded it.
    pub is_new: bool,
    /// The cell that the event stands in for good.
    pub cell: CellId,
    /// The cosine between the event and the intent's centroid as it was; 1 where the event founded it.
    pub similarity: f32,
    /// How much nearer that is than the runner-up.
    pub margin: f32,
    /// The intent that is nearest but for this one.
    pub runner_up: Option<IntentId>,
    /// What the consolidation that ended with this event has changed, in order; most events end none. The intent above is
    /// the one before that: `resolve` it.
    pub facts: Vec<IntentFact>,
}

/// The intents nearest to an embedding, as they are now.
///
/// ```
/// use causal_vault::{IntentOptions, IntentStore};
///
/// let store = IntentStore::new(IntentOptions::new("minilm", 2))?;
/// let (east, _) = store.assign(&[1.0, 0.0])?;
/// let found = store.classify(&[2.0, 0.1])?.expect("there is an intent");
/// assert_eq!((found.intent, found.runner_up), (east, None));
/// assert!(found.similarity > 0.99);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IntentMatch {
    /// The nearest intent.
    pub intent: IntentId,
    /// The cosine between the embedding and its centroid.
    pub similarity: f32,
    /// How much nearer that is than the runner-up; all of it where there is none.
    pub margin: f32,
    /// The second nearest.
    pub runner_up: Option<IntentId>,
}
