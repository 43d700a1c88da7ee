//! `vault_text`: the texts that can be searched, and up to which entry they are indexed. Which words stand where is kept
//! by the engine's own full-text index, `vault_text_index` in SQLite (FTS5, without the texts themselves), and read from
//! it as the table `vault_text_word`. Filled when somebody searches, and can be emptied at any time.
//!
//! Words come here as they are to be found: the index splits them at spaces and changes nothing. Each begins with the
//! number of its timeline, so that no tenant's words lie on another one's way.

use super::{Table, blob, entry, int, text, text_rule};
use crate::backend::{Dialect, Sql, Value, ValueRef, columns};
use crate::causal::hash::EntryHash;
use crate::causal::schema::is_present;
use crate::words::limits::POSITION_MAX;
use crate::words::{Result, StoreError};

/// Everything that [`check`] looks at; what has no schema here the engine creates for the index.
pub(crate) const TABLES: &[&Table] = &[
    &Table {
        name: "vault_text_index",
        schema: &["CREATE VIRTUAL TABLE vault_text_index USING \
                   fts5(words, content='', contentless_delete=1, tokenize='ascii')"],
    },
    &Table { name: "vault_text_index_config", schema: &[] },
    &Table { name: "vault_text_index_data", schema: &[] },
    &Table { name: "vault_text_index_docsize", schema: &[] },
    &Table { name: "vault_text_index_idx", schema: &[] },
    &Table {
        name: "vault_text_word",
        schema: &["CREATE VIRTUAL TABLE vault_text_word USING fts5vocab(vault_text_index, instance)"],
    },
    &Table {
        name: "vault_text",
        schema: &["CREATE TABLE vault_text (\
                   entry INTEGER PRIMARY KEY, \
                   log INTEGER NOT NULL, \
                   kind INTEGER NOT NULL, \
                   words INTEGER NOT NULL, \
                   texts_so_far INTEGER NOT NULL, \
                   words_so_far INTEGER NOT NULL) STRICT"],
    },
    &Table {
        name: "vault_text_progress",
        schema: &["CREATE TABLE vault_text_progress (\
                   timeline INTEGER PRIMARY KEY, \
                   entry INTEGER NOT NULL, \
                   hash BLOB NOT NULL) STRICT"],
    },
];

/// Whether the engine can do it.
pub(crate) fn check<S: Sql + ?Sized>(sql: &S) -> Result<()> {
    let is_there = match sql.dialect() {
        Dialect::Postgres => false,
        Dialect::Sqlite => {
            let statement = "SELECT count(*) FROM pragma_module_list WHERE name IN ('fts5', 'fts5vocab')";
            sql.first(statement, &[], |row| columns::int(row, 0))? == Some(2)
        }
    };
    if is_there {
        return Ok(());
    }
    Err(StoreError::Unsupported {
        what: "a search for words in this store",
        reason: "its engine lacks SQLite's FTS5; keep the vault in a SQLite that has it, as the bundled one does"
            .to_owned(),
    })
}

/// The id up to which entries are indexed. Where that is not the entry it was, the history was cut back and went on
/// differently, and the index begins anew.
pub(crate) fn reached<S: Sql + ?Sized>(sql: &S, timeline: u64) -> Result<u64> {
    let statement = "SELECT entry, hash FROM vault_text_progress WHERE timeline = ?";
    let found = sql.first(statement, &[int(timeline)], |row| {
        Ok((columns::counter(row, 0)?, EntryHash::from_bytes(columns::array(row, 1)?)))
    })?;
    match found {
        Some((id, hash)) if entry::is_still(sql, timeline, id, &hash)? => Ok(id),
        _ => entry::id(timeline, 0),
    }
}

/// Stores how far the index reaches.
pub(crate) fn advance<S: Sql + ?Sized>(sql: &S, timeline: u64, entry: u64, hash: &EntryHash) -> Result<()> {
    let statement = "INSERT INTO vault_text_progress (timeline, entry, hash) VALUES (?, ?, ?) \
                     ON CONFLICT (timeline) DO UPDATE SET entry = excluded.entry, hash = excluded.hash";
    sql.exec(statement, &[int(timeline), int(entry), blob(hash.as_bytes())]).map(drop)
}

/// Has the index of a timeline filled anew: what it holds counts no more, and [`clear`] removes it.
pub(crate) fn restart<S: Sql + ?Sized>(sql: &S, timeline: u64) -> Result<()> {
    sql.exec("DELETE FROM vault_text_progress WHERE timeline = ?", &[int(timeline)]).map(drop)
}

/// Forgets all of it, of every timeline.
pub(crate) fn forget<S: Sql + ?Sized>(sql: &S) -> Result<()> {
    sql.exec("DELETE FROM vault_text_progress", &[])?;
    sql.exec("DELETE FROM vault_text", &[])?;
    sql.exec("INSERT INTO vault_text_index (vault_text_index) VALUES ('delete-all')", &[]).map(drop)
}

/// How many texts and words there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) texts: u64,
    pub(crate) words: u64,
}

impl Totals {
    /// Counts one more text with so many words. What the file says of them may be any number.
    pub(crate) fn add(&mut self, words: u64) {
        self.texts = self.texts.saturating_add(1);
        self.words = self.words.saturating_add(words);
    }
}

