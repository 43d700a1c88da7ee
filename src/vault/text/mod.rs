//! Searching for words: a tenant says which texts count, whoever searches brings the index up to date, and answers are
//! ranked.
//!
//! ```text
//! rule       which events' texts count
//! extract    the texts of a payload     ┐
//! word       what a word is             │ the same for the index, for what is
//! query      what is asked for          ┘ not in it yet, and for every engine
//! index      keeping it up to date
//! places     where words stand in it
//! rank       BM25
//! search     all of it together
//! ```

mod extract;
mod index;
mod places;
mod query;
mod rank;
mod rule;
mod search;
mod word;

pub(super) use extract::Texts;
pub use rule::TextRule;
pub use search::TextMatch;
