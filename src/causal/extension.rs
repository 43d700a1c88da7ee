//! The extensions of an entry: typed facts beside its payload, covered by its hash.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::bytes::{Reader, put_name};
use super::hash::EntryHash;
use crate::words::limits::{EMBEDDING_DIMENSIONS, EXTENSION_BYTES, EXTENSIONS_BYTES};
use crate::words::{Result, StoreError, check_name};

/// From this tag on, an extension that a reader does not know makes it reject the entry.
const CRITICAL: u16 = 0x8000;

/// One extension of an entry.
///
/// ```
/// use causal_vault::Extension;
///
/// let touches = Extension::Touches(vec!["file:src/a.rs".into()]);
/// assert_eq!(touches.tag(), 0x0002);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Extension {
    /// The embedding this event was given: its model, its dimensions, and the digest of its values.
    Embedding {
        /// The model's name.
        model: String,
        /// Dimensions, at most 4,096.
        dimensions: u16,
        /// `derive_key("embedding", the values as little-endian f32)`.
        digest: [u8; 32],
    },
    /// Resource keys that this event changes, such as `file:src/a.rs`: what merges compare.
    Touches(Vec<String>),
    /// Entries that were in context: what influence queries follow.
    Reads(Vec<EntryHash>),
    /// The W3C trace context.
    Trace {
        /// The trace.
        trace_id: [u8; 16],
        /// The span.
        span_id: [u8; 8],
    },
    /// The digest of the grant that allowed this event.
    Grant([u8; 32]),
    /// The payload's media type; absent means `application/msgpack`.
    ContentType(String),
    /// Promotes a fork's entries into this timeline.
    Merge {
        /// The fork.
        timeline_id: [u8; 16],
        /// The parent's root at the cut.
        cut_root: [u8; 32],
        /// The fork's root.
        fork_root: [u8; 32],
    },
    /// An extension that this version does not know and that is not critical.
    Unknown {
        /// Its tag, below 0x8000.
        tag: u16,
        /// Its bytes.
        bytes: Vec<u8>,
    },
}

impl Extension {
    /// The tag that names it in the bytes.
    pub fn tag(&self) -> u16 {
        match self {
            Self::Embedding { .. } => 0x0001,
            Self::Touches(_) => 0x0002,
            Self::Reads(_) => 0x0003,
            Self::Trace { .. } => 0x0004,
            Self::Grant(_) => 0x0005,
            Self::ContentType(_) => 0x0006,
            Self::Merge { .. } => 0x8001,
            Self::Unknown { tag, .. } => *tag,
        }
    }

