//! Typed payloads: exactly one MessagePack value in which nothing can be read in two ways.

use std::cell::RefCell;
use std::collections::BTreeMap;

use causal_vault::{Event, Filter, StoredEvent, Vault};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

/// What a consumer may have put into its events.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub enum Tree {
    Flag(bool),
    Float(f64),
    Leaf,
    Number(i64),
    Text(String),
    List(Vec<Tree>),
    Map(BTreeMap<String, Tree>),
    Keyed(BTreeMap<(i32, Option<u16>), Tree>),
    Fields { left: Box<Tree>, right: Option<Box<Tree>>, wide: u64 },
}

pub fn target(data: &[u8]) -> bool {
    target_with(data, &decode::<IgnoredAny>, &decode::<Tree>)
}

/// The vault's bridge, over an event that was read.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    thread_local!(static EVENT: RefCell<StoredEvent> = RefCell::new(event()));
    EVENT.with_borrow_mut(|event| {
        event.payload.clear();
        event.payload.extend_from_slice(bytes);
        event.decode().ok()
    })
}

fn event() -> StoredEvent {
    let vault = Vault::in_memory().expect("a vault in memory");
    let writer = vault.named_writer("alice").expect("a good name");
    writer.commit(Event::new("note", "hi").expect("text").stream("s")).expect("a good event");
    vault.events(Filter::all()).expect("a good filter").next().expect("it is there").expect("it is whole")
}

pub fn target_with(
    data: &[u8],
    any: &dyn Fn(&[u8]) -> Option<IgnoredAny>,
    tree: &dyn Fn(&[u8]) -> Option<Tree>,
) -> bool {
    if any(data).is_none() {
        assert!(tree(data).is_none(), "it is refused as a value and read as a tree");
        return false;
    }
    let end = one_value(data, 0).unwrap_or_else(|why| panic!("what is accepted is not MessagePack: {why}"));
    assert_eq!(end, data.len(), "bytes after the value are overlooked");
    assert!(any(&data[..data.len() - 1]).is_none(), "it is read without its last byte");
    if let Some(value) = tree(data) {
        let written = rmp_serde::to_vec_named(&value).expect("what was read can be written");
        let again = tree(&written).expect("what was written can be read");
        let text = |tree: &Tree| format!("{tree:?}");
        // NaN is not equal to itself.
        assert_eq!(text(&again), text(&value), "what was written is read as something else");
    }
    true
}

/// Where the value that begins at `at` ends, by a reader that shares no code with the vault's. It refuses a map that
/// holds a key twice in the same bytes, and what is nested deeper than 64.
fn one_value(data: &[u8], depth: usize) -> Result<usize, String> {
    let byte = |at: usize| data.get(at).copied().ok_or_else(|| "it ends too early".to_owned());
    let number = |at: usize, width: usize| {
        (at..at + width).try_fold(0usize, |n, at| Ok::<_, String>(n << 8 | usize::from(byte(at)?)))
    };
    let sized = |head: usize, length: usize| match head.checked_add(length).filter(|end| *end <= data.len()) {
        Some(end) => Ok(end),
        None => Err("it ends too early".to_owned()),
    };
    let marker = byte(0)?;
    let (head, values, is_map) = match marker {
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => return Ok(1),
        0xa0..=0xbf => return sized(1, usize::from(marker & 0x1f)),
        0xc4 | 0xd9 => return sized(2, number(1, 1)?),
        0xc5 | 0xda => return sized(3, number(1, 2)?),
        0xc6 | 0xdb => return sized(5, number(1, 4)?),
        0xc7 => return sized(3, number(1, 1)?),
        0xc8 => return sized(4, number(1, 2)?),
        0xc9 => return sized(6, number(1, 4)?),
        0xca | 0xce | 0xd2 => return sized(1, 4),
        0xcb | 0xcf | 0xd3 => return sized(1, 8),
        0xcc | 0xd0 => return sized(1, 1),
        0xcd | 0xd1 => return sized(1, 2),
        0xd4..=0xd8 => return sized(2, 1 << (marker - 0xd4)),
        0x80..=0x8f => (1, 2 * usize::from(marker & 0xf), true),
        0x90..=0x9f => (1, usize::from(marker & 0xf), false),
        0xdc => (3, number(1, 2)?, false),
        0xdd => (5, number(1, 4)?, false),
        0xde => (3, 2 * number(1, 2)?, true),
        0xdf => (5, 2 * number(1, 4)?, true),
        0xc1 => return Err("0xc1 is no marker".to_owned()),
    };
    if depth == 64 {
        return Err("it is nested too deep".to_owned());
    }
    let mut at = head;
    let mut keys = std::collections::BTreeSet::new();
    for value in 0..values {
        let end = at + one_value(data.get(at..).unwrap_or_default(), depth + 1)?;
        if is_map && value % 2 == 0 && !keys.insert(&data[at..end]) {
            return Err("a key is there twice".to_owned());
        }
        at = end;
    }
    Ok(at)
}
