//! What makes MessagePack a payload: exactly one value, in which nothing can be read in two ways.

use std::fmt::Display;

use rmp::Marker;
use smallvec::SmallVec;

use crate::words::limits::PAYLOAD_DEPTH;
use crate::words::{Result, StoreError};

/// Whether the bytes are exactly one value, nested at most 64 deep, with no key twice in a map.
///
/// Keys are compared by what they say, however it is encoded: a string and binary data of the same bytes are one key,
/// since serde reads either as the other. Takes memory for the open containers and the keys of the open maps only.
pub(crate) fn check(bytes: &[u8]) -> Result<()> {
    let mut rest = bytes;
    let mut open = SmallVec::<[Container<'_>; 8]>::new();
    let mut keys = SmallVec::<[Item<'_>; 16]>::new();
    loop {
        let at = bytes.len() - rest.len();
        let head = Token::read(&mut rest).map_err(|reason| refused(at, reason))?;
        let mut item = Item { at, head, tail: rest };
        if let Some((shape, count)) = head.container() {
            if open.len() == PAYLOAD_DEPTH {
                return Err(refused(at, format!("arrays and maps are nested deeper than {PAYLOAD_DEPTH}")));
            }
            if count > rest.len() as u64 {
                return Err(refused(at, format!("a container of {count} values has {} bytes left", rest.len())));
            }
            if count > 0 {
                open.push(Container { item, shape, left: count, keys: keys.len() });
                continue;
            }
        }
        // The value that ends here may be the last of its container, and that of its own, and so on.
        loop {
            item.tail = item.tail.get(..item.tail.len() - rest.len()).unwrap_or_default();
            let Some(parent) = open.last_mut() else {
                return if rest.is_empty() {
                    Ok(())
                } else {
                    Err(refused(bytes.len() - rest.len(), format!("{} bytes follow the value", rest.len())))
                };
            };
            // The values of a map are keys and values in turn, and an even number in all.
            if parent.shape == Shape::Map && parent.left % 2 == 0 {
                keys.push(item);
            }
            parent.left -= 1;
            if parent.left > 0 {
                break;
            }
            distinct(keys.get_mut(parent.keys..).unwrap_or_default())?;
            keys.truncate(parent.keys);
            item = parent.item;
            open.pop();
        }
    }
}

/// So few keys are compared with each other faster than they are sorted.
const UNSORTED_KEYS: usize = 16;

fn distinct(keys: &mut [Item<'_>]) -> Result<()> {
    let sorted = keys.len() > UNSORTED_KEYS;
    if sorted {
        keys.sort_unstable_by(|a, b| a.head.cmp(&b.head).then_with(|| tokens(a.tail).cmp(tokens(b.tail))));
    }
    for (index, key) in keys.iter().enumerate() {
        // Once they are sorted, equal keys are neighbours.
        let from = if sorted { index.saturating_sub(1) } else { 0 };
        let earlier = keys.get(from..index).unwrap_or_default();
        if let Some(same) = earlier.iter().find(|other| other.equals(key)) {
            let (first, second) = (same.at.min(key.at), same.at.max(key.at));
            return Err(refused(second, format!("the map has this key already, at byte {first}; give each key once")));
        }
    }
    Ok(())
}

/// A value: its first token, and the bytes after that one.
#[derive(Clone, Copy)]
struct Item<'a> {
    at: usize,
    head: Token<'a>,
    tail: &'a [u8],
}

impl Item<'_> {
    fn equals(&self, other: &Item<'_>) -> bool {
        self.head == other.head && tokens(self.tail).eq(tokens(other.tail))
    }
}

/// An array or map of which `left` values are still to come; its keys are those from `keys` on.
struct Container<'a> {
    item: Item<'a>,
    shape: Shape,
    left: u64,
    keys: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Array,
    Map,
}

