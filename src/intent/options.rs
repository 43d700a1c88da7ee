//! What an intent store is told when it is made.

use super::vector::check_dimension;
use crate::words::limits::INTENT_CELLS;
use crate::words::{Result, StoreError, check_name};

/// How far apart two halves must be to be two intents, unless told otherwise.
const SEPARATION: f32 = 0.24;
/// Cells unless told otherwise.
const CELLS: usize = 1_000;
/// Events after which a cell that got none of them counts half, unless told otherwise.
const HORIZON: u64 = 1 << 16;

/// The model whose embeddings are grouped, and how.
///
/// ```
/// use causal_vault::IntentOptions;
///
/// let options = IntentOptions::new("minilm", 384).tenant("acme").separation(0.3);
/// assert_eq!(options.model(), "minilm");
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct IntentOptions {
    pub(super) tenant: String,
    pub(super) model: String,
    pub(super) dimension: usize,
    pub(super) cells: usize,
    pub(super) separation: f32,
    pub(super) threshold: Option<f32>,
    pub(super) horizon: u64,
    pub(super) automatic: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) every: Option<u64>,
}

/// How many values an embedding has, unless told otherwise.
const DIMENSION: usize = 768;

/// A model named `default`, whose embeddings have 768 values.
///
/// ```
/// let options = causal_vault::IntentOptions::default();
/// assert_eq!((options.model(), options.dimension()), ("default", 768));
/// ```
impl Default for IntentOptions {
    fn default() -> Self {
        Self::new("default", DIMENSION)
    }
}

impl IntentOptions {
    /// A model by name, and how many values its embeddings have. The embeddings of two models never mix: each has a store.
    ///
    /// ```
    /// let options = causal_vault::IntentOptions::new("minilm", 384);
    /// assert_eq!(options.dimension(), 384);
    /// ```
    pub fn new(model: impl Into<String>, dimension: usize) -> Self {
        Self {
            tenant: "main".to_owned(),
            model: model.into(),
            dimension,
            cells: CELLS,
            separation: SEPARATION,
            threshold: None,
            horizon: HORIZON,
            automatic: true,
            every: None,
        }
    }

    /// The tenant whose events these are: `main` unless told otherwise. It is part of every id.
    ///
    /// ```
    /// let options = causal_vault::IntentOptions::new("minilm", 384).tenant("acme");
    /// # causal_vault::IntentStore::new(options)?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = tenant.into();
        self
    }

    /// How many cells are kept, 1,000 unless told otherwise: there are never more intents than cells, and a consolidation
    /// takes the square of them. While one is under way there may be twice as many.
    ///
    /// ```
    /// let options = causal_vault::IntentOptions::new("minilm", 384).cells(4_000);
    /// # causal_vault::IntentStore::new(options)?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    #[must_use]
    pub fn cells(mut self, cells: usize) -> Self {
        self.cells = cells;
        self
    }

    /// How far apart two halves of a group must be to be two intents, 0.24 unless told otherwise. More gives fewer and
    /// coarser intents, less gives more and finer ones.
    ///
    /// It is a share of what lies between no difference (0) and nothing in common (1), taken after what is common to all
    /// events and the scatter within the halves are discounted. So it does not depend on the model, as cosines do. It holds
    /// for halves of √n events each, and falls with the root of their size: the more is known, the finer is the cut.
    ///
    /// ```
    /// let coarse = causal_vault::IntentOptions::new("minilm", 384).separation(0.4);
    /// # causal_vault::IntentStore::new(coarse)?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    #[must_use]
    pub fn separation(mut self, separation: f32) -> Self {
        self.separation = separation;
        self
    }

    /// How similar an event must be to the events of an intent, on average, to join it and not to found its own. It is
    /// [learnt](crate::Calibration) from the stream unless it is given here.
    ///
    /// ```
    /// use causal_vault::{IntentOptions, IntentStore};
    ///
    /// let store = IntentStore::new(IntentOptions::new("minilm", 384).threshold(0.5))?;
    /// assert_eq!(store.calibration().threshold, 0.5);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    #[must_use]
    pub fn threshold(mut self, threshold: f32) -> Self {
        self.threshold = Some(threshold);
        self
    }

    /// A cell that got none of so many events counts half from the next consolidation on, again and again, and gives way to
    /// what is new: 65,536 unless told otherwise. Events are counted, and no clock is read.
    ///
    /// ```
    /// let options = causal_vault::IntentOptions::new("minilm", 384).horizon(10_000);
    /// # causal_vault::IntentStore::new(options)?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    #[must_use]
    pub fn horizon(mut self, events: u64) -> Self {
        self.horizon = events;
        self
    }

    /// Begins a consolidation whenever so many events have come since the last one began, or no room is left for new cells.
    /// Unless told so, it begins when a quarter of the cells is new, and after 4,096 events. Events do it in bounded parts;
    /// one that is under way is brought to its end before the next begins.
    ///
    /// ```
    /// let options = causal_vault::IntentOptions::new("minilm", 384).consolidate_every(500);
    /// # causal_vault::IntentStore::new(options)?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    #[must_use]
    pub fn consolidate_every(mut self, events: u64) -> Self {
        (self.automatic, self.every) = (true, Some(events));
        self
    }

    /// Consolidates only when [asked to](crate::IntentStore::consolidate). Otherwise every event does a bounded part of a
    /// consolidation whenever enough is new.
    ///
    /// Whoever does not ask ends with twice as many [cells](Self::cells) as are to be kept: from then on nothing is founded,
    /// and every event joins the nearest intent, however far that is.
    ///
    /// ```
    /// let options = causal_vault::IntentOptions::new("minilm", 384).manual();
    /// # causal_vault::IntentStore::new(options)?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    #[must_use]
    pub fn manual(mut self) -> Self {
        self.automatic = false;
        self
    }

    /// The model's name.
    ///
    /// ```
    /// assert_eq!(causal_vault::IntentOptions::new("minilm", 384).model(), "minilm");
    /// ```
    pub fn model(&self) -> &str {
        &self.model
    }

    /// How many values the model's embeddings have.
    ///
    /// ```
    /// assert_eq!(causal_vault::IntentOptions::new("minilm", 384).dimension(), 384);
    /// ```
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    pub(crate) fn check(&self) -> Result<()> {
        check_name("tenant", &self.tenant)?;
        check_name("model", &self.model)?;
        check_dimension(self.dimension)?;
        if self.cells > INTENT_CELLS {
            return Err(StoreError::Limit {
                what: "the intent store",
                found: self.cells as u64,
                limit: INTENT_CELLS as u64,
                unit: "cells",
            });
        }
        if self.cells < 2 {
            return Err(invalid(format!("cells is {}; give at least 2", self.cells)));
        }
        if !(self.separation > 0.0 && self.separation <= 2.0) {
            return Err(invalid(format!("separation is {}; give more than 0 and at most 2", self.separation)));
        }
        if let Some(threshold) = self.threshold.filter(|threshold| !(-1.0..=1.0).contains(threshold)) {
            return Err(invalid(format!("threshold is {threshold}; give a similarity, from -1 to 1")));
        }
        for (what, events) in [("horizon", Some(self.horizon)), ("consolidate_every", self.every)] {
            if events == Some(0) {
                return Err(invalid(format!("{what} is 0; give at least one event")));
            }
        }
        Ok(())
    }
}

fn invalid(reason: String) -> StoreError {
    StoreError::Invalid { what: "intent options", reason }
}
