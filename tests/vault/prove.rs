use causal_vault::{
    ChainRule, ErrorKind, Event, EventId, Position, Receipt, TreeHead, Value, Vault, tree_root, verify_consistency,
    verify_inclusion,
};

fn write(vault: &Vault, count: u64) -> Vec<Receipt> {
    let events = (0..count).map(|n| Event::raw("tick", n.to_be_bytes()).stream("clock"));
    vault.named_writer("alice").unwrap().commit_batch(events).unwrap()
}

fn nodes(vault: &Vault) -> Vec<Vec<Value>> {
    vault.backend().query("SELECT timeline, level, number, hash FROM vault_node ORDER BY 1, 2, 3", &[]).unwrap()
}

/// Two tenants, so that the second one's nodes are not the first one's.
fn two_tenants(count: u64) -> (Vault, Vault, Vec<Receipt>) {
    let first = Vault::in_memory().unwrap();
    write(&first, 700);
    let second = first.for_tenant("acme").unwrap();
    let mut receipts = write(&second, 1);
    receipts.extend((1..count).step_by(1000).flat_map(|at| write(&second, (count - at).min(1000))));
    (first, second, receipts)
}

#[test]
fn every_entry_is_proved_in_every_size_up_to_130() {
    let (_, vault, receipts) = two_tenants(130);
    for size in 1..=130 {
        let root = tree_root(receipts[..size].iter().map(|receipt| receipt.hash.into()));
        let head = vault.tree_head_at(receipts[size - 1].position).unwrap();
        assert_eq!(head, TreeHead { size: size as u64, root });
        for receipt in [0, 1, size / 3, size / 2, size - 1].map(|index| &receipts[index.min(size - 1)]) {
            let proof = vault.prove_inclusion(receipt, Some(size as u64)).unwrap();
            assert_eq!(proof.index + 1, receipt.position.number());
            assert!(proof.verify(&receipt.hash, &head), "{receipt:?} in {size}");
        }
        for from in [0, 1, 2, size / 3, size / 2, size - 1, size].map(|from| from.min(size)) {
            let older = tree_root(receipts[..from].iter().map(|receipt| receipt.hash.into()));
            let proof = vault.prove_consistency(from as u64, size as u64).unwrap();
            assert!(verify_consistency(from as u64, &older, size as u64, &root, &proof.path), "{from} to {size}");
        }
    }
}

#[test]
fn proofs_hold_across_the_tiles_that_the_store_keeps() {
    let (_, vault, receipts) = two_tenants(2_000);
    let hashes: Vec<[u8; 32]> = receipts.iter().map(|receipt| receipt.hash.into()).collect();
    let sizes = [1, 255, 256, 257, 511, 512, 513, 767, 1024, 1025, 1279, 1280, 1999, 2000];
    for to in sizes {
        let root = tree_root(hashes[..to].iter().copied());
        for index in [0, 1, 254, 255, 256, 257, 511, 512, 1023, 1024, to - 1].into_iter().filter(|index| *index < to) {
            let proof = vault.prove_inclusion(receipts[index].position, Some(to as u64)).unwrap();
            assert!(
                verify_inclusion(&receipts[index].hash, index as u64, to as u64, &proof.path, &root),
                "{index} {to}"
            );
        }
        for from in sizes.into_iter().filter(|from| *from <= to) {
            let older = tree_root(hashes[..from].iter().copied());
            let proof = vault.prove_consistency(from as u64, to as u64).unwrap();
            assert!(verify_consistency(from as u64, &older, to as u64, &root, &proof.path), "{from} to {to}");
        }
    }
}

