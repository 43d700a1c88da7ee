//! What is looked for.

use std::fmt;
use std::sync::Arc;

use crate::intent::Encoder;
use crate::vault::EventKey;
use crate::vault::filter::Filter;
use crate::words::{Result, StoreError};

/// What events are to be similar to: an embedding, an event, or a text.
///
/// ```
/// use causal_vault::{Event, Filter, Query, Vault};
///
/// let vault = Vault::in_memory()?;
/// let alice = vault.named_writer("alice")?;
/// let note = alice.commit(Event::raw("note", "hi").stream("conv:demo").embedding("minilm", &[0.6, 0.8]))?;
/// alice.commit(Event::raw("note", "ho").stream("conv:demo").embedding("minilm", &[0.7, 0.7]))?;
/// let found = vault.similar(&Query::embedding("minilm", &[0.6, 0.8]), 1)?;
/// assert_eq!(found[0].event.payload, b"hi");
/// let others = vault.similar(&Query::event(&note).filter(Filter::stream("conv:demo")), 10)?;
/// assert_eq!(others.len(), 1);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a query is given to a vault"]
pub struct Query {
    pub(super) about: About,
    pub(super) model: Option<String>,
    pub(super) words: Option<String>,
    pub(super) filter: Filter,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum About {
    Embedding(Vec<f32>),
    Event(EventKey),
    Text(String),
}

impl Query {
    /// An embedding of a model. Its length does not matter.
    ///
    /// ```
    /// let query = causal_vault::Query::embedding("minilm", &[0.6, 0.8]);
    /// ```
    pub fn embedding(model: impl Into<String>, values: &[f32]) -> Self {
        Self { about: About::Embedding(values.to_vec()), model: Some(model.into()), words: None, filter: Filter::all() }
    }

    /// An event that has an embedding; it is not found itself, nor by its words.
    ///
    /// ```
    /// use causal_vault::{Position, Query};
    ///
    /// let query = Query::event(Position::new(7));
    /// ```
    pub fn event(event: impl Into<EventKey>) -> Self {
        Self { about: About::Event(event.into()), model: None, words: None, filter: Filter::all() }
    }

    /// A text, embedded by the encoder that the vault [was given](crate::VaultBuilder::encoder).
    ///
    /// ```
    /// use causal_vault::{Encoder, Event, HashingEncoder, Query, Vault};
    ///
    /// let encoder = HashingEncoder::new();
    /// let vault = Vault::builder().encoder(encoder.clone()).in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// for text in ["restart the billing service", "lunch at the harbour"] {
    ///     let event = Event::raw("note", text).stream("conv:demo");
    ///     alice.commit(event.embedding(encoder.model(), &encoder.encode(text)?))?;
    /// }
    /// assert_eq!(vault.similar(&Query::text("the billing is down"), 1)?[0].event.payload, b"restart the billing service");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn text(text: impl Into<String>) -> Self {
        Self { about: About::Text(text.into()), model: None, words: None, filter: Filter::all() }
    }

    /// The model whose embeddings are compared, where the vault has encoders for several. An event is compared by the
    /// embedding that it has: to ask for another model is an error.
    ///
    /// ```
    /// let query = causal_vault::Query::text("the billing is down").model("hashing-v1-768");
    /// ```
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// The words that [`hybrid`](crate::Vault::hybrid) searches for, where they are others than the query's text.
    ///
    /// ```
    /// let query = causal_vault::Query::embedding("minilm", &[0.6, 0.8]).words("\"billing service\" E4711");
    /// ```
    pub fn words(mut self, words: impl Into<String>) -> Self {
        self.words = Some(words.into());
        self
    }

    /// Which events may be found: of a stream, a kind, a writer or an intent, behind a position, or
    /// [up to](Filter::up_to) one, which is the answer as it was there.
    ///
    /// ```
    /// use causal_vault::{Filter, Query};
    ///
    /// let query = Query::text("the billing is down").filter(Filter::stream("conv:demo"));
    /// ```
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }
}

/// The encoders of a vault.
#[derive(Clone, Default)]
pub(in crate::vault) struct Encoders(Vec<Arc<dyn Encoder>>);

impl Encoders {
    /// Adds one, in the place of one of the same model.
    pub(in crate::vault) fn add(&mut self, encoder: Arc<dyn Encoder>) {
        self.0.retain(|other| other.model() != encoder.model());
        self.0.push(encoder);
    }

    /// The encoder of a model, or the only one.
    pub(super) fn of(&self, model: Option<&str>) -> Result<&dyn Encoder> {
        let found = match model {
            Some(model) => self.0.iter().find(|encoder| encoder.model() == model),
            None if self.0.len() > 1 => {
                let names: Vec<&str> = self.0.iter().map(|encoder| encoder.model()).collect();
                let reason = format!("the vault has encoders for {names:?}; say which with .model(..)");
                return Err(StoreError::Invalid { what: "query", reason });
            }
            None => self.0.first(),
        };
        let missing = || StoreError::NotFound {
            what: "an encoder",
            name: format!("for {}; give one with VaultBuilder::encoder", model.unwrap_or("a text")),
        };
        found.map(|encoder| &**encoder).ok_or_else(missing)
    }
}

impl fmt::Debug for Encoders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|encoder| encoder.model())).finish()
    }
}
