//! A named counter that only moves forward.

use std::ops::ControlFlow;

use super::table::agent_store;
use crate::backend::{Backend, Dialect, Value, columns};
use crate::words::limits::COUNTER_MAX;
use crate::words::{Result, StoreError, check_name};

const SQLITE: &str =
    "CREATE TABLE IF NOT EXISTS vault_generation (key TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT";
const POSTGRES: &str =
    "CREATE TABLE IF NOT EXISTS vault_generation (key TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL)";

const CURRENT: &str = "SELECT value FROM vault_generation WHERE key = ?";
// Both writes leave a negative value as it is: it is not ours, and reading it reports it.
const BUMP: &str = "INSERT INTO vault_generation (key, value) VALUES (?, 1) \
    ON CONFLICT (key) DO UPDATE SET value = vault_generation.value + 1 \
    WHERE vault_generation.value >= 0 AND vault_generation.value < ? RETURNING value";
const SET: &str = "INSERT INTO vault_generation (key, value) VALUES (?, ?) \
    ON CONFLICT (key) DO UPDATE SET value = excluded.value \
    WHERE vault_generation.value >= 0 AND excluded.value >= vault_generation.value RETURNING value";

/// A named counter that starts at 0 and only moves forward, whoever races for it.
///
/// Many counters live in one store, each under its name of 1 to 128 bytes. Every write is one statement, so it is
/// atomic by itself and part of a transaction where one is open. A counter ends at 2^63 - 1 and never wraps.
///
/// ```
/// use causal_vault::{Generation, SqliteBackend};
///
/// let db = SqliteBackend::in_memory()?;
/// Generation::ensure_schema(&db)?;
/// let report = Generation::new("report");
/// assert_eq!(report.bump(&db)?, 1);
/// assert_eq!(report.bump(&db)?, 2);
/// assert_eq!(Generation::new("other").current(&db)?, 0);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Generation {
    key: String,
}

impl Generation {
    /// Names a counter; the name is checked when the counter is used.
    ///
    /// ```
    /// use causal_vault::{Generation, SqliteBackend};
    ///
    /// let db = SqliteBackend::in_memory()?;
    /// Generation::ensure_schema(&db)?;
    /// assert!(Generation::new("").current(&db).is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn new(key: impl Into<String>) -> Self {
        Self { key: key.into() }
    }

    /// Creates the table if it is not there.
    ///
    /// Where agent-store left counters in the same database that were not imported, this is
    /// [`StoreError::NotImported`]: they would start again at 0. See [`import_agent_store`](crate::import_agent_store).
    ///
    /// ```
    /// use causal_vault::{Generation, SqliteBackend};
    ///
    /// let db = SqliteBackend::in_memory()?;
    /// Generation::ensure_schema(&db)?;
    /// Generation::ensure_schema(&db)?;
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn ensure_schema(db: &dyn Backend) -> Result<()> {
        Self::create(db)?;
        if !agent_store::has_generations(db)? {
            return Ok(());
        }
        for (key, left) in agent_store::generations(db)? {
            let found = if check_name("generation", &key).is_ok() { Self::new(&key).current(db)? } else { 0 };
            if found < left {
                return Err(StoreError::NotImported { what: format!("generation {key:?}"), left, found });
            }
        }
        Ok(())
    }

    /// Creates the table if it is not there.
    pub(crate) fn create(db: &dyn Backend) -> Result<()> {
        db.check()?;
        let schema = match db.dialect() {
            Dialect::Postgres => POSTGRES,
            Dialect::Sqlite => SQLITE,
        };
        db.exec(schema, &[]).map(drop)
    }

    /// The value: 0 for a counter that was never moved.
    ///
    /// ```
    /// use causal_vault::{Generation, SqliteBackend};
    ///
    /// let db = SqliteBackend::in_memory()?;
    /// Generation::ensure_schema(&db)?;
    /// assert_eq!(Generation::new("report").current(&db)?, 0);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn current(&self, db: &dyn Backend) -> Result<u64> {
        Ok(value(db, CURRENT, &[self.key()?])?.unwrap_or(0))
    }

    /// Adds one and returns the new value, which no other call returns. The first is 1.
    ///
    /// ```
    /// use causal_vault::{ErrorKind, Generation, SqliteBackend};
    ///
    /// let db = SqliteBackend::in_memory()?;
    /// Generation::ensure_schema(&db)?;
    /// let report = Generation::new("report");
    /// assert_eq!(report.bump(&db)?, 1);
    /// report.set(&db, i64::MAX as u64)?;
    /// assert_eq!(report.bump(&db).unwrap_err().kind(), ErrorKind::Limit);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn bump(&self, db: &dyn Backend) -> Result<u64> {
        if let Some(new) = value(db, BUMP, &[self.key()?, Value::Int(i64::MAX)])? {
            return Ok(new);
        }
        match self.current(db)? {
            COUNTER_MAX => Err(beyond(COUNTER_MAX + 1)),
            current => Err(self.lost(current)),
        }
    }

    /// Moves the counter to `value`, or leaves it there; going back is [`StoreError::NonMonotonicGeneration`].
    ///
    /// ```
    /// use causal_vault::{Generation, SqliteBackend};
    ///
    /// let db = SqliteBackend::in_memory()?;
    /// Generation::ensure_schema(&db)?;
    /// let report = Generation::new("report");
    /// report.set(&db, 10)?;
    /// report.set(&db, 10)?;
    /// assert!(report.set(&db, 9).is_err());
    /// assert_eq!(report.current(&db)?, 10);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn set(&self, db: &dyn Backend, value: u64) -> Result<()> {
        let attempted = i64::try_from(value).map_err(|_| beyond(value))?;
        if self::value(db, SET, &[self.key()?, Value::Int(attempted)])?.is_some() {
            return Ok(());
        }
        match self.current(db)? {
            current if current > value => {
                Err(StoreError::NonMonotonicGeneration { key: self.key.clone(), current, attempted: value })
            }
            current => Err(self.lost(current)),
        }
    }

    fn key(&self) -> Result<Value> {
        check_name("generation", &self.key)?;
        Ok(Value::Text(self.key.clone()))
    }

    fn lost(&self, current: u64) -> StoreError {
        StoreError::Corrupt {
            what: "table vault_generation".to_owned(),
            detail: format!(
                "a write of generation {:?} stored nothing and left it at {current}; remove any trigger on the table",
                self.key
            ),
        }
    }
}

