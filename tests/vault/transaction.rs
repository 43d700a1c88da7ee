use causal_vault::{Backend, Event, SqliteBackend, Vault};

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
