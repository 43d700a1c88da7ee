//! Single statements: parameters, counts, rows, visitors and errors.

use std::ops::ControlFlow;

use super::failure::{Failure, Outcome, refused, same};
use super::fixture::{PAIRS, Table, pairs};
use crate::backend::{Access, Value, ValueRef};
use crate::words::{ErrorKind, StoreError};

pub(super) fn a_wrong_number_of_parameters_is_refused(table: &Table<'_>) -> Outcome {
    let insert = "INSERT INTO @ (id, n) VALUES (?, ?)";
    refused("no parameter for two", table.exec(insert, &[]), ErrorKind::Invalid)?;
    refused("one parameter for two", table.exec(insert, &[Value::Int(1)]), ErrorKind::Invalid)?;
    refused("three parameters for two", table.exec(insert, &[1, 2, 3].map(Value::Int)), ErrorKind::Invalid)?;
    refused("a parameter for none", table.query("SELECT id FROM @", &[Value::Int(1)]), ErrorKind::Invalid)?;
    table.holds("after wrong numbers of parameters", &[])
}

pub(super) fn several_statements_in_one_are_refused(table: &Table<'_>) -> Outcome {
    let two = "INSERT INTO @ (id, n) VALUES (1, 1); INSERT INTO @ (id, n) VALUES (2, 2)";
    if table.exec(two, &[]).is_ok() {
        return Err(Failure::new("two statements in one to be refused", "success"));
    }
    table.holds("after two statements in one were refused", &[])?;
    table.exec("INSERT INTO @ (id, n) VALUES (3, 3);", &[])?;
    table.holds("after a statement that ends in a semicolon", &[(3, 3)])
}

pub(super) fn changed_rows_are_counted(table: &Table<'_>) -> Outcome {
    same("rows inserted", table.exec("INSERT INTO @ (id, n) VALUES (1, 1), (2, 2), (3, 3)", &[])?, 3)?;
    same("rows that a new index changes", table.exec("CREATE INDEX @_n ON @ (n)", &[])?, 0)?;
    same("rows updated", table.exec("UPDATE @ SET n = n + ? WHERE id <= ?", &[10, 2].map(Value::Int))?, 2)?;
    same("rows updated to what they were", table.exec("UPDATE @ SET n = n WHERE id = 3", &[])?, 1)?;
    same("rows updated where there are none", table.exec("UPDATE @ SET n = 0 WHERE id = 9", &[])?, 0)?;
    same("rows deleted", table.exec("DELETE FROM @", &[])?, 3)?;
    same("rows deleted where there are none", table.exec("DELETE FROM @", &[])?, 0)
}

pub(super) fn returning_gives_the_rows(table: &Table<'_>) -> Outcome {
    let insert = "INSERT INTO @ (id, n) VALUES (?, ?), (?, ?) RETURNING id, n";
    same("the rows inserted", table.query(insert, &[1, 10, 2, 20].map(Value::Int))?, pairs(&[(1, 10), (2, 20)]))?;
    let update = "UPDATE @ SET n = n + 1 WHERE id = ? RETURNING id, n";
    same("the row updated", table.query(update, &[Value::Int(2)])?, pairs(&[(2, 21)]))?;
    same("no row updated", table.query(update, &[Value::Int(3)])?, vec![])?;
    table.holds("after RETURNING", &[(1, 10), (2, 21)])
}

pub(super) fn an_upsert_changes_the_row_that_is_there(table: &Table<'_>) -> Outcome {
    let upsert = "INSERT INTO @ (id, n) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET n = excluded.n";
    same("rows of a first upsert", table.exec(upsert, &[1, 10].map(Value::Int))?, 1)?;
    same("rows of a second upsert", table.exec(upsert, &[1, 11].map(Value::Int))?, 1)?;
    let ignore = "INSERT INTO @ (id, n) VALUES (?, ?) ON CONFLICT DO NOTHING";
    same("rows of an insert that does nothing", table.exec(ignore, &[1, 12].map(Value::Int))?, 0)?;
    table.holds("after upserts", &[(1, 11)])
}

