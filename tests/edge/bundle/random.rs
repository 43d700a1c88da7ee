//! Random histories: what goes out comes back, whole and in parts.

use causal_vault::{Anchor, Event, EventRef, Filter, Vault, Writer};
use proptest::prelude::*;

use super::{at, export, head, key, verify};
use crate::suite::suite;

/// Stream, writer, payload size, parents, whether it is attached to, how many of it in a batch.
type Step = (usize, usize, usize, Vec<usize>, bool, usize);

fn step() -> impl Strategy<Value = Step> {
    let size = prop::sample::select(vec![0, 1, 31, 32, 33, 100]);
    (0..3_usize, 0..4_usize, size, prop::collection::vec(any::<usize>(), 0..3), prop::bool::weighted(0.1), 1..4_usize)
}

fn play(vault: &Vault, steps: &[Step]) {
    let signed = |n| vault.writer(key(n)).unwrap();
    let named = |name| vault.named_writer(name).unwrap();
    let writers: [Writer; 4] = [named("alice"), named("bob"), signed(1), signed(2).signing_last()];
    let mut all: Vec<EventRef> = Vec::new();
    for (stream, writer, size, parents, attach, count) in steps {
        let events = (0..*count).map(|n| {
            let event = Event::raw("step", vec![b'p'; size + n]).stream(["a", "b", "c"][*stream]);
            let mut parents: Vec<&EventRef> = parents.iter().filter_map(|n| all.get(n % all.len().max(1))).collect();
            parents.sort();
            parents.dedup();
            let event = parents.into_iter().fold(event, |event, parent| event.parent(parent));
            if *attach { event.attach(vec![b'a'; 50 + n]) } else { event }
        });
        let receipts = writers[*writer].commit_batch(events.collect::<Vec<_>>()).unwrap();
        all.extend(receipts.iter().map(EventRef::from));
    }
}

#[test]
fn any_history_goes_out_and_comes_back_whole_in_parts_and_in_pieces() {
    let suite = suite("bundles of random histories", 60, 6_000);
    let steps = || prop::collection::vec(step(), 1..12);
    suite
        .runner()
        .run(&(steps(), steps(), any::<u64>(), any::<u64>()), |(first, then, a, b)| {
            let vault = Vault::builder().inline_threshold(32).in_memory().unwrap();
            play(&vault, &first);
            let folder = tempfile::tempdir().unwrap();
            let copy = Vault::restore(folder.path().join("v"), &export(&vault, Filter::all())[..], &[head(&vault)]);
            let copy = copy.unwrap();
            play(&vault, &then);
            let (size, seen) = (vault.tree_head().unwrap().size, copy.tree_head().unwrap());
            let anchors: [Anchor; 2] = [seen.into(), head(&vault)];

            let (low, high) = (a % (size + 1), b % (size + 1));
            let (low, high) = (low.min(high), low.max(high));
            let range = export(&vault, Filter::all().after(at(&vault, low)).up_to(at(&vault, high)));
            prop_assert_eq!(verify(&range, &anchors).unwrap().entries, high - low);
            for stream in ["a", "b", "c"] {
                let filter = Filter::stream(stream).after(at(&vault, low)).up_to(at(&vault, high));
                let expected = vault.events(filter.clone()).unwrap().count() as u64;
                if expected > 0 {
                    prop_assert_eq!(verify(&export(&vault, filter), &anchors[1..]).unwrap().entries, expected);
                }
            }

            let from = at(&vault, low.min(seen.size));
            let news = export(&vault, Filter::all().after(from));
            let done = copy.import(&news[..], &anchors[1..]).unwrap();
            prop_assert_eq!(done.imported, size - seen.size);
            prop_assert_eq!(copy.tree_head().unwrap(), vault.tree_head().unwrap());
            prop_assert!(copy.verify(&anchors).unwrap().is_intact());
            let events = |vault: &Vault| vault.events(Filter::all()).unwrap().map(Result::unwrap).collect::<Vec<_>>();
            prop_assert_eq!(events(&copy), events(&vault));
            // With the attachments, which a range has not.
            copy.import(&export(&vault, Filter::all())[..], &[]).unwrap();
            let bundle = |vault: &Vault| verify(&export(vault, Filter::all()), &[]).unwrap();
            prop_assert_eq!(bundle(&copy), bundle(&vault));
            Ok(())
        })
        .unwrap();
}
