//! The week of a team of agents: twelve purposes that come, go and come back, in sentences that a seed reproduces.

use fastrand::Rng;

use super::{Stream, Text};

const SEED: u64 = 7;
const EVENTS: u32 = 312;

/// What a team is at, and how they say so.
struct Purpose {
    /// Who works on it, the one who does most of it first.
    writers: &'static [&'static str],
    /// From which part of the week to which, in hundredths, and how much of it.
    spans: &'static [(u32, u32, u32)],
    sentences: &'static [&'static str],
}

pub(super) fn week() -> Stream {
    let mut dice = Rng::with_seed(SEED);
    let texts = (0..EVENTS).filter_map(|number| event(number * 100 / EVENTS, &mut dice)).collect();
    Stream { name: "A week of an agent team".to_owned(), model: None, texts }
}

fn event(now: u32, dice: &mut Rng) -> Option<Text> {
    let weight = |purpose: &Purpose| -> u32 {
        purpose.spans.iter().filter(|(from, to, _)| (*from..*to).contains(&now)).map(|(.., weight)| weight).sum()
    };
    let mut left = dice.u32(..PURPOSES.iter().map(weight).sum::<u32>().max(1));
    let purpose = PURPOSES.iter().find(|purpose| {
        let weight = weight(purpose);
        let is_it = left < weight;
        left = left.saturating_sub(weight);
        is_it
    })?;
    let writer = if dice.u32(..3) > 0 { purpose.writers.first() } else { dice.choice(purpose.writers) };
    let sentence = [*dice.choice(purpose.sentences)?, *dice.choice(ENDS)?].join(" ");
    let text = filled(sentence.trim_end(), dice);
    Some(Text { text, writer: (*writer?).to_owned(), ..Text::default() })
}

/// A sentence with a word in each of its blanks.
fn filled(sentence: &str, dice: &mut Rng) -> String {
    let mut text = String::new();
    for part in sentence.split(['{', '}']) {
        match BLANKS.iter().find(|(blank, _)| *blank == part) {
            Some((_, words)) => text.push_str(dice.choice(*words).unwrap_or(&"")),
            None if part == "n" => text.push_str(&dice.u32(2..90).to_string()),
            None => text.push_str(part),
        }
    }
    text
}

const BLANKS: &[(&str, &[&str])] = &[
    ("city", &["Lisbon", "Hamburg", "Lyon", "Vienna", "Turin"]),
    ("crate", &["serde", "tokio", "rusqlite", "blake3", "hyper"]),
    ("customer", &["Acme", "Globex", "Initech", "Umbrella", "Hooli", "Soylent"]),
    ("page", &["quickstart", "tutorial", "glossary", "reference", "install"]),
    ("person", &["Ada", "Grace", "Linus", "Barbara", "Edsger"]),
    ("service", &["gateway", "mailer", "search", "ledger", "auth"]),
    ("table", &["orders", "sessions", "invoices", "accounts"]),
    ("test", &["uploads", "logins", "carts", "retries", "imports"]),
];

/// How any of it may end.
const ENDS: &[&str] = &[
    "",
    "",
    "",
    "",
    "",
    "",
    "today",
    "tomorrow",
    "on Monday",
    "on Friday",
    "after lunch",
    "urgent",
    "please",
    "tonight",
    "once more",
    "says {person}",
    "for {person}",
    "via {person}",
    "soon",
    "later",
    "finally",
    "asap",
];

