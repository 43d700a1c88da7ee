//! What a golden file held when it was written, kept beside it as text.

use causal_vault::{Anchor, EntryHash, Filter, Generation, Position, Vault};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Serialize, Deserialize)]
pub(super) struct Pins {
    pub(super) realm: String,
    pub(super) generation: u64,
    /// Up to where the cursor `balances` was acknowledged.
    pub(super) cursor: Position,
    /// What the consumer's own table holds.
    pub(super) mine: Vec<String>,
    pub(super) tenants: Vec<Tenant>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Tenant {
    pub(super) name: String,
    #[serde(with = "HexAnchor")]
    pub(super) anchor: Anchor,
    pub(super) checkpoints: Vec<String>,
    pub(super) events: Vec<Pinned>,
}

/// An event: every field of its header by name, so that a later version may have more of them.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Pinned {
    header: serde_json::Map<String, Value>,
    payload: String,
}

impl Pins {
    pub(super) fn of(vault: &Vault, tenants: &[&str]) -> Self {
        let cursor = vault.cursor("balances", Filter::stream("ledger")).unwrap();
        let mine = vault.backend().query("SELECT text FROM mine ORDER BY 1", &[]).unwrap();
        Self {
            realm: vault.realm().to_hex(),
            generation: Generation::new("report").current(vault.backend()).unwrap(),
            cursor: cursor.acked().unwrap(),
            mine: mine.iter().flatten().map(|value| format!("{value:?}")).collect(),
            tenants: tenants.iter().map(|name| Tenant::of(&vault.for_tenant(name).unwrap())).collect(),
        }
    }

    pub(super) fn tenant(&self, name: &str) -> &Tenant {
        self.tenants.iter().find(|tenant| tenant.name == name).unwrap()
    }

    /// The hashes of one log of the default tenant.
    pub(super) fn log(&self, stream: &str, writer: &str) -> Vec<[u8; 32]> {
        let events = &self.tenant("default").events;
        let of = |event: &&Pinned| event.header["stream"] == stream && event.header["writer_name"] == writer;
        events.iter().filter(of).map(|event| event.hash().into()).collect()
    }
}

impl Tenant {
    fn of(vault: &Vault) -> Self {
        let events = vault.events(Filter::all()).unwrap().map(|event| {
            let event = event.unwrap();
            let Value::Object(header) = serde_json::to_value(&event.header).unwrap() else { unreachable!() };
            Pinned { header, payload: hex::encode(event.payload) }
        });
        Self {
            name: vault.tenant().to_owned(),
            events: events.collect(),
            anchor: vault.tree_head().unwrap().into(),
            checkpoints: vault.checkpoints().unwrap().iter().map(ToString::to_string).collect(),
        }
    }
}

impl Pinned {
    pub(super) fn hash(&self) -> EntryHash {
        EntryHash::from_hex(self.header["hash"].as_str().unwrap()).unwrap()
    }
}

/// What the vault holds otherwise than pinned. A vault that cannot be read is one difference.
pub(super) fn differences(vault: &Vault, pins: &Pins) -> Vec<String> {
    let names: Vec<_> = pins.tenants.iter().map(|tenant| tenant.name.as_str()).collect();
    let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Pins::of(vault, &names)));
    let Ok(found) = read else { return vec!["it cannot be read".to_owned()] };
    let value = |pins: &Pins| serde_json::to_value(pins).unwrap();
    let mut all = Vec::new();
    compare("", &value(&found), &value(pins), &mut all);
    all
}

fn compare(path: &str, found: &Value, pinned: &Value, all: &mut Vec<String>) {
    match (found, pinned) {
        (Value::Object(found), Value::Object(pinned)) => {
            for (name, pinned) in pinned {
                compare(&format!("{path}.{name}"), found.get(name).unwrap_or(&Value::Null), pinned, all);
            }
        }
        (Value::Array(found), Value::Array(pinned)) if found.len() == pinned.len() => {
            for (at, (found, pinned)) in found.iter().zip(pinned).enumerate() {
                compare(&format!("{path}[{at}]"), found, pinned, all);
            }
        }
        _ if found != pinned => all.push(format!("{path}: found {found}, pinned {pinned}")),
        _ => {}
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Anchor")]
struct HexAnchor {
    size: u64,
    #[serde(with = "hex_root")]
    root: [u8; 32],
}

mod hex_root {
    use causal_vault::EntryHash;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(root: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        EntryHash::from_bytes(*root).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        EntryHash::deserialize(deserializer).map(Into::into)
    }
}
