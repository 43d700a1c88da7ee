//! An encoder without a model: words and their parts, hashed into a fixed number of dimensions.

use std::collections::{BTreeMap, BTreeSet};

use super::encoder::Encoder;
use super::text::{Words, parts};
use super::vector::{UnitVector, check_dimension};
use crate::causal::bytes::Reader;
use crate::words::{Result, StoreError};

/// The key of every hash, which are the same everywhere and for ever.
const KEY: &[u8; 32] = b"causal-vault hashing encoder, v1";
/// The first bytes of an exported state.
const MAGIC: [u8; 5] = *b"CVHE\x01";
/// Dimensions unless it is told otherwise.
const DIMENSION: usize = 768;
/// Counters of how many texts hold a word; words that share one count as one word.
const COUNTERS: usize = 1 << 16;
/// What all parts of a word weigh together, and what a pair of words weighs, where a word weighs 1.
const PARTS_WEIGHT: f64 = 0.5;
const PAIR_WEIGHT: f64 = 0.5;

/// An [`Encoder`] that needs no model and no download: good enough for demos, tests and logs whose words say what they are
/// about.
///
/// A text becomes its words, pairs of neighbouring words and parts of words, each hashed to a dimension and a sign. Rare
/// words weigh more than frequent ones, as far as [`learn`](Self::learn) has seen; a text is lower-cased and split wherever a
/// character is neither a letter nor a digit. The same state and text give the same bits on every machine, as long as the
/// compilers' tables of Unicode agree about the text: a newer one may know more letters and their lower case.
///
/// ```
/// use causal_vault::{Encoder, HashingEncoder, UnitVector};
///
/// let mut encoder = HashingEncoder::new();
/// let texts = ["restart the billing service", "the billing service restarts again", "lunch at the harbour"];
/// texts.iter().try_for_each(|text| encoder.learn(text))?;
///
/// let [restart, again, lunch] = texts.map(|text| UnitVector::new(&encoder.encode(text).unwrap()).unwrap());
/// assert!(restart.similarity(&again)? > 0.5);
/// assert!(restart.similarity(&lunch)? < 0.2);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct HashingEncoder {
    model: String,
    dimension: usize,
    texts: u32,
    /// How many texts hold a word, by the word's hash.
    counters: Vec<u32>,
}

impl Default for HashingEncoder {
    fn default() -> Self {
        Self::new()
    }
}

impl HashingEncoder {
    /// An encoder of 768 dimensions that has learnt nothing yet.
    ///
    /// ```
    /// use causal_vault::{Encoder, HashingEncoder};
    ///
    /// assert_eq!(HashingEncoder::new().model(), "hashing-v1-768");
    /// ```
    pub fn new() -> Self {
        Self::of_checked_dimension(DIMENSION)
    }