const PURPOSES: &[Purpose] = &[
    Purpose {
        writers: &["coder", "reviewer"],
        spans: &[(0, 34, 10), (78, 92, 6)],
        sentences: &[
            "flaky test {test} failed on CI",
            "CI is red, flaky test {test}",
            "rerun the flaky test {test} on CI",
            "skip flaky test {test} on CI",
            "CI: {test} is a flaky test",
            "which CI runner has the flaky test {test}",
        ],
    },
    Purpose {
        writers: &["support", "billing"],
        spans: &[(0, 55, 8), (55, 100, 4)],
        sentences: &[
            "refund {customer}, charged twice",
            "approve the refund: {customer} was charged twice",
            "{customer} was charged twice and wants a refund",
            "charged twice: refund {customer} {n} euro",
            "is the refund for {customer} out? charged twice",
        ],
    },
    Purpose {
        writers: &["billing", "support"],
        spans: &[(12, 48, 7), (88, 100, 9)],
        sentences: &[
            "send {customer} the monthly invoice with VAT",
            "monthly invoice of {customer} lacks VAT",
            "VAT on the monthly invoice of {customer}",
            "correct VAT, monthly invoice for {customer}",
            "{customer} disputes VAT of a monthly invoice",
        ],
    },
    Purpose {
        writers: &["ops", "coder"],
        spans: &[(22, 60, 9)],
        sentences: &[
            "database migration: backfill table {table}",
            "table {table} is locked by the database migration",
            "dry run, database migration of table {table}",
            "database migration of table {table}, {n} million rows",
            "resume the database migration at table {table}",
        ],
    },
    Purpose {
        writers: &["ops"],
        spans: &[(40, 52, 30)],
        sentences: &[
            "alert: checkout latency p99 over budget",
            "page on-call, checkout latency p99 at {n} seconds",
            "checkout latency p99 is rising",
            "checkout latency, p99 above {n} seconds",
            "roll back: checkout latency p99 doubled",
        ],
    },
    Purpose {
        writers: &["writer", "ops"],
        spans: &[(52, 66, 11)],
        sentences: &[
            "write the incident postmortem",
            "incident postmortem: timeline",
            "review the incident postmortem with {person}",
            "incident postmortem, action items",
            "incident postmortem: {n} minutes of downtime",
        ],
    },
    Purpose {
        writers: &["coder"],
        spans: &[(5, 20, 7), (68, 90, 9)],
        sentences: &[
            "bump dependency {crate}, security advisory",
            "security advisory for the dependency {crate}",
            "dependency {crate} 1.{n} fixes the security advisory",
            "security advisory: pin dependency {crate}",
            "is dependency {crate} hit by the security advisory",
        ],
    },
    Purpose {
        writers: &["security", "ops"],
        spans: &[(58, 76, 9)],
        sentences: &[
            "rotate the signing key of {service}",
            "signing key of {service} expires, rotate it",
            "rotate signing key: {service}",
            "revoke the old signing key of {service} and rotate",
            "who can rotate the signing key of {service}",
        ],
    },
    Purpose {
        writers: &["writer", "reviewer"],
        spans: &[(10, 40, 5), (64, 100, 8)],
        sentences: &[
            "docs page {page}: broken example",
            "broken example on the docs page {page}",
            "fix the broken docs page {page}, its example fails",
            "docs page {page} has a broken example",
            "readers report the broken example, docs page {page}",
        ],
    },
    Purpose {
        writers: &["assistant"],
        spans: &[(0, 30, 6), (70, 100, 6)],
        sentences: &[
            "book train tickets to {city} for {person}",
            "train to {city}: book tickets for {person}",
            "{person} needs train tickets to {city}, book them",
            "book {person} other train tickets, {city} is sold out",
            "train tickets {city}: book a window seat",
        ],
    },
    Purpose {
        writers: &["researcher"],
        spans: &[(28, 58, 6), (74, 96, 8)],
        sentences: &[
            "embedding experiment {n}: recall over baseline",
            "recall of embedding experiment {n} beats the baseline",
            "plot recall and baseline of embedding experiment {n}",
            "embedding experiment {n}, recall below baseline",
            "repeat embedding experiment {n}, baseline recall is noisy",
        ],
    },
    Purpose {
        writers: &["planner", "assistant"],
        spans: &[(0, 100, 4)],
        sentences: &[
            "schedule the weekly meeting with {person}",
            "move the weekly meeting with {person}",
            "agenda of the weekly meeting with {person}",
            "{person} declined the weekly meeting",
            "notes of the weekly meeting with {person}",
        ],
    },
];
