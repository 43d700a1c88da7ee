//! Transactions on one thread: all or nothing, whatever ends them.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::failure::{Failure, Outcome, refused, same};
use super::fixture::Table;
use crate::backend::Access;
use crate::words::ErrorKind;

pub(super) fn a_commit_keeps_everything(table: &Table<'_>) -> Outcome {
    let tx = table.db.begin(Access::Write)?;
    table.put_in(&*tx, 1, 10)?;
    table.put_in(&*tx, 2, 20)?;
    table.exec_in(&*tx, "UPDATE @ SET n = n + 1 WHERE id = 2", &[])?;
    table.holds_in(&*tx, "seen by their own transaction", &[(1, 10), (2, 21)])?;
    tx.commit()?;
    table.holds("after a commit", &[(1, 10), (2, 21)])?;
    table.db.begin(Access::Write)?.commit()?;
    table.db.begin(Access::Read)?.commit()?;
    table.holds("after empty commits", &[(1, 10), (2, 21)])
}

pub(super) fn a_drop_keeps_nothing(table: &Table<'_>) -> Outcome {
    table.put(1, 10)?;
    let tx = table.db.begin(Access::Write)?;
    table.put_in(&*tx, 2, 20)?;
    table.exec_in(&*tx, "DELETE FROM @ WHERE id = 1", &[])?;
    table.holds_in(&*tx, "seen by their own transaction", &[(2, 20)])?;
    drop(tx);
    table.holds("after a drop", &[(1, 10)])?;
    let tx = table.db.begin(Access::Write)?;
    table.put_in(&*tx, 3, 30)?;
    tx.commit()?;
    table.holds("of the transaction after the one dropped", &[(1, 10), (3, 30)])
}

pub(super) fn a_panic_keeps_nothing(table: &Table<'_>) -> Outcome {
    let unwound = catch_unwind(AssertUnwindSafe(|| -> Outcome {
        let tx = table.db.begin(Access::Write)?;
        table.put_in(&*tx, 1, 10)?;
        // Unlike `panic!`, without a message on the terminal.
        resume_unwind(Box::new("in the middle of a transaction"))
    }));
    if let Ok(outcome) = unwound {
        return outcome;
    }
    table.holds("after a panic", &[])?;
    table.db.begin(Access::Write)?.commit()?;
    Ok(())
}

pub(super) fn a_second_begin_is_refused_and_spares_the_first(table: &Table<'_>) -> Outcome {
    let tx = table.db.begin(Access::Write)?;
    table.put_in(&*tx, 1, 10)?;
    for access in [Access::Read, Access::Write] {
        if table.db.begin(access).is_ok() {
            return Err(Failure::new(format_args!("a second begin({access:?}) to be refused"), "success"));
        }
    }
    table.put_in(&*tx, 2, 20)?;
    tx.commit()?;
    table.holds("of the first transaction", &[(1, 10), (2, 20)])
}

pub(super) fn a_shared_write_is_a_transaction_like_any_other(table: &Table<'_>) -> Outcome {
    for _ in 0..2 {
        let tx = table.db.begin(Access::SharedWrite)?;
        table.put_in(&*tx, 1, 10)?;
        table.holds_in(&*tx, "seen by their own transaction", &[(1, 10)])?;
        for access in [Access::Read, Access::SharedWrite, Access::Write] {
            if table.db.begin(access).is_ok() {
                return Err(Failure::new(format_args!("a second begin({access:?}) to be refused"), "success"));
            }
        }
        drop(tx);
        table.holds("after a drop", &[])?;
    }
    let tx = table.db.begin(Access::SharedWrite)?;
    table.put_in(&*tx, 1, 10)?;
    tx.commit()?;
    table.holds("after a commit", &[(1, 10)])?;
    table.put(2, 20)?;
    table.db.begin(Access::Write)?.commit()?;
    let tx = table.db.begin(Access::SharedWrite)?;
    table.holds_in(&*tx, "of the thread's own before it", &[(1, 10), (2, 20)])
}

pub(super) fn the_backend_works_inside_the_open_transaction(table: &Table<'_>) -> Outcome {
    let tx = table.db.begin(Access::Write)?;
    table.put_in(&*tx, 1, 10)?;
    table.holds("seen through the backend meanwhile", &[(1, 10)])?;
    table.put(2, 20)?;
    table.holds_in(&*tx, "seen by the transaction", &[(1, 10), (2, 20)])?;
    drop(tx);
    table.holds("after the drop of what went through the backend", &[])
}

pub(super) fn a_failed_statement_never_leaves_half_a_commit(table: &Table<'_>) -> Outcome {
    let tx = table.db.begin(Access::Write)?;
    table.put_in(&*tx, 1, 10)?;
    refused("a second row with the same key", table.put_in(&*tx, 1, 11), ErrorKind::Conflict)?;
    drop(tx);
    table.holds("after an error and a drop", &[])?;
    // Engines disagree whether a transaction survives an error. If one says that it did, all of it must be there.
    let tx = table.db.begin(Access::Write)?;
    table.put_in(&*tx, 1, 10)?;
    refused("a second row with the same key", table.put_in(&*tx, 1, 11), ErrorKind::Conflict)?;
    let later = table.put_in(&*tx, 2, 20);
    match (tx.commit(), later) {
        (Ok(()), Ok(_)) => table.holds("that a commit acknowledged", &[(1, 10), (2, 20)]),
        (Ok(()), Err(_)) => table.holds("that a commit acknowledged", &[(1, 10)]),
        (Err(_), _) => table.holds("after a commit that failed", &[]),
    }
}

pub(super) fn a_read_transaction_refuses_to_write(table: &Table<'_>) -> Outcome {
    let tx = table.db.begin(Access::Read)?;
    if table.put_in(&*tx, 1, 10).is_ok() {
        return Err(Failure::new("a write in a read transaction to be refused", "success"));
    }
    drop(tx);
    table.holds("after a write in a read transaction", &[])?;
    table.put(1, 10)?;
    table.holds("after a read transaction", &[(1, 10)])
}

pub(super) fn a_new_table_is_rolled_back(table: &Table<'_>) -> Outcome {
    let tx = table.db.begin(Access::Write)?;
    table.exec_in(&*tx, "CREATE TABLE @_two (x BIGINT)", &[])?;
    table.exec_in(&*tx, "INSERT INTO @_two (x) VALUES (1)", &[])?;
    drop(tx);
    if table.query("SELECT x FROM @_two", &[]).is_ok() {
        return Err(Failure::new("no table after its transaction was dropped", "the table"));
    }
    Ok(())
}

pub(super) fn the_dialect_is_the_same_inside(table: &Table<'_>) -> Outcome {
    same("the transaction's dialect", table.db.begin(Access::Read)?.dialect(), table.db.dialect())
}
