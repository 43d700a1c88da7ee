use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use causal_vault::{ErrorKind, Event, EventHeader, Filter, StoreError, TreeHead, Vault};
use proptest::prelude::*;

use super::history::{KINDS, STREAMS, plans, tell};
use super::{alice, assert_intact, note, notes, on_disk, vault};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_subscriber_is_told_of_what_its_filter_wants_with_the_header_that_is_read_back(plans in plans(25)) {
        let vault = vault();
        let told = Arc::new(Mutex::new(Vec::<EventHeader>::new()));
        let sink = Arc::clone(&told);
        let _guard = vault.subscribe(Filter::kind("ledger.*").with_stream(STREAMS[2]), move |header| {
            sink.lock().unwrap().push(header.clone());
        }).unwrap();
        let wanted: Vec<_> = tell(&vault, &plans)
            .into_iter()
            .filter(|told| told.stream == STREAMS[2] && KINDS[..2].contains(&told.kind))
            .map(|told| vault.get(&told.receipt).unwrap().header)
            .collect();
        prop_assert_eq!(&*told.lock().unwrap(), &wanted);
    }
}

#[test]
fn a_subscription_ends_with_its_guard() {
    let vault = vault();
    let (send, rung) = channel();
    let guard = vault.subscribe(Filter::all(), move |header| send.send(header.seq).unwrap()).unwrap();
    notes(&alice(&vault), 2);
    drop(guard);
    notes(&alice(&vault), 2);
    assert_eq!(rung.iter().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn nobody_is_told_of_what_is_rolled_back_and_all_of_what_is_committed_only_then() {
    let vault = vault();
    let alice = alice(&vault);
    let (send, rung) = channel();
    let reader = vault.clone();
    let _guard = vault
        .subscribe(Filter::all(), move |header| {
            send.send((header.seq, reader.get(header).is_ok())).unwrap();
        })
        .unwrap();
    let failed = vault.transaction(|tx| {
        tx.append(&alice, note("never"))?;
        Err::<(), _>(StoreError::Backend("changed my mind".into()))
    });
    assert!(failed.is_err());
    vault
        .transaction(|tx| {
            tx.append(&alice, note("one"))?;
            tx.append(&alice, note("two"))?;
            assert_eq!(rung.try_iter().count(), 0);
            Ok::<_, StoreError>(())
        })
        .unwrap();
    assert_eq!(rung.try_iter().collect::<Vec<_>>(), [(1, true), (2, true)]);
}

#[test]
fn a_callback_may_commit_subscribe_and_look_up_and_a_panic_in_one_harms_nobody() {
    let (_folder, vault) = on_disk();
    let alice = alice(&vault);
    let (handle, bob) = (vault.clone(), vault.named_writer("bob").unwrap());
    let (send, answered) = channel();
    let _answers = vault
        .subscribe(Filter::kind("question"), move |header| {
            let question = handle.get(header.hash).unwrap();
            drop(handle.subscribe(Filter::all(), |_| {}).unwrap());
            let answer = bob.commit(Event::raw("answer", "because").stream("conv:demo").parent(&question)).unwrap();
            send.send(answer.position.number()).unwrap();
        })
        .unwrap();
    let _bug = vault.subscribe(Filter::kind("question"), |_| panic!("a bug in a subscriber")).unwrap();
    for _ in 0..3 {
        alice.commit(Event::raw("question", "why?").stream("conv:demo")).unwrap();
    }
    assert_eq!(answered.try_iter().collect::<Vec<_>>(), [2, 4, 6]);
    assert_intact(&vault);
}

#[test]
fn a_commit_within_a_transaction_of_the_same_thread_says_what_to_do_instead() {
    let (_folder, vault) = on_disk();
    let alice = alice(&vault);
    vault
        .transaction(|tx| {
            let error = alice.commit(note("beside")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("work through it"), "{error}");
            let error = vault.transaction(|_| Ok::<_, StoreError>(())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            tx.append(&alice, note("within"))
        })
        .unwrap();
    assert_eq!(notes(&alice, 1)[0].seq, 2);
}

#[test]
fn clones_share_subscribers_and_another_vault_on_the_same_file_does_not_ring_here() {
    let (folder, vault) = on_disk();
    let (send, rung) = channel();
    let _guard =
        vault.clone().subscribe(Filter::all(), move |header| send.send(header.position.number()).unwrap()).unwrap();
    notes(&alice(&vault), 1);
    let other = Vault::open(folder.path().join("agents.vault")).unwrap();
    assert_eq!(other.realm(), vault.realm());
    notes(&alice(&other), 1);
    notes(&alice(&vault), 1);
    assert_eq!(rung.try_iter().collect::<Vec<_>>(), [1, 3]);
    assert_intact(&other);
}

/// It was once not told: what is noted for subscribers was noted while there were none.
#[test]
fn whoever_subscribes_while_a_commit_is_under_way_is_told_of_it() {
    let vault = Vault::in_memory().unwrap();
    let alice = vault.named_writer("alice").unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let (headers, heads) = (Arc::clone(&told), Arc::new(Mutex::new(Vec::new())));
    let sizes = Arc::clone(&heads);
    let guards = vault
        .transaction(|tx| {
            tx.append(&alice, Event::raw("note", "one").stream("demo"))?;
            let header = vault.subscribe(Filter::all(), move |header| headers.lock().unwrap().push(header.seq))?;
            let head = vault.heads().subscribe_guarded(move |head: &TreeHead| sizes.lock().unwrap().push(head.size));
            tx.append(&alice, Event::raw("note", "two").stream("demo"))?;
            Ok::<_, StoreError>((header, head))
        })
        .unwrap();
    assert_eq!((&*told.lock().unwrap(), &*heads.lock().unwrap()), (&vec![1, 2], &vec![2]));
    drop(guards);
}
