//! Verification: every byte that is stored is compared with what the hashes say.

mod report;
mod rules;

use std::ops::ControlFlow;

pub use report::{Anchor, Break, LogReport, LogVerdict, TailVerdict, VerifyReport};

use self::rules::Checker;
use super::merkle::{Frontier, TreeHead};
use super::table::timeline::Timeline;
use super::table::{edge, entry, log, node, payload, timeline};
use crate::backend::{Access, Backend, Transaction};
use crate::words::{ChainRule, Result, StoreError};

/// Checks one log by itself; the first rule that does not hold is the error.
pub(crate) fn log(db: &dyn Backend, tenant: &str, log: i64) -> Result<()> {
    let tx = db.begin(Access::Read)?;
    let mut checker = Checker::open(&*tx, tenant)?;
    entry::scan_log(&*tx, log, 1, |row| {
        if let Err(broken) = checker.check(&row)? {
            return Err(checker.error(row.log, broken)?);
        }
        if let Err(broken) = checker.check_shared_payload(&row)? {
            return Err(checker.error(row.log, broken)?);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    match checker.check_log_end(log) {
        Some(broken) => Err(checker.error(log, broken)?),
        None => Ok(()),
    }
}

/// Checks everything a tenant has stored, against anchors held elsewhere.
pub(crate) fn tenant(db: &dyn Backend, tenant: &str, anchors: &[Anchor]) -> Result<VerifyReport> {
    let tx = db.begin(Access::Read)?;
    let Some(timeline) = timeline::find(&*tx, tenant, timeline::MAIN)? else {
        let empty = Frontier::new().head();
        return Ok(VerifyReport::new(Vec::new(), Vec::new(), empty, tail(&[empty], anchors, 0)));
    };
    let mut checker = Checker::open(&*tx, tenant)?;
    let mut breaks = Vec::new();
    let mut tree = Frontier::new();
    let mut nodes = node::Check::new(timeline.id);
    let (mut edges, mut keys) = (0, 0);
    let mut heads = heads_wanted(anchors);
    let (first, last) = (entry::id(timeline.id, 0)?, entry::id(timeline.id, crate::words::limits::POSITION_MAX)?);
    heads.note(&tree);
    entry::scan(&*tx, first, last, |row| {
        let (found, expected) = (entry::position(row.id), tree.size() + 1);
        if found != expected && breaks.is_empty() {
            breaks.push(Break::new(Some(expected), None, ChainRule::Position, found, expected));
        }
        if let Err(broken) = checker.check(&row)? {
            checker.break_log(row.log, broken);
        }
        edges += checker.parents();
        keys += u64::from(row.event_key.is_some());
        nodes.push(&*tx, &mut tree, row.hash.as_bytes())?;
        heads.note(&tree);
        Ok(ControlFlow::Continue(()))
    })?;
    let (up, down) = edge::count(&*tx, first, last)?;
    if (up, down) != (edges, edges) {
        let found = format!("{up} edges to parents and {down} to children");
        breaks.push(Break::new(None, None, ChainRule::Edge, found, format!("{edges} of each")));
    }
    check_indexes(&*tx, &timeline, &checker, keys, &mut breaks)?;
    check_payloads(&*tx, timeline.id, &mut breaks)?;
    let (stored, found) = (timeline.tree.head(), tree.head());
    if stored != found {
        breaks.push(Break::new(None, None, ChainRule::TreeHead, head_text(&found), head_text(&stored)));
    }
    if let Some((found, expected)) = nodes.finish(&*tx)? {
        breaks.push(Break::new(None, None, ChainRule::TreeHead, found, expected));
    }
    let tail = tail(&heads.found, anchors, tree.size());
    let anchored = match tail {
        TailVerdict::Consistent { anchored } => anchored,
        _ => 0,
    };
    Ok(VerifyReport::new(checker.finish(anchored), breaks, found, tail))
}

/// The indexes lead to the rows that there are: neither past one nor to a stray one outside of the timeline.
fn check_indexes(
    tx: &dyn Transaction,
    timeline: &Timeline,
    checker: &Checker<'_>,
    keys: u64,
    breaks: &mut Vec<Break>,
) -> Result<()> {
    for log in log::select(tx, timeline.id, None, None)? {
        let (indexed, scanned) = (entry::count_in_log(tx, log.id)?, checker.rows(log.id));
        if indexed != scanned {
            let found = format!("{indexed} entries by the index of log {} in stream {:?}", log.id, log.stream);
            breaks.push(Break::new(None, None, ChainRule::Sequence, found, scanned));
        }
    }
    let (first, last) = (entry::id(timeline.id, 0)?, entry::id(timeline.id, crate::words::limits::POSITION_MAX)?);
    let indexed = entry::count_by_event_key(tx, first, last)?;
    if indexed != keys {
        let found = format!("{indexed} entries by the index of event ids");
        breaks.push(Break::new(None, None, ChainRule::Column, found, keys));
    }
    Ok(())
}

fn check_payloads(tx: &dyn Transaction, tenant: u64, breaks: &mut Vec<Break>) -> Result<()> {
    payload::scan(tx, tenant, |id, digest, computed| {
        if digest != computed {
            breaks.push(Break::new(
                None,
                None,
                ChainRule::Payload,
                format!("payload {id} with digest {computed}"),
                format!("digest {digest}"),
            ));
        }
        Ok(())
    })
}

fn head_text(head: &TreeHead) -> String {
    format!("size {} root {}", head.size, blake3::Hash::from_bytes(head.root).to_hex())
}

/// The tree heads at the sizes that anchors name, noted as the tree grows past them.
struct Heads {
    wanted: Vec<u64>,
    found: Vec<TreeHead>,
}

fn heads_wanted(anchors: &[Anchor]) -> Heads {
    let mut wanted: Vec<u64> = anchors.iter().map(|anchor| anchor.size).collect();
    wanted.sort_unstable_by(|a, b| b.cmp(a));
    wanted.dedup();
    Heads { wanted, found: Vec::new() }
}

impl Heads {
    fn note(&mut self, tree: &Frontier) {
        if self.wanted.last() == Some(&tree.size()) {
            self.wanted.pop();
            self.found.push(tree.head());
        }
    }
}

/// What the anchors say about the entries that are there.
fn tail(heads: &[TreeHead], anchors: &[Anchor], size: u64) -> TailVerdict {
    let mut sorted: Vec<&Anchor> = anchors.iter().collect();
    sorted.sort_unstable_by_key(|anchor| anchor.size);
    for anchor in &sorted {
        match heads.iter().find(|head| head.size == anchor.size) {
            Some(head) if head.root == anchor.root => {}
            Some(head) => return TailVerdict::Diverged { at: head.size },
            None => return TailVerdict::Truncated { anchored: anchor.size, found: size },
        }
    }
    sorted.last().map_or(TailVerdict::Unanchored, |newest| TailVerdict::Consistent { anchored: newest.size })
}

impl Checker<'_> {
    fn error(&self, log: i64, broken: Break) -> Result<StoreError> {
        let (stream, writer) = self.names(log);
        Ok(StoreError::ChainBroken {
            stream,
            writer,
            seq: broken.seq.unwrap_or(0),
            detail: format!("found {}, expected {}", broken.found, broken.expected),
            rule: broken.rule,
        })
    }
}
