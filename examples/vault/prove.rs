//! `prove`: proofs that another tool can check, in the terms of RFC 9162.

use causal_vault::{Position, StoredEvent, TreeHead, Vault};
use serde_json::{Value, json};

use crate::args::Options;
use crate::screen::{Screen, safe_json};
use crate::trust::{self, Trusted};
use crate::{Outcome, Verdict, find};

pub(crate) fn run(vault: &Vault, options: &Options, screen: &mut Screen<'_>) -> Outcome<Verdict> {
    let trusted = trust::all(options)?;
    if let Some(other) = trusted.iter().find(|trusted| !trusted.is_about(vault.realm(), vault.tenant())) {
        return Err(format!("{} is not about this vault, or not about the tenant", other.by).into());
    }
    let trusted = match trusted.as_slice() {
        [] => None,
        [one] => Some(one),
        several => return Err(format!("a proof is for one tree head, and {} were given", several.len()).into()),
    };
    let (head, by) = match trusted {
        Some(Trusted { head, by, .. }) => (*head, by.as_str()),
        None => (vault.tree_head()?, "the vault itself: compare it with one that was kept elsewhere"),
    };
    let (proof, holds) = match &options.from {
        Some(from) => consistency(vault, from, head)?,
        None => inclusion(vault, &find::event(vault, &options.operands[0])?, head)?,
    };
    let mut object = json!({ "realm": vault.realm().to_hex(), "tenant": vault.tenant() });
    if let (Value::Object(object), Value::Object(proof)) = (&mut object, proof) {
        object.extend(proof);
        object.insert("root".to_owned(), json!(hex::encode(head.root)));
        object.insert("root_from".to_owned(), json!(by));
        object.insert("verified".to_owned(), json!(holds));
    }
    match options.json {
        true => screen.json(&object)?,
        false => screen.line(&safe_json(&serde_json::to_string_pretty(&object)?))?,
    }
    Ok(if holds { Verdict::Well } else { Verdict::Broken })
}

fn inclusion(vault: &Vault, event: &StoredEvent, head: TreeHead) -> Outcome<(Value, bool)> {
    let proof = vault.prove_inclusion(event, Some(head.size))?;
    let object = json!({
        "proof": "inclusion",
        "entry_hash": event.header.hash.to_hex(),
        "leaf_index": proof.index,
        "tree_size": proof.size,
        "path": proof.path.iter().map(hex::encode).collect::<Vec<_>>(),
    });
    Ok((object, proof.verify(&event.header.hash, &head)))
}

/// From a tree head that is given, or from the one that the vault itself had at this size.
fn consistency(vault: &Vault, from: &str, head: TreeHead) -> Outcome<(Value, bool)> {
    let older = match from.parse().map(Position::new) {
        Ok(size) => vault.tree_head_at(size)?,
        Err(_) => trust::tree_head(from)?,
    };
    let proof = vault.prove_consistency(older.size, head.size)?;
    let object = json!({
        "proof": "consistency",
        "from_size": proof.from,
        "from_root": hex::encode(older.root),
        "tree_size": proof.to,
        "path": proof.path.iter().map(hex::encode).collect::<Vec<_>>(),
    });
    Ok((object, proof.verify(&older, &head)))
}