fn beyond(value: u64) -> StoreError {
    StoreError::Limit { what: "a generation", found: value, limit: COUNTER_MAX, unit: "steps" }
}

/// Reads to the end of the statement even after its one row: that is where a write commits and can still fail.
fn value(db: &dyn Backend, sql: &str, params: &[Value]) -> Result<Option<u64>> {
    let mut found = None;
    db.visit(sql, params, &mut |row| {
        found = Some(columns::counter(row, 0)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::thread;

    use super::*;
    use crate::backend::{Access, Durability, SqliteBackend, SqliteOptions};

    fn db() -> SqliteBackend {
        let db = SqliteBackend::in_memory().unwrap();
        Generation::ensure_schema(&db).unwrap();
        db
    }

    fn on_a_file_and_in_memory(body: impl Fn(&SqliteBackend)) {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteOptions::new().durability(Durability::Fast).open(folder.path().join("v")).unwrap();
        Generation::ensure_schema(&file).unwrap();
        body(&file);
        body(&db());
    }

    #[test]
    fn starts_at_zero_then_increments() {
        let db = db();
        let report = Generation::new("report");
        assert_eq!(report.current(&db), Ok(0));
        assert_eq!(report.bump(&db), Ok(1));
        assert_eq!(report.bump(&db), Ok(2));
        assert_eq!(report.current(&db), Ok(2));
    }

    #[test]
    fn counters_are_independent() {
        let db = db();
        let (a, b) = (Generation::new("a"), Generation::new("b"));
        a.bump(&db).unwrap();
        a.bump(&db).unwrap();
        b.bump(&db).unwrap();
        assert_eq!((a.current(&db), b.current(&db)), (Ok(2), Ok(1)));
    }

    #[test]
    fn set_advances_but_never_rewinds() {
        let db = db();
        let report = Generation::new("report");
        report.set(&db, 10).unwrap();
        let back = StoreError::NonMonotonicGeneration { key: "report".into(), current: 10, attempted: 3 };
        assert_eq!(report.set(&db, 3), Err(back));
        assert_eq!(report.set(&db, 10), Ok(()));
        assert_eq!(report.current(&db), Ok(10));
    }

    #[test]
    fn a_counter_at_its_end_stays_there() {
        let db = db();
        let report = Generation::new("report");
        assert_eq!(report.set(&db, COUNTER_MAX + 1), Err(beyond(COUNTER_MAX + 1)));
        assert_eq!(report.set(&db, u64::MAX), Err(beyond(u64::MAX)));
        assert_eq!(report.current(&db), Ok(0));
        report.set(&db, COUNTER_MAX - 1).unwrap();
        assert_eq!(report.bump(&db), Ok(COUNTER_MAX));
        assert_eq!(report.bump(&db), Err(beyond(COUNTER_MAX + 1)));
        assert_eq!(report.current(&db), Ok(COUNTER_MAX));
    }

    #[test]
    fn a_corrupted_value_is_reported_and_never_moved() {
        let db = db();
        let report = Generation::new("report");
        report.bump(&db).unwrap();
        db.exec("UPDATE vault_generation SET value = -5", &[]).unwrap();
        for result in [report.current(&db), report.bump(&db), report.set(&db, 7).map(|()| 0)] {
            assert!(matches!(&result, Err(StoreError::MalformedRow(found)) if found.contains("-5")), "{result:?}");
        }
        assert_eq!(db.query(CURRENT, &[report.key().unwrap()]).unwrap(), vec![vec![Value::Int(-5)]]);
    }

    #[test]
    fn a_write_that_a_trigger_swallows_is_not_taken_for_a_step_back() {
        let db = db();
        db.exec("CREATE TRIGGER swallow BEFORE INSERT ON vault_generation BEGIN SELECT RAISE(IGNORE); END", &[])
            .unwrap();
        let report = Generation::new("report");
        assert_eq!(report.bump(&db), Err(report.lost(0)));
        assert_eq!(report.set(&db, 4), Err(report.lost(0)));
    }

    #[test]
    fn a_name_follows_the_rule_of_all_names() {
        let db = db();
        for bad in ["", "a\0b", &"x".repeat(129)] {
            let bad = Generation::new(bad);
            assert!(bad.current(&db).is_err() && bad.bump(&db).is_err() && bad.set(&db, 1).is_err());
        }
        assert_eq!(db.query("SELECT key FROM vault_generation", &[]), Ok(vec![]));
    }

    #[test]
    fn a_dropped_transaction_takes_its_bump_back() {
        let db = db();
        let report = Generation::new("report");
        let tx = db.begin(Access::Write).unwrap();
        assert_eq!(report.bump(&db), Ok(1));
        drop(tx);
        assert_eq!(report.bump(&db), Ok(1));
    }

    #[test]
    fn four_hundred_racing_bumps_return_four_hundred_values() {
        on_a_file_and_in_memory(|db| {
            let report = Generation::new("report");
            let mut seen: Vec<u64> = thread::scope(|scope| {
                let bump = || (0..50).map(|_| report.bump(db).unwrap()).collect::<Vec<_>>();
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(bump)).collect();
                threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
            });
            seen.sort_unstable();
            assert_eq!(seen, (1..=400).collect::<Vec<_>>());
        });
    }

    #[test]
    fn four_hundred_racing_sets_end_at_the_largest_and_nobody_sees_a_step_back() {
        on_a_file_and_in_memory(|db| {
            let report = Generation::new("report");
            thread::scope(|scope| {
                for lane in 0..8 {
                    let report = &report;
                    scope.spawn(move || {
                        let mut last = 0;
                        for step in 0..50 {
                            let target = step * 8 + lane;
                            match report.set(db, target) {
                                Ok(()) => {}
                                Err(StoreError::NonMonotonicGeneration { current, .. }) => assert!(current > target),
                                Err(other) => panic!("{other}"),
                            }
                            let now = report.current(db).unwrap();
                            assert!(now >= target && now >= last);
                            last = now;
                        }
                    });
                }
            });
            assert_eq!(report.current(db), Ok(399));
        });
    }

    /// Does nothing unless the test below runs it in a process of its own.
    #[test]
    fn one_of_four_processes() {
        let Ok(file) = std::env::var("CAUSAL_VAULT_TEST_GENERATION") else { return };
        let db = SqliteOptions::new().durability(Durability::Fast).open(file).unwrap();
        Generation::ensure_schema(&db).unwrap();
        for _ in 0..50 {
            Generation::new("report").bump(&db).unwrap();
        }
    }

    #[test]
    fn bumps_of_four_processes_are_all_counted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("v");
        let child = || {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "causal::generation::tests::one_of_four_processes", "--quiet"])
                .env("CAUSAL_VAULT_TEST_GENERATION", &file)
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        };
        let children: Vec<_> = (0..4).map(|_| child()).collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        let db = SqliteBackend::open(&file).unwrap();
        assert_eq!(Generation::new("report").current(&db), Ok(200));
    }
}
