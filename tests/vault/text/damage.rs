//! Indexes that somebody has changed: a search ends with an error or an answer, and a rebuild makes them good.

use std::path::{Path, PathBuf};

use causal_vault::{ErrorKind, Filter, Position, TextRule, Vault};
use rusqlite::{Connection, params};

use super::super::{alice, assert_intact, on_disk};
use super::{below, bits, chat, many, search};
use crate::suite::{Dice, suite};

const TABLES: [&str; 6] = [
    "vault_text_index_data",
    "vault_text_index_idx",
    "vault_text_index_docsize",
    "vault_text",
    "vault_text_progress",
    "vault_text_rule",
];

/// A file with texts in several segments, some of which were removed, and what it answers.
fn told() -> (tempfile::TempDir, PathBuf, Vec<(u64, u64)>) {
    let (folder, vault) = on_disk();
    vault.index_text(TextRule::kind("chat.*").field("x")).unwrap();
    alice(&vault).commit_batch((0..300).map(|n| chat(&format!("other number{n}")))).unwrap();
    search(&vault, "x");
    vault.index_text(TextRule::kind("chat.*")).unwrap();
    for _ in 0..3 {
        many(&vault, 300);
        search(&vault, "x");
    }
    let answer = bits(&vault.search(QUERY, &Filter::all(), usize::MAX).unwrap());
    assert_eq!(answer.len(), 901);
    (folder, vault_path(&vault), answer)
}

const QUERY: &str = "number7 \"message number9\" mess*";

fn vault_path(vault: &Vault) -> PathBuf {
    let rows = vault.backend().query("SELECT file FROM pragma_database_list WHERE name = 'main'", &[]).unwrap();
    match &rows[0][0] {
        causal_vault::Value::Text(path) => path.into(),
        other => panic!("{other:?}"),
    }
}

/// Changes one row, and says which.
fn damage(db: &Connection, dice: &mut Dice) -> String {
    let table = TABLES[below(dice, 6)];
    let columns: Vec<(String, bool)> = db
        .prepare(&format!("SELECT name, pk FROM pragma_table_info('{table}')"))
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? > 0)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let keys: Vec<&str> = columns.iter().filter(|column| column.1).map(|column| column.0.as_str()).collect();
    let column = &columns[below(dice, columns.len())].0;
    let rows: u32 = db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
    let row = dice.below(rows.max(1).into());
    let is_row = format!("({0}) = (SELECT {0} FROM {table} LIMIT 1 OFFSET {row})", keys.join(", "));
    let statement = match dice.below(8) {
        0 => format!("DELETE FROM {table} WHERE {is_row}"),
        1 => format!("UPDATE {table} SET {column} = zeroblob({}) WHERE {is_row}", dice.below(40)),
        2 => {
            format!("UPDATE {table} SET {column} = {} WHERE {is_row}", i64::try_from(dice.below(1 << 50)).unwrap() - 5)
        }
        3 => format!("UPDATE {table} SET {column} = substr({column}, 1, {}) WHERE {is_row}", dice.below(60)),
        _ => {
            // A byte of a blob or text is another; numbers are moved.
            let at = 1 + dice.below(200);
            let byte = dice.below(256);
            format!(
                "UPDATE {table} SET {column} = CASE typeof({column}) WHEN 'integer' THEN {column} + {byte} - 128 ELSE \
                 CAST(CAST(substr({column}, 1, {at}) AS BLOB) || x'{byte:02x}' || substr({column}, {at} + 2) AS BLOB) END \
                 WHERE {is_row}"
            )
        }
    };
    // STRICT tables refuse some of it.
    db.execute(&statement, []).ok();
    statement
}

fn asked(path: &Path) -> Vec<causal_vault::Result<Vec<(u64, u64)>>> {
    let Ok(vault) = Vault::open(path) else { return Vec::new() };
    let filters = [Filter::all(), Filter::all().up_to(Position::new(700)), Filter::stream("conv:demo")];
    filters.iter().map(|filter| vault.search(QUERY, filter, usize::MAX).map(|found| bits(&found))).collect()
}

