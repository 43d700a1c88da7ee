//! The vault against a naive model: random operations, compared after each.

mod compare;
mod liar;
mod naive;
mod operations;
mod world;

use proptest::test_runner::TestError;

use self::operations::{Look, Operation, session};
use self::world::{Place, World};
use crate::suite::{Suite, suite};

type Session = Vec<(Operation, Look)>;

fn play(suite: Suite, place: impl Fn() -> Place) -> Result<(), TestError<Session>> {
    suite.runner().run(&session(), |session| {
        let mut world = World::new(place());
        for (operation, look) in &session {
            world.run(operation);
            world.compare(look);
        }
        world.compare_all();
        Ok(())
    })
}

#[test]
fn a_vault_in_memory_does_what_the_model_does() {
    play(suite("model, in memory", 1_800, 180_000), || Place::Memory).unwrap();
}

#[test]
fn a_vault_in_a_file_does_what_the_model_does_across_reopening_and_crashes() {
    play(suite("model, in a file", 200, 20_000), || Place::File(tempfile::tempdir().unwrap())).unwrap();
}

/// The control: a backend that acknowledges what it has not committed.
#[test]
fn the_model_catches_an_acknowledgement_before_the_commit() {
    let few = Suite { cases: 200, seed: 1, shrinks: 0 };
    let caught = play(few, || Place::Over(liar::open));
    assert!(matches!(caught, Err(TestError::Fail(..))), "{caught:?}");
}
