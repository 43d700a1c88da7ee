//! Entry bytes of format v1: what is hashed, signed and stored verbatim.

use smallvec::SmallVec;
use uuid::Uuid;

use super::bytes::{Reader, put_name};
use super::extension::Extensions;
use super::fingerprint::Fingerprint;
use super::hash::{EntryHash, PayloadDigest, Realm};
use crate::words::limits::{COUNTER_MAX, PARENTS, PAYLOAD_BYTES_MAX};
use crate::words::{Result, StoreError, check_name};

/// Type tag and format version.
const MAGIC: [u8; 8] = *b"CVENTRY\x01";

/// How an entry's digest stands for its payload.
///
/// ```
/// use causal_vault::Scheme;
///
/// assert_eq!(Scheme::Plain as u8, 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Scheme {
    /// There is no payload: length 0, digest zeros.
    None = 0,
    /// The digest of the payload.
    Plain = 1,
    /// A commitment to the payload under a data key: erased by destroying the key.
    Commitment = 2,
}

/// The decoded content of an entry: every field that its hash covers.
///
/// Encoding and decoding are strict inverses: [`decode`](Self::decode) accepts exactly the bytes that
/// [`encode`](Self::encode) makes, and refuses everything else.
///
/// ```
/// use causal_vault::{EntryHash, EntryV1, Extensions, Fingerprint, PayloadDigest, Realm, Scheme};
///
/// let entry = EntryV1 {
///     realm: Realm::from_bytes([0x11; 32]),
///     tenant: "acme",
///     stream: "conv:demo",
///     writer: Fingerprint::named("alice")?,
///     epoch: 0,
///     seq: 1,
///     prev: EntryHash::from_bytes([0; 32]),
///     lamport: 1,
///     parents: Default::default(),
///     kind: "note",
///     ts_ms: 0,
///     event_id: uuid::Uuid::nil(),
///     scheme: Scheme::Plain,
///     payload_len: 5,
///     payload_digest: PayloadDigest::of(b"hello"),
///     extensions: Extensions::NONE,
/// };
/// let bytes = entry.encode()?;
/// assert_eq!(EntryV1::decode(&bytes)?, entry);
/// assert!(EntryV1::decode(&bytes[1..]).is_err());
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryV1<'a> {
    /// The vault.
    pub realm: Realm,
    /// The tenant.
    pub tenant: &'a str,
    /// The stream.
    pub stream: &'a str,
    /// The writer.
    pub writer: Fingerprint,
    /// Counts the writer's fresh starts: 0, and one more at each key rotation or restore.
    pub epoch: u32,
    /// The number of this entry in its log, from 1.
    pub seq: u64,
    /// The hash of the entry before it in its log, or what stands for the log where there is none.
    pub prev: EntryHash,
    /// One more than the largest Lamport time of its predecessors.
    pub lamport: u64,
    /// The hashes of its explicit parents, strictly ascending, at most 64.
    pub parents: SmallVec<[EntryHash; 4]>,
    /// What kind of event it is.
    pub kind: &'a str,
    /// The writer's clock in milliseconds since 1970: a claim for display, never compared.
    pub ts_ms: i64,
    /// The event's identity, and the key under which a retry finds it.
    pub event_id: Uuid,
    /// How the digest stands for the payload.
    pub scheme: Scheme,
    /// The payload's length in bytes.
    pub payload_len: u64,
    /// The payload's digest.
    pub payload_digest: PayloadDigest,
    /// Its extensions.
    pub extensions: Extensions<'a>,
}

/// What every entry of a log begins with.
#[derive(Clone, Copy)]
pub(crate) struct LogScope<'a> {
    pub(crate) realm: Realm,
    pub(crate) tenant: &'a str,
    pub(crate) stream: &'a str,
    pub(crate) writer: Fingerprint,
    pub(crate) epoch: u32,
}

impl<'a> LogScope<'a> {
    /// Its bytes; none where its names are none that an entry has.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if check_name("tenant", self.tenant).is_ok() && check_name("stream", self.stream).is_ok() {
            self.put(&mut bytes);
        }
        bytes
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(self.realm.as_bytes());
        put_name(bytes, self.tenant);
        put_name(bytes, self.stream);
        bytes.extend_from_slice(self.writer.as_bytes());
        bytes.extend_from_slice(&self.epoch.to_be_bytes());
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let magic: [u8; 8] = reader.array()?;
        if magic != MAGIC {
            return Err(reader.invalid(format!("they begin with {magic:02x?}, not with \"CVENTRY\" and version 1")));
        }
        Ok(Self {
            realm: Realm::from_bytes(reader.array()?),
            tenant: reader.name("tenant")?,
            stream: reader.name("stream")?,
            writer: Fingerprint::from_bytes(reader.array()?),
            epoch: reader.u32()?,
        })
    }
}

