//! What is near.

use super::projection;
use super::query::{About, Query};
use super::wanted::Wanted;
use super::{label, past};
use crate::backend::{Access, Transaction};
use crate::causal::table::{embedding, entry, model, timeline};
use crate::intent::{FlatMatch, IntentId, UnitVector};
use crate::vault::filter::Filter;
use crate::vault::open::Vault;
use crate::vault::record::{Names, StoredEvent};
use crate::words::{Result, StoreError};

/// An event that was found near something.
///
/// ```
/// use causal_vault::{Event, Query, Similar, Vault};
///
/// let vault = Vault::in_memory()?;
/// let alice = vault.named_writer("alice")?;
/// alice.commit(Event::raw("note", "hi").stream("conv:demo").embedding("minilm", &[0.6, 0.8]))?;
/// let found: Vec<Similar> = vault.similar(&Query::embedding("minilm", &[3.0, 4.0]), 10)?;
/// assert_eq!((found.len(), found[0].similarity), (1, 1.0));
/// assert_eq!(found[0].intent, found[0].event.header.intent);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Similar {
    /// The event. Its header has the intent that it was put under then.
    pub event: StoredEvent,
    /// The cosine of the angle between the two embeddings, from -1 to 1 but for rounding.
    pub similarity: f32,
    /// The intent that it belongs to as seen from the end of what was asked about: from now, or from the position that the
    /// filter goes up to. `None` where it is still to be assigned.
    pub intent: Option<IntentId>,
}

impl Vault {
    /// The `k` events whose embeddings are nearest to what a query is about, the nearest first; of equally near ones the
    /// older. The answer is exact: that of a plain search over all embeddings.
    ///
    /// Embeddings are indexed in memory, as far as somebody asks; the first call loads them. Each takes a byte for each
    /// value and 20 more, and up to an eighth of that is kept free. Filters by stream, writer or kind remember of each entry,
    /// for each model that is asked about, which they are: about 50 bytes.
    /// Up to a position of the past the answer is the one that was given there, intents included, as far as the events were
    /// [assigned](Self::assign_up_to).
    ///
    /// ```
    /// use causal_vault::{Event, Filter, Query, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let note = |text: &str, turn: f32| Event::raw("note", text).stream("conv:demo").embedding("minilm", &[1.0, turn]);
    /// let first = alice.commit(note("near", 0.2))?;
    /// alice.commit(note("nearer", 0.1))?;
    /// let east = Query::embedding("minilm", &[1.0, 0.0]);
    /// assert_eq!(vault.similar(&east, 1)?[0].event.payload, b"nearer");
    ///
    /// let then = east.filter(Filter::all().up_to(first.position));
    /// assert_eq!(vault.similar(&then, 1)?[0].event.payload, b"near");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn similar(&self, query: &Query, k: usize) -> Result<Vec<Similar>> {
        query.filter.check()?;
        let sql = self.db().begin(Access::Read)?;
        self.similar_in(&*sql, query, k)
    }

    fn similar_in(&self, sql: &dyn Transaction, query: &Query, k: usize) -> Result<Vec<Similar>> {
        let about = self.about(sql, query)?;
        let Some((timeline, size)) = timeline::size(sql, self.tenant(), timeline::MAIN)? else { return Ok(Vec::new()) };
        let Some(model) = model::find(sql, timeline, &about.model)? else { return Ok(Vec::new()) };
        let Filter { up_to, .. } = query.filter;
        let end = entry::id(timeline, up_to.map_or(size, |up_to| up_to.number().min(size)))?;
        let wanted = Wanted::by(sql, timeline, &query.filter, end)?;
        // The event itself is among the nearest.
        let most = k.saturating_add(usize::from(about.itself.is_some()));
        let mut found = self.recall().vectors.nearest(sql, &model, &about.unit, most, end, &wanted)?;
        found.retain(|found| about.itself != Some(found.position));
        found.truncate(k);
        let mut names = Names::default();
        found.iter().map(|found| show(sql, &mut names, end, found)).collect()
    }

    /// The direction that a query is about.
    fn about(&self, sql: &dyn Transaction, query: &Query) -> Result<Direction> {
        let (model, values, itself) = match &query.about {
            About::Embedding(values) => (query.model.clone().unwrap_or_default(), UnitVector::new(values)?, None),
            About::Text(text) => {
                let encoder = self.settings().encoders.of(query.model.as_deref())?;
                (encoder.model().to_owned(), UnitVector::new(&encoder.encode(text)?)?, None)
            }
            About::Event(key) => {
                let header = self.get(key.clone())?.header;
                let none = || StoreError::NotFound { what: "an embedding", name: format!("of the event {key}") };
                let model = header.model().ok_or_else(none)?.to_owned();
                if let Some(asked) = query.model.as_ref().filter(|asked| **asked != model) {
                    return Err(StoreError::Invalid {
                        what: "query",
                        reason: format!(
                            "it asks for model {asked:?}, and the embedding of event {key} is of {model:?}"
                        ),
                    });
                }
                let timeline = timeline::size(sql, self.tenant(), timeline::MAIN)?.map_or(0, |(id, _)| id);
                let id = entry::id(timeline, header.position.number())?;
                let values = embedding::by_id(sql, id, |stored| UnitVector::new(&projection::values(stored.bytes)))?;
                (model, values.ok_or_else(none)?, Some(id))
            }
        };
        Ok(Direction { model, unit: values, itself })
    }
}

/// What a query is about.
struct Direction {
    model: String,
    unit: UnitVector,
    /// The entry that it is the embedding of.
    itself: Option<u64>,
}

fn show(sql: &dyn Transaction, names: &mut Names, end: u64, found: &FlatMatch) -> Result<Similar> {
    let event = entry::by_id(sql, found.position, |row| names.event(sql, &row))?;
    let event = event.ok_or_else(|| StoreError::Corrupt {
        what: format!("the entry at position {}", entry::position(found.position)),
        detail: "its embedding is there and it is not; run verify".to_owned(),
    })?;
    let intent = if event.header.intent.is_some() { home(sql, found.position, end)? } else { None };
    Ok(Similar { event, similarity: found.similarity, intent })
}

/// The intent that the event of an entry belongs to, as it is seen from the entry `end`.
pub(super) fn home(sql: &dyn Transaction, id: u64, end: u64) -> Result<Option<IntentId>> {
    let Some(label) = label::of(sql, id)? else { return Ok(None) };
    let Some(home) = past::home(sql, label.model, label.cell, end)? else { return Ok(None) };
    Ok(label::intent(sql, home)?.map(|(_, intent)| intent))
}
