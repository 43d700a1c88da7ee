//! Keeping the index up to date: by whoever searches, in steps.

use std::ops::ControlFlow;

use super::extract::Selection;
use super::rule;
use crate::backend::Access;
use crate::causal::table::entry::{self, Row};
use crate::causal::table::text::{self as table, Text};
use crate::causal::table::timeline;
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
        vault.commit_own(tx)?;
        return Ok(true);
    }
    let selection = Selection::of(&*tx, &rule::read(&*tx, vault.tenant())?)?;
    let mut totals = table::totals(&*tx, timeline, from)?;
    let (mut texts, mut newest, mut entries, mut count) = (Vec::new(), None, 0, 0);
    entry::scan(&*tx, from, last, |row| {
        if let Some(words) = selection.words(&*tx, &row)? {
            count += words.len() as u64;
            texts.push((text(&row, &words), words));
        }
        newest = Some((row.id, row.hash));
        entries += 1;
        let is_enough = entries == STEP || count >= STEP_WORDS;
        Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    // A damaged tree leads a scan astray; whoever goes on from what it finds would never come to an end.
    let Some((id, hash)) = newest.filter(|(id, _)| *id > from) else { return Ok(from >= last) };
    for (text, words) in texts {
        totals.add(text.words);
        table::insert(&*tx, text, &words, totals)?;
    }
    table::advance(&*tx, timeline, id, &hash)?;
    vault.commit_own(tx)?;
    Ok(true)
}

/// What there is to say of the text of an entry that has these words.
pub(super) fn text(row: &Row<'_>, words: &[String]) -> Text {
    let count = words.iter().filter(|word| !word.is_empty()).count();
    Text { id: row.id, log: row.log, kind: row.kind, words: count as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Value;
    use crate::vault::{Event, Filter, TextRule};

    fn commit(vault: &Vault, texts: impl Iterator<Item = String>) {
        let events = texts.map(|text| Event::new("note", &text).unwrap().stream("s"));
        vault.named_writer("alice").unwrap().commit_batch(events).unwrap();
    }

    fn told() -> Vault {
        let vault = Vault::in_memory().unwrap();
        vault.index_text(TextRule::kind("note")).unwrap();
        for from in [0, 300, 600] {
            commit(&vault, (from..from + 300).map(|n| format!("text{n} {}", "and so on ".repeat(n % 7))));
            catch_up(&vault).unwrap();
        }
        vault
    }

    fn answer(vault: &Vault, query: &str) -> Vec<(u64, f64)> {
        let found = vault.search(query, &Filter::all(), 1000).unwrap();
        found.iter().map(|found| (found.event.header.position.number(), found.score)).collect()
    }

    /// Whether any of the index's own rows holds these bytes.
    fn is_kept(vault: &Vault, bytes: &[u8]) -> bool {
        let rows = vault.db().query("SELECT block FROM vault_text_index_data", &[]).unwrap();
        rows.iter().any(|row| match &row[0] {
            Value::Blob(block) => block.windows(bytes.len()).any(|window| window == bytes),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn what_is_removed_is_gone_from_answers_from_statistics_and_from_the_index_itself() {
        for rounds in [1, 2] {
            let vault = told();
            // Words are kept without what they share with the one before them.
            commit(
                &vault,
                (0..300).map(|n| if n == 7 { "secret and xyzzy".to_owned() } else { format!("and text{n}") }),
            );
            catch_up(&vault).unwrap();
            assert!(is_kept(&vault, b"ecret") && is_kept(&vault, b"xyzzy"));
            let ids = [908, 5].map(|position| entry::id(1, position).unwrap());
            for id in ids.iter().cycle().take(2 * rounds) {
                let tx = vault.db().begin(Access::Write).unwrap();
                table::remove(&*tx, *id).unwrap();
                tx.commit().unwrap();
            }
            assert!(answer(&vault, "secret xyzzy text4").iter().all(|(position, _)| ![908, 5].contains(position)));
            assert!(!is_kept(&vault, b"ecret") && !is_kept(&vault, b"xyzzy"));

            // The others are ranked as where it never was; the other kind is not indexed.
            let without = Vault::in_memory().unwrap();
            without.index_text(TextRule::kind("note")).unwrap();
            for event in vault.events(Filter::all()).unwrap() {
                let event = event.unwrap();
                let kind = if [908, 5].contains(&event.header.position.number()) { "gone" } else { "note" };
                let text: String = event.decode().unwrap();
                let event = Event::new(kind, &text).unwrap().stream("s");
                without.named_writer("alice").unwrap().commit(event).unwrap();
            }
            for query in ["and", "so on text7", "\"and so on\" text*"] {
                assert_eq!(answer(&vault, query), answer(&without, query), "{query}");
            }
        }
    }

    #[test]
    fn where_no_text_was_ever_indexed_there_is_nothing_to_remove() {
        let vault = Vault::in_memory().unwrap();
        commit(&vault, std::iter::once("secret".to_owned()));
        let remove = || {
            let tx = vault.db().begin(Access::Write).unwrap();
            table::remove(&*tx, entry::id(1, 1).unwrap())
        };
        assert_eq!(remove(), Ok(()));
        vault.index_text(TextRule::kind("other")).unwrap();
        assert_eq!(remove(), Ok(()));
    }

    #[test]
    fn the_words_of_two_tenants_lie_apart() {
        let vault = told();
        let acme = vault.for_tenant("acme").unwrap();
        acme.index_text(TextRule::kind("note")).unwrap();
        commit(&acme, (0..300).map(|n| format!("text{n} and so on")));
        catch_up(&acme).unwrap();
        let terms = |timeline: u64| {
            let statement = "SELECT DISTINCT term FROM vault_text_word WHERE doc >> 40 = ?";
            vault.db().query(statement, &[crate::causal::table::int(timeline)]).unwrap()
        };
        assert_eq!((terms(1).len(), terms(2).len()), (903, 303));
        assert!(terms(1).iter().all(|term| !terms(2).contains(term)));
    }

    #[test]
    fn an_index_is_filled_and_emptied_in_steps_and_a_history_that_was_cut_back_begins_it_anew() {
        let vault = told();
        let timeline = 1;
        let tx = vault.db().begin(Access::Write).unwrap();
        table::advance(
            &*tx,
            timeline,
            entry::id(timeline, 700).unwrap(),
            &crate::causal::EntryHash::from_bytes([7; 32]),
        )
        .unwrap();
        tx.commit().unwrap();
        let last = entry::id(timeline, 900).unwrap();
        assert_eq!(table::reached(vault.db(), timeline), entry::id(timeline, 0));
        let before = answer(&vault, "so on text7");
        vault.db().exec("DELETE FROM vault_text_progress", &[]).unwrap();
        let texts = || vault.db().query("SELECT entry FROM vault_text", &[]).unwrap().len();
        let steps: Vec<_> = std::iter::from_fn(|| {
            step(&vault, timeline, last).unwrap();
            Some(texts())
        })
        .take(3)
        .collect();
        assert_eq!(steps, [0, 900, 900]);
        assert_eq!(answer(&vault, "so on text7"), before);
    }
}
