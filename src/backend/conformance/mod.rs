//! What every backend must do, as cases that the author of one can run.
//!
//! A backend that passes carries every primitive and the vault. Each case works in a table of its own, which it creates
//! and drops, so that the suite can run on a database that holds other things, and its cases next to each other. No case
//! panics: each returns a [`Failure`] that names what was expected and what was found.
//!
//! ```
//! use causal_vault::{SqliteBackend, conformance};
//!
//! let db = SqliteBackend::in_memory()?;
//! let case = conformance::CASES.iter().find(|case| case.name() == "a_drop_keeps_nothing").unwrap();
//! assert_eq!(case.run(&db), Ok(()));
//! # Ok::<(), causal_vault::StoreError>(())
//! ```

mod failure;
mod fixture;
mod races;
mod statements;
mod transactions;
mod values;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use failure::Failure;

use self::failure::Outcome;
use self::fixture::Table;
use crate::backend::Backend;

/// One rule that every backend keeps, and the way to find out.
///
/// ```
/// use causal_vault::{SqliteBackend, conformance};
///
/// let db = SqliteBackend::in_memory()?;
/// for case in conformance::CASES.iter().filter(|case| case.name().contains("visit")) {
///     case.run(&db).unwrap();
/// }
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Case {
    name: &'static str,
    test: fn(&Table<'_>) -> Outcome,
}

impl Case {
    /// The rule, as a sentence with underscores.
    ///
    /// ```
    /// use causal_vault::conformance;
    ///
    /// assert!(conformance::CASES.iter().any(|case| case.name() == "integers_keep_64_bits"));
    /// ```
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Runs this case on a backend that may create a table. A panic in the backend is a failure as well.
    ///
    /// ```
    /// use causal_vault::{SqliteBackend, conformance};
    ///
    /// let db = SqliteBackend::in_memory()?;
    /// assert_eq!(conformance::CASES[0].run(&db), Ok(()));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn run(&self, db: &dyn Backend) -> Result<(), Failure> {
        catch_unwind(AssertUnwindSafe(|| {
            let table = Table::create(db, self.name)?;
            let outcome = (self.test)(&table);
            let dropped = table.remove();
            outcome.and(dropped)
        }))
        .unwrap_or_else(|_| Err(Failure::new("no panic", "a panic")))
        .map_err(|failure| failure.of(self.name))
    }
}

/// Runs every case and returns what failed: nothing, if the backend conforms.
///
/// ```
/// use causal_vault::{SqliteBackend, conformance};
///
/// let folder = tempfile::tempdir().unwrap();
/// let db = SqliteBackend::open(folder.path().join("agents.vault"))?;
/// assert_eq!(conformance::run_all(&db), []);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[must_use = "the failures are what it returns"]
pub fn run_all(db: &dyn Backend) -> Vec<Failure> {
    CASES.iter().filter_map(|case| case.run(db).err()).collect()
}

macro_rules! cases {
    ($($file:ident: $($name:ident),+;)+) => { &[$($(Case { name: stringify!($name), test: $file::$name }),+),+] };
}

/// Every case, in the order of [`run_all`].
///
/// ```
/// use causal_vault::conformance;
///
/// assert!(conformance::CASES.len() > 30);
/// ```
pub const CASES: &[Case] = cases! {
    values:
        integers_keep_64_bits,
        floats_come_back_bit_for_bit,
        text_comes_back_as_it_was,
        blobs_come_back_as_they_were,
        null_is_not_an_empty_value,
        nan_is_refused,
        nul_in_text_is_refused,
        blobs_compare_by_bytes,
        text_compares_by_bytes;
    statements:
        a_wrong_number_of_parameters_is_refused,
        several_statements_in_one_are_refused,
        changed_rows_are_counted,
        returning_gives_the_rows,
        an_upsert_changes_the_row_that_is_there,
        visit_sees_what_query_sees,
        visit_stops_when_told_to,
        visit_passes_an_error_on,
        a_visitor_may_use_the_backend,
        an_error_leaves_the_backend_usable,
        a_broken_constraint_is_a_conflict,
        a_large_result_is_complete;
    transactions:
        a_commit_keeps_everything,
        a_drop_keeps_nothing,
        a_panic_keeps_nothing,
        a_shared_write_is_a_transaction_like_any_other, a_second_begin_is_refused_and_spares_the_first,
        the_backend_works_inside_the_open_transaction,
        a_failed_statement_never_leaves_half_a_commit,
        a_read_transaction_refuses_to_write,
        a_new_table_is_rolled_back,
        the_dialect_is_the_same_inside;
    races:
        a_single_statement_is_visible_to_other_threads_at_once,
        a_read_transaction_sees_one_state,
        an_open_transaction_is_invisible_to_other_threads,
        write_transactions_exclude_each_other,
        single_statements_lose_no_update,
        one_of_many_equal_keys_wins,
        readers_never_see_half_a_transaction,
        a_thread_that_dies_rolls_back;
};
