//! The intents, as they are seen from any position.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::wanted::{Places, Wanted};
use super::{label, past, projection, terms};
use crate::backend::{Access, Transaction};
use crate::causal::table::{embedding, entry, timeline};
use crate::intent::{IntentId, UnitVector};
use crate::vault::filter::Filter;
use crate::vault::header::Position;
use crate::vault::open::Vault;
use crate::vault::record::{Names, StoredEvent};
use crate::words::{ErrorKind, Result, StoreError};

/// Events of an intent that are read to tell what it is about, and of all intents together.
const SAMPLE: usize = 64;
const SAMPLES: usize = 1 << 15;
/// Of these, the ones that stand for it.
const EXEMPLARS: usize = 3;
/// Equal parts of the positions, in each of which an intent's events are counted.
const PARTS: u64 = 16;

/// One intent: events with one purpose.
///
/// ```
/// use causal_vault::{Event, Filter, Intent, Vault};
///
/// let vault = Vault::in_memory()?;
/// let alice = vault.named_writer("alice")?;
/// for text in ["restart the billing service", "the billing service is down"] {
///     alice.commit(Event::new("note", text)?.stream("conv:demo").embedding("minilm", &[0.6, 0.8]))?;
/// }
/// let intents: Vec<Intent> = vault.intents(&Filter::all())?;
/// assert_eq!((intents.len(), intents[0].events), (1, 2));
/// assert!(intents[0].label().contains("billing"));
/// assert_eq!(intents[0].growth.iter().sum::<u64>(), 2);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Intent {
    /// Its id.
    pub id: IntentId,
    /// The model whose embeddings it was found by.
    pub model: Arc<str>,
    /// How many events it has.
    pub events: u64,
    /// The position of its first event.
    pub first: Position,
    /// The position of its last event.
    pub last: Position,
    /// Up to three events that stand for it: of those that were looked at, evenly spread over all it has, the ones whose
    /// embeddings are nearest to their mean.
    pub exemplars: Vec<StoredEvent>,
    /// The words that tell its events from those of all intents together, the most typical first: at most eight, and none
    /// where its payloads hold no text. Like the exemplars they are of the events that were looked at, and of the texts
    /// that [can be searched](Vault::index_text), or of all where nothing says which. They are ranked by the Pearson residual
    /// of how many texts have them (A. Agresti, "Categorical Data Analysis", 2013), and those that are rarer here than
    /// anywhere are left out; where no word tells anything, the most frequent come first.
    pub terms: Vec<String>,
    /// Its events in each of sixteen equal parts of the positions that were asked about.
    pub growth: Vec<u64>,
}

impl Intent {
    /// Its three most typical words; its id where it has none.
    ///
    /// ```
    /// use causal_vault::{Event, Filter, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let event = Event::raw("reading", vec![7]).stream("sensor").embedding("minilm", &[0.6, 0.8]);
    /// vault.named_writer("alice")?.commit(event)?;
    /// let intent = &vault.intents(&Filter::all())?[0];
    /// assert_eq!(intent.label(), intent.id.to_hex()[..8]);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn label(&self) -> String {
        match self.terms.as_slice() {
            [] => self.id.to_hex().chars().take(8).collect(),
            terms => terms.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(" "),
        }
    }
}

/// The wanted events of one intent, in position order.
struct Members {
    model: i64,
    entries: Vec<u64>,
}

