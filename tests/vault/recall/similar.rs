//! What is near, against a plain search.

use causal_vault::{Encoder, ErrorKind, Event, Filter, HashingEncoder, Query, UnitVector, Vault};

use super::super::{alice, on_disk, vault};
use super::{STREAM, thought};
use crate::suite::suite;

#[test]
fn the_nearest_events_are_those_of_a_plain_search() {
    let (folder, vault) = on_disk();
    let suite = suite("recall", 60, 2_000);
    let (events, _) = STREAM.events();
    let units: Vec<UnitVector> = events.iter().map(|values| UnitVector::new(values).unwrap()).collect();
    for (n, values) in events.iter().enumerate() {
        let event = thought(n, values).content_type(if n % 2 == 0 { "text/plain" } else { "text/html" });
        vault.named_writer(["alice", "bob"][n % 2]).unwrap().commit(event).unwrap();
    }
    let other = Vault::open(folder.path().join("agents.vault")).unwrap();
    for case in 0..u64::from(suite.cases) {
        let mut dice = suite.dice(case);
        let about = &units[usize::try_from(dice.below(400)).unwrap()];
        let bob = (dice.below(2) == 0).then(|| vault.named_writer("bob").unwrap().id());
        let mut expected: Vec<(u64, f32)> = (1..)
            .zip(&units)
            .filter(|(n, _)| bob.is_none() || n % 2 == 0)
            .map(|(n, unit)| (n, about.similarity(unit).unwrap()))
            .collect();
        expected.sort_by(|(_, left), (_, right)| right.total_cmp(left));
        let k = usize::try_from(dice.below(20)).unwrap();
        expected.truncate(k);
        let filter = bob.map_or(Filter::all(), Filter::writer);
        let query = Query::embedding("plane", about.values()).filter(filter);
        for vault in [&vault, &other] {
            let found = vault.similar(&query, k).unwrap();
            let found: Vec<_> =
                found.iter().map(|found| (found.event.header.position.number(), found.similarity)).collect();
            assert_eq!(found, expected, "case {case}");
        }
    }
}

#[test]
fn an_event_is_not_found_near_itself_and_one_without_an_embedding_is_near_nothing() {
    let vault = vault();
    let alice = alice(&vault);
    let bare = alice.commit(Event::raw("note", "hi").stream("mind")).unwrap();
    let receipts: Vec<_> = (0..4).map(|n| alice.commit(thought(n, &[1.0, 0.0])).unwrap()).collect();
    let found = vault.similar(&Query::event(&receipts[1]), 2).unwrap();
    let positions: Vec<_> = found.iter().map(|found| found.event.header.position).collect();
    assert_eq!(positions, [receipts[0].position, receipts[2].position]);
    assert_eq!(vault.similar(&Query::event(&receipts[1]), 9).unwrap().len(), 3);
    let others = Query::event(&receipts[1]).filter(Filter::all().after(receipts[1].position));
    assert_eq!(vault.similar(&others, 1).unwrap().len(), 1, "it is not among what is wanted");
    assert_eq!(vault.similar(&Query::event(&receipts[1]).model("plane"), 9).unwrap().len(), 3);
    let error = vault.similar(&Query::event(&receipts[1]).model("sphere"), 9).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("is of \"plane\""), "{error}");
    let error = vault.similar(&Query::event(&bare), 2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn models_never_mix_and_an_unknown_one_is_near_nothing() {
    let vault = vault();
    let alice = alice(&vault);
    alice.commit(thought(0, &[1.0, 0.0])).unwrap();
    alice.commit(Event::raw("note", "hi").stream("mind").embedding("sphere", &[1.0, 0.0])).unwrap();
    assert_eq!(vault.similar(&Query::embedding("plane", &[1.0, 0.0]), 9).unwrap().len(), 1);
    assert!(vault.similar(&Query::embedding("nobody's", &[1.0, 0.0]), 9).unwrap().is_empty());
    let no_stream = Query::embedding("plane", &[1.0, 0.0]).filter(Filter::stream(""));
    assert_eq!(vault.similar(&no_stream, 9).unwrap_err().kind(), ErrorKind::Invalid);
    let error = vault.similar(&Query::embedding("plane", &[1.0, 0.0, 0.0]), 9).unwrap_err();
    assert!(error.to_string().contains("3 dimensions and 2 are expected"), "{error}");
    for values in [&[f32::NAN, 1.0][..], &[0.0, 0.0], &[]] {
        assert!(vault.similar(&Query::embedding("plane", values), 9).is_err());
    }
}

#[test]
fn a_text_needs_an_encoder() {
    let vault = vault();
    let error = vault.similar(&Query::text("hello"), 1).unwrap_err();
    assert!(error.to_string().contains("VaultBuilder::encoder"), "{error}");
    let small = HashingEncoder::with_dimension(64).unwrap();
    let vault = Vault::builder().encoder(small).encoder(HashingEncoder::new()).in_memory().unwrap();
    let error = vault.similar(&Query::text("hello"), 1).unwrap_err();
    assert!(error.to_string().contains("say which"), "{error}");
    assert!(vault.similar(&Query::text("hello").model("hashing-v1-64"), 1).unwrap().is_empty());
    assert!(vault.similar(&Query::text("?!").model("hashing-v1-64"), 1).is_err());
    let error = vault.similar(&Query::text("hello").model("nobody's"), 1).unwrap_err();
    assert!(error.to_string().contains("VaultBuilder::encoder"), "{error}");
}

/// Whatever the text, its direction is this one.
struct Fixed([f32; 2]);

impl Encoder for Fixed {
    fn model(&self) -> &str {
        "plane"
    }

    fn dimension(&self) -> usize {
        2
    }

    fn encode(&self, _: &str) -> causal_vault::Result<Vec<f32>> {
        Ok(self.0.to_vec())
    }
}

#[test]
fn of_two_encoders_of_one_model_the_later_one_embeds_texts() {
    let vault = Vault::builder().encoder(Fixed([1.0, 0.0])).encoder(Fixed([0.0, 1.0])).in_memory().unwrap();
    alice(&vault).commit(thought(0, &[1.0, 0.0])).unwrap();
    assert!(vault.similar(&Query::text("hello"), 1).unwrap()[0].similarity.abs() < 1e-6);
}
