//! Assigning: the events of a timeline pass through the intent stores of their models, in position order and once.
//!
//! What comes of it is stored in the transaction that assigns. The stores themselves are kept in memory, and now and then
//! in the vault; from there, events that are labelled already pass through them again, and nothing is stored twice.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::label::{self, Label};
use super::past::{self, Fact};
use super::state;
use crate::backend::{Sql, Transaction};
use crate::causal::table::model::Model;
use crate::causal::table::{embedding, entry, log, model, writer};
use crate::causal::{EntryHash, Fingerprint, key_event};
use crate::intent::{CellId, IntentEvent, IntentFact, IntentId, IntentOptions, IntentStore};
use crate::vault::read::visit_logs;
use crate::vault::record::read_payload;
use crate::words::{Result, StoreError};

/// States are stored after so many events at least, and when the embeddings since weigh as much as the states.
const EVENTS_MIN: usize = 256;
/// Entries that are read together, so that no more embeddings are in memory.
const PIECE: usize = 64;

/// The stores of a timeline's models, and how far they have come.
pub(super) struct Projection {
    timeline: u64,
    tenant: String,
    /// The last entry that has passed, and its hash.
    reached: u64,
    hash: Option<EntryHash>,
    groupings: BTreeMap<i64, Grouping>,
    /// The events and bytes of embeddings since the states were stored.
    unstored: (usize, usize),
}

/// One model's intents.
struct Grouping {
    model: Model,
    store: IntentStore,
    /// The intent of each cell there was, by number.
    homes: Vec<IntentId>,
}

/// What passes through.
enum Input {
    Event { model: i64, values: Vec<f32> },
    Consolidation { model: String },
}

impl Projection {
    /// The projection of a timeline as it is stored.
    pub(super) fn load(sql: &dyn Transaction, tenant: &str, timeline: u64) -> Result<Self> {
        let first = entry::id(timeline, 0)?;
        let mut loaded = Self::empty(tenant, timeline, first);
        let mut at = None;
        let mut stateless = Vec::new();
        for model in models(sql, timeline)? {
            let Some((entry, store)) = state::get(sql, model.id)? else {
                stateless.push(model.id);
                continue;
            };
            let is_told = label::is_there(sql, entry)?;
            let is_ours = store.options() == options(sql, tenant, timeline, &model)?;
            if !is_told || !is_ours || entry::timeline(entry) != timeline || *at.get_or_insert(entry) != entry {
                return Ok(Self::empty(tenant, timeline, first));
            }
            loaded.groupings.insert(model.id, Grouping::of(model, store));
        }
        let Some(entry) = at else { return Ok(loaded) };
        for model in stateless {
            // Its first event has founded this cell. Going on behind that event would leave its intents without it.
            if past::home(sql, model, CellId(0), entry)?.is_some() {
                return Ok(Self::empty(tenant, timeline, first));
            }
        }
        (loaded.reached, loaded.hash) = (entry, hash_of(sql, entry)?);
        Ok(loaded)
    }

    fn empty(tenant: &str, timeline: u64, first: u64) -> Self {
        let tenant = tenant.to_owned();
        Self { timeline, tenant, reached: first, hash: None, groupings: BTreeMap::new(), unstored: (0, 0) }
    }

