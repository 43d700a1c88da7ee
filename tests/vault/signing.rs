use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use causal_vault::{ErrorKind, Result, Signer, SigningKey, StoreError};

use super::{assert_intact, note, size, vault};

/// Signs a number of times and then fails, or panics.
struct Flaky {
    key: SigningKey,
    left: Arc<AtomicU64>,
    panics: bool,
}

impl Signer for Flaky {
    fn public_key(&self) -> [u8; 32] {
        self.key.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            assert!(!self.panics, "the token was dropped");
            return Err(StoreError::Signer("the token was pulled out".into()));
        }
        self.left.store(left - 1, Ordering::Relaxed);
        Signer::sign(&self.key, message)
    }
}

fn flaky(left: u64, panics: bool) -> (Flaky, Arc<AtomicU64>) {
    let left = Arc::new(AtomicU64::new(left));
    (Flaky { key: SigningKey::from_bytes(&[7; 32]), left: Arc::clone(&left), panics }, left)
}

#[test]
fn a_signer_that_fails_within_a_batch_or_at_its_end_stores_nothing() {
    for (signing_last, works_for) in [(false, 2), (true, 0)] {
        let vault = vault();
        let (signer, left) = flaky(works_for, false);
        let alice = vault.writer(signer).unwrap();
        let alice = if signing_last { alice.signing_last() } else { alice };
        let (send, rung) = std::sync::mpsc::channel();
        let _guard = vault.subscribe(causal_vault::Filter::all(), move |_| send.send(()).unwrap()).unwrap();
        let error = alice.commit_batch((0..5).map(|n| note(vec![n]))).unwrap_err();
        assert_eq!(error, StoreError::Signer("the token was pulled out".into()));
        assert_eq!((size(&vault), rung.try_iter().count()), (0, 0));
        left.store(100, Ordering::Relaxed);
        assert_eq!(alice.commit_batch((0..5).map(|n| note(vec![n]))).unwrap()[0].seq, 1);
        assert_intact(&vault);
    }
}

#[test]
fn a_signer_that_panics_stores_nothing_and_leaves_the_vault_usable() {
    for signing_last in [false, true] {
        let vault = vault();
        let (signer, left) = flaky(u64::from(!signing_last), true);
        let alice = vault.writer(signer).unwrap();
        let alice = if signing_last { alice.signing_last() } else { alice };
        let panicked = catch_unwind(AssertUnwindSafe(|| alice.commit_batch([note("1"), note("2")])));
        assert!(panicked.is_err());
        assert_eq!(size(&vault), 0);
        left.store(100, Ordering::Relaxed);
        alice.commit_batch([note("1"), note("2")]).unwrap();
        assert_eq!(size(&vault), 2);
        assert_intact(&vault);
    }
}

#[test]
fn a_failed_signature_that_the_body_swallows_leaves_the_rest_of_the_transaction_whole() {
    let vault = vault();
    let (signer, left) = flaky(1, false);
    let alice = vault.writer(signer).unwrap();
    vault
        .transaction(|tx| {
            tx.append(&alice, note("kept"))?;
            assert_eq!(tx.append(&alice, note("lost")).unwrap_err().kind(), ErrorKind::Backend);
            left.store(1, Ordering::Relaxed);
            tx.append(&alice, note("kept as well"))
        })
        .unwrap();
    assert_eq!(size(&vault), 2);
    assert_intact(&vault);
}

/// A key of small order verifies nothing under strict rules: whatever it signed would look like a broken log.
#[test]
fn a_public_key_that_can_verify_nothing_is_refused_before_anything_is_written_with_it() {
    struct Blank([u8; 32]);
    impl Signer for Blank {
        fn public_key(&self) -> [u8; 32] {
            self.0
        }
        fn sign(&self, _: &[u8]) -> Result<[u8; 64]> {
            Ok([0; 64])
        }
    }
    let vault = vault();
    let mut no_point = [0; 32];
    no_point[0] = 2;
    for key in [[0; 32], no_point] {
        let error = vault.writer(Blank(key)).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("public key"), "{error}");
    }
}

#[test]
fn a_writer_that_signs_the_last_of_each_batch_covers_all_before_it() {
    let vault = vault();
    let alice = vault.writer(SigningKey::from_bytes(&[7; 32])).unwrap().signing_last();
    for _ in 0..3 {
        alice.commit_batch((0..10).map(|n| note(vec![n]).stream(if n % 2 == 0 { "even" } else { "odd" }))).unwrap();
    }
    let rows = vault.backend().query("SELECT count(*) FROM vault_entry WHERE signature IS NOT NULL", &[]).unwrap();
    assert_eq!(rows, vec![vec![causal_vault::Value::Int(6)]]);
    let report = vault.verify(&[]).unwrap();
    assert!(report.is_intact(), "{report:#?}");
    assert_eq!(report.logs.iter().map(|log| log.signed).collect::<Vec<_>>(), [15, 15]);
}
