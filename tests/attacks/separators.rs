//! Keys inside a table's tree that divide its pages: a search follows them, and a scan does not.
//!
//! One of them once led a search for the next row behind the row where it began, and verification never ended.

use super::bitflips::{Outcome, outcome, read};
use super::scene::{Copy, fine_scene};

/// Of the file format: <https://sqlite.org/fileformat2.html#b_tree_pages>.
const INTERIOR_TABLE_PAGE: u8 = 5;

/// Where each separator's key begins in the file: a varint behind the number of a page, in a page of inner nodes.
fn separators(file: &[u8]) -> Vec<usize> {
    let page_size = usize::from(u16::from_be_bytes([file[16], file[17]]));
    let number = |at: usize| usize::from(u16::from_be_bytes([file[at], file[at + 1]]));
    let pages = (0..file.len()).step_by(page_size);
    let inner = pages.map(|page| (page, page + if page == 0 { 100 } else { 0 }));
    inner
        .filter(|(_, header)| file[*header] == INTERIOR_TABLE_PAGE)
        .flat_map(|(page, header)| (0..number(header + 3)).map(move |cell| (page, header + 12 + 2 * cell)))
        .map(|(page, pointer)| page + number(pointer) + 4)
        .collect()
}

/// The bytes of a varint, and its value.
fn varint(bytes: &[u8]) -> (usize, u64) {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        if at == 8 {
            return (9, value << 8 | u64::from(*byte));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return (at + 1, value);
        }
    }
    unreachable!("a varint ends with its ninth byte")
}

/// Writes a value in as many bytes as another one took, as far as it fits.
fn put(bytes: &mut [u8], mut value: u64) {
    let last = bytes.len() - 1;
    for (at, byte) in bytes.iter_mut().enumerate().rev() {
        *byte = u8::try_from(value & 0x7f).unwrap() | if at == last { 0 } else { 0x80 };
        value >>= 7;
    }
}

#[test]
fn an_edited_separator_is_detected_refused_or_harmless_and_verification_ends() {
    let scene = fine_scene();
    let expected = read(&scene.copy().open()).unwrap();
    let (mut detected, separators) = (0, separators(scene.bytes()));
    assert!(separators.len() > 10, "{} separators", separators.len());
    for at in separators {
        let (length, key) = varint(&scene.bytes()[at..]);
        for edited in [key.wrapping_sub(1), key.wrapping_add(1), key.wrapping_add(5), 0] {
            let mut bytes = scene.bytes().to_vec();
            put(&mut bytes[at..at + length], edited);
            let copy = Copy::of(&bytes);
            // Several threads begin their searches in between.
            drop(super::threads::verify(&copy.path, &[scene.anchor]));
            match outcome(&copy.path, &[scene.anchor], &expected) {
                Outcome::Silent(what) => panic!("separator {key} at byte {at} made {edited} passes, and {what}"),
                Outcome::Detected => detected += 1,
                Outcome::Harmless | Outcome::Refused => {}
            }
        }
    }
    println!("{detected} edited separators detected");
    assert!(detected > 10, "{detected} detected");
}
