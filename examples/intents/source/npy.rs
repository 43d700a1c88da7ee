//! A matrix of half floats in numpy's format, version 1: the one layout that is read, and nothing that is nearly so.

use half::f16;

use crate::Outcome;

const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
const COLUMNS_MAX: usize = causal_vault::limits::EMBEDDING_DIMENSIONS;

/// The rows of a matrix.
pub(crate) fn half_floats(bytes: &[u8]) -> Outcome<Vec<Vec<f32>>> {
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| {
        let found = bytes.get(..MAGIC.len()).unwrap_or(bytes).escape_ascii();
        format!("it begins with \"{found}\"; expected \"{}\", numpy's format 1.0", MAGIC.escape_ascii())
    })?;
    let (length, rest) = rest.split_first_chunk().ok_or("it ends before the length of its header")?;
    let length = usize::from(u16::from_le_bytes(*length));
    let (header, values) = rest
        .split_at_checked(length)
        .ok_or_else(|| format!("its header is said to have {length} bytes; {} are left", rest.len()))?;
    let header = std::str::from_utf8(header)?.trim_end();
    let (rows, columns) = shape(header).ok_or_else(|| {
        format!("its header is {header:?}; expected '<f2' in C order with two dimensions, as `astype('<f2')` saves it")
    })?;
    if !(1..=COLUMNS_MAX).contains(&columns) {
        return Err(format!("its rows have {columns} values; give 1 to {COLUMNS_MAX}").into());
    }
    let expected = rows.checked_mul(columns).and_then(|count| count.checked_mul(size_of::<f16>()));
    if expected != Some(values.len()) {
        return Err(
            format!("it has {} bytes of values; {rows} rows of {columns} take another number", values.len()).into()
        );
    }
    let (halves, _) = values.as_chunks();
    let value = |half: &[u8; 2]| f16::from_le_bytes(*half).to_f32();
    Ok(halves.chunks_exact(columns).map(|row| row.iter().map(value).collect()).collect())
}

/// The rows and columns that a header tells of, if it is the one header for them.
fn shape(header: &str) -> Option<(usize, usize)> {
    let (rows, columns) = header
        .strip_prefix("{'descr': '<f2', 'fortran_order': False, 'shape': (")?
        .strip_suffix("), }")?
        .split_once(", ")?;
    Some((rows.parse().ok()?, columns.parse().ok()?))
}
