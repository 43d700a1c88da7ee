use std::time::{Duration, Instant};

use causal_vault::{ErrorKind, Event, Filter, Position, StoreError, Vault};

use super::{alice, events, note, notes, on_disk, texts, vault};

const NOW: Duration = Duration::ZERO;

#[test]
fn what_was_acknowledged_is_not_seen_again_and_what_was_not_is() {
    let (folder, vault) = on_disk();
    notes(&alice(&vault), 5);
    let mut cursor = vault.cursor("reader", Filter::all()).unwrap();
    let seen = cursor.poll(3, NOW).unwrap();
    assert_eq!(texts(&seen), ["0", "1", "2"]);
    cursor.ack(&seen[1]).unwrap();
    assert_eq!(texts(&cursor.poll(3, NOW).unwrap()), ["3", "4"], "the cursor itself goes on");
    // An earlier one changes nothing.
    cursor.ack(&seen[0]).unwrap();
    drop((cursor, vault));
    let vault = Vault::open(folder.path().join("agents.vault")).unwrap();
    let mut cursor = vault.cursor("reader", Filter::all()).unwrap();
    assert_eq!(cursor.acked().unwrap(), seen[1].header.position);
    assert_eq!(texts(&cursor.poll(10, NOW).unwrap()), ["2", "3", "4"]);
    assert_eq!(vault.cursor("another", Filter::all()).unwrap().poll(10, NOW).unwrap().len(), 5);
}

#[test]
fn an_acknowledgement_within_a_transaction_shares_its_fate() {
    let (_folder, vault) = on_disk();
    notes(&alice(&vault), 2);
    vault.backend().exec("CREATE TABLE seen (position INTEGER UNIQUE)", &[]).unwrap();
    let mut cursor = vault.cursor("reader", Filter::all()).unwrap();
    let seen = cursor.poll(10, NOW).unwrap();
    let store = |fails: bool| {
        vault.transaction(|tx| {
            tx.exec("INSERT INTO seen VALUES (?)", &[causal_vault::Value::Int(1)])?;
            cursor.ack_in(tx, &seen[0])?;
            if fails { Err(StoreError::Backend("no".into())) } else { Ok(()) }
        })
    };
    assert!(store(true).is_err());
    assert_eq!(cursor.acked().unwrap(), Position::START);
    store(false).unwrap();
    assert_eq!(cursor.acked().unwrap(), seen[0].header.position);
    assert_eq!(vault.backend().query("SELECT * FROM seen", &[]).unwrap().len(), 1);
}

/// An acknowledgement of what is not in this timeline would make the cursor pass over events that are still to come.
#[test]
fn an_event_of_another_tenant_or_vault_cannot_be_acknowledged() {
    let vault = vault();
    notes(&alice(&vault), 1);
    let cursor = vault.cursor("reader", Filter::all()).unwrap();
    let (elsewhere, acme) = (super::vault(), vault.for_tenant("acme").unwrap());
    for other in [&elsewhere, &acme] {
        notes(&alice(other), 3);
        for event in [0, 2].map(|at| events(other, Filter::all()).remove(at)) {
            let error = cursor.ack(&event).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            assert!(error.to_string().contains(&event.header.hash.to_hex()), "{error}");
            let error = vault.transaction(|tx| cursor.ack_in(tx, &event)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        }
    }
    let error = elsewhere.transaction(|tx| cursor.ack_in(tx, &events(&vault, Filter::all())[0])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(cursor.acked().unwrap(), Position::START);
}

#[test]
fn a_waiting_cursor_is_woken_by_a_commit_and_finds_those_of_another_vault_on_the_file() {
    let (folder, vault) = on_disk();
    let other = Vault::open(folder.path().join("agents.vault")).unwrap();
    for (round, writing) in [&vault, &other].into_iter().enumerate() {
        let mut cursor = vault.cursor("reader", Filter::kind("note")).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(move || cursor.poll(10, Duration::from_secs(60)).unwrap());
            std::thread::sleep(Duration::from_millis(20));
            alice(writing).commit(Event::raw("other", "").stream("conv:demo")).unwrap();
            alice(writing).commit(note(round.to_string())).unwrap();
            let seen = waiting.join().unwrap();
            let last = seen.last().unwrap();
            assert_eq!(last.payload, round.to_string().into_bytes());
            vault.cursor("reader", Filter::all()).unwrap().ack(last).unwrap();
        });
    }
}

/// Nothing can come behind the end of the range: a poll waited for it all the same.
#[test]
fn a_cursor_over_a_range_that_is_complete_does_not_wait() {
    let vault = vault();
    let told = notes(&alice(&vault), 5);
    let mut cursor = vault.cursor("range", Filter::all().after(told[0].position).up_to(told[2].position)).unwrap();
    assert_eq!(texts(&cursor.poll(10, NOW).unwrap()), ["1", "2"]);
    let started = Instant::now();
    assert!(cursor.poll(10, Duration::from_secs(3600)).unwrap().is_empty());
    assert!(started.elapsed() < Duration::from_secs(600));
    assert!(cursor.poll(0, Duration::from_secs(3600)).unwrap().is_empty());
}

/// Every poll of a cursor that waits for something rare looked at the whole timeline again.
#[test]
fn a_cursor_does_not_look_again_at_what_it_has_passed() {
    let (_folder, vault) = on_disk();
    let alice = alice(&vault);
    let told = notes(&alice, 10);
    let mut cursor = vault.cursor("rare", Filter::kind("rare*")).unwrap();
    alice.commit(Event::raw("rare", "first").stream("other")).unwrap();
    assert_eq!(texts(&cursor.poll(10, NOW).unwrap()), ["first"]);
    notes(&alice, 10);
    assert!(cursor.poll(10, NOW).unwrap().is_empty());
    // What lies behind it cannot be read any more, and is not missed.
    vault
        .backend()
        .exec("UPDATE vault_entry SET bytes = x'00', kind = (SELECT id FROM vault_kind WHERE kind = 'rare')", &[])
        .unwrap();
    assert!(vault.events(Filter::all().after(told[0].position)).unwrap().next().unwrap().is_err());
    assert!(cursor.poll(10, NOW).unwrap().is_empty());
    // A poll for one reads one: the second cannot be read and is not looked at.
    let mut one = vault.cursor("one", Filter::all()).unwrap();
    vault.backend().exec("UPDATE vault_entry SET bytes = (SELECT bytes FROM vault_entry WHERE seq = 1)", &[]).unwrap();
    assert!(one.poll(1, NOW).is_err());
}

#[test]
fn a_bad_cursor_name_is_refused() {
    let error = vault().cursor("a\nb", Filter::all()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("cursor name \"a\\nb\""), "{error}");
}

#[test]
fn a_cursor_that_stands_behind_the_end_of_the_timeline_says_so() {
    let vault = vault();
    notes(&alice(&vault), 3);
    let mut cursor = vault.cursor("reader", Filter::all()).unwrap();
    let seen = cursor.poll(10, NOW).unwrap();
    cursor.ack(&seen[2]).unwrap();
    vault.backend().exec("UPDATE vault_cursor SET position = 9", &[]).unwrap();
    let error = vault.cursor("reader", Filter::all()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("position 9") && error.to_string().contains("ends at 3"), "{error}");
}
