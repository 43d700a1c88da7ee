//! `show`: everything about one event.

use causal_vault::{EntryHash, EntryV1, Filter, SignatureVerdict, StoredEvent, Vault};
use serde_json::{Value, json};

use crate::args::Options;
use crate::screen::{Colour, Screen, safe, safe_json};
use crate::time::utc;
use crate::{Outcome, Verdict, event, find, payload};

/// Characters of a payload, and children, that are shown.
const PAYLOAD: usize = 1 << 16;
const CHILDREN: usize = 32;

pub(crate) fn run(vault: &Vault, options: &Options, screen: &mut Screen<'_>) -> Outcome<Verdict> {
    let mut verdict = Verdict::Well;
    for reference in &options.operands {
        let event = find::event(vault, reference)?;
        if options.payload {
            screen.out.write_all(&event.payload)?;
            continue;
        }
        let signature = vault.signature(&event)?;
        if matches!(signature, SignatureVerdict::Broken { .. }) {
            verdict = Verdict::Broken;
        }
        match options.json {
            true => screen.json(&object(vault, &event, &signature)?)?,
            false => page(vault, &event, &signature, screen)?,
        }
    }
    Ok(verdict)
}

fn object(vault: &Vault, event: &StoredEvent, signature: &SignatureVerdict) -> Outcome<Value> {
    let bytes = vault.entry_bytes(event)?;
    let entry = EntryV1::decode(&bytes)?;
    let standing = vault.standing(event.header.writer)?;
    let mut object = event::json(event);
    let more = [
        ("realm", json!(entry.realm.to_hex())),
        ("tenant", json!(entry.tenant)),
        ("epoch", json!(entry.epoch)),
        ("prev", json!(entry.prev.to_hex())),
        ("scheme", json!(entry.scheme as u8)),
        ("entry_bytes", json!(hex::encode(&bytes))),
        ("signature", signature_json(signature)),
        ("writer_frozen", json!(standing.frozen)),
        ("writer_revoked", json!(standing.revoked)),
        ("children", json!(children(vault, event)?.iter().map(|child| child.header.hash.to_hex()).collect::<Vec<_>>())),
    ];
    object.extend(more.map(|(name, value)| (name.to_owned(), value)));
    Ok(Value::Object(object))
}

fn signature_json(signature: &SignatureVerdict) -> Value {
    match signature {
        SignatureVerdict::Broken { at, reason } => json!({ "verdict": "broken", "at": at, "reason": reason }),
        SignatureVerdict::Covered { by, key } => json!({ "verdict": "covered", "by": by, "key": hex::encode(key) }),
        SignatureVerdict::Signed { key } => json!({ "verdict": "signed", "key": hex::encode(key) }),
        _ => json!({ "verdict": "unsigned" }),
    }
}

/// The first events that follow this one: one more than are shown, where there are more.
fn children(vault: &Vault, event: &StoredEvent) -> Outcome<Vec<StoredEvent>> {
    Ok(vault.events(Filter::parent(event))?.take(CHILDREN + 1).collect::<Result<_, _>>()?)
}

fn page(vault: &Vault, event: &StoredEvent, signature: &SignatureVerdict, screen: &mut Screen<'_>) -> Outcome<()> {
    let bytes = vault.entry_bytes(event)?;
    let (entry, header) = (EntryV1::decode(&bytes)?, &event.header);
    let hash = screen.paint(Colour::Hash, &header.hash.to_hex());
    screen.line(&format!("event {} {hash}", header.position))?;
    let signature = match signature {
        SignatureVerdict::Broken { at, reason } => {
            screen.paint(Colour::Bad, &format!("BROKEN at position {at}: {reason}"))
        }
        SignatureVerdict::Covered { by, key } => {
            screen.paint(Colour::Good, &format!("holds, through that of position {by} with key {}", hex::encode(key)))
        }
        SignatureVerdict::Signed { key } => {
            screen.paint(Colour::Good, &format!("holds, with key {}", hex::encode(key)))
        }
        _ => "none: whoever can write the file could have written this".to_owned(),
    };
    let fingerprint = header.writer.to_hex();
    let writer = match *header.writer_name == *fingerprint {
        true => fingerprint,
        false => format!("{} ({fingerprint})", safe(&header.writer_name)),
    };
    let fields = [
        ("id", header.id.to_string()),
        ("tenant", safe(entry.tenant)),
        ("stream", safe(&header.stream)),
        ("writer", screen.paint(Colour::Good, &writer)),
        ("seq", format!("{} in epoch {}", header.seq, entry.epoch)),
        ("kind", screen.paint(Colour::Kind, &safe(&header.kind))),
        ("claimed", format!("{} ({} ms)", utc(header.timestamp), header.timestamp)),
        ("lamport", header.lamport.to_string()),
        ("previous", entry.prev.to_string()),
        ("lineage", header.digest.to_string()),
        ("signature", signature),
    ];
    for (name, value) in fields {
        screen.line(&format!("  {name:<11} {value}"))?;
    }
    let standing = vault.standing(header.writer)?;
    for (place, what) in [(standing.frozen, "has signed two histories"), (standing.revoked, "was revoked")] {
        if let Some(place) = place {
            let told = screen.paint(Colour::Bad, &format!("its writer {what}: see position {place}"));
            screen.line(&format!("  {:<11} {told}", "standing"))?;
        }
    }
    for extension in header_extensions(event) {
        screen.line(&format!("  {:<11} {extension}", "extension"))?;
    }
    relatives(vault, event, screen)?;
    screen.line(&format!(
        "  {:<11} {} bytes, {}, digest {}",
        "payload",
        header.payload_len,
        safe(header.content_type()),
        header.payload_digest
    ))?;
    screen.line(&payload::pages(event, PAYLOAD))?;
    Ok(())
}

fn header_extensions(event: &StoredEvent) -> Vec<String> {
    let object = event::header_json(&event.header);
    object
        .get("extensions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|extension| safe_json(&extension.to_string()))
        .collect()
}

fn relatives(vault: &Vault, event: &StoredEvent, screen: &mut Screen<'_>) -> Outcome<()> {
    let parents = vault.parents(event)?;
    for parent in &parents {
        screen.line(&format!("  {:<11} {}", "parent", event::headline(parent, screen)))?;
    }
    let known = |hash: &EntryHash| parents.iter().any(|parent| parent.hash == *hash);
    for missing in event.header.parents.iter().filter(|hash| !known(hash)) {
        let missing = screen.paint(Colour::Bad, &format!("{missing} is missing; run verify"));
        screen.line(&format!("  {:<11} {missing}", "parent"))?;
    }
    let children = children(vault, event)?;
    for child in children.iter().take(CHILDREN) {
        screen.line(&format!("  {:<11} {}", "child", event::headline(&child.header, screen)))?;
    }
    if children.len() > CHILDREN {
        screen.line(&format!("  {:<11} and more", "child"))?;
    }
    Ok(())
}
