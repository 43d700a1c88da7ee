//! Verification: every byte that is stored is compared with what the hashes say.
//!
//! ```text
//! rules     what a row can break by itself            ┐
//! standing  whether its writer may write it           │
//! run       what it can break against the one before  │ of a chunk of positions, on any thread
//! batch     the hashes of some rows at once           │
//! chunk     all of it, of every row in a span         ┘
//! crew      who checks which chunk
//! logs      the runs of all chunks, joined            ┐
//! timeline  tree and positions                        │ in order, on the thread that asked
//! indexes   whether look-ups find the rows            │
//! tail      what the anchors say                      ┘
//! ```

mod batch;
mod chunk;
mod contents;
mod crew;
mod indexes;
mod log;
mod logs;
mod plan;
mod report;
mod rules;
mod run;
mod standing;
pub(crate) mod tail;
mod tally;
mod timeline;
mod verifier;

use std::ops::ControlFlow;

pub use report::{Anchor, Break, Derived, LogRange, LogReport, LogVerdict, TailVerdict, VerifyReport};
pub use verifier::Verifier;

use self::batch::Hashes;
use self::log::Log;
use self::logs::Logs;
use self::rules::{Brief, Rules};
use super::table::entry::Row;
use super::table::{chain, entry};
use crate::backend::{Access, Backend, Transaction};
use crate::words::{ErrorKind, Result, StoreError};

/// Checks one log by itself; the first rule that does not hold is the error.
pub(crate) fn log(db: &dyn Backend, tenant: &str, log: i64) -> Result<()> {
    let tx = db.begin(Access::Read)?;
    tx.forget()?;
    match check_log(&*tx, tenant, log, |check| chain::scan(&*tx, log, 1, check)) {
        // Where the way along it leads astray, the rows say by what rule it is broken.
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            check_log(&*tx, tenant, log, |check| entry::scan_log(&*tx, log, check))?;
            Err(error)
        }
        checked => checked,
    }
}

type Check<'c> = &'c mut dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>>;

fn check_log(tx: &dyn Transaction, tenant: &str, log: i64, scan: impl FnOnce(Check<'_>) -> Result<()>) -> Result<()> {
    let brief = Brief::of(tenant);
    let (mut rules, mut logs) = (Rules::open(tx, &brief)?, Logs::default());
    scan(&mut |row| {
        let single = rules.check(row, &Hashes::of(row))?;
        let shared = rules.check_shared_payload(row)?;
        let found = logs.join(&mut rules, log, single.run)?.broken.as_deref().cloned();
        match found.or(shared.err()) {
            Some(broken) => Err(error(rules.log(log)?, broken)),
            None => Ok(ControlFlow::Continue(())),
        }
    })?;
    if let Some(error) = rules.astray() {
        return Err(error.clone());
    }
    let Some(run) = logs.run(log) else { return Ok(()) };
    let log = rules.log(log)?;
    logs::first_break(log, run).map_or(Ok(()), |broken| Err(error(log, broken)))
}

/// The first rule that one of the rows with ids above `after` and up to `to` breaks by itself, in a transaction that has
/// stored them and may still be dropped. What a later revocation takes back is no break.
pub(crate) fn first_break(tx: &dyn Transaction, tenant: &str, after: u64, to: u64) -> Result<Option<Break>> {
    let brief = Brief { takes_revoked: true, ..Brief::of(tenant) };
    let (mut rules, mut broken) = (Rules::open(tx, &brief)?, None);
    entry::scan(tx, after, to, |row| {
        let single = rules.check(&row, &Hashes::of(&row))?;
        let shared = rules.check_shared_payload(&row)?;
        broken = single.run.broken.map(|broken| *broken).or(shared.err());
        Ok(if broken.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(broken)
}

fn error(log: &Log, broken: Break) -> StoreError {
    StoreError::ChainBroken {
        stream: log.stream.to_string(),
        writer: log.label.to_string(),
        seq: broken.seq.unwrap_or(0),
        detail: format!("found {}, expected {}", broken.found, broken.expected),
        rule: broken.rule,
    }
}
