use std::panic::{AssertUnwindSafe, catch_unwind};

use causal_vault::{ErrorKind, Filter, StoreError, Value, Vault};

use super::{alice, assert_intact, events, note, notes, on_disk, size, texts, vault};

fn with_table(vault: &Vault) {
    vault.backend().exec("CREATE TABLE mine (n INTEGER UNIQUE)", &[]).unwrap();
}

fn mine(vault: &Vault) -> usize {
    vault.backend().query("SELECT n FROM mine", &[]).unwrap().len()
}

#[test]
fn the_consumers_rows_and_the_events_are_stored_together_or_not_at_all() {
    let (_folder, vault) = on_disk();
    let (alice, bob) = (alice(&vault), vault.named_writer("bob").unwrap());
    with_table(&vault);
    let insert = "INSERT INTO mine VALUES (1)";
    vault
        .transaction(|tx| {
            let plan = tx.append(&alice, note("plan"))?;
            tx.exec(insert, &[])?;
            let done = tx.append(&bob, note("done").parent(&plan))?;
            assert_eq!(tx.query("SELECT n FROM mine", &[])?, vec![vec![Value::Int(1)]]);
            assert_eq!((plan.position.number(), done.position.number()), (1, 2));
            Ok::<_, StoreError>(())
        })
        .unwrap();
    // The consumer's statement fails, the consumer changes its mind, and its code panics.
    let failed = vault.transaction(|tx| {
        tx.append(&alice, note("lost"))?;
        tx.exec(insert, &[])
    });
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Conflict);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        vault.transaction(|tx| {
            tx.append(&alice, note("lost")).unwrap();
            tx.exec("INSERT INTO mine VALUES (2)", &[]).unwrap();
            panic!("a bug in the consumer");
            #[allow(unreachable_code)]
            Ok::<(), StoreError>(())
        })
    }));
    assert!(panicked.is_err());
    assert_eq!((size(&vault), mine(&vault)), (2, 1));
    assert_eq!(texts(&events(&vault, Filter::all())), ["plan", "done"]);
    notes(&alice, 1);
    assert_intact(&vault);
}

#[test]
fn a_body_may_swallow_a_refused_append_and_keep_the_rest() {
    let vault = vault();
    let alice = alice(&vault);
    let elsewhere = super::alice(&super::vault()).commit(note("elsewhere")).unwrap();
    vault
        .transaction(|tx| {
            tx.append(&alice, note("one"))?;
            assert!(tx.append(&alice, note("x").parent(&elsewhere)).is_err());
            assert!(tx.append(&alice, note("x").stream("never seen").expect_seq(3)).is_err());
            assert!(tx.append(&alice, note(vec![0; 2 << 20])).is_err());
            tx.append(&alice, note("two")).map(drop)
        })
        .unwrap();
    assert_eq!(texts(&events(&vault, Filter::all())), ["one", "two"]);
    assert_intact(&vault);
    let receipt = alice.commit(note("three").expect_seq(2)).unwrap();
    assert_eq!(receipt.position.number(), 3);
}

#[test]
fn a_caller_may_have_an_error_of_its_own() {
    #[derive(Debug)]
    enum Mine {
        Store(StoreError),
        Mind,
    }
    impl From<StoreError> for Mine {
        fn from(error: StoreError) -> Self {
            Self::Store(error)
        }
    }
    let vault = vault();
    let alice = alice(&vault);
    let changed = vault.transaction(|tx| {
        tx.append(&alice, note("x"))?;
        Err::<(), _>(Mine::Mind)
    });
    assert!(matches!(changed, Err(Mine::Mind)), "{changed:?}");
    let failed = vault.transaction(|tx| Ok::<_, Mine>(tx.append(&alice, note("x").expect_seq(9))?));
    assert!(matches!(failed, Err(Mine::Store(StoreError::HeadMoved { .. }))), "{failed:?}");
    assert_eq!(size(&vault), 0);
}

/// A consumer that ended the transaction, or rolled a savepoint back below an append, left entries that no timeline
/// counted: the next append met them, and so did every one after it.
#[test]
fn statements_that_would_end_or_cut_the_transaction_are_refused() {
    let (_folder, vault) = on_disk();
    let alice = alice(&vault);
    with_table(&vault);
    for statement in [
        "COMMIT",
        "commit;",
        " \n\tEND",
        "ROLLBACK",
        "-- a remark\nROLLBACK TO x",
        "/* a */ /* b */SAVEPOINT x",
        "RELEASE x",
        "BEGIN",
        "Begin Immediate",
        "START TRANSACTION",
        "ABORT",
        "PREPARE TRANSACTION 'x'",
        ";COMMIT",
    ] {
        let refused = vault.transaction(|tx| {
            tx.append(&alice, note("x"))?;
            let error = tx.exec(statement, &[]).unwrap_err();
            assert_eq!(tx.query(statement, &[]).unwrap_err(), error);
            assert_eq!(error.kind(), ErrorKind::Invalid, "{statement}: {error}");
            assert!(error.to_string().contains("return an error"), "{statement}: {error}");
            Err::<(), _>(StoreError::Backend("enough".into()))
        });
        assert_eq!(refused, Err(StoreError::Backend("enough".into())));
    }
    vault.transaction(|tx| tx.exec("/* begin */ INSERT INTO mine VALUES (1) -- commit", &[])).unwrap();
    notes(&alice, 2);
    assert_eq!((size(&vault), mine(&vault)), (2, 1));
    assert_intact(&vault);
}

#[test]
fn a_transaction_takes_no_more_than_a_batch() {
    let vault = vault();
    let alice = alice(&vault);
    vault
        .transaction(|tx| {
            for _ in 0..4096 {
                tx.append(&alice, note(""))?;
            }
            assert_eq!(tx.append(&alice, note("")).unwrap_err().kind(), ErrorKind::Limit);
            Ok::<_, StoreError>(())
        })
        .unwrap();
    assert_eq!(size(&vault), 4096);
    assert_intact(&vault);
}

#[test]
fn an_event_of_the_transaction_itself_is_read_by_its_receipt_and_not_yet_by_readers() {
    let (_folder, vault) = on_disk();
    let alice = alice(&vault);
    notes(&alice, 1);
    vault
        .transaction(|tx| {
            let receipt = tx.append(&alice, note("within"))?;
            assert_eq!(vault.get(&receipt)?.payload, b"within");
            assert_eq!(vault.events(Filter::all())?.count(), 1);
            assert_eq!(vault.tree_head()?.size, 1);
            let elsewhere = std::thread::scope(|scope| scope.spawn(|| vault.try_get(&receipt)).join().unwrap());
            assert_eq!(elsewhere, Ok(None));
            Ok::<_, StoreError>(())
        })
        .unwrap();
    assert_eq!(size(&vault), 2);
}

#[test]
fn a_transaction_that_appends_nothing_changes_no_timeline() {
    let vault = vault();
    with_table(&vault);
    vault.transaction(|tx| tx.exec("INSERT INTO mine VALUES (1)", &[])).unwrap();
    assert_eq!((size(&vault), mine(&vault)), (0, 1));
    assert_intact(&vault);
}
