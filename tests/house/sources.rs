//! What a source file may hold.

use std::collections::BTreeMap;

use super::{File, assert_clean, assert_complains, find_word, repository};

/// Lines of one file of `src`.
const LINES_MAX: usize = 400;

/// The files that may read a clock, and what for. Order is never decided by one.
const CLOCKS: &[(&str, &str)] = &[
    ("src/backend/sqlite/options.rs", "how long the switch to WAL of a new file has been waited for"),
    ("src/causal/claim.rs", "the time that an entry claims, for display"),
    ("src/vault/cursor.rs", "how long a poll has waited"),
    ("src/vault/group/queue.rs", "whether the members of a group were told a moment ago, and likely come again"),
];

/// Words that lead out of this repository, in two halves so that this file does not hold them.
const FOREIGN: &[(&str, &str)] = &[("/wo", "rk/"), ("../sha", "red")];

fn long_files(files: &[File]) -> Vec<String> {
    let lines = |file: &File| file.text.lines().count();
    files
        .iter()
        .filter(|file| file.is_rust_of("src/") && lines(file) > LINES_MAX)
        .map(|file| format!("{}: has {} lines, the limit is {LINES_MAX}; is it one noun?", file.path, lines(file)))
        .collect()
}

/// Lines of code in `src` that hold one of `words`.
fn mentions<'a>(files: &'a [File], words: &'a [&'a str]) -> impl Iterator<Item = (&'a File, usize, &'a str)> {
    files.iter().filter(|file| file.is_rust_of("src/")).flat_map(move |file| {
        file.code().lines.into_iter().flat_map(move |(line, code)| {
            words.iter().filter(move |word| find_word(&code, word).is_some()).map(move |word| (file, line, *word))
        })
    })
}

fn engines_outside_the_backend(files: &[File]) -> Vec<String> {
    mentions(files, &["rusqlite", "libsqlite3_sys"])
        .filter(|(file, ..)| !file.path.starts_with("src/backend/"))
        .map(|(file, line, word)| format!("{}:{line}: names {word}; only src/backend may", file.path))
        .collect()
}

fn clocks(files: &[File], allowed: &[(&str, &str)]) -> Vec<String> {
    let found: Vec<_> =
        mentions(files, &["SystemTime", "UNIX_EPOCH", "Instant::now", "chrono", "time::OffsetDateTime"]).collect();
    let unneeded = allowed
        .iter()
        .filter(|(path, _)| !found.iter().any(|(file, ..)| file.path == *path))
        .map(|(path, _)| format!("{path}: reads no clock; take it off the list"));
    found
        .iter()
        .filter(|(file, ..)| !allowed.iter().any(|(path, _)| file.path == *path))
        .map(|(file, line, word)| format!("{}:{line}: reads a clock ({word})", file.path))
        .chain(unneeded)
        .collect()
}

fn loose_ends(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.is_rust_of("")) {
        for (line, code) in file.code().lines {
            for end in ["todo!", "unimplemented!", "dbg!"] {
                if code.contains(end) {
                    complaints.push(format!("{}:{line}: holds {end}", file.path));
                }
            }
        }
    }
    complaints
}

/// Each table belongs to the one file whose string literals name it. A file's own tests may look behind any of them.
fn shared_tables(files: &[File]) -> Vec<String> {
    let mut owners = BTreeMap::<String, Vec<&str>>::new();
    for file in files.iter().filter(|file| file.is_rust_of("src/")) {
        let lexed = file.code();
        let tests =
            lexed.lines.iter().find(|(_, code)| code.contains("#[cfg(test)]")).map_or(usize::MAX, |line| line.0);
        for (_, literal) in lexed.strings.iter().filter(|(line, _)| *line < tests) {
            for table in tables(literal) {
                let files = owners.entry(table).or_default();
                if files.last() != Some(&file.path.as_str()) {
                    files.push(&file.path);
                }
            }
        }
    }
    owners
        .iter()
        .filter(|(_, files)| files.len() > 1)
        .map(|(table, files)| format!("{table}: is named in {}; one file owns a table", files.join(" and ")))
        .collect()
}