    /// One of another dimension, which is another model.
    ///
    /// ```
    /// use causal_vault::{Encoder, HashingEncoder};
    ///
    /// assert_eq!(HashingEncoder::with_dimension(256)?.encode("hello")?.len(), 256);
    /// assert!(HashingEncoder::with_dimension(0).is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn with_dimension(dimension: usize) -> Result<Self> {
        check_dimension(dimension)?;
        Ok(Self::of_checked_dimension(dimension))
    }

    fn of_checked_dimension(dimension: usize) -> Self {
        Self { model: format!("hashing-v1-{dimension}"), dimension, texts: 0, counters: vec![0; COUNTERS] }
    }

    /// How many texts it has learnt.
    ///
    /// ```
    /// assert_eq!(causal_vault::HashingEncoder::new().texts(), 0);
    /// ```
    pub fn texts(&self) -> u32 {
        self.texts
    }

    /// Counts the words of a text, so that those which many texts hold weigh less from now on.
    ///
    /// ```
    /// use causal_vault::HashingEncoder;
    ///
    /// let mut encoder = HashingEncoder::new();
    /// encoder.learn("deploy the crate")?;
    /// assert_eq!(encoder.texts(), 1);
    /// assert!(encoder.learn("?!").is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn learn(&mut self, text: &str) -> Result<()> {
        let words = Words::of(text)?;
        let Some(texts) = self.texts.checked_add(1) else {
            return Err(StoreError::Limit {
                what: "the encoder",
                found: u64::from(self.texts) + 1,
                limit: u64::from(u32::MAX),
                unit: "learnt texts",
            });
        };
        self.texts = texts;
        for counter in counters(&words) {
            if let Some(count) = self.counters.get_mut(counter) {
                *count = count.saturating_add(1);
            }
        }
        Ok(())
    }

    /// Takes back what [`learn`](Self::learn) has counted of a text, when the text is erased.
    ///
    /// ```
    /// use causal_vault::HashingEncoder;
    ///
    /// let mut encoder = HashingEncoder::new();
    /// encoder.learn("a secret")?;
    /// encoder.forget("a secret")?;
    /// assert_eq!(encoder, HashingEncoder::new());
    /// assert!(encoder.forget("a secret").is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn forget(&mut self, text: &str) -> Result<()> {
        let counters = counters(&Words::of(text)?);
        let is_counted = |counter: &usize| self.counters.get(*counter).is_some_and(|count| *count > 0);
        if self.texts == 0 || !counters.iter().all(is_counted) {
            return Err(StoreError::Invalid {
                what: "text",
                reason: "it has words that were never learnt; forget the very text that was learnt".to_owned(),
            });
        }
        self.texts -= 1;
        for counter in counters {
            if let Some(count) = self.counters.get_mut(counter) {
                *count -= 1;
            }
        }
        Ok(())
    }

    /// The words that tell a group of texts from all that was learnt, the most typical first: a label for an intent. Texts
    /// without a word are passed over.
    ///
    /// ```
    /// use causal_vault::HashingEncoder;
    ///
    /// let mut encoder = HashingEncoder::new();
    /// let texts = ["pay my bill", "pay the bill now", "play my song", "play the music", "what is my name"];
    /// texts.iter().try_for_each(|text| encoder.learn(text))?;
    /// assert_eq!(encoder.typical_words(&texts[..2], 2), ["bill", "pay"]);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn typical_words<T: AsRef<str>>(&self, texts: impl IntoIterator<Item = T>, count: usize) -> Vec<String> {
        let mut holders = BTreeMap::<String, u32>::new();
        for text in texts {
            let Ok(words) = Words::of(text.as_ref()) else { continue };
            for word in words.distinct().into_keys() {
                let holders = holders.entry(word.to_owned()).or_default();
                *holders = holders.saturating_add(1);
            }
        }
        let mut scored: Vec<(f64, String)> =
            holders.into_iter().map(|(word, holders)| (f64::from(holders) * self.rarity(&word), word)).collect();
        // The sort is stable: equally typical words stay in alphabetical order.
        scored.sort_by(|(left, _), (right, _)| right.total_cmp(left));
        scored.into_iter().take(count).map(|(_, word)| word).collect()
    }

    /// What it has learnt, as bytes for [`import`](Self::import).
    ///
    /// ```
    /// use causal_vault::HashingEncoder;
    ///
    /// let mut encoder = HashingEncoder::new();
    /// encoder.learn("deploy the crate")?;
    /// assert_eq!(HashingEncoder::import(&encoder.export())?, encoder);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn export(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let dimension = u16::try_from(self.dimension).expect("a checked dimension is at most 4,096");
        bytes.extend_from_slice(&dimension.to_be_bytes());
        bytes.extend_from_slice(&self.texts.to_be_bytes());
        for (counter, count) in (0..=u16::MAX).zip(&self.counters).filter(|(_, count)| **count > 0) {
            bytes.extend_from_slice(&counter.to_be_bytes());
            bytes.extend_from_slice(&count.to_be_bytes());
        }
        bytes
    }

    /// The encoder whose [`export`](Self::export) this is.
    ///
    /// ```
    /// let error = causal_vault::HashingEncoder::import(b"CVHE\x01").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "invalid encoder state: they end early: 2 more bytes are needed, 0 are left"
    /// );
    /// ```
    pub fn import(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new("encoder state", bytes);
        let magic: [u8; 5] = reader.array()?;
        if magic != MAGIC {
            return Err(
                reader.invalid(format!("it begins with {magic:?} and not with {MAGIC:?}; give what export wrote"))
            );
        }
        let mut encoder = Self::with_dimension(usize::from(reader.u16()?))?;
        encoder.texts = reader.u32()?;
        let mut next = 0;
        while !reader.rest().is_empty() {
            let (counter, count) = (reader.u16()?, reader.u32()?);
            if u32::from(counter) < next || count == 0 {
                return Err(reader.invalid(format!(
                    "counter {counter} is at {count} where counters from {next} on are expected, none of them at 0"
                )));
            }
            next = u32::from(counter) + 1;
            if let Some(place) = encoder.counters.get_mut(usize::from(counter)) {
                *place = count;
            }
        }
        Ok(encoder)
    }

    /// What a word weighs: 1 if every text holds it, and 1 more for each time that half as many do.
    fn rarity(&self, word: &str) -> f64 {
        let holders = self.counters.get(counter(word)).copied().unwrap_or_default();
        1.0 + (log2(self.texts) - log2(holders)).max(0.0)
    }
}