/// What one marker and its data say, the same for every way to encode it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Token<'a> {
    Array(u32),
    Bool(bool),
    Bytes(&'a [u8]),
    Ext(u8, &'a [u8]),
    Float(u64),
    Map(u32),
    Negative(i64),
    Nil,
    Unsigned(u64),
}

impl<'a> Token<'a> {
    pub(super) fn read(rest: &mut &'a [u8]) -> std::result::Result<Self, Fault> {
        let [marker] = array(rest)?;
        Ok(match Marker::from_u8(marker) {
            Marker::Null => Self::Nil,
            Marker::False => Self::Bool(false),
            Marker::True => Self::Bool(true),
            Marker::FixPos(value) => Self::Unsigned(value.into()),
            Marker::U8 => Self::Unsigned(u8::from_be_bytes(array(rest)?).into()),
            Marker::U16 => Self::Unsigned(u16::from_be_bytes(array(rest)?).into()),
            Marker::U32 => Self::Unsigned(u32::from_be_bytes(array(rest)?).into()),
            Marker::U64 => Self::Unsigned(u64::from_be_bytes(array(rest)?)),
            Marker::FixNeg(value) => Self::int(value.into()),
            Marker::I8 => Self::int(i8::from_be_bytes(array(rest)?).into()),
            Marker::I16 => Self::int(i16::from_be_bytes(array(rest)?).into()),
            Marker::I32 => Self::int(i32::from_be_bytes(array(rest)?).into()),
            Marker::I64 => Self::int(i64::from_be_bytes(array(rest)?)),
            Marker::F32 => Self::Float(f64::from(f32::from_be_bytes(array(rest)?)).to_bits()),
            Marker::F64 => Self::Float(u64::from_be_bytes(array(rest)?)),
            Marker::FixStr(length) => Self::Bytes(take(length.into(), rest)?),
            Marker::Str8 | Marker::Bin8 => Self::Bytes(take(u8::from_be_bytes(array(rest)?).into(), rest)?),
            Marker::Str16 | Marker::Bin16 => Self::Bytes(take(u16::from_be_bytes(array(rest)?).into(), rest)?),
            Marker::Str32 | Marker::Bin32 => Self::Bytes(take(u32::from_be_bytes(array(rest)?), rest)?),
            Marker::FixExt1 => Self::ext(1, rest)?,
            Marker::FixExt2 => Self::ext(2, rest)?,
            Marker::FixExt4 => Self::ext(4, rest)?,
            Marker::FixExt8 => Self::ext(8, rest)?,
            Marker::FixExt16 => Self::ext(16, rest)?,
            Marker::Ext8 => Self::ext(u8::from_be_bytes(array(rest)?).into(), rest)?,
            Marker::Ext16 => Self::ext(u16::from_be_bytes(array(rest)?).into(), rest)?,
            Marker::Ext32 => Self::ext(u32::from_be_bytes(array(rest)?), rest)?,
            Marker::FixArray(count) => Self::Array(count.into()),
            Marker::Array16 => Self::Array(u16::from_be_bytes(array(rest)?).into()),
            Marker::Array32 => Self::Array(u32::from_be_bytes(array(rest)?)),
            Marker::FixMap(count) => Self::Map(count.into()),
            Marker::Map16 => Self::Map(u16::from_be_bytes(array(rest)?).into()),
            Marker::Map32 => Self::Map(u32::from_be_bytes(array(rest)?)),
            Marker::Reserved => return Err(Fault::Reserved),
        })
    }

    fn int(value: i64) -> Self {
        u64::try_from(value).map_or(Self::Negative(value), Self::Unsigned)
    }

    fn ext(length: u32, rest: &mut &'a [u8]) -> std::result::Result<Self, Fault> {
        let [kind] = array(rest)?;
        Ok(Self::Ext(kind, take(length, rest)?))
    }

    /// How many values a container holds; a map holds two for each entry.
    fn container(self) -> Option<(Shape, u64)> {
        match self {
            Self::Array(count) => Some((Shape::Array, count.into())),
            Self::Map(count) => Some((Shape::Map, 2 * u64::from(count))),
            _ => None,
        }
    }
}

/// Why a token cannot be read.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the marker 0xc1 is not one of MessagePack's")]
    Reserved,
    #[error("the value needs {needed} more bytes and {left} are left")]
    Short { needed: usize, left: usize },
}

/// The tokens of values that were read before.
fn tokens(mut rest: &[u8]) -> impl Iterator<Item = Token<'_>> {
    std::iter::from_fn(move || if rest.is_empty() { None } else { Token::read(&mut rest).ok() })
}

