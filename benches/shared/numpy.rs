//! Arrays in files of numpy's format, version 1.

use std::path::Path;

/// The rows of a matrix of half floats.
pub(crate) fn half_floats(path: &Path) -> Vec<Vec<f32>> {
    let (shape, bytes) = read(path, "'<f2'");
    let columns: usize = shape.split(',').nth(1).unwrap().trim().parse().unwrap();
    let values = bytes.chunks_exact(2).map(|half| half_float(u16::from_le_bytes([half[0], half[1]])));
    values.collect::<Vec<f32>>().chunks_exact(columns).map(<[f32]>::to_vec).collect()
}

/// A row of 16-bit labels.
pub(crate) fn labels(path: &Path) -> Vec<usize> {
    let (_, bytes) = read(path, "'<u2'");
    bytes.chunks_exact(2).map(|label| usize::from(u16::from_le_bytes([label[0], label[1]]))).collect()
}

/// The shape as it is written there, and the bytes of the values.
fn read(path: &Path, kind: &str) -> (String, Vec<u8>) {
    let mut bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let values = bytes.split_off(10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]])));
    let text = std::str::from_utf8(&bytes[10..]).unwrap();
    assert!(text.contains(kind) && text.contains("'fortran_order': False"), "{text}");
    let shape = text.split_once("'shape': (").unwrap().1.split_once(')').unwrap().0;
    (shape.to_owned(), values)
}

fn half_float(bits: u16) -> f32 {
    let (sign, exponent, fraction) =
        (u32::from(bits >> 15) << 31, u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction as f32 / (1 << 24) as f32,
        0x1f => f32::NAN,
        _ => f32::from_bits((exponent + 112) << 23 | fraction << 13),
    };
    f32::from_bits(magnitude.to_bits() | sign)
}