    /// Whether what is stored continues what has passed here, and is found as it was.
    pub(super) fn is_current(&self, sql: &dyn Transaction, timeline: u64, last: u64) -> Result<bool> {
        let is_there = self.timeline == timeline && self.reached <= last;
        if !is_there || (self.hash.is_some() && hash_of(sql, self.reached)? != self.hash) {
            return Ok(false);
        }
        for grouping in self.groupings.values() {
            if options(sql, &self.tenant, timeline, &grouping.model)? != grouping.store.options() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether more has passed here than is seen.
    pub(super) fn is_ahead(&self, timeline: u64, last: u64) -> bool {
        self.timeline == timeline && self.reached > last
    }

    /// Lets what is labelled already, up to the entry `last`, pass again, unless that is more than `most` entries. Goes on
    /// from what is stored where it is far behind that.
    pub(super) fn catch_up(&mut self, sql: &dyn Transaction, last: u64, most: usize) -> Result<()> {
        if self.reached >= last {
            return Ok(());
        }
        let left = |from: u64| label::count(sql, from, last, most + 1);
        if left(self.reached)? > most && state::is_behind(sql, self.reached, last)? {
            let stored = Self::load(sql, &self.tenant, self.timeline)?;
            if stored.reached > self.reached {
                *self = stored;
            }
        }
        if left(self.reached)? <= most {
            self.advance(sql, last, last, most, |_, _| {})?;
        }
        Ok(())
    }

    /// Lets up to `budget` entries pass, of those up to the id `to`; those up to the entry `last` are labelled already.
    /// Tells the intents that were assigned.
    pub(super) fn advance(
        &mut self,
        sql: &dyn Transaction,
        last: u64,
        to: u64,
        budget: usize,
        mut assigned: impl FnMut(u64, IntentId),
    ) -> Result<()> {
        let mut left = budget;
        while left > 0 {
            let most = left.min(PIECE);
            let piece = inputs(sql, self.timeline, self.reached, to, most)?;
            // Of less than was asked for nothing is left.
            left = if piece.len() == most { left - most } else { 0 };
            for (id, input) in piece {
                let intent = self.pass(sql, id, id > last, input)?;
                intent.into_iter().for_each(|intent| assigned(id, intent));
                (self.reached, self.hash) = (id, hash_of(sql, id)?);
            }
        }
        Ok(())
    }

    /// Lets one entry pass. The intent that it is labelled with, where it is new.
    fn pass(&mut self, sql: &dyn Transaction, id: u64, is_new: bool, input: Input) -> Result<Option<IntentId>> {
        let intent = match input {
            Input::Event { model, values } => {
                self.unstored = (self.unstored.0 + 1, self.unstored.1 + size_of_val(values.as_slice()));
                self.assign(sql, id, is_new, model, &values)?
            }
            Input::Consolidation { model } => {
                self.consolidate(sql, id, is_new, &model)?;
                None
            }
        };
        if is_new && intent.is_none() {
            label::insert_passed(sql, id)?;
        }
        Ok(intent.filter(|_| is_new))
    }

    /// Stores the states, so that the next process goes on from them.
    pub(super) fn store(&mut self, sql: &dyn Transaction) -> Result<()> {
        for (model, grouping) in &self.groupings {
            state::put(sql, *model, self.reached, &grouping.store)?;
        }
        self.unstored = (0, 0);
        Ok(())
    }

    /// Whether so much has passed since the states were stored that it is time again.
    pub(super) fn is_due(&self) -> bool {
        let states: usize = self.groupings.values().map(|grouping| grouping.store.bytes().1).sum();
        self.unstored.0 >= EVENTS_MIN && self.unstored.1 >= states
    }

    /// The timeline, and how many events have passed since the states were stored.
    pub(super) fn unstored(&self) -> (u64, usize) {
        (self.timeline, self.unstored.0)
    }

    /// The store of a model.
    pub(super) fn of(&self, model: i64) -> Option<&IntentStore> {
        self.groupings.get(&model).map(|grouping| &grouping.store)
    }

    fn grouping(&mut self, sql: &dyn Transaction, model: i64) -> Result<Option<&mut Grouping>> {
        if !self.groupings.contains_key(&model) {
            let Some(found) = models(sql, self.timeline)?.into_iter().find(|found| found.id == model) else {
                return Ok(None);
            };
            let store = IntentStore::new(options(sql, &self.tenant, self.timeline, &found)?)?;
            self.groupings.insert(model, Grouping::of(found, store));
        }
        Ok(self.groupings.get_mut(&model))
    }

    /// Assigns one event. An embedding that its row does not have as it was committed is passed over: verification tells it.
    fn assign(
        &mut self,
        sql: &dyn Transaction,
        id: u64,
        is_new: bool,
        model: i64,
        values: &[f32],
    ) -> Result<Option<IntentId>> {
        let Some((hash, author)) = who(sql, id)? else { return Ok(None) };
        let Some(grouping) = self.grouping(sql, model)? else { return Ok(None) };
        let event = IntentEvent::from(values).reference(hash.into()).writer(author);
        let assignment = match grouping.store.assign_event(event) {
            Ok(assignment) => assignment,
            Err(StoreError::Invalid { .. } | StoreError::Limit { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if is_new {
            let intent = label::number_or_create(sql, model, &assignment.intent)?;
            label::insert(sql, Label { entry: id, model, intent, cell: assignment.cell })?;
        }
        grouping.settle(sql, id, is_new, &assignment.facts)?;
        Ok(Some(assignment.intent))
    }

    fn consolidate(&mut self, sql: &dyn Transaction, id: u64, is_new: bool, name: &str) -> Result<()> {
        let Some(found) = model::find(sql, self.timeline, name)? else { return Ok(()) };
        let Some(grouping) = self.groupings.get_mut(&found.id) else { return Ok(()) };
        let facts = grouping.store.consolidate()?;
        grouping.settle(sql, id, is_new, &facts)
    }
}

impl Grouping {
    fn of(model: Model, store: IntentStore) -> Self {
        Self { model, homes: store.homes(), store }
    }

    /// Takes notice of cells that are new or belong elsewhere since, and of what a consolidation has found.
    fn settle(&mut self, sql: &dyn Transaction, id: u64, is_new: bool, facts: &[IntentFact]) -> Result<()> {
        let model = self.model.id;
        let homes = match facts {
            [] => self.store.homes_from(self.homes.len()),
            _ => self.store.homes(),
        };
        let from = if facts.is_empty() { self.homes.len() } else { 0 };
        if is_new {
            for (cell, home) in (from..).zip(&homes) {
                if self.homes.get(cell) != Some(home) {
                    let intent = label::number_or_create(sql, model, home)?;
                    past::move_in(sql, model, CellId(u32::try_from(cell).unwrap_or(u32::MAX)), id, intent)?;
                }
            }
            let facts = facts.iter().map(|fact| numbered(sql, model, id, fact)).collect::<Result<Vec<_>>>()?;
            past::record(sql, &facts)?;
        }
        self.homes.truncate(from);
        self.homes.extend(homes);
        Ok(())
    }
}

/// A fact, its intents by number.
fn numbered(sql: &dyn Transaction, model: i64, entry: u64, fact: &IntentFact) -> Result<Fact> {
    let (source, targets) = match fact {
        IntentFact::Merged { from, into } => (from, std::slice::from_ref(into)),
        IntentFact::Split { from, into } => (from, into.as_slice()),
    };
    let source = label::number_or_create(sql, model, source)?;
    let targets = targets.iter().map(|target| label::number_or_create(sql, model, target)).collect::<Result<_>>()?;
    Ok(Fact { model, entry, kind: fact.kind().to_owned(), source, targets })
}

/// The models of a timeline.
pub(super) fn models<S: Sql + ?Sized>(sql: &S, timeline: u64) -> Result<Vec<Model>> {
    Ok(model::all(sql)?.into_iter().filter(|model| model.timeline == timeline).collect())
}

/// How the intents of a model are found. What was chosen for other embeddings than it has is not meant.
pub(super) fn options<S: Sql + ?Sized>(sql: &S, tenant: &str, timeline: u64, model: &Model) -> Result<IntentOptions> {
    let dimension = usize::try_from(model.dimensions).unwrap_or(usize::MAX);
    let chosen = state::chosen(sql, timeline, &model.name)?.filter(|chosen| chosen.dimension() == dimension);
    Ok(chosen.unwrap_or_else(|| IntentOptions::new(model.name.as_str(), dimension)).tenant(tenant))
}

/// Refuses the first embedding of a model that options for another dimension were chosen for.
pub(in crate::vault) fn check_first<S: Sql + ?Sized>(sql: &S, timeline: u64, model: &str, found: usize) -> Result<()> {
    if !super::is_there(sql)? {
        return Ok(());
    }
    match state::chosen(sql, timeline, model)?.filter(|chosen| chosen.dimension() != found) {
        None => Ok(()),
        Some(chosen) => Err(StoreError::Invalid {
            what: "embedding",
            reason: format!(
                "it has {found} dimensions, and intents of model {model:?} were chosen for {}; choose them again, or give \
                 another model another name",
                chosen.dimension()
            ),
        }),
    }
}

fn hash_of<S: Sql + ?Sized>(sql: &S, id: u64) -> Result<Option<EntryHash>> {
    Ok(entry::link_by_id(sql, id)?.map(|link| link.hash))
}

/// The hash and the writer of an entry.
fn who<S: Sql + ?Sized>(sql: &S, id: u64) -> Result<Option<(EntryHash, Fingerprint)>> {
    entry::by_id(sql, id, |row| Ok((row.hash, row.decode()?.writer)))
}

/// The values of a stored embedding.
pub(super) fn values(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// The next entry to pass.
pub(super) fn next<S: Sql + ?Sized>(sql: &S, timeline: u64, after: u64, to: u64) -> Result<Option<u64>> {
    Ok(inputs(sql, timeline, after, to, 1)?.first().map(|(id, _)| *id))
}

/// The next entries to pass, in position order: those with an embedding, and those that ask for a consolidation.
fn inputs<S: Sql + ?Sized>(sql: &S, timeline: u64, after: u64, to: u64, most: usize) -> Result<Vec<(u64, Input)>> {
    let mut inputs = Vec::new();
    embedding::scan(sql, after, to, |stored| {
        inputs.push((stored.id, Input::Event { model: stored.model, values: values(stored.bytes) }));
        Ok(if inputs.len() == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    let to = if inputs.len() == most { inputs.last().map_or(to, |(id, _)| *id) } else { to };
    let Some(row) = writer::find(sql, &key_event::vault_identity().id())? else { return Ok(inputs) };
    let logs = log::select(sql, timeline, Some(key_event::INTENT_STREAM), Some(row))?;
    if logs.is_empty() {
        return Ok(inputs);
    }
    visit_logs(sql, logs.into_iter().map(|log| log.id).collect(), after, to, |row| {
        let stored = row.decode()?;
        if stored.kind == key_event::CONSOLIDATION {
            let model = String::from_utf8_lossy(&read_payload(sql, row, stored.scheme)?).into_owned();
            inputs.push((row.id, Input::Consolidation { model }));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    inputs.sort_by_key(|(id, _)| *id);
    inputs.truncate(most);
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Access;
    use crate::causal::table::timeline;
    use crate::vault::{Event, Vault};

    #[test]
    fn what_is_far_behind_goes_on_from_the_states_and_without_them_by_parts() {
        let vault = Vault::in_memory().unwrap();
        let alice = vault.named_writer("alice").unwrap();
        for _ in 0..300 {
            alice.commit(Event::raw("note", "hi").stream("demo").embedding("plane", &[1.0, 0.5])).unwrap();
        }
        let tx = vault.db().begin(Access::Write).unwrap();
        let (timeline, _) = timeline::size(&*tx, vault.tenant(), timeline::MAIN).unwrap().unwrap();
        let (first, last) = (entry::id(timeline, 0).unwrap(), label::last(&*tx, timeline).unwrap());
        let reached = |most: usize| {
            let mut projection = Projection::empty(vault.tenant(), timeline, first);
            projection.catch_up(&*tx, last, most).unwrap();
            entry::position(projection.reached)
        };
        assert_eq!([reached(100), reached(43)], [300, 256], "the states are those of entry 256");
        tx.exec("DELETE FROM vault_intent_state", &[]).unwrap();
        assert_eq!([reached(299), reached(300)], [0, 300]);
    }
}
