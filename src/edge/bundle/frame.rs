//! The records of a bundle as bytes: a tag, a length, a body. What passes is counted and hashed.

use std::io::{BufReader, BufWriter, Read, Write};

use crate::causal::hash;
use crate::words::limits::{BUNDLE_ENTRY_BYTES, BUNDLE_HEADER_BYTES, PAYLOAD_BYTES_MAX};
use crate::words::{ChainRule, Result, StoreError};

/// Type tag and version.
pub(super) const MAGIC: [u8; 8] = *b"CVBUNDL\x01";

/// The kinds of records.
pub(super) const HEADER: u8 = 1;
pub(super) const WRITER: u8 = 2;
pub(super) const PAYLOAD: u8 = 3;
pub(super) const ENTRY: u8 = 4;
pub(super) const END: u8 = 5;

/// The last record: three counts, and the digest of every byte before it.
pub(super) const COUNTS_BYTES: usize = 24;
const END_BYTES: usize = COUNTS_BYTES + 32;
/// A name or a key, and rotations of some hundred bytes each.
const WRITER_BYTES: usize = 1 << 20;

/// The most bytes that a record of this kind may have.
fn limit(tag: u8) -> Option<usize> {
    match tag {
        HEADER => Some(BUNDLE_HEADER_BYTES),
        WRITER => Some(WRITER_BYTES),
        PAYLOAD => Some(PAYLOAD_BYTES_MAX),
        ENTRY => Some(BUNDLE_ENTRY_BYTES + PAYLOAD_BYTES_MAX),
        END => Some(END_BYTES),
        _ => None,
    }
}

/// Where a bundle is written to.
pub(super) struct Sink<W: Write> {
    out: BufWriter<W>,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl<W: Write> Sink<W> {
    pub(super) fn open(out: W) -> Result<Self> {
        let mut sink = Self { out: BufWriter::new(out), hasher: hash::bundle(), bytes: 0 };
        sink.put(&MAGIC)?;
        Ok(sink)
    }

    pub(super) fn record(&mut self, tag: u8, body: &[u8]) -> Result<()> {
        self.head(tag, body.len())?;
        self.put(body)
    }

    /// Writes the last record; until it is written, what is there is no bundle.
    pub(super) fn end(mut self, counts: [u64; 3]) -> Result<u64> {
        self.head(END, END_BYTES)?;
        self.put(counts.map(u64::to_be_bytes).as_flattened())?;
        let digest = *self.hasher.finalize().as_bytes();
        self.put(&digest)?;
        self.out.flush().map_err(|error| failed("written", &error))?;
        Ok(self.bytes)
    }

    fn head(&mut self, tag: u8, len: usize) -> Result<()> {
        let most = limit(tag).unwrap_or(0);
        let len = u32::try_from(len).ok().filter(|_| len <= most).ok_or_else(|| too_long(len as u64, most))?;
        self.put(&[tag])?;
        self.put(&len.to_be_bytes())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|error| failed("written", &error))?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

/// A record as it stands in the file.
pub(super) struct Frame<'a> {
    /// Where it begins.
    pub(super) at: u64,
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
}

/// Where a bundle is read from: nothing of it is trusted.
pub(super) struct Source<R> {
    input: BufReader<R>,
    hasher: blake3::Hasher,
    bytes: u64,
    /// Where the record begins that was read last.
    at: u64,
    body: Vec<u8>,
}

impl<R: Read> Source<R> {
    pub(super) fn open(input: R) -> Result<Self> {
        let mut source =
            Self { input: BufReader::new(input), hasher: hash::bundle(), bytes: 0, at: 0, body: Vec::new() };
        let magic: [u8; 8] = source.array()?;
        source.hasher.update(&magic);
        match magic == MAGIC {
            true => Ok(source),
            false => Err(source.broken(format!("the bytes {magic:02x?}"), "\"CVBUNDL\" and version 1")),
        }
    }

    /// Where the record begins that was read last.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// How many bytes were read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next record, no more of which is in memory than has arrived.
    pub(super) fn record(&mut self) -> Result<Frame<'_>> {
        self.at = self.bytes;
        let [tag] = self.array()?;
        let Some(most) = limit(tag) else {
            return Err(self.broken(format!("a record of kind {tag}"), "one of kind 1 to 5"));
        };
        let len = u32::from_be_bytes(self.array()?);
        if u64::from(len) > most as u64 {
            return Err(too_long(len.into(), most));
        }
        self.body.clear();
        let read = (&mut self.input).take(len.into()).read_to_end(&mut self.body);
        let read = read.map_err(|error| failed("read", &error))? as u64;
        self.bytes += read;
        if read < len.into() {
            return Err(self.short(u64::from(len) - read));
        }
        self.hasher.update(&[tag]).update(&len.to_be_bytes());
        if tag != END {
            self.hasher.update(&self.body);
        }
        Ok(Frame { at: self.at, tag, body: &self.body })
    }

    /// Whether the record that was read last, the end, has this shape, is the last, and has the digest of all before it.
    pub(super) fn end(&mut self) -> Result<[u64; 3]> {
        let Some((counts, digest)) = self.body.split_at_checked(COUNTS_BYTES).filter(|(_, digest)| digest.len() == 32)
        else {
            return Err(self.broken(format!("an end of {} bytes", self.body.len()), END_BYTES));
        };
        let expected = self.hasher.update(counts).finalize();
        if expected != *digest {
            return Err(self.broken("another digest of the bytes before the end", expected));
        }
        let mut behind = Vec::new();
        let read = (&mut self.input).take(1).read_to_end(&mut behind).map_err(|error| failed("read", &error))?;
        if read > 0 {
            return Err(self.broken("more bytes behind the end", "none"));
        }
        let mut numbers = [0; 3];
        for (number, bytes) in numbers.iter_mut().zip(counts.as_chunks::<8>().0) {
            *number = u64::from_be_bytes(*bytes);
        }
        Ok(numbers)
    }

    pub(super) fn broken(&self, found: impl ToString, expected: impl ToString) -> StoreError {
        let (found, expected) = (found.to_string(), expected.to_string());
        StoreError::BundleBroken { offset: self.at, position: None, rule: ChainRule::Encoding, found, expected }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        let mut rest = array.as_mut_slice();
        while !rest.is_empty() {
            let read = match self.input.read(rest) {
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed("read", &error)),
            };
            if read == 0 {
                return Err(self.short(rest.len() as u64));
            }
            self.bytes += read as u64;
            rest = rest.get_mut(read..).unwrap_or_default();
        }
        Ok(array)
    }

    fn short(&self, missing: u64) -> StoreError {
        self.broken(format!("the end of the file after {} bytes", self.bytes), format!("{missing} more bytes at least"))
    }
}

fn too_long(found: u64, limit: usize) -> StoreError {
    StoreError::Limit { what: "a record of the bundle", found, limit: limit as u64, unit: "bytes" }
}

fn failed(doing: &str, error: &std::io::Error) -> StoreError {
    StoreError::Backend(format!("the bundle could not be {doing}: {error}"))
}
