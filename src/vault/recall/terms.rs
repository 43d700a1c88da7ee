//! The words that tell groups of events from each other.
//!
//! A word weighs its Pearson residual: how many more of a group's texts have it than would if the group were like all of
//! them together, over the square root of that (A. Agresti, *Categorical Data Analysis*, 2013, section 3.3). Words that
//! stand everywhere weigh nothing, so that no list of them is needed, in any language.

use std::collections::BTreeMap;

use crate::backend::Transaction;
use crate::causal::table::entry;
use crate::intent::words;
use crate::vault::text::Texts;
use crate::words::Result;

/// Words of a group that are told.
const TERMS: usize = 8;

/// The most typical words of each group of entries, as far as their payloads hold text.
pub(super) fn of_groups(sql: &dyn Transaction, tenant: &str, groups: &[Vec<u64>]) -> Result<Vec<Vec<String>>> {
    let texts = Texts::of(sql, tenant)?;
    let mut all: BTreeMap<String, f64> = BTreeMap::new();
    let mut counted: Vec<BTreeMap<String, f64>> = Vec::with_capacity(groups.len());
    for group in groups {
        let mut counts = BTreeMap::new();
        for id in group {
            let Some(text) = entry::by_id(sql, *id, |row| texts.text(sql, &row))?.flatten() else { continue };
            // A text counts once: one that repeats a word says no more than that it has it.
            for word in words(&text).into_iter().filter(|word| word.chars().any(char::is_alphabetic)) {
                *counts.entry(word).or_insert(0.0) += 1.0;
            }
        }
        for (word, count) in &counts {
            *all.entry(word.clone()).or_insert(0.0) += count;
        }
        counted.push(counts);
    }
    let total = all.values().sum();
    Ok(counted.into_iter().map(|counts| typical(counts, &all, total)).collect())
}

fn typical(counts: BTreeMap<String, f64>, all: &BTreeMap<String, f64>, total: f64) -> Vec<String> {
    let share = counts.values().sum::<f64>() / total;
    let residual = |word: &str, count: f64| {
        let expected = all.get(word).copied().unwrap_or(count) * share;
        (count - expected) / expected.sqrt()
    };
    let mut weighed: Vec<(f64, f64, String)> =
        counts.into_iter().map(|(word, count)| (residual(&word, count), count, word)).collect();
    // Where there is nothing to tell a group from, its most frequent words are told. The sort is stable: of words that are
    // alike in that as well, the alphabetical order stays.
    weighed.retain(|(residual, ..)| *residual >= 0.0);
    weighed.sort_by(|left, right| right.0.total_cmp(&left.0).then(right.1.total_cmp(&left.1)));
    weighed.into_iter().take(TERMS).map(|(.., word)| word).collect()
}
