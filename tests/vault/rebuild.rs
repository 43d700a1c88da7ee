//! Building anew what follows from the entries.

use causal_vault::{Anchor, Derived, ErrorKind, Event, EventId, EventRef, Filter, Receipt, Value, Vault};

use super::{alice, note, notes, on_disk, vault};

/// Two tenants, so that what is rebuilt of one leaves the other alone.
fn history(vault: &Vault) -> (Anchor, Vec<Receipt>) {
    for tenant in [vault.for_tenant("acme").unwrap(), vault.clone()] {
        let mut told = notes(&alice(&tenant), 300);
        for n in 0..30 {
            let event = Event::raw(format!("kind.{n}"), vec![b'x'; n * 100]).stream(format!("stream {}", n % 4));
            let event = event.parent(&told[n]).parent(&told[n + 100]).id(EventId::new());
            told.push(tenant.named_writer("bob").unwrap().commit(event).unwrap());
        }
        if tenant.tenant() == vault.tenant() {
            vault.get(told[3].hash).unwrap();
            return (vault.tree_head().unwrap().into(), told);
        }
    }
    unreachable!("the vault's own tenant comes last")
}

fn everything(vault: &Vault) -> Vec<causal_vault::StoredEvent> {
    super::events(vault, Filter::all())
}

#[test]
fn whatever_is_derived_is_named_and_rebuilt_and_the_other_tenant_is_untouched() {
    for (damage, derived) in [
        (
            "UPDATE vault_entry SET seq = seq + 1000, lamport = 3, kind = 1, event_key = 5 WHERE id > 2 << 40",
            Derived::Columns,
        ),
        ("UPDATE vault_entry SET hash = zeroblob(32), causal = zeroblob(32) WHERE id > 2 << 40", Derived::Columns),
        ("UPDATE vault_entry SET log = (SELECT max(id) FROM vault_log) + id WHERE id > 2 << 40", Derived::Columns),
        ("UPDATE vault_entry SET payload_id = NULL WHERE id > 2 << 40", Derived::Columns),
        ("UPDATE vault_kind SET kind = kind || 'x'", Derived::Columns),
        ("DELETE FROM vault_kind", Derived::Columns),
        ("UPDATE vault_log SET stream = stream || 'x' WHERE timeline = 2", Derived::Columns),
        ("DELETE FROM vault_log WHERE timeline = 2", Derived::Columns),
        ("DELETE FROM vault_edge WHERE child > 2 << 40", Derived::Edges),
        ("INSERT INTO vault_edge VALUES ((2 << 40) + 3, (2 << 40) + 1)", Derived::Edges),
        ("DELETE FROM vault_node WHERE timeline = 2", Derived::Nodes),
        ("UPDATE vault_head SET entry = 2 << 40, peaks = x'' WHERE id = -2", Derived::TreeHead),
        ("UPDATE vault_head SET entry = entry - 1 WHERE id > 0 AND entry > 2 << 40", Derived::Indexes),
        ("DELETE FROM vault_head WHERE id > 0 AND entry > 2 << 40", Derived::Indexes),
        ("UPDATE vault_entry SET back = 2 WHERE id > 2 << 40", Derived::Columns),
        ("UPDATE vault_payload SET prefix = 7 WHERE tenant = 2", Derived::Indexes),
    ] {
        let vault = vault();
        let (anchor, told) = history(&vault);
        let acme = vault.for_tenant("acme").unwrap();
        let (before, theirs) = (everything(&vault), everything(&acme));
        assert!(vault.backend().exec(damage, &[]).unwrap() > 0, "{damage}");
        // What cannot even be read cannot be named.
        if let Ok(report) = vault.verify(&[anchor]) {
            assert!(!report.is_intact(), "{damage}");
            if damage.contains("payload_id") {
                assert!(report.derived().is_empty(), "{damage}: {report}");
            } else {
                assert!(report.derived().contains(&derived), "{damage}: {report}");
            }
        }
        let report = vault.rebuild(&[anchor]).unwrap_or_else(|error| panic!("{damage}: {error}"));
        assert!(report.is_intact() && report.derived().is_empty(), "{damage}: {report}");
        assert_eq!(vault.verify(&[anchor]), Ok(report), "{damage}");
        assert_eq!(everything(&vault), before, "{damage}");
        if damage.contains("2") {
            assert!(acme.verify(&[]).unwrap().is_intact(), "{damage}");
        } else {
            // The names of kinds are shared.
            acme.rebuild(&[]).unwrap();
        }
        assert_eq!(everything(&acme), theirs, "{damage}");
        let next = alice(&vault).commit(note("next").parent(&told[5])).unwrap();
        assert_eq!((next.seq, next.position.number()), (301, 331), "{damage}");
        assert!(vault.verify(&[anchor]).unwrap().is_intact(), "{damage}");
    }
}

