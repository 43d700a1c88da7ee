//! What is told of a stream: its events, the intents that they were grouped into, and how these changed.
//!
//! Everything that is asked of the vault's library is asked here.

use std::collections::{BTreeMap, HashMap};

use causal_vault::limits::NAME_BYTES;
use causal_vault::{
    CellId, Encoder, Fingerprint, HashingEncoder, IntentEvent, IntentFact, IntentId, IntentOptions, IntentStore,
    UnitVector,
};

use crate::Outcome;
use crate::source::{Stream, Text};

const LABEL_WORDS: usize = 3;
const EXEMPLARS: usize = 3;
/// Texts of one purpose scatter more by their words than by their meaning, and so a cut between them says less.
pub(crate) const WORDS_APART: f32 = 0.5;

/// A stream, and what became of it.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) source: String,
    pub(crate) model: String,
    pub(crate) events: Vec<Event>,
    /// Every intent that there ever was.
    pub(crate) intents: Vec<Intent>,
    pub(crate) facts: Vec<Fact>,
}

/// One event, and where it stood.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) text: String,
    pub(crate) writer: String,
    pub(crate) position: u64,
    pub(crate) embedding: UnitVector,
    /// The intents that it was part of, each with the position from which on it was; the first is the one given to it when
    /// it came.
    pub(crate) path: Vec<(u64, usize)>,
}

/// One intent.
#[derive(Debug)]
pub(crate) struct Intent {
    pub(crate) id: String,
    /// Its most typical words.
    pub(crate) label: String,
    /// How many events it has now; none, if it was merged into another.
    pub(crate) events: usize,
    /// The positions of its first event and of its last; of one that is gone, of those that it ever had.
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// The events nearest to its centroid.
    pub(crate) exemplars: Vec<usize>,
}

/// One change: what `from` was is in `into` from a position on.
#[derive(Debug)]
pub(crate) struct Fact {
    pub(crate) at: u64,
    pub(crate) kind: &'static str,
    pub(crate) from: usize,
    pub(crate) into: Vec<usize>,
}

impl Event {
    /// The intent that it is part of now.
    pub(crate) fn now(&self) -> usize {
        self.path.last().map_or(0, |(_, intent)| *intent)
    }
}

impl Story {
    /// Gives every text of a stream to an intent store in turn, and writes down what it answers.
    pub(crate) fn of(stream: Stream) -> Outcome<Self> {
        let mut words = HashingEncoder::new();
        let model = stream.model.unwrap_or(words.model()).to_owned();
        let given = stream.texts.first().map_or(0, |text| text.embedding.len());
        let dimension = if stream.model.is_some() { given } else { words.dimension() };
        let options = IntentOptions::new(&model, dimension);
        let store = IntentStore::new(if stream.model.is_some() { options } else { options.separation(WORDS_APART) })?;
        let mut teller = Teller::default();
        for (position, Text { text, writer, embedding }) in (1..).zip(stream.texts) {
            let told = |error| format!("event {position}: {error}");
            words.learn(&text).map_err(told)?;
            let embedding = if stream.model.is_some() { embedding } else { words.encode(&text).map_err(told)? };
            let embedding = UnitVector::of_dimension(&embedding, dimension).map_err(told)?;
            let event = IntentEvent::from(embedding.values()).writer(named(&writer)?);
            let assigned = store.assign_event(event).map_err(told)?;
            let path = vec![(position, teller.number(assigned.intent))];
            teller.cells.push(assigned.cell);
            teller.events.push(Event { text, writer, position, embedding, path });
            teller.hear(&store, position, assigned.facts);
        }
        let last = teller.events.last().map_or(0, |event| event.position);
        teller.hear(&store, last, store.consolidate()?);
        Ok(teller.tell(stream.name, model, &words))
    }
}

/// A story that is being written down.
#[derive(Default)]
struct Teller {
    numbers: HashMap<IntentId, usize>,
    ids: Vec<IntentId>,
    events: Vec<Event>,
    /// The cell that each event stands in.
    cells: Vec<CellId>,
    facts: Vec<Fact>,
}

impl Teller {
    fn number(&mut self, id: IntentId) -> usize {
        *self.numbers.entry(id).or_insert_with(|| {
            self.ids.push(id);
            self.ids.len() - 1
        })
    }

