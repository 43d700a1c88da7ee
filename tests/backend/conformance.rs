//! The conformance suite passes on every backend of ours, and catches backends that are broken on purpose.

use std::cell::RefCell;

use causal_vault::conformance::{self, CASES, Failure};
use causal_vault::{
    Access, Backend, Dialect, Durability, Result, Row, SqliteBackend, SqliteOptions, Transaction, Value,
};

fn file() -> (tempfile::TempDir, SqliteBackend) {
    let folder = tempfile::tempdir().unwrap();
    let db = SqliteOptions::new().durability(Durability::Fast).open(folder.path().join("agents.vault")).unwrap();
    (folder, db)
}

#[test]
fn a_sqlite_file_conforms() {
    let (_folder, db) = file();
    assert_eq!(conformance::run_all(&db), []);
}

#[test]
fn a_sqlite_file_in_full_durability_conforms() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(conformance::run_all(&SqliteBackend::open(folder.path().join("agents.vault")).unwrap()), []);
}

#[test]
fn sqlite_in_memory_conforms() {
    assert_eq!(conformance::run_all(&SqliteBackend::in_memory().unwrap()), []);
}

#[test]
fn a_handed_in_connection_to_a_file_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let conn = rusqlite::Connection::open(folder.path().join("mine.db")).unwrap();
    conn.pragma_update(None, "journal_mode", "wal").unwrap();
    assert_eq!(conformance::run_all(&SqliteBackend::from_connection(conn)), []);
}

#[test]
fn cases_run_next_to_each_other_and_leave_nothing_behind() {
    let (_folder, db) = file();
    std::thread::scope(|scope| {
        for quarter in CASES.chunks(CASES.len().div_ceil(4)) {
            let db = &db;
            scope.spawn(move || quarter.iter().for_each(|case| case.run(db).unwrap()));
        }
    });
    assert_eq!(db.query("SELECT name FROM sqlite_schema", &[]).unwrap(), Vec::<Row>::new());
}

/// What a backend does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    BlobsLoseTrailingZeros,
    CommitsOnDrop,
    CommitsNothing,
    CutsIntegersTo32Bits,
    DeadThreadsCommit,
    ErrorsAreAllAlike,
    LosesUpdates,
    Panics,
    ReadsNoSnapshot,
    VisitSwallowsErrors,
    WritersDoNotExcludeEachOther,
}

/// A backend with a fault, around one that has none.
struct Broken {
    fault: Fault,
    db: SqliteBackend,
}

struct BrokenTransaction<'a> {
    backend: &'a Broken,
    tx: Option<Box<dyn Transaction + 'a>>,
    /// What a backend that loses updates writes at the commit, whatever has happened since it read.
    late: RefCell<Vec<(String, Vec<Value>)>>,
}

impl Broken {
    fn params(&self, params: &[Value]) -> Vec<Value> {
        assert!(self.fault != Fault::Panics, "a panic on purpose");
        params.iter().cloned().map(|value| self.bend(value)).collect()
    }

    #[allow(clippy::cast_possible_truncation)]
    fn bend(&self, value: Value) -> Value {
        match (self.fault, value) {
            (Fault::CutsIntegersTo32Bits, Value::Int(int)) => Value::Int(i64::from(int as i32)),
            (Fault::BlobsLoseTrailingZeros, Value::Blob(mut blob)) => {
                blob.truncate(blob.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
                Value::Blob(blob)
            }
            (_, value) => value,
        }
    }

    fn answer<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| match self.fault {
            Fault::ErrorsAreAllAlike => causal_vault::StoreError::Backend(error.to_string()),
            _ => error,
        })
    }
}

impl Backend for Broken {
    fn dialect(&self) -> Dialect {
        self.db.dialect()
    }

    fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        self.answer(self.db.exec(sql, &self.params(params)))
    }

    fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        self.answer(self.db.query(sql, &self.params(params)))
    }

    fn begin(&self, access: Access) -> Result<Box<dyn Transaction + '_>> {
        let none = (self.fault == Fault::ReadsNoSnapshot && access == Access::Read)
            || matches!(self.fault, Fault::LosesUpdates | Fault::WritersDoNotExcludeEachOther);
        let tx = if none { None } else { Some(self.db.begin(access)?) };
        Ok(Box::new(BrokenTransaction { backend: self, tx, late: RefCell::default() }))
    }

    fn visit(&self, sql: &str, params: &[Value], visit: &mut causal_vault::Visitor<'_>) -> Result<()> {
        match self.db.visit(sql, &self.params(params), visit) {
            Err(_) if self.fault == Fault::VisitSwallowsErrors => Ok(()),
            other => other,
        }
    }
}

