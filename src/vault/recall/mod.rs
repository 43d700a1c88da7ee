//! Why things happened, and what else was about the same: the intents of a tenant's events, and recall over them.
//!
//! ```text
//! label        which intent an event was put under         ┐
//! past         where cells belonged, what was merged       │ tables
//! state        the stores' states, and what users chose    ┘
//! projection   events pass through the intent stores
//! assign       when they do, and asking how far
//! history      what became of an intent
//! wanted       which entries a filter wants                ┐
//! vectors      an index of the embeddings in memory        │
//! query        what is looked for                          │ recall
//! similar      what is near                                │
//! hybrid       what is near and has the words              │
//! terms        the words that tell groups from each other  │
//! view         the intents, as of any position             ┘
//! erasure      all that has to let go of an event
//! ```

mod assign;
mod erasure;
mod history;
mod hybrid;
mod label;
mod past;
mod projection;
mod query;
mod similar;
mod state;
mod terms;
mod vectors;
mod view;
mod wanted;

pub use hybrid::Hybrid;
pub(super) use projection::check_first;
pub(super) use query::Encoders;
pub use query::Query;
pub use similar::Similar;
pub use view::Intent;
pub(super) use wanted::{Wanted, members};

use parking_lot::Mutex;

use self::projection::Projection;
use self::vectors::Vectors;
use super::open::Vault;
use crate::backend::Sql;
use crate::causal::schema;
use crate::causal::table::{Table, entry};
use crate::intent::IntentId;
use crate::words::Result;

/// What follows from the events and their embeddings.
const TABLES: [&Table; 6] =
    [&label::INTENTS, &label::TABLE, &past::HOMES, &past::FACTS, &state::TABLE, &state::CHOICES];

/// What the handles of one tenant share.
#[derive(Default)]
pub(super) struct Recall {
    projection: Mutex<Option<Projection>>,
    vectors: Vectors,
}

/// The intent that the event of an entry was put under, where there are labels at all.
pub(super) fn label_of<S: Sql + ?Sized>(sql: &S, entry: u64) -> Result<Option<IntentId>> {
    let Some(label) = label::of(sql, entry)? else { return Ok(None) };
    Ok(label::intent(sql, label.intent)?.map(|(_, intent)| intent))
}

/// Whether anything was ever assigned here.
pub(super) fn is_there<S: Sql + ?Sized>(sql: &S) -> Result<bool> {
    schema::is_present(sql, &state::CHOICES)
}

/// Forgets what was found of a timeline, so that it is found anew; what users chose stays.
pub(super) fn forget<S: Sql + ?Sized>(sql: &S, timeline: u64) -> Result<()> {
    if !is_there(sql)? {
        return Ok(());
    }
    label::clear(sql, entry::id(timeline, 0)?, entry::id(timeline + 1, 0)?)?;
    for model in projection::models(sql, timeline)? {
        label::clear_intents(sql, model.id)?;
        past::clear(sql, model.id)?;
        state::clear(sql, model.id)?;
    }
    Ok(())
}

impl Vault {
    /// Creates what assigning needs, once.
    pub(super) fn ensure_recall(&self) -> Result<()> {
        if self.recall_tables().get().is_none() {
            TABLES.iter().try_for_each(|table| schema::ensure_table(self.db(), table))?;
            // What the caller's own transaction may still take back is not remembered.
            if self.db().is_idle() {
                self.recall_tables().get_or_init(|| ());
            }
        }
        Ok(())
    }
}
