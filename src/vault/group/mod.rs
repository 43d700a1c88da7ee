//! Group commit: commits that are asked for while another is under way share the next transaction and its flush.
//!
//! The thread that comes first leads: it commits for all that wait, then names one of those who came meanwhile to lead the
//! next group, and tells its own members, whose next commits join that group. There is no thread of our own, and no timer.

mod queue;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;

use self::queue::{Lead, Queue};
use super::header::EventHeader;
use super::open::Vault;
use super::receipt::Receipt;
use super::transaction::{Assign, News, VaultTransaction};
use crate::backend::Access;
use crate::causal::TreeHead;
use crate::causal::draft::{Author, Draft};
use crate::words::limits::{BATCH_BYTES, BATCH_EVENTS};
use crate::words::{ErrorKind, Result, StoreError, UnknownEvent};

/// How often a leader gives way, at most, to the members of the group before, who were told a moment ago and likely come
/// back.
const PATIENCE: u32 = 64;

/// The commits of one tenant.
#[derive(Default)]
pub(super) struct Group(Queue<Commit, Told>);

/// One commit that was asked for.
struct Commit {
    author: Author,
    draft: Draft<'static>,
}

/// What an append came to: a receipt that holds once the transaction is committed, a refusal, or a panic of the signer.
type Answer = thread::Result<Result<Receipt>>;

/// What a commit came to.
type Told = thread::Result<Result<Stored>>;

/// A commit's receipt and what its thread is to announce.
struct Stored {
    receipt: Receipt,
    header: Option<EventHeader>,
    head: Option<Arc<TreeHead>>,
}

impl Vault {
    /// Commits one event, in a transaction that it may share with those of other threads.
    pub(super) fn commit_in_group(&self, author: &Author, draft: Draft<'static>) -> Result<Receipt> {
        // What is asked for within an open transaction belongs to it: no other thread can commit it.
        if !self.db().is_idle() {
            return self.transaction(|tx| tx.append_draft(author, &draft));
        }
        if draft.embedding.is_some() {
            self.ensure_recall()?;
        }
        let commit = Commit { author: author.clone(), draft };
        let told = self.group().0.ask(commit, |lead| self.commit_for_all(lead)).unwrap_or_else(|| {
            let cause = Box::new(StoreError::Backend("the thread that committed for several panicked".to_owned()));
            Ok(Err(StoreError::UnknownOutcome { events: Vec::new(), cause }))
        });
        // Outside of every lock, and on this member's own thread: what its signer has panicked with, and what it rings.
        let stored = told.unwrap_or_else(|panic| resume_unwind(panic))?;
        self.bells().ring(stored.header.as_slice(), None);
        // Given back once its event was announced: the last of the group tells the head.
        self.bells().ring(&[], stored.head.and_then(Arc::into_inner));
        Ok(stored.receipt)
    }

    /// Answers every member.
    fn commit_for_all(&self, lead: &mut Lead<'_, Commit, Told>) {
        let (mut answers, mut room, mut patience) = (Vec::new(), Room::default(), PATIENCE);
        if let Some(first) = lead.get(0) {
            room.add(first);
        }
        lead.fill(|commit| room.takes(commit));
        let access = if lead.is_crowded() { Access::SharedWrite } else { Access::Write };
        // A signer is the caller's code.
        let stored = catch_unwind(AssertUnwindSafe(|| {
            self.store_events(access, Assign::Now, |tx| {
                loop {
                    // Looks once more for others when its members are stored, and gives way to those who come back.
                    if answers.len() == lead.len() {
                        tx.store_pending()?;
                        while lead.fill(|commit| room.takes(commit)) && answers.len() == lead.len() && patience > 0 {
                            patience -= 1;
                            thread::yield_now();
                        }
                    }
                    let Some(commit) = lead.get(answers.len()) else { break };
                    answers.push(commit.append(tx)?);
                }
                let stored = answers.iter().any(|answer| matches!(answer, Ok(Ok(_))));
                if stored { Ok(()) } else { Err(StoreError::Backend("nothing to commit".to_owned())) }
            })
        }));
        let is_refused = answers.len() == lead.len() && !answers.iter().any(|answer| matches!(answer, Ok(Ok(_))));
        match stored {
            Ok(Ok(((), news))) => lead.answer(tell(answers, news)),
            Ok(Err(_)) if is_refused => lead.answer(tell(answers, News::default())),
            Ok(Err(StoreError::UnknownOutcome { cause, .. })) => {
                let unknown = |receipt: Receipt| StoreError::UnknownOutcome {
                    events: vec![UnknownEvent { event_id: receipt.id.into(), entry_hash: receipt.hash.to_hex() }],
                    cause: cause.clone(),
                };
                lead.answer(answers.into_iter().map(|answer| answer.map(|receipt| Err(unknown(receipt?)))));
            }
            // They have waited for the lock as long as the leader has.
            Ok(Err(error)) if error.kind() == ErrorKind::Busy || lead.len() == 1 => {
                lead.answer(std::iter::repeat_with(|| Ok(Err(error.clone()))));
            }
            Err(panic) if lead.len() == 1 => lead.answer([Err(panic)]),
            // Nothing is stored, and one of them is to blame.
            Ok(Err(_)) | Err(_) => {
                while let Some(mut alone) = lead.part() {
                    self.commit_for_all(&mut alone);
                }
            }
        }
    }
}

