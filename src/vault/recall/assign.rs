//! When events are assigned to intents: at once for a single commit, and otherwise when somebody asks.

use super::Recall;
use super::projection::{self, Projection};
use super::{forget, label, state};
use crate::backend::{Access, Backend, Transaction};
use crate::causal::draft::Author;
use crate::causal::key_event::{CONSOLIDATION, INTENT_STREAM, vault_identity};
use crate::causal::table::{embedding, entry, model, timeline};
use crate::intent::{Calibration, IntentMatch, IntentOptions, IntentStore};
use crate::vault::event::Event;
use crate::vault::header::{EventHeader, Position};
use crate::vault::open::Vault;
use crate::words::limits::POSITION_MAX;
use crate::words::{ErrorKind, Result, StoreError};

/// Entries that one commit lets pass for the first time at most, beside its own.
const INLINE: usize = 32;
/// Entries that are labelled already and that one commit lets pass again at most, before it is the turn of new ones. So
/// many stand behind the stored states at most where two models have as many cells as they keep unless told otherwise.
const AGAIN: usize = 4096;
/// Entries that pass in one transaction when somebody asks, so that commits need not wait for long.
const STEP: usize = 256;

/// Events that a process may leave to the next one to pass again.
const FEW: usize = 64;

impl Recall {
    /// Shows the projection of a timeline as it goes on from what is stored, and the last entry that is labelled. What
    /// fails half-way is gone, and loaded again.
    ///
    /// The transaction comes first and the lock second, always.
    fn with<T>(
        &self,
        sql: &dyn Transaction,
        tenant: &str,
        timeline: u64,
        show: impl FnOnce(&mut Projection, u64) -> Result<T>,
    ) -> Result<T> {
        let last = label::last(sql, timeline)?;
        let mut slot = self.projection.lock();
        let mut projection = match slot.take() {
            Some(projection) if projection.is_current(sql, timeline, last)? => projection,
            _ => Projection::load(sql, tenant, timeline)?,
        };
        let shown = show(&mut projection, last)?;
        *slot = Some(projection);
        Ok(shown)
    }

    /// The same for who only reads. Who does not see all that has passed here, as its commit is under way, has what it sees
    /// pass apart: the newer projection stays, and the commit does not wait.
    fn show<T>(
        &self,
        sql: &dyn Transaction,
        tenant: &str,
        timeline: u64,
        show: impl FnOnce(&mut Projection, u64) -> Result<T>,
    ) -> Result<T> {
        let last = label::last(sql, timeline)?;
        let is_ahead = |projection: &Projection| projection.is_ahead(timeline, last);
        if self.projection.lock().as_ref().is_some_and(is_ahead) {
            return show(&mut Projection::load(sql, tenant, timeline)?, last);
        }
        self.with(sql, tenant, timeline, show)
    }

    /// Forgets what is in memory.
    pub(in crate::vault) fn reset(&self) {
        *self.projection.lock() = None;
        self.vectors.reset();
    }

    /// Stores the states of the intents, so that the next process begins where this one ends. What is not stored is found
    /// again.
    pub(in crate::vault) fn store(&self, db: &dyn Backend, tenant: &str) -> Result<()> {
        let unstored = self.projection.lock().as_ref().map(Projection::unstored);
        let Some((timeline, _)) = unstored.filter(|(_, events)| *events > FEW) else { return Ok(()) };
        let tx = db.begin(Access::Write)?;
        self.with(&*tx, tenant, timeline, |projection, _| projection.store(&*tx))?;
        tx.commit()
    }
}

impl Vault {
    /// Assigns what single commits have appended in a transaction that is about to be committed, and a part of what was
    /// left behind by others; tells their headers.
    pub(in crate::vault) fn assign_inline(
        &self,
        sql: &dyn Transaction,
        timeline: u64,
        events: usize,
        headers: &mut [EventHeader],
    ) -> Result<()> {
        let to = entry::id(timeline, POSITION_MAX)?;
        let tell = |id, intent| {
            let position = Position::new(entry::position(id));
            if let Some(header) = headers.iter_mut().find(|header| header.position == position) {
                header.intent = Some(intent);
            }
        };
        self.recall().with(sql, self.tenant(), timeline, |projection, last| {
            projection.catch_up(sql, last, AGAIN)?;
            projection.advance(sql, last, to, INLINE + events, tell)?;
            if projection.is_due() { projection.store(sql) } else { Ok(()) }
        })
    }

