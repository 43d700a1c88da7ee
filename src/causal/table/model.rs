//! `vault_model`: the models whose embeddings a tenant's events carry, so that an embedding's row has a small number.

use super::{Table, int, text};
use crate::backend::{Sql, columns};
use crate::causal::extension::Embedding;
use crate::words::Result;

pub(crate) const TABLE: Table = Table {
    name: "vault_model",
    schema: &["CREATE TABLE vault_model (\
               id INTEGER PRIMARY KEY, \
               timeline INTEGER NOT NULL, \
               model TEXT NOT NULL, \
               dimensions INTEGER NOT NULL, \
               UNIQUE (timeline, model)) STRICT"],
};

/// One model of a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) id: i64,
    pub(crate) timeline: u64,
    pub(crate) name: String,
    /// How many values each of its embeddings has.
    pub(crate) dimensions: u64,
}

impl Model {
    /// Whether an entry of a timeline that says this of its embedding means this model.
    pub(crate) fn is(&self, timeline: u64, said: &Embedding<'_>) -> bool {
        (self.timeline, self.name.as_str(), self.dimensions) == (timeline, said.model, u64::from(said.dimensions))
    }
}

/// The model of a timeline with this name.
pub(crate) fn find<S: Sql + ?Sized>(sql: &S, timeline: u64, name: &str) -> Result<Option<Model>> {
    let statement = "SELECT id, dimensions FROM vault_model WHERE timeline = ? AND model = ?";
    sql.first(statement, &[int(timeline), text(name)], |row| {
        let (id, dimensions) = (columns::int(row, 0)?, columns::counter(row, 1)?);
        Ok(Model { id, timeline, name: name.to_owned(), dimensions })
    })
}

/// Gives a model a number.
pub(crate) fn create<S: Sql + ?Sized>(sql: &S, timeline: u64, name: &str, dimensions: u64) -> Result<i64> {
    let statement = "INSERT INTO vault_model (timeline, model, dimensions) VALUES (?, ?, ?) RETURNING id";
    sql.insert_returning(TABLE.name, statement, &[int(timeline), text(name), int(dimensions)])
}

/// The models of every timeline.
pub(crate) fn all<S: Sql + ?Sized>(sql: &S) -> Result<Vec<Model>> {
    sql.all("SELECT id, timeline, model, dimensions FROM vault_model ORDER BY id", &[], |row| {
        Ok(Model {
            id: columns::int(row, 0)?,
            timeline: columns::counter(row, 1)?,
            name: columns::name(row, 2)?.to_owned(),
            dimensions: columns::counter(row, 3)?,
        })
    })
}

/// Forgets the models of a timeline.
pub(crate) fn clear<S: Sql + ?Sized>(sql: &S, timeline: u64) -> Result<()> {
    sql.exec("DELETE FROM vault_model WHERE timeline = ?", &[int(timeline)]).map(drop)
}