    /// Appends the bytes that follow the tag and the length.
    fn put_body(&self, body: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Embedding { model, dimensions, digest } => {
                check_name("embedding model", model)?;
                check_dimensions(*dimensions)?;
                put_name(body, model);
                body.extend_from_slice(&dimensions.to_be_bytes());
                body.extend_from_slice(digest);
            }
            Self::Touches(keys) => {
                body.extend_from_slice(&count("touched resources", keys.len())?.to_be_bytes());
                for key in keys {
                    check_name("touched resource", key)?;
                    put_name(body, key);
                }
            }
            Self::Reads(hashes) => {
                body.extend_from_slice(&count("read entries", hashes.len())?.to_be_bytes());
                hashes.iter().for_each(|hash| body.extend_from_slice(hash.as_bytes()));
            }
            Self::Trace { trace_id, span_id } => {
                body.extend_from_slice(trace_id);
                body.extend_from_slice(span_id);
            }
            Self::Grant(digest) => body.extend_from_slice(digest),
            Self::ContentType(media_type) => {
                check_name("content type", media_type)?;
                put_name(body, media_type);
            }
            Self::Merge { timeline_id, cut_root, fork_root } => {
                body.extend_from_slice(timeline_id);
                body.extend_from_slice(cut_root);
                body.extend_from_slice(fork_root);
            }
            Self::Unknown { tag, bytes } => {
                if *tag >= CRITICAL || (0x0001..=0x0006).contains(tag) {
                    return Err(StoreError::Invalid {
                        what: "extension",
                        reason: format!("tag {tag:#06x} has a form of its own or is critical; use that form"),
                    });
                }
                body.extend_from_slice(bytes);
            }
        }
        Ok(())
    }

    /// Appends tag, length and body.
    fn put(&self, bytes: &mut Vec<u8>) -> Result<()> {
        bytes.extend_from_slice(&self.tag().to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        let start = bytes.len();
        self.put_body(bytes)?;
        let len = bytes.len() - start;
        check_bytes("extension", len, EXTENSION_BYTES)?;
        let len = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
        bytes.iter_mut().skip(start - 4).zip(len).for_each(|(to, byte)| *to = byte);
        Ok(())
    }

    /// Whether it can be decoded. The most frequent one is not copied for that.
    fn check(tag: u16, body: &[u8]) -> Result<()> {
        if tag != 0x0006 {
            return Self::decode(tag, body).map(drop);
        }
        let mut reader = Reader::new("extension", body);
        reader.name("content type")?;
        reader.end()
    }

    fn decode(tag: u16, body: &[u8]) -> Result<Self> {
        let mut reader = Reader::new("extension", body);
        let extension = match tag {
            0x0001 => {
                let model = reader.name("embedding model")?.to_owned();
                let dimensions = reader.u16()?;
                check_dimensions(dimensions)?;
                Self::Embedding { model, dimensions, digest: reader.array()? }
            }
            0x0002 => {
                let count = reader.u16()?;
                Self::Touches(
                    (0..count).map(|_| reader.name("touched resource").map(str::to_owned)).collect::<Result<_>>()?,
                )
            }
            0x0003 => {
                let count = reader.u16()?;
                Self::Reads((0..count).map(|_| reader.array().map(EntryHash::from_bytes)).collect::<Result<_>>()?)
            }
            0x0004 => Self::Trace { trace_id: reader.array()?, span_id: reader.array()? },
            0x0005 => Self::Grant(reader.array()?),
            0x0006 => Self::ContentType(reader.name("content type")?.to_owned()),
            0x8001 => {
                Self::Merge { timeline_id: reader.array()?, cut_root: reader.array()?, fork_root: reader.array()? }
            }
            tag if tag >= CRITICAL => {
                return Err(StoreError::Invalid {
                    what: "extension",
                    reason: format!("tag {tag:#06x} is critical and unknown here; upgrade causal-vault"),
                });
            }
            tag => return Ok(Self::Unknown { tag, bytes: body.to_vec() }),
        };
        reader.end()?;
        Ok(extension)
    }
}

/// The extensions of one entry as they stand in its bytes: checked, and not copied.
///
/// ```
/// use causal_vault::{Extension, Extensions};
///
/// let bytes = Extensions::encode(&[Extension::Grant([1; 32])])?;
/// let extensions = Extensions::decode(&bytes)?;
/// assert_eq!(extensions.iter().collect::<Vec<_>>(), vec![Extension::Grant([1; 32])]);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extensions<'a>(&'a [u8]);

impl<'a> Extensions<'a> {
    /// No extensions.
    pub const NONE: Extensions<'static> = Extensions(&[0, 0]);

    /// The count and the extensions in ascending order of their tags; a tag that stands twice is an error.
    pub fn encode(extensions: &[Extension]) -> Result<Vec<u8>> {
        let mut sorted: SmallVec<[&Extension; 8]> = extensions.iter().collect();
        sorted.sort_by_key(|extension| extension.tag());
        if let Some(tag) = sorted.windows(2).find_map(|pair| match pair {
            [a, b] if a.tag() == b.tag() => Some(a.tag()),
            _ => None,
        }) {
            return Err(StoreError::Invalid { what: "extension", reason: format!("tag {tag:#06x} was given twice") });
        }
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(&count("extensions", sorted.len())?.to_be_bytes());
        sorted.iter().try_for_each(|extension| extension.put(&mut bytes))?;
        check_bytes("extensions together", bytes.len(), EXTENSIONS_BYTES)?;
        Ok(bytes)
    }