impl<'a> EntryV1<'a> {
    /// The bytes that are hashed, signed and stored.
    pub fn encode(&self) -> Result<Vec<u8>> {
        self.validate()?;
        let mut bytes =
            Vec::with_capacity(256 + self.stream.len() + self.parents.len() * 32 + self.extensions.as_bytes().len());
        let Self { realm, tenant, stream, writer, epoch, .. } = *self;
        LogScope { realm, tenant, stream, writer, epoch }.put(&mut bytes);
        bytes.extend_from_slice(&self.seq.to_be_bytes());
        bytes.extend_from_slice(self.prev.as_bytes());
        bytes.extend_from_slice(&self.lamport.to_be_bytes());
        bytes.extend_from_slice(&u16::try_from(self.parents.len()).unwrap_or(u16::MAX).to_be_bytes());
        self.parents.iter().for_each(|parent| bytes.extend_from_slice(parent.as_bytes()));
        put_name(&mut bytes, self.kind);
        bytes.extend_from_slice(&self.ts_ms.to_be_bytes());
        bytes.extend_from_slice(self.event_id.as_bytes());
        bytes.push(self.scheme as u8);
        bytes.extend_from_slice(&self.payload_len.to_be_bytes());
        bytes.extend_from_slice(self.payload_digest.as_bytes());
        bytes.extend_from_slice(self.extensions.as_bytes());
        Ok(bytes)
    }

    /// Reads entry bytes. Total and strict: an error, or an entry that encodes to the same bytes.
    pub fn decode(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new("entry bytes", bytes);
        let scope = LogScope::read(&mut reader)?;
        Self::read(scope, reader)
    }

    /// The same, where entries with these bytes of their scope were decoded before.
    #[inline]
    pub(crate) fn decode_in(scope: LogScope<'a>, scope_bytes: &[u8], bytes: &'a [u8]) -> Result<Self> {
        match bytes.strip_prefix(scope_bytes) {
            Some(rest) if !scope_bytes.is_empty() => Self::read(scope, Reader::new("entry bytes", rest)),
            _ => Self::decode(bytes),
        }
    }

    /// Reads what follows the scope.
    #[inline]
    fn read(scope: LogScope<'a>, mut reader: Reader<'a>) -> Result<Self> {
        let LogScope { realm, tenant, stream, writer, epoch } = scope;
        let seq = reader.u64()?;
        let prev = EntryHash::from_bytes(reader.array()?);
        let lamport = reader.u64()?;
        let count = usize::from(reader.u16()?);
        check_parents(count)?;
        let parents = (0..count).map(|_| reader.array().map(EntryHash::from_bytes)).collect::<Result<_>>()?;
        let kind = reader.name("kind")?;
        let ts_ms = reader.i64()?;
        let event_id = Uuid::from_bytes(reader.array()?);
        let scheme = match reader.u8()? {
            0 => Scheme::None,
            1 => Scheme::Plain,
            2 => Scheme::Commitment,
            other => return Err(reader.invalid(format!("payload scheme {other} is unknown; 0, 1 and 2 are known"))),
        };
        let payload_len = reader.u64()?;
        let payload_digest = PayloadDigest::from_bytes(reader.array()?);
        let extensions = Extensions::decode(reader.rest())?;
        let entry = Self {
            realm,
            tenant,
            stream,
            writer,
            epoch,
            seq,
            prev,
            lamport,
            parents,
            kind,
            ts_ms,
            event_id,
            scheme,
            payload_len,
            payload_digest,
            extensions,
        };
        entry.validate_numbers()?;
        Ok(entry)
    }

    fn validate(&self) -> Result<()> {
        check_name("tenant", self.tenant)?;
        check_name("stream", self.stream)?;
        check_name("kind", self.kind)?;
        check_parents(self.parents.len())?;
        self.validate_numbers()
    }

    /// What the shape of the bytes alone does not guarantee.
    fn validate_numbers(&self) -> Result<()> {
        let invalid = |reason: String| StoreError::Invalid { what: "entry", reason };
        for (what, counter) in [("seq", self.seq), ("lamport", self.lamport)] {
            if !(1..=COUNTER_MAX).contains(&counter) {
                return Err(invalid(format!("{what} is {counter}; it runs from 1 to {COUNTER_MAX}")));
            }
        }
        if !self.parents.iter().zip(self.parents.iter().skip(1)).all(|(a, b)| a < b) {
            return Err(invalid("its parents are not strictly ascending".to_owned()));
        }
        if self.payload_len > PAYLOAD_BYTES_MAX as u64 {
            return Err(StoreError::Limit {
                what: "the payload",
                found: self.payload_len,
                limit: PAYLOAD_BYTES_MAX as u64,
                unit: "bytes",
            });
        }
        if self.scheme == Scheme::None && (self.payload_len != 0 || *self.payload_digest.as_bytes() != [0; 32]) {
            return Err(invalid("it has no payload, and yet a length or a digest".to_owned()));
        }
        Ok(())
    }
}

fn check_parents(count: usize) -> Result<()> {
    if count > PARENTS {
        return Err(StoreError::Limit {
            what: "the event",
            found: count as u64,
            limit: PARENTS as u64,
            unit: "parents",
        });
    }
    Ok(())
}
