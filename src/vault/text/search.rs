//! Searching for words.

use std::ops::ControlFlow;

use super::extract::Selection;
use super::query::Query;
use super::rank::{Occurrence, Ranked, rank};
use super::{index, places, rule};
use crate::backend::{Access, Sql};
use crate::causal::schema::is_present;
use crate::causal::table::{entry, text as table, text_rule, timeline};
use crate::vault::filter::Filter;
use crate::vault::open::Vault;
use crate::vault::recall::Wanted;
use crate::vault::record::{Names, StoredEvent};
use crate::words::{ErrorKind, Result, StoreError};

/// An event whose text holds what was searched for. See [`Vault::search`].
///
/// ```
/// use causal_vault::{Event, Filter, TextRule, Vault};
///
/// let vault = Vault::in_memory()?;
/// vault.index_text(TextRule::kind("note"))?;
/// vault.named_writer("alice")?.commit(Event::new("note", "milk and bread")?.stream("list"))?;
/// let found = vault.search("bread", &Filter::all(), 1)?;
/// assert!(found[0].score > 0.0);
/// assert_eq!(found[0].event.decode::<String>()?, "milk and bread");
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TextMatch {
    /// The event.
    pub event: StoredEvent,
    /// How well it fits: the more the better. Scores of one query can be compared, those of two cannot.
    pub score: f64,
}

impl Vault {
    /// The events whose texts hold some of these words, the best first, at most `k`. Which texts can be found,
    /// [`index_text`](Self::index_text) says; without a rule there are none.
    ///
    /// A word is a run of letters and digits; case and diacritics make no difference. Words between two quotation marks are
    /// a phrase, which stands in a text like this, and a star right behind a word makes it the beginning of words; whatever
    /// else is in the query only parts its words. One word or phrase is enough, the more the better: the order is that of
    /// BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009; k1 = 1.2, b = 0.75),
    /// where a rare word weighs more than a frequent one, and of two events with the same score the older comes first.
    ///
    /// [`Filter::up_to`] asks as of then: order and scores are those of a vault that holds no more than these events. The
    /// other parts of the filter choose among the answers and change no score.
    ///
    /// The search indexes what was committed since the last one, unless it is little. Where it cannot, as in a vault that is
    /// [read only](crate::VaultBuilder::read_only) or within a transaction of this thread, it reads those events one by one:
    /// the answer is the same, and takes longer.
    ///
    /// A query is limited to 16 KiB and 256 words.
    ///
    /// ```
    /// use causal_vault::{Event, Filter, TextRule, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// vault.index_text(TextRule::kind("note"))?;
    /// let alice = vault.named_writer("alice")?;
    /// let first = alice.commit(Event::new("note", "The café opens at nine.")?.stream("plans"))?;
    /// alice.commit(Event::new("note", "Cafe closed, meet at the harbour")?.stream("plans"))?;
    ///
    /// assert_eq!(vault.search("CAFE", &Filter::all(), 10)?.len(), 2);
    /// assert_eq!(vault.search("\"the harbour\" open*", &Filter::stream("plans"), 10)?.len(), 2);
    /// assert_eq!(vault.search("cafe", &Filter::all().up_to(first.position), 10)?.len(), 1);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn search(&self, query: &str, filter: &Filter, k: usize) -> Result<Vec<TextMatch>> {
        filter.check()?;
        let query = Query::parse(query)?;
        let db = self.db();
        if k == 0 || query.phrases.is_empty() || !is_present(db, &text_rule::TABLE)? {
            return Ok(Vec::new());
        }
        table::check(db)?;
        self.text_catalogue().check(db)?;
        index::catch_up(self)
            .and_then(|()| match db.begin(Access::Read) {
                Ok(tx) => answer(self, &*tx, &query, filter, k),
                // What this thread reads is part of its transaction.
                Err(error) if error.kind() == ErrorKind::Unsupported => answer(self, db, &query, filter, k),
                Err(error) => Err(error),
            })
            .map_err(damaged)
    }
}

/// Everything in here is read from one state of the store.
fn answer<S: Sql + ?Sized>(vault: &Vault, sql: &S, query: &Query, filter: &Filter, k: usize) -> Result<Vec<TextMatch>> {
    let Some((timeline, size)) = timeline::size(sql, vault.tenant(), timeline::MAIN)? else { return Ok(Vec::new()) };
    let end = entry::id(timeline, filter.up_to.map_or(size, |up_to| up_to.number().min(size)))?;
    let reached = table::reached(sql, timeline)?.min(end);
    let mut totals = table::totals(sql, timeline, reached)?;
    let phrases = query.phrases.iter();
    let mut found: Vec<_> =
        phrases.map(|phrase| places::of_phrase(sql, timeline, phrase, reached)).collect::<Result<_>>()?;
    if reached < end {
        let selection = Selection::of(sql, &rule::read(sql, vault.tenant())?)?;
        entry::scan(sql, reached, end, |row| {
            if let Some(words) = selection.words(sql, &row)? {
                let text = index::text(&row, &words);
                totals.add(text.words);
                for (phrase, texts) in query.phrases.iter().zip(&mut found) {
                    let times = phrase.count(&words);
                    texts.extend((times > 0).then_some(Occurrence { text, times }));
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    let wanted = Wanted::by(sql, timeline, filter, end)?;
    let mut ranked = rank(totals, &found, |text| wanted.takes(text.id, Some((text.log, text.kind))));
    let mut names = Names::default();
    let best = std::iter::from_fn(|| ranked.pop()).take(k);
    best.map(|Ranked { id, score }| match entry::by_id(sql, id, |row| names.event(sql, &row))? {
        Some(event) => Ok(TextMatch { event, score }),
        None => Err(StoreError::Corrupt {
            what: "the text index".to_owned(),
            detail: format!("it names position {}, where no event is", entry::position(id)),
        }),
    })
    .collect()
}

/// What a damaged index says can be read from the events again.
fn damaged(error: StoreError) -> StoreError {
    match error.kind() {
        ErrorKind::Corrupt => StoreError::Corrupt {
            what: "a search".to_owned(),
            detail: format!("{error}; if verify finds nothing, only the text index is damaged: rebuild fills it anew"),
        },
        _ => error,
    }
}
