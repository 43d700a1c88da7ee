//! The way along a log: back from its head or from a milestone, and forward by as many as were passed.

use std::ops::ControlFlow;

use super::entry::{self, Link, Place, Row, STRIDE};
use super::head;
use crate::backend::Sql;
use crate::words::{Result, StoreError};

/// An entry of a log: its id and its number.
type Step = (u64, u64);

/// The newest entry of a log: its id and its number.
pub(crate) fn last<S: Sql + ?Sized>(sql: &S, log: i64) -> Result<Option<(u64, u64)>> {
    let Some(id) = head::of_log(sql, log)? else { return Ok(None) };
    match entry::place(sql, id)? {
        Some(place) if place.log == log => Ok(Some((id, place.seq))),
        _ => Err(astray(log, id)),
    }
}

/// What the next entry of a log needs of the newest one.
pub(crate) fn head<S: Sql + ?Sized>(sql: &S, log: i64) -> Result<Option<Link>> {
    let Some((id, _)) = last(sql, log)? else { return Ok(None) };
    entry::link_by_id(sql, id)
}

/// The id of the entry with this number in a log.
pub(crate) fn id_at<S: Sql + ?Sized>(sql: &S, log: i64, seq: u64) -> Result<Option<u64>> {
    Ok(ids_from(sql, log, seq)?.pop())
}

pub(crate) fn link_at<S: Sql + ?Sized>(sql: &S, log: i64, seq: u64) -> Result<Option<Link>> {
    let Some(id) = id_at(sql, log, seq)? else { return Ok(None) };
    entry::link_by_id(sql, id)
}

/// The first sequence number of a log whose entry has an id above `after`: both grow together.
pub(crate) fn first_seq_after<S: Sql + ?Sized>(sql: &S, log: i64, after: u64) -> Result<u64> {
    let Some(mut step) = last(sql, log)? else { return Ok(1) };
    if step.0 <= after {
        return Ok(step.1 + 1);
    }
    let (mut low, mut high) = (1, step.1 / STRIDE + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match entry::milestone(sql, log, middle * STRIDE)? {
            Some(id) if id > after => (step, high) = ((id, middle * STRIDE), middle),
            Some(_) => low = middle + 1,
            None => return Err(unindexed(log, middle * STRIDE)),
        }
    }
    while let Some(previous) = before(sql, log, step)? {
        if previous.0 <= after {
            // It must be the one before, or what lies between would be skipped.
            before(sql, log, previous)?;
            break;
        }
        step = previous;
    }
    Ok(step.1)
}

/// The entry before this one in the log; `None` before the first.
fn before<S: Sql + ?Sized>(sql: &S, log: i64, (id, seq): Step) -> Result<Option<Step>> {
    match entry::place(sql, id)? {
        Some(place) if place == (Place { log, seq, back: 0 }) && seq == 1 => Ok(None),
        Some(place) if (place.log, place.seq) == (log, seq) && seq > 1 && (1..id).contains(&place.back) => {
            Ok(Some((id - place.back, seq - 1)))
        }
        _ => Err(astray(log, id)),
    }
}

fn astray(log: i64, id: u64) -> StoreError {
    StoreError::Corrupt {
        what: format!("log {log}"),
        detail: format!("the way along it leads astray at position {}; run verify", entry::position(id)),
    }
}

/// The ids of some entries of a log from this number on, the first one last: up to a milestone or to the head.
fn ids_from<S: Sql + ?Sized>(sql: &S, log: i64, seq: u64) -> Result<Vec<u64>> {
    let Some(step) = behind(sql, log, seq)? else { return Ok(Vec::new()) };
    // Where as many positions lie between as entries, all of them are of this log.
    let first = step.0.saturating_sub(step.1 - seq);
    if entry::place(sql, first)?.is_some_and(|place| (place.log, place.seq) == (log, seq)) {
        return Ok((first..=step.0).rev().collect());
    }
    let (mut next, mut ids) = (Some(step), Vec::new());
    while let Some(step) = next.filter(|(_, at)| *at >= seq) {
        ids.push(step.0);
        next = before(sql, log, step)?;
    }
    Ok(ids)
}

/// The nearest entry at or behind this number that something leads to.
fn behind<S: Sql + ?Sized>(sql: &S, log: i64, seq: u64) -> Result<Option<Step>> {
    let Some(milestone) = seq.checked_next_multiple_of(STRIDE).filter(|_| seq > 0) else { return Ok(None) };
    for _ in 0..2 {
        if let Some(id) = entry::milestone(sql, log, milestone)? {
            return Ok(Some((id, milestone)));
        }
        match last(sql, log)?.filter(|(_, last)| *last >= seq) {
            // Others may have appended it meanwhile.
            Some((_, last)) if last >= milestone => {}
            found => return Ok(found),
        }
    }
    Err(unindexed(log, milestone))
}

