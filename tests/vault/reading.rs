use std::time::Duration;

use causal_vault::{Event, Filter, Fingerprint, Position};
use proptest::prelude::*;
use proptest::sample::Index;

use super::history::{STREAMS, Told, WRITERS, plans, tell};
use super::{alice, events, note, notes, texts, vault};

const PATTERNS: [&str; 9] = ["ledger.*", "ledger", "ledger.mint", "*", "chat.*", "none.*", "none", "*.m*", "l*r*.*n*"];

/// What is asked for; places are picked in the history.
#[derive(Clone, Debug)]
struct Question {
    stream: Option<usize>,
    writer: Option<usize>,
    pattern: Option<usize>,
    parent: Option<Index>,
    after: Option<Index>,
    up_to: Option<Index>,
}

fn question() -> impl Strategy<Value = Question> {
    use prop::option::{of, weighted};
    let (some, rare) = (|| of(any::<Index>()), || weighted(0.2, any::<Index>()));
    (of(0..3_usize), of(0..3_usize), of(0..PATTERNS.len()), rare(), some(), some()).prop_map(
        |(stream, writer, pattern, parent, after, up_to)| Question { stream, writer, pattern, parent, after, up_to },
    )
}

/// Every way to match, tried one after the other.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|from| fits(rest, &text[from..])),
        ([a, rest @ ..], [b, text @ ..]) => a == b && fits(rest, text),
        _ => false,
    }
}

impl Question {
    fn filter(&self, told: &[Told]) -> Filter {
        let place = |index: &Index| &told[index.index(told.len())].receipt;
        let mut filter = Filter::all();
        if let Some(stream) = self.stream {
            filter = filter.with_stream(STREAMS[stream]);
        }
        if let Some(writer) = self.writer {
            filter = filter.with_writer(Fingerprint::named(WRITERS[writer]).unwrap());
        }
        if let Some(pattern) = self.pattern {
            filter = filter.with_kind(PATTERNS[pattern]);
        }
        if let Some(parent) = &self.parent {
            filter = filter.with_parent(place(parent));
        }
        if let Some(after) = &self.after {
            filter = filter.after(place(after).position);
        }
        if let Some(up_to) = &self.up_to {
            filter = filter.up_to(place(up_to).position);
        }
        filter
    }