fn tables(literal: &str) -> impl Iterator<Item = String> + '_ {
    literal
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| {
            word.strip_prefix("vault_").is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
        })
        .map(str::to_owned)
}

fn foreign_words(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        for (line, text) in (1..).zip(file.text.lines()) {
            for (head, tail) in FOREIGN {
                if text.contains(&format!("{head}{tail}")) {
                    complaints
                        .push(format!("{}:{line}: holds {head}{tail}, which a stranger cannot follow", file.path));
                }
            }
        }
    }
    complaints
}

#[test]
fn no_source_file_is_longer_than_the_limit() {
    assert_clean(&long_files(&repository()));
    let of = |lines| long_files(&[File::new("src/vault/read.rs", &"x\n".repeat(lines))]);
    assert_clean(&of(LINES_MAX));
    assert_complains(&of(LINES_MAX + 1), "has 401 lines");
}

#[test]
fn only_the_backend_names_the_engine() {
    assert_clean(&engines_outside_the_backend(&repository()));
    let in_causal = |text| engines_outside_the_backend(&[File::new("src/causal/entry.rs", text)]);
    assert_complains(&in_causal("use rusqlite::Connection;\n"), "entry.rs:1: names rusqlite");
    assert_clean(&in_causal("// rusqlite cannot\nfn not_rusqlite_here() {}\n"));
    assert_clean(&engines_outside_the_backend(&[File::new("src/backend/sqlite/mod.rs", "use rusqlite::Row;")]));
}

#[test]
fn no_clock_is_read_outside_the_files_that_say_why() {
    assert_clean(&clocks(&repository(), CLOCKS));
    let of = |text| clocks(&[File::new("src/causal/log.rs", text)], &[]);
    assert_complains(&of("let now = SystemTime::now();\n"), "log.rs:1: reads a clock (SystemTime)");
    assert_complains(&of("\nlet now = std::time::Instant::now();\n"), "log.rs:2: reads a clock (Instant::now)");
    assert_clean(&of("// not chrono\nlet wait: Duration = timeout;\n"));
    assert_complains(&clocks(&[], &[("src/gone.rs", "nothing")]), "take it off the list");
}

#[test]
fn every_table_is_named_in_one_file() {
    assert_clean(&shared_tables(&repository()));
    let owner = File::new("src/causal/entry.rs", "const A: &str = \"SELECT 1 FROM vault_entry\";\n");
    let thief = File::new("src/vault/read.rs", "const B: &str = r\"DELETE FROM vault_entry\";\n");
    assert_complains(&shared_tables(&[owner, thief]), "vault_entry: is named in src/causal/entry.rs and src/vault");
    let owner = File::new("src/causal/entry.rs", "const A: &str = \"SELECT 1 FROM vault_entry\";\n");
    let test = "/// \"vault_entry\"\nconst B: &str = \"vault_\";\n#[cfg(test)]\nmod tests { const C: &str = \"vault_entry\"; }";
    assert_clean(&shared_tables(&[owner, File::new("src/vault/read.rs", test)]));
}

#[test]
fn no_text_leads_out_of_the_repository() {
    assert_clean(&foreign_words(&repository()));
    for (head, tail) in FOREIGN {
        let text = format!("fine\nas told in {head}{tail} of ours\n");
        assert_complains(&foreign_words(&[File::new("README.md", &text)]), "README.md:2: holds");
    }
}

#[test]
fn nothing_is_left_to_do_in_code() {
    assert_clean(&loose_ends(&repository()));
    for end in ["todo", "unimplemented", "dbg"] {
        let text = format!("fn f() {{\n    {end}!()\n}}\n");
        assert_complains(&loose_ends(&[File::new("src/vault/read.rs", &text)]), "read.rs:2: holds");
    }
}
