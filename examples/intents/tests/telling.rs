use std::collections::{BTreeSet, HashMap};

use causal_vault::{CellId, Fingerprint, IntentEvent, IntentId, IntentOptions, IntentStore};

use super::{stream, told_week, week};
use crate::story::{Event, Story, WORDS_APART, named};

fn as_of(event: &Event, position: u64) -> usize {
    event.path.iter().take_while(|(at, _)| *at <= position).last().unwrap().1
}

/// What one side calls each intent of the other; the ids differ, as the vault derives them from its entries.
#[derive(Default)]
struct Names {
    ours: HashMap<usize, IntentId>,
    theirs: HashMap<IntentId, usize>,
}

impl Names {
    #[track_caller]
    fn assert_same(&mut self, ours: usize, theirs: IntentId) {
        assert_eq!(*self.ours.entry(ours).or_insert(theirs), theirs);
        assert_eq!(*self.theirs.entry(theirs).or_insert(ours), ours);
    }
}

#[test]
fn as_of_an_event_the_labels_are_those_of_a_store_that_stopped_there() {
    let story = week();
    let dimension = story.events[0].embedding.dimension();
    let store = IntentStore::new(IntentOptions::new(&story.model, dimension).separation(WORDS_APART)).unwrap();
    let (mut names, mut cells, mut changes) = (Names::default(), Vec::<CellId>::new(), 0);
    for event in &story.events {
        let writer = Fingerprint::named(&event.writer).unwrap();
        let assigned = store.assign_event(IntentEvent::from(event.embedding.values()).writer(writer)).unwrap();
        names.assert_same(event.path[0].1, assigned.intent);
        cells.push(assigned.cell);
        if !assigned.facts.is_empty() {
            changes += 1;
            for (earlier, cell) in story.events.iter().zip(&cells) {
                names.assert_same(as_of(earlier, event.position), store.intent_of(*cell).unwrap());
            }
        }
    }
    assert!(changes > 3, "{changes} consolidations of the week change something");
    store.consolidate().unwrap();
    for (event, cell) in story.events.iter().zip(cells) {
        names.assert_same(event.now(), store.intent_of(cell).unwrap());
    }
}

#[test]
fn counts_add_up_and_every_number_names_something() {
    let story = week();
    assert_eq!(story.intents.iter().map(|intent| intent.events).sum::<usize>(), story.events.len());
    for (number, intent) in story.intents.iter().enumerate() {
        let held = story.events.iter().filter(|event| event.now() == number);
        let positions: Vec<u64> = held.map(|event| event.position).collect();
        assert_eq!(intent.events, positions.len());
        if let [first, ..] = positions[..] {
            assert_eq!((intent.first, intent.last), (first, *positions.last().unwrap()));
        }
        assert!((1..=3).contains(&intent.exemplars.len()) && !intent.label.is_empty(), "{intent:?}");
    }
    for fact in &story.facts {
        assert!(fact.from < story.intents.len() && fact.into.iter().all(|into| *into < story.intents.len()));
        assert!((1..=312).contains(&fact.at), "{fact:?}");
    }
}

#[test]
fn the_week_is_the_same_each_time_and_its_purposes_are_found() {
    let (story, again) = (week(), told_week());
    assert_eq!(format!("{:?}", story.facts), format!("{:?}", again.facts));
    for (event, again) in story.events.iter().zip(&again.events) {
        assert_eq!((&event.text, &event.path), (&again.text, &again.path));
    }
    let writers: BTreeSet<&str> = story.events.iter().map(|event| event.writer.as_str()).collect();
    assert_eq!((story.events.len(), writers.len()), (312, 10));
    let largest: Vec<&str> =
        story.intents.iter().filter(|intent| intent.events > 9).map(|intent| intent.label.as_str()).collect();
    assert!((8..=16).contains(&largest.len()), "{largest:?}");
    for word in ["refund", "flaky", "invoice", "migration", "latency", "signing", "train", "embedding"] {
        assert!(largest.iter().any(|label| label.contains(word)), "{word} is not in {largest:?}");
    }
    assert!(!story.events.iter().any(|event| event.text.contains(['{', '}'])));
}

#[test]
fn a_label_reads_in_the_order_of_the_first_exemplar() {
    let story = Story::of(stream(["rotate the signing key"])).unwrap();
    assert_eq!(story.intents[0].label, "rotate signing key");
}

#[test]
fn a_writer_of_any_name_can_be_named() {
    for name in ["", "\u{7}", &"ü".repeat(500), "notes/\u{1F600}.txt"] {
        Fingerprint::named(&named(name)).unwrap();
    }
    assert_eq!(named("notes/a.md"), "notes/a.md");
    assert_ne!(named(&format!("{}a", "x".repeat(500))), named(&format!("{}b", "x".repeat(500))));
}
