use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use causal_vault::{
    Anchor, Checkpoint, CheckpointSink, ErrorKind, Event, FileSink, NoteSigner, Result, SignedNote, SigningKey,
    StoreError, TailVerdict, Value, Vault,
};

const KEY: [u8; 32] = [9; 32];

fn log(vault: &Vault) -> NoteSigner {
    NoteSigner::new(vault.origin("vault.example").unwrap(), SigningKey::from_bytes(&KEY)).unwrap()
}

fn witness() -> NoteSigner {
    NoteSigner::new("witness.example/w1", SigningKey::from_bytes(&[3; 32])).unwrap()
}

fn write(vault: &Vault, count: usize) {
    let events = (0..count).map(|n| Event::raw("tick", n.to_be_bytes()).stream("clock"));
    vault.named_writer("alice").unwrap().commit_batch(events).unwrap();
}

fn head(note: &SignedNote) -> u64 {
    note.text().parse::<Checkpoint>().unwrap().head().size
}

#[test]
fn a_checkpoint_is_an_anchor_of_the_vault_it_was_issued_for_and_of_no_other() {
    let vault = Vault::in_memory().unwrap();
    write(&vault, 3);
    let note = vault.checkpoint(&log(&vault)).unwrap();
    write(&vault, 2);
    let anchor = Anchor::from_note(&note, &log(&vault).verifier()).unwrap();
    assert_eq!(vault.verify(&[anchor]).unwrap().tail, TailVerdict::Consistent { anchored: 3 });
    assert_eq!(anchor, (&note.text().parse::<Checkpoint>().unwrap()).into());

    let other = Vault::in_memory().unwrap();
    write(&other, 5);
    assert_eq!(other.verify(&[anchor]).unwrap().tail, TailVerdict::Diverged { at: 3 });
    assert!(Anchor::from_note(&note, &log(&other).verifier()).is_err());
}

#[test]
fn checkpoints_are_kept_in_order_and_one_of_the_same_tree_is_the_same() {
    let vault = Vault::in_memory().unwrap();
    let empty = vault.checkpoint(&log(&vault)).unwrap();
    assert_eq!(head(&empty), 0);
    write(&vault, 300);
    let first = vault.checkpoint(&log(&vault)).unwrap();
    assert_eq!(vault.checkpoint(&log(&vault)).unwrap(), first);
    write(&vault, 1);
    let second = vault.checkpoint(&log(&vault)).unwrap();
    assert_eq!(vault.checkpoints().unwrap(), [empty, first, second.clone()]);
    assert_eq!(vault.last_checkpoint(), Ok(Some(second)));
    let stranger = vault.for_tenant("acme").unwrap();
    assert_eq!(stranger.checkpoints(), Ok(Vec::new()));
}

#[test]
fn a_new_key_signs_beside_the_old_one() {
    let vault = Vault::in_memory().unwrap();
    let old = log(&vault);
    let new = NoteSigner::new(old.name(), SigningKey::from_bytes(&[8; 32])).unwrap();
    vault.checkpoint(&old).unwrap();
    let both = vault.checkpoint(&new).unwrap();
    assert_eq!((both.verify(&old.verifier()), both.verify(&new.verifier())), (Ok(()), Ok(())));
    assert_eq!(vault.checkpoints(), Ok(vec![both]));
}

#[test]
fn a_signer_of_another_name_or_with_a_writers_key_signs_no_checkpoint() {
    let vault = Vault::builder().tenant("acme").in_memory().unwrap();
    let acme = vault.origin("vault.example").unwrap();
    for name in
        ["vault.example", &acme[..acme.len() - 1], &acme.replace("acme", "other"), &acme["vault.example".len()..]]
    {
        let signer = NoteSigner::new(name, SigningKey::from_bytes(&KEY)).unwrap();
        let error = vault.checkpoint(&signer).unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains(name), "{error}");
    }
    vault.writer(SigningKey::from_bytes(&KEY)).unwrap().commit(Event::raw("note", "hi").stream("s")).unwrap();
    let error = vault.checkpoint(&log(&vault)).unwrap_err();
    assert!(error.to_string().contains("that of writer"), "{error}");
    assert_eq!(vault.checkpoints(), Ok(Vec::new()));
    for host in ["", "a b", "a+b", "a/b", "a\nb"] {
        assert!(vault.origin(host).is_err(), "{host:?}");
    }
}

