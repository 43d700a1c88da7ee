//! Searching for words in many short texts.
//!
//! The baseline is a table of SQLite's FTS5 over the same texts, asked for the same words in the order of its own `bm25()`,
//! which weighs them by all rows that there are. The vault's answers are as of a position, and come with the events'
//! headers.

mod shared;

use std::hint::black_box;

use causal_vault::{Durability, Event, Filter, Position, TextRule, Vault};
use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use rusqlite::{Connection, params};
use shared::{Folder, Race, Report, size, time};

/// Of the ranks of words: there are 2^14.
const OCTAVES: u64 = 14;
const TOP: u32 = 10;

fn main() {
    let mut criterion = shared::criterion();
    let mut report = Report::default();
    let mut group = criterion.benchmark_group("search");
    let folder = Folder::new();
    let texts: Vec<String> = (0..size(100_000, 2_000) as u64).map(text).collect();
    let vault = fill_vault(&folder, &texts);
    let fts5 = fill_fts5(&folder, &texts);
    assert_eq!(vault.search(&query((1, 1)), &Filter::all(), 1).unwrap().len(), 1);
    let now = Filter::all();
    let nothing = Filter::stream("conv:other");
    let then = Filter::all().up_to(Position::new(texts.len() as u64 / 2));
    for (work, ranks, filter) in [
        ("two words that many texts hold", (1, 10), &now),
        ("one that many hold, one that few do", (10, 5_000), &now),
        ("two words that few texts hold", (2_000, 5_000), &now),
        ("two that many hold, in a stream with none of them", (1, 10), &nothing),
        ("two that many hold, as of half of the texts", (1, 10), &then),
    ] {
        race(&mut report, &mut group, &vault, &fts5, work, ranks, filter);
    }
    group.finish();
    criterion.final_summary();
    report.print("search: queries a second");
}

fn race(
    report: &mut Report,
    group: &mut BenchmarkGroup<'_, WallTime>,
    vault: &Vault,
    fts5: &Connection,
    work: &str,
    ranks: (u64, u64),
    filter: &Filter,
) {
    let query = query(ranks);
    let theirs = query.split(' ').map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" OR ");
    let statement = "SELECT rowid, bm25(texts) FROM texts WHERE texts MATCH ? ORDER BY bm25(texts) LIMIT ?";
    let mut statement = fts5.prepare(statement).unwrap();
    let mut count = || {
        let rows = statement.query_map(params![theirs, TOP], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?)));
        rows.unwrap().map(Result::unwrap).count()
    };
    let work = format!("{work}: {TOP} of {} texts", vault.tree_head().unwrap().size);
    println!("{work}: {} and {} found", count(), vault.search(&query, filter, TOP as usize).unwrap().len());
    report.race(
        group,
        Race { work, samples: 20, units: 1, reach: Some(0.2) },
        |iterations| {
            time(|| {
                for _ in 0..iterations {
                    black_box(count());
                }
            })
        },
        |iterations| {
            time(|| {
                for _ in 0..iterations {
                    black_box(vault.search(&query, filter, TOP as usize).unwrap());
                }
            })
        },
    );
}

fn fill_vault(folder: &Folder, texts: &[String]) -> Vault {
    let vault = Vault::builder().durability(Durability::Fast).open(folder.file("agents.vault")).unwrap();
    let alice = vault.named_writer("alice").unwrap();
    for texts in texts.chunks(1024) {
        let events = texts.iter().map(|text| Event::new("note", text).unwrap().stream("conv:demo"));
        alice.commit_batch(events).unwrap();
    }
    vault.index_text(TextRule::kind("note")).unwrap();
    vault
}

fn fill_fts5(folder: &Folder, texts: &[String]) -> Connection {
    let mut fts5 = Connection::open(folder.file("fts5.db")).unwrap();
    fts5.pragma_update(None, "journal_mode", "wal").unwrap();
    fts5.execute_batch("CREATE VIRTUAL TABLE texts USING fts5(words, content='')").unwrap();
    let mut rows = (1_i64..).zip(texts).peekable();
    while rows.peek().is_some() {
        let tx = fts5.transaction().unwrap();
        for (row, text) in rows.by_ref().take(4096) {
            tx.execute("INSERT INTO texts (rowid, words) VALUES (?, ?)", params![row, text]).unwrap();
        }
        tx.commit().unwrap();
    }
    fts5
}

/// Four to nineteen words, the frequent ones of them far more often.
fn text(number: u64) -> String {
    let mut state = number;
    let length = 4 + next(&mut state) % 16;
    (0..length).map(|_| word(rank(&mut state))).collect::<Vec<_>>().join(" ")
}

/// As Zipf's law has it: ranks from 1 to 2, from 2 to 4, from 4 to 8 and so on are equally frequent.
fn rank(state: &mut u64) -> u64 {
    let first = 1 << (next(state) % OCTAVES);
    first + next(state) % first
}

fn word(rank: u64) -> String {
    let mut state = rank;
    let length = 3 + next(&mut state) % 6;
    (0..length).map(|_| char::from(b'a' + (next(&mut state) % 26) as u8)).chain(rank.to_string().chars()).collect()
}

fn query(ranks: (u64, u64)) -> String {
    format!("{} {}", word(ranks.0), word(ranks.1))
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