pub(super) fn visit_sees_what_query_sees(table: &Table<'_>) -> Outcome {
    let row = [Value::Int(1), Value::Int(2), Value::Real(0.5), Value::Text("ü".to_owned()), Value::Blob(vec![0, 255])];
    table.exec("INSERT INTO @ (id, n, r, t, b) VALUES (?, ?, ?, ?, ?)", &row)?;
    table.put(2, 3)?;
    let sql = table.sql("SELECT id, n, r, t, b FROM @ WHERE id >= ? ORDER BY id");
    let expected = table.db.query(&sql, &[Value::Int(1)])?;
    let mut found = Vec::new();
    table.db.visit(&sql, &[Value::Int(1)], &mut |row| {
        found.push(row.iter().copied().map(ValueRef::to_value).collect());
        Ok(ControlFlow::Continue(()))
    })?;
    same("the rows visited", found, expected.clone())?;
    let tx = table.db.begin(Access::Read)?;
    let mut found = Vec::new();
    tx.visit(&sql, &[Value::Int(1)], &mut |row| {
        found.push(row.iter().copied().map(ValueRef::to_value).collect());
        Ok(ControlFlow::Continue(()))
    })?;
    same("the rows visited in a transaction", found, expected)
}

pub(super) fn visit_stops_when_told_to(table: &Table<'_>) -> Outcome {
    table.exec("INSERT INTO @ (id, n) VALUES (1, 1), (2, 2), (3, 3)", &[])?;
    let mut seen = 0;
    table.db.visit(&table.sql(PAIRS), &[], &mut |_| {
        seen += 1;
        Ok(if seen == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    same("the rows visited until the second said stop", seen, 2)?;
    // A statement that was left in the middle must not keep its locks.
    table.exec("DELETE FROM @", &[])?;
    table.holds("after a visit that stopped early", &[])
}

pub(super) fn visit_passes_an_error_on(table: &Table<'_>) -> Outcome {
    table.exec("INSERT INTO @ (id, n) VALUES (1, 1), (2, 2)", &[])?;
    let error = || StoreError::NotFound { what: "the visitor's patience", name: "row 1".to_owned() };
    let mut seen = 0;
    let found = table.db.visit(&table.sql(PAIRS), &[], &mut |_| {
        seen += 1;
        Err(error())
    });
    same("the visitor's error", found, Err(error()))?;
    same("the rows visited until the first failed", seen, 1)?;
    table.exec("DELETE FROM @", &[])?;
    table.holds("after a visit that failed", &[])
}

pub(super) fn a_visitor_may_use_the_backend(table: &Table<'_>) -> Outcome {
    table.exec("INSERT INTO @ (id, n) VALUES (1, 1), (2, 2), (3, 3)", &[])?;
    let sql = table.sql(PAIRS);
    let mut inner = 0;
    table.db.visit(&sql, &[], &mut |_| {
        inner += table.db.query(&sql, &[])?.len();
        Ok(ControlFlow::Continue(()))
    })?;
    same("the rows of the same statement, run again by its visitor", inner, 9)
}

pub(super) fn an_error_leaves_the_backend_usable(table: &Table<'_>) -> Outcome {
    for broken in ["SELEC 1", "SELECT missing FROM @", "SELECT 1 FROM @_missing", "INSERT INTO @ (n) VALUES (1)"] {
        if table.exec(broken, &[]).is_ok() {
            return Err(Failure::new(format_args!("{broken:?} to be an error"), "success"));
        }
        if table.query(broken, &[]).is_ok() {
            return Err(Failure::new(format_args!("the query {broken:?} to be an error"), "success"));
        }
    }
    table.put(1, 1)?;
    let tx = table.db.begin(Access::Write)?;
    table.put_in(&*tx, 2, 2)?;
    tx.commit()?;
    table.holds("after errors", &[(1, 1), (2, 2)])
}

pub(super) fn a_broken_constraint_is_a_conflict(table: &Table<'_>) -> Outcome {
    table.put(1, 1)?;
    refused("a second row with the same key", table.put(1, 2), ErrorKind::Conflict)?;
    refused("a row without a key", table.exec("INSERT INTO @ (n) VALUES (1)", &[]), ErrorKind::Conflict)?;
    let half = table.exec("INSERT INTO @ (id, n) VALUES (2, 2), (1, 3)", &[]);
    refused("a good row and one with the same key", half, ErrorKind::Conflict)?;
    table.holds("after conflicts", &[(1, 1)])
}

pub(super) fn a_large_result_is_complete(table: &Table<'_>) -> Outcome {
    const ROWS: i64 = 20_000;
    let filled = table.exec(
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000)
         INSERT INTO @ (id, n) SELECT i, -i FROM c",
        &[],
    )?;
    same("the rows inserted", filled, ROWS.unsigned_abs())?;
    let expected: Vec<_> = (1..=ROWS).map(|id| (id, -id)).collect();
    table.holds("of a large table", &expected)?;
    let mut next = 1;
    table.db.visit(&table.sql(PAIRS), &[], &mut |row| {
        if row == [ValueRef::Int(next), ValueRef::Int(-next)] {
            next += 1;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    same("the rows visited in order", next - 1, ROWS)
}