#[test]
fn a_key_that_a_writer_has_gone_on_to_signs_no_checkpoint_of_its_tenant() {
    let vault = Vault::in_memory().unwrap();
    let [first, second, log_key] = [5, 6, 9].map(|byte| SigningKey::from_bytes(&[byte; 32]));
    let other = vault.writer(first).unwrap();
    let bob = vault.writer(second).unwrap();
    vault.checkpoint(&log(&vault)).unwrap();
    // It is refused as well once it is an older one of the writer's.
    let bob = bob.rotate(log_key).unwrap();
    for _ in 0..2 {
        let error = vault.checkpoint(&log(&vault)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(&format!("that of writer {}", bob.id())), "{error}");
        drop(bob.rotate(SigningKey::from_bytes(&[10; 32])).unwrap());
    }
    let _renewed = other.rotate(SigningKey::from_bytes(&[11; 32])).unwrap();
    let acme = vault.for_tenant("acme").unwrap();
    acme.checkpoint(&log(&acme)).unwrap();
}

#[test]
fn cosignatures_are_verified_and_kept_for_what_was_issued_here() {
    let vault = Vault::in_memory().unwrap();
    write(&vault, 3);
    let note = vault.checkpoint(&log(&vault)).unwrap();
    let cosigned = |note: &SignedNote, time| {
        let mut cosigned = note.clone();
        cosigned.add(witness().cosign(note, time).unwrap()).unwrap();
        cosigned
    };
    let verifier = witness().cosignature_verifier();
    assert!(vault.add_cosignature(&note, &verifier).is_err(), "there is none");
    assert!(vault.add_cosignature(&note, &log(&vault).verifier()).is_err(), "the log is no witness");

    let kept = vault.add_cosignature(&cosigned(&note, 1_767_225_600), &verifier).unwrap();
    assert_eq!((kept.signatures().len(), kept.cosigned_at(&verifier)), (2, Ok(1_767_225_600)));
    assert_eq!(vault.add_cosignature(&cosigned(&note, 1_767_225_600), &verifier), Ok(kept.clone()));
    assert_eq!(vault.checkpoint(&log(&vault)), Ok(kept.clone()), "what is issued again has its cosignatures");
    let mut stranger = cosigned(&note, 1_767_225_700);
    stranger.add("— stranger.example AAAAAAA=".parse().unwrap()).unwrap();
    let kept = vault.add_cosignature(&stranger, &verifier).unwrap();
    assert_eq!(kept.signatures().len(), 3, "what the witness did not make is not kept");

    let foreign = Vault::in_memory().unwrap();
    write(&foreign, 3);
    let foreign = foreign.checkpoint(&log(&foreign)).unwrap();
    let error = vault.add_cosignature(&cosigned(&foreign, 1), &verifier).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let mut root = note.text().to_owned();
    let letter = root.len() - 10..root.len() - 9;
    root.replace_range(letter.clone(), if &root[letter] == "A" { "B" } else { "A" });
    let fork = SignedNote::sign(root, &log(&vault)).unwrap();
    assert_eq!(vault.add_cosignature(&cosigned(&fork, 1), &verifier).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(vault.checkpoints(), Ok(vec![kept]));
}

fn copy(from: &Path, to: &Path) {
    for end in ["", "-wal", "-shm"] {
        let name = |path: &Path| format!("{}{end}", path.display());
        if Path::new(&name(from)).exists() {
            std::fs::copy(name(from), name(to)).unwrap();
        }
    }
}

/// A file is put back to what it was; what it then has is shorter, or goes on otherwise. The sink remembers.
#[test]
fn a_vault_that_was_rolled_back_signs_no_second_history() {
    let folder = tempfile::tempdir().unwrap();
    let (live, backup) = (folder.path().join("live.vault"), folder.path().join("backup.vault"));
    let sink = FileSink::new(folder.path().join("checkpoint"));
    let vault = Vault::open(&live).unwrap();
    write(&vault, 300);
    drop(vault);
    copy(&live, &backup);
    let vault = Vault::open(&live).unwrap();
    write(&vault, 1);
    let published = vault.publish_checkpoint(&log(&vault), &sink).unwrap();
    let root = |vault: &Vault| causal_vault::EntryHash::from_bytes(vault.tree_head().unwrap().root).to_hex();
    let known = root(&vault);
    drop(vault);

    let rolled_back = Vault::open(&backup).unwrap();
    let refused = |size: u64| {
        let error = rolled_back.publish_checkpoint(&log(&rolled_back), &sink).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let (text, now) = (error.to_string(), root(&rolled_back));
        for part in ["size 301", &known, &format!("size {size}"), &now] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(rolled_back.checkpoints(), Ok(Vec::new()), "nothing is signed");
        assert_eq!(sink.latest(), Ok(Some(published.clone())));
    };
    refused(300);
    write(&rolled_back, 1);
    refused(301);
    write(&rolled_back, 300);
    refused(601);
}

#[test]
fn a_vault_whose_own_last_checkpoint_is_contradicted_signs_nothing() {
    let vault = Vault::in_memory().unwrap();
    write(&vault, 3);
    vault.checkpoint(&log(&vault)).unwrap();
    let fork = Vault::in_memory().unwrap();
    write(&fork, 4);
    let fork = Checkpoint::new(log(&vault).name(), fork.tree_head().unwrap()).unwrap();
    let note = SignedNote::sign(fork.to_string(), &log(&vault)).unwrap().to_string();
    vault.backend().exec("UPDATE vault_checkpoint SET size = 4, note = ?", &[Value::Text(note)]).unwrap();
    assert_eq!(vault.checkpoint(&log(&vault)).unwrap_err().kind(), ErrorKind::Corrupt);
    write(&vault, 2);
    assert_eq!(vault.checkpoint(&log(&vault)).unwrap_err().kind(), ErrorKind::Corrupt);
    vault.backend().exec("UPDATE vault_checkpoint SET note = 'rubbish'", &[]).unwrap();
    assert_eq!(vault.checkpoints().unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn a_file_sink_is_replaced_whole_and_holds_one_log() {
    let folder = tempfile::tempdir().unwrap();
    let sink = FileSink::new(folder.path().join("checkpoint"));
    assert_eq!(sink.latest(), Ok(None));
    let vault = Vault::in_memory().unwrap();
    for count in [1, 2] {
        write(&vault, count);
        let note = vault.publish_checkpoint(&log(&vault), &sink).unwrap();
        assert_eq!(sink.latest(), Ok(Some(note)));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left but its lock");
    let other = Vault::in_memory().unwrap();
    let error = other.publish_checkpoint(&log(&other), &sink).unwrap_err();
    assert!(error.to_string().contains(log(&vault).name()), "{error}");
    std::fs::write(folder.path().join("checkpoint"), "rubbish").unwrap();
    assert!(vault.publish_checkpoint(&log(&vault), &sink).is_err());
    let missing = FileSink::new(folder.path().join("missing").join("checkpoint"));
    assert!(vault.publish_checkpoint(&log(&vault), &missing).unwrap_err().to_string().contains("missing"));
}

#[derive(Default)]
struct Memory {
    notes: Mutex<Vec<SignedNote>>,
    broken: AtomicBool,
}

impl CheckpointSink for Memory {
    fn publish(&self, note: &SignedNote) -> Result<()> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Backend("the line is dead".into()));
        }
        self.notes.lock().unwrap().push(note.clone());
        Ok(())
    }

    fn latest(&self) -> Result<Option<SignedNote>> {
        Ok(self.notes.lock().unwrap().last().cloned())
    }
}

impl Memory {
    fn sizes(&self) -> Vec<u64> {
        self.notes.lock().unwrap().iter().map(head).collect()
    }
}

#[test]
fn a_checkpoint_is_published_after_each_commit_that_passes_a_multiple() {
    let vault = Vault::in_memory().unwrap();
    write(&vault, 5);
    let sink = Arc::new(Memory::default());
    assert!(vault.checkpoint_every(0, log(&vault), Arc::clone(&sink)).is_err());
    let schedule = vault.checkpoint_every(4, log(&vault), Arc::clone(&sink)).unwrap();
    assert!(sink.sizes().is_empty());
    for count in [1, 1, 1, 1, 3, 9, 1] {
        write(&vault, count);
    }
    assert_eq!(sink.sizes(), [8, 12, 21]);
    assert_eq!(vault.checkpoints().unwrap(), *sink.notes.lock().unwrap());

    sink.broken.store(true, Ordering::SeqCst);
    write(&vault, 2);
    assert_eq!((schedule.sink_errors(), schedule.last_error().unwrap().kind()), (1, ErrorKind::Backend));
    write(&vault, 1);
    assert_eq!(schedule.sink_errors(), 1, "the next multiple tries again, not the next commit");
    sink.broken.store(false, Ordering::SeqCst);
    write(&vault, 3);
    assert_eq!(sink.sizes(), [8, 12, 21, 28]);
    drop(schedule);
    write(&vault, 100);
    assert_eq!(sink.sizes().len(), 4);
    assert_eq!(vault.heads().subscribers(), 0);
}

#[test]
fn a_checkpoint_that_cannot_be_issued_fails_no_commit() {
    let vault = Vault::in_memory().unwrap();
    let stranger = NoteSigner::new("vault.example/other", SigningKey::from_bytes(&KEY)).unwrap();
    let schedule = vault.checkpoint_every(1, stranger, Memory::default()).unwrap();
    write(&vault, 1);
    write(&vault, 1);
    assert_eq!((schedule.sink_errors(), vault.tree_head().unwrap().size), (2, 2));
}

#[test]
fn committing_threads_publish_in_order_and_the_last_multiple_is_reached() {
    let folder = tempfile::tempdir().unwrap();
    let vault =
        Vault::builder().durability(causal_vault::Durability::Fast).open(folder.path().join("threads.vault")).unwrap();
    let sink = Arc::new(Memory::default());
    let schedule = vault.checkpoint_every(10, log(&vault), Arc::clone(&sink)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| write(&vault, 1)));
        }
    });
    let sizes = sink.sizes();
    assert!(sizes.is_sorted() && sizes.last() == Some(&200), "{sizes:?}");
    assert_eq!((schedule.sink_errors(), vault.heads().panics()), (0, 0));
    assert!(
        vault
            .verify(&[Anchor::from_note(&sink.latest().unwrap().unwrap(), &log(&vault).verifier()).unwrap()])
            .unwrap()
            .is_intact()
    );
}

