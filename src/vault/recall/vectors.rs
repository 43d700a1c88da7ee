//! An index of a model's embeddings in memory, loaded from the store as far as somebody asks, and kept.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::projection;
use super::wanted::{Places, Wanted};
use crate::backend::{Sql, Transaction};
use crate::causal::EntryHash;
use crate::causal::table::model::Model;
use crate::causal::table::{embedding, entry};
use crate::intent::{FlatIndex, FlatMatch, UnitVector};
use crate::words::{Result, StoreError};

/// The indexes of a tenant's models, by name.
#[derive(Default)]
pub(super) struct Vectors(Mutex<BTreeMap<String, Arc<RwLock<Loaded>>>>);

/// Newest entries whose hashes are kept, so that whoever sees fewer entries than were loaded can tell them as its own.
const RECENT: u64 = 256;

/// One model's embeddings up to an entry.
struct Loaded {
    model: Model,
    index: FlatIndex,
    reached: u64,
    /// The hashes of the newest entries up to there, whatever they carry.
    recent: BTreeMap<u64, EntryHash>,
    /// Those of the entries that were asked for so far.
    places: Places,
    placed: u64,
}

impl Vectors {
    /// The `k` embeddings nearest to a direction, of the entries up to the id `end` that are wanted. Of equally near ones
    /// the older comes first.
    pub(super) fn nearest(
        &self,
        sql: &dyn Transaction,
        model: &Model,
        query: &UnitVector,
        k: usize,
        end: u64,
        wanted: &Wanted,
    ) -> Result<Vec<FlatMatch>> {
        let loaded = self.load(sql, model, end, wanted.needs_places())?;
        let loaded = loaded.read();
        let keep = |id| wanted.takes(id, loaded.places.get(&id).copied());
        let read = |id: u64, row: &mut [f32]| {
            let unit = embedding::by_id(sql, id, |stored| UnitVector::new(&projection::values(stored.bytes)))?;
            match unit {
                Some(unit) if unit.dimension() == row.len() => row.copy_from_slice(unit.values()),
                _ => {
                    return Err(StoreError::Corrupt {
                        what: format!("the embedding of the entry at position {}", entry::position(id)),
                        detail: "it was there and is not now; run verify".to_owned(),
                    });
                }
            }
            Ok(())
        };
        Ok(loaded.index.nearest(query, k, end, keep, read)?.rows)
    }

    /// Forgets the embedding of an entry.
    pub(super) fn remove(&self, id: u64) {
        for loaded in self.0.lock().values() {
            loaded.write().index.retain(|position| position != id);
        }
    }

    /// Forgets what was loaded.
    pub(super) fn reset(&self) {
        self.0.lock().clear();
    }

    fn load(&self, sql: &dyn Transaction, model: &Model, end: u64, with_places: bool) -> Result<Arc<RwLock<Loaded>>> {
        let known = self.0.lock().get(&model.name).cloned();
        let known = match known {
            Some(loaded) if loaded.read().is_current(sql, model)? => Some(loaded),
            _ => None,
        };
        let loaded = match known {
            Some(loaded) => loaded,
            None => {
                let fresh = Arc::new(RwLock::new(Loaded::empty(model)?));
                self.0.lock().insert(model.name.clone(), Arc::clone(&fresh));
                fresh
            }
        };
        let lacks = |loaded: &Loaded| loaded.reached < end || (with_places && loaded.placed < end);
        if lacks(&loaded.read()) {
            loaded.write().load(sql, end, with_places)?;
        }
        Ok(loaded)
    }
}

impl Loaded {
    fn empty(model: &Model) -> Result<Self> {
        let dimension = usize::try_from(model.dimensions).unwrap_or(usize::MAX);
        let first = entry::id(model.timeline, 0)?;
        Ok(Self {
            model: model.clone(),
            index: FlatIndex::new(dimension)?,
            reached: first,
            recent: BTreeMap::new(),
            places: Places::new(),
            placed: first,
        })
    }

