//! `vault_node`: the roots of a timeline's complete tiles of 2^8, 2^16, 2^24 ... entries, so that a proof reads a few
//! hundred hashes of any number. They follow from the entries and can be rebuilt from them.

use std::ops::ControlFlow;

use super::entry;
use super::timeline::Timeline;
use super::{Table, blob, int};
use crate::backend::{Sql, columns};
use crate::causal::merkle::{Frontier, Grove};
use crate::causal::path::{self, STEP};
use crate::words::limits::POSITION_MAX;
use crate::words::{Result, StoreError};

pub(crate) const TABLE: Table = Table {
    name: "vault_node",
    schema: &["CREATE TABLE vault_node (\
               timeline INTEGER NOT NULL, \
               level INTEGER NOT NULL, \
               number INTEGER NOT NULL, \
               hash BLOB NOT NULL, \
               PRIMARY KEY (timeline, level, number)) STRICT, WITHOUT ROWID"],
};

/// A kept node: the root over the 2^level entries from `number << level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) level: u32,
    pub(crate) number: u64,
    pub(crate) hash: [u8; 32],
}

/// Adds these leaves to the tree and stores the nodes that they complete.
pub(crate) fn push<S: Sql + ?Sized>(
    sql: &S,
    timeline: u64,
    tree: &mut Frontier,
    entry_hashes: &[[u8; 32]],
) -> Result<()> {
    let grove = Grove::over(tree.size(), entry_hashes);
    entry_hashes.iter().try_for_each(|hash| completed(tree, hash, &grove, |node| insert(sql, timeline, &node)))
}

/// Adds a leaf to the tree and shows the nodes to be kept that it completes.
fn completed(
    tree: &mut Frontier,
    entry_hash: &[u8; 32],
    grove: &Grove,
    mut visit: impl FnMut(Node) -> Result<()>,
) -> Result<()> {
    let (index, mut outcome) = (tree.size(), Ok(()));
    tree.push_with(entry_hash, grove, |level, hash| {
        if level % STEP == 0 && outcome.is_ok() {
            outcome = visit(Node { level, number: index >> level, hash: *hash });
        }
    });
    outcome
}

/// Over one that is there already, in a timeline that was cut back by hand: the entries are the truth.
fn insert<S: Sql + ?Sized>(sql: &S, timeline: u64, node: &Node) -> Result<()> {
    sql.exec_one(
        TABLE.name,
        "INSERT INTO vault_node (timeline, level, number, hash) VALUES (?, ?, ?, ?) \
         ON CONFLICT (timeline, level, number) DO UPDATE SET hash = excluded.hash",
        &[int(timeline), int(node.level.into()), int(node.number), blob(&node.hash)],
    )
}

/// What a proof reads: the nodes of a level with numbers from `from` to below `to`, and at level 0 the entries' hashes.
pub(crate) fn read<S: Sql + ?Sized>(sql: &S, timeline: u64, level: u32, from: u64, to: u64) -> Result<Vec<[u8; 32]>> {
    let hashes = match level {
        0 => entry::hashes(sql, entry::id(timeline, from)?, entry::id(timeline, to)?)?,
        _ => sql.all(
            "SELECT hash FROM vault_node WHERE timeline = ? AND level = ? AND number >= ? AND number < ? ORDER BY number",
            &[int(timeline), int(level.into()), int(from), int(to)],
            |row| columns::array(row, 0),
        )?,
    };
    if hashes.len() as u64 != to - from {
        return Err(StoreError::Corrupt {
            what: if level == 0 { "the entries".to_owned() } else { TABLE.name.to_owned() },
            detail: format!(
                "{} of the {} nodes of level {level} from number {from} are there; verify the vault and rebuild the tree",
                hashes.len(),
                to - from
            ),
        });
    }
    Ok(hashes)
}

/// The tree over the first `size` entries of a timeline, read from its nodes.
pub(crate) fn frontier<S: Sql + ?Sized>(sql: &S, timeline: u64, size: u64) -> Result<Frontier> {
    path::frontier(size, &mut |level, from, to| read(sql, timeline, level, from, to))
}

