//! Searching for words: a tenant says which texts count, readers bring the index up to date, and answers are ranked.

mod extract;
mod index;
mod places;
mod query;
mod rank;
mod rule;
mod search;
mod words;

pub use rule::TextRule;
pub use search::TextMatch;
