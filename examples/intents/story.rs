//! What is told of a stream: its events, the intents that they were grouped into, and how these changed.
//!
//! Everything that is asked of the vault's library is asked here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
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
    /// The positions of its first event and of its last; of one that is gone, as it was before.
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// The events that stand for it.
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
            if stream.model.is_none() {
                words.learn(&text).map_err(told)?;
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
        Teller::default().tell(&vault, stream.name, model, events)
    }
}

/// A story that is being written down: what it calls the intents, and how each was last seen.
#[derive(Default)]
struct Teller {
    numbers: HashMap<IntentId, usize>,
    ids: Vec<IntentId>,
    seen: HashMap<IntentId, vault::Intent>,
}

impl Teller {
    fn number(&mut self, id: IntentId) -> usize {
        *self.numbers.entry(id).or_insert_with(|| {
            self.ids.push(id);
            self.ids.len() - 1
        })
    }

    fn tell(mut self, vault: &Vault, source: String, model: String, mut events: Vec<Event>) -> Outcome<Story> {
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
        self.look(vault, Filter::kind(KIND))?;
        let intents = self.intents(&events);
        Ok(Story { source, model, events, intents, facts: told })
    }

    /// Takes down what changed at a position, how the intents were before, and where each event stands since.
    fn hear(&mut self, vault: &Vault, facts: &[(Position, IntentFact)], events: &mut [Event]) -> Outcome<Vec<Fact>> {
        let Some((position, _)) = facts.first() else { return Ok(Vec::new()) };
        self.look(vault, Filter::kind(KIND).up_to(Position::new(position.number().saturating_sub(1))))?;
        // The last consolidation is an event of the vault's own, behind all that are shown.
        let at = position.number().min(events.last().map_or(0, |event| event.position));
        let mut told = Vec::new();
        for (_, fact) in facts {
            let (from, into) = match fact {
                IntentFact::Merged { from, into } => (from, slice::from_ref(into)),
                IntentFact::Split { from, into } => (from, into.as_slice()),
            };
            let into = into.iter().map(|id| self.number(*id)).collect();
            told.push(Fact { at, kind: fact.kind(), from: self.number(*from), into });
        }
        // Every event has an intent, and both come in the order of their positions.
        let labels = vault.intent_labels(&Filter::kind(KIND).up_to(*position))?;
        for (event, (_, id)) in events.iter_mut().zip(labels) {
            let home = self.number(id);
            if home != event.now() {
                event.path.push((at, home));
            }
        }
        Ok(told)
    }

    /// Takes down how the intents are.
    fn look(&mut self, vault: &Vault, filter: Filter) -> Outcome<()> {
        self.seen.extend(vault.intents(&filter)?.into_iter().map(|intent| (intent.id, intent)));
        Ok(())
    }

    /// Every intent that was ever named, as it was last seen.
    fn intents(&self, events: &[Event]) -> Vec<Intent> {
        let mut now = vec![0; self.ids.len()];
        events.iter().for_each(|event| now[event.now()] += 1);
        let place = |position| events.binary_search_by_key(&position, |event| event.position).ok();
        let intent = |(number, id): (usize, &IntentId)| {
            let Some(seen) = self.seen.get(id) else { return brief(number, id, events) };
            let exemplars = seen.exemplars.iter().filter_map(|event| place(event.header.position.number()));
            Intent {
                id: id.to_hex(),
                label: label(seen),
                events: now[number],
                first: seen.first.number(),
                last: seen.last.number(),
                exemplars: exemplars.collect(),
            }
        };
        self.ids.iter().enumerate().map(intent).collect()
    }
}

/// An intent that was gone at the very event that founded it, so that no position shows it: that event is all of it.
fn brief(number: usize, id: &IntentId, events: &[Event]) -> Intent {
    let founder = events.iter().position(|event| event.path.iter().any(|(_, intent)| *intent == number));
    let text = founder.map_or("", |place| &events[place].text);
    let position = founder.map_or(0, |place| events[place].position);
    Intent {
        id: id.to_hex(),
        label: text.split_whitespace().take(LABEL_WORDS).collect::<Vec<_>>().join(" "),
        events: 0,
        first: position,
        last: position,
        exemplars: founder.into_iter().collect(),
    }
}

/// The words that are most typical of an intent, in the order in which its first exemplar has them.
fn label(intent: &vault::Intent) -> String {
    let said = intent.exemplars.first().and_then(|event| event.decode::<String>().ok()).unwrap_or_default();
    let said = said.to_lowercase();
    let mut words: Vec<&str> = intent.terms.iter().take(LABEL_WORDS).map(String::as_str).collect();
    words.sort_by_key(|word| said.find(word).unwrap_or(usize::MAX));
    if words.is_empty() { intent.label() } else { words.join(" ") }
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
