//! What is trusted because it was kept elsewhere: anchors and checkpoints.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use causal_vault::limits::NOTE_BYTES;
use causal_vault::{Checkpoint, NoteVerifier, Realm, SignedNote, TreeHead};

use crate::Outcome;
use crate::args::Options;

/// A tree head that the file's owner cannot change, and whose word it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trusted {
    pub(crate) head: TreeHead,
    pub(crate) by: String,
    /// The name of the log, where a checkpoint says it.
    origin: Option<String>,
}

impl Trusted {
    /// Whether it is about this tenant of this vault.
    pub(crate) fn is_about(&self, realm: Realm, tenant: &str) -> bool {
        let own = format!("/{}/{tenant}", &realm.to_hex()[..16]);
        let host = |origin: &String| origin.strip_suffix(&own).is_some_and(|host| !host.contains('/'));
        self.origin.as_ref().is_none_or(host)
    }
}

/// Everything that the command line says to trust.
pub(crate) fn all(options: &Options) -> Outcome<Vec<Trusted>> {
    let keys = options.keys.iter().map(|key| Ok(key.parse()?)).collect::<Outcome<Vec<NoteVerifier>>>()?;
    if options.checkpoints.is_empty() != keys.is_empty() {
        return Err("a --checkpoint needs the --key it is signed with, and a --key is for a --checkpoint".into());
    }
    let anchors = options.anchors.iter().map(|text| {
        let head = tree_head(text)?;
        Ok(Trusted { head, by: format!("anchor {}", head.size), origin: None })
    });
    anchors.chain(options.checkpoints.iter().map(|file| checkpoint(file, &keys))).collect()
}

/// `SIZE:ROOT`, the root in hex.
pub(crate) fn tree_head(text: &str) -> Outcome<TreeHead> {
    let parsed = text.split_once(':').and_then(|(size, root)| {
        let mut bytes = [0; 32];
        hex::decode_to_slice(root, &mut bytes).ok()?;
        Some(TreeHead { size: size.parse().ok()?, root: bytes })
    });
    Ok(parsed.ok_or_else(|| format!("{text:?} is not SIZE:ROOT with a root of 64 hexadecimal digits"))?)
}

/// The checkpoint in a file, signed by its log and cosigned by every witness whose key was given.
fn checkpoint(file: &Path, keys: &[NoteVerifier]) -> Outcome<Trusted> {
    let refuse = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let note = read(file).map_err(|error| refuse(&error))?;
    let (witnesses, logs): (Vec<_>, Vec<_>) = keys.iter().partition(|key| key.is_witness());
    let signed = logs.iter().map(|key| Checkpoint::from_note(&note, key));
    // The last refusal stands for all: there is one key in most cases.
    let checkpoint =
        signed.reduce(Result::or).unwrap_or_else(|| note.text().parse()).map_err(|error| refuse(&error))?;
    if logs.is_empty() {
        return Err(refuse(&"none of the keys is a log's; give the key that it is signed with").into());
    }
    for witness in witnesses {
        note.cosigned_at(witness).map_err(|error| refuse(&error))?;
    }
    let by = format!("checkpoint {} of {}", checkpoint.head().size, checkpoint.origin());
    Ok(Trusted { head: checkpoint.head(), by, origin: Some(checkpoint.origin().to_owned()) })
}

fn read(file: &Path) -> Outcome<SignedNote> {
    let mut text = String::new();
    File::open(file)?.take(NOTE_BYTES as u64 + 1).read_to_string(&mut text)?;
    Ok(text.parse()?)
}
