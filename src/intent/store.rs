//! The handle that threads share.

use std::fmt;

use parking_lot::RwLock;

use super::assignment::{Assignment, IntentEvent, IntentMatch};
use super::calibration::Calibration;
use super::engine::Engine;
use super::fact::IntentFact;
use super::id::{CellId, IntentId};
use super::options::IntentOptions;
use crate::words::Result;

/// The intents of one model: groups of events with one purpose, found as the events arrive, without labels and without
/// being told how many there are.
///
/// It is a projection of the events it was given, in memory, and nothing else goes into it: no clock, no random number, no
/// thread's turn. The same events in the same order give the same ids and the same [`snapshot`](Self::snapshot), bit for
/// bit, on every machine.
///
/// An event stands in a *cell* for good, and cells make up intents. Now and then all cells are grouped anew: intents are
/// merged, split and dissolved, [recorded](IntentFact) and in bounded work for each event. So there are two answers to
/// which intent an event belongs to: as it was labelled then, which is [`Assignment::intent`], and as it is seen now, which
/// is [`intent_of`](Self::intent_of) its cell.
///
/// ```
/// use causal_vault::{IntentOptions, IntentStore};
///
/// let store = IntentStore::new(IntentOptions::new("minilm", 2))?;
/// let (east, is_new) = store.assign(&[1.0, 0.0])?;
/// assert!(is_new);
/// assert_eq!(store.assign(&[5.0, 0.1])?, (east, false));
/// assert!(store.assign(&[0.0, 1.0])?.1);
/// assert!(store.assign(&[f32::NAN, 1.0]).is_err());
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
pub struct IntentStore {
    engine: RwLock<Engine>,
}

