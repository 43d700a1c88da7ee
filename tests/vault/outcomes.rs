use std::time::Duration;

use causal_vault::{ErrorKind, Event, EventId, Filter, Outcome, Receipt, SqliteBackend, StoreError, Vault};

use super::faulty::{Fault, failure, faulty};
use super::{alice, assert_intact, note, notes, size};

const FAULTS: [Fault; 3] = [Fault::Before, Fault::After, Fault::Panics];

fn committed(vault: &Vault, id: EventId) -> Option<Receipt> {
    match vault.resolve(id).unwrap() {
        Outcome::Committed(receipt) => Some(receipt),
        Outcome::NotCommitted => None,
        other => panic!("{other:?}"),
    }
}

fn identified(text: &str) -> (EventId, Event) {
    let id = EventId::new();
    (id, note(text).id(id))
}

#[test]
fn a_failed_commit_is_unknown_until_it_is_resolved_and_every_retry_is_safe() {
    for fault in FAULTS {
        let (_folder, vault, control) = faulty();
        let alice = alice(&vault);
        notes(&alice, 2);
        let (id, event) = identified("maybe");
        control.set(fault);
        let error = alice.commit(event.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownOutcome);
        let [unknown] = error.unknown_events() else { panic!("{error:?}") };
        assert_eq!(EventId::from(unknown.event_id), id);

        control.set(Fault::None);
        let found = committed(&vault, id);
        assert_eq!(found.is_some(), fault != Fault::Before, "{fault:?}");
        if let Some(found) = &found {
            assert_eq!((found.hash.to_hex(), found.seq, found.is_new), (unknown.entry_hash.clone(), 3, false));
        }
        vault.reopen().unwrap();
        let retried = alice.commit(event).unwrap();
        assert_eq!((retried.seq, retried.is_new), (3, found.is_none()));
        assert_eq!(committed(&vault, id).unwrap().hash, retried.hash);
        assert_eq!((notes(&alice, 1)[0].seq, size(&vault)), (4, 4));
        assert_intact(&vault);
    }
}

#[test]
fn an_event_that_was_given_no_id_is_resolved_by_the_one_in_the_error() {
    for fault in FAULTS {
        let (_folder, vault, control) = faulty();
        control.set(fault);
        let error = alice(&vault).commit(note("maybe")).unwrap_err();
        control.set(Fault::None);
        let unknown = &error.unknown_events()[0];
        let found = committed(&vault, unknown.event_id.into());
        assert_eq!(
            found.map(|found| found.hash.to_hex()),
            (fault != Fault::Before).then(|| unknown.entry_hash.clone())
        );
    }
}