    /// Takes down what a consolidation changed, and where each event stands since.
    fn hear(&mut self, store: &IntentStore, at: u64, facts: Vec<IntentFact>) {
        if facts.is_empty() {
            return;
        }
        for fact in facts {
            let kind = fact.kind();
            let (from, into) = match fact {
                IntentFact::Merged { from, into } => (from, vec![into]),
                IntentFact::Split { from, into } => (from, into),
            };
            let into = into.into_iter().map(|id| self.number(id)).collect();
            let from = self.number(from);
            self.facts.push(Fact { at, kind, from, into });
        }
        let mut known = BTreeMap::new();
        for place in 0..self.events.len() {
            let cell = self.cells[place];
            let now = *known.entry(cell).or_insert_with(|| store.intent_of(cell));
            let now = now.map(|id| self.number(id));
            let event = &mut self.events[place];
            if let Some(now) = now.filter(|now| *now != event.now()) {
                event.path.push((at, now));
            }
        }
    }

    fn tell(self, source: String, model: String, words: &HashingEncoder) -> Story {
        let mut now = vec![Vec::new(); self.ids.len()];
        let mut ever = now.clone();
        for (place, event) in self.events.iter().enumerate() {
            now[event.now()].push(place);
            event.path.iter().for_each(|(_, intent)| ever[*intent].push(place));
        }
        let intent = |(number, id): (usize, &IntentId)| {
            let members = if now[number].is_empty() { &ever[number] } else { &now[number] };
            let positions = || members.iter().map(|place| self.events[*place].position);
            let exemplars = exemplars(&self.events, members);
            Intent {
                id: id.to_hex(),
                label: label(&self.events, members, &exemplars, words),
                events: now[number].len(),
                first: positions().min().unwrap_or_default(),
                last: positions().max().unwrap_or_default(),
                exemplars,
            }
        };
        let intents = self.ids.iter().enumerate().map(intent).collect();
        Story { source, model, events: self.events, intents, facts: self.facts }
    }
}

/// The events that are most like all of them, each text once.
fn exemplars(events: &[Event], members: &[usize]) -> Vec<usize> {
    let centroid = centroid(members.iter().map(|place| events[*place].embedding.values()));
    let mut near: Vec<(f32, usize)> =
        members.iter().map(|place| (product(events[*place].embedding.values(), &centroid), *place)).collect();
    near.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
    let mut chosen: Vec<usize> = Vec::new();
    for (_, place) in near {
        if chosen.len() < EXEMPLARS && chosen.iter().all(|other| events[*other].text != events[place].text) {
            chosen.push(place);
        }
    }
    chosen
}

/// The words that are most typical of some events, in the order in which the first exemplar has them.
fn label(events: &[Event], members: &[usize], exemplars: &[usize], words: &HashingEncoder) -> String {
    let texts = members.iter().map(|place| &events[*place].text);
    let mut label = words.typical_words(texts, LABEL_WORDS);
    let said = exemplars.first().map(|place| events[*place].text.to_lowercase()).unwrap_or_default();
    label.sort_by_key(|word| said.find(word.as_str()).unwrap_or(usize::MAX));
    label.join(" ")
}

/// The sum of some vectors, at length 1 where it has one.
pub(crate) fn centroid<'a>(vectors: impl Iterator<Item = &'a [f32]>) -> Vec<f32> {
    let mut sum: Vec<f32> = Vec::new();
    for vector in vectors {
        sum.resize(vector.len(), 0.0);
        sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
    }
    let length = product(&sum, &sum).sqrt().max(f32::MIN_POSITIVE);
    sum.iter_mut().for_each(|value| *value /= length);
    sum
}

pub(crate) fn product(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

/// A name that a writer can have: a path may be longer than that, and hold what a name cannot.
pub(crate) fn named(writer: &str) -> Outcome<Fingerprint> {
    const LONGEST: usize = NAME_BYTES / char::MAX.len_utf8();
    let safe: Vec<char> = writer.chars().filter(|c| !c.is_control()).collect();
    let name: String = safe[safe.len().saturating_sub(LONGEST)..].iter().collect();
    Ok(Fingerprint::named(if name.is_empty() { "nobody" } else { &name })?)
}
