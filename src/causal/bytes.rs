//! Reading the format's fixed-width, big-endian fields without trusting them.

use crate::words::{Result, StoreError, check_name};

/// What is left to read of some entry bytes, and what they are called in errors.
pub(crate) struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, rest: bytes }
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or_else(|| self.early(len))?;
        self.rest = rest;
        Ok(head)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk().ok_or_else(|| self.early(N))?;
        self.rest = rest;
        Ok(*head)
    }

    #[cold]
    fn early(&self, len: usize) -> StoreError {
        self.invalid(format!("they end early: {len} more bytes are needed, {} are left", self.rest.len()))
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8> {
        self.array().map(u8::from_be_bytes)
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    #[inline]
    pub(crate) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_be_bytes)
    }

    #[inline]
    pub(crate) fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// A name behind its length byte.
    #[inline]
    pub(crate) fn name(&mut self, what: &'static str) -> Result<&'a str> {
        let len = self.u8()?;
        let bytes = self.take(usize::from(len))?;
        let name =
            std::str::from_utf8(bytes).map_err(|error| self.invalid(format!("the {what} is not UTF-8: {error}")))?;
        check_name(what, name)?;
        Ok(name)
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn end(&self) -> Result<()> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(self.invalid(format!("{left} bytes follow after their end"))),
        }
    }

    #[cold]
    pub(crate) fn invalid(&self, reason: String) -> StoreError {
        StoreError::Invalid { what: self.what, reason }
    }
}

/// Appends a name behind its length byte; `check_name` has accepted it.
pub(crate) fn put_name(bytes: &mut Vec<u8>, name: &str) {
    bytes.push(u8::try_from(name.len()).expect("a checked name has at most 128 bytes"));
    bytes.extend_from_slice(name.as_bytes());
}
