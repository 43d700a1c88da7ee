//! The records between a bundle's header and its end.

use smallvec::SmallVec;

use super::frame::{END, ENTRY, PAYLOAD, WRITER};
use super::header::{flag, hashes, put_hashes};
use crate::causal::bytes::{Reader, put_name};
use crate::causal::writer::{Identity, Proof};
use crate::causal::{KeyRotation, SignedEntry};
use crate::words::limits::PARENTS;
use crate::words::{Result, StoreError};

/// One record.
pub(super) enum Record<'a> {
    /// Who a writer id is: before the writer's first entry.
    Writer(Identity, Vec<KeyRotation>),
    /// A payload that entries name by its digest, or an attachment.
    Payload(&'a [u8]),
    Entry(Entry<'a>),
    End,
}

/// An entry and what stands beside its bytes.
pub(super) struct Entry<'a> {
    pub(super) position: u64,
    /// How many later entries of the bundle name it as a parent; 0 where the bundle leaves out positions.
    pub(super) children: u32,
    pub(super) signature: Option<[u8; 64]>,
    pub(super) bytes: &'a [u8],
    /// The positions of its parents, in the order in which its bytes name them; none where the bundle leaves out positions.
    pub(super) parents: SmallVec<[u64; 4]>,
    /// The way to the root, where the bundle leaves out positions.
    pub(super) path: Vec<[u8; 32]>,
    /// The values of its embedding; none where it has none.
    pub(super) embedding: &'a [u8],
    pub(super) payload: Payload<'a>,
}

/// Where an entry's payload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload<'a> {
    /// Nowhere: there is none.
    None,
    /// Here.
    Inline(&'a [u8]),
    /// In a record of its own, before.
    Before,
}

impl<'a> Record<'a> {
    pub(super) fn decode(tag: u8, body: &'a [u8]) -> Result<Self> {
        match tag {
            WRITER => decode_writer(body).map(|(identity, rotations)| Self::Writer(identity, rotations)),
            PAYLOAD => Ok(Self::Payload(body)),
            ENTRY => Entry::decode(body).map(Self::Entry),
            END => Ok(Self::End),
            _ => Err(StoreError::Invalid { what: "record", reason: "the header stands first, and once".to_owned() }),
        }
    }
}

impl<'a> Entry<'a> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(256 + self.bytes.len() + self.path.len() * 32 + self.embedding.len());
        body.extend_from_slice(&self.position.to_be_bytes());
        body.extend_from_slice(&self.children.to_be_bytes());
        body.push(u8::from(self.signature.is_some()));
        body.extend_from_slice(self.signature.as_ref().map_or(&[], |signature| signature.as_slice()));
        body.extend_from_slice(&u32::try_from(self.bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        body.extend_from_slice(self.bytes);
        body.push(u8::try_from(self.parents.len()).unwrap_or(u8::MAX));
        self.parents.iter().for_each(|parent| body.extend_from_slice(&parent.to_be_bytes()));
        put_hashes(&mut body, &self.path);
        body.extend_from_slice(&u32::try_from(self.embedding.len()).unwrap_or(u32::MAX).to_be_bytes());
        body.extend_from_slice(self.embedding);
        match self.payload {
            Payload::None => body.push(0),
            Payload::Inline(bytes) => {
                body.push(1);
                body.extend_from_slice(bytes);
            }
            Payload::Before => body.push(2),
        }
        body
    }

    fn decode(body: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new("bundled entry", body);
        let (position, children) = (reader.u64()?, reader.u32()?);
        let signature = flag(&mut reader)?.then(|| reader.array()).transpose()?;
        let len = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
        let bytes = reader.take(len)?;
        let count = usize::from(reader.u8()?);
        if count > PARENTS {
            return Err(reader.invalid(format!("it names {count} parents, at most {PARENTS} can be")));
        }
        let parents = (0..count).map(|_| reader.u64()).collect::<Result<_>>()?;
        let path = hashes(&mut reader)?;
        let len = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
        let embedding = reader.take(len)?;
        let payload = match (reader.u8()?, reader.rest()) {
            (0, []) => Payload::None,
            (1, bytes) => Payload::Inline(bytes),
            (2, []) => Payload::Before,
            (form, rest) => {
                return Err(reader.invalid(format!("its payload has form {form} and {} bytes", rest.len())));
            }
        };
        Ok(Self { position, children, signature, bytes, parents, path, embedding, payload })
    }
}

pub(super) fn encode_writer(identity: &Identity, rotations: &[KeyRotation]) -> Vec<u8> {
    let mut body = Vec::with_capacity(132);
    match identity.proof() {
        Proof::Name(name) => {
            body.push(0);
            put_name(&mut body, name);
        }
        Proof::PublicKey(key) => {
            body.push(1);
            body.extend_from_slice(key);
        }
    }
    body.extend_from_slice(&u16::try_from(rotations.len()).unwrap_or(u16::MAX).to_be_bytes());
    for KeyRotation { key, entry } in rotations {
        body.extend_from_slice(key);
        body.extend_from_slice(&entry.signature);
        body.extend_from_slice(&u32::try_from(entry.bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        body.extend_from_slice(&entry.bytes);
    }
    body
}

fn decode_writer(body: &[u8]) -> Result<(Identity, Vec<KeyRotation>)> {
    let mut reader = Reader::new("bundled writer", body);
    let identity = match flag(&mut reader)? {
        false => Identity::named(reader.name("writer")?)?,
        true => Identity::signed(reader.array()?),
    };
    let rotations = (0..reader.u16()?).map(|_| rotation(&mut reader)).collect::<Result<_>>()?;
    reader.end()?;
    Ok((identity, rotations))
}

fn rotation(reader: &mut Reader<'_>) -> Result<KeyRotation> {
    let (key, signature) = (reader.array()?, reader.array()?);
    let len = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
    Ok(KeyRotation { key, entry: SignedEntry { bytes: reader.take(len)?.to_vec(), signature } })
}