impl IntentStore {
    /// A store without events.
    ///
    /// ```
    /// use causal_vault::{ErrorKind, IntentOptions, IntentStore};
    ///
    /// let store = IntentStore::new(IntentOptions::new("minilm", 384))?;
    /// assert_eq!(store.events(), 0);
    /// let error = IntentStore::new(IntentOptions::new("minilm", 5_000)).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Limit);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn new(options: IntentOptions) -> Result<Self> {
        Ok(Self { engine: RwLock::new(Engine::new(options)?) })
    }

    /// Takes in the next event: its intent, and whether it founded it. Nothing is changed by an embedding that is refused.
    ///
    /// ```
    /// use causal_vault::{IntentOptions, IntentStore};
    ///
    /// let store = IntentStore::new(IntentOptions::new("minilm", 2))?;
    /// let error = store.assign(&[1.0, 0.0, 0.0]).unwrap_err();
    /// assert!(error.to_string().contains("it has 3 dimensions and 2 are expected"));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn assign(&self, embedding: &[f32]) -> Result<(IntentId, bool)> {
        let assigned = self.assign_event(embedding)?;
        Ok((assigned.intent, assigned.is_new))
    }

    /// Takes in the next event, with its name and writer, and tells all there is to know.
    ///
    /// ```
    /// use causal_vault::{Fingerprint, IntentEvent, IntentOptions, IntentStore};
    ///
    /// let store = IntentStore::new(IntentOptions::new("minilm", 2))?;
    /// let alice = Fingerprint::named("alice")?;
    /// let event = IntentEvent::from(&[1.0, 0.0]).reference([7; 32]).writer(alice);
    /// let assigned = store.assign_event(event)?;
    /// assert_eq!(store.resolve(&assigned.intent), Some(assigned.intent));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn assign_event<'a>(&self, event: impl Into<IntentEvent<'a>>) -> Result<Assignment> {
        self.engine.write().assign(&event.into())
    }

    /// The intents nearest to an embedding as they are now, or `None` where there are none. Nothing is changed.
    ///
    /// This is the most precise answer for events of long ago: their cells were chosen when less was known.
    ///
    /// ```
    /// use causal_vault::{IntentOptions, IntentStore};
    ///
    /// let store = IntentStore::new(IntentOptions::new("minilm", 2))?;
    /// assert_eq!(store.classify(&[1.0, 0.0])?, None);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn classify(&self, embedding: &[f32]) -> Result<Option<IntentMatch>> {
        self.engine.read().classify(embedding)
    }

    /// Groups all cells anew, to the end, unless nothing has come since this was last done. What has changed.
    ///
    /// It is an input like an event is: whoever replays the events must call it at the same place.
    ///
    /// ```
    /// use causal_vault::{IntentFact, IntentOptions, IntentStore};
    ///
    /// let store = IntentStore::new(IntentOptions::new("minilm", 2).manual())?;
    /// let (one, _) = store.assign(&[1.0, 0.0])?;
    /// let (two, _) = store.assign(&[1.0, 0.4])?;
    /// for turn in [0.2, -0.2] {
    ///     store.assign(&[-1.0, turn])?;
    /// }
    /// assert!(store.consolidate()?.contains(&IntentFact::Merged { from: two, into: one }));
    /// assert_eq!(store.resolve(&two), Some(one));
    /// assert!(store.consolidate()?.is_empty());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn consolidate(&self) -> Result<Vec<IntentFact>> {
        self.engine.write().consolidate()
    }

    /// The intent that an id of any time stands for now; `None` if it was never given.
    ///
    /// ```
    /// use causal_vault::{IntentId, IntentOptions, IntentStore};
    ///
    /// let store = IntentStore::new(IntentOptions::new("minilm", 2))?;
    /// assert_eq!(store.resolve(&IntentId::from_bytes([0; 32])), None);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn resolve(&self, id: &IntentId) -> Option<IntentId> {
        self.engine.read().resolve(id)
    }

    /// The intent that the events of a cell belong to now; `None` if there was never such a cell.
    ///
    /// ```
    /// use causal_vault::{CellId, IntentOptions, IntentStore};
    ///
    /// let store = IntentStore::new(IntentOptions::new("minilm", 2))?;
    /// assert_eq!(store.intent_of(CellId(0)), None);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn intent_of(&self, cell: CellId) -> Option<IntentId> {
        let engine = self.engine.read();
        let row = engine.cell(cell)?.intent;
        engine.intents.get(row as usize).map(|intent| intent.id)
    }

    /// The intent that each cell belongs to now, by the numbers of the cells.
    pub(crate) fn homes(&self) -> Vec<IntentId> {
        self.homes_from(0)
    }

    /// Those of the cells from a number on.
    pub(crate) fn homes_from(&self, first: usize) -> Vec<IntentId> {
        let engine = self.engine.read();
        let numbers = (0..).take(engine.folded.len()).skip(first).map(CellId);
        let home = |cell| engine.cell(cell).and_then(|cell| engine.intents.get(cell.intent as usize));
        numbers.map(|cell| home(cell).map_or(IntentId::from_bytes([0; 32]), |intent| intent.id)).collect()
    }

    /// The intents there are now, the oldest first.
    ///
    /// ```
    /// use causal_vault::{IntentOptions, IntentStore};
    ///
    /// let store = IntentStore::new(IntentOptions::new("minilm", 2))?;
    /// let (east, _) = store.assign(&[1.0, 0.0])?;
    /// store.assign(&[1.0, 0.0])?;
    /// let intents = store.intents();
    /// assert_eq!((intents[0].id, intents[0].events, intents[0].last), (east, 2, 2));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn intents(&self) -> Vec<IntentSummary> {
        let engine = self.engine.read();
        let summary = |intent: &super::engine::Intent| {
            let cells = intent.cells.iter().filter_map(|place| engine.cells.get(*place));
            IntentSummary {
                id: intent.id,
                events: intent.count,
                cells: intent.cells.len(),
                first: cells.clone().map(|cell| cell.first).min().unwrap_or_default(),
                last: cells.map(|cell| cell.last).max().unwrap_or_default(),
            }
        };
        engine.intents.iter().map(summary).collect()
    }

    /// How many events there were.
    ///
    /// ```
    /// use causal_vault::{IntentOptions, IntentStore};
    ///
    /// let store = IntentStore::new(IntentOptions::new("minilm", 2))?;
    /// store.assign(&[1.0, 0.0])?;
    /// assert_eq!(store.events(), 1);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn events(&self) -> u64 {
        self.engine.read().events
    }

    /// What was learnt about the model.
    ///
    /// ```
    /// use causal_vault::{IntentOptions, IntentStore};
    ///
    /// let store = IntentStore::new(IntentOptions::new("minilm", 2))?;
    /// assert!(!store.calibration().is_learnt());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn calibration(&self) -> Calibration {
        self.engine.read().calibration
    }

    /// What it was made with.
    ///
    /// ```
    /// use causal_vault::{IntentOptions, IntentStore};
    ///
    /// let store = IntentStore::new(IntentOptions::new("minilm", 2))?;
    /// assert_eq!(store.options().model(), "minilm");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn options(&self) -> IntentOptions {
        self.engine.read().options.clone()
    }

    /// The whole state as bytes.
    ///
    /// ```
    /// use causal_vault::{IntentOptions, IntentStore};
    ///
    /// let store = IntentStore::new(IntentOptions::new("minilm", 2))?;
    /// store.assign(&[1.0, 0.0])?;
    /// let restored = IntentStore::restore(&store.snapshot()?)?;
    /// assert_eq!(restored.snapshot()?, store.snapshot()?);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn snapshot(&self) -> Result<Vec<u8>> {
        self.engine.read().snapshot()
    }

    /// The store that a snapshot was taken of: whatever is done to both from then on, they stay the same. The bytes are
    /// checked, and not trusted; that they are those of a certain history can only be told by replaying it.
    ///
    /// ```
    /// use causal_vault::{ErrorKind, IntentStore};
    ///
    /// let error = IntentStore::restore(b"something else").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Corrupt);
    /// ```
    pub fn restore(snapshot: &[u8]) -> Result<Self> {
        Ok(Self { engine: RwLock::new(Engine::restore(snapshot)?) })
    }

    /// Bytes of memory that the centroids take, which every assignment looks through; and those of the cells' sums, of
    /// which it looks at few.
    ///
    /// ```
    /// use causal_vault::{IntentOptions, IntentStore};
    ///
    /// let store = IntentStore::new(IntentOptions::new("minilm", 2))?;
    /// assert_eq!(store.bytes(), (0, 0));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn bytes(&self) -> (usize, usize) {
        let engine = self.engine.read();
        let sums = engine.cells.iter().map(|cell| cell.sum.capacity() * size_of::<f32>()).sum();
        (engine.rows.bytes(), sums)
    }
}

impl fmt::Debug for IntentStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let engine = self.engine.read();
        f.debug_struct("IntentStore")
            .field("model", &engine.options.model)
            .field("events", &engine.events)
            .field("intents", &engine.intents.len())
            .finish_non_exhaustive()
    }
}

/// One intent, as it is now.
///
/// ```
/// use causal_vault::{IntentOptions, IntentStore, IntentSummary};
///
/// let store = IntentStore::new(IntentOptions::new("minilm", 2))?;
/// store.assign(&[1.0, 0.0])?;
/// let sizes: Vec<u64> = store.intents().iter().map(|intent: &IntentSummary| intent.events).collect();
/// assert_eq!(sizes, [1]);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntentSummary {
    /// Its id.
    pub id: IntentId,
    /// Its events.
    pub events: u64,
    /// The cells that they stand in.
    pub cells: usize,
    /// The number of its first event, counted from 1.
    pub first: u64,
    /// The number of its last event.
    pub last: u64,
}
