//! What is near by meaning and what has the words, in one answer.

use std::collections::BTreeMap;

use super::query::{About, Query};
use crate::causal::table::timeline;
use crate::intent::IntentId;
use crate::vault::header::Position;
use crate::vault::open::Vault;
use crate::vault::record::StoredEvent;
use crate::words::{Result, StoreError};

/// What is added to a rank before it is turned round: the constant of the paper.
const RANK: f64 = 60.0;
/// Of each answer so many are looked at, or as many as are asked for.
const DEPTH: usize = 100;

/// An event that was found by meaning, by words, or both. See [`Vault::hybrid`].
///
/// ```
/// use causal_vault::{Event, Hybrid, Query, TextRule, Vault};
///
/// let vault = Vault::in_memory()?;
/// vault.index_text(TextRule::kind("note"))?;
/// let event = Event::new("note", "milk and bread")?.stream("list").embedding("minilm", &[0.6, 0.8]);
/// vault.named_writer("alice")?.commit(event)?;
/// let found: Vec<Hybrid> = vault.hybrid(&Query::embedding("minilm", &[0.6, 0.8]).words("bread"), 1)?;
/// assert!(found[0].similarity.is_some() && found[0].text_score.is_some());
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Hybrid {
    /// The event.
    pub event: StoredEvent,
    /// The sum over both answers of `1 / (60 + rank)`: the more the better.
    pub score: f64,
    /// How near it is, where it is among the nearest.
    pub similarity: Option<f32>,
    /// How well its words fit, where it is among those that fit best.
    pub text_score: Option<f64>,
    /// The intent that it belongs to, as [`Similar::intent`](crate::Similar::intent) has it.
    pub intent: Option<IntentId>,
}

impl Vault {
    /// The `k` events that are best by meaning and by words together: the answers of [`similar`](Self::similar) and of
    /// [`search`](Self::search), fused by their ranks (G. Cormack, C. Clarke and S. Buettcher, "Reciprocal Rank Fusion
    /// outperforms Condorcet and individual Rank Learning Methods", 2009). Of equally good ones the older comes first.
    ///
    /// The words are those of the query's text, or those that it was [given](Query::words). Which texts are searched,
    /// [`index_text`](Self::index_text) says.
    ///
    /// ```
    /// use causal_vault::{Encoder, Event, HashingEncoder, Query, TextRule, Vault};
    ///
    /// let encoder = HashingEncoder::new();
    /// let vault = Vault::builder().encoder(encoder.clone()).in_memory()?;
    /// vault.index_text(TextRule::kind("note"))?;
    /// let alice = vault.named_writer("alice")?;
    /// for text in ["restart the billing service", "lunch at the harbour", "error E4711 in billing"] {
    ///     let event = Event::new("note", text)?.stream("conv:demo");
    ///     alice.commit(event.embedding(encoder.model(), &encoder.encode(text)?))?;
    /// }
    /// let found = vault.hybrid(&Query::text("billing says E4711"), 2)?;
    /// assert_eq!(found[0].event.decode::<String>()?, "error E4711 in billing");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn hybrid(&self, query: &Query, k: usize) -> Result<Vec<Hybrid>> {
        let words = match (&query.words, &query.about) {
            (Some(words), _) | (None, About::Text(words)) => words,
            (None, _) => {
                return Err(StoreError::Invalid {
                    what: "query",
                    reason: "it has no words to search for; give it some with .words(..)".to_owned(),
                });
            }
        };
        // Both are asked about the same events, whatever is committed meanwhile.
        let size = timeline::size(self.db(), self.tenant(), timeline::MAIN)?.map_or(0, |(_, size)| size);
        let end = query.filter.up_to.map_or(size, |up_to| up_to.number().min(size));
        let query = Query { filter: query.filter.clone().up_to(Position::new(end)), ..query.clone() };
        let depth = k.max(DEPTH);
        let mut found: BTreeMap<Position, Hybrid> = BTreeMap::new();
        for (rank, near) in self.similar(&query, depth)?.into_iter().enumerate() {
            let position = near.event.header.position;
            let hybrid = Hybrid {
                event: near.event,
                score: share(rank),
                similarity: Some(near.similarity),
                text_score: None,
                intent: near.intent,
            };
            found.insert(position, hybrid);
        }
        let itself = match &query.about {
            About::Event(key) => Some(self.get(key.clone())?.header.position),
            About::Embedding(_) | About::Text(_) => None,
        };
        // Where the event itself is among those that have the words, it takes the place of no other.
        let mut fits = self.search(words, &query.filter, depth.saturating_add(usize::from(itself.is_some())))?;
        fits.retain(|fits| itself != Some(fits.event.header.position));
        fits.truncate(depth);
        for (rank, fits) in fits.into_iter().enumerate() {
            match found.get_mut(&fits.event.header.position) {
                Some(hybrid) => (hybrid.score, hybrid.text_score) = (hybrid.score + share(rank), Some(fits.score)),
                None => {
                    let (score, text_score) = (share(rank), Some(fits.score));
                    let position = fits.event.header.position;
                    let hybrid = Hybrid { event: fits.event, score, similarity: None, text_score, intent: None };
                    found.insert(position, hybrid);
                }
            }
        }
        let mut best: Vec<Hybrid> = found.into_values().collect();
        // The sort is stable, and they stand in the order of their positions.
        best.sort_by(|left, right| right.score.total_cmp(&left.score));
        best.truncate(k);
        for hybrid in best.iter_mut().filter(|hybrid| hybrid.similarity.is_none()) {
            hybrid.intent = self.intent_as_of(hybrid.event.header.position, Position::new(end))?;
        }
        Ok(best)
    }
}

fn share(rank: usize) -> f64 {
    1.0 / (RANK + rank as f64 + 1.0)
}
