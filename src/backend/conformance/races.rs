//! Threads against each other.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use super::failure::{Failure, Outcome, refused, same};
use super::fixture::{Table, elsewhere, join, number, on_eight_threads, spawn};
use crate::backend::{Access, Transaction, Value};
use crate::words::ErrorKind;

const ROUNDS: i64 = 25;

pub(super) fn a_single_statement_is_visible_to_other_threads_at_once(table: &Table<'_>) -> Outcome {
    table.put(1, 10)?;
    elsewhere(|| {
        table.holds("stored by another thread", &[(1, 10)])?;
        table.put(2, 20)?;
        Ok(())
    })?;
    table.holds("stored by two threads", &[(1, 10), (2, 20)])
}

pub(super) fn a_read_transaction_sees_one_state(table: &Table<'_>) -> Outcome {
    table.put(1, 10)?;
    let tx = table.db.begin(Access::Read)?;
    table.holds_in(&*tx, "at the first look", &[(1, 10)])?;
    std::thread::scope(|scope| {
        let (done, is_done) = mpsc::channel();
        let writer = spawn(scope, move || {
            table.exec("UPDATE @ SET n = 11", &[])?;
            table.put(2, 20)?;
            // Nobody listens where the writer had to wait for the reader.
            let _ = done.send(());
            Ok(())
        });
        // An engine with locks instead of versions makes the writer wait until this transaction has ended.
        let _ = is_done.recv_timeout(Duration::from_millis(200));
        table.holds_in(&*tx, "at the second look, while another thread writes", &[(1, 10)])?;
        drop(tx);
        join(writer)?;
        table.holds("after the reader has ended", &[(1, 11), (2, 20)])
    })
}

pub(super) fn an_open_transaction_is_invisible_to_other_threads(table: &Table<'_>) -> Outcome {
    table.put(1, 10)?;
    let tx = table.db.begin(Access::Write)?;
    table.put_in(&*tx, 2, 20)?;
    std::thread::scope(|scope| {
        let (seen, has_seen) = mpsc::channel();
        let reader = spawn(scope, move || {
            let rows = table.query("SELECT count(*) FROM @", &[])?;
            let _ = seen.send(());
            number(&rows)
        });
        let early = has_seen.recv_timeout(Duration::from_millis(200)).is_ok();
        drop(tx);
        same(format_args!("the rows seen by another thread (without a wait: {early})"), join(reader)?, 1)
    })
}

pub(super) fn write_transactions_exclude_each_other(table: &Table<'_>) -> Outcome {
    table.put(1, 0)?;
    on_eight_threads(|_| {
        for _ in 0..ROUNDS {
            let tx = table.db.begin(Access::Write)?;
            let n = read(table, &*tx)?;
            std::thread::yield_now();
            table.exec_in(&*tx, "UPDATE @ SET n = ? WHERE id = 1", &[Value::Int(n + 1)])?;
            tx.commit()?;
        }
        Ok(())
    })?;
    table.holds("after eight threads counted", &[(1, 8 * ROUNDS)])
}

pub(super) fn single_statements_lose_no_update(table: &Table<'_>) -> Outcome {
    table.put(1, 0)?;
    on_eight_threads(|_| {
        for _ in 0..ROUNDS {
            same("rows changed", table.exec("UPDATE @ SET n = n + 1 WHERE id = 1", &[])?, 1)?;
        }
        Ok(())
    })?;
    table.holds("after eight threads counted", &[(1, 8 * ROUNDS)])
}

pub(super) fn one_of_many_equal_keys_wins(table: &Table<'_>) -> Outcome {
    for id in 0..ROUNDS {
        let winners = on_eight_threads(|thread| match table.put(id, thread) {
            Ok(_) => Ok(Some(thread)),
            lost => refused("a key that another thread has taken", lost, ErrorKind::Conflict).map(|()| None),
        })?;
        let winners: Vec<_> = winners.into_iter().flatten().collect();
        let found = number(&table.query("SELECT n FROM @ WHERE id = ?", &[Value::Int(id)])?)?;
        same("the threads that were told they had won", winners, vec![found])?;
    }
    Ok(())
}

pub(super) fn readers_never_see_half_a_transaction(table: &Table<'_>) -> Outcome {
    table.put(1, 1000)?;
    table.put(2, 0)?;
    let finished = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                spawn(scope, || {
                    while !finished.load(Ordering::Relaxed) {
                        let tx = table.db.begin(Access::Read)?;
                        let one = number(&table.query_in(&*tx, "SELECT n FROM @ WHERE id = 1", &[])?)?;
                        let two = number(&table.query_in(&*tx, "SELECT n FROM @ WHERE id = 2", &[])?)?;
                        same("the sum of both accounts", one + two, 1000)?;
                    }
                    Ok(())
                })
            })
            .collect();
        let written = (0..4 * ROUNDS).try_for_each(|_| -> Outcome {
            let tx = table.db.begin(Access::Write)?;
            table.exec_in(&*tx, "UPDATE @ SET n = n - 1 WHERE id = 1", &[])?;
            table.exec_in(&*tx, "UPDATE @ SET n = n + 1 WHERE id = 2", &[])?;
            Ok(tx.commit()?)
        });
        finished.store(true, Ordering::Relaxed);
        readers.into_iter().try_for_each(join)?;
        written
    })?;
    table.holds("after all transfers", &[(1, 1000 - 4 * ROUNDS), (2, 4 * ROUNDS)])
}

pub(super) fn a_thread_that_dies_rolls_back(table: &Table<'_>) -> Outcome {
    for _ in 0..4 {
        let died = std::thread::scope(|scope| {
            scope
                .spawn(|| -> Outcome {
                    let tx = table.db.begin(Access::Write)?;
                    table.put_in(&*tx, 1, 10)?;
                    resume_unwind(Box::new("in the middle of a transaction"))
                })
                .join()
        });
        if let Ok(outcome) = died {
            return outcome.and(Err(Failure::new("a thread that dies", "one that did not")));
        }
        table.holds("after a thread has died", &[])?;
        elsewhere(|| {
            let tx = table.db.begin(Access::Write)?;
            table.put_in(&*tx, 2, 20)?;
            tx.commit()?;
            table.exec("DELETE FROM @", &[])?;
            Ok(())
        })?;
    }
    Ok(())
}

fn read(table: &Table<'_>, tx: &dyn Transaction) -> Outcome<i64> {
    number(&table.query_in(tx, "SELECT n FROM @ WHERE id = 1", &[])?)
}