fn unindexed(log: i64, milestone: u64) -> StoreError {
    StoreError::Corrupt {
        what: format!("log {log}"),
        detail: format!("its entry {milestone} is not in the index; run verify, and rebuild"),
    }
}

/// A place in a log that moves forward.
pub(crate) struct Cursor {
    log: i64,
    /// The number of the next entry.
    next: u64,
    /// The ids of the next entries, the first one last.
    ids: Vec<u64>,
}

impl Cursor {
    /// Before the entry with this number.
    pub(crate) fn at(log: i64, seq: u64) -> Self {
        Self { log, next: seq.max(1), ids: Vec::new() }
    }

    /// The id of the next entry, if there is one by now.
    fn peek<S: Sql + ?Sized>(&mut self, sql: &S) -> Result<Option<u64>> {
        if self.ids.is_empty() {
            self.ids = ids_from(sql, self.log, self.next)?;
        }
        Ok(self.ids.last().copied())
    }

    /// Takes the ids up to this one that follow each other, to read them at once.
    fn take_run(&mut self, until: u64) -> Option<(u64, u64)> {
        let first = self.ids.pop().filter(|first| *first <= until)?;
        let mut last = first;
        while self.ids.last().is_some_and(|id| *id == last + 1 && *id <= until) {
            last = self.ids.pop().unwrap_or(last);
        }
        Some((first, last))
    }
}

/// Shows the entries of some logs with ids up to `end` in the order of their ids; each place moves on.
pub(crate) fn merge<S: Sql + ?Sized>(
    sql: &S,
    cursors: &mut [Cursor],
    end: u64,
    mut visit: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut heads = Vec::with_capacity(cursors.len());
    for (at, cursor) in cursors.iter_mut().enumerate() {
        heads.extend(cursor.peek(sql)?.map(|id| (id, at)));
    }
    loop {
        heads.sort_unstable_by(|a, b| b.cmp(a));
        let Some((_, at)) = heads.pop().filter(|(id, _)| *id <= end) else { return Ok(()) };
        let Some(cursor) = cursors.get_mut(at) else { return Ok(()) };
        // This log goes on until another one's next entry comes first.
        let until = heads.last().map_or(end, |(id, _)| id.saturating_sub(1).min(end));
        let Some((first, last)) = cursor.take_run(until) else { return Err(astray(cursor.log, until)) };
        let (mut next, mut stopped) = (first, false);
        entry::scan(sql, first.saturating_sub(1), last, |row| {
            if (row.id, row.log, row.seq) != (next, cursor.log, cursor.next) {
                return Err(astray(cursor.log, next));
            }
            (next, cursor.next) = (next + 1, cursor.next + 1);
            let flow = visit(&row)?;
            stopped = flow.is_break();
            Ok(flow)
        })?;
        if stopped {
            cursor.ids.extend((next..=last).rev());
            return Ok(());
        }
        if next <= last {
            return Err(astray(cursor.log, next));
        }
        if last < end {
            heads.extend(cursor.peek(sql)?.map(|id| (id, at)));
        }
    }
}

