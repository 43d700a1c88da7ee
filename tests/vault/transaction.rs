use causal_vault::{Backend, Event, EventId, SqliteBackend, StoreError, TreeHead, Value, Vault};

/// Found by the attack suite: a trigger that came after the vault was opened removed what was stored, and the commit
/// returned `Ok`.
#[test]
fn a_trigger_that_comes_after_opening_is_refused_at_the_next_commit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agents.vault");
    let vault = Vault::open(&path).unwrap();
    let alice = vault.named_writer("alice").unwrap();
    let note = |text: &str| Event::raw("note", text).stream("demo");
    alice.commit(note("one")).unwrap();
    let other = SqliteBackend::open(&path).unwrap();
    let removes = "CREATE TRIGGER t AFTER INSERT ON VAULT_ENTRY BEGIN DELETE FROM vault_entry WHERE id = NEW.id; END";
    other.exec(removes, &[]).unwrap();
    let error = alice.commit(note("two")).unwrap_err();
    assert!(error.to_string().contains("trigger \"t\" in sqlite_master stands in its way"), "{error}");
    other.exec("DROP TRIGGER t", &[]).unwrap();
    assert_eq!(alice.commit(note("two")).unwrap().seq, 2);
    assert!(vault.verify(&[]).unwrap().is_intact());
}

/// Found by the suite of hostile input: an append that failed half-way was forgotten when the next one succeeded, and
/// what was left of it was committed.
#[test]
fn an_append_that_failed_half_way_spoils_the_transaction_for_good() {
    let vault = Vault::in_memory().unwrap();
    let alice = vault.named_writer("alice").unwrap();
    let taken = "CREATE TABLE mine (n INTEGER); \
                 CREATE UNIQUE INDEX one_large_payload ON vault_payload (length(bytes))";
    taken.split("; ").for_each(|statement| assert!(vault.backend().exec(statement, &[]).is_ok()));
    let event = |byte: u8| Event::raw("note", vec![byte; 5000]).stream("demo").attach(vec![byte; 3000]);
    alice.commit(event(1).id(EventId::new())).unwrap();
    // Somebody to be told of the new head, which is made before the transaction ends.
    let _guard = vault.heads().subscribe_guarded(|_: &TreeHead| {});
    let outcome = vault.transaction(|tx| {
        tx.exec("INSERT INTO mine VALUES (1)", &[])?;
        assert!(tx.append(&alice, event(2)).is_err());
        let error = tx.append(&alice, Event::raw("note", "small").stream("demo")).unwrap_err();
        assert!(error.to_string().contains("failed half-way"), "{error}");
        Ok::<(), StoreError>(())
    });
    assert!(outcome.unwrap_err().to_string().contains("failed half-way"));
    assert_eq!(vault.backend().query("SELECT count(*) FROM mine", &[]), Ok(vec![vec![Value::Int(0)]]));
    assert_eq!(vault.tree_head().unwrap().size, 1);
}