#[test]
fn what_follows_from_nothing_is_refused_and_nothing_is_changed() {
    for damage in [
        "UPDATE vault_entry SET bytes = substr(bytes, 2) WHERE id = (2 << 40) + 7",
        "UPDATE vault_entry SET payload = x'00' WHERE id = (2 << 40) + 7",
        "UPDATE vault_entry SET id = id + 1 WHERE id = (2 << 40) + 330",
        "DELETE FROM vault_entry WHERE id = (2 << 40) + 7",
        "DELETE FROM vault_entry WHERE id = (2 << 40) + 330",
        "UPDATE vault_payload SET bytes = zeroblob(2000) WHERE tenant = 2",
        "DELETE FROM vault_payload",
        "UPDATE vault_writer SET name = 'mallory' WHERE name = 'bob'",
        "UPDATE vault_realm SET realm = zeroblob(32)",
    ] {
        let (_folder, vault) = on_disk();
        let (anchor, _) = history(&vault);
        assert!(vault.backend().exec(damage, &[]).unwrap() > 0, "{damage}");
        let tables = |vault: &Vault| {
            ["vault_entry", "vault_edge", "vault_node", "vault_kind", "vault_log", "vault_lookup"]
                .map(|table| vault.backend().query(&format!("SELECT * FROM {table} ORDER BY 1, 2"), &[]).unwrap())
        };
        let before = tables(&vault);
        for anchors in [&[][..], &[anchor]] {
            let error = vault.rebuild(anchors).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{damage}: {error}");
            assert!(tables(&vault) == before, "{damage}: {error}");
        }
    }
}

/// A shorter history under a new head would be a rollback that the vault itself has covered up.
#[test]
fn a_tree_head_is_rebuilt_only_where_an_anchor_says_that_nothing_is_missing() {
    let vault = vault();
    let (anchor, _) = history(&vault);
    vault.backend().exec("UPDATE vault_head SET peaks = zeroblob(length(peaks)) WHERE id = -2", &[]).unwrap();
    let others = [Anchor { size: 7, ..anchor }, Anchor { root: [7; 32], ..anchor }];
    for anchors in [&[][..], &others[..1], &others[1..]] {
        let error = vault.rebuild(anchors).unwrap_err();
        assert!(error.to_string().contains("no anchor says that they are all"), "{error}");
    }
    assert!(vault.rebuild(&[anchor]).unwrap().is_intact());
}

/// The numbers of the logs of the vault's own tenant.
fn numbers(vault: &Vault) -> Vec<i64> {
    let statement = "SELECT id FROM vault_log WHERE timeline = 2 ORDER BY stream";
    let rows = vault.backend().query(statement, &[]).unwrap();
    rows.into_iter().map(|row| if let [Value::Int(id)] = row[..] { id } else { panic!("{row:?}") }).collect()
}