impl Encoder for HashingEncoder {
    fn model(&self) -> &str {
        &self.model
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn encode(&self, text: &str) -> Result<Vec<f32>> {
        let words = Words::of(text)?;
        let mut sums = Sums(vec![0.0; self.dimension]);
        for (word, times) in words.distinct() {
            let weight = f64::from(times).sqrt() * self.rarity(word);
            sums.add(b'w', word, weight);
            let mut count = 0u32;
            parts(word, |_| count += 1);
            let each = PARTS_WEIGHT * weight / f64::from(count.max(1)).sqrt();
            parts(word, |part| sums.add(b'p', part, each));
        }
        for ((first, second), times) in words.pairs() {
            let weight = (f64::from(times) * self.rarity(first) * self.rarity(second)).sqrt();
            sums.add(b'n', &format!("{first} {second}"), PAIR_WEIGHT * weight);
        }
        sums.unit()
    }
}

/// Running sums of the features that fall on each dimension.
struct Sums(Vec<f64>);

impl Sums {
    fn add(&mut self, kind: u8, feature: &str, weight: f64) {
        let hash = hash(kind, feature);
        let signed = if hash >> 63 == 0 { weight } else { -weight };
        let dimensions = self.0.len().max(1) as u64;
        let place = usize::try_from((hash & (u64::MAX >> 1)) % dimensions).ok();
        if let Some(sum) = place.and_then(|place| self.0.get_mut(place)) {
            *sum += signed;
        }
    }

    fn unit(self) -> Result<Vec<f32>> {
        #[expect(clippy::cast_possible_truncation, reason = "rounds to the nearest f32")]
        let values: Vec<f32> = self.0.into_iter().map(|sum| sum as f32).collect();
        Ok(UnitVector::new(&values)?.values().to_vec())
    }
}

/// The first bytes of a keyed hash.
fn hash(kind: u8, feature: &str) -> u64 {
    let mut bytes = Vec::with_capacity(1 + feature.len());
    bytes.push(kind);
    bytes.extend_from_slice(feature.as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = *blake3::keyed_hash(KEY, &bytes).as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The counters of all words, each once.
fn counters(words: &Words) -> BTreeSet<usize> {
    words.iter().map(counter).collect()
}

fn counter(word: &str) -> usize {
    usize::try_from(hash(b'c', word) % COUNTERS as u64).expect("there are 65,536 counters")
}

/// The logarithm of one more, straight between powers of two: close enough for weights, and the same on every machine.
fn log2(count: u32) -> f64 {
    let more = u64::from(count) + 1;
    let exponent = more.ilog2();
    f64::from(exponent) + (more as f64 / (1u64 << exponent) as f64 - 1.0)
}