impl Transaction for BrokenTransaction<'_> {
    fn dialect(&self) -> Dialect {
        self.backend.dialect()
    }

    fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        if self.backend.fault == Fault::LosesUpdates {
            self.late.borrow_mut().push((sql.to_owned(), params.to_vec()));
            return Ok(1);
        }
        match &self.tx {
            Some(tx) => self.backend.answer(tx.exec(sql, &self.backend.params(params))),
            None => self.backend.exec(sql, params),
        }
    }

    fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        match &self.tx {
            Some(tx) => self.backend.answer(tx.query(sql, &self.backend.params(params))),
            None => self.backend.query(sql, params),
        }
    }

    fn commit(mut self: Box<Self>) -> Result<()> {
        if self.backend.fault == Fault::LosesUpdates {
            std::thread::sleep(std::time::Duration::from_millis(2));
            let tx = self.backend.db.begin(Access::Write)?;
            for (sql, params) in self.late.take() {
                tx.exec(&sql, &params)?;
            }
            return tx.commit();
        }
        match self.tx.take() {
            Some(tx) if self.backend.fault != Fault::CommitsNothing => tx.commit(),
            _ => Ok(()),
        }
    }
}

impl Drop for BrokenTransaction<'_> {
    fn drop(&mut self) {
        let commits = match self.backend.fault {
            Fault::CommitsOnDrop => true,
            Fault::DeadThreadsCommit => std::thread::panicking(),
            _ => false,
        };
        if let Some(tx) = self.tx.take_if(|_| commits) {
            tx.commit().unwrap();
        }
    }
}

fn failures(fault: Fault) -> Vec<Failure> {
    let (_folder, db) = file();
    conformance::run_all(&Broken { fault, db })
}

#[track_caller]
fn caught(fault: Fault, by: &[&str]) {
    let failed = failures(fault);
    for case in by {
        assert!(failed.iter().any(|failure| failure.case == *case), "{fault:?} passed {case}; caught by {failed:#?}");
    }
    assert!(failed.iter().all(|failure| !failure.expected.is_empty() && !failure.found.is_empty()));
}

#[test]
fn a_backend_that_loses_its_rollback_is_caught() {
    caught(Fault::CommitsOnDrop, &["a_drop_keeps_nothing", "a_panic_keeps_nothing", "a_new_table_is_rolled_back"]);
    caught(Fault::DeadThreadsCommit, &["a_panic_keeps_nothing", "a_thread_that_dies_rolls_back"]);
}

#[test]
fn a_backend_that_loses_its_commit_is_caught() {
    caught(Fault::CommitsNothing, &["a_commit_keeps_everything", "write_transactions_exclude_each_other"]);
}

#[test]
fn a_backend_that_bends_values_is_caught() {
    caught(Fault::CutsIntegersTo32Bits, &["integers_keep_64_bits"]);
    caught(Fault::BlobsLoseTrailingZeros, &["blobs_come_back_as_they_were", "blobs_compare_by_bytes"]);
}

#[test]
fn a_backend_whose_transactions_are_not_isolated_is_caught() {
    caught(Fault::LosesUpdates, &["write_transactions_exclude_each_other"]);
    caught(Fault::ReadsNoSnapshot, &["a_read_transaction_sees_one_state", "a_read_transaction_refuses_to_write"]);
    caught(
        Fault::WritersDoNotExcludeEachOther,
        &[
            "a_drop_keeps_nothing",
            "an_open_transaction_is_invisible_to_other_threads",
            "a_second_begin_is_refused_and_spares_the_first",
        ],
    );
}

#[test]
fn a_backend_that_hides_or_blurs_errors_is_caught() {
    caught(Fault::VisitSwallowsErrors, &["visit_passes_an_error_on"]);
    caught(Fault::ErrorsAreAllAlike, &["a_broken_constraint_is_a_conflict", "one_of_many_equal_keys_wins"]);
}

#[test]
fn a_backend_that_panics_fails_every_case_and_does_not_take_the_suite_down() {
    let failed = failures(Fault::Panics);
    assert_eq!(failed.len(), CASES.len());
    assert_eq!(failed[0].to_string(), "integers_keep_64_bits: expected no panic, found a panic");
}

#[test]
fn every_case_has_a_name_of_its_own() {
    let mut names: Vec<_> = CASES.iter().map(conformance::Case::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CASES.len());
}
