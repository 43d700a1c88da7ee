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
    use crate::backend::Access;
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
        let near = |k| vault.similar(&Query::embedding("plane", &[1.0, 0.0]), k).unwrap();
        let positions = |k| near(k).iter().map(|found| found.event.header.position).collect::<Vec<_>>();
        let members = || vault.intents(&Filter::all()).unwrap().iter().map(|intent| intent.events).sum::<u64>();
        let found = |words| vault.search(words, &Filter::all(), 9).unwrap().len();
        assert_eq!((positions(9).len(), members(), found("secret"), found("recipe")), (2, 2, 1, 2));

        let tx = vault.db().begin(Access::Write).unwrap();
        let id = entry::id(1, secret.position.number()).unwrap();
        INDEXES.iter().for_each(|(_, remove)| remove(&*tx, vault.recall(), id).unwrap());
        // As an erasure does with the payload.
        tx.exec(&format!("UPDATE vault_entry SET payload = x'a0' WHERE id = {id}"), &[]).unwrap();
        tx.commit().unwrap();
        assert_eq!(positions(9), [kept.position]);
        assert_eq!((members(), found("secret"), found("recipe")), (1, 0, 1));
        let tables = ["vault_embedding", "vault_intent_label", "vault_text", "vault_lookup"];
        for (table, key) in tables.iter().zip(["id", "entry", "entry", "entry"]) {
            let rows = vault.backend().query(&format!("SELECT 1 FROM {table} WHERE {key} = {id}"), &[]).unwrap();
            assert!(rows.is_empty(), "{table}");
        }
    }
}
