//! Reads of tables that somebody else has changed: they end, they do not panic, and they do not pass on another
//! tenant's events. What was changed is for verify to say.

use std::time::Duration;

use causal_vault::{ErrorKind, Event, Filter, Receipt, StoreError, Vault, WriterLog};
use proptest::prelude::*;

use super::{alice, note, notes, on_disk, texts, vault};

fn change(vault: &Vault, statement: &str) -> u64 {
    vault.backend().exec(statement, &[]).unwrap_or(0)
}

/// Two hundred events in five logs, each with parents.
fn told(vault: &Vault) -> Vec<Receipt> {
    let mut told: Vec<Receipt> = Vec::new();
    for n in 0..200_usize {
        let writer = vault.named_writer(["alice", "bob"][n % 2]).unwrap();
        let mut event = Event::raw(["a", "b", "c"][n % 3], vec![b'x'; n * 10]).stream(["s", "t", "u"][n % 5 % 3]);
        for back in [1, 7] {
            if let Some(parent) = n.checked_sub(back) {
                event = event.parent(&told[parent]);
            }
        }
        told.push(writer.commit(event).unwrap());
    }
    told
}

fn statement() -> impl Strategy<Value = String> {
    let table = prop_oneof![
        Just("vault_entry"),
        Just("vault_log"),
        Just("vault_edge"),
        Just("vault_kind"),
        Just("vault_writer"),
        Just("vault_head"),
        Just("vault_timeline"),
        Just("vault_payload"),
        Just("vault_lookup"),
        Just("vault_lookup_progress"),
    ];
    let number = prop_oneof![
        Just(0_i64),
        Just(1),
        Just(i64::MAX),
        Just(i64::MIN),
        Just(-1),
        1..250_i64,
        (1..250_i64).prop_map(|n| n | 1 << 40)
    ];
    let column = prop_oneof![
        Just("id"),
        Just("log"),
        Just("seq"),
        Just("event_key"),
        Just("kind"),
        Just("lamport"),
        Just("hash"),
        Just("causal"),
        Just("bytes"),
        Just("payload"),
        Just("payload_id"),
        Just("timeline"),
        Just("writer"),
        Just("epoch"),
        Just("child"),
        Just("parent"),
        Just("size"),
        Just("peaks"),
        Just("prefix"),
        Just("entry"),
        Just("name"),
        Just("stream"),
        Just("digest"),
    ];
    let value = prop_oneof![
        number.clone().prop_map(|n| n.to_string()),
        (1..200_i64).prop_map(|n| format!("(SELECT hash FROM vault_entry LIMIT 1 OFFSET {n})")),
        Just("x'00'".to_owned()),
        Just("''".to_owned()),
        Just("NULL".to_owned()),
        Just("zeroblob(32)".to_owned()),
    ];
    let rows = (1..40_i64, 0..40_i64);
    (table, column, value, rows, any::<bool>(), -3..4_i64).prop_map(
        |(table, column, value, (every, at), delete, by)| {
            let of = format!("OR IGNORE {table} SET {column}");
            match (delete, by) {
                (true, _) => format!("DELETE FROM {table} WHERE rowid % {every} = {at} OR {every} = 1"),
                (false, 0) => format!("UPDATE {of} = {value} WHERE abs(id) % {every} = {at}"),
                (false, 1) => format!("UPDATE {of} = {value}"),
                (false, by) => format!("UPDATE {of} = {column} + {by} WHERE {column} % {every} = {at}"),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_written_into_the_tables_every_read_ends_without_a_panic(
        statements in prop::collection::vec(statement(), 1..4),
        looked_up in any::<bool>(),
    ) {
        let vault = vault();
        let told = told(&vault);
        if looked_up {
            vault.get(told[5].hash).unwrap();
        }
        for statement in &statements {
            change(&vault, statement);
        }
        let bound = 100_000;
        for filter in [
            Filter::all(), Filter::stream("s"), Filter::writer(told[0].writer), Filter::kind("a"),
            Filter::parent(&told[3]), Filter::stream("t").after(told[90].position).up_to(told[150].position),
        ] {
            if let Ok(events) = vault.events(filter.clone()) {
                prop_assert!(events.take(bound).count() < bound);
            }
            if let Ok(mut cursor) = vault.cursor("reader", filter) {
                for _ in 0..300 {
                    match cursor.poll(3, Duration::ZERO) {
                        Ok(events) if !events.is_empty() => {}
                        _ => break,
                    }
                }
            }
        }
        for receipt in told.iter().step_by(20) {
            for lineage in [vault.ancestors(receipt), vault.descendants(receipt)].into_iter().flatten() {
                prop_assert!(lineage.take(bound).count() < bound);
            }
            let _ = (vault.try_get(receipt), vault.try_get(receipt.hash), vault.try_get(receipt.id));
            let _ = vault.try_get(receipt.position);
        }
        for stream in ["s", "t", "u"] {
            if let Ok(reader) = WriterLog::reader(vault.backend(), stream, "alice") {
                prop_assert!(reader.take(bound).count() < bound);
            }
            let _ = (WriterLog::head(vault.backend(), stream, "alice"), WriterLog::verify(vault.backend(), stream, "alice"));
        }
        let _ = (vault.verify(&[]), vault.tree_head());
        let _ = alice(&vault).commit(note("after").parent(&told[100]));
    }
}

/// Whoever projects a log must not take one with a hole for a whole one.
#[test]
fn a_log_with_a_hole_is_read_up_to_it_and_behind_it_but_never_across() {
    for hole in [1, 2, 128, 129, 256, 257, 299] {
        let vault = vault();
        let told = alice(&vault).commit_batch((0..300).map(|n| note(n.to_string()))).unwrap();
        change(&vault, &format!("DELETE FROM vault_entry WHERE seq = {hole}"));
        let stream = || Filter::stream("conv:demo");
        let seqs = |filter| {
            let (events, error) =
                vault.events(filter).map_or_else(|error| (None, Some(error)), |events| (Some(events), None));
            let events = events.into_iter().flatten().map(|event| event.map(|event| event.header.seq));
            events.chain(error.map(Err))
        };
        assert!(seqs(stream().after(told[hole - 1].position)).any(|seq| seq.is_err()), "hole at {hole}");
        let behind = seqs(stream().after(told[hole].position)).collect::<Result<Vec<_>, _>>();
        // A milestone that is missing is missed.
        let rest = (hole % 16 != 0).then(|| (hole as u64 + 2..=300).collect());
        assert_eq!(behind.ok(), rest, "hole at {hole}");
        if let Some(before) = hole.checked_sub(17) {
            let before = seqs(stream().up_to(told[before].position)).collect::<Result<Vec<_>, _>>();
            assert_eq!(before.map(|seqs| seqs.len()), Ok(hole - 16), "hole at {hole}");
        }
        for mut read in [
            Box::new(seqs(stream())) as Box<dyn Iterator<Item = Result<u64, StoreError>>>,
            Box::new(WriterLog::reader(vault.backend(), "conv:demo", "alice").unwrap().map(|entry| Ok(entry?.seq))),
        ] {
            let shown: Vec<_> = read.by_ref().map_while(Result::ok).collect();
            assert!(
                shown.len() < hole && shown.iter().copied().eq(1..=shown.len() as u64),
                "hole at {hole}: {shown:?}"
            );
        }
        let error = seqs(stream()).find_map(Result::err).unwrap();
        assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains("log 1"), "{error}");
        let error = WriterLog::verify(vault.backend(), "conv:demo", "alice").unwrap_err();
        assert!(matches!(error, StoreError::ChainBroken { .. }), "hole at {hole}: {error}");
    }
}

#[test]
fn a_range_is_kept_to_in_a_log_with_holes() {
    let vault = vault();
    let told = notes(&alice(&vault), 40);
    change(&vault, "DELETE FROM vault_entry WHERE seq IN (10, 20, 30)");
    for from in told.iter().map(|receipt| receipt.position) {
        for event in vault.events(Filter::stream("conv:demo").after(from)).into_iter().flatten().map_while(Result::ok) {
            assert!(event.header.position > from);
        }
    }
}

#[test]
fn an_ancestor_that_is_gone_is_an_error_and_not_the_end_of_the_history() {
    let vault = vault();
    let alice = alice(&vault);
    let mut last = alice.commit(note("root")).unwrap();
    for _ in 0..3 {
        last = alice.commit(note("next").parent(&last)).unwrap();
    }
    change(&vault, "DELETE FROM vault_entry WHERE seq = 2");
    let error = vault.ancestors(&last).and_then(|lineage| lineage.collect::<Result<Vec<_>, _>>()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("positions 3 and 2"), "{error}");
}

#[test]
fn an_edge_into_another_tenant_shows_nothing_of_it() {
    let vault = vault();
    let acme = vault.for_tenant("acme").unwrap();
    let secret = alice(&acme).commit(note("secret")).unwrap();
    let theirs = alice(&acme).commit(note("secret").parent(&secret)).unwrap();
    let mine = notes(&alice(&vault), 3);
    let edge = "INSERT INTO vault_edge (child, parent) SELECT a.id, b.id FROM vault_entry a, vault_entry b";
    let at = |receipt: &Receipt| receipt.hash.to_hex();
    change(
        &vault,
        &format!("{edge} WHERE hex(a.hash) = upper('{}') AND hex(b.hash) = upper('{}')", at(&mine[2]), at(&secret)),
    );
    change(
        &vault,
        &format!("{edge} WHERE hex(a.hash) = upper('{}') AND hex(b.hash) = upper('{}')", at(&theirs), at(&mine[0])),
    );
    let shown = |lineage: causal_vault::Result<causal_vault::Lineage>| {
        lineage.map_or(0, |lineage| lineage.filter(|header| header.is_ok()).count())
    };
    assert_eq!(shown(vault.ancestors(&mine[2])), 0);
    assert_eq!(shown(vault.descendants(&mine[0])), 0);
    assert_eq!(vault.events(Filter::parent(&mine[0])).unwrap().count(), 0);
}

/// The index of a longer history answered for a shorter one: what was appended since stood in its shadow.
#[test]
fn a_bare_hash_is_found_in_a_vault_that_was_cut_back_and_went_on() {
    for count in [2, 6] {
        let (folder, vault) = on_disk();
        let path = folder.path().join("agents.vault");
        let writer = alice(&vault);
        notes(&writer, 2);
        vault.backend().exec("CREATE TABLE kept AS SELECT * FROM vault_head", &[]).unwrap();
        let batch = |from: usize, what: &str| {
            let range = from * 2500..from * 2500 + 2500;
            alice(&vault).commit_batch(range.map(|n| note(format!("{what} {n}")))).unwrap()
        };
        let lost = [batch(0, "lost"), batch(1, "lost")].concat();
        assert_eq!(vault.get(lost[4999].hash).unwrap().payload, b"lost 4999");
        change(&vault, "DELETE FROM vault_entry WHERE seq > 2");
        change(&vault, "INSERT OR REPLACE INTO vault_head SELECT * FROM kept");
        drop((writer, vault));
        let vault = Vault::open(&path).unwrap();
        let writer = alice(&vault);
        let told: Vec<_> = (0..count)
            .flat_map(|batch| {
                writer.commit_batch((0..1000).map(|n| note(format!("new {}", batch * 1000 + n)))).unwrap()
            })
            .collect();
        for receipt in told.iter().step_by(97).chain(told.last()) {
            assert_eq!(vault.get(receipt.hash).unwrap().header.position, receipt.position);
        }
        assert_eq!(vault.try_get(lost[4].hash), Ok(None));
        assert_eq!(texts(&super::events(&vault, Filter::all().up_to(told[0].position))), ["0", "1", "new 0"]);
    }
}
