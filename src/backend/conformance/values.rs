//! Values come back as they went in, and compare the same everywhere.

use super::failure::{Failure, Outcome, refused, same};
use super::fixture::Table;
use crate::backend::Value;
use crate::words::ErrorKind;

const MIB: usize = 1 << 20;

pub(super) fn integers_keep_64_bits(table: &Table<'_>) -> Outcome {
    let ints = [i64::MIN, i64::MIN + 1, -(1 << 40), -1, 0, 1, 1 << 31, (1 << 32) + 1, i64::MAX - 1, i64::MAX];
    come_back(table, "n", ints.map(Value::Int))?;
    for int in ints {
        let found = table.query("SELECT count(*) FROM @ WHERE n = ?", &[Value::Int(int)])?;
        same(format_args!("the rows where n = {int}"), found, vec![vec![Value::Int(1)]])?;
    }
    let found = table.query("SELECT n FROM @ WHERE n > ? ORDER BY n", &[Value::Int(1 << 32)])?;
    let expected = [(1 << 32) + 1, i64::MAX - 1, i64::MAX].map(|int| vec![Value::Int(int)]);
    same("the integers above 2^32, in order", found, expected.to_vec())
}

pub(super) fn floats_come_back_bit_for_bit(table: &Table<'_>) -> Outcome {
    let floats = [0.0, 1.0, -1.0, 0.1, 1.0 / 3.0, 5e-324, f64::MIN_POSITIVE, f64::MAX, f64::MIN];
    for (id, float) in (0..).zip(floats.into_iter().chain([f64::INFINITY, f64::NEG_INFINITY])) {
        table.exec("INSERT INTO @ (id, r) VALUES (?, ?)", &[Value::Int(id), Value::Real(float)])?;
        let found = table.query("SELECT r FROM @ WHERE id = ?", &[Value::Int(id)])?;
        match found.first().and_then(|row| row.first()) {
            Some(Value::Real(found)) if found.to_bits() == float.to_bits() => {}
            other => return Err(Failure::new(format_args!("the float {float:e}"), format_args!("{other:?}"))),
        }
    }
    Ok(())
}

pub(super) fn text_comes_back_as_it_was(table: &Table<'_>) -> Outcome {
    let texts =
        ["", " ", "'\"\\%_?$1", "line\r\nbreak\ttab", "e\u{301} is not \u{e9}", "日本語 🦀 \u{10ffff}", "123", "1.0"];
    come_back(table, "t", texts.map(|text| Value::Text(text.to_owned())))?;
    table.exec("DELETE FROM @", &[])?;
    come_back(table, "t", [Value::Text("é".repeat(MIB / 2))])
}

pub(super) fn blobs_come_back_as_they_were(table: &Table<'_>) -> Outcome {
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let large = every_byte.repeat(MIB / every_byte.len());
    come_back(
        table,
        "b",
        [vec![], vec![0], vec![0xff, 0, 0xfe], b"plain text".to_vec(), every_byte, large].map(Value::Blob),
    )
}

pub(super) fn null_is_not_an_empty_value(table: &Table<'_>) -> Outcome {
    let empty = [Value::Int(1), Value::Int(0), Value::Real(0.0), Value::Text(String::new()), Value::Blob(vec![])];
    let null = [Value::Int(2), Value::Null, Value::Null, Value::Null, Value::Null];
    for row in [&empty, &null] {
        table.exec("INSERT INTO @ (id, n, r, t, b) VALUES (?, ?, ?, ?, ?)", row)?;
    }
    let found = table.query("SELECT id, n, r, t, b FROM @ ORDER BY id", &[])?;
    same("a row of empty values and a row of NULL", found, vec![empty.to_vec(), null.to_vec()])?;
    let absent = "SELECT id FROM @ WHERE n IS NULL AND r IS NULL AND t IS NULL AND b IS NULL";
    same("the rows where all is NULL", table.query(absent, &[])?, vec![vec![Value::Int(2)]])
}

pub(super) fn nan_is_refused(table: &Table<'_>) -> Outcome {
    let nan = table.exec("INSERT INTO @ (id, r) VALUES (1, ?)", &[Value::Real(f64::NAN)]);
    refused("NaN", nan, ErrorKind::Invalid)?;
    table.holds("after NaN was refused", &[])
}

pub(super) fn nul_in_text_is_refused(table: &Table<'_>) -> Outcome {
    let nul = table.exec("INSERT INTO @ (id, t) VALUES (1, ?)", &[Value::Text("a\0b".to_owned())]);
    refused("text with a NUL character", nul, ErrorKind::Invalid)?;
    table.holds("after a NUL character was refused", &[])
}

pub(super) fn blobs_compare_by_bytes(table: &Table<'_>) -> Outcome {
    let ascending: [&[u8]; 7] = [&[], &[0], &[0, 0], &[0, 1], &[0x7f], &[0x80], &[0xff, 0]];
    sort(table, "b", ascending.map(|bytes| Value::Blob(bytes.to_vec())))
}

pub(super) fn text_compares_by_bytes(table: &Table<'_>) -> Outcome {
    let ascending = ["", " ", "A", "B", "_", "a", "a ", "aa", "b", "e\u{301}", "\u{e9}", "\u{ffff}", "\u{1f980}"];
    sort(table, "t", ascending.map(|text| Value::Text(text.to_owned())))
}

/// Each value, stored in `column`, is read back, and found by equality among the others.
fn come_back<const N: usize>(table: &Table<'_>, column: &str, values: [Value; N]) -> Outcome {
    for (id, value) in (0..).zip(&values) {
        table.exec(&format!("INSERT INTO @ (id, {column}) VALUES (?, ?)"), &[Value::Int(id), value.clone()])?;
    }
    for (id, value) in (0..).zip(values) {
        let by_id = table.query(&format!("SELECT {column} FROM @ WHERE id = ?"), &[Value::Int(id)])?;
        same("the value read back", by_id, vec![vec![value.clone()]])?;
        let by_value = table.query(&format!("SELECT id FROM @ WHERE {column} = ?"), &[value])?;
        same("the key of the value", by_value, vec![vec![Value::Int(id)]])?;
    }
    Ok(())
}

/// Values that were stored in descending order come out of `ORDER BY` ascending, and `<` agrees.
fn sort<const N: usize>(table: &Table<'_>, column: &str, ascending: [Value; N]) -> Outcome {
    for (id, value) in (0..).zip(ascending.iter().rev()) {
        table.exec(&format!("INSERT INTO @ (id, {column}) VALUES (?, ?)"), &[Value::Int(id), value.clone()])?;
    }
    let expected: Vec<_> = ascending.iter().map(|value| vec![value.clone()]).collect();
    same("the order", table.query(&format!("SELECT {column} FROM @ ORDER BY {column}"), &[])?, expected)?;
    for (smaller, value) in (0..).zip(ascending) {
        let count = format!("SELECT count(*) FROM @ WHERE {column} < ?");
        same(
            format_args!("the values below {value:?}"),
            table.query(&count, std::slice::from_ref(&value))?,
            vec![vec![Value::Int(smaller)]],
        )?;
    }
    Ok(())
}
