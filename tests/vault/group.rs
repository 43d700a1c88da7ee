use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use causal_vault::{ErrorKind, Event, Filter, Outcome, Signer, SigningKey, StoreError, TreeHead, Vault};

use super::faulty::{Fault, faulty};
use super::{alice, assert_intact, events, note, notes, on_disk, size};

#[test]
fn a_lone_thread_takes_a_transaction_for_each_commit() {
    let (_folder, vault, control) = faulty();
    notes(&alice(&vault), 25);
    assert_eq!(control.commits.load(Ordering::Relaxed), 25);
}

#[test]
fn sixteen_threads_take_far_fewer_transactions_than_commits() {
    let (_folder, vault, control) = faulty();
    control.set(Fault::Slow);
    let (rung, told) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (rings, heads) = (Arc::clone(&rung), Arc::clone(&told));
    let _bell = vault.subscribe(Filter::all(), move |_| {
        rings.fetch_add(1, Ordering::Relaxed);
    });
    let _heads = vault.heads().subscribe_guarded(move |_: &TreeHead| {
        heads.fetch_add(1, Ordering::Relaxed);
    });
    let receipts: Vec<_> = std::thread::scope(|scope| {
        let commits = |thread: usize| {
            let vault = &vault;
            move || {
                let writer = vault.named_writer(&format!("writer {}", thread % 5)).unwrap();
                (0..20)
                    .map(|n| {
                        let text = format!("{thread}:{n}");
                        let receipt = writer.commit(note(text.clone())).unwrap();
                        assert_eq!(vault.get(&receipt).unwrap().payload, text.as_bytes());
                        receipt
                    })
                    .collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..16).map(|thread| scope.spawn(commits(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let positions: BTreeSet<_> = receipts.iter().map(|receipt| receipt.position.number()).collect();
    assert_eq!(positions, (1..=320).collect());
    let commits = control.commits.load(Ordering::Relaxed);
    assert!(commits <= 320 / 4, "{commits} transactions for 320 commits");
    assert_eq!((rung.load(Ordering::Relaxed), told.load(Ordering::Relaxed) as u64), (320, commits));
    assert_intact(&vault);
}

#[test]
fn a_commit_within_a_transaction_of_its_thread_fails_while_others_wait_for_the_lock() {
    let (_folder, vault) = on_disk();
    let alice = alice(&vault);
    std::thread::scope(|scope| {
        vault
            .transaction(|tx| {
                for _ in 0..4 {
                    scope.spawn(|| alice.commit(note("waits")).unwrap());
                }
                std::thread::yield_now();
                assert_eq!(alice.commit(note("inside")).unwrap_err().kind(), ErrorKind::Unsupported);
                tx.append(&alice, note("appended"))
            })
            .unwrap();
    });
    assert_eq!(size(&vault), 5);
}

#[test]
fn a_commit_within_the_callers_own_transaction_is_taken_back_with_it_and_takes_nobody_along() {
    let (_folder, vault) = on_disk();
    let alice = alice(&vault);
    let db = vault.backend();
    db.exec("BEGIN IMMEDIATE", &[]).unwrap();
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..4).map(|_| scope.spawn(|| alice.commit(note("another's")).unwrap())).collect();
        alice.commit(note("taken back")).unwrap();
        db.exec("ROLLBACK", &[]).unwrap();
        others.into_iter().for_each(|other| drop(other.join().unwrap()));
    });
    assert!(events(&vault, Filter::all()).iter().all(|event| event.payload == b"another's"));
    assert_eq!(size(&vault), 4);
    assert_intact(&vault);
}

#[test]
fn a_callback_may_commit_and_every_commit_rings_before_it_returns_on_its_own_thread() {
    let (_folder, vault) = on_disk();
    let echo = vault.named_writer("echo").unwrap();
    let _guard = vault.subscribe(Filter::kind("note"), move |header| {
        let on = format!("{:?}", std::thread::current().id());
        echo.commit(Event::raw("echo", on).stream("echo").parent(header)).unwrap();
    });
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let me = format!("{:?}", std::thread::current().id());
                for _ in 0..5 {
                    let receipt = alice(&vault).commit(note("hi")).unwrap();
                    let echoes: Vec<_> = vault.descendants(&receipt).unwrap().collect::<Result<_, _>>().unwrap();
                    assert_eq!(echoes.len(), 1);
                    assert_eq!(vault.get(&echoes[0]).unwrap().payload, me.as_bytes());
                }
            });
        }
    });
    assert_eq!(size(&vault), 80);
}

#[test]
fn after_a_failed_commit_of_a_group_each_member_knows_its_own_event_or_that_nothing_was_tried() {
    let (_folder, vault, control) = faulty();
    control.set(Fault::After);
    let errors: Vec<_> = std::thread::scope(|scope| {
        let commit = || alice(&vault).commit(note("maybe")).unwrap_err();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(commit)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    control.set(Fault::None);
    let mut stored = BTreeSet::new();
    for error in &errors {
        match error {
            StoreError::UnknownOutcome { events, .. } => {
                let [event] = &events[..] else { panic!("{error:?}") };
                let Outcome::Committed(receipt) = vault.resolve(event.event_id).unwrap() else { panic!("{error:?}") };
                assert_eq!(receipt.hash.to_hex(), event.entry_hash);
                assert!(stored.insert(receipt.position));
            }
            StoreError::Poisoned { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((stored.len() as u64, stored.is_empty()), (size(&vault), false));
}

/// Commits through the vault whose commit it signs.
#[derive(Clone)]
struct Meddler(Vault, Arc<Mutex<Vec<StoreError>>>);

impl Signer for Meddler {
    fn public_key(&self) -> [u8; 32] {
        SigningKey::from_bytes(&[7; 32]).public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], StoreError> {
        let refused = self.0.named_writer("meddler")?.commit(note("meddled"));
        self.1.lock().unwrap().extend(refused.err());
        SigningKey::from_bytes(&[7; 32]).sign(message)
    }
}

#[test]
fn a_signer_that_commits_is_refused_at_once_whoever_leads_the_group_that_it_signs_in() {
    let (_folder, vault) = on_disk();
    let meddler = Meddler(vault.clone(), Arc::default());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| notes(&vault.writer(meddler.clone()).unwrap(), 20));
        }
    });
    assert_eq!(size(&vault), 160);
    let refused = meddler.1.lock().unwrap();
    assert!(refused.len() >= 160);
    assert!(refused.iter().all(|error| error.kind() == ErrorKind::Unsupported), "{refused:?}");
    assert_intact(&vault);
}
