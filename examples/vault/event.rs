//! An event as a line for people, and as an object for programs.

use causal_vault::{EntryHash, EventHeader, Extension, StoredEvent};
use serde_json::{Map, Value, json};

use crate::payload;
use crate::screen::{Colour, Screen, safe, short};
use crate::time::utc;

/// Characters of a payload in a line.
const PREVIEW: usize = 72;
/// Characters of a name in a line.
const NAME: usize = 32;
/// Parents in a line.
const PARENTS: usize = 3;

/// What people call the writer: its name, or the first digits of its fingerprint.
pub(crate) fn writer(header: &EventHeader) -> String {
    match *header.writer_name == *header.writer.to_hex() {
        true => short(&header.writer_name).to_owned(),
        false => safe(&header.writer_name),
    }
}

fn clipped(name: &str) -> String {
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// Where it stands, what it is, and who wrote it when.
pub(crate) fn headline(header: &EventHeader, screen: &Screen<'_>) -> String {
    format!(
        "{:>6} {} {} {}  {}  {}",
        header.position,
        screen.paint(Colour::Hash, short(&header.hash.to_hex())),
        screen.paint(Colour::Weak, &utc(header.timestamp)),
        screen.paint(Colour::Good, &clipped(&writer(header))),
        clipped(&safe(&header.stream)),
        screen.paint(Colour::Kind, &clipped(&safe(&header.kind))),
    )
}

pub(crate) fn line(event: &StoredEvent, screen: &Screen<'_>) -> String {
    let header = &event.header;
    let mut parents: Vec<_> =
        header.parents.iter().take(PARENTS).map(|hash| short(&hash.to_hex()).to_owned()).collect();
    if header.parents.len() > PARENTS {
        parents.push(format!("{} more", header.parents.len() - PARENTS));
    }
    let parents = if parents.is_empty() { String::new() } else { format!("  <- {}", parents.join(" ")) };
    let parents = screen.paint(Colour::Weak, &parents);
    format!("{}{parents}  {}", headline(header, screen), payload::preview(event, PREVIEW))
}

/// Everything that the header says.
pub(crate) fn header_json(header: &EventHeader) -> Map<String, Value> {
    let hexes = |hashes: &[EntryHash]| hashes.iter().map(EntryHash::to_hex).collect::<Vec<_>>();
    let object = json!({
        "position": header.position,
        "hash": header.hash.to_hex(),
        "id": header.id.to_string(),
        "stream": &*header.stream,
        "writer": header.writer.to_hex(),
        "writer_name": &*header.writer_name,
        "seq": header.seq,
        "kind": &*header.kind,
        "timestamp_ms": header.timestamp,
        "lamport": header.lamport,
        "parents": hexes(&header.parents),
        "causal_digest": header.digest.to_hex(),
        "content_type": header.content_type(),
        "payload_len": header.payload_len,
        "payload_digest": header.payload_digest.to_hex(),
        "extensions": header.extensions.iter().map(extension_json).collect::<Vec<_>>(),
    });
    match object {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

pub(crate) fn json(event: &StoredEvent) -> Map<String, Value> {
    let mut object = header_json(&event.header);
    let (name, payload) = payload::to_json(event);
    object.insert(name.to_owned(), payload);
    object
}

fn extension_json(extension: &Extension) -> Value {
    match extension {
        Extension::ContentType(media_type) => json!({ "content_type": media_type }),
        Extension::Embedding { model, dimensions, digest } => {
            json!({ "embedding": { "model": model, "dimensions": dimensions, "digest": hex::encode(digest) } })
        }
        Extension::Grant(digest) => json!({ "grant": hex::encode(digest) }),
        Extension::Merge { timeline_id, cut_root, fork_root } => json!({ "merge": {
            "timeline": hex::encode(timeline_id),
            "cut_root": hex::encode(cut_root),
            "fork_root": hex::encode(fork_root),
        } }),
        Extension::Reads(hashes) => json!({ "reads": hashes.iter().map(EntryHash::to_hex).collect::<Vec<_>>() }),
        Extension::Touches(keys) => json!({ "touches": keys }),
        Extension::Trace { trace_id, span_id } => {
            json!({ "trace": { "trace": hex::encode(trace_id), "span": hex::encode(span_id) } })
        }
        Extension::Unknown { tag, bytes } => json!({ "unknown": { "tag": tag, "bytes": hex::encode(bytes) } }),
        other => json!({ "unknown": { "tag": other.tag() } }),
    }
}
