//! What became of an intent.

use super::similar::home;
use super::{label, past, projection};
use crate::backend::{Access, Sql};
use crate::causal::table::{entry, timeline};
use crate::intent::{IntentFact, IntentId};
use crate::vault::header::Position;
use crate::vault::open::Vault;
use crate::words::Result;
use crate::words::limits::POSITION_MAX;

impl Vault {
    /// The intent that an id of any time stands for now; `None` if this tenant never had it.
    ///
    /// ```
    /// use causal_vault::{Event, IntentId, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let note = alice.commit(Event::raw("note", "hi").stream("conv:demo").embedding("minilm", &[0.6, 0.8]))?;
    /// let intent = vault.get(&note)?.header.intent.expect("it was assigned");
    /// assert_eq!(vault.resolve_intent(&intent)?, Some(intent));
    /// assert_eq!(vault.resolve_intent(&IntentId::from_bytes([0; 32]))?, None);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn resolve_intent(&self, id: &IntentId) -> Result<Option<IntentId>> {
        let sql = self.db().begin(Access::Read)?;
        let Some((timeline, _)) = timeline::size(&*sql, self.tenant(), timeline::MAIN)? else { return Ok(None) };
        let end = entry::id(timeline, POSITION_MAX)?;
        let Some((model, number)) = find(&*sql, timeline, id)? else { return Ok(None) };
        let number = past::facts(&*sql, model, end)?.iter().fold(number, |number, fact| fact.follow(number));
        Ok(label::intent(&*sql, number)?.map(|(_, intent)| intent))
    }

    /// The intents of a model that were merged and split, in order, each with the position of the event at which that was
    /// found.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// for turn in [0.0, 0.45, -0.3, 0.2] {
    ///     let note = Event::raw("note", "hi").stream("conv:demo");
    ///     alice.commit(note.embedding("minilm", &[1.0, turn]))?;
    /// }
    /// vault.consolidate_intents("minilm")?;
    /// for (position, fact) in vault.intent_facts("minilm")? {
    ///     println!("at {position}: {}", fact.kind());
    /// }
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn intent_facts(&self, model: &str) -> Result<Vec<(Position, IntentFact)>> {
        let sql = self.db().begin(Access::Read)?;
        let Some((timeline, _)) = timeline::size(&*sql, self.tenant(), timeline::MAIN)? else { return Ok(Vec::new()) };
        if !super::is_there(&*sql)? {
            return Ok(Vec::new());
        }
        let mut told = Vec::new();
        for model in projection::models(&*sql, timeline)?.into_iter().filter(|found| found.name == model) {
            for fact in past::facts(&*sql, model.id, entry::id(timeline, POSITION_MAX)?)? {
                let id = |number| Ok(label::intent(&*sql, number)?.map(|(_, intent)| intent));
                let from = id(fact.source)?;
                let into = fact.targets.iter().map(|target| id(*target)).collect::<Result<Option<Vec<_>>>>()?;
                if let (Some(from), Some(into)) = (from, into)
                    && let Some(told_fact) = fact.told(from, into)
                {
                    told.push((Position::new(entry::position(fact.entry)), told_fact));
                }
            }
        }
        Ok(told)
    }
}

impl Vault {
    /// The intent that the event at a position belongs to, as it is seen from another one.
    pub(super) fn intent_as_of(&self, position: Position, seen_from: Position) -> Result<Option<IntentId>> {
        let sql = self.db().begin(Access::Read)?;
        let Some((timeline, _)) = timeline::size(&*sql, self.tenant(), timeline::MAIN)? else { return Ok(None) };
        if !super::is_there(&*sql)? {
            return Ok(None);
        }
        let (id, end) = (entry::id(timeline, position.number())?, entry::id(timeline, seen_from.number())?);
        home(&*sql, id, end)
    }
}

/// The model and the number of an intent of a timeline.
pub(super) fn find<S: Sql + ?Sized>(sql: &S, timeline: u64, id: &IntentId) -> Result<Option<(i64, i64)>> {
    if !super::is_there(sql)? {
        return Ok(None);
    }
    for model in projection::models(sql, timeline)? {
        if let Some(number) = label::number(sql, model.id, id)? {
            return Ok(Some((model.id, number)));
        }
    }
    Ok(None)
}
