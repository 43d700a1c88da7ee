//! Ids for events that were given none.

use uuid::{Uuid, Version};

/// Bytes of an id that hold a position.
const POSITION_BYTES: usize = 5;

/// A new id (UUID version 8): 40 bits that name the event's position, 82 random ones. Such an event is found by its id
/// without an index, which an append would have to write a page of.
pub(crate) fn at(position: u64) -> Uuid {
    let mut bytes = Uuid::new_v4().into_bytes();
    let position = position.to_be_bytes();
    bytes.iter_mut().zip(position.iter().skip(position.len() - POSITION_BYTES)).for_each(|(to, from)| *to = *from);
    Uuid::new_v8(bytes)
}

/// Where to look first for the event with this id. The id proves nothing: whoever chose it may have made it alike.
pub(crate) fn position(id: &Uuid) -> Option<u64> {
    let bytes = id.as_bytes().iter().take(POSITION_BYTES);
    (id.get_version() == Some(Version::Custom))
        .then(|| bytes.fold(0, |position, byte| position << 8 | u64::from(*byte)))
}

/// What the index holds of an event with this id at this position: nothing, where the id itself says so.
pub(crate) fn key(id: &Uuid, at: u64) -> Option<i64> {
    (position(id) != Some(at)).then(|| indexed(id))
}

/// What the index holds of an id: the first half, which keeps ids together that were made one after the other, with the
/// last two bytes mixed into its own last two, so that ids made from small numbers differ as well.
pub(crate) fn indexed(id: &Uuid) -> i64 {
    let (first, last) = id.as_u64_pair();
    i64::from_be_bytes((first ^ (last & 0xffff)).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::limits::POSITION_MAX;

    #[test]
    fn an_id_names_its_position_and_is_in_no_index_there_and_only_there() {
        for at in [1, 2, 255, 256, 1 << 39, POSITION_MAX] {
            let id = super::at(at);
            assert_eq!((position(&id), key(&id, at)), (Some(at), None));
            assert_eq!(key(&id, at ^ 1), Some(indexed(&id)));
            assert_ne!(id, super::at(at));
        }
        for id in [Uuid::nil(), Uuid::max(), Uuid::now_v7(), Uuid::new_v4()] {
            assert_eq!((position(&id), key(&id, 0)), (None, Some(indexed(&id))));
        }
    }
}