/// Other processes may remember the number of a log.
#[test]
fn a_log_gets_the_number_that_its_entries_name_unless_it_cannot_be_its_own() {
    // The other tenant has 1 to 5. What the entries of the last log name instead of 10, and what it gets.
    for (shift, named, number) in [(9, 19, 19), (9, 0, 6), (9, -1, 6), (9, 1, 6), (9, 15, 6), (0, 0, 10), (0, 6, 10)] {
        let (vault, case) = (vault(), format!("{named} instead of {}", 10 + shift));
        let (anchor, _) = history(&vault);
        let change = format!(
            "UPDATE vault_entry SET log = CASE log WHEN 10 THEN {named} ELSE log + {shift} END WHERE id > 2 << 40"
        );
        assert_eq!(vault.backend().exec(&change, &[]), Ok(330), "{case}");
        assert_eq!(vault.backend().exec("DELETE FROM vault_log WHERE timeline = 2", &[]), Ok(5), "{case}");
        assert!(vault.rebuild(&[anchor]).unwrap().is_intact(), "{case}");
        assert_eq!(numbers(&vault), [6 + shift, 7 + shift, 8 + shift, 9 + shift, number], "{case}");
        assert!(vault.for_tenant("acme").unwrap().verify(&[]).unwrap().is_intact(), "{case}");
    }
    // Their own rows stay what they are, and no others.
    for change in [
        "UPDATE vault_entry SET log = log + 9 WHERE id > 2 << 40",
        "INSERT INTO vault_log (id, timeline, stream, writer, epoch) SELECT 50, 2, 'nothing', writer, 0 FROM vault_log WHERE id = 6",
    ] {
        let vault = vault();
        let (anchor, _) = history(&vault);
        assert_ne!(vault.backend().exec(change, &[]), Ok(0), "{change}");
        assert!(vault.rebuild(&[anchor]).unwrap().is_intact(), "{change}");
        assert_eq!(numbers(&vault), [6, 7, 8, 9, 10], "{change}");
    }
}

#[test]
fn the_id_of_a_writer_is_rebuilt_from_its_name_and_a_name_that_stands_there_twice_is_one_writers() {
    for damage in [
        "UPDATE vault_writer SET writer = zeroblob(32) WHERE name = 'bob'",
        "INSERT INTO vault_writer (writer, name) VALUES (zeroblob(32), 'bob')",
        "INSERT INTO vault_writer (id, writer, name) VALUES (-7, zeroblob(32), 'bob')",
    ] {
        let vault = vault();
        let (anchor, _) = history(&vault);
        let before = everything(&vault);
        assert_eq!(vault.backend().exec(damage, &[]), Ok(1));
        assert!(vault.rebuild(&[anchor]).unwrap().is_intact(), "{damage}");
        assert_eq!(everything(&vault), before, "{damage}");
    }
    let vault = vault();
    let (anchor, _) = history(&vault);
    let before = everything(&vault);
    let exchanged = "UPDATE vault_writer SET name = CASE name WHEN 'alice' THEN 'bob' ELSE 'alice' END \
                     WHERE name IN ('alice', 'bob')";
    assert_eq!(vault.backend().exec(exchanged, &[]), Ok(2));
    assert!(vault.rebuild(&[anchor]).unwrap().is_intact());
    assert_eq!(everything(&vault), before);
}

#[test]
fn a_vault_with_revoked_entries_is_rebuilt_and_they_hide_no_damage() {
    let vault = vault();
    let told = notes(&alice(&vault), 4);
    vault.revoke(alice(&vault).id(), EventRef::from(&told[0])).unwrap();
    let before = vault.verify(&[]).unwrap();
    assert!(!before.is_intact());
    assert_eq!(vault.backend().exec("DELETE FROM vault_edge", &[]), Ok(1));
    assert_eq!(vault.rebuild(&[]), Ok(before));
    assert_eq!(vault.backend().exec("UPDATE vault_entry SET payload = x'00' WHERE seq = 3", &[]), Ok(1));
    let error = vault.rebuild(&[]).unwrap_err().to_string();
    assert!(error.contains("payload at position 3"), "{error}");
}

#[test]
fn an_intact_vault_and_an_empty_one_stay_what_they_are() {
    let vault = vault();
    assert!(vault.rebuild(&[]).unwrap().is_intact());
    let (anchor, _) = history(&vault);
    let before = (everything(&vault), vault.verify(&[anchor]).unwrap());
    assert_eq!(vault.rebuild(&[anchor]).unwrap(), before.1);
    assert_eq!(everything(&vault), before.0);
    let nobody = vault.for_tenant("nobody").unwrap();
    assert!(nobody.rebuild(&[]).unwrap().is_intact());
}
