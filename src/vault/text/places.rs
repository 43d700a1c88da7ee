//! Where the words of a query stand in the index.

use super::query::{Pattern, Phrase};
use super::rank::Occurrence;
use crate::backend::Sql;
use crate::causal::table::text::{self, Place};
use crate::words::Result;

/// The texts of a timeline that hold a phrase, up to an id, in their order.
pub(super) fn of_phrase<S: Sql + ?Sized>(sql: &S, timeline: u64, phrase: &Phrase, end: u64) -> Result<Vec<Occurrence>> {
    let mut patterns = phrase.0.iter();
    let mut found = patterns.next().map_or(Ok(Vec::new()), |first| of_pattern(sql, timeline, first, end))?;
    for pattern in patterns {
        if found.is_empty() {
            break;
        }
        found = follow(&found, &of_pattern(sql, timeline, pattern, end)?);
    }
    Ok(counted(&found))
}

fn of_pattern<S: Sql + ?Sized>(sql: &S, timeline: u64, pattern: &Pattern, end: u64) -> Result<Vec<Place>> {
    match pattern.is_prefix {
        true => text::places_of_prefix(sql, timeline, &pattern.word, end),
        false => text::places(sql, timeline, &pattern.word, end),
    }
}

/// Those of the second that stand right behind one of the first.
fn follow(first: &[Place], second: &[Place]) -> Vec<Place> {
    let mut first = first.iter().map(|place| (place.text.id, place.at.saturating_add(1))).peekable();
    let mut found = Vec::new();
    for place in second {
        let key = (place.text.id, place.at);
        while first.next_if(|before| *before < key).is_some() {}
        if first.peek() == Some(&key) {
            found.push(*place);
        }
    }
    found
}

fn counted(places: &[Place]) -> Vec<Occurrence> {
    let texts = places.chunk_by(|a, b| a.text.id == b.text.id);
    texts.filter_map(|places| Some(Occurrence { text: places.first()?.text, times: places.len() as u64 })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causal::table::text::Text;

    #[test]
    fn what_follows_stands_in_the_same_text_and_one_word_on() {
        let place = |&(id, at): &(u64, u64)| Place { text: Text { id, log: 1, kind: 1, words: 9 }, at };
        let places = |all: &[(u64, u64)]| all.iter().map(place).collect::<Vec<_>>();
        let first = places(&[(1, 0), (1, 5), (2, 3), (4, u64::MAX)]);
        let second = places(&[(1, 1), (1, 2), (1, 6), (2, 3), (3, 4), (4, 0)]);
        assert_eq!(follow(&first, &second), places(&[(1, 1), (1, 6)]));
        let times: Vec<_> = counted(&first).iter().map(|found| (found.text.id, found.times)).collect();
        assert_eq!(times, [(1, 2), (2, 1), (4, 1)]);
    }
}