#[test]
fn a_search_in_a_damaged_index_ends_and_a_rebuild_makes_it_good() {
    let (_folder, path, expected) = told();
    let suite = suite("damaged text index", 20, 2_000);
    let (mut failed, mut wrong) = (0, 0);
    for case in 0..u64::from(suite.cases) {
        let mut dice = suite.dice(case);
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("agents.vault");
        std::fs::copy(&path, &copy).unwrap();
        let db = Connection::open(&copy).unwrap();
        let changes: Vec<_> = (0..1 + dice.below(4)).map(|_| damage(&db, &mut dice)).collect();
        drop(db);
        let answers = asked(&copy);
        failed += answers.iter().filter(|answer| answer.is_err()).count();
        wrong += answers.iter().filter(|answer| answer.as_ref().is_ok_and(|answer| *answer != expected)).count();
        let vault = Vault::open(&copy).unwrap();
        assert_intact(&vault);
        many(&vault, 300);
        vault.search(QUERY, &Filter::all(), 3).ok();
        vault.rebuild(&[]).unwrap_or_else(|error| panic!("case {case}: {changes:?}: {error}"));
        if vault.text_rules().is_ok_and(|rules| rules == [TextRule::kind("chat.*")]) {
            let found = vault.search(QUERY, &Filter::all().up_to(Position::new(1200)), usize::MAX);
            assert_eq!(found.map(|found| bits(&found)), Ok(expected.clone()), "case {case}: {changes:?}");
        }
    }
    println!("{failed} searches failed and {wrong} gave another answer");
    assert!(failed > 0 && wrong > 0);
}

#[test]
fn a_damaged_index_is_said_to_be_one_and_what_to_do() {
    let (_folder, path, expected) = told();
    let db = Connection::open(&path).unwrap();
    db.execute("UPDATE vault_text_index_data SET block = x'' WHERE id > 100", params![]).unwrap();
    let vault = Vault::open(&path).unwrap();
    let error = vault.search(QUERY, &Filter::all(), 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("rebuild fills it anew"), "{error}");
    vault.rebuild(&[]).unwrap();
    assert_eq!(bits(&vault.search(QUERY, &Filter::all(), usize::MAX).unwrap()), expected);
}

#[test]
fn triggers_and_views_in_the_place_of_its_tables_are_refused_before_they_run() {
    for (change, named) in [
        ("CREATE TRIGGER t AFTER INSERT ON vault_text_index_data BEGIN DELETE FROM vault_entry; END", "(t)"),
        ("CREATE TRIGGER t AFTER INSERT ON vault_text BEGIN DELETE FROM vault_entry; END", "trigger \"t\""),
        ("DROP TABLE vault_text; CREATE VIEW vault_text AS SELECT 1 AS entry", "view \"vault_text\""),
        ("DROP TABLE vault_text_index_docsize", "vault_text_index_docsize"),
        ("DROP TABLE vault_text_word", "vault_text_word"),
        ("DROP TABLE vault_text_index; CREATE TABLE vault_text_index (words)", "vault_text_index"),
    ] {
        let (_folder, path, _) = told();
        let other = Connection::open(&path).unwrap();
        let vault = Vault::open(&path).unwrap();
        search(&vault, "message");
        other.execute_batch(change).unwrap();
        // Both a handle that has searched before and one that has not.
        let again = Vault::open(&path);
        for vault in [Ok(vault), again] {
            let error = vault.and_then(|vault| vault.search(QUERY, &Filter::all(), 1)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{change}: {error}");
            assert!(error.to_string().contains(named), "{change}: {error}");
        }
        other.execute_batch("DROP TRIGGER IF EXISTS t").unwrap();
        assert_intact(&Vault::open(&path).unwrap());
    }
}
