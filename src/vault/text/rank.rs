//! The order of answers: BM25.
//!
//! S. Robertson and H. Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", Foundations and Trends in
//! Information Retrieval 3 (2009), with k1 = 1.2 and b = 0.75. The weight of a word is the logarithm of one more than their
//! quotient, as Lucene has it: what most texts hold counts for little, and never against a text.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::causal::table::text::{Text, Totals};

const K1: f64 = 1.2;
const B: f64 = 0.75;

/// A text that holds a phrase, and how often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occurrence {
    pub(super) text: Text,
    pub(super) times: u64,
}

/// An answer. The greatest has the highest score and, of equal ones, the smallest id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ranked {
    pub(super) id: u64,
    pub(super) score: f64,
}

/// Every text that holds at least one phrase and is wanted, the best first. `found` has the texts of each phrase in the
/// order of ids.
pub(super) fn rank(totals: Totals, found: &[Vec<Occurrence>], is_wanted: impl Fn(&Text) -> bool) -> BinaryHeap<Ranked> {
    let mean = totals.words as f64 / totals.texts.max(1) as f64;
    let mut scores: Vec<Ranked> = Vec::new();
    for texts in found {
        let holding = texts.len() as f64;
        let weight = (1.0 + (totals.texts as f64 - holding + 0.5).max(0.0) / (holding + 0.5)).ln();
        scores.extend(texts.iter().filter(|found| is_wanted(&found.text)).map(|found| {
            let times = found.times as f64;
            let length = 1.0 - B + B * found.text.words as f64 / mean.max(1.0);
            Ranked { id: found.text.id, score: weight * times * (K1 + 1.0) / (times + K1 * length) }
        }));
    }
    // Stable, so that a text's scores are added up in the order of the query.
    scores.sort_by_key(|ranked| ranked.id);
    scores.dedup_by(|later, first| {
        let is_same = later.id == first.id;
        if is_same {
            first.score += later.score;
        }
        is_same
    });
    scores.into()
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| Reverse(self.id).cmp(&Reverse(other.id)))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(totals: (u64, u64), found: &[&[(u64, u64, u64)]]) -> Vec<(u64, f64)> {
        let totals = Totals { texts: totals.0, words: totals.1 };
        let found = found.iter().map(|texts| {
            let text = |id, words| Text { id, log: 1, kind: 1, words };
            texts.iter().map(|&(id, times, words)| Occurrence { text: text(id, words), times }).collect()
        });
        let mut heap = rank(totals, &found.collect::<Vec<_>>(), |_| true);
        std::iter::from_fn(|| heap.pop()).map(|ranked| (ranked.id, ranked.score)).collect()
    }

    #[test]
    fn scores_are_those_of_the_formula() {
        // One text of average length: the length does not count, and one occurrence weighs ln(1 + 0.5 / 1.5).
        let [(1, score)] = ranked((1, 4), &[&[(1, 1, 4)]])[..] else { panic!() };
        assert!((score - (4.0_f64 / 3.0).ln()).abs() < 1e-15, "{score}");
        // Ten texts of five words, two of which hold it; here twice in a text of ten words.
        let expected = (1.0 + 8.5 / 2.5_f64).ln() * 2.0 * 2.2 / (2.0 + 1.2 * (0.25 + 0.75 * 2.0));
        let [(2, score), (1, _)] = ranked((10, 50), &[&[(1, 1, 10), (2, 2, 10)]])[..] else { panic!() };
        assert!((score - expected).abs() < 1e-15, "{score} {expected}");
    }

    #[test]
    fn rare_words_repeated_words_and_short_texts_come_first_and_ties_by_age() {
        let ids = |found: &[&[(u64, u64, u64)]]| ranked((9, 90), found).iter().map(|(id, _)| *id).collect::<Vec<_>>();
        assert_eq!(ids(&[&[(1, 1, 10), (2, 1, 10), (3, 1, 10)], &[(4, 1, 10)]]), [4, 1, 2, 3]);
        assert_eq!(ids(&[&[(1, 1, 10), (2, 2, 10)]]), [2, 1]);
        assert_eq!(ids(&[&[(1, 1, 10), (2, 1, 9)]]), [2, 1]);
        assert_eq!(ids(&[&[(1, 1, 10), (2, 1, 10)], &[(2, 1, 10), (7, 1, 10)]]), [2, 1, 7]);
    }

    #[test]
    fn numbers_that_no_index_can_have_give_an_order_nevertheless() {
        let all: &[(u64, u64, u64)] = &[(1, 0, 0), (2, u64::MAX, 0), (3, 1, u64::MAX), (4, u64::MAX, u64::MAX)];
        for totals in [(0, 0), (1, 0), (0, u64::MAX), (u64::MAX, 1)] {
            assert!(ranked(totals, &[all, all]).iter().all(|(_, score)| score.is_finite()));
        }
    }
}
