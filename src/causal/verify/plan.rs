//! What a verification is going to look at, and on how many threads.

use std::hash::RandomState;
use std::thread;

use super::chunk::Span;
use super::crew::Crew;
use super::report::{Anchor, Break, VerifyReport};
use super::rules::Brief;
use super::tail::{self, Heads};
use super::timeline;
use crate::backend::{Backend, Transaction};
use crate::causal::merkle::Frontier;
use crate::causal::table::timeline::Timeline;
use crate::causal::table::{entry, lookup, timeline as table};
use crate::words::limits::VERIFY_THREADS;
use crate::words::{ChainRule, Result, StoreError};

/// Positions that a thread checks at a time: about a millisecond of work, 32 KiB of hashes.
const CHUNK: u64 = 1024;

/// What is there when it begins: others may commit meanwhile.
pub(super) struct Plan<'a> {
    brief: Brief<'a>,
    timeline: Timeline,
    anchors: Vec<Anchor>,
    /// The tree over what was verified before.
    tree: Frontier,
    span: Span,
}

impl<'a> Plan<'a> {
    /// The plan, or the report where there is nothing to look at.
    pub(super) fn of(
        tx: &dyn Transaction,
        tenant: &'a str,
        anchors: &[Anchor],
        since: Option<Anchor>,
    ) -> Result<std::result::Result<Self, VerifyReport>> {
        let anchors: Vec<Anchor> = anchors.iter().copied().chain(since).collect();
        let Some(timeline) = table::find(tx, tenant, table::MAIN)? else {
            return report_of_nothing(tx, tenant, &anchors).map(Err);
        };
        let all = timeline::span(timeline.id)?;
        let last = entry::last(tx, all.after, all.to)?.unwrap_or(all.after);
        let tree = match since {
            Some(since) => match tail::begin(tx, &timeline, since, entry::position(last))? {
                Ok(tree) => tree,
                Err(verdict) => {
                    return Ok(Err(VerifyReport::of_nothing(since.size, timeline.tree.head(), verdict)));
                }
            },
            None => Frontier::new(),
        };
        let span = Span { after: entry::id(timeline.id, tree.size())?, to: last };
        let looked_up = match lookup::reached(tx, timeline.id) {
            // Of an entry that does not decode: it is found broken where it stands.
            Err(StoreError::Corrupt { .. }) => all.after,
            reached => reached?,
        };
        let brief = Brief {
            tenant,
            hasher: RandomState::new(),
            since: if tree.size() > 0 { span.after } else { 0 },
            last,
            anchored: anchors.iter().map(|anchor| anchor.size).max().unwrap_or(0),
            looked_up,
            takes_revoked: false,
        };
        Ok(Ok(Self { brief, timeline, anchors, tree, span }))
    }

    /// The same, where what a later revocation takes back is no break.
    pub(super) fn with_revoked(mut self) -> Self {
        self.brief.takes_revoked = true;
        self
    }

    pub(super) fn run_alone(&self, tx: &dyn Transaction) -> Result<VerifyReport> {
        self.lead(tx, &Crew::new(self.span, CHUNK, 1))
    }

    fn lead(&self, tx: &dyn Transaction, crew: &Crew) -> Result<VerifyReport> {
        tx.forget()?;
        timeline::verify(tx, &self.brief, &self.timeline, &self.anchors, self.tree.clone(), crew)
    }

    pub(super) fn run(&self, tx: Box<dyn Transaction + '_>, db: &dyn Backend, threads: usize) -> Result<VerifyReport> {
        // Others do not see what a transaction around this one has written.
        let threads = if tx.is_outermost() { threads.min(VERIFY_THREADS) as u64 } else { 1 };
        if threads == 1 {
            return self.run_alone(&*tx);
        }
        // A short history is divided as well, so that every thread has its share.
        let positions = self.span.to - self.span.after;
        let chunk = positions.div_ceil(threads * 8).clamp(1, CHUNK);
        let crew = Crew::new(self.span, chunk, threads + 2);
        thread::scope(|scope| {
            let stop = crew.stop_on_drop();
            let helpers = (1..threads.min(positions.div_ceil(chunk))).map_while(|_| {
                let helper = thread::Builder::new().name("causal-vault-verify".to_owned());
                // Without a thread there is less help, and nothing else is different.
                helper.spawn_scoped(scope, || crew.help(db, &self.brief)).ok()
            });
            let helpers: Vec<_> = helpers.collect();
            let together = self.lead(&*tx, &crew);
            drop(stop);
            // What a scan of a damaged tree shows depends on where it begins: breaks are as one thread finds them.
            let report = together.and_then(|report| if report.is_intact() { Ok(report) } else { self.run_alone(&*tx) });
            // In a database in memory a helper may be waiting for a writer that waits for this reader.
            drop(tx);
            // What a helper has failed at was done here.
            helpers.into_iter().for_each(|helper| drop(helper.join()));
            report
        })
    }
}

/// For a tenant that has never appended, or whose timeline an index hides.
fn report_of_nothing(tx: &dyn Transaction, tenant: &str, anchors: &[Anchor]) -> Result<VerifyReport> {
    let mut heads = Heads::wanted(anchors);
    heads.note(&Frontier::new());
    let hidden = table::by_rows(tx, tenant, table::MAIN)?.into_iter().map(|timeline| {
        let found = "no timeline by the index over timelines";
        Break::new(None, None, ChainRule::Index, found, format!("timeline {timeline}"))
    });
    Ok(VerifyReport::new(Vec::new(), hidden.collect(), Frontier::new().head(), heads.verdict(0)))
}
