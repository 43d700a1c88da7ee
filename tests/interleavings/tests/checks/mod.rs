//! Running a model: in every interleaving it must hold, or in one of them it must fail.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs every interleaving, and prints how many there were.
pub fn holds(name: &str, model: fn()) {
    println!("{name}: {} interleavings", explore(model).unwrap_or_else(|(at, why)| panic!("interleaving {at}: {why}")));
}

/// Runs interleavings until one fails.
pub fn fails(name: &str, model: fn()) {
    match explore(model) {
        Ok(all) => panic!("{name}: the mistake was not caught in {all} interleavings"),
        Err((at, why)) => println!("{name}: caught in interleaving {at}: {why}"),
    }
}

fn explore(model: fn()) -> Result<u64, (u64, String)> {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let explored = catch_unwind(AssertUnwindSafe(|| {
        loom::model(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            model();
        });
    }));
    let count = count.load(Ordering::Relaxed);
    explored.map(|()| count).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        (count, text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
    })
}

/// A test for each model of the sound source.
macro_rules! models {
    ($module:ident: $($model:ident),* $(,)?) => {
        $(#[test]
        fn $model() {
            $crate::checks::holds(stringify!($model), $module::sound::models::$model);
        })*
    };
}

/// A test for each mistake, and the model that catches it.
macro_rules! caught {
    ($module:ident: $($mistake:ident by $model:ident),* $(,)?) => {
        mod a_mistake_is_caught {
            $(#[test]
            fn $mistake() {
                $crate::checks::fails(stringify!($mistake), super::$module::$mistake::models::$model);
            })*
        }
    };
}

pub(crate) use {caught, models};
