//! What a bundle says it is, before its first entry.

use crate::causal::bytes::{Reader, put_name};
use crate::causal::{Checkpoint, Fingerprint, Realm, SignedNote, TreeHead};
use crate::words::limits::POSITION_MAX;
use crate::words::{Result, StoreError};

/// The one timeline that there is so far.
const TIMELINE: &str = "main";

/// What a [`Bundle`](crate::Bundle) holds of its tenant.
///
/// ```
/// use causal_vault::{Bundle, BundleContents, Filter, Vault};
///
/// let mut file = Vec::new();
/// Vault::in_memory()?.export(Filter::all(), &mut file)?;
/// assert_eq!(Bundle::open(&file[..])?.contents(), &BundleContents::Everything);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BundleContents {
    /// Every entry and every payload, attachments included.
    Everything,
    /// Every entry behind `after` and up to `up_to`.
    Range {
        /// The position before the first entry.
        after: u64,
        /// The position of the last entry.
        up_to: u64,
    },
    /// The entries of one stream, one writer or both, behind `after` and up to `up_to`. That no other log belongs to
    /// them, and that a log does not go on, is the exporter's claim.
    Logs {
        /// The stream, where one was asked for.
        stream: Option<String>,
        /// The writer, where one was asked for.
        writer: Option<Fingerprint>,
        /// The position before the first that was asked for.
        after: u64,
        /// The last position that was asked for.
        up_to: u64,
    },
}

/// The first record of a bundle.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) realm: Realm,
    pub(super) tenant: String,
    pub(super) contents: BundleContents,
    /// The tree that the entries are proved to be in.
    pub(super) tree: TreeHead,
    /// The peaks of the tree over the entries before the first.
    pub(super) left: Vec<[u8; 32]>,
    /// What leads from the tree over the entries up to the last to the whole tree.
    pub(super) right: Vec<[u8; 32]>,
    pub(super) note: Option<SignedNote>,
    /// What the note says.
    pub(super) noted: Option<TreeHead>,
}

impl Header {
    pub(super) fn after(&self) -> u64 {
        match &self.contents {
            BundleContents::Everything => 0,
            BundleContents::Range { after, .. } | BundleContents::Logs { after, .. } => *after,
        }
    }

    pub(super) fn up_to(&self) -> u64 {
        match &self.contents {
            BundleContents::Everything => self.tree.size,
            BundleContents::Range { up_to, .. } | BundleContents::Logs { up_to, .. } => *up_to,
        }
    }

    pub(super) fn is_everything(&self) -> bool {
        matches!(self.contents, BundleContents::Everything)
    }

    /// Whether entries of the positions between are left out.
    pub(super) fn is_sparse(&self) -> bool {
        matches!(self.contents, BundleContents::Logs { .. })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let (form, stream, writer) = match &self.contents {
            BundleContents::Everything => (0, None, None),
            BundleContents::Range { .. } => (1, None, None),
            BundleContents::Logs { stream, writer, .. } => (2, stream.as_deref(), writer.as_ref()),
        };
        let note = self.note.as_ref().map(SignedNote::to_string).unwrap_or_default();
        let mut body = Vec::with_capacity(512 + note.len());
        body.extend_from_slice(self.realm.as_bytes());
        put_name(&mut body, &self.tenant);
        put_name(&mut body, TIMELINE);
        body.extend_from_slice(&self.tree.size.to_be_bytes());
        body.extend_from_slice(&self.tree.root);
        body.push(form);
        body.extend_from_slice(&self.after().to_be_bytes());
        body.extend_from_slice(&self.up_to().to_be_bytes());
        put_name(&mut body, stream.unwrap_or_default());
        body.push(u8::from(writer.is_some()));
        body.extend_from_slice(writer.map_or(&[], |writer| writer.as_bytes().as_slice()));
        put_hashes(&mut body, &self.left);
        put_hashes(&mut body, &self.right);
        body.extend_from_slice(note.as_bytes());
        body
    }