/// The totals of a timeline up to an id.
pub(crate) fn totals<S: Sql + ?Sized>(sql: &S, timeline: u64, end: u64) -> Result<Totals> {
    let statement = "SELECT texts_so_far, words_so_far FROM vault_text WHERE entry > ? AND entry <= ? \
                     ORDER BY entry DESC LIMIT 1";
    sql.first(statement, &[int(entry::id(timeline, 0)?), int(end)], |row| {
        Ok(Totals { texts: columns::counter(row, 0)?, words: columns::counter(row, 1)? })
    })
    .map(Option::unwrap_or_default)
}

/// A text, without its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text {
    /// The entry that it is of, whose log and kind are repeated here for whoever chooses among many.
    pub(crate) id: u64,
    pub(crate) log: i64,
    pub(crate) kind: i64,
    /// How many words it has.
    pub(crate) words: u64,
}

/// Indexes a text, with the totals that include it. An empty word is a place where none stands.
pub(crate) fn insert<S: Sql + ?Sized>(sql: &S, of: Text, words: &[String], totals: Totals) -> Result<()> {
    let timeline = entry::timeline(of.id);
    let terms: Vec<String> = words.iter().map(|word| term(timeline, word)).collect();
    let statement = "INSERT INTO vault_text_index (rowid, words) VALUES (?, ?)";
    sql.exec(statement, &[int(of.id), text(&terms.join(" "))])?;
    sql.exec_one(
        "vault_text",
        "INSERT INTO vault_text (entry, log, kind, words, texts_so_far, words_so_far) VALUES (?, ?, ?, ?, ?, ?)",
        &[int(of.id), Value::Int(of.log), Value::Int(of.kind), int(of.words), int(totals.texts), int(totals.words)],
    )
}

/// Removes a timeline's texts behind this id, at most so many; returns how many.
pub(crate) fn clear<S: Sql + ?Sized>(sql: &S, timeline: u64, after: u64, most: u64) -> Result<usize> {
    let statement = "SELECT entry FROM vault_text WHERE entry > ? AND entry <= ? ORDER BY entry LIMIT ?";
    let to = entry::id(timeline, POSITION_MAX)?;
    let ids = sql.all(statement, &[int(after), int(to), int(most)], |row| columns::counter(row, 0))?;
    ids.iter().try_for_each(|id| delete(sql, *id))?;
    Ok(ids.len())
}

/// Removes an entry's words, and what the index still holds of texts that were removed before: nothing in its tables
/// tells any longer that they were there. That they are not indexed again is for whoever erases the payload.
pub(crate) fn remove<S: Sql + ?Sized>(sql: &S, id: u64) -> Result<()> {
    // It is created last: where it is, the others are.
    if !is_present(sql, &text_rule::TABLE)? {
        return Ok(());
    }
    let words = sql.first("SELECT words FROM vault_text WHERE entry = ?", &[int(id)], |row| columns::int(row, 0))?;
    let Some(words) = words else { return Ok(()) };
    delete(sql, id)?;
    let statement = "UPDATE vault_text SET texts_so_far = texts_so_far - 1, words_so_far = words_so_far - ? \
                     WHERE entry > ? AND entry <= ?";
    let to = entry::id(entry::timeline(id), POSITION_MAX)?;
    sql.exec(statement, &[Value::Int(words), int(id), int(to)])?;
    sql.exec("INSERT INTO vault_text_index (vault_text_index) VALUES ('optimize')", &[]).map(drop)
}

fn delete<S: Sql + ?Sized>(sql: &S, id: u64) -> Result<()> {
    sql.exec("DELETE FROM vault_text_index WHERE rowid = ?", &[int(id)])?;
    sql.exec_one("vault_text", "DELETE FROM vault_text WHERE entry = ?", &[int(id)])
}

/// Where a word stands: in which text, and how many words on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) text: Text,
    pub(crate) at: u64,
}

/// Where a word stands in a timeline, up to an id, in this order.
pub(crate) fn places<S: Sql + ?Sized>(sql: &S, timeline: u64, word: &str, end: u64) -> Result<Vec<Place>> {
    let statement = "SELECT w.doc, w.offset, t.log, t.kind, t.words FROM vault_text_word w CROSS JOIN vault_text t ON t.entry = w.doc \
                     WHERE w.term = ? AND w.doc > ? AND w.doc <= ?";
    let params = [text(&term(timeline, word)), int(entry::id(timeline, 0)?), int(end)];
    sql.all(statement, &params, place).map(sorted)
}

/// Where words stand that begin like this, likewise.
pub(crate) fn places_of_prefix<S: Sql + ?Sized>(sql: &S, timeline: u64, prefix: &str, end: u64) -> Result<Vec<Place>> {
    let statement = "SELECT w.doc, w.offset, t.log, t.kind, t.words FROM vault_text_word w CROSS JOIN vault_text t ON t.entry = w.doc \
                     WHERE w.term >= ? AND w.term < ? AND w.doc > ? AND w.doc <= ?";
    let first = term(timeline, prefix);
    let behind = format!("{first}{}", char::MAX);
    let params = [text(&first), text(&behind), int(entry::id(timeline, 0)?), int(end)];
    sql.all(statement, &params, place).map(sorted)
}

fn place(row: &[ValueRef<'_>]) -> Result<Place> {
    let (id, at) = (columns::counter(row, 0)?, columns::counter(row, 1)?);
    let (log, kind, words) = (columns::int(row, 2)?, columns::int(row, 3)?, columns::counter(row, 4)?);
    Ok(Place { text: Text { id, log, kind, words }, at })
}

fn sorted(mut places: Vec<Place>) -> Vec<Place> {
    places.sort_by_key(|place| (place.text.id, place.at));
    places
}

/// A word as the index has it.
fn term(timeline: u64, word: &str) -> String {
    format!("{timeline}·{word}")
}