impl Vault {
    /// The intents of the events that a filter wants, of every model, the largest first. [`Filter::up_to`] asks as of then:
    /// the intents are those that were seen there.
    ///
    /// Events that are still to be assigned are assigned first, as [`assign_up_to`](Self::assign_up_to) does; where that is
    /// not possible, as in a vault that is [read only](crate::VaultBuilder::read_only), they are not counted.
    ///
    /// ```
    /// use causal_vault::{Event, Filter, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let east = |text: &str| Event::new("note", text).unwrap().stream("conv:demo").embedding("minilm", &[1.0, 0.0]);
    /// let first = alice.commit(east("deploy the service"))?;
    /// alice.commit(east("deploy it again"))?;
    /// assert_eq!(vault.intents(&Filter::all())?[0].events, 2);
    /// assert_eq!(vault.intents(&Filter::all().up_to(first.position))?[0].events, 1);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn intents(&self, filter: &Filter) -> Result<Vec<Intent>> {
        filter.check()?;
        let Some((_, size)) = timeline::size(self.db(), self.tenant(), timeline::MAIN)? else { return Ok(Vec::new()) };
        match self.assign_up_to(filter.up_to.unwrap_or(Position::new(size))) {
            Err(error) if matches!(error.kind(), ErrorKind::Busy | ErrorKind::Denied | ErrorKind::Unsupported) => {}
            assigned => drop(assigned?),
        }
        let sql = self.db().begin(Access::Read)?;
        self.intents_in(&*sql, filter)
    }

    /// The intent of each event that a filter wants, in position order, as it is seen from the end of what the filter wants:
    /// from now, or from the position that it goes [up to](Filter::up_to). Events that are still to be assigned have none.
    ///
    /// ```
    /// use causal_vault::{Event, Filter, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let note = alice.commit(Event::raw("note", "hi").stream("conv:demo").embedding("minilm", &[0.6, 0.8]))?;
    /// let intent = vault.get(&note)?.header.intent.expect("it was assigned");
    /// assert_eq!(vault.intent_labels(&Filter::all())?, [(note.position, intent)]);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn intent_labels(&self, filter: &Filter) -> Result<Vec<(Position, IntentId)>> {
        filter.check()?;
        let sql = self.db().begin(Access::Read)?;
        let Some((timeline, size)) = timeline::size(&*sql, self.tenant(), timeline::MAIN)? else {
            return Ok(Vec::new());
        };
        if !super::is_there(&*sql)? {
            return Ok(Vec::new());
        }
        let mut labels = Vec::new();
        let up_to = filter.up_to.map_or(size, |up_to| up_to.number().min(size));
        for (number, members) in members(&*sql, timeline, filter, up_to)? {
            let Some((_, id)) = label::intent(&*sql, number)? else { continue };
            labels.extend(members.entries.iter().map(|entry| (Position::new(entry::position(*entry)), id)));
        }
        labels.sort_unstable_by_key(|(position, _)| *position);
        Ok(labels)
    }

    fn intents_in(&self, sql: &dyn Transaction, filter: &Filter) -> Result<Vec<Intent>> {
        let Some((timeline, size)) = timeline::size(sql, self.tenant(), timeline::MAIN)? else { return Ok(Vec::new()) };
        if !super::is_there(sql)? {
            return Ok(Vec::new());
        }
        let up_to = filter.up_to.map_or(size, |up_to| up_to.number().min(size));
        let members = members(sql, timeline, filter, up_to)?;
        let names: BTreeMap<i64, Arc<str>> =
            projection::models(sql, timeline)?.into_iter().map(|model| (model.id, model.name.into())).collect();
        let sample = (SAMPLES / members.len().max(1)).clamp(EXEMPLARS, SAMPLE);
        let samples: Vec<Vec<u64>> = members.values().map(|members| spread(&members.entries, sample)).collect();
        let mut terms = terms::of_groups(sql, self.tenant(), &samples)?.into_iter();
        let mut records = Names::default();
        let mut intents = Vec::with_capacity(members.len());
        for ((number, members), sample) in members.iter().zip(&samples) {
            let terms = terms.next().unwrap_or_default();
            let found = label::intent(sql, *number)?.zip(names.get(&members.model));
            let Some(((_, id), model)) = found else { continue };
            let position = |id: Option<&u64>| Position::new(id.map_or(0, |id| entry::position(*id)));
            intents.push(Intent {
                id,
                model: Arc::clone(model),
                events: members.entries.len() as u64,
                first: position(members.entries.first()),
                last: position(members.entries.last()),
                exemplars: exemplars(sql, &mut records, sample)?,
                terms,
                growth: growth(&members.entries, filter.after.number(), up_to),
            });
        }
        intents.sort_by_key(|intent| (std::cmp::Reverse(intent.events), intent.first));
        Ok(intents)
    }
}

