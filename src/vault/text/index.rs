//! Keeping the index up to date: by whoever searches, in steps.

use std::ops::ControlFlow;

use super::extract::Selection;
use super::{rule, words};
use crate::backend::Access;
use crate::causal::table::{entry, text as table, timeline};
use crate::vault::open::Vault;
use crate::words::{ErrorKind, Result};

/// Entries that are indexed in one transaction, and words after which it ends: writers wait no longer than for these.
const STEP: u64 = 4096;
const STEP_WORDS: u64 = 1 << 18;
/// So few entries are looked at one by one: to index them would cost a flush.
const FEW: u64 = 256;

/// Indexes what is not, unless that is little or cannot be done now.
pub(super) fn catch_up(vault: &Vault) -> Result<()> {
    let Some((timeline, size)) = timeline::size(vault.db(), vault.tenant(), timeline::MAIN)? else { return Ok(()) };
    let last = entry::id(timeline, size)?;
    while last.saturating_sub(table::reached(vault.db(), timeline)?) > FEW {
        match step(vault, timeline, last) {
            Ok(true) => {}
            // The timeline claims more entries than there are: verify says so, a search finds what is there.
            Ok(false) => return Ok(()),
            // Within a transaction of this thread, while others keep the lock, or where nothing may be written, reading
            // still works.
            Err(error) if matches!(error.kind(), ErrorKind::Busy | ErrorKind::Denied | ErrorKind::Unsupported) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Indexes the next entries up to `last`; false if there are none.
fn step(vault: &Vault, timeline: u64, last: u64) -> Result<bool> {
    let tx = vault.db().begin(Access::Write)?;
    vault.text_catalogue().check(&*tx)?;
    let from = table::reached(&*tx, timeline)?;
    // What stands behind it is left of an index that counts no more.
    if table::clear(&*tx, timeline, from, STEP)? > 0 {
        tx.commit()?;
        return Ok(true);
    }
    let selection = Selection::of(&*tx, &rule::read(&*tx, vault.tenant())?)?;
    let mut totals = table::totals(&*tx, timeline, from)?;
    let (mut texts, mut newest, mut entries, mut count) = (Vec::new(), None, 0, 0);
    entry::scan(&*tx, from, last, |row| {
        if let Some(words) = selection.words(&*tx, &row)? {
            count += words.len() as u64;
            texts.push((row.id, words));
        }
        newest = Some((row.id, row.hash));
        entries += 1;
        let is_enough = entries == STEP || count >= STEP_WORDS;
        Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    let Some((id, hash)) = newest else { return Ok(from >= last) };
    for (id, words) in texts {
        let count = words::count(&words);
        totals.add(count);
        table::insert(&*tx, id, &words, count, totals)?;
    }
    table::advance(&*tx, timeline, id, &hash)?;
    tx.commit()?;
    Ok(true)
}