#[test]
fn nothing_is_signed_or_told_that_the_callers_own_transaction_may_still_take_back() {
    let db = causal_vault::SqliteBackend::from_connection(rusqlite::Connection::open_in_memory().unwrap());
    let vault = Vault::builder().over(db).unwrap();
    write(&vault, 1);
    let heads = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&heads);
    let _guard = vault.heads().subscribe_guarded(move |_| {
        told.fetch_add(1, Ordering::SeqCst);
    });
    vault.backend().exec("BEGIN", &[]).unwrap();
    write(&vault, 1);
    let error = vault.checkpoint(&log(&vault)).unwrap_err();
    assert_eq!((error.kind(), heads.load(Ordering::SeqCst)), (ErrorKind::Unsupported, 0));
    vault.backend().exec("ROLLBACK", &[]).unwrap();
    assert_eq!(head(&vault.checkpoint(&log(&vault)).unwrap()), 1);
    write(&vault, 1);
    assert_eq!(heads.load(Ordering::SeqCst), 1);
}

#[test]
fn each_commit_tells_the_head_of_the_tree_once_and_a_replay_tells_none() {
    let vault = Vault::in_memory().unwrap();
    let (heads, rings) = (Arc::new(Mutex::new(vec![vault.tree_head().unwrap()])), Arc::new(AtomicU64::new(0)));
    let (seen, counted, witnessed) = (Arc::clone(&heads), Arc::clone(&rings), vault.clone());
    let _guard = vault.heads().subscribe_guarded(move |head| {
        counted.fetch_add(1, Ordering::SeqCst);
        assert_eq!(*head, witnessed.tree_head().unwrap(), "after the commit");
        let mut heads = seen.lock().unwrap();
        let last = heads.last().unwrap();
        assert!(witnessed.prove_consistency(last.size, head.size).unwrap().verify(last, head));
        heads.push(*head);
    });
    let alice = vault.named_writer("alice").unwrap();
    let event = Event::raw("note", "once").stream("s").id(causal_vault::EventId::from_bytes([7; 16]));
    alice.commit(event.clone()).unwrap();
    alice.commit(event).unwrap();
    write(&vault, 700);
    assert!(vault.transaction(|_| Err::<(), _>(StoreError::Backend("no".into()))).is_err());
    assert_eq!((rings.load(Ordering::SeqCst), vault.heads().panics()), (2, 0));
    let sizes: Vec<u64> = heads.lock().unwrap().iter().map(|head| head.size).collect();
    assert_eq!(sizes, [0, 1, 701]);
}
