//! Which entries a filter wants, without reading each of them.

use std::collections::{BTreeMap, HashSet};

use super::{history, label, past};
use crate::backend::Sql;
use crate::causal::append::find_entry;
use crate::causal::table::{edge, entry, kind, log, writer};
use crate::intent::IntentId;
use crate::vault::filter::Filter;
use crate::words::Result;
use crate::words::limits::POSITION_MAX;

/// What entries must have, by numbers; `None` where all of them are wanted.
pub(in crate::vault) struct Wanted {
    /// Ids above this one.
    after: u64,
    logs: Option<HashSet<i64>>,
    kinds: Option<HashSet<i64>>,
    children: Option<HashSet<u64>>,
    members: Option<HashSet<u64>>,
}

/// The log and the kind of each entry.
pub(super) type Places = BTreeMap<u64, (i64, i64)>;

impl Wanted {
    /// What a filter wants of a timeline up to the id `end`.
    pub(in crate::vault) fn by<S: Sql + ?Sized>(sql: &S, timeline: u64, filter: &Filter, end: u64) -> Result<Self> {
        let kinds: Option<Result<_>> = filter.kind.as_ref().map(|_| {
            let all = kind::all(sql)?.into_iter();
            Ok(all.filter(|(_, kind)| filter.matches_kind(kind)).map(|(id, _)| id).collect())
        });
        let logs = match (&filter.stream, &filter.writer) {
            (None, None) => None,
            (stream, None) => Some(log::select(sql, timeline, stream.as_deref(), None)?),
            (stream, Some(writer)) => Some(match writer::find(sql, writer)? {
                Some(row) => log::select(sql, timeline, stream.as_deref(), Some(row))?,
                None => Vec::new(),
            }),
        };
        let children: Option<Result<_>> =
            filter.parent.as_ref().map(|parent| match find_entry(sql, timeline, parent)? {
                Some(parent) => Ok(edge::children(sql, parent.id, 0, u64::MAX >> 1)?.into_iter().collect()),
                None => Ok(HashSet::new()),
            });
        let members = filter.intent.as_ref().map(|intent| members(sql, timeline, intent, end));
        Ok(Self {
            after: entry::id(timeline, filter.after.number().min(POSITION_MAX))?,
            logs: logs.map(|logs| logs.into_iter().map(|log| log.id).collect()),
            kinds: kinds.transpose()?,
            children: children.transpose()?,
            members: members.transpose()?,
        })
    }

    /// Whether logs or kinds have to be looked at.
    pub(super) fn needs_places(&self) -> bool {
        self.logs.is_some() || self.kinds.is_some()
    }

    /// Whether an entry is wanted. Its log and kind are given where they [are needed](Self::needs_places).
    pub(in crate::vault) fn takes(&self, id: u64, place: Option<(i64, i64)>) -> bool {
        id > self.after
            && self.children.as_ref().is_none_or(|children| children.contains(&id))
            && self.members.as_ref().is_none_or(|members| members.contains(&id))
            && self.logs.as_ref().is_none_or(|logs| place.is_some_and(|(log, _)| logs.contains(&log)))
            && self.kinds.as_ref().is_none_or(|kinds| place.is_some_and(|(_, kind)| kinds.contains(&kind)))
    }
}

/// The entries of the events of an intent, as it is seen from the entry `end`.
pub(in crate::vault) fn members<S: Sql + ?Sized>(
    sql: &S,
    timeline: u64,
    intent: &IntentId,
    end: u64,
) -> Result<HashSet<u64>> {
    let Some((model, number)) = history::find(sql, timeline, intent)? else { return Ok(HashSet::new()) };
    let number = past::facts(sql, model, end)?.iter().fold(number, |number, fact| fact.follow(number));
    let homes = past::homes(sql, model, end)?;
    let labels = label::scan(sql, entry::id(timeline, 0)?, end)?.into_iter();
    let is_member = |label: &label::Label| label.model == model && homes.get(&label.cell) == Some(&number);
    Ok(labels.filter(is_member).map(|label| label.entry).collect())
}
