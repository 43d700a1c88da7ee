//! A naive model of a search: every text is looked at for each query, and nothing is remembered.

use causal_vault::{Event, Receipt, Vault};
use serde_json::json;

use super::below;
use crate::suite::Dice;

/// Words as they are written, and as they are compared.
const WORDS: [(&str, &str); 16] = [
    ("the", "the"),
    ("THE", "the"),
    ("key", "key"),
    ("keys", "keys"),
    ("Keyboard", "keyboard"),
    ("Straße", "strasse"),
    ("STRASSE", "strasse"),
    ("naïve", "naive"),
    ("nai\u{308}ve", "naive"),
    ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
    ("σίσυφος", "σισυφοσ"),
    ("東京", "東京"),
    ("ＦＵＬＬ", "full"),
    ("ключ", "ключ"),
    ("7", "7"),
    ("42nd", "42nd"),
];
const BETWEEN: [&str; 7] = [" ", ", ", "\n", "-", "... ", " AND_", "\u{1f511}"];

/// An event to be, and the words of its texts as they are compared.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) kind: &'static str,
    pub(super) stream: &'static str,
    pub(super) writer: &'static str,
    written: Vec<String>,
    pub(super) words: Vec<Vec<&'static str>>,
    is_raw: bool,
    /// How far back its parent stands.
    pub(super) parent: Option<usize>,
}

impl Plan {
    fn new(dice: &mut Dice, number: usize) -> Self {
        let is_raw = dice.below(4) == 0;
        let texts = if is_raw { 1 } else { dice.below(4) };
        let texts: Vec<_> = (0..texts).map(|_| text(dice)).collect();
        Self {
            kind: ["chat.message", "chat.note", "chat.", "log"][below(dice, 4)],
            stream: ["conv:a", "conv:b"][below(dice, 2)],
            writer: ["alice", "bob"][below(dice, 2)],
            written: texts.iter().map(|text| text.0.clone()).collect(),
            words: texts.into_iter().map(|text| text.1).collect(),
            is_raw,
            parent: (dice.below(3) == 0 && number > 0).then(|| 1 + below(dice, number.min(5))),
        }
    }

    fn event(&self, told: &[Receipt]) -> Event {
        let event = match self.is_raw {
            true => Event::raw(self.kind, self.written[0].as_str()).content_type("text/plain; charset=utf-8"),
            false => Event::new(self.kind, &json!({"n": 7, "texts": self.written})).unwrap(),
        };
        let parent = self.parent.map(|back| &told[told.len() - back]);
        parent.into_iter().fold(event.stream(self.stream), |event, parent| event.parent(parent))
    }

    fn is_searched(&self) -> bool {
        self.kind.starts_with("chat.")
    }
}

fn text(dice: &mut Dice) -> (String, Vec<&'static str>) {
    let (mut written, mut words) = (String::new(), Vec::new());
    for _ in 0..dice.below(12) {
        // The first words more often than the last.
        let frequent = 1 + below(dice, 16);
        let (word, compared) = WORDS[below(dice, frequent)];
        written.push_str(word);
        let between = BETWEEN[below(dice, 7)];
        written.push_str(between);
        words.push(compared);
        words.extend((between == " AND_").then_some("and"));
    }
    (written, words)
}

pub(super) fn plans(dice: &mut Dice, count: usize) -> Vec<Plan> {
    (0..count).map(|number| Plan::new(dice, number)).collect()
}

/// Commits what was planned.
pub(super) fn tell(vault: &Vault, plans: &[Plan], told: &mut Vec<Receipt>) {
    vault
        .transaction(|tx| {
            for plan in plans {
                told.push(tx.append(&vault.named_writer(plan.writer)?, plan.event(told))?);
            }
            Ok::<_, causal_vault::StoreError>(())
        })
        .unwrap();
}

/// Phrases of words as they are compared, and whether the last of a phrase is a beginning.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) written: String,
    phrases: Vec<(Vec<&'static str>, bool)>,
}

impl Query {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let mut query = Self { written: String::new(), phrases: Vec::new() };
        for _ in 0..1 + dice.below(4) {
            let words: Vec<_> = (0..1 + dice.below(6) / 3).map(|_| WORDS[below(dice, 16)]).collect();
            let is_prefix = dice.below(4) == 0;
            let written: Vec<&str> = words.iter().map(|word| word.0).collect();
            let star = if is_prefix { "*" } else { "" };
            query.written.push_str(&match words.len() {
                1 => format!("{}{star}{}", written[0], BETWEEN[below(dice, 5)]),
                _ => format!("\"{}{star}\"", written.join(" ")),
            });
            let phrase = (words.iter().map(|word| word.1).collect(), is_prefix);
            if !query.phrases.contains(&phrase) {
                query.phrases.push(phrase);
            }
        }
        query
    }

    /// The positions and scores of what is found among these events, the best first: BM25 as it stands in the book.
    pub(super) fn answer(&self, plans: &[Plan], wanted: impl Fn(usize, &Plan) -> bool) -> Vec<(u64, f64)> {
        let length = |plan: &Plan| plan.words.iter().map(Vec::len).sum::<usize>() as f64;
        let texts: Vec<_> = (0..).zip(plans).filter(|(_, plan)| plan.is_searched() && length(plan) > 0.0).collect();
        let mean = texts.iter().map(|(_, plan)| length(plan)).sum::<f64>() / texts.len() as f64;
        let mut scores = vec![0.0; plans.len()];
        for (words, is_prefix) in &self.phrases {
            let times = |plan: &Plan| {
                let fits = |found: &&[&str]| {
                    let last = words.len() - 1;
                    found[..last] == words[..last]
                        && if *is_prefix { found[last].starts_with(words[last]) } else { found[last] == words[last] }
                };
                plan.words.iter().map(|text| text.windows(words.len()).filter(fits).count()).sum::<usize>() as f64
            };
            let holding = texts.iter().filter(|(_, plan)| times(plan) > 0.0).count() as f64;
            let weight = (1.0 + (texts.len() as f64 - holding + 0.5) / (holding + 0.5)).ln();
            for (at, plan) in &texts {
                let norm = 1.0 - 0.75 + 0.75 * length(plan) / mean;
                scores[*at] += weight * times(plan) * (1.2 + 1.0) / (times(plan) + 1.2 * norm);
            }
        }
        let mut found: Vec<_> = (0..)
            .zip(scores)
            .filter(|(at, score)| *score > 0.0 && wanted(*at, &plans[*at]))
            .map(|(at, score)| (at as u64 + 1, score))
            .collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        found
    }
}
