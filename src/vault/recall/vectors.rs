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

/// One model's embeddings up to an entry.
struct Loaded {
    model: Model,
    index: FlatIndex,
    reached: u64,
    hash: Option<EntryHash>,
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
            hash: None,
            places: Places::new(),
            placed: first,
        })
    }

    /// Whether it is of the history that is stored.
    fn is_current<S: Sql + ?Sized>(&self, sql: &S, model: &Model) -> Result<bool> {
        let hash = match self.index.last_position() {
            Some(last) => entry::link_by_id(sql, last)?.map(|link| link.hash),
            None => None,
        };
        Ok(self.model == *model && hash == self.hash)
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
            self.reached = end;
            let last = self.index.last_position();
            self.hash = last.map(|id| entry::link_by_id(sql, id)).transpose()?.flatten().map(|link| link.hash);
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
