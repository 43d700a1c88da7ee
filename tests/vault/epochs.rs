//! Backups that are restored.

use std::path::Path;

use causal_vault::{
    ErrorKind, FileSink, Filter, NoteSigner, SigningKey, StoreError, TailVerdict, Vault, Writer, WriterLog, limits,
};

use super::{assert_intact, events, note, notes, size, texts, vault};

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

fn alice(vault: &Vault) -> Writer {
    vault.writer(key(1)).unwrap()
}

/// A vault that went on after its backup was taken, and the backup.
fn lost_and_restored(folder: &Path) -> [Vault; 2] {
    let [live, backup] = ["live", "backup"].map(|name| folder.join(name));
    let vault = Vault::open(&live).unwrap();
    notes(&alice(&vault), 3);
    notes(&alice(&vault.for_tenant("acme").unwrap()), 2);
    drop(vault);
    std::fs::copy(&live, &backup).unwrap();
    let vault = Vault::open(&live).unwrap();
    notes(&alice(&vault), 2);
    [vault, Vault::open(backup).unwrap()]
}

#[test]
fn what_is_written_after_a_restore_stands_at_no_place_of_what_was_lost() {
    let folder = tempfile::tempdir().unwrap();
    let [lost, restored] = lost_and_restored(folder.path());
    let collisions = |restored: &Vault| {
        let written = events(&lost, Filter::writer(alice(&lost).id()));
        let found =
            written.iter().filter_map(|event| restored.find_equivocation(&lost.signed_entry(event).unwrap()).unwrap());
        found.count()
    };
    std::fs::copy(folder.path().join("backup"), folder.path().join("careless")).unwrap();
    let careless = Vault::open(folder.path().join("careless")).unwrap();
    restored.begin_epoch("restored from the backup of last night").unwrap();
    for vault in [&careless, &restored] {
        notes(&alice(vault), 3);
    }
    assert_eq!((collisions(&careless), collisions(&restored)), (2, 0));
}

#[test]
fn every_log_of_every_tenant_goes_on_in_a_new_epoch_and_readers_see_one_history() {
    let folder = tempfile::tempdir().unwrap();
    let [_, vault] = lost_and_restored(folder.path());
    let acme = vault.for_tenant("acme").unwrap();
    vault.begin_epoch("restored from the backup of last night").unwrap();
    for tenant in [&vault, &acme] {
        let announced = events(tenant, Filter::kind("vault.epoch")).pop().unwrap();
        assert_eq!(announced.payload, b"restored from the backup of last night");
        let receipt = alice(tenant).commit(note("after")).unwrap();
        assert_eq!(receipt.seq, 1);
        let epoch = tenant.standing(alice(tenant).id()).unwrap().epoch;
        let report = tenant.verify(&[]).unwrap();
        assert!(report.is_intact(), "{report}");
        assert!(epoch > 0 && report.logs.iter().filter(|log| log.epoch == epoch).count() == 2, "{report:?}");
    }
    let story = texts(&events(&vault, Filter::stream("conv:demo").with_writer(alice(&vault).id())));
    assert_eq!(story, ["0", "1", "2", "after"]);
}

#[test]
fn two_restores_of_one_backup_do_not_meet_in_one_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let [_, vault] = lost_and_restored(folder.path());
    drop(vault);
    let mut epochs: Vec<u32> = (0..8)
        .map(|n| {
            let copy = folder.path().join(n.to_string());
            std::fs::copy(folder.path().join("backup"), &copy).unwrap();
            let vault = Vault::open(&copy).unwrap();
            vault.begin_epoch("").unwrap();
            vault.standing(alice(&vault).id()).unwrap().epoch
        })
        .collect();
    epochs.sort_unstable();
    epochs.dedup();
    assert!(epochs.len() > 6, "{epochs:?}");
}