    /// Reads bytes that [`encode`](Self::encode) made, and nothing else.
    pub fn decode(bytes: &'a [u8]) -> Result<Self> {
        check_bytes("extensions together", bytes.len(), EXTENSIONS_BYTES)?;
        let mut reader = Reader::new("extensions", bytes);
        let mut last = None;
        for _ in 0..reader.u16()? {
            let tag = reader.u16()?;
            if last >= Some(tag) {
                return Err(reader.invalid(format!("tag {tag:#06x} is not in ascending order")));
            }
            last = Some(tag);
            let len = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
            check_bytes("extension", len, EXTENSION_BYTES)?;
            Extension::check(tag, reader.take(len)?)?;
        }
        reader.end()?;
        Ok(Self(bytes))
    }

    /// The embedding among them. Only one that is unknown here, with the tag 0, can stand before it.
    pub(crate) fn embedding(&self) -> Option<Embedding<'a>> {
        let mut reader = Reader::new("extensions", self.0);
        for _ in 0..reader.u16().ok()? {
            let (tag, len) = (reader.u16().ok()?, reader.u32().ok()?);
            if tag > 0x0001 {
                return None;
            }
            let body = reader.take(usize::try_from(len).ok()?).ok()?;
            if tag == 0x0001 {
                let mut reader = Reader::new("extension", body);
                return Some(Embedding {
                    model: reader.name("embedding model").ok()?,
                    dimensions: reader.u16().ok()?,
                    digest: reader.array().ok()?,
                });
            }
        }
        None
    }

    /// Bytes that [`encode`](Self::encode) made and that were kept since.
    pub(crate) fn encoded(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes, count first.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Each extension, in ascending order of tags.
    pub fn iter(&self) -> impl Iterator<Item = Extension> + 'a {
        let mut reader = Reader::new("extensions", self.0);
        let count = reader.u16().unwrap_or(0);
        // They were checked when this was made, so that nothing is cut short here.
        (0..count).map_while(move |_| {
            let tag = reader.u16().ok()?;
            let len = usize::try_from(reader.u32().ok()?).ok()?;
            Extension::decode(tag, reader.take(len).ok()?).ok()
        })
    }
}

/// What an entry says of its embedding; see [`Extension::Embedding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Embedding<'a> {
    pub(crate) model: &'a str,
    pub(crate) dimensions: u16,
    pub(crate) digest: [u8; 32],
}

impl Embedding<'_> {
    /// Whether these are its values, as little-endian `f32`.
    pub(crate) fn is_of(&self, bytes: &[u8]) -> bool {
        bytes.len() == usize::from(self.dimensions) * size_of::<f32>() && super::hash::embedding(bytes) == self.digest
    }
}

/// The digest of an embedding's values, as [`Extension::Embedding`] carries it.
///
/// ```
/// use causal_vault::embedding_digest;
///
/// assert_ne!(embedding_digest(&[1.0, 0.0]), embedding_digest(&[0.0, 1.0]));
/// ```
pub fn embedding_digest(values: &[f32]) -> [u8; 32] {
    super::hash::embedding(&embedding_bytes(values))
}

/// The values as they are stored and hashed.
pub(crate) fn embedding_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn check_dimensions(dimensions: u16) -> Result<()> {
    if dimensions == 0 {
        return Err(StoreError::Invalid { what: "embedding", reason: "it has no dimensions".to_owned() });
    }
    let dimensions = usize::from(dimensions);
    if dimensions > EMBEDDING_DIMENSIONS {
        return Err(StoreError::Limit {
            what: "the embedding",
            found: dimensions as u64,
            limit: EMBEDDING_DIMENSIONS as u64,
            unit: "dimensions",
        });
    }
    Ok(())
}

fn check_bytes(what: &'static str, found: usize, limit: usize) -> Result<()> {
    if found > limit {
        return Err(StoreError::Limit { what, found: found as u64, limit: limit as u64, unit: "bytes" });
    }
    Ok(())
}

fn count(what: &'static str, len: usize) -> Result<u16> {
    u16::try_from(len).map_err(|_| StoreError::Limit { what, found: len as u64, limit: 65_535, unit: "elements" })
}
