//! Everything that holds something of an event beside its row and its payload: what has to let go of it when it is erased.
//!
//! Whoever adds an index adds it here.

use super::{Recall, forget, label};
use crate::backend::Transaction;
use crate::causal::table::{embedding, entry, lookup, text};
use crate::words::Result;

/// Takes what follows from the entry with this id out of an index.
pub(super) type Remove = fn(&dyn Transaction, &Recall, u64) -> Result<()>;

/// The indexes, by what they hold.
#[cfg_attr(not(test), expect(dead_code, reason = "an erasure goes through it"))]
pub(super) const INDEXES: [(&str, Remove); 6] = [
    ("the values of embeddings", |tx, _, id| embedding::remove(tx, id)),
    ("the directions of embeddings, in memory", |_, recall, id| {
        recall.vectors.remove(id);
        Ok(())
    }),
    ("labels of intents", |tx, _, id| label::remove(tx, id)),
    // The sums of cells have a share of every event: without it they are found anew.
    ("the cells of intents", |tx, recall, id| {
        recall.reset();
        forget(tx, entry::timeline(id))
    }),
    ("the words of texts", |tx, _, id| text::remove(tx, id)),
    ("the look-up by hash", |tx, _, id| lookup::remove(tx, id)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Access, Value};
    use crate::vault::{Event, Filter, Query, TextRule, Vault};

    #[test]
    fn an_event_that_every_index_has_let_go_of_is_found_by_nothing() {
        let vault = Vault::in_memory().unwrap();
        vault.index_text(TextRule::kind("note")).unwrap();
        let alice = vault.named_writer("alice").unwrap();
        let note =
            |text: &str, turn: f32| Event::new("note", text).unwrap().stream("demo").embedding("plane", &[1.0, turn]);
        let secret = alice.commit(note("the secret recipe", 0.0)).unwrap();
        let kept = alice.commit(note("the public recipe", 0.1)).unwrap();
        let positions = || {
            let near = vault.similar(&Query::embedding("plane", &[1.0, 0.0]), 9).unwrap().into_iter();
            near.filter(|near| near.similarity > 0.0).map(|near| near.event.header.position).collect::<Vec<_>>()
        };
        let members = || vault.intents(&Filter::kind("note")).unwrap().iter().map(|intent| intent.events).sum::<u64>();
        let found = |words| vault.search(words, &Filter::all(), 9).unwrap().len();
        // Enough for indexes to take them up, instead of looking at events one by one, and for states to be stored.
        let filler = |n: i32| Event::raw("filler", n.to_string()).stream("demo").embedding("plane", &[-1.0, 0.0]);
        alice.commit_batch((0..1_100).map(filler)).unwrap();
        vault.get(secret.hash).unwrap();
        assert_eq!((positions().len(), members(), found("secret"), found("recipe")), (2, 2, 1, 2));
        let nearest = || vault.classify("plane", &[1.0, 0.1]).unwrap().unwrap().similarity;
        assert!(nearest() < 0.9999);
        vault.recall().store(vault.db(), vault.tenant()).unwrap();

        let tx = vault.db().begin(Access::Write).unwrap();
        let id = entry::id(1, secret.position.number()).unwrap();
        let names = tx.query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", &[]).unwrap();
        let name = |value| if let Value::Text(name) = value { Some(name) } else { None };
        let names: Vec<String> = names.into_iter().flatten().filter_map(name).collect();
        let rows = |name: &String| tx.query(&format!("SELECT * FROM {name}"), &[]).unwrap();
        let holders = |tells: &dyn Fn(&Value) -> bool| {
            names.iter().filter(|name| rows(name).iter().flatten().any(tells)).map(String::as_str).collect::<Vec<_>>()
        };
        let has = |part: &[u8], value: &Value| match value {
            Value::Text(text) => text.as_bytes().windows(part.len()).any(|bytes| bytes == part),
            Value::Blob(blob) => blob.windows(part.len()).any(|bytes| bytes == part),
            _ => false,
        };
        let numbered = || holders(&|value| *value == Value::Int(i64::try_from(id).unwrap()));
        let named = || holders(&|value| has(secret.hash.as_bytes(), value) || has(secret.id.as_bytes(), value));
        let worded = || holders(&|value| has(b"secret", value));
        for index in ["vault_embedding", "vault_intent_home", "vault_intent_label", "vault_lookup", "vault_text"] {
            assert!(numbered().contains(&index), "{index}");
        }
        assert_eq!(
            (named(), worded()),
            (vec!["vault_entry"], vec!["vault_entry", "vault_text_index_data", "vault_text_word"])
        );
        INDEXES.iter().for_each(|(_, remove)| remove(&*tx, vault.recall(), id).unwrap());
        // As an erasure does with the payload.
        tx.exec(&format!("UPDATE vault_entry SET payload = x'a0' WHERE id = {id}"), &[]).unwrap();
        assert_eq!((numbered(), named(), worded()), (vec!["vault_entry"], vec!["vault_entry"], vec![]));
        tx.commit().unwrap();
        assert_eq!(positions(), [kept.position]);
        assert_eq!((members(), found("secret"), found("recipe")), (1, 0, 1));
        assert!(nearest() > 0.9999, "what it had added to its intent is gone");
    }
}
