//! Whether what stands in rows beside the entries is all there, and found: payloads and embeddings.

use std::hash::RandomState;

use super::indexes::Indexes;
use super::tally::{Tally, Walk};
use crate::causal::table::{embedding, entry, model, payload};
use crate::words::limits::POSITION_MAX;
use crate::words::{ChainRule, Result};

impl Indexes<'_> {
    pub(super) fn payloads(&mut self) -> Result<()> {
        let (mut rows, mut last) = (0, None);
        payload::scan(self.tx, self.timeline.id, |payload| {
            let payload::Payload { id, digest, computed, .. } = payload;
            if digest != computed {
                let found = format!("payload {id} with digest {computed}");
                self.wrong(ChainRule::Payload, found, format!("digest {digest}"));
            } else if !payload.is_indexed() || payload::find(self.tx, self.timeline.id, &digest)? != Some(id) {
                self.wrong(ChainRule::Index, format!("no payload {digest} by the index over payloads"), id);
            }
            if last.replace(id).is_some_and(|last| last >= id) {
                self.wrong(ChainRule::Index, format!("payload {id} out of order"), "ascending numbers");
            }
            rows += 1;
            Ok(())
        })?;
        let indexed = payload::indexed(self.tx, self.timeline.id)?;
        if indexed != rows {
            self.wrong(ChainRule::Index, format!("{indexed} payloads by the index"), rows);
        }
        Ok(())
    }

    /// Every embedding is an entry's, and every model's name leads to it.
    pub(super) fn embeddings(&mut self, expected: Tally, hasher: &RandomState) -> Result<()> {
        let (from, to) = (entry::id(self.timeline.id, 0)?, entry::id(self.timeline.id, POSITION_MAX)?);
        let mut walk = Walk::new();
        embedding::walk(self.tx, from, to, |id| {
            walk.tally.add(hasher, id);
            walk.step(id);
            Ok(())
        })?;
        self.compare(ChainRule::Embedding, "embeddings", &walk, expected, |id| {
            embedding::by_id(self.tx, id, |found| Ok(found.id == id)).map(Option::unwrap_or_default)
        })?;
        for model in model::all(self.tx)?.into_iter().filter(|model| model.timeline == self.timeline.id) {
            if model::find(self.tx, self.timeline.id, &model.name)?.as_ref() != Some(&model) {
                self.wrong(ChainRule::Index, format!("no model {:?} by the index over models", model.name), model.id);
            }
        }
        Ok(())
    }
}
