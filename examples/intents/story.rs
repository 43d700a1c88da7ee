//! What is told of a stream: its events, the intents that they were grouped into, and how these changed.
//!
//! Everything that is asked of the vault's library is asked here.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::slice;

use causal_vault::limits::NAME_BYTES;
use causal_vault::{
    self as vault, Encoder, Filter, HashingEncoder, IntentFact, IntentId, IntentOptions, Position, UnitVector, Vault,
};
use indicatif::ProgressIterator;

use crate::Outcome;
use crate::source::{Stream, Text};

const KIND: &str = "text";
const STREAM: &str = "texts";
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
    /// Commits every text of a stream to a vault, and reads back what the vault makes of it.
    pub(crate) fn of(stream: Stream) -> Outcome<Self> {
        let mut words = HashingEncoder::new();
        let model = stream.model.unwrap_or(words.model()).to_owned();
        let vault = Vault::in_memory()?;
        if stream.model.is_none() {
            let options = IntentOptions::new(&model, words.dimension());
            vault.choose_intents(options.separation(WORDS_APART))?;
        }
        let mut writers = HashMap::new();
        let mut events = Vec::with_capacity(stream.texts.len());
        for (number, Text { text, writer, mut embedding }) in (1..).zip(stream.texts.into_iter().progress()) {
            let told = |error| format!("text {number}: {error}");
            words.learn(&text).map_err(told)?;
            if stream.model.is_none() {
                embedding = words.encode(&text).map_err(told)?;
            }
            let event = vault::Event::new(KIND, &text)?.stream(STREAM).embedding(&model, &embedding);
            let by = match writers.entry(writer.clone()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(vault.named_writer(&named(&writer))?),
            };
            let position = by.commit(event).map_err(told)?.position.number();
            let embedding = UnitVector::new(&embedding)?;
            events.push(Event { text, writer, position, embedding, path: Vec::new() });
        }
        vault.consolidate_intents(&model)?;
        Teller::default().tell(&vault, stream.name, model, events, &words)
    }
}

/// A story that is being written down: what it calls the intents.
#[derive(Default)]
struct Teller {
    numbers: HashMap<IntentId, usize>,
    ids: Vec<IntentId>,
}

impl Teller {
    fn number(&mut self, id: IntentId) -> usize {
        *self.numbers.entry(id).or_insert_with(|| {
            self.ids.push(id);
            self.ids.len() - 1
        })
    }

    fn tell(
        mut self,
        vault: &Vault,
        source: String,
        model: String,
        mut events: Vec<Event>,
        words: &HashingEncoder,
    ) -> Outcome<Story> {
        for (event, stored) in events.iter_mut().zip(vault.events(Filter::kind(KIND))?) {
            let header = stored?.header;
            let intent = header.intent.ok_or_else(|| format!("event {} has no intent", header.position))?;
            event.path.push((event.position, self.number(intent)));
        }
        let mut told = Vec::new();
        let facts = vault.intent_facts(&model)?;
        for facts in facts.chunk_by(|(left, _), (right, _)| left == right) {
            told.extend(self.hear(vault, facts, &mut events)?);
        }
        let intents = self.intents(&events, words);
        Ok(Story { source, model, events, intents, facts: told })
    }

    /// Takes down what changed at a position, and where each event stands since.
    fn hear(&mut self, vault: &Vault, facts: &[(Position, IntentFact)], events: &mut [Event]) -> Outcome<Vec<Fact>> {
        // The last consolidation is an event of the vault's own, behind all that are shown.
        let last = events.last().map_or(0, |event| event.position);
        let mut told = Vec::new();
        let mut homes = HashMap::new();
        let mut asked = HashSet::new();
        for (position, fact) in facts {
            let (from, into) = match fact {
                IntentFact::Merged { from, into } => (from, slice::from_ref(into)),
                IntentFact::Split { from, into } => (from, into.as_slice()),
            };
            for id in into.iter().filter(|id| asked.insert(**id)) {
                let home = self.number(*id);
                for event in vault.events(Filter::kind(KIND).with_intent(*id).up_to(*position))? {
                    homes.insert(event?.header.position.number(), home);
                }
            }
            let into = into.iter().map(|id| self.number(*id)).collect();
            told.push(Fact { at: position.number().min(last), kind: fact.kind(), from: self.number(*from), into });
        }
        let at = told.first().map_or(last, |fact| fact.at);
        for event in events {
            if let Some(home) = homes.get(&event.position).filter(|home| **home != event.now()) {
                event.path.push((at, *home));
            }
        }
        Ok(told)
    }

    /// Every intent that was ever named, as it is now.
    fn intents(&self, events: &[Event], words: &HashingEncoder) -> Vec<Intent> {
        let mut now = vec![Vec::new(); self.ids.len()];
        let mut ever = now.clone();
        for (place, event) in events.iter().enumerate() {
            now[event.now()].push(place);
            event.path.iter().for_each(|(_, intent)| ever[*intent].push(place));
        }
        let intent = |(number, id): (usize, &IntentId)| {
            let members = if now[number].is_empty() { &ever[number] } else { &now[number] };
            let positions = || members.iter().map(|place| events[*place].position);
            let exemplars = exemplars(events, members);
            Intent {
                id: id.to_hex(),
                label: label(events, members, &exemplars, words),
                events: now[number].len(),
                first: positions().min().unwrap_or_default(),
                last: positions().max().unwrap_or_default(),
                exemplars,
            }
        };
        self.ids.iter().enumerate().map(intent).collect()
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
pub(crate) fn named(writer: &str) -> String {
    const LONGEST: usize = NAME_BYTES / char::MAX.len_utf8();
    let safe: Vec<char> = writer.chars().filter(|c| !c.is_control()).collect();
    let name: String = safe[safe.len().saturating_sub(LONGEST)..].iter().collect();
    if name.is_empty() { "nobody".to_owned() } else { name }
}
