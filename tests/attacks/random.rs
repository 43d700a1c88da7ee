//! Random edits of random cells by plain SQL: detected, refused, or harmless.

use rusqlite::Connection;
use rusqlite::types::Value;

use super::bitflips::{Outcome, outcome, read};
use super::scene::{Copy, scene};
use crate::suite::{Dice, suite};

const TABLES: [&str; 11] = [
    "vault_edge",
    "vault_embedding",
    "vault_entry",
    "vault_kind",
    "vault_log",
    "vault_model",
    "vault_payload",
    "vault_realm",
    "vault_head",
    "vault_timeline",
    "vault_writer",
];

fn column<T: rusqlite::types::FromSql>(conn: &Connection, sql: &str) -> Vec<T> {
    let mut statement = conn.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn spoil(dice: &mut Dice, value: Value) -> Value {
    match value {
        Value::Integer(int) => Value::Integer(match dice.below(4) {
            0 => int.wrapping_add(1),
            1 => int.wrapping_sub(1),
            2 => int ^ (1 << dice.below(48)),
            _ => i64::try_from(dice.below(20)).unwrap(),
        }),
        Value::Blob(mut blob) => {
            match (blob.len() as u64, dice.below(6)) {
                (0, _) | (_, 0) => blob.push(0),
                (_, 1) => drop(blob.pop()),
                (len, _) => blob[usize::try_from(dice.below(len)).unwrap()] ^= 1 << dice.below(8),
            }
            Value::Blob(blob)
        }
        Value::Text(text) => Value::Text(text + "x"),
        Value::Null => Value::Integer(i64::try_from(dice.below(3)).unwrap()),
        Value::Real(_) => Value::Null,
    }
}

/// Spoils one cell, deletes one row or copies one cell over another; says what it did, if the engine let it.
pub(super) fn edit(conn: &Connection, dice: &mut Dice) -> Option<String> {
    let pick = |dice: &mut Dice, len: usize| usize::try_from(dice.below(len as u64)).unwrap();
    let table = TABLES[pick(dice, TABLES.len())];
    let key = if table == "vault_edge" {
        "child"
    } else if table == "vault_realm" {
        "one"
    } else {
        "id"
    };
    let columns: Vec<String> = column(conn, &format!("SELECT name FROM pragma_table_info('{table}')"));
    let column_name = &columns[pick(dice, columns.len())];
    let rows: Vec<i64> = column(conn, &format!("SELECT {key} FROM {table}"));
    if rows.is_empty() {
        return None;
    }
    let row = rows[pick(dice, rows.len())];
    let other = rows[pick(dice, rows.len())];
    let place = format!("WHERE {key} = {row}");
    let (sql, value) = match dice.below(8) {
        0 => (format!("DELETE FROM {table} {place}"), None),
        1 => (
            format!(
                "UPDATE {table} SET {column_name} = (SELECT {column_name} FROM {table} WHERE {key} = {other}) {place}"
            ),
            None,
        ),
        _ => {
            let old: Vec<Value> = column(conn, &format!("SELECT {column_name} FROM {table} {place}"));
            let sql = format!("UPDATE {table} SET {column_name} = ? {place}");
            (sql, Some(spoil(dice, old.into_iter().next()?)))
        }
    };
    let done = conn.execute(&sql, rusqlite::params_from_iter(&value));
    done.is_ok_and(|changed| changed > 0).then(|| format!("{sql} with {value:?}"))
}

#[test]
fn a_random_edit_is_detected_refused_or_harmless() {
    let suite = suite("random edits", 500, 100_000);
    let scene = scene();
    let expected = read(&scene.copy().open()).unwrap();
    let (mut caught, mut harmless) = (0, 0);
    for case in 0..suite.cases {
        let mut dice = suite.dice(case.into());
        let copy: Copy = scene.copy();
        let mut edits = Vec::new();
        copy.edit(|conn| edits.extend((0..=dice.below(2)).filter_map(|_| edit(conn, &mut dice))));
        match outcome(&copy.path, &[scene.anchor], &expected) {
            Outcome::Detected | Outcome::Refused => caught += 1,
            Outcome::Harmless => harmless += 1,
            Outcome::Silent(what) => panic!("case {case} passes verification, and {what}: {edits:#?}"),
        }
    }
    println!("random edits: {caught} caught, {harmless} harmless");
    assert!(caught > harmless, "{caught} caught, {harmless} harmless");
}
