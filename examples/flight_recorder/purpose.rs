//! What commits were for: an embedding of what each says of itself, and the groups that the vault makes of them.

use std::fmt;

use causal_vault::{Encoder, HashingEncoder, Intent, IntentOptions, Position, TextRule, Vault};
use indicatif::HumanCount;

use crate::Outcome;
use crate::object::ObjectId;
use crate::record::CommitRecord;
use crate::report::clip;
use crate::vault_ledger::{KIND, commits};

/// Texts of one purpose scatter more by their words than embeddings of their meaning do, so the cut is coarser than the
/// default of 0.24, at which this repository's two hundred commits are fifty groups. At 0.5 they are twenty, but ones that
/// merely share small words begin to run together.
const SEPARATION: f32 = 0.35;

/// What a commit is about stands at the beginning of its message; what is behind this may be a log, or data.
const MESSAGE_BYTES: usize = 1 << 14;
/// The first paths that it changes say where it belongs; of a great many they say nothing.
const PATHS: usize = 16;

/// The groups that are told.
const TOLD: usize = 10;
const LABEL_WIDTH: usize = 40;
const STEPS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The groups of all recorded commits, the largest first.
#[derive(Debug, Default)]
pub(crate) struct Purposes(pub(crate) Vec<Purpose>);

/// Commits that were for the same.
#[derive(Debug)]
pub(crate) struct Purpose {
    pub(crate) label: String,
    pub(crate) commits: u64,
    pub(crate) first: ObjectId,
    pub(crate) last: ObjectId,
    /// Commits in equal parts of the history.
    pub(crate) growth: Vec<u64>,
}

/// Tells a vault how to group commits, and that their messages and paths are what they say.
pub(crate) fn choose(vault: &Vault, words: &HashingEncoder) -> Outcome<()> {
    vault.choose_intents(IntentOptions::new(words.model(), words.dimension()).separation(SEPARATION))?;
    Ok(vault.index_text(TextRule::kind(KIND).field("message").field("changes.path"))?)
}

/// The embedding of a commit that comes after all that were learnt; none of one whose message holds no word.
pub(crate) fn embedding(words: &mut HashingEncoder, commit: &CommitRecord) -> Option<Vec<f32>> {
    let text = learn(words, commit)?;
    words.encode(&text).ok()
}

/// Learns the words of a commit's message and paths, and gives them.
pub(crate) fn learn(words: &mut HashingEncoder, commit: &CommitRecord) -> Option<String> {
    let message = &commit.message.0;
    let mut text = String::from_utf8_lossy(&message[..message.len().min(MESSAGE_BYTES)]).into_owned();
    if !text.contains(char::is_alphanumeric) {
        return None;
    }
    for change in commit.changes.iter().take(PATHS) {
        text.push('\n');
        text.push_str(&String::from_utf8_lossy(&change.path.0));
    }
    words.learn(&text).ok().map(|()| text)
}

impl Purposes {
    /// Has a vault group its commits, tidily where some of them are new.
    pub(crate) fn of(vault: &Vault, words: &HashingEncoder, are_some_new: bool) -> Outcome<Purposes> {
        vault.assign_up_to(Position::new(vault.tree_head()?.size))?;
        if are_some_new && vault.calibration(words.model())?.is_some() {
            vault.consolidate_intents(words.model())?;
        }
        let purpose = |intent: Intent| -> Outcome<Purpose> {
            let commit = |position| -> Outcome<ObjectId> { Ok(vault.get(position)?.decode::<CommitRecord>()?.id) };
            Ok(Purpose {
                label: intent.label(),
                commits: intent.events,
                first: commit(intent.first)?,
                last: commit(intent.last)?,
                growth: intent.growth,
            })
        };
        Ok(Purposes(vault.intents(&commits())?.into_iter().map(purpose).collect::<Outcome<_>>()?))
    }
}

impl fmt::Display for Purposes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Purposes(all) = self;
        if all.is_empty() {
            return Ok(());
        }
        let told = &all[..all.len().min(TOLD)];
        let labels: Vec<String> = told.iter().map(|purpose| clip(&purpose.label, LABEL_WIDTH)).collect();
        let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or_default().max("commits for".len());
        writeln!(f, "\n  {:<width$}  {:>9}  first    last     over time", "commits for", "")?;
        for (label, Purpose { commits, first, last, growth, .. }) in labels.iter().zip(told) {
            let count = HumanCount(*commits).to_string();
            writeln!(f, "  {label:<width$}  {count:>9}  {}  {}  {}", short(first), short(last), bar(growth))?;
        }
        if let more @ 1.. = all.len() - told.len() {
            writeln!(f, "  and {} more", HumanCount(more as u64))?;
        }
        Ok(())
    }
}

/// The first digits of an id, as git shows it.
fn short(id: &ObjectId) -> String {
    id.to_string().chars().take(7).collect()
}

/// A block for each count, the highest for the largest, and none for nothing alone.
fn bar(counts: &[u64]) -> String {
    let most = counts.iter().max().copied().unwrap_or_default().max(1);
    let step = |count: &u64| STEPS[usize::try_from((count * 8).div_ceil(most)).unwrap_or_default().min(8)];
    counts.iter().map(step).collect()
}
