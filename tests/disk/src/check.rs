//! What is found when the vault is opened again, held against what was acknowledged.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use causal_vault::{Anchor, Checkpoint, EntryHash, Filter, Result, StoreError, Value, Vault};

use crate::workload::{CURSOR, Plan, Receipt, Unit};

/// What became of a workload.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Events that were acknowledged and are not there.
    pub lost: u64,
    /// Pieces of work that are there although they were not acknowledged.
    pub unknown: u64,
    /// Events that were stored by doing again what had not been acknowledged.
    pub retried: u64,
}

impl Outcome {
    pub fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.unknown += other.unknown;
        self.retried += other.retried;
    }
}

/// What a vault is held against.
#[derive(Clone, Copy)]
pub struct Claim<'a> {
    pub plan: &'a Plan,
    pub units: &'a [Unit],
    /// The entries of which it must hold the first ones, where that is known.
    pub entries: Option<&'a [EntryHash]>,
    /// The operations that reached the disk.
    pub cut: usize,
    /// Whether the file is looked through as well, beyond what the events tell.
    pub full: bool,
}

/// Opens the vault in `path` and fails with what is wrong.
///
/// Lost events are counted; damage, halves, doubles and events out of nowhere are errors.
pub fn check(path: &Path, claim: &Claim<'_>) -> std::result::Result<Outcome, String> {
    let vault = claim.plan.open(path).map_err(|error| format!("it does not open: {error}"))?;
    inspect(&vault, claim).map_err(|error| format!("it cannot be read: {error}"))?
}

type Finding<T> = Result<std::result::Result<T, String>>;

/// Leaves with what is wrong.
macro_rules! wrong {
    ($($text:tt)*) => { return Ok(Err(format!($($text)*))) };
}

fn inspect(vault: &Vault, claim: &Claim<'_>) -> Finding<Outcome> {
    let Claim { units, cut, full, .. } = *claim;
    let mut outcome = Outcome::default();
    let begun = || units.iter().filter(|unit| unit.begun <= cut);
    let is_acked = |unit: &Unit| unit.acked.is_some_and(|acked| acked <= cut);

    let report = vault.verify(&[])?;
    if !report.is_intact() {
        wrong!("it is damaged: {report}");
    }
    if full {
        let found = vault.backend().query("PRAGMA integrity_check", &[])?;
        if found != [[Value::Text("ok".into())]] {
            wrong!("the file is damaged: {found:?}");
        }
    }
    if let Some(entries) = claim.entries {
        let found = vault.events(Filter::all())?.map(|event| Ok(event?.header.hash)).collect::<Result<Vec<_>>>()?;
        if !entries.starts_with(&found) {
            wrong!("its {} entries are not the first ones of the {}", found.len(), entries.len());
        }
    }
    let found = counts(vault)?;
    let rows = rows(vault)?;
    let mut expected = HashSet::new();
    let mut missing = Vec::new();
    for unit in begun() {
        let payloads = unit.work.payloads();
        let there = payloads.iter().filter(|payload| found.contains_key(**payload)).count();
        if there != 0 && there != payloads.len() {
            wrong!("{there} of {} events are there of {:?}", payloads.len(), unit.work);
        }
        if unit.work.has_rows() {
            let stored = payloads.iter().filter(|payload| rows.contains(**payload)).count();
            if stored != there {
                wrong!("{stored} rows are there for {there} events of {:?}", unit.work);
            }
        }
        match (is_acked(unit), there) {
            (true, 0) => outcome.lost += payloads.len() as u64,
            (false, 0) => missing.push(unit),
            (false, _) => outcome.unknown += 1,
            (true, _) => {}
        }
        expected.extend(payloads);
    }
    for (payload, count) in &found {
        if *count != 1 || !expected.contains(payload.as_slice()) {
            wrong!(
                "an event is there {count} times, and was{} begun",
                if expected.contains(payload.as_slice()) { "" } else { " never" }
            );
        }
    }
    let position = vault.cursor(CURSOR, Filter::all())?.acked()?.number();
    let acks = |acked: bool| {
        begun().filter(move |unit| !acked || is_acked(unit)).filter_map(|unit| unit.work.position()).max().unwrap_or(0)
    };
    if position > acks(false) {
        wrong!("the cursor is at {position}, beyond what anyone acknowledged");
    }
    // What lies behind it is lost with the events; without one it is a loss of its own.
    if position < acks(true) && outcome.lost == 0 {
        outcome.lost += 1;
    }
    let kept = vault.checkpoints()?;
    let mut anchors = Vec::<Anchor>::new();
    for unit in begun().filter(|unit| is_acked(unit)) {
        let Some(Receipt::Checkpoint(note)) = &unit.receipt else { continue };
        anchors.push(note.text().parse::<Checkpoint>()?.head().into());
        outcome.lost += u64::from(!kept.contains(note));
    }
    if outcome.lost > 0 {
        return Ok(Ok(outcome));
    }

    for unit in begun().filter(|unit| full && is_acked(unit)) {
        let Some(Receipt::Event(reference)) = &unit.receipt else { continue };
        let stored = vault.try_get(reference)?.map(|event| event.payload);
        if stored.as_deref() != unit.work.payloads().last().copied() {
            wrong!("{reference} is not what was acknowledged for {:?}", unit.work);
        }
    }

    // By event id: as if nobody knew what is there. What has no id is done again where it is missing.
    for unit in begun().filter(|unit| !is_acked(unit) && unit.work.has_ids()) {
        again(vault, unit)?;
    }
    for unit in missing.iter().filter(|unit| !unit.work.has_ids()) {
        again(vault, unit)?;
    }
    outcome.retried = missing.iter().map(|unit| unit.work.payloads().len() as u64).sum();
    let settled = counts(vault)?;
    if settled.len() != expected.len() || settled.values().any(|count| *count != 1) {
        let twice = settled.values().filter(|count| **count != 1).count();
        wrong!("after the retries {} of {} events are there, {twice} of them twice", settled.len(), expected.len());
    }
    if full || outcome.retried > 0 {
        let report = vault.verify(&anchors)?;
        if !report.is_intact() {
            wrong!("after the retries it is damaged: {report}");
        }
    }
    Ok(Ok(outcome))
}

fn again(vault: &Vault, unit: &Unit) -> Result<()> {
    unit.work.perform(vault).map(drop)
}

/// How often each payload is there.
fn counts(vault: &Vault) -> Result<HashMap<Vec<u8>, usize>> {
    let mut counts = HashMap::new();
    for event in vault.events(Filter::all())? {
        *counts.entry(event?.payload).or_default() += 1;
    }
    Ok(counts)
}

/// The rows of the consumer's own table.
fn rows(vault: &Vault) -> Result<HashSet<Vec<u8>>> {
    vault
        .backend()
        .query("SELECT payload FROM mine", &[])?
        .into_iter()
        .map(|mut row| match row.pop() {
            Some(Value::Blob(payload)) => Ok(payload),
            other => Err(StoreError::MalformedRow(format!("{other:?}"))),
        })
        .collect()
}