#[test]
fn what_cannot_be_proved_is_an_error_that_says_why() {
    let vault = Vault::in_memory().unwrap();
    assert_eq!(vault.prove_consistency(0, 0).unwrap().path.len(), 0);
    let receipts = write(&vault, 3);
    let error = vault.prove_inclusion(EventId::new(), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    for position in [0, 4, 1 << 39, 1 << 40, u64::MAX] {
        let position: Position = serde_json::from_str(&position.to_string()).unwrap();
        assert_eq!(vault.prove_inclusion(position, None).unwrap_err().kind(), ErrorKind::NotFound, "{position}");
    }
    let error = vault.prove_inclusion(&receipts[2], Some(2)).unwrap_err();
    assert!(error.to_string().contains("position 3"), "{error}");
    for (from, to) in [(0, 4), (2, 1), (0, u64::MAX), (u64::MAX, 3)] {
        assert_eq!(vault.prove_consistency(from, to).unwrap_err().kind(), ErrorKind::Invalid, "{from} to {to}");
    }
}

#[test]
fn a_changed_missing_or_surplus_node_is_found_and_rebuilt() {
    let (first, vault, receipts) = two_tenants(1_100);
    let kept = nodes(&vault);
    assert_eq!(kept.len(), 2 + 4);
    let head = vault.tree_head().unwrap();
    for (damage, breaks) in [
        ("UPDATE vault_node SET hash = zeroblob(32) WHERE timeline = 2 AND number = 1", true),
        (
            "UPDATE vault_node SET hash = (SELECT hash FROM vault_node WHERE number = 2) WHERE timeline = 2 AND number = 1",
            true,
        ),
        ("DELETE FROM vault_node WHERE timeline = 2 AND number = 1", true),
        ("DELETE FROM vault_node WHERE timeline = 2", true),
        ("INSERT INTO vault_node VALUES (2, 8, 4, zeroblob(32))", false),
        ("INSERT INTO vault_node VALUES (2, 16, 0, zeroblob(32))", false),
    ] {
        vault.backend().exec(damage, &[]).unwrap();
        let report = vault.verify(&[head.into()]).unwrap();
        assert!(!report.is_intact(), "{damage}");
        let [broken] = report.breaks.as_slice() else { panic!("{damage}: {report}") };
        assert_eq!(broken.rule, ChainRule::Node);
        assert!(broken.to_string().contains("rebuilt"), "{broken}");
        if damage.contains("zeroblob(32) WHERE") {
            let [_, _, _, Value::Blob(hash)] = &kept[3][..] else { panic!("{kept:?}") };
            let (found, expected) = ("00".repeat(32), hex::encode(hash));
            assert!(broken.found.starts_with(&found) && broken.expected.starts_with(&expected), "{broken}");
        }
        let proof = vault.prove_inclusion(&receipts[900], None);
        if damage.starts_with("DELETE") {
            assert!(proof.as_ref().unwrap_err().to_string().contains("vault_node"), "{proof:?}");
        }
        assert_eq!(proof.is_ok_and(|proof| proof.verify(&receipts[900].hash, &head)), !breaks, "{damage}");
        assert!(first.verify(&[]).unwrap().is_intact(), "the other tenant's tree is whole");
        assert_eq!(vault.rebuild_tree(), Ok(4));
        assert_eq!(nodes(&vault), kept, "{damage}");
        assert!(vault.verify(&[head.into()]).unwrap().is_intact(), "{damage}");
    }
    vault.backend().exec("DELETE FROM vault_entry WHERE id = (2 << 40) + 1030", &[]).unwrap();
    let error = vault.prove_inclusion(&receipts[1_030], None).unwrap_err();
    assert!(error.to_string().contains("the entries"), "{error}");
}

#[test]
fn a_tree_is_not_rebuilt_over_entries_that_were_changed() {
    let (_, vault, _) = two_tenants(600);
    let kept = nodes(&vault);
    vault.backend().exec("UPDATE vault_entry SET hash = zeroblob(32) WHERE id = 2 * (1 << 40) + 5", &[]).unwrap();
    assert_eq!(vault.rebuild_tree().unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(nodes(&vault), kept);
    let empty = vault.for_tenant("nobody").unwrap();
    assert_eq!(empty.rebuild_tree(), Ok(0));
}

#[test]
fn a_batch_that_is_rolled_back_leaves_no_node() {
    let vault = Vault::in_memory().unwrap();
    write(&vault, 255);
    let alice = vault.named_writer("alice").unwrap();
    let undone = vault.transaction(|tx| {
        tx.append(&alice, Event::raw("tick", "256").stream("clock"))?;
        Err::<(), _>(causal_vault::StoreError::Backend("no".into()))
    });
    assert!(undone.is_err() && nodes(&vault).is_empty());
    write(&vault, 1);
    assert_eq!(nodes(&vault).len(), 1);
    assert!(vault.verify(&[]).unwrap().is_intact());
}

/// A file that was written before there were nodes has none: they are computed when it is opened.
#[test]
fn a_vault_without_the_table_of_nodes_gets_it_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.vault");
    let vault = Vault::open(&path).unwrap();
    let receipts = write(&vault, 1_000);
    write(&vault.for_tenant("acme").unwrap(), 300);
    let kept = nodes(&vault);
    vault.backend().exec("DROP TABLE vault_node", &[]).unwrap();
    drop(vault);
    let vault = Vault::open(&path).unwrap();
    assert_eq!(nodes(&vault), kept);
    let proof = vault.prove_inclusion(&receipts[7], None).unwrap();
    assert!(proof.verify(&receipts[7].hash, &vault.tree_head().unwrap()));

    vault.backend().exec("DROP TABLE vault_node", &[]).unwrap();
    vault.backend().exec("UPDATE vault_entry SET hash = zeroblob(32) WHERE id = (1 << 40) + 5", &[]).unwrap();
    drop(vault);
    let vault = Vault::open(&path).unwrap();
    assert!(!vault.verify(&[]).unwrap().is_intact(), "what was changed can still be looked at");
}
