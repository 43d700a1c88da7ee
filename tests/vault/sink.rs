//! Checkpoints that several publish to one file at once.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use causal_vault::{
    Checkpoint, CheckpointSink, ErrorKind, FileSink, NoteSigner, SignedNote, SigningKey, TreeHead, Vault,
};

use super::{alice, notes, on_disk, vault};

fn log(vault: &Vault) -> NoteSigner {
    NoteSigner::new(vault.origin("vault.example").unwrap(), SigningKey::from_bytes(&[9; 32])).unwrap()
}

/// Checkpoints of sizes from 1.
fn checkpoints(vault: &Vault, count: usize) -> Vec<SignedNote> {
    let next = |_| {
        notes(&alice(vault), 1);
        vault.checkpoint(&log(vault)).unwrap()
    };
    (0..count).map(next).collect()
}

fn size(note: &SignedNote) -> u64 {
    note.text().parse::<Checkpoint>().unwrap().head().size
}

fn files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.starts_with("checkpoint")).collect();
    names.sort_unstable();
    names
}

/// Two publishers of one process wrote one temporary file, so that a torn one took the checkpoint's place; and whoever came
/// last put an older checkpoint in the place of a newer one.
#[test]
fn who_publishes_at_once_tears_no_checkpoint_and_takes_back_none() {
    let (folder, vault) = on_disk();
    let notes = checkpoints(&vault, 40);
    let path = folder.path().join("checkpoint");
    let shared = FileSink::new(&path);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut last = 0;
            while !is_over.load(Ordering::SeqCst) {
                let now = shared.latest().unwrap().map_or(0, |note| size(&note));
                assert!(now >= last, "{now} behind {last}");
                last = now;
            }
        });
        // Some share a sink, and some have one of their own.
        let publishers: Vec<_> = (0..8)
            .map(|thread: usize| {
                let sink = if thread.is_multiple_of(2) { shared.clone() } else { FileSink::new(&path) };
                let notes = &notes;
                scope.spawn(move || {
                    for n in 0..notes.len() {
                        sink.publish(&notes[(n * 7 + thread * 5) % notes.len()]).unwrap();
                    }
                })
            })
            .collect();
        let published: Vec<_> = publishers.into_iter().map(|publisher| publisher.join()).collect();
        is_over.store(true, Ordering::SeqCst);
        watcher.join().unwrap();
        published.into_iter().for_each(|published| published.unwrap());
    });
    assert_eq!(shared.latest(), Ok(notes.last().cloned()));
    assert_eq!(files(folder.path()), ["checkpoint", "checkpoint.lock"]);
}

#[test]
fn a_smaller_checkpoint_does_not_hide_that_a_larger_one_was_published() {
    let (folder, live) = on_disk();
    let sink = FileSink::new(folder.path().join("checkpoint"));
    let notes = checkpoints(&live, 3);
    sink.publish(&notes[2]).unwrap();
    sink.publish(&notes[0]).unwrap();
    sink.publish(&notes[2]).unwrap();
    assert_eq!(sink.latest(), Ok(Some(notes[2].clone())));

    let signer = log(&live);
    let fork = Checkpoint::new(signer.name(), TreeHead { size: 3, root: [7; 32] }).unwrap();
    let other = vault();
    let foreign = other.checkpoint(&log(&other)).unwrap();
    for refused in [SignedNote::sign(fork.to_string(), &signer).unwrap(), foreign] {
        assert_eq!(sink.publish(&refused).unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert_eq!(sink.latest(), Ok(Some(notes[2].clone())));
    std::fs::write(folder.path().join("checkpoint"), "rubbish").unwrap();
    assert!(sink.publish(&notes[2]).is_err(), "what it stood for is not known");
}

#[test]
fn a_process_that_publishes_waits_for_another_one() {
    let (folder, vault) = on_disk();
    let sink = FileSink::new(folder.path().join("checkpoint"));
    let notes = checkpoints(&vault, 2);
    sink.publish(&notes[0]).unwrap();
    let other = std::fs::File::open(folder.path().join("checkpoint.lock")).unwrap();
    other.lock().unwrap();
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        scope.spawn(|| sender.send(sink.publish(&notes[1])).unwrap());
        assert!(receiver.recv_timeout(Duration::from_millis(100)).is_err(), "it did not wait");
        assert_eq!(sink.latest(), Ok(Some(notes[0].clone())));
        other.unlock().unwrap();
        receiver.recv().unwrap().unwrap();
    });
    assert_eq!(sink.latest(), Ok(Some(notes[1].clone())));
}