/// What a transaction has taken in.
#[derive(Default)]
struct Room {
    events: usize,
    bytes: usize,
}

impl Room {
    /// Alone, a commit may be larger than what several may have together.
    fn add(&mut self, commit: &Commit) {
        self.events += 1;
        self.bytes += commit.draft.bytes();
    }

    fn takes(&mut self, commit: &Commit) -> bool {
        let fits = self.events < BATCH_EVENTS && self.bytes + commit.draft.bytes() <= BATCH_BYTES;
        if fits {
            self.add(commit);
        }
        fits
    }
}

impl Commit {
    /// An error that only this member is to blame for is its answer; after any other, nothing of the group is left.
    fn append(&self, tx: &VaultTransaction<'_>) -> Result<Answer> {
        match catch_unwind(AssertUnwindSafe(|| tx.append_draft(&self.author, &self.draft))) {
            Ok(Err(error)) if !is_refusal(&error) => Err(error),
            answer => Ok(answer),
        }
    }
}

/// Each has its share of the head.
fn tell(answers: Vec<Answer>, news: News) -> impl Iterator<Item = Told> {
    let mut headers = news.headers.into_iter().peekable();
    let head = news.head.map(Arc::new);
    // Every member has its share of the head before the first can give its own back.
    let shares: Vec<_> = answers.iter().map(|answer| head.clone().filter(|_| matches!(answer, Ok(Ok(_))))).collect();
    drop(head);
    answers.into_iter().zip(shares).map(move |(answer, head)| {
        answer.map(|receipt| {
            let receipt = receipt?;
            let header = headers.next_if(|header| receipt.is_new && header.position == receipt.position);
            Ok(Stored { receipt, header, head })
        })
    })
}

