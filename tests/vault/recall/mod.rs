//! Intents and recall over a vault, held against intent stores that were given the same events by hand.

mod as_of;
mod filters;
mod histories;
mod hostile;
mod hybrid;
mod inline;
mod intents;
mod killed;
mod rebuilding;
mod similar;
mod taken_back;

use std::collections::BTreeMap;

use causal_vault::{
    CellId, Event, EventHeader, Filter, IntentEvent, IntentFact, IntentId, IntentOptions, IntentStore, Position, Vault,
};

use crate::suite::stream::Stream;

/// A stream of embeddings of which consolidations make something.
const STREAM: Stream = Stream { events: 400, intents: 8, dimension: 16, ..Stream::PLAIN };
/// One whose events come to belong to other intents than they did at first.
const MOVING: Stream = Stream { noise: 1.2, ..STREAM };

/// What the events of a vault come to, found without it.
#[derive(Default)]
struct Oracle {
    stores: BTreeMap<String, IntentStore>,
    labels: BTreeMap<Position, (String, IntentId, CellId)>,
    facts: BTreeMap<String, Vec<(Position, IntentFact)>>,
}

impl Oracle {
    /// Gives the events up to a position to stores of their own. A consolidation is an event as well.
    fn up_to(vault: &Vault, position: Position) -> Self {
        let mut oracle = Self::default();
        for event in vault.events(Filter::all().up_to(position)).unwrap() {
            let event = event.unwrap();
            let header = &event.header;
            if &*header.kind == "vault.consolidation" {
                let model = String::from_utf8(event.payload).unwrap();
                if let Some(store) = oracle.stores.get(&model) {
                    let facts = store.consolidate().unwrap();
                    oracle.note(&model, header.position, facts);
                }
            }
            if let Some((model, values)) = vault.embedding(header.position).unwrap() {
                oracle.take(vault.tenant(), header, model, &values);
            }
        }
        oracle
    }

    fn of(vault: &Vault) -> Self {
        Self::up_to(vault, vault.tree_head().unwrap().into())
    }

    fn take(&mut self, tenant: &str, header: &EventHeader, model: String, values: &[f32]) {
        let store = self.stores.entry(model.clone()).or_insert_with(|| {
            IntentStore::new(IntentOptions::new(model.as_str(), values.len()).tenant(tenant)).unwrap()
        });
        let event = IntentEvent::from(values).reference(header.hash.into()).writer(header.writer);
        let assigned = store.assign_event(event).unwrap();
        self.labels.insert(header.position, (model.clone(), assigned.intent, assigned.cell));
        self.note(&model, header.position, assigned.facts);
    }

    fn note(&mut self, model: &str, position: Position, facts: Vec<IntentFact>) {
        self.facts.entry(model.to_owned()).or_default().extend(facts.into_iter().map(|fact| (position, fact)));
    }

    fn facts(&self) -> usize {
        self.facts.values().map(Vec::len).sum()
    }
}

/// Everything that the vault says of intents is what the oracle says.
fn check(vault: &Vault) -> Oracle {
    let oracle = Oracle::of(vault);
    let end = vault.tree_head().unwrap().into();
    assert_eq!(vault.assign_up_to(end).unwrap(), end);
    assert_eq!(vault.assigned_up_to().unwrap(), end);
    for event in vault.events(Filter::all()).unwrap() {
        let header = event.unwrap().header;
        let label = oracle.labels.get(&header.position);
        assert_eq!(header.intent, label.map(|(_, intent, _)| *intent), "at {}", header.position);
        if let Some((model, intent, _)) = label {
            assert_eq!(vault.resolve_intent(intent).unwrap(), oracle.stores[model].resolve(intent));
        }
    }
    for (model, store) in &oracle.stores {
        assert_eq!(vault.intent_facts(model).unwrap(), oracle.facts[model], "{model}");
        assert_eq!(vault.calibration(model).unwrap(), Some(store.calibration()));
        for intent in store.intents() {
            let members = vault.events(Filter::all().with_intent(intent.id)).unwrap();
            let found: Vec<Position> = members.map(|event| event.unwrap().header.position).collect();
            let is_of = |(_, (of, _, cell)): &(_, &(String, IntentId, CellId))| {
                of == model && store.intent_of(*cell) == Some(intent.id)
            };
            let expected: Vec<Position> = oracle.labels.iter().filter(is_of).map(|(position, _)| *position).collect();
            assert_eq!(found, expected, "{model}, intent {}", intent.id);
            assert_eq!(found.len() as u64, intent.events);
        }
    }
    oracle
}

fn thought(n: usize, values: &[f32]) -> Event {
    Event::raw("thought", n.to_string()).stream("mind").embedding("plane", values)
}
