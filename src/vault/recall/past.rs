//! `vault_intent_home` and `vault_intent_fact`: to which intent a cell belongs from which entry on, and what consolidations
//! have done to the intents. With these, any past moment can be asked about.

use std::collections::BTreeMap;

use crate::backend::{Sql, Value, columns};
use crate::causal::table::{Table, int, text};
use crate::intent::{CellId, IntentFact, IntentId};
use crate::words::{Result, StoreError};

pub(super) const HOMES: Table = Table {
    name: "vault_intent_home",
    schema: &["CREATE TABLE vault_intent_home (\
               model INTEGER NOT NULL, \
               cell INTEGER NOT NULL, \
               since INTEGER NOT NULL, \
               intent INTEGER NOT NULL, \
               PRIMARY KEY (model, cell, since)) STRICT, WITHOUT ROWID"],
};

pub(super) const FACTS: Table = Table {
    name: "vault_intent_fact",
    schema: &["CREATE TABLE vault_intent_fact (\
               model INTEGER NOT NULL, \
               entry INTEGER NOT NULL, \
               ordinal INTEGER NOT NULL, \
               rank INTEGER NOT NULL, \
               fact TEXT NOT NULL, \
               source INTEGER NOT NULL, \
               target INTEGER NOT NULL, \
               PRIMARY KEY (model, entry, ordinal, rank)) STRICT, WITHOUT ROWID"],
};

/// The intent of each cell, by numbers.
pub(super) type Homes = BTreeMap<CellId, i64>;

/// Notes that a cell belongs to an intent from an entry on.
pub(super) fn move_in<S: Sql + ?Sized>(sql: &S, model: i64, cell: CellId, since: u64, intent: i64) -> Result<()> {
    let statement = "INSERT INTO vault_intent_home (model, cell, since, intent) VALUES (?, ?, ?, ?) \
                     ON CONFLICT (model, cell, since) DO UPDATE SET intent = excluded.intent";
    let values = [Value::Int(model), int(cell.0.into()), int(since), Value::Int(intent)];
    sql.exec_one(HOMES.name, statement, &values)
}

/// To which intent each cell belonged once the entry `at` was assigned.
pub(super) fn homes<S: Sql + ?Sized>(sql: &S, model: i64, at: u64) -> Result<Homes> {
    let statement = "SELECT cell, intent FROM vault_intent_home WHERE model = ? AND since <= ? ORDER BY cell, since";
    let rows = sql.all(statement, &[Value::Int(model), int(at)], |row| {
        let cell = columns::counter(row, 0)?;
        let cell = u32::try_from(cell).map_err(|_| StoreError::MalformedRow(format!("a home of cell {cell}")))?;
        Ok((CellId(cell), columns::int(row, 1)?))
    })?;
    // Of a cell's rows the last one stays.
    Ok(rows.into_iter().collect())
}

/// To which intent a cell belonged once the entry `at` was assigned.
pub(super) fn home<S: Sql + ?Sized>(sql: &S, model: i64, cell: CellId, at: u64) -> Result<Option<i64>> {
    let statement = "SELECT intent FROM vault_intent_home \
                     WHERE model = ? AND cell = ? AND since <= ? ORDER BY since DESC LIMIT 1";
    sql.first(statement, &[Value::Int(model), int(cell.0.into()), int(at)], |row| columns::int(row, 0))
}

/// A fact, its intents by number. The first target of a split is the largest part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) model: i64,
    /// The entry with which it became true.
    pub(super) entry: u64,
    pub(super) kind: String,
    pub(super) source: i64,
    pub(super) targets: Vec<i64>,
}

impl Fact {
    /// What the intent with a number is called once this is true.
    pub(super) fn follow(&self, number: i64) -> i64 {
        let lives = self.source != number || self.targets.contains(&number);
        if lives { number } else { self.targets.first().copied().unwrap_or(number) }
    }

    /// The fact with its intents by their ids.
    pub(super) fn told(&self, from: IntentId, into: Vec<IntentId>) -> Option<IntentFact> {
        let fact = match into.as_slice() {
            [into] => IntentFact::Merged { from, into: *into },
            _ => IntentFact::Split { from, into },
        };
        Some(fact).filter(|fact| fact.kind() == self.kind)
    }
}

/// Stores what was found with one entry, after what is there of it.
pub(super) fn record<S: Sql + ?Sized>(sql: &S, facts: &[Fact]) -> Result<()> {
    for (ordinal, fact) in (0..).zip(facts) {
        for (rank, target) in (0..).zip(&fact.targets) {
            sql.exec_one(
                FACTS.name,
                "INSERT INTO vault_intent_fact (model, entry, ordinal, rank, fact, source, target) \
                 VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (model, entry, ordinal, rank) DO UPDATE SET \
                 fact = excluded.fact, source = excluded.source, target = excluded.target",
                &[
                    Value::Int(fact.model),
                    int(fact.entry),
                    Value::Int(ordinal),
                    Value::Int(rank),
                    text(&fact.kind),
                    Value::Int(fact.source),
                    Value::Int(*target),
                ],
            )?;
        }
    }
    Ok(())
}

/// The facts of a model up to an entry, in their order.
pub(super) fn facts<S: Sql + ?Sized>(sql: &S, model: i64, at: u64) -> Result<Vec<Fact>> {
    let statement = "SELECT entry, ordinal, fact, source, target FROM vault_intent_fact \
                     WHERE model = ? AND entry <= ? ORDER BY entry, ordinal, rank";
    let mut facts: Vec<(i64, Fact)> = Vec::new();
    let rows = sql.all(statement, &[Value::Int(model), int(at)], |row| {
        let (entry, ordinal) = (columns::counter(row, 0)?, columns::int(row, 1)?);
        let (kind, source) = (columns::text(row, 2)?.to_owned(), columns::int(row, 3)?);
        Ok((ordinal, Fact { model, entry, kind, source, targets: vec![columns::int(row, 4)?] }))
    })?;
    for (ordinal, fact) in rows {
        match facts.last_mut() {
            Some((last, open)) if (*last, open.entry) == (ordinal, fact.entry) => open.targets.extend(fact.targets),
            _ => facts.push((ordinal, fact)),
        }
    }
    Ok(facts.into_iter().map(|(_, fact)| fact).collect())
}

/// Forgets the homes and the facts of a model.
pub(super) fn clear<S: Sql + ?Sized>(sql: &S, model: i64) -> Result<()> {
    sql.exec("DELETE FROM vault_intent_home WHERE model = ?", &[Value::Int(model)])?;
    sql.exec("DELETE FROM vault_intent_fact WHERE model = ?", &[Value::Int(model)]).map(drop)
}