/// Shows the entries of one log with sequence numbers from `from`, in order.
pub(crate) fn scan<S: Sql + ?Sized>(
    sql: &S,
    log: i64,
    from: u64,
    visit: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    merge(sql, &mut [Cursor::at(log, from)], u64::MAX, visit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::backend::{Backend, SqliteBackend};
    use crate::causal::WriterLog;

    /// Logs 1, 2 and 3 take these many turns after each other.
    fn history(turns: &[(u8, u8)]) -> (SqliteBackend, Vec<Vec<u64>>) {
        let db = SqliteBackend::in_memory().unwrap();
        WriterLog::ensure_schema(&db).unwrap();
        let (mut logs, mut id) = (vec![Vec::new(); 3], 1 << 40);
        for writer in ["a", "b", "c"] {
            WriterLog::append(&db, "demo", writer, b"first").unwrap();
        }
        for log in &mut logs {
            id += 1;
            log.push(id);
        }
        for (log, count) in turns {
            let log = usize::from(*log);
            let payloads = vec![b"more"; usize::from(*count)];
            WriterLog::append_batch(&db, "demo", ["a", "b", "c"][log], &payloads).unwrap();
            logs[log].extend(id + 1..=id + u64::from(*count));
            id += u64::from(*count);
        }
        (db, logs)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn a_log_is_found_and_followed_however_it_lies_between_others(
            turns in prop::collection::vec((0..3_u8, prop_oneof![Just(1), Just(2), 1..40_u8]), 0..40),
            from in 0..60_u64,
        ) {
            let (db, logs) = history(&turns);
            let db: &dyn Backend = &db;
            for (log, ids) in (1..).zip(&logs) {
                prop_assert_eq!(last(db, log).unwrap(), Some((ids[ids.len() - 1], ids.len() as u64)));
                for (seq, id) in (1..).zip(ids) {
                    prop_assert_eq!(id_at(db, log, seq).unwrap(), Some(*id));
                    prop_assert_eq!(first_seq_after(db, log, id - 1).unwrap(), seq);
                }
                for beyond in [0, ids.len() as u64 + 1, u64::MAX] {
                    prop_assert_eq!(id_at(db, log, beyond).unwrap(), None);
                }
                prop_assert_eq!(first_seq_after(db, log, u64::MAX).unwrap(), ids.len() as u64 + 1);
                let mut found = Vec::new();
                scan(db, log, from, |row| {
                    found.push(row.id);
                    Ok(ControlFlow::Continue(()))
                }).unwrap();
                let skipped = usize::try_from(from.max(1) - 1).unwrap().min(ids.len());
                prop_assert_eq!(&found[..], &ids[skipped..]);
            }
            // Two logs together, stopped after every third entry.
            let (mut cursors, mut found) = ([Cursor::at(1, 1), Cursor::at(3, from)], Vec::new());
            let end = (1 << 40) + 100;
            loop {
                let before = found.len();
                merge(db, &mut cursors, end, |row| {
                    found.push(row.id);
                    Ok(if found.len() % 3 == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
                }).unwrap();
                if found.len() == before {
                    break;
                }
            }
            let skipped = usize::try_from(from.max(1) - 1).unwrap();
            let mut expected: Vec<u64> = logs[0].iter().chain(logs[2].iter().skip(skipped)).copied().collect();
            expected.retain(|id| *id <= end);
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_way_that_leads_astray_is_an_error_and_ends() {
        for damage in [
            "UPDATE vault_entry SET back = back + 1 WHERE log = 1 AND seq = 7",
            "UPDATE vault_entry SET back = 1 << 60 WHERE log = 1 AND seq = 7",
            "UPDATE vault_entry SET back = 0 WHERE log = 1 AND seq = 7",
            "UPDATE vault_entry SET back = 1 WHERE log = 1 AND seq = 1",
            "UPDATE vault_entry SET seq = 70 WHERE log = 1 AND seq = 7",
            "UPDATE vault_entry SET log = 2 WHERE log = 1 AND seq = 7",
            "DELETE FROM vault_entry WHERE log = 1 AND seq = 7",
            "DELETE FROM vault_entry WHERE log = 1 AND seq = 16",
            "UPDATE vault_head SET entry = entry + 1 WHERE id = 1",
            "UPDATE vault_head SET entry = 9 WHERE id = 1",
        ] {
            let (db, logs) = history(&[(0, 5), (1, 1), (0, 5), (2, 1), (0, 9), (1, 1)]);
            let db: &dyn Backend = &db;
            db.exec(damage, &[]).unwrap();
            let mut errors = vec![scan(db, 1, 1, |_| Ok(ControlFlow::Continue(()))).unwrap_err()];
            for (seq, id) in (1..).zip(&logs[0]) {
                match id_at(db, 1, seq) {
                    Ok(found) => assert_eq!(found, Some(*id), "{damage}: entry {seq}"),
                    Err(error) => errors.push(error),
                }
                match first_seq_after(db, 1, id - 1) {
                    Ok(found) => assert_eq!(found, seq, "{damage}: after entry {}", seq - 1),
                    Err(error) => errors.push(error),
                }
            }
            assert!(errors.len() > 1, "{damage}");
            for error in errors {
                assert_eq!(error.kind(), crate::words::ErrorKind::Corrupt, "{damage}: {error}");
            }
        }
    }

    #[test]
    fn one_entry_of_another_log_in_a_stride_is_not_taken_for_one_of_this() {
        let (db, logs) = history(&[(0, 1), (2, 15)]);
        let mut found = Vec::new();
        scan(&db as &dyn Backend, 3, 1, |row| {
            found.push(row.id);
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        assert_eq!((found.len(), &found), (16, &logs[2]));
    }

    #[test]
    fn a_milestone_that_is_not_in_the_index_is_named() {
        let (db, _) = history(&[(0, 40)]);
        let db: &dyn Backend = &db;
        db.exec("UPDATE vault_entry SET seq = 70 WHERE log = 1 AND seq = 32", &[]).unwrap();
        for error in [first_seq_after(db, 1, 1 << 40).unwrap_err(), id_at(db, 1, 20).unwrap_err()] {
            assert!(error.to_string().contains("its entry 32 is not in the index"), "{error}");
        }
    }
}
