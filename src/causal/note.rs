//! Signed notes: text and signature lines, as `c2sp.org/signed-note` writes them.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::note_key::{NoteSigner, NoteVerifier, check_key_name};
use crate::words::limits::{NOTE_BYTES, NOTE_SIGNATURES};
use crate::words::{Result, StoreError};

/// Text and who signed it, in a form that people can read and every witness understands: a
/// [C2SP signed note](https://c2sp.org/signed-note).
///
/// Nothing may be believed of the text before a signature was [verified](Self::verify).
///
/// ```
/// use causal_vault::{NoteSigner, SignedNote, SigningKey};
///
/// let signer = NoteSigner::new("example.com/notes", SigningKey::from_bytes(&[7; 32]))?;
/// let note = SignedNote::sign("It is evening at once.\n", &signer)?;
/// let received: SignedNote = note.to_string().parse()?;
/// assert_eq!(received, note);
/// received.verify(&signer.verifier())?;
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line of a [`SignedNote`]: which key, and what it made.
///
/// ```
/// use causal_vault::{NoteSigner, SignedNote, SigningKey};
///
/// let signer = NoteSigner::new("example.com/notes", SigningKey::from_bytes(&[7; 32]))?;
/// let note = SignedNote::sign("hello\n", &signer)?;
/// let signature = &note.signatures()[0];
/// assert_eq!((signature.name(), signature.bytes().len()), ("example.com/notes", 64));
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NoteSignature {
    name: String,
    key_id: [u8; 4],
    bytes: Vec<u8>,
}

impl SignedNote {
    /// Signs text, which ends in a newline and holds no other control character.
    ///
    /// ```
    /// use causal_vault::{NoteSigner, SignedNote, SigningKey};
    ///
    /// let signer = NoteSigner::new("example.com/notes", SigningKey::from_bytes(&[7; 32]))?;
    /// assert!(SignedNote::sign("hello\n", &signer).is_ok());
    /// assert!(SignedNote::sign("no newline at the end", &signer).is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn sign(text: impl Into<String>, signer: &NoteSigner) -> Result<Self> {
        let text = text.into();
        check_text("note", &text)?;
        let signatures = vec![signer.sign(&text)?];
        Ok(Self { text, signatures })
    }

    /// The text, its last newline included.
    ///
    /// ```
    /// use causal_vault::SignedNote;
    ///
    /// let note: SignedNote = "hello\n\n— example.com AAAAAAA=\n".parse()?;
    /// assert_eq!(note.text(), "hello\n");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, in the order of their lines; those of unknown keys and kinds included.
    ///
    /// ```
    /// use causal_vault::SignedNote;
    ///
    /// let note: SignedNote = "hello\n\n— example.com AAAAAAA=\n".parse()?;
    /// assert_eq!(note.signatures().len(), 1);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature line; one that is there already is not added again.
    ///
    /// ```
    /// use causal_vault::{NoteSigner, SignedNote, SigningKey};
    ///
    /// let old = NoteSigner::new("example.com/notes", SigningKey::from_bytes(&[7; 32]))?;
    /// let new = NoteSigner::new("example.com/notes", SigningKey::from_bytes(&[8; 32]))?;
    /// let mut note = SignedNote::sign("hello\n", &old)?;
    /// note.add(new.sign(note.text())?)?;
    /// assert_eq!(note.signatures().len(), 2);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn add(&mut self, signature: NoteSignature) -> Result<()> {
        if self.signatures.contains(&signature) {
            return Ok(());
        }
        if self.signatures.len() >= NOTE_SIGNATURES {
            return Err(too_many(self.signatures.len() + 1));
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// Whether this key has signed the note: an error where it has not, and where a signature that claims to be its own
    /// does not hold. Signatures of other keys are ignored.
    ///
    /// ```
    /// use causal_vault::{NoteSigner, SignedNote, SigningKey};
    ///
    /// let signer = NoteSigner::new("example.com/notes", SigningKey::from_bytes(&[7; 32]))?;
    /// let other = NoteSigner::new("example.com/notes", SigningKey::from_bytes(&[8; 32]))?;
    /// let note = SignedNote::sign("hello\n", &signer)?;
    /// assert!(note.verify(&signer.verifier()).is_ok());
    /// assert!(note.verify(&other.verifier()).is_err());
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn verify(&self, verifier: &NoteVerifier) -> Result<()> {
        self.signatures_of(verifier).map(drop)
    }

    /// The signatures of this key, at least one, all of which hold.
    pub(crate) fn signatures_of(&self, verifier: &NoteVerifier) -> Result<Vec<&NoteSignature>> {
        let claimed: Vec<_> = self.signatures.iter().filter(|signature| verifier.has_made(signature)).collect();
        if claimed.is_empty() {
            return Err(invalid(format!("it has no signature by {verifier}; found {}", self.signers())));
        }
        match claimed.iter().any(|signature| !verifier.verify(&self.text, signature)) {
            true => Err(invalid(format!("a signature that claims to be by {verifier} does not hold"))),
            false => Ok(claimed),
        }
    }

    fn signers(&self) -> String {
        let names: Vec<&str> = self.signatures.iter().map(NoteSignature::name).collect();
        format!("signatures by {names:?}")
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl FromStr for SignedNote {
    type Err = StoreError;

    fn from_str(note: &str) -> Result<Self> {
        let (text, lines) = note
            .rsplit_once("\n\n")
            .ok_or_else(|| invalid("no empty line stands between its text and its signatures".to_owned()))?;
        let text = format!("{text}\n");
        check_text("note", &text)?;
        check_text("note's signatures", lines)?;
        let signatures = lines.lines().map(str::parse).collect::<Result<Vec<_>>>()?;
        match signatures.len() {
            0..=NOTE_SIGNATURES => Ok(Self { text, signatures }),
            found => Err(too_many(found)),
        }
    }
}

impl NoteSignature {
    pub(super) fn new(name: &str, key_id: [u8; 4], bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), key_id, bytes }
    }

    /// The name of the key.
    ///
    /// ```
    /// let signature: causal_vault::NoteSignature = "— example.com AAAAAAA=".parse()?;
    /// assert_eq!(signature.name(), "example.com");
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's short id, which with the name says which key it is, and which kind of signature.
    ///
    /// ```
    /// let signature: causal_vault::NoteSignature = "— example.com AAAAAQI=".parse()?;
    /// assert_eq!(signature.key_id(), [0, 0, 0, 1]);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn key_id(&self) -> [u8; 4] {
        self.key_id
    }

    /// What follows the key's id.
    ///
    /// ```
    /// let signature: causal_vault::NoteSignature = "— example.com AAAAAQI=".parse()?;
    /// assert_eq!(signature.bytes(), [2]);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "— {} {}", self.name, STANDARD.encode([&self.key_id, &*self.bytes].concat()))
    }
}

