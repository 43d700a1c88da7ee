//! What a store has learnt about its model, and how sure it is.

use super::options::IntentOptions;
use super::tree::{Size, pooled};

/// Where between what any two events have in common and what two of one intent have the threshold lies.
const SHARE: f64 = 0.3;
/// The threshold while nothing is known: only what is nearly the same belongs together.
const UNKNOWN: f32 = 0.95;

/// What a store has learnt about its model up to the last consolidation.
///
/// Every figure follows from the numbers and sums of all cells, as their events' weights go: no pair was sampled.
///
/// ```
/// use causal_vault::{IntentOptions, IntentStore};
///
/// let store = IntentStore::new(IntentOptions::new("minilm", 2))?;
/// let calibration = store.calibration();
/// assert_eq!((calibration.pairs, calibration.is_learnt()), (0.0, false));
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Calibration {
    /// The mean similarity of any two events, each with itself among them: the square of the length of their mean.
    pub random: f64,
    /// The mean similarity of two events of one intent, of each intent and then of all by what they weigh. It is an
    /// estimate, as intents of one event have no two, and never less than 0.01 above `random`.
    pub within: f64,
    /// The standard deviation of that from intent to intent.
    pub spread: f64,
    /// The pairs of events of one intent that it was learnt from.
    pub pairs: f64,
    /// The mean similarity to an intent's events from which on an event joins it: three tenths of the way from `random` to
    /// `within`, unless it was given.
    pub threshold: f32,
}

impl Calibration {
    /// Whether pairs of one intent have been seen.
    ///
    /// ```
    /// use causal_vault::{IntentOptions, IntentStore};
    ///
    /// let store = IntentStore::new(IntentOptions::new("minilm", 2))?;
    /// for turn in [1.0, 1.1, -1.0, -1.1] {
    ///     store.assign(&[1.0, turn])?;
    /// }
    /// store.consolidate()?;
    /// assert!(store.calibration().is_learnt());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn is_learnt(&self) -> bool {
        self.pairs > 0.0
    }

    pub(super) fn unknown(options: &IntentOptions) -> Self {
        let threshold = options.threshold.unwrap_or(UNKNOWN);
        Self { random: 0.0, within: 0.0, spread: 0.0, pairs: 0.0, threshold }
    }

    /// Learns from all intents; `random` is what the field of this name says.
    pub(super) fn learn(options: &IntentOptions, intents: &[Size], random: f64) -> Self {
        let Some(within) = pooled(intents.iter(), random) else {
            return Self { random, ..Self::unknown(options) };
        };
        let (mut squares, mut weight) = (0.0, 0.0);
        for size in intents {
            if let Some(own) = size.within(random) {
                squares += size.weight * (own - within) * (own - within);
                weight += size.weight;
            }
        }
        Self {
            random,
            within: random + within,
            spread: (squares / weight).sqrt(),
            pairs: intents.iter().map(Size::pairs).sum(),
            threshold: options.threshold.unwrap_or_else(|| threshold(random, within)),
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        [self.random, self.within, self.spread, self.pairs, f64::from(self.threshold)]
            .iter()
            .all(|number| number.is_finite())
    }
}

/// The mean similarity from which on an event joins a group.
pub(super) fn threshold(random: f64, within: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "rounds to the nearest f32, and is about 1 at most")]
    let threshold = (random + SHARE * within) as f32;
    threshold
}
