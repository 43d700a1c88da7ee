use std::io::{self, Read};

use causal_vault::{Bundle, ErrorKind, Filter, StoreError, Vault, limits};

use super::file::{ENTRY, File, HEADER};
use super::{export, full, note, verify};

/// Gives as many zeros as are asked for, and counts them.
struct Zeros(u64);

impl Read for Zeros {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(0);
        self.0 += buffer.len() as u64;
        Ok(buffer.len())
    }
}

/// Gives one byte at a time, with interruptions.
struct Trickle<'a>(&'a [u8], bool);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let read = self.0.len().min(buffer.len()).min(1);
        buffer[..read].copy_from_slice(&self.0[..read]);
        self.0 = &self.0[read..];
        Ok(read)
    }
}

struct Fails;

impl Read for Fails {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the wire broke"))
    }
}

#[test]
fn a_length_beyond_the_limit_is_refused_by_name_before_a_byte_of_it_is_read() {
    let kinds = [(1, 3 << 20), (2, 1 << 20), (3, 64 << 20), (4, (64 << 20) + (512 << 10)), (5, 56)];
    for (tag, limit) in kinds {
        for len in [u32::MAX, u32::try_from(limit + 1).unwrap()] {
            let begin = [b"CVBUNDL\x01".as_slice(), &[tag], &len.to_be_bytes()].concat();
            let mut rest = Zeros(0);
            let error = Bundle::open(begin.chain(&mut rest)).unwrap_err();
            let expected =
                StoreError::Limit { what: "a record of the bundle", found: len.into(), limit, unit: "bytes" };
            assert_eq!(error, expected);
            assert!(rest.0 <= 1 << 16, "{} bytes were read", rest.0);
        }
    }
}

/// A file of some bytes that says it has 64 MiB: what is allocated is what has arrived.
#[test]
fn a_length_that_the_file_does_not_have_costs_no_memory() {
    let header = File::open(&export(&full(), Filter::all())).records[0].1.clone();
    let mut begin = b"CVBUNDL\x01\x01".to_vec();
    begin.extend(u32::try_from(header.len()).unwrap().to_be_bytes());
    begin.extend(header);
    begin.extend([4, 4, 0, 0, 0, 0, 0, 0]);
    let error = verify(&begin, &[]).unwrap_err();
    assert!(error.to_string().contains("67108861 more bytes at least"), "{error}");
}

#[test]
fn numbers_at_the_ends_of_their_range_are_refused() {
    let file = File::open(&export(&full(), Filter::all()));
    let (header, entry) = (file.of(HEADER)[0], file.of(ENTRY)[1]);
    let sizes = 32 + 8 + 5;
    for number in [0, 1 << 40, 1 << 63, u64::MAX] {
        for field in [sizes, sizes + 41, sizes + 49] {
            let changed =
                file.with(header, |body| body[field..field + 8].copy_from_slice(&number.to_be_bytes())).seal();
            // The first position is 0 in a bundle of everything.
            assert!(verify(&changed, &[]).is_err() || (number, field) == (0, sizes + 41), "{number} at {field}");
        }
        let changed = file.with(entry, |body| body[..8].copy_from_slice(&number.to_be_bytes())).seal();
        assert!(verify(&changed, &[]).is_err());
    }
    for (what, len) in [("children", u32::MAX), ("length", u32::MAX), ("length", 1 << 20)] {
        let changed = file.with(entry, |body| {
            let range = super::file::field(body, what);
            body[range].copy_from_slice(&len.to_be_bytes());
        });
        assert!(verify(&changed.seal(), &[]).is_err(), "{what} {len}");
    }
    for what in ["parents count", "path count"] {
        let changed = file.with(entry, |body| {
            let range = super::file::field(body, what);
            body[range].fill(255);
        });
        assert!(verify(&changed.seal(), &[]).is_err(), "{what}");
    }
}

#[test]
fn a_file_that_never_ends_is_refused_and_one_that_comes_in_drops_is_read() {
    assert_eq!(Bundle::open(Zeros(0)).unwrap_err().kind(), ErrorKind::Corrupt);
    let good = export(&full(), Filter::all());
    let mut endless = good.as_slice().chain(Zeros(0));
    assert_eq!(Bundle::open(&mut endless).unwrap().verify(&[]).unwrap_err().kind(), ErrorKind::Corrupt);
    let report = Bundle::open(Trickle(&good, false)).unwrap().verify(&[]).unwrap();
    assert_eq!(Ok(report), verify(&good, &[]));
}

#[test]
fn a_reader_or_a_writer_that_fails_is_an_error_in_its_own_words() {
    for error in [
        Bundle::open(Fails).unwrap_err(),
        Bundle::open(export(&full(), Filter::all())[..900].chain(Fails)).unwrap().verify(&[]).unwrap_err(),
        full().export(Filter::all(), &mut [0; 100][..]).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Backend);
        assert!(error.to_string().contains("the bundle could not be"), "{error}");
    }
}

#[test]
fn a_payload_of_the_largest_size_goes_through_and_one_byte_more_does_not_exist() {
    let vault = Vault::builder().payload_limit(limits::PAYLOAD_BYTES_MAX).in_memory().unwrap();
    let alice = vault.named_writer("alice").unwrap();
    alice.commit(note(vec![7; limits::PAYLOAD_BYTES_MAX])).unwrap();
    let file = export(&vault, Filter::all());
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("copy");
    let error = Vault::restore(&path, &file[..], &[]).unwrap_err();
    assert!(matches!(error, StoreError::Limit { what: "a payload of the bundle", limit: 1_048_576, .. }), "{error}");
    let roomy = Vault::builder().payload_limit(limits::PAYLOAD_BYTES_MAX);
    assert_eq!(roomy.restore(&path, &file[..], &[]).unwrap().1.imported, 1);
}

#[test]
fn a_payload_above_a_vaults_own_limit_is_not_imported_wherever_it_stands() {
    for threshold in [0, 1 << 20] {
        let vault = Vault::builder().inline_threshold(threshold).in_memory().unwrap();
        vault.named_writer("alice").unwrap().commit(note(vec![7; 2000])).unwrap();
        let (file, folder) = (export(&vault, Filter::all()), tempfile::tempdir().unwrap());
        let restore = |limit| Vault::builder().payload_limit(limit).restore(folder.path().join("v"), &file[..], &[]);
        let expected = StoreError::Limit { what: "a payload of the bundle", found: 2000, limit: 1999, unit: "bytes" };
        assert_eq!(restore(1999).map(|(_, done)| done.imported), Err(expected), "{threshold}");
        assert_eq!(restore(2000).map(|(_, done)| done.imported), Ok(1), "{threshold}");
    }
}