/// The wanted entries of each intent, by its number.
fn members(sql: &dyn Transaction, timeline: u64, filter: &Filter, up_to: u64) -> Result<BTreeMap<i64, Members>> {
    let (first, end) = (entry::id(timeline, 0)?, entry::id(timeline, up_to)?);
    let wanted = Wanted::by(sql, timeline, filter, end)?;
    let mut places = Places::new();
    if wanted.needs_places() {
        entry::scan_places(sql, first, end, |id, log, kind| {
            places.insert(id, (log, kind));
            Ok(())
        })?;
    }
    let mut homes: BTreeMap<i64, past::Homes> = BTreeMap::new();
    let mut members: BTreeMap<i64, Members> = BTreeMap::new();
    for label in label::scan(sql, first, end)? {
        if !wanted.takes(label.entry, places.get(&label.entry).copied()) {
            continue;
        }
        let homes = match homes.entry(label.model) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(past::homes(sql, label.model, end)?),
        };
        let Some(home) = homes.get(&label.cell) else { continue };
        let group = members.entry(*home).or_insert_with(|| Members { model: label.model, entries: Vec::new() });
        group.entries.push(label.entry);
    }
    Ok(members)
}

/// As many of these, evenly spread.
fn spread(entries: &[u64], most: usize) -> Vec<u64> {
    let count = entries.len().min(most);
    (0..count).filter_map(|n| entries.get(n * entries.len() / count)).copied().collect()
}

/// Of some entries, the events whose embeddings are nearest to their mean.
fn exemplars(sql: &dyn Transaction, names: &mut Names, sample: &[u64]) -> Result<Vec<StoredEvent>> {
    let mut units: Vec<(u64, UnitVector)> = Vec::with_capacity(sample.len());
    for id in sample {
        let unit = embedding::by_id(sql, *id, |stored| Ok(UnitVector::new(&projection::values(stored.bytes)).ok()))?;
        units.extend(unit.flatten().map(|unit| (*id, unit)));
    }
    let mut sum = vec![0.0; units.first().map_or(0, |(_, unit)| unit.dimension())];
    for (_, unit) in &units {
        sum.iter_mut().zip(unit.values()).for_each(|(sum, value)| *sum += value);
    }
    // Directions that cancel out have no mean: then the first ones stand for all.
    let mean = UnitVector::new(&sum).ok();
    let mut near: Vec<(f32, u64)> = Vec::with_capacity(units.len());
    for (id, unit) in &units {
        near.push((mean.as_ref().map_or(Ok(0.0), |mean| mean.similarity(unit)).unwrap_or_default(), *id));
    }
    near.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    let event = |id: u64| {
        entry::by_id(sql, id, |row| names.event(sql, &row))?.ok_or_else(|| StoreError::Corrupt {
            what: format!("the entry at position {}", entry::position(id)),
            detail: "it has an intent and is not there; run verify".to_owned(),
        })
    };
    near.into_iter().take(EXEMPLARS).map(|(_, id)| id).map(event).collect()
}

/// How many entries lie in each of the equal parts of the positions behind `after` and up to `up_to`.
fn growth(entries: &[u64], after: u64, up_to: u64) -> Vec<u64> {
    let mut growth = vec![0; usize::try_from(PARTS).unwrap_or_default()];
    let width = up_to.saturating_sub(after).max(1);
    for entry in entries {
        let part = entry::position(*entry).saturating_sub(after + 1) * PARTS / width;
        if let Some(count) = growth.get_mut(usize::try_from(part.min(PARTS - 1)).unwrap_or_default()) {
            *count += 1;
        }
    }
    growth
}
