//! Models of the doorbell and of group commit: small programs whose every interleaving loom runs, over the source of the
//! vault's crate as it is and over copies with a mistake each. What is planted where stands in `build.rs`.

// A mistake may leave something unused.
#![allow(dead_code, unused_imports)]

pub mod locks;

/// The source `$file-$mistake.rs` and the models over it, as the module `$mistake`.
macro_rules! variants {
    ($file:literal, $models:literal, $($mistake:ident),*) => {
        $(pub mod $mistake {
            include!(concat!(env!("OUT_DIR"), "/", $file, "-", stringify!($mistake), ".rs"));
            pub mod models {
                use super::*;
                include!($models);
            }
        })*
    };
}

pub mod doorbell {
    variants!("doorbell", "models/doorbell.rs", sound, locked, copied, unsorted, twice, kept, blind, uncounted);
}

pub mod queue {
    variants!("queue", "models/queue.rs", sound, uncalled, doubled, hasty, late, kept, again, deaf, abandoned, torn);
}