    /// The position up to which every event with an embedding has been assigned to an intent.
    ///
    /// A single commit assigns its event before it returns, unless more than a few events before it are still to be
    /// assigned. Batches and transactions leave theirs, and [`rebuild`](Self::rebuild) and
    /// [`choose_intents`](Self::choose_intents) leave all of them. Commits after them catch up a few events at a time:
    /// [`assign_up_to`](Self::assign_up_to) does all of it.
    ///
    /// ```
    /// use causal_vault::{Event, Position, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let note = |text: &str| Event::raw("note", text).stream("conv:demo").embedding("minilm", &[0.6, 0.8]);
    /// alice.commit(note("one"))?;
    /// assert_eq!(vault.assigned_up_to()?, Position::new(1));
    /// alice.commit_batch([note("two"), note("three")])?;
    /// assert_eq!(vault.assigned_up_to()?, Position::new(1));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn assigned_up_to(&self) -> Result<Position> {
        let sql = self.db().begin(Access::Read)?;
        let Some(timeline) = timeline::find(&*sql, self.tenant(), timeline::MAIN)? else { return Ok(Position::START) };
        let (first, end) = (entry::id(timeline.id, 0)?, entry::id(timeline.id, timeline.tree.size())?);
        let last = if super::is_there(&*sql)? { label::last(&*sql, timeline.id)? } else { first };
        let next = projection::next(&*sql, timeline.id, last, end)?;
        Ok(Position::new(entry::position(next.map_or(end, |next| next.saturating_sub(1)))))
    }

    /// Assigns every event with an embedding up to a position, and tells how far it came: to the position, or to the newest
    /// event where that is before it.
    ///
    /// It goes on in transactions of some hundred events each, so that commits do not wait for long.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let note = |text: &str| Event::raw("note", text).stream("conv:demo").embedding("minilm", &[0.6, 0.8]);
    /// let receipts = alice.commit_batch([note("one"), note("two")])?;
    /// assert_eq!(vault.get(&receipts[1])?.header.intent, None);
    /// vault.assign_up_to(receipts[1].position)?;
    /// assert_eq!(vault.get(&receipts[1])?.header.intent, vault.get(&receipts[0])?.header.intent);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn assign_up_to(&self, position: Position) -> Result<Position> {
        loop {
            let reached = self.assigned_up_to()?;
            let Some((timeline, size)) = timeline::size(self.db(), self.tenant(), timeline::MAIN)? else {
                return Ok(reached);
            };
            if reached >= position || reached.number() >= size {
                return Ok(reached);
            }
            self.ensure_recall()?;
            let to = entry::id(timeline, position.number().min(size))?;
            let tx = self.db().begin(Access::Write)?;
            self.recall().with(&*tx, self.tenant(), timeline, |projection, last| {
                projection.advance(&*tx, last, to, STEP, |_, _| {})?;
                if projection.is_due() { projection.store(&*tx) } else { Ok(()) }
            })?;
            self.commit_own(tx)?;
        }
    }

    /// Groups the intents of a model anew, at once and to the end: like near-duplicates, split what has become two. Small
    /// steps of this are done with every event; call it where a tidy state is wanted, before a report say.
    ///
    /// It is an event of the vault's, `vault.consolidation`, so that whoever assigns the events anew does it at the same
    /// place. All events before it are assigned first.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// alice.commit(Event::raw("note", "hi").stream("conv:demo").embedding("minilm", &[0.6, 0.8]))?;
    /// vault.consolidate_intents("minilm")?;
    /// assert!(vault.consolidate_intents("another").is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn consolidate_intents(&self, model: &str) -> Result<()> {
        let timeline = timeline::size(self.db(), self.tenant(), timeline::MAIN)?;
        let known = timeline.map(|(timeline, _)| model::find(self.db(), timeline, model)).transpose()?.flatten();
        if known.is_none() {
            return Err(unknown_model(model));
        }
        let event = Event::raw(CONSOLIDATION, model).stream(INTENT_STREAM).by_the_vault();
        let draft = event.draft(self.payload_limit())?;
        let receipt = self.transaction(|tx| tx.append_draft(&Author::named(vault_identity()), &draft))?;
        self.assign_up_to(receipt.position).map(drop)
    }

    /// Chooses how the intents of a model are found: how fine, from how many cells, from which similarity on. The tenant of
    /// the options is the vault's. Where that is not how they were found so far, every event of the tenant is assigned anew,
    /// when [asked to](Self::assign_up_to) and with the next commits: labels of then become what they would have been.
    ///
    /// They may be chosen before the model's first embedding, which is refused if it has another dimension.
    ///
    /// ```
    /// use causal_vault::{Event, IntentOptions, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// vault.choose_intents(IntentOptions::new("minilm", 2).separation(0.4))?;
    /// let alice = vault.named_writer("alice")?;
    /// alice.commit(Event::raw("note", "hi").stream("conv:demo").embedding("minilm", &[0.6, 0.8]))?;
    /// let error = vault.choose_intents(IntentOptions::new("minilm", 3)).unwrap_err();
    /// assert!(error.to_string().contains("3 dimensions"));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn choose_intents(&self, options: IntentOptions) -> Result<()> {
        let options = options.tenant(self.tenant());
        options.check()?;
        self.ensure_recall()?;
        let tx = self.db().begin(Access::Write)?;
        let timeline = timeline::find_or_create(&*tx, self.tenant(), timeline::MAIN)?.id;
        let known = model::find(&*tx, timeline, options.model())?;
        let found = options.dimension() as u64;
        if let Some(model) = known.as_ref().filter(|model| model.dimensions != found) {
            return Err(StoreError::Invalid {
                what: "intent options",
                reason: format!(
                    "they are for {found} dimensions, and the embeddings of model {:?} have {}",
                    model.name, model.dimensions
                ),
            });
        }
        let is_other = match &known {
            Some(model) => match projection::options(&*tx, self.tenant(), timeline, model) {
                Ok(before) => before != options,
                // What is damaged is written anew.
                Err(error) if error.kind() == ErrorKind::Corrupt => true,
                Err(error) => return Err(error),
            },
            None => false,
        };
        state::choose(&*tx, timeline, &options)?;
        if is_other {
            forget(&*tx, timeline)?;
        }
        self.commit_own(tx)
    }

    /// The nearest intent to an embedding as the intents are now, and how sure that is; `None` where there are none. Nothing
    /// is stored.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let note = alice.commit(Event::raw("note", "hi").stream("conv:demo").embedding("minilm", &[0.6, 0.8]))?;
    /// let found = vault.classify("minilm", &[0.8, 0.6])?.expect("there is an intent");
    /// assert_eq!(Some(found.intent), vault.get(&note)?.header.intent);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn classify(&self, model: &str, embedding: &[f32]) -> Result<Option<IntentMatch>> {
        self.with_store(model, |store| store.classify(embedding)).map(Option::flatten)
    }

    /// What was learnt of a model: how similar its events are to each other, and from where on one joins an intent. `None`
    /// where no event of the model was assigned.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// alice.commit(Event::raw("note", "hi").stream("conv:demo").embedding("minilm", &[0.6, 0.8]))?;
    /// assert!(!vault.calibration("minilm")?.expect("there is an event").is_learnt());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn calibration(&self, model: &str) -> Result<Option<Calibration>> {
        self.with_store(model, |store| Ok(store.calibration()))
    }

    /// Shows the store of a model once all that is labelled has passed.
    fn with_store<T>(&self, name: &str, show: impl FnOnce(&IntentStore) -> Result<T>) -> Result<Option<T>> {
        let sql = self.db().begin(Access::Read)?;
        let Some((timeline, _)) = timeline::size(&*sql, self.tenant(), timeline::MAIN)? else { return Ok(None) };
        let Some(model) = model::find(&*sql, timeline, name)? else { return Ok(None) };
        if !super::is_there(&*sql)? {
            return Ok(None);
        }
        self.recall().show(&*sql, self.tenant(), timeline, |projection, last| {
            // What is labelled is not written again: this only reads.
            projection.advance(&*sql, last, last, usize::MAX, |_, _| {})?;
            projection.of(model.id).map(show).transpose()
        })
    }

    /// The model and the values of an event's embedding, if it has one.
    ///
    /// ```
    /// use causal_vault::{Event, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let note = vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// assert_eq!(vault.embedding(&note)?, None);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn embedding(&self, event: impl Into<crate::vault::EventKey>) -> Result<Option<(String, Vec<f32>)>> {
        let header = self.get(event)?.header;
        let Some(name) = header.model() else { return Ok(None) };
        let Some((timeline, _)) = timeline::size(self.db(), self.tenant(), timeline::MAIN)? else { return Ok(None) };
        let id = entry::id(timeline, header.position.number())?;
        let values = embedding::by_id(self.db(), id, |stored| Ok(projection::values(stored.bytes)))?;
        let values = values.ok_or_else(|| StoreError::Corrupt {
            what: format!("the entry at position {}", header.position),
            detail: "the values of its embedding are missing; run verify".to_owned(),
        })?;
        Ok(Some((name.to_owned(), values)))
    }
}

