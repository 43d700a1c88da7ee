//! Checkpoints: a tree head as the text of a signed note, as `c2sp.org/tlog-checkpoint` writes it.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::merkle::TreeHead;
use super::note::{SignedNote, check_text};
use super::note_key::NoteVerifier;
use super::verify::Anchor;
use crate::words::{Result, StoreError};

/// The head of a log's tree under the log's name: the text of a [`SignedNote`] that witnesses cosign and auditors keep.
///
/// ```text
/// vault.example/1111111111111111/acme             the origin
/// 5                                               the number of entries
/// NwSjyQ21qaoWnYu5aqdWowC1AKBzyo/oNnT+8mvvh3w=    the root
/// ```
///
/// ```
/// use causal_vault::{Checkpoint, Event, NoteSigner, SigningKey, Vault};
///
/// let vault = Vault::in_memory()?;
/// vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("demo"))?;
/// let signer = NoteSigner::new(vault.origin("vault.example")?, SigningKey::from_bytes(&[9; 32]))?;
/// let note = vault.checkpoint(&signer)?;
///
/// // Elsewhere, with nothing but the note and the log's vkey.
/// let checkpoint = Checkpoint::from_note(&note, &signer.verifier())?;
/// assert_eq!(checkpoint.head(), vault.tree_head()?);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    origin: String,
    head: TreeHead,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// The checkpoint of a tree under the name of its log, which is one line.
    ///
    /// ```
    /// use causal_vault::{Checkpoint, TreeHead, tree_root};
    ///
    /// let head = TreeHead { size: 0, root: tree_root([]) };
    /// let checkpoint = Checkpoint::new("example.com/log", head)?;
    /// assert!(checkpoint.to_string().starts_with("example.com/log\n0\n"));
    /// assert!(Checkpoint::new("two\nlines", head).is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn new(origin: impl Into<String>, head: TreeHead) -> Result<Self> {
        let checkpoint = Self { origin: origin.into(), head, extensions: Vec::new() };
        // What is written is read back as what was meant, or not written at all.
        match checkpoint.to_string().parse::<Self>() {
            Ok(same) if same == checkpoint => Ok(checkpoint),
            _ => Err(invalid(format!("the origin {:?} is not one line of text", checkpoint.origin))),
        }
    }

    /// The checkpoint in a note that the log has signed: the signature holds, and the text is about the log whose name
    /// the key has, so that a note of another log with the same key is not taken for one of this.
    ///
    /// ```
    /// use causal_vault::{Checkpoint, NoteSigner, SignedNote, SigningKey};
    ///
    /// let signer = NoteSigner::new("example.com/log", SigningKey::from_bytes(&[9; 32]))?;
    /// let note = SignedNote::sign("not a checkpoint\n", &signer)?;
    /// assert!(Checkpoint::from_note(&note, &signer.verifier()).is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn from_note(note: &SignedNote, log: &NoteVerifier) -> Result<Self> {
        if log.is_witness() {
            return Err(StoreError::Invalid {
                what: "log key",
                reason: format!("{log} verifies a witness's cosignatures; a log's key has the kind 0x01"),
            });
        }
        note.verify(log)?;
        let checkpoint: Self = note.text().parse()?;
        match checkpoint.origin == log.name() {
            true => Ok(checkpoint),
            false => {
                Err(invalid(format!("its origin is {:?}, and the key is that of {:?}", checkpoint.origin, log.name())))
            }
        }
    }

    /// The name of the log.
    ///
    /// ```
    /// let text = "example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
    /// assert_eq!(text.parse::<causal_vault::Checkpoint>()?.origin(), "example.com/log");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The size of the tree and its root.
    ///
    /// ```
    /// let text = "example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
    /// assert_eq!(text.parse::<causal_vault::Checkpoint>()?.head().size, 0);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn head(&self) -> TreeHead {
        self.head
    }

    /// Lines that another log has put behind the root; a vault writes none.
    ///
    /// ```
    /// let text = "example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nmore\n";
    /// assert_eq!(text.parse::<causal_vault::Checkpoint>()?.extensions(), ["more"]);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.head.size, STANDARD.encode(self.head.root))?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self> {
        check_text("checkpoint", text)?;
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(invalid("it has fewer than three lines: origin, size and root".to_owned()));
        };
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if origin.is_empty() || extensions.iter().any(String::is_empty) {
            return Err(invalid("it holds an empty line".to_owned()));
        }
        let parsed = size.parse().ok().filter(|parsed: &u64| parsed.to_string() == size);
        let size =
            parsed.ok_or_else(|| invalid(format!("its size {size:?} is not a decimal number as it is written")))?;
        let root = STANDARD
            .decode(root)
            .ok()
            .and_then(|root| root.try_into().ok())
            .ok_or_else(|| invalid(format!("its root {root:?} is not the standard base64 of 32 bytes")))?;
        Ok(Self { origin: origin.to_owned(), head: TreeHead { size, root }, extensions })
    }
}

impl From<&Checkpoint> for Anchor {
    fn from(checkpoint: &Checkpoint) -> Self {
        checkpoint.head.into()
    }
}

impl Anchor {
    /// The anchor in a checkpoint that the log has signed, under the terms of [`Checkpoint::from_note`].
    ///
    /// ```
    /// use causal_vault::{Anchor, Event, NoteSigner, SigningKey, TailVerdict, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("demo"))?;
    /// let signer = NoteSigner::new(vault.origin("vault.example")?, SigningKey::from_bytes(&[9; 32]))?;
    /// let note = vault.checkpoint(&signer)?;
    /// let anchor = Anchor::from_note(&note, &signer.verifier())?;
    /// assert_eq!(vault.verify(&[anchor])?.tail, TailVerdict::Consistent { anchored: 1 });
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn from_note(note: &SignedNote, log: &NoteVerifier) -> Result<Self> {
        Checkpoint::from_note(note, log).map(|checkpoint| (&checkpoint).into())
    }
}

fn invalid(reason: String) -> StoreError {
    StoreError::Invalid { what: "checkpoint", reason }
}