    fn wants(&self, at: usize, told: &[Told]) -> bool {
        let event = &told[at];
        let place = |index: &Index| index.index(told.len());
        self.stream.is_none_or(|stream| STREAMS[stream] == event.stream)
            && self.writer.is_none_or(|writer| WRITERS[writer] == event.writer)
            && self.pattern.is_none_or(|pattern| fits(PATTERNS[pattern].as_bytes(), event.kind.as_bytes()))
            && self.parent.as_ref().is_none_or(|parent| event.parents.contains(&place(parent)))
            && self.after.as_ref().is_none_or(|after| at > place(after))
            && self.up_to.as_ref().is_none_or(|up_to| at <= place(up_to))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_filter_finds_what_a_naive_reader_picks_and_a_cursor_in_any_steps_the_same(
        plans in plans(40),
        questions in prop::collection::vec(question(), 1..12),
        step in 1..7_usize,
    ) {
        let vault = vault();
        let told = tell(&vault, &plans);
        for (number, question) in questions.iter().enumerate() {
            let filter = question.filter(&told);
            let wanted: Vec<_> = (0..told.len()).filter(|at| question.wants(*at, &told)).collect();
            let found = events(&vault, filter.clone());
            prop_assert_eq!(found.len(), wanted.len(), "{:?}", question);
            for (event, at) in found.iter().zip(&wanted) {
                let told = &told[*at];
                prop_assert_eq!(event.header.position.number(), *at as u64 + 1);
                prop_assert_eq!(event.header.hash, told.receipt.hash);
                prop_assert_eq!((&event.payload, event.header.lamport), (&told.payload, told.lamport));
                prop_assert_eq!((&*event.header.stream, &*event.header.kind), (told.stream, told.kind));
                prop_assert!(filter.matches(&event.header));
            }
            let all = events(&vault, Filter::all());
            prop_assert_eq!(all.iter().filter(|event| filter.matches(&event.header)).count(), wanted.len());
            let mut cursor = vault.cursor(&format!("cursor {number}"), filter).unwrap();
            let mut followed = Vec::new();
            loop {
                let step = cursor.poll(step, Duration::ZERO).unwrap();
                if step.is_empty() {
                    break;
                }
                followed.extend(step);
            }
            prop_assert_eq!(followed, found);
        }
    }
}

#[test]
fn more_events_than_a_page_come_in_order_and_each_once_however_they_are_found() {
    let vault = vault();
    let alice = alice(&vault);
    let root = alice.commit(note("root")).unwrap();
    let batch = (0..1500).map(|n| {
        // Forty streams: too many to read each by its own key. Some payloads fill a page by their bytes.
        let payload = if n % 100 == 0 { vec![b'x'; 700_000] } else { n.to_string().into_bytes() };
        Event::raw(format!("kind.{}", n % 3), payload).stream(format!("stream {}", n % 40)).parent(&root)
    });
    let told: Vec<_> = batch.map(|event| alice.commit(event).unwrap().position).collect();
    let places = |filter| events(&vault, filter).iter().map(|event| event.header.position).collect::<Vec<_>>();
    assert_eq!(places(Filter::all().after(root.position)), told);
    assert_eq!(places(Filter::writer(alice.id()).after(root.position)), told);
    assert_eq!(places(Filter::parent(&root)), told);
    let thirds: Vec<_> = told.iter().copied().step_by(3).collect();
    assert_eq!(places(Filter::kind("kind.0")), thirds);
    assert_eq!(places(Filter::kind("kind.0").with_writer(alice.id())), thirds);
    assert_eq!(places(Filter::parent(&root).with_kind("kind.0")), thirds);
    let one: Vec<_> = told.iter().copied().skip(7).step_by(40).collect();
    assert_eq!(places(Filter::stream("stream 7")), one);
    assert_eq!(places(Filter::stream("stream 7").after(one[10]).up_to(one[20])), one[11..=20]);
}

/// The children behind the end filled a page, of which nothing was taken: the reader asked for them for ever.
#[test]
fn a_page_of_children_that_all_lie_behind_the_end_ends_the_reading() {
    let vault = vault();
    let alice = alice(&vault);
    let root = alice.commit(note("root")).unwrap();
    alice.commit_batch((0..700).map(|n| note(n.to_string()).parent(&root))).unwrap();
    assert_eq!(vault.events(Filter::parent(&root).up_to(root.position)).unwrap().count(), 0);
    let before = vault.events(Filter::parent(&root)).unwrap();
    alice.commit_batch((0..700).map(|n| note(n.to_string()).parent(&root))).unwrap();
    assert_eq!(before.count(), 700);
}

#[test]
fn a_reader_ends_where_the_timeline_did_when_it_was_made_and_its_loop_may_commit() {
    let vault = vault();
    let alice = alice(&vault);
    notes(&alice, 300);
    let mut seen = 0;
    for event in vault.events(Filter::stream("conv:demo")).unwrap() {
        alice.commit(note("more").parent(&event.unwrap())).unwrap();
        seen += 1;
    }
    assert_eq!(seen, 300);
    assert_eq!(vault.events(Filter::all()).unwrap().count(), 600);
}

#[test]
fn positions_from_far_outside_are_ends_like_any_other() {
    let vault = vault();
    notes(&alice(&vault), 3);
    let far: Position = serde_json::from_str(&u64::MAX.to_string()).unwrap();
    assert_eq!(events(&vault, Filter::all().up_to(far)).len(), 3);
    for filter in [Filter::all(), Filter::stream("conv:demo"), Filter::kind("note")] {
        assert!(events(&vault, filter.after(far)).is_empty());
    }
    assert_eq!(vault.try_get(far), Ok(None));
    assert_eq!(vault.try_get(Position::START), Ok(None));
}

#[test]
fn a_filter_for_what_was_never_written_finds_nothing() {
    let vault = vault();
    let receipt = notes(&alice(&vault), 1).remove(0);
    let mut unknown = causal_vault::EventRef::from(&receipt);
    unknown.seq = u64::MAX;
    for filter in [
        Filter::stream("none"),
        Filter::writer(Fingerprint::from_bytes([7; 32])),
        Filter::kind("none"),
        Filter::parent(unknown),
    ] {
        assert!(texts(&events(&vault, filter.clone())).is_empty(), "{filter:?}");
    }
}