/// Computes a timeline's nodes anew from the hashes of its entries and returns how many there are. Entries that do not
/// give the stored tree head are an error, and nothing is changed.
pub(crate) fn rebuild<S: Sql + ?Sized>(sql: &S, timeline: &Timeline) -> Result<usize> {
    let (mut tree, mut nodes) = (Frontier::new(), Vec::new());
    let (first, last) = (entry::id(timeline.id, 0)?, entry::id(timeline.id, POSITION_MAX)?);
    entry::visit_hashes(sql, first, last, |hash| {
        completed(&mut tree, &hash, &Grove::default(), |node| {
            nodes.push(node);
            Ok(())
        })?;
        Ok(ControlFlow::Continue(()))
    })?;
    if tree != timeline.tree {
        return Err(StoreError::Corrupt {
            what: "the entries".to_owned(),
            detail: format!(
                "{} entries with another tree head than the stored one over {}; verify the vault and restore it",
                tree.size(),
                timeline.tree.size()
            ),
        });
    }
    sql.exec("DELETE FROM vault_node WHERE timeline = ?", &[int(timeline.id)])?;
    nodes.iter().try_for_each(|node| insert(sql, timeline.id, node))?;
    Ok(nodes.len())
}

/// Fills the table anew with the nodes of other timelines, as they were.
pub(crate) fn clear<S: Sql + ?Sized>(sql: &S, timeline: u64) -> Result<()> {
    let copy =
        "CREATE TABLE vault_node_spare AS SELECT timeline, level, number, hash FROM vault_node WHERE +timeline <> ?";
    sql.exec(copy, &[int(timeline)])?;
    sql.exec("DELETE FROM vault_node", &[])?;
    let back = "INSERT INTO vault_node (timeline, level, number, hash) \
                SELECT timeline, level, number, hash FROM vault_node_spare";
    sql.exec(back, &[])?;
    sql.exec("DROP TABLE vault_node_spare", &[]).map(drop)
}

/// Compares the kept nodes with those that the entries give, while these are read.
pub(crate) struct Check {
    timeline: u64,
    expected: u64,
    wrong: Option<(String, String)>,
}

impl Check {
    pub(crate) fn new(timeline: u64) -> Self {
        Self { timeline, expected: 0, wrong: None }
    }

    /// Adds a leaf to the tree and looks at the nodes that it completes.
    pub(crate) fn push<S: Sql + ?Sized>(
        &mut self,
        sql: &S,
        tree: &mut Frontier,
        entry_hash: &[u8; 32],
        grove: &Grove,
    ) -> Result<()> {
        completed(tree, entry_hash, grove, |node| {
            self.expected += 1;
            let stored = sql.first(
                "SELECT hash FROM vault_node WHERE timeline = ? AND level = ? AND number = ?",
                &[int(self.timeline), int(node.level.into()), int(node.number)],
                |row| columns::array(row, 0),
            )?;
            if stored != Some(node.hash) && self.wrong.is_none() {
                let found = stored.map_or_else(|| "no hash".to_owned(), hex);
                self.wrong = Some((
                    format!("{found} in node {} of level {}", node.number, node.level),
                    format!("{}; {REBUILD}", hex(node.hash)),
                ));
            }
            Ok(())
        })
    }

    /// The first node that was wrong: what was found and what was expected.
    pub(crate) fn wrong(&self) -> Option<(String, String)> {
        self.wrong.clone()
    }

    /// The first node that is wrong or too many, where all were looked at.
    pub(crate) fn finish<S: Sql + ?Sized>(&self, sql: &S) -> Result<Option<(String, String)>> {
        let stored = sql.first("SELECT count(*) FROM vault_node WHERE timeline = ?", &[int(self.timeline)], |row| {
            columns::counter(row, 0)
        })?;
        let stored = stored.unwrap_or_default();
        let count = (stored != self.expected)
            .then(|| (format!("{stored} tree nodes"), format!("{} tree nodes; {REBUILD}", self.expected)));
        Ok(self.wrong.clone().or(count))
    }
}

const REBUILD: &str = "the nodes can be rebuilt from the entries";

fn hex(hash: [u8; 32]) -> String {
    blake3::Hash::from_bytes(hash).to_hex().to_string()
}