    /// Whether it is of the history that is stored, and may have gone further than what is seen of it.
    fn is_current<S: Sql + ?Sized>(&self, sql: &S, model: &Model) -> Result<bool> {
        if self.model != *model {
            return Ok(false);
        }
        for (id, hash) in self.recent.iter().rev() {
            if let Some(link) = entry::link_by_id(sql, *id)? {
                return Ok(link.hash == *hash);
            }
        }
        Ok(self.recent.is_empty() && self.index.is_empty())
    }

    fn load(&mut self, sql: &dyn Transaction, end: u64, with_places: bool) -> Result<()> {
        if self.reached < end {
            let (model, index) = (self.model.id, &mut self.index);
            embedding::scan(sql, self.reached, end, |stored| {
                if stored.model == model {
                    // What is no embedding of the model is nothing that could be found: verification tells it.
                    match UnitVector::new(&projection::values(stored.bytes)) {
                        Ok(unit) if unit.dimension() == index.dimension() => index.push(stored.id, &unit)?,
                        Ok(_) | Err(_) => {}
                    }
                }
                Ok(ControlFlow::Continue(()))
            })?;
            for id in self.reached.max(end.saturating_sub(RECENT)) + 1..=end {
                if let Some(link) = entry::link_by_id(sql, id)? {
                    self.recent.insert(id, link.hash);
                }
            }
            while self.recent.len() as u64 > RECENT {
                self.recent.pop_first();
            }
            self.reached = end;
        }
        if with_places && self.placed < end {
            let places = &mut self.places;
            entry::scan_places(sql, self.placed, end, |id, log, kind| {
                places.insert(id, (log, kind));
                Ok(())
            })?;
            self.placed = end;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Access;
    use crate::causal::table::{model, timeline};
    use crate::vault::{Event, Filter, Query, Vault};

    #[test]
    fn who_sees_a_few_entries_less_than_were_loaded_takes_the_same_index() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path().join("v")).unwrap();
        let commit = |count: usize| {
            let alice = vault.named_writer("alice").unwrap();
            let event = || Event::raw("note", "hi").stream("demo").embedding("plane", &[1.0, 0.0]);
            (0..count).for_each(|_| drop(alice.commit(event()).unwrap()));
            vault.similar(&Query::embedding("plane", &[1.0, 0.0]), 1_000).unwrap().len()
        };
        assert_eq!(commit(3), 3);
        let seen = vault.db().begin(Access::Read).unwrap();
        let (timeline, size) = timeline::size(&*seen, vault.tenant(), timeline::MAIN).unwrap().unwrap();
        let (model, end) =
            (model::find(&*seen, timeline, "plane").unwrap().unwrap(), entry::id(timeline, size).unwrap());
        let wanted = Wanted::by(&*seen, timeline, &Filter::all(), end).unwrap();
        let unit = UnitVector::new(&[1.0, 0.0]).unwrap();
        let vectors = &vault.recall().vectors;
        let index = || Arc::clone(&vectors.0.lock()["plane"]);
        for (more, is_same) in [(2, true), (253, true), (1, false)] {
            let all = std::thread::scope(|scope| scope.spawn(|| commit(more)).join().unwrap());
            let loaded = index();
            assert_eq!(loaded.read().index.len(), all);
            assert_eq!(vectors.nearest(&*seen, &model, &unit, 1_000, end, &wanted).unwrap().len(), 3);
            assert_eq!(Arc::ptr_eq(&loaded, &index()), is_same, "{all}");
        }
        // What has another entry at the place where both end is of another history.
        index().write().recent.insert(end, EntryHash::from_bytes([0; 32]));
        let loaded = index();
        assert_eq!(vectors.nearest(&*seen, &model, &unit, 1_000, end, &wanted).unwrap().len(), 3);
        assert!(!Arc::ptr_eq(&loaded, &index()));
    }
}
