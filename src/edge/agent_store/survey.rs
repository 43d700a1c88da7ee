//! Reading a whole store before anything of it is taken over.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::chain::Chain;
use super::provenance;
use crate::backend::{Access, Backend, Sql};
use crate::causal::table::agent_store::{self, After, Key};
use crate::words::{Result, StoreError, check_name};

/// Something for each log: by stream, then by writer.
pub(super) type Logs<T> = BTreeMap<String, BTreeMap<String, T>>;

/// What a store holds, every chain verified.
pub(super) struct Survey {
    pub(super) logs: Logs<Chain>,
    pub(super) generations: Vec<(String, u64)>,
    /// Whether the order of the rows is one in which they can have been appended.
    pub(super) rows_in_order: bool,
}

pub(super) fn survey(source: &dyn Backend, payload_limit: usize) -> Result<Survey> {
    let snapshot = source.begin(Access::Read)?;
    let (logs, generations) = (agent_store::has_logs(&*snapshot)?, agent_store::has_generations(&*snapshot)?);
    if !logs && !generations {
        return Err(StoreError::NotFound {
            what: "the table of agent-store",
            name: "_agent_store_log or _agent_store_meta".to_owned(),
        });
    }
    let mut survey = Survey { logs: Logs::new(), generations: Vec::new(), rows_in_order: true };
    if logs {
        survey.verify(&*snapshot, payload_limit)?;
    }
    if generations {
        survey.generations = agent_store::generations(&*snapshot)?;
        survey.generations.iter().try_for_each(|(key, _)| check_name("generation", key))?;
    }
    Ok(survey)
}

impl Survey {
    fn verify<S: Sql + ?Sized>(&mut self, sql: &S, payload_limit: usize) -> Result<()> {
        agent_store::check_index(sql)?;
        agent_store::check_keys(sql)?;
        let mut after = After::FIRST_ENTRY;
        let mut row = i64::MIN;
        let mut chain = Chain::default();
        loop {
            let mut page = 0;
            agent_store::page(sql, &after.clone(), payload_limit, |key, content| {
                if !after.is_in(key.stream, key.writer) {
                    check_log(key)?;
                    (chain, row) = (Chain::default(), i64::MIN);
                }
                chain.accept(key, &content.map_err(|cause| refused(key, cause))?)?;
                self.rows_in_order &= key.row > row;
                row = key.row;
                self.put(key, chain);
                after.advance(key);
                page += 1;
                Ok(ControlFlow::Continue(()))
            })?;
            if page == 0 {
                return Ok(());
            }
        }
    }

    fn put(&mut self, key: Key<'_>, chain: Chain) {
        if let Some(known) = self.logs.get_mut(key.stream).and_then(|writers| writers.get_mut(key.writer)) {
            *known = chain;
        } else {
            self.logs.entry(key.stream.to_owned()).or_default().insert(key.writer.to_owned(), chain);
        }
    }
}

fn check_log(key: Key<'_>) -> Result<()> {
    check_name("stream", key.stream).and(check_name("writer", key.writer)).map_err(|cause| refused(key, cause))?;
    if (key.stream, key.writer) == (provenance::STREAM, provenance::WRITER) {
        let reason = "its log is where imports are recorded; rename it in the source".to_owned();
        return Err(refused(key, StoreError::Invalid { what: "log", reason }));
    }
    Ok(())
}

pub(super) fn refused(key: Key<'_>, cause: StoreError) -> StoreError {
    StoreError::ImportRefused {
        stream: key.stream.to_owned(),
        writer: key.writer.to_owned(),
        seq: key.seq,
        cause: Box::new(cause),
    }
}
