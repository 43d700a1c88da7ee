//! Searches for words.

mod damage;
mod hostile;
mod model;
mod ranking;
mod rules;
mod sharing;

use causal_vault::{Event, Filter, TextMatch, Vault};

use crate::suite::Dice;

/// A number below `end`.
fn below(dice: &mut Dice, end: usize) -> usize {
    usize::try_from(dice.below(end as u64)).unwrap()
}

/// The positions of the answers, the best first.
fn positions(found: &[TextMatch]) -> Vec<u64> {
    found.iter().map(|found| found.event.header.position.number()).collect()
}

/// The positions and the bits of the scores.
fn bits(found: &[TextMatch]) -> Vec<(u64, u64)> {
    found.iter().map(|found| (found.event.header.position.number(), found.score.to_bits())).collect()
}

fn search(vault: &Vault, query: &str) -> Vec<u64> {
    positions(&vault.search(query, &Filter::all(), usize::MAX).unwrap())
}

fn chat(text: &str) -> Event {
    Event::new("chat.message", text).unwrap().stream("conv:demo")
}

/// So many messages that the index is brought up to date by the next search, each with its number as a word.
fn many(vault: &Vault, count: u64) {
    let messages = (0..count).map(|number| chat(&format!("message number{number}")));
    vault.named_writer("alice").unwrap().commit_batch(messages).unwrap();
}

/// How many texts the index holds.
fn indexed(vault: &Vault) -> usize {
    vault.backend().query("SELECT entry FROM vault_text", &[]).unwrap().len()
}