    /// Reads what [`encode`](Self::encode) made, and nothing that contradicts itself.
    pub(super) fn decode(body: &[u8]) -> Result<Self> {
        let mut reader = Reader::new("bundle header", body);
        let realm = Realm::from_bytes(reader.array()?);
        let tenant = reader.name("tenant")?.to_owned();
        let timeline = reader.name("timeline")?;
        if timeline != TIMELINE {
            return Err(reader.invalid(format!("its timeline is {timeline:?}, and {TIMELINE:?} is known")));
        }
        let tree = TreeHead { size: reader.u64()?, root: reader.array()? };
        let (form, after, up_to) = (reader.u8()?, reader.u64()?, reader.u64()?);
        let stream = match reader.rest().first() {
            Some(0) => reader.u8().map(|_| None)?,
            _ => Some(reader.name("stream")?.to_owned()),
        };
        let writer = flag(&mut reader)?.then(|| reader.array().map(Fingerprint::from_bytes)).transpose()?;
        if after > up_to || up_to > tree.size || tree.size > POSITION_MAX {
            return Err(reader.invalid(format!(
                "it holds positions behind {after} and up to {up_to} of {}, and they run up to {POSITION_MAX}",
                tree.size
            )));
        }
        let contents = match (form, &stream, &writer) {
            (0, None, None) if (after, up_to) == (0, tree.size) => BundleContents::Everything,
            (1, None, None) => BundleContents::Range { after, up_to },
            (2, Some(_), _) | (2, _, Some(_)) => BundleContents::Logs { stream, writer, after, up_to },
            _ => return Err(reader.invalid(format!("what it says it holds does not fit its form, {form}"))),
        };
        let (left, right) = (hashes(&mut reader)?, hashes(&mut reader)?);
        let has_edges = !left.is_empty() || !right.is_empty();
        if has_edges && !matches!(contents, BundleContents::Range { .. }) {
            return Err(reader.invalid("it has edges and is no range".to_owned()));
        }
        let mut header = Self { realm, tenant, contents, tree, left, right, note: None, noted: None };
        header.decode_note(reader.rest())?;
        Ok(header)
    }

    /// The checkpoint is of this tenant's tree, at a size that can be looked at while the bundle is read.
    fn decode_note(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let refuse = |reason: String| StoreError::Invalid { what: "bundle's checkpoint", reason };
        let text = std::str::from_utf8(bytes).map_err(|error| refuse(format!("it is not UTF-8: {error}")))?;
        let note: SignedNote = text.parse()?;
        if note.to_string() != text {
            return Err(refuse("it is not written as a signed note is".to_owned()));
        }
        self.noted = Some(self.check_note(&note)?);
        self.note = Some(note);
        Ok(())
    }

    pub(super) fn check_note(&self, note: &SignedNote) -> Result<TreeHead> {
        let refuse = |reason: String| StoreError::Invalid { what: "bundle's checkpoint", reason };
        let checkpoint: Checkpoint = note.text().parse()?;
        let realm = self.realm.to_hex();
        let own = format!("/{}/{}", realm.get(..16).unwrap_or_default(), self.tenant);
        if !checkpoint.origin().ends_with(&own) {
            return Err(refuse(format!("it is of {:?}, and the bundle of HOST{own}", checkpoint.origin())));
        }
        let head = checkpoint.head();
        let is_passed = !self.is_sparse() && (self.after()..=self.up_to()).contains(&head.size);
        if !is_passed && head.size != self.tree.size {
            return Err(refuse(format!("its size is {}, and the bundle shows no tree of that size", head.size)));
        }
        Ok(head)
    }
}

pub(super) fn flag(reader: &mut Reader<'_>) -> Result<bool> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(reader.invalid(format!("a byte that is 0 or 1 is {other}"))),
    }
}

/// At most 255 hashes; proofs have fewer than a hundred.
pub(super) fn put_hashes(body: &mut Vec<u8>, hashes: &[[u8; 32]]) {
    body.push(u8::try_from(hashes.len()).expect("a tree of at most 2^40 leaves has proofs of fewer than 100 hashes"));
    body.extend_from_slice(hashes.as_flattened());
}

pub(super) fn hashes(reader: &mut Reader<'_>) -> Result<Vec<[u8; 32]>> {
    let count = usize::from(reader.u8()?);
    Ok(reader.take(count * 32)?.as_chunks().0.to_vec())
}
