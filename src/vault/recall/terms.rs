//! The words that tell groups of events from each other.
//!
//! Class-based TF-IDF: a word weighs its share of a group's words, times the logarithm of one more than the mean number of
//! words of a group over how often it stands in all of them (M. Grootendorst, *BERTopic: Neural topic modeling with a
//! class-based TF-IDF procedure*, 2022).

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
    let mean = all.values().sum::<f64>() / groups.len().max(1) as f64;
    Ok(counted.into_iter().map(|counts| typical(counts, &all, mean)).collect())
}

fn typical(counts: BTreeMap<String, f64>, all: &BTreeMap<String, f64>, mean: f64) -> Vec<String> {
    let total: f64 = counts.values().sum();
    let weight = |word: &str, count: f64| {
        let everywhere = all.get(word).copied().unwrap_or(count);
        count / total * (1.0 + mean / everywhere).ln()
    };
    let mut weighed: Vec<(f64, String)> =
        counts.into_iter().map(|(word, count)| (weight(&word, count), word)).collect();
    // The sort is stable: equally typical words stay in alphabetical order.
    weighed.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    weighed.into_iter().take(TERMS).map(|(_, word)| word).collect()
}
