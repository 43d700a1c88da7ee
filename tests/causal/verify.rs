use causal_vault::{Anchor, ChainRule, Event, LogVerdict, TailVerdict, Vault};

/// Found by the attack suite: the tree head of a new vault, kept as an anchor, made the untouched vault a truncated one.
#[test]
fn an_anchor_of_an_empty_vault_is_kept_by_an_empty_vault() {
    let vault = Vault::in_memory().unwrap();
    let anchor: Anchor = vault.tree_head().unwrap().into();
    let report = vault.verify(&[anchor]).unwrap();
    assert_eq!(report.tail, TailVerdict::Consistent { anchored: 0 });
    assert!(report.is_intact());
    let elsewhere = Anchor { size: 0, root: [1; 32] };
    assert_eq!(vault.verify(&[elsewhere]).unwrap().tail, TailVerdict::Diverged { at: 0 });
}

/// Found by the attack suite: shared payloads were checked tenant by tenant, and an entry took its own from any tenant.
/// An edited payload that was given to another tenant was checked by nobody.
#[test]
fn a_payload_that_another_tenant_is_given_is_missed() {
    let vault = Vault::in_memory().unwrap();
    vault.named_writer("alice").unwrap().commit(Event::raw("scan", vec![7; 5000]).stream("demo")).unwrap();
    vault.backend().exec("UPDATE vault_payload SET bytes = zeroblob(5000), tenant = 2", &[]).unwrap();
    let report = vault.verify(&[]).unwrap();
    assert!(report.to_string().contains("payload at position 1 (entry 1 of its log): found no payload 1"), "{report}");
}

/// Found by the attack suite: a row outside of every timeline was read as an entry of its log, and verified by nobody.
#[test]
fn a_stray_row_in_a_log_is_missed_by_no_one() {
    let vault = Vault::in_memory().unwrap();
    vault.named_writer("alice").unwrap().commit(Event::raw("note", "one").stream("demo")).unwrap();
    for (id, seq, expected) in [
        ("5", 2, "scope: found an entry with id 5, expected none outside of the tenants' timelines"),
        ("-5", 2, "found an entry with id -5"),
        ("1 << 40", 2, "found an entry with id 1099511627776"),
        ("2 << 40 | 1", 2, "found an entry with id 2199023255553"),
        ("5", 16, "index: found 1 milestones by the index of log 1 in stream \"demo\", expected 0"),
        ("1 << 40 | 2", 2, "column at position 2"),
    ] {
        let copy = format!(
            "INSERT INTO vault_entry SELECT {id}, log, {seq}, 1, event_key, kind, lamport, hash, causal, bytes, signature, \
             payload, payload_id FROM vault_entry"
        );
        vault.backend().exec(&copy, &[]).unwrap();
        let report = vault.verify(&[]).unwrap();
        assert!(report.to_string().contains(expected), "{id}: {report}");
        vault.backend().exec(&format!("DELETE FROM vault_entry WHERE id = {id}"), &[]).unwrap();
    }
    assert!(vault.verify(&[]).unwrap().is_intact());
    for head in ["(99, 1 << 40 | 1)", "(-99, 1 << 40 | 1)"] {
        vault.backend().exec(&format!("INSERT INTO vault_head (id, entry) VALUES {head}"), &[]).unwrap();
        let report = vault.verify(&[]).unwrap();
        assert!(report.to_string().contains("index: found 3 heads, expected 2"), "{head}: {report}");
        vault.backend().exec("DELETE FROM vault_head WHERE id IN (99, -99)", &[]).unwrap();
    }
}

/// Found by the attack suite: an edge from another tenant's entry was read as one's own descendant.
#[test]
fn an_edge_from_another_tenants_entry_is_noticed() {
    let vault = Vault::in_memory().unwrap();
    for tenant in ["default", "acme"] {
        let alice = vault.for_tenant(tenant).unwrap().named_writer("alice").unwrap();
        alice.commit(Event::raw("note", "one").stream("demo")).unwrap();
    }
    vault.backend().exec("INSERT INTO vault_edge VALUES ((2 << 40) + 1, (1 << 40) + 1)", &[]).unwrap();
    let report = vault.verify(&[]).unwrap();
    assert!(report.to_string().contains("edge: found 1 edges to children, expected 0"), "{report}");
}

#[test]
fn an_entry_that_is_missing_between_two_is_told_by_its_number() {
    let vault = Vault::in_memory().unwrap();
    let alice = vault.named_writer("alice").unwrap();
    (0..5).for_each(|n| drop(alice.commit(Event::raw("note", [n]).stream("demo")).unwrap()));
    vault.backend().exec("DELETE FROM vault_entry WHERE seq = 3", &[]).unwrap();
    let report = vault.verify(&[]).unwrap();
    let LogVerdict::Broken(broken) = &report.logs[0].verdict else { panic!("{report}") };
    assert_eq!((broken.rule, &*broken.found, &*broken.expected), (ChainRule::Sequence, "4", "3"));
    assert_eq!(report.logs[0].entries, 3, "the two before it and the one that is found out");
}

#[test]
fn a_stored_tree_head_is_told_beside_that_of_the_entries() {
    let vault = Vault::in_memory().unwrap();
    vault.named_writer("alice").unwrap().commit(Event::raw("note", "one").stream("demo")).unwrap();
    let root = blake3::Hash::from_bytes(vault.tree_head().unwrap().root).to_hex();
    vault.backend().exec("UPDATE vault_head SET peaks = zeroblob(32) WHERE id = -1", &[]).unwrap();
    let expected = format!("found size 1 root {root}, expected size 1 root {}", "0".repeat(64));
    let report = vault.verify(&[]).unwrap();
    assert!(report.to_string().contains(&expected), "{report}");
}