#[test]
fn an_unknown_batch_or_transaction_names_all_its_events() {
    for fault in FAULTS {
        let (_folder, vault, control) = faulty();
        let alice = alice(&vault);
        let ids: Vec<_> = (0..3).map(|_| EventId::new()).collect();
        let batch = || ids.iter().map(|id| note("maybe").id(*id)).collect::<Vec<_>>();
        for whole in [true, false] {
            control.set(fault);
            let error = if whole {
                alice.commit_batch(batch()).unwrap_err()
            } else {
                vault
                    .transaction(|tx| batch().into_iter().try_for_each(|e| tx.append(&alice, e).map(drop)))
                    .unwrap_err()
            };
            let named: Vec<EventId> = error.unknown_events().iter().map(|event| event.event_id.into()).collect();
            assert_eq!(named, ids, "{error}");
            control.set(Fault::None);
            vault.reopen().unwrap();
            assert!(ids.iter().all(|id| committed(&vault, *id).is_some() == (fault != Fault::Before)));
        }
        let receipts = alice.commit_batch(batch()).unwrap();
        assert_eq!(receipts.iter().map(|receipt| receipt.seq).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(size(&vault), 3);
    }
}

#[test]
fn a_poisoned_vault_appends_nothing_to_any_tenant_and_reads_on_until_it_is_reopened() {
    let (_folder, vault, control) = faulty();
    let (alice, other) = (alice(&vault), vault.for_tenant("acme").unwrap());
    let first = alice.commit(note("first")).unwrap();
    control.set(Fault::Before);
    alice.commit(note("second")).unwrap_err();
    let settled = vault.reopen().unwrap_err();
    assert_eq!(settled, failure());
    control.set(Fault::None);
    let poisoned = StoreError::Poisoned { cause: Box::new(failure()) };
    assert_eq!(alice.commit(note("third")), Err(poisoned.clone()));
    assert_eq!(alice.commit_batch([note("third")]), Err(poisoned.clone()));
    assert_eq!(vault.transaction(|_| Ok::<_, StoreError>(())), Err(poisoned.clone()));
    assert_eq!(other.named_writer("bob").unwrap().commit(note("third")), Err(poisoned.clone()));
    assert!(poisoned.to_string().contains("call reopen"), "{poisoned}");
    assert_eq!(vault.get(&first).unwrap().payload, b"first");
    other.reopen().unwrap();
    assert_eq!(alice.commit(note("third")).unwrap().seq, 2);
    assert_intact(&vault);
}

#[test]
fn a_lock_that_is_not_free_at_the_commit_stored_nothing_and_poisons_nothing() {
    let (_folder, vault, control) = faulty();
    let alice = alice(&vault);
    control.set(Fault::Busy);
    let (id, event) = identified("busy");
    assert_eq!(alice.commit(event.clone()).unwrap_err().kind(), ErrorKind::Busy);
    control.set(Fault::None);
    assert_eq!(committed(&vault, id), None);
    assert!(alice.commit(event).unwrap().is_new);
}

#[test]
fn while_a_small_write_fails_nothing_is_settled() {
    let (_folder, vault, control) = faulty();
    let (id, event) = identified("maybe");
    control.set(Fault::Before);
    alice(&vault).commit(event).unwrap_err();
    assert_eq!(vault.resolve(id), Err(failure()));
    control.set(Fault::None);
    assert_eq!(vault.resolve(id), Ok(Outcome::NotCommitted));
}

/// It was once let through: it had found the vault sound before it waited for the lock.
#[test]
fn who_has_waited_for_a_commit_that_fails_appends_nothing() {
    let (_folder, vault, control) = faulty();
    let alice = alice(&vault);
    std::thread::scope(|scope| {
        let mut waits = None;
        let failed = vault.transaction(|tx| {
            tx.append(&alice, note("fails"))?;
            waits = Some(scope.spawn(|| vault.transaction(|tx| tx.append(&alice, note("waits")))));
            // Should it come later, it is refused at once.
            std::thread::sleep(Duration::from_millis(50));
            control.set(Fault::Before);
            Ok::<_, StoreError>(())
        });
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::UnknownOutcome);
        let waited = waits.unwrap().join().unwrap();
        assert_eq!(waited, Err(StoreError::Poisoned { cause: Box::new(failure()) }));
    });
}

#[test]
fn a_failed_commit_that_appends_no_event_poisons_the_vault_as_well() {
    let (_folder, vault, control) = faulty();
    let alice = alice(&vault);
    notes(&alice, 1);
    let mut cursor = vault.cursor("reader", Filter::all()).unwrap();
    let event = cursor.poll(1, Duration::ZERO).unwrap().remove(0);
    control.set(Fault::Before);
    let error = cursor.ack(&event).unwrap_err();
    assert_eq!((error.kind(), error.unknown_events()), (ErrorKind::UnknownOutcome, &[][..]));
    assert!(error.to_string().contains("may be stored or not; do it again"), "{error}");
    control.set(Fault::None);
    assert_eq!(alice.commit(note("never")), Err(StoreError::Poisoned { cause: Box::new(failure()) }));
    vault.reopen().unwrap();
    cursor.ack(&event).unwrap();
}

#[test]
fn nothing_is_settled_within_a_transaction_that_may_still_be_rolled_back() {
    let conn = rusqlite::Connection::open_in_memory().unwrap();
    let vault = Vault::builder().over(SqliteBackend::from_connection(conn)).unwrap();
    let id = alice(&vault).commit(note("one")).unwrap().id;
    vault.backend().exec("BEGIN", &[]).unwrap();
    for error in [vault.resolve(id).unwrap_err(), vault.reopen().unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
    vault.backend().exec("COMMIT", &[]).unwrap();
    assert!(committed(&vault, id).is_some());
}