#[test]
fn a_tenant_that_is_new_after_a_restore_begins_in_an_epoch_of_its_own() {
    let vault = vault();
    vault.begin_epoch("restored").unwrap();
    let (new, written) = (vault.for_tenant("new").unwrap(), vault.for_tenant("written").unwrap());
    notes(&alice(&new), 2);
    written.begin_epoch("restored again").unwrap();
    for tenant in [&new, &written] {
        assert!(tenant.standing(alice(tenant).id()).unwrap().epoch > 0);
        assert_intact(tenant);
    }
    assert_eq!((size(&new), size(&written), events(&vault, Filter::all()).len()), (4, 1, 2));
}

#[test]
fn rotations_and_restores_add_up_and_epochs_come_to_an_end_as_an_error() {
    let vault = vault();
    let first = alice(&vault);
    let second = first.rotate(key(2)).unwrap();
    vault.begin_epoch("one").unwrap();
    notes(&second, 1);
    let third = second.rotate(key(3)).unwrap();
    vault.begin_epoch("two").unwrap();
    notes(&third, 1);
    let base = vault.standing(causal_vault::Fingerprint::named("bob").unwrap()).unwrap().epoch;
    assert_eq!(vault.standing(first.id()).unwrap().epoch, base + 2);
    assert_intact(&vault);
    let error = vault.begin_epoch(&"x".repeat(limits::EPOCH_REASON + 1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn a_log_that_is_read_and_written_through_the_primitive_goes_on_over_epochs() {
    let vault = vault();
    WriterLog::append(vault.backend(), "conv:demo", "bob", b"before").unwrap();
    vault.begin_epoch("restored").unwrap();
    let after = WriterLog::append(vault.backend(), "conv:demo", "bob", b"after").unwrap();
    assert_eq!((after.seq, after.prev_hash), (1, None));
    let entries = WriterLog::entries(vault.backend(), "conv:demo", "bob").unwrap();
    assert_eq!(entries.iter().map(|entry| &*entry.payload).collect::<Vec<_>>(), [b"before".as_slice(), b"after"]);
    assert_eq!(WriterLog::head(vault.backend(), "conv:demo", "bob"), Ok(Some(after)));
    WriterLog::verify(vault.backend(), "conv:demo", "bob").unwrap();
    WriterLog::ensure_schema(vault.backend()).unwrap();
    assert_intact(&vault);
}

#[test]
fn other_handles_go_on_in_the_new_epoch_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let [vault, there] = [(); 2].map(|()| Vault::open(folder.path().join("v")).unwrap());
    notes(&alice(&vault), 1);
    notes(&alice(&there), 1);
    vault.begin_epoch("restored").unwrap();
    assert_eq!(alice(&there).commit(note("next")).unwrap().seq, 1);
    assert_eq!(alice(&vault).commit(note("next")).unwrap().seq, 2);
    assert_intact(&vault);
}

#[test]
fn a_store_that_ends_before_what_was_published_says_that_it_was_restored() {
    let folder = tempfile::tempdir().unwrap();
    let [live, restored] = lost_and_restored(folder.path());
    let sink = FileSink::new(folder.path().join("checkpoint"));
    restored.check_published(&sink).unwrap();
    let signer = |vault: &Vault| NoteSigner::new(vault.origin("vault.example").unwrap(), key(9)).unwrap();
    live.publish_checkpoint(&signer(&live), &sink).unwrap();
    live.check_published(&sink).unwrap();
    notes(&alice(&live), 1);
    live.check_published(&sink).unwrap();

    let error = restored.check_published(&sink).unwrap_err();
    assert_eq!(error, StoreError::BehindCheckpoint { tenant: "default".into(), found: 3, published: 5 });
    let text = error.to_string();
    assert!(text.contains("ends at 3 and the checkpoint names 5") && text.contains("begin_epoch"), "{text}");
    restored.begin_epoch("restored").unwrap();
    notes(&alice(&restored), 3);
    assert!(matches!(restored.check_published(&sink), Err(StoreError::InconsistentHistory { .. })));
    let error = restored.for_tenant("acme").unwrap().check_published(&sink).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let anchor = live.tree_head().unwrap();
    assert!(matches!(restored.verify(&[anchor.into()]).unwrap().tail, TailVerdict::Diverged { .. }));
}