impl FromStr for NoteSignature {
    type Err = StoreError;

    /// Reads one line, without its newline.
    fn from_str(line: &str) -> Result<Self> {
        let (name, encoded) = line
            .strip_prefix("— ")
            .and_then(|line| line.split_once(' '))
            .ok_or_else(|| invalid(format!("the signature line {line:?} is not `— name base64`")))?;
        check_key_name(name)?;
        let decoded = STANDARD
            .decode(encoded)
            .map_err(|error| invalid(format!("the signature by {name:?} is not standard base64: {error}")))?;
        match decoded.split_first_chunk() {
            Some((key_id, bytes)) if !bytes.is_empty() => Ok(Self::new(name, *key_id, bytes.to_vec())),
            _ => Err(invalid(format!("the signature by {name:?} has {} bytes, at least 5 are needed", decoded.len()))),
        }
    }
}

/// Accepts lines that end in a newline and hold no other control character, up to the limit.
pub(super) fn check_text(what: &'static str, text: &str) -> Result<()> {
    let refuse = |reason: String| Err(StoreError::Invalid { what, reason });
    if text.len() > NOTE_BYTES {
        return Err(StoreError::Limit { what, found: text.len() as u64, limit: NOTE_BYTES as u64, unit: "bytes" });
    }
    if let Some(control) = text.chars().find(|c| *c < ' ' && *c != '\n') {
        return refuse(format!("it holds the control character {control:?}; lines end in \\n and nothing else"));
    }
    if !text.ends_with('\n') {
        return refuse("it does not end in a newline".to_owned());
    }
    Ok(())
}

fn too_many(found: usize) -> StoreError {
    StoreError::Limit { what: "the note", found: found as u64, limit: NOTE_SIGNATURES as u64, unit: "signatures" }
}

fn invalid(reason: String) -> StoreError {
    StoreError::Invalid { what: "note", reason }
}