fn array<const N: usize>(rest: &mut &[u8]) -> std::result::Result<[u8; N], Fault> {
    let (bytes, after) = rest.split_first_chunk().ok_or(Fault::Short { needed: N, left: rest.len() })?;
    *rest = after;
    Ok(*bytes)
}

fn take<'a>(length: u32, rest: &mut &'a [u8]) -> std::result::Result<&'a [u8], Fault> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let (bytes, after) = rest.split_at_checked(length).ok_or(Fault::Short { needed: length, left: rest.len() })?;
    *rest = after;
    Ok(bytes)
}

#[cold]
fn refused(at: usize, reason: impl Display) -> StoreError {
    StoreError::Invalid { what: "payload", reason: format!("MessagePack at byte {at}: {reason}") }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde::de::IgnoredAny;

    use super::*;

    /// Bytes that come closer to MessagePack than random ones: mostly markers with small counts.
    pub(in crate::vault) fn nearly_messagepack() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![any::<u8>(), 0_u8..4, 0x80_u8..0x84, 0x90_u8..0x94, 0xa0_u8..0xa3, 0xc0_u8..0xe0];
        prop::collection::vec(byte, 0..40)
    }

    fn reason(bytes: &[u8]) -> String {
        match check(bytes) {
            Err(StoreError::Invalid { what: "payload", reason }) => reason,
            other => panic!("{bytes:02x?} gave {other:?}"),
        }
    }

    fn nested(header: &[u8], depth: usize) -> Vec<u8> {
        [header.repeat(depth), vec![0xc0]].concat()
    }

    proptest! {
        #[test]
        fn what_passes_is_one_whole_value_by_another_parser_too(
            bytes in prop_oneof![nearly_messagepack(), prop::collection::vec(any::<u8>(), 0..200)],
        ) {
            if check(&bytes).is_ok() {
                let mut rest = bytes.as_slice();
                let read = IgnoredAny::deserialize(&mut rmp_serde::Deserializer::new(&mut rest));
                prop_assert!(read.is_ok() && rest.is_empty(), "{:?}, {} bytes left", read, rest.len());
            }
        }

        #[test]
        fn a_repeated_key_is_found_wherever_it_stands(
            keys in prop::collection::btree_set(any::<i64>(), 1..40), again in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(), in_an_array in any::<bool>(),
        ) {
            let mut keys: Vec<i64> = keys.into_iter().collect();
            let map = |keys: &[i64]| {
                let mut bytes = vec![0xde, 0, u8::try_from(keys.len()).unwrap()];
                for key in keys {
                    bytes.extend(in_an_array.then_some(0x91));
                    rmp::encode::write_sint(&mut bytes, *key).unwrap();
                    bytes.extend(nested(&[0x81, 0x01], 3));
                }
                bytes
            };
            prop_assert!(check(&map(&keys)).is_ok());
            let twice = keys[again.index(keys.len())];
            keys.insert(at.index(keys.len() + 1), twice);
            prop_assert!(reason(&map(&keys)).contains("has this key already"));
        }
    }

    #[test]
    fn a_key_encoded_in_two_ways_is_the_same_key() {
        let same: [(&[u8], &[u8]); 12] = [
            (b"\xa1a", b"\xd9\x01a"),
            (b"\xa1a", b"\xda\x00\x01a"),
            (b"\xd9\x01a", b"\xdb\x00\x00\x00\x01a"),
            (b"\xa1a", b"\xc4\x01a"),
            (b"\x07", b"\xcc\x07"),
            (b"\x07", b"\xd0\x07"),
            (b"\xcd\x00\x07", b"\xd3\x00\x00\x00\x00\x00\x00\x00\x07"),
            (b"\xff", b"\xd1\xff\xff"),
            (b"\xca\x3f\x80\x00\x00", b"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00"),
            (b"\xd4\x05z", b"\xc7\x01\x05z"),
            (b"\x92\x01\xa1a", b"\xdc\x00\x02\xcc\x01\xd9\x01a"),
            (b"\x81\x01\x90", b"\xde\x00\x01\xd0\x01\xdc\x00\x00"),
        ];
        for (a, b) in same {
            for (a, b) in [(a, b), (b, a), (a, a), (b, b)] {
                let map = [b"\x82".as_slice(), a, b"\x00", b, b"\x00"].concat();
                let second = a.len() + 2;
                let expected = format!(
                    "MessagePack at byte {second}: the map has this key already, at byte 1; give each key once"
                );
                assert_eq!(reason(&map), expected);
            }
        }
    }

    #[test]
    fn keys_that_differ_are_kept_apart_by_their_kind_length_and_map() {
        let keys: [&[u8]; 14] = [
            b"\xa0",
            b"\xa1a",
            b"\xa2aa",
            b"\x00",
            b"\x01",
            b"\xff",
            b"\xc0",
            b"\xc2",
            b"\xc3",
            b"\x90",
            b"\x91\x01",
            b"\x92\x01\x02",
            b"\xd4\x01a",
            b"\xd4\x02a",
        ];
        let entries: Vec<u8> = keys.iter().flat_map(|key| [key, b"\x00".as_slice()].concat()).collect();
        assert_eq!(check(&[b"\x8e".as_slice(), &entries].concat()), Ok(()));
        assert_eq!(check(b"\x82\xa1a\x81\xa1a\x01\xa1b\x81\xa1a\x01"), Ok(()), "the same key in three maps");
        assert!(reason(b"\x81\xa1a\x82\xa1b\x01\xa1b\x02").contains("at byte 7"), "in an inner map");
        assert!(reason(b"\x82\xa1a\x81\xa1b\x01\xa1a\x02").contains("at byte 7"), "around an inner map");
    }

    #[test]
    fn hostile_bytes_are_refused_by_offset_and_rule() {
        let table: [(&[u8], &str); 12] = [
            (b"", "at byte 0: the value needs 1 more bytes and 0 are left"),
            (b"\xc0\xc0", "at byte 1: 1 bytes follow the value"),
            (b"\xc1", "at byte 0: the marker 0xc1 is not one of MessagePack's"),
            (b"\x92\x01\xc1", "at byte 2: the marker 0xc1"),
            (b"\xdd\xff\xff\xff\xff\x00", "at byte 0: a container of 4294967295 values has 1 bytes left"),
            (b"\xdf\xff\xff\xff\xff\x00", "at byte 0: a container of 8589934590 values has 1 bytes left"),
            (b"\xdb\xff\xff\xff\xffx", "at byte 0: the value needs 4294967295 more bytes and 1 are left"),
            (b"\xc6\xff\xff\xff\xffx", "at byte 0: the value needs 4294967295 more bytes"),
            (b"\xc9\xff\xff\xff\xff\x01", "at byte 0: the value needs 4294967295 more bytes"),
            (b"\x91\xcd\x01", "at byte 1: the value needs 2 more bytes and 1 are left"),
            (b"\x81\xa1a", "at byte 3: the value needs 1 more bytes and 0 are left"),
            (b"\x82\xa1a\x01\xa1a\x02", "at byte 4: the map has this key already, at byte 1"),
        ];
        for (bytes, expected) in table {
            assert!(reason(bytes).contains(expected), "{}", reason(bytes));
        }
    }

    #[test]
    fn sixty_four_levels_are_accepted_and_one_more_is_not_however_it_is_built() {
        for header in [b"\x91".as_slice(), b"\x81\x01", b"\xdc\x00\x01", b"\xde\x00\x01\xa1k"] {
            assert_eq!(check(&nested(header, PAYLOAD_DEPTH)), Ok(()));
            let reason = reason(&nested(header, PAYLOAD_DEPTH + 1));
            assert!(reason.contains("nested deeper than 64"), "{reason}");
        }
        assert!(
            reason(&[b"\x91".repeat(64), vec![0x90]].concat()).contains("at byte 64"),
            "an empty one is a level too"
        );
        assert!(reason(&b"\x91".repeat(1 << 20)).contains("at byte 64"));
        assert!(reason(&b"\x81".repeat(1 << 20)).contains("at byte 64"), "maps in the place of keys");
    }
}
