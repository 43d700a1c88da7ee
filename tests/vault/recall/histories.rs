//! Random histories of commits, batches, transactions, consolidations, and processes that come and go.

use causal_vault::{Durability, Event, StoreError, Vault};

use super::check;
use crate::suite::stream::Stream;
use crate::suite::{Dice, suite};

const MODELS: [&str; 2] = ["plane", "sphere"];

/// The next event, of either model or of none.
fn event(dice: &mut Dice, streams: &mut [std::vec::IntoIter<Vec<f32>>; 2]) -> Option<Event> {
    let event =
        Event::raw("thought", dice.below(1000).to_string()).stream(["mind", "hand"][usize::from(dice.below(2) == 0)]);
    let model = match dice.below(5) {
        0 => return Some(event),
        1 => 1,
        _ => 0,
    };
    Some(event.embedding(MODELS[model], &streams[model].next()?))
}

fn history(dice: &mut Dice) {
    let folder = tempfile::tempdir().unwrap();
    let open = || Vault::builder().durability(Durability::Fast).open(folder.path().join("agents.vault")).unwrap();
    let stream =
        |seed, dimension| Stream { events: 900, intents: 8, dimension, seed, ..Stream::PLAIN }.events().0.into_iter();
    let mut streams = [stream(dice.below(1 << 20), 8), stream(dice.below(1 << 20), 12)];
    let mut vaults = [open(), open()];
    for _ in 0..40 {
        let vault = &vaults[usize::from(dice.below(2) == 0)];
        let writer = vault.named_writer(["alice", "bob"][usize::from(dice.below(2) == 0)]).unwrap();
        match dice.below(10) {
            0..=4 => {
                let events: Vec<_> = (0..dice.below(12)).map_while(|_| event(dice, &mut streams)).collect();
                events.into_iter().for_each(|event| drop(writer.commit(event).unwrap()));
            }
            5 | 6 => {
                let events: Vec<_> = (0..dice.below(70)).map_while(|_| event(dice, &mut streams)).collect();
                drop(writer.commit_batch(events).unwrap());
            }
            7 => {
                let events: Vec<_> = (0..dice.below(5)).map_while(|_| event(dice, &mut streams)).collect();
                let fails = dice.below(2) == 0;
                let done = vault.transaction(|tx| {
                    events.into_iter().try_for_each(|event| tx.append(&writer, event).map(drop))?;
                    if fails { Err(StoreError::Backend("changed my mind".into())) } else { Ok(()) }
                });
                assert_eq!(done.is_err(), fails);
            }
            8 => match dice.below(3) {
                0 => drop(vault.consolidate_intents(MODELS[0])),
                1 => drop(vault.assign_up_to(vault.tree_head().unwrap().into()).unwrap()),
                _ => drop(vault.calibration(MODELS[0]).unwrap()),
            },
            _ => {
                let at = usize::from(dice.below(2) == 0);
                vaults[at] = open();
            }
        }
    }
    let oracle = check(&vaults[0]);
    check(&vaults[1]);
    drop(vaults);
    check(&open());
    assert!(!oracle.labels.is_empty());
}

#[test]
fn whatever_happens_events_are_labelled_as_by_stores_that_were_given_them_in_order() {
    let suite = suite("intents of a vault", 6, 1_000);
    (0..u64::from(suite.cases)).for_each(|case| history(&mut suite.dice(case)));
}
