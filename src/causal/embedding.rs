//! The embedding of an event: its digest is among the entry's extensions, and its values are stored beside the entry.

use super::draft::Draft;
use super::extension::Embedding;
use super::known::Known;
use super::table::model::Model;
use super::table::{embedding, model};
use crate::backend::{Sql, Transaction};
use crate::words::{Result, StoreError};

/// Whether there is a model of this name, which is then known.
pub(super) fn has_model(sql: &dyn Transaction, known: &mut Known, name: &str) -> Result<bool> {
    if known.model(name).is_none()
        && let Some(model) = model::find(sql, known.timeline.id, name)?
    {
        known.learn_model(&model);
    }
    Ok(known.model(name).is_some())
}

/// Refuses an embedding that cannot be compared with those of its model.
pub(super) fn check(sql: &dyn Transaction, known: &mut Known, draft: &Draft<'_>) -> Result<()> {
    let Some((name, values)) = &draft.embedding else { return Ok(()) };
    has_model(sql, known, name)?;
    let found = dimensions(values);
    match known.model(name).filter(|model| model.dimensions != found) {
        None => Ok(()),
        Some(model) => Err(StoreError::Invalid {
            what: "embedding",
            reason: format!(
                "it has {found} dimensions, and those of model {name:?} have {}; give another model another name",
                model.dimensions
            ),
        }),
    }
}

/// Stores the values of a draft that was [checked](check), beside the entry with this id.
pub(super) fn store(sql: &dyn Transaction, known: &mut Known, id: u64, draft: &Draft<'_>) -> Result<()> {
    let Some((name, values)) = &draft.embedding else { return Ok(()) };
    let model = match known.model(name) {
        Some(model) => model.id,
        None => {
            let (timeline, dimensions) = (known.timeline.id, dimensions(values));
            let id = model::create(sql, timeline, name, dimensions)?;
            known.learn_model(&Model { id, timeline, name: name.to_owned(), dimensions });
            id
        }
    };
    embedding::insert(sql, id, model, values.clone())
}

/// Stores the values of an entry that was made elsewhere.
pub(super) fn adopt<S: Sql + ?Sized>(
    sql: &S,
    timeline: u64,
    id: u64,
    said: &Embedding<'_>,
    values: &[u8],
) -> Result<()> {
    let model = match model::find(sql, timeline, said.model)? {
        Some(model) => model.id,
        None => model::create(sql, timeline, said.model, u64::from(said.dimensions))?,
    };
    embedding::insert(sql, id, model, values.to_vec())
}

fn dimensions(values: &[u8]) -> u64 {
    (values.len() / size_of::<f32>()) as u64
}
