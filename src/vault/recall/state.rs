//! `vault_intent_state` and `vault_intent_choice`: the state that assigning goes on from, and what users chose.

use crate::backend::{Sql, Value, columns};
use crate::causal::table::{Table, blob, int, text};
use crate::intent::{IntentOptions, IntentStore};
use crate::words::{Result, StoreError};

pub(super) const TABLE: Table = Table {
    name: "vault_intent_state",
    schema: &["CREATE TABLE vault_intent_state (\
               model INTEGER PRIMARY KEY, \
               entry INTEGER NOT NULL, \
               state BLOB NOT NULL) STRICT"],
};

pub(super) const CHOICES: Table = Table {
    name: "vault_intent_choice",
    schema: &["CREATE TABLE vault_intent_choice (\
               timeline INTEGER NOT NULL, \
               model TEXT NOT NULL, \
               options BLOB NOT NULL, \
               PRIMARY KEY (timeline, model)) STRICT, WITHOUT ROWID"],
};

/// Stores the state of a model once the entry was assigned.
pub(super) fn put<S: Sql + ?Sized>(sql: &S, model: i64, entry: u64, store: &IntentStore) -> Result<()> {
    let statement = "INSERT INTO vault_intent_state (model, entry, state) VALUES (?, ?, ?) \
                     ON CONFLICT (model) DO UPDATE SET entry = excluded.entry, state = excluded.state";
    let values = [Value::Int(model), int(entry), Value::Blob(store.snapshot()?)];
    sql.exec_one(TABLE.name, statement, &values)
}

/// The state of a model and the entry up to which it was assigned. What is not a state is none: it can be found anew.
pub(super) fn get<S: Sql + ?Sized>(sql: &S, model: i64) -> Result<Option<(u64, IntentStore)>> {
    let statement = "SELECT entry, state FROM vault_intent_state WHERE model = ?";
    let found = sql.first(statement, &[Value::Int(model)], |row| {
        Ok((columns::counter(row, 0)?, IntentStore::restore(columns::blob(row, 1)?)))
    })?;
    match found {
        None | Some((_, Err(StoreError::Corrupt { .. } | StoreError::Invalid { .. } | StoreError::Limit { .. }))) => {
            Ok(None)
        }
        Some((entry, store)) => Ok(Some((entry, store?))),
    }
}

/// Whether there is a state of an entry above `after` and up to `to`.
pub(super) fn is_behind<S: Sql + ?Sized>(sql: &S, after: u64, to: u64) -> Result<bool> {
    let statement = "SELECT 1 FROM vault_intent_state WHERE entry > ? AND entry <= ? LIMIT 1";
    Ok(sql.first(statement, &[int(after), int(to)], |_| Ok(()))?.is_some())
}

/// Forgets the state of a model.
pub(super) fn clear<S: Sql + ?Sized>(sql: &S, model: i64) -> Result<()> {
    sql.exec("DELETE FROM vault_intent_state WHERE model = ?", &[Value::Int(model)]).map(drop)
}

/// Stores how the intents of a model are to be found.
pub(super) fn choose<S: Sql + ?Sized>(sql: &S, timeline: u64, options: &IntentOptions) -> Result<()> {
    let bytes = rmp_serde::to_vec_named(options)
        .map_err(|error| StoreError::Invalid { what: "intent options", reason: error.to_string() })?;
    let statement = "INSERT INTO vault_intent_choice (timeline, model, options) VALUES (?, ?, ?) \
                     ON CONFLICT (timeline, model) DO UPDATE SET options = excluded.options";
    sql.exec_one(CHOICES.name, statement, &[int(timeline), text(options.model()), blob(&bytes)])
}

/// How the intents of a model are to be found, where that was chosen.
pub(super) fn chosen<S: Sql + ?Sized>(sql: &S, timeline: u64, model: &str) -> Result<Option<IntentOptions>> {
    let statement = "SELECT options FROM vault_intent_choice WHERE timeline = ? AND model = ?";
    sql.first(statement, &[int(timeline), text(model)], |row| {
        let damaged = |detail: String| StoreError::Corrupt {
            what: format!("the intent options of model {model:?}"),
            detail: format!("{detail}; choose them again"),
        };
        let options: IntentOptions = rmp_serde::from_slice(columns::blob(row, 0)?)
            .map_err(|error| damaged(format!("they do not decode: {error}")))?;
        options.check().map_err(|error| damaged(error.to_string()))?;
        if options.model() != model {
            return Err(damaged(format!("they are those of model {:?}", options.model())));
        }
        Ok(options)
    })
}