/// Whether an append was refused before it wrote anything, which leaves the transaction good for others.
fn is_refusal(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::DuplicateParent { .. }
            | StoreError::HeadMoved { .. }
            | StoreError::IdempotencyConflict { .. }
            | StoreError::KeyNotCurrent { .. }
            | StoreError::Limit { .. }
            | StoreError::Signer(_)
            | StoreError::UnknownParent { .. }
            | StoreError::WriterFrozen { .. }
            | StoreError::WriterRevoked { .. }
    )
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread::{Scope, ScopedJoinHandle};

    use parking_lot::Mutex;

    use super::super::event::Event;
    use super::super::header::EventId;
    use super::super::writer::Writer;
    use super::*;
    use crate::causal::{EventRef, Signer, SigningKey};

    /// Says that it signs, and waits until it may; then it signs, or panics.
    struct Gate(Mutex<mpsc::Sender<()>>, Mutex<mpsc::Receiver<()>>);

    impl Signer for Gate {
        fn public_key(&self) -> [u8; 32] {
            SigningKey::from_bytes(&[7; 32]).public_key()
        }

        fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
            self.0.lock().send(()).unwrap();
            self.1.lock().recv().unwrap();
            SigningKey::from_bytes(&[7; 32]).sign(message)
        }
    }

    struct Panics;

    impl Signer for Panics {
        fn public_key(&self) -> [u8; 32] {
            SigningKey::from_bytes(&[8; 32]).public_key()
        }

        fn sign(&self, _: &[u8]) -> Result<[u8; 64]> {
            panic!("no key")
        }
    }

    fn note(text: &str) -> Event {
        Event::raw("note", text).stream("conv:demo")
    }

    type Commits<'s> = Vec<ScopedJoinHandle<'s, Result<Receipt>>>;

    /// One commit leads and waits for its signer until the others wait behind it, in their order. Returns the leader's
    /// receipt, what became of the others, and how many transactions it took.
    fn together(vault: &Vault, others: Vec<(Writer, Event)>) -> (Receipt, Vec<thread::Result<Result<Receipt>>>, usize) {
        let ((began, begun), (open, opened)) = (mpsc::channel(), mpsc::channel());
        let leader = vault.writer(Gate(Mutex::new(began), Mutex::new(opened))).unwrap();
        let heads = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&heads);
        let _guard = vault.heads().subscribe_guarded(move |_: &TreeHead| *counted.lock() += 1);
        let count = others.len();
        let (first, rest) = std::thread::scope(|scope: &Scope<'_, '_>| {
            let first = scope.spawn(move || leader.commit(note("leads")));
            begun.recv().unwrap();
            let mut rest = Commits::new();
            for (writer, event) in others {
                rest.push(scope.spawn(move || writer.commit(event)));
                while vault.group().0.waiting() < rest.len() {
                    thread::yield_now();
                }
            }
            // A group that is rolled back signs again.
            (0..2).for_each(|_| open.send(()).unwrap());
            (first.join().unwrap().unwrap(), rest.into_iter().map(ScopedJoinHandle::join).collect::<Vec<_>>())
        });
        assert_eq!(rest.len(), count);
        assert!(vault.verify(&[]).unwrap().is_intact());
        assert!(!vault.group().0.is_led());
        let transactions = *heads.lock();
        (first, rest, transactions)
    }

    fn on_disk() -> (tempfile::TempDir, Vault) {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path().join("v")).unwrap();
        (folder, vault)
    }

    #[test]
    fn a_bad_event_and_a_panicking_signer_fail_alone_in_a_group_of_one_transaction() {
        let (_folder, vault) = on_disk();
        let alice = vault.named_writer("alice").unwrap();
        let unknown =
            EventRef { seq: 9, ..EventRef::from(&vault.named_writer("b").unwrap().commit(note("x")).unwrap()) };
        let revoked = vault.named_writer("c").unwrap();
        vault.revoke(revoked.id(), None).unwrap();
        let (_, rest, transactions) = together(
            &vault,
            vec![
                (alice.clone(), note("one")),
                (alice.clone(), note("stale").expect_seq(7)),
                (vault.writer(Panics).unwrap(), note("never")),
                (alice.clone(), note("orphan").parent(unknown)),
                (revoked, note("never")),
                (alice, note("two").expect_seq(1)),
            ],
        );
        let seqs: Vec<_> = rest.iter().map(|r| r.as_ref().ok().map(|r| r.as_ref().ok().map(|r| r.seq))).collect();
        assert_eq!(seqs, [Some(Some(1)), Some(None), None, Some(None), Some(None), Some(Some(2))]);
        assert!(matches!(rest[1], Ok(Err(StoreError::HeadMoved { found: 1, expected: 7, .. }))));
        assert!(matches!(rest[3], Ok(Err(StoreError::UnknownParent { .. }))));
        assert_eq!((vault.tree_head().unwrap().size, transactions), (5, 1));
    }

    #[test]
    fn a_signer_that_panics_when_the_transaction_ends_makes_every_member_commit_alone() {
        let (_folder, vault) = on_disk();
        let alice = vault.named_writer("alice").unwrap();
        let last = vault.writer(Panics).unwrap().signing_last();
        let (first, rest, transactions) =
            together(&vault, vec![(alice.clone(), note("one")), (last, note("never")), (alice, note("two"))]);
        assert!(rest[1].is_err());
        assert_eq!(rest[0].as_ref().unwrap().as_ref().map(|receipt| receipt.seq), Ok(1));
        assert_eq!(rest[2].as_ref().unwrap().as_ref().map(|receipt| receipt.seq), Ok(2));
        assert_eq!((first.position.number(), vault.tree_head().unwrap().size, transactions), (1, 3, 3));
    }

    #[test]
    fn members_of_one_group_with_the_same_id_share_a_receipt_or_conflict() {
        let (_folder, vault) = on_disk();
        let alice = vault.named_writer("alice").unwrap();
        let event = note("once").id(EventId::new());
        let other = Event::raw("other", "once").stream("conv:demo").id(EventId::from_bytes([5; 16]));
        let same_id = note("once").id(EventId::from_bytes([5; 16]));
        let commits = [event.clone(), event, other, same_id].map(|event| (alice.clone(), event));
        let (_, rest, transactions) = together(&vault, commits.into());
        let receipts: Vec<_> = rest.into_iter().map(thread::Result::unwrap).collect();
        let first = receipts[0].clone().unwrap();
        assert_eq!(receipts[1], Ok(Receipt { is_new: false, ..first.clone() }));
        assert!(first.is_new);
        assert!(matches!(receipts[3], Err(StoreError::IdempotencyConflict { differs: "kind", .. })));
        assert_eq!((vault.tree_head().unwrap().size, transactions), (3, 1));
    }

    /// Whoever came behind it was once told that the large one was too much for a batch.
    #[test]
    fn nobody_joins_a_commit_that_fills_a_batch_by_itself_or_is_refused_for_it() {
        let (_folder, vault) = on_disk();
        let alice = vault.named_writer("alice").unwrap();
        let large = (0..17_u8).fold(note("large"), |event, n| event.attach(vec![n; 1 << 20]));
        let small = (0..3).map(|_| (alice.clone(), note("small")));
        // The first leads, so that the large one leads the next group.
        let (_, rest, transactions) = together(
            &vault,
            [(alice.clone(), note("first"))].into_iter().chain([(alice.clone(), large)]).chain(small).collect(),
        );
        assert!(rest.iter().all(|receipt| receipt.as_ref().unwrap().is_ok()), "{rest:?}");
        assert_eq!((vault.tree_head().unwrap().size, transactions), (6, 3));
    }

    #[test]
    fn a_group_takes_no_more_bytes_than_a_batch() {
        let (_folder, vault) = on_disk();
        let alice = vault.named_writer("alice").unwrap();
        let large = (0..20).map(|_| (alice.clone(), Event::raw("large", vec![0; 1 << 20]).stream("conv:demo")));
        let (_, rest, transactions) = together(&vault, large.collect());
        assert!(rest.iter().all(|receipt| receipt.as_ref().unwrap().is_ok()));
        assert_eq!((vault.tree_head().unwrap().size, transactions), (21, 2));
    }
}