pub(super) fn unknown_model(model: &str) -> StoreError {
    StoreError::NotFound {
        what: "the model",
        name: format!("{model:?}: no event of this tenant has an embedding of it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sees_less_than_has_passed_reads_what_it_sees_and_leaves_what_is_newer() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path().join("v")).unwrap();
        let commit = |count: usize| {
            let alice = vault.named_writer("alice").unwrap();
            let event = || Event::raw("note", "hi").stream("demo").embedding("plane", &[1.0, 0.0]);
            (0..count).for_each(|_| drop(alice.commit(event()).unwrap()));
        };
        commit(3);
        let seen = vault.db().begin(Access::Read).unwrap();
        let (timeline, _) = timeline::size(&*seen, vault.tenant(), timeline::MAIN).unwrap().unwrap();
        std::thread::scope(|scope| drop(scope.spawn(|| commit(2))));
        let newest = || vault.recall().projection.lock().as_ref().map(Projection::unstored);
        assert_eq!(newest(), Some((timeline, 5)));
        let passed = vault.recall().show(&*seen, vault.tenant(), timeline, |projection, last| {
            projection.advance(&*seen, last, last, usize::MAX, |_, _| {})?;
            Ok(projection.unstored())
        });
        assert_eq!(passed, Ok((timeline, 3)));
        assert_eq!(newest(), Some((timeline, 5)));
    }
}
