use std::collections::HashMap;
use std::sync::Barrier;
use std::time::Duration;

use causal_vault::{Event, Filter, SigningKey, Vault};

use super::{assert_intact, events, note, on_disk};

const THREADS: usize = 8;
const EACH: usize = 60;

#[test]
fn a_cursor_follows_eight_committing_threads_without_a_gap_a_loss_or_a_disorder() {
    let (_folder, vault) = on_disk();
    let start = Barrier::new(THREADS + 1);
    let seen = std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (vault, start) = (&vault, &start);
            scope.spawn(move || {
                let writer = vault.named_writer(&format!("writer {}", thread % 4)).unwrap();
                start.wait();
                for n in 0..EACH {
                    let event = Event::raw("step", format!("{thread}:{n}")).stream(format!("stream {}", thread % 3));
                    if n % 7 == 0 {
                        writer.commit_batch([event]).unwrap();
                    } else {
                        writer.commit(event).unwrap();
                    }
                }
            });
        }
        let mut cursor = vault.cursor("follower", Filter::kind("step")).unwrap();
        start.wait();
        let mut seen = Vec::new();
        while seen.len() < THREADS * EACH {
            let step = cursor.poll(7, Duration::from_secs(60)).unwrap();
            assert!(!step.is_empty(), "nothing came in a minute, after {} events", seen.len());
            seen.extend(step);
        }
        seen
    });
    let positions: Vec<_> = seen.iter().map(|event| event.header.position.number()).collect();
    assert_eq!(positions, (1..=(THREADS * EACH) as u64).collect::<Vec<_>>());
    let mut next = HashMap::new();
    for event in &seen {
        let text = String::from_utf8(event.payload.clone()).unwrap();
        let (thread, n) = text.split_once(':').unwrap();
        let expected = next.entry(thread.to_owned()).or_insert(0);
        assert_eq!(n.parse::<usize>().unwrap(), *expected, "of thread {thread}");
        *expected += 1;
    }
    assert_eq!(events(&vault, Filter::all()), seen);
    assert_intact(&vault);
}

#[test]
fn one_signing_writer_shared_by_threads_and_two_vaults_on_one_file_make_one_chain() {
    let (folder, vault) = on_disk();
    let other = Vault::open(folder.path().join("agents.vault")).unwrap();
    let writers = [&vault, &other].map(|vault| vault.writer(SigningKey::from_bytes(&[7; 32])).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let writer = &writers[thread % 2];
            scope.spawn(move || {
                for n in 0..30 {
                    writer.commit(note(format!("{thread}:{n}"))).unwrap();
                }
            });
        }
    });
    let seqs: Vec<_> = events(&other, Filter::all()).iter().map(|event| event.header.seq).collect();
    assert_eq!(seqs, (1..=120).collect::<Vec<_>>());
    let report = vault.verify(&[]).unwrap();
    assert!(report.is_intact(), "{report:#?}");
    assert_eq!(report.logs[0].signed, 120);
}

#[test]
fn of_racing_writers_that_expect_the_same_head_one_wins() {
    let (_folder, vault) = on_disk();
    let start = Barrier::new(THREADS);
    let winners = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let alice = vault.named_writer("alice").unwrap();
                    start.wait();
                    (0..20).filter(|seq| alice.commit(note("mine").expect_seq(*seq)).is_ok()).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert_eq!(winners, events(&vault, Filter::all()).len());
    assert!(winners <= 20);
}
