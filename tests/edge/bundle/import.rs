use causal_vault::{
    ChainRule, EntryHash, ErrorKind, Event, EventRef, Filter, Position, StoreError, TailVerdict, Vault,
};

use super::damage::{damaged, forged};
use super::file::{ENTRY, File, field};
use super::{at, export, forge, full, head, key, note, scene, verify};

/// A vault in a file that is restored from a bundle.
fn restored(file: &[u8]) -> (tempfile::TempDir, Vault) {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::restore(folder.path().join("restored"), file, &[]).unwrap();
    (folder, vault)
}

fn news(of: &Vault, after: &Vault) -> Vec<u8> {
    export(of, Filter::all().after(after.tree_head().unwrap().into()))
}

#[track_caller]
fn assert_same(a: &Vault, b: &Vault) {
    assert_eq!((a.realm(), a.tenant(), a.tree_head()), (b.realm(), b.tenant(), b.tree_head()));
    let events = |vault: &Vault| vault.events(Filter::all()).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(events(a), events(b));
    assert!(b.verify(&[head(a)]).unwrap().is_intact());
}

#[test]
fn a_restored_vault_is_the_vault_and_goes_on_where_it_ended() {
    let vault = full();
    let (_folder, copy) = restored(&export(&vault, Filter::all()));
    assert_same(&vault, &copy);
    for payload in [b"small".as_slice(), &[b'f'; 90], &[b'x'; 2000], b"hello"] {
        assert_eq!(copy.payload(&causal_vault::PayloadDigest::of(payload)).unwrap(), payload);
    }
    assert_eq!(export(&copy, Filter::stream("films")), export(&vault, Filter::stream("films")));
    let first = copy.events(Filter::all()).unwrap().next().unwrap().unwrap();
    let next = note("and on").parent(&first);
    assert_eq!(copy.named_writer("alice").unwrap().commit(next.clone()).unwrap().seq, 3);
    assert_eq!(copy.writer(key(7)).unwrap().commit(next).unwrap().seq, 3);
    assert!(copy.verify(&[head(&vault)]).unwrap().is_intact());
    let lineage: Vec<_> = copy.descendants(&first).unwrap().map(|event| event.unwrap().seq).collect();
    assert_eq!(lineage.len(), 8);
}

#[test]
fn a_restore_ends_in_a_file_that_opens_like_any_other() {
    let vault = full();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v");
    drop(Vault::restore(&path, &export(&vault, Filter::all())[..], &[head(&vault)]).unwrap());
    assert_same(&vault, &Vault::open(&path).unwrap());
}

#[test]
fn a_store_with_a_prefix_takes_only_what_is_new_from_a_longer_bundle_or_from_a_range() {
    for whole in [true, false] {
        let vault = full();
        let (_folder, copy) = restored(&export(&vault, Filter::all()));
        scene(&vault);
        let bundle = if whole { export(&vault, Filter::all()) } else { news(&vault, &copy) };
        assert_eq!(copy.import(&bundle[..], &[head(&vault)]).unwrap().imported, 9);
        assert_same(&vault, &copy);
        assert_eq!(copy.import(&bundle[..], &[head(&vault)]).unwrap().imported, 0);
        // An older bundle, and a range that laps over what is there.
        let older = export(&vault, Filter::all().up_to(at(&vault, 4)));
        assert_eq!(copy.import(&older[..], &[]).unwrap().imported, 0);
        vault.named_writer("alice").unwrap().commit(note("one more")).unwrap();
        let lapping = export(&vault, Filter::all().after(at(&vault, 12)));
        assert_eq!(copy.import(&lapping[..], &[]).unwrap().imported, 1);
        assert_same(&vault, &copy);
    }
}

#[test]
fn a_range_behind_the_end_and_the_logs_of_a_stream_are_refused_by_name() {
    let vault = full();
    let (_folder, copy) = restored(&export(&vault, Filter::all()));
    scene(&vault);
    for (bundle, why) in [
        (
            export(&vault, Filter::all().after(at(&vault, 10))),
            "begins behind position 10, and the history here ends at 9",
        ),
        (export(&vault, Filter::stream("conv:demo")), "positions have gaps"),
    ] {
        let error = copy.import(&bundle[..], &[]).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(verify(&bundle, &[]).map(|report| report.tail), Ok(TailVerdict::Unanchored));
    }
    let folder = tempfile::tempdir().unwrap();
    let range = export(&vault, Filter::all().up_to(at(&vault, 4)));
    let error = Vault::restore(folder.path().join("v"), &range[..], &[]).unwrap_err();
    assert!(error.to_string().contains("a vault is restored from everything"), "{error}");
    assert!(!folder.path().join("v").exists());
    assert_eq!(copy.tree_head().unwrap().size, 9);
}

#[test]
fn a_bundle_of_another_vault_or_tenant_is_refused() {
    let (vault, other) = (full(), full());
    let bundle = export(&other, Filter::all());
    let error = vault.import(&bundle[..], &[]).unwrap_err();
    assert!(error.to_string().contains("restore it into a file of its own"), "{error}");
    let acme = vault.for_tenant("acme").unwrap();
    scene(&acme);
    let error = vault.import(&export(&acme, Filter::all())[..], &[]).unwrap_err();
    assert!(error.to_string().contains(r#"of tenant "acme", and this handle is on "default""#), "{error}");
}

#[test]
fn tenants_of_one_vault_are_restored_one_after_the_other() {
    let vault = full();
    let acme = vault.for_tenant("acme").unwrap();
    scene(&acme);
    let (_folder, copy) = restored(&export(&vault, Filter::all()));
    let theirs = copy.for_tenant("acme").unwrap();
    assert_eq!(theirs.import(&export(&acme, Filter::all())[..], &[]).unwrap().imported, 9);
    assert_same(&acme, &theirs);
    assert_same(&vault, &copy);
}

/// The error said that there is a proof, and nobody could get it.
#[test]
fn the_proof_of_an_equivocation_that_an_import_meets_freezes_its_writer() {
    let vault = full();
    let bob = vault.writer(key(7)).unwrap().rotate(key(17)).unwrap();
    let (_folder, copy) = restored(&export(&vault, Filter::all()));
    for (vault, text) in [(&vault, "one way"), (&copy, "the other way")] {
        vault.writer_as(bob.id(), key(17)).unwrap().commit(note(text)).unwrap();
    }
    let proof = copy.import(&export(&vault, Filter::all())[..], &[]).unwrap_err().equivocation().unwrap();
    assert_eq!((proof.place().writer, proof.rotations().len()), (bob.id(), 1));
    for vault in [&vault, &copy] {
        vault.report_equivocation(&proof).unwrap();
        let error = vault.writer_as(bob.id(), key(17)).unwrap().commit(note("more")).unwrap_err();
        assert!(matches!(error, StoreError::WriterFrozen { .. }), "{error}");
    }
}

#[test]
fn a_history_that_went_another_way_is_named_with_its_position_and_an_equivocation_as_such() {
    for signed in [true, false] {
        let vault = full();
        let (_folder, copy) = restored(&export(&vault, Filter::all()));
        for (vault, text) in [(&vault, "one way"), (&copy, "the other way")] {
            let writer = if signed { vault.writer(key(7)) } else { vault.named_writer("alice") };
            writer.unwrap().commit(note(text)).unwrap();
            vault.named_writer("zoe").unwrap().commit(note("and on")).unwrap();
        }
        let before = copy.tree_head().unwrap();
        for bundle in [export(&vault, Filter::all()), export(&vault, Filter::all().after(at(&vault, 5)))] {
            match copy.import(&bundle[..], &[]).unwrap_err() {
                error @ StoreError::BundleDiverges { position: 10, .. } => {
                    let proof = error.equivocation();
                    assert_eq!((proof.is_some(), error.to_string().contains("an equivocation")), (signed, signed));
                    let entries = proof.iter().flat_map(|proof| proof.entries().iter().map(|entry| &entry.bytes));
                    for entry in entries.map(|bytes| format!("entry {}", EntryHash::of(bytes))) {
                        assert!(error.to_string().contains(&entry), "{error}");
                    }
                }
                other => panic!("{other}"),
            }
        }
        // A range that begins behind the fork has another left edge.
        let behind = export(&vault, Filter::all().after(at(&vault, 11)));
        let error = copy.import(&behind[..], &[]).unwrap_err();
        assert!(matches!(error, StoreError::BundleDiverges { position: 11, .. }), "{error}");
        assert_eq!(error.equivocation(), None);
        assert_eq!(copy.tree_head().unwrap(), before);
        assert!(copy.verify(&[]).unwrap().is_intact());
    }
}

#[test]
fn an_anchor_that_is_contradicted_or_not_reached_stores_nothing() {
    let vault = full();
    let (_folder, copy) = restored(&export(&vault, Filter::all()));
    vault.named_writer("alice").unwrap().commit(note("new")).unwrap();
    let bundle = news(&vault, &copy);
    for (size, root) in [(10, [1; 32]), (11, [1; 32]), (9, [1; 32])] {
        let error = copy.import(&bundle[..], &[causal_vault::Anchor { size, root }]).unwrap_err();
        assert!(error.to_string().contains("nothing of it was imported"), "{error}");
        // One that is not reached may be of a newer bundle.
        let kind = if size == 11 { ErrorKind::Invalid } else { ErrorKind::Corrupt };
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(copy.tree_head().unwrap().size, 9);
    }
    assert_eq!(copy.import(&bundle[..], &[head(&vault)]).unwrap().imported, 1);
}

#[test]
fn whatever_is_wrong_with_a_bundle_nothing_of_it_is_stored_and_the_file_can_be_given_again() {
    let (vault, folder) = (full(), tempfile::tempdir().unwrap());
    let good = export(&vault, Filter::all());
    let (_folder, copy) = restored(&good);
    scene(&vault);
    let longer = export(&vault, Filter::all());
    let rows = |vault: &Vault| {
        let tables = ["entry", "edge", "log", "writer", "payload", "node", "kind", "timeline"];
        tables.map(|table| vault.backend().query(&format!("SELECT count(*) FROM vault_{table}"), &[]).unwrap())
    };
    let before = (rows(&copy), copy.tree_head().unwrap());
    for (n, (name, bytes)) in damaged(&longer).into_iter().enumerate().filter(|(n, _)| n % 7 == 0) {
        assert!(copy.import(&bytes[..], &[]).is_err(), "{n} {name}");
        assert_eq!((rows(&copy), copy.tree_head().unwrap()), before, "{name}");
    }
    let path = folder.path().join("again");
    for (name, bytes) in forged() {
        assert!(Vault::restore(&path, &bytes[..], &[]).is_err(), "{name}");
    }
    let again = Vault::restore(&path, &good[..], &[]).unwrap();
    assert_same(&again, &copy);
}

/// A range may end within a batch that only its end signs: the log would end in an entry that nobody signed.
#[test]
fn a_range_that_ends_a_signed_log_without_a_signature_verifies_and_is_not_imported() {
    let vault = full();
    let (_folder, copy) = restored(&export(&vault, Filter::all()));
    scene(&vault);
    let cut = export(&vault, Filter::all().after(at(&vault, 9)).up_to(at(&vault, 14)));
    let error = copy.import(&cut[..], &[]).unwrap_err();
    assert!(
        matches!(error, StoreError::BundleBroken { rule: ChainRule::Signature, position: Some(14), .. }),
        "{error}"
    );
    assert_eq!(copy.tree_head().unwrap().size, 9);
    let whole = export(&vault, Filter::all().after(at(&vault, 9)).up_to(at(&vault, 15)));
    assert_eq!(copy.import(&whole[..], &[]).unwrap().imported, 6);
}

/// A range does not hold what was said of its writers before it began.
#[test]
fn an_entry_by_a_writer_that_was_revoked_before_the_range_is_not_imported() {
    let vault = Vault::in_memory().unwrap();
    let carol = vault.writer(key(5)).unwrap();
    let last = carol.commit(note("hi")).unwrap();
    carol.revoke(EventRef::from(&last)).unwrap();
    let [(_folder, copy), (folder, other)] = [(); 2].map(|()| restored(&export(&vault, Filter::all())));
    // There she goes on, as nothing is seen that was said of her.
    let rename = |vault: &Vault, from: &str, to: &str| {
        let edit = format!("UPDATE vault_log SET stream = replace(stream, '{from}', '{to}')");
        assert!(vault.backend().exec(&edit, &[]).unwrap() > 0);
    };
    rename(&other, "vault:writer:", "hidden:");
    drop(other);
    let other = Vault::open(folder.path().join("restored")).unwrap();
    other.writer(key(5)).unwrap().commit(note("more")).unwrap();
    rename(&other, "hidden:", "vault:writer:");
    drop(other);
    let other = Vault::open(folder.path().join("restored")).unwrap();
    let error = copy.import(&news(&other, &copy)[..], &[]).unwrap_err();
    assert!(matches!(error, StoreError::BundleBroken { rule: ChainRule::Revoked, position: Some(3), .. }), "{error}");
    assert_eq!(copy.tree_head().unwrap().size, 2);
}

/// What a bundle alone cannot know, as its range begins later: where its logs and its parents stand.
#[test]
fn what_a_range_says_about_entries_before_it_is_checked_against_the_store() {
    let vault = Vault::in_memory().unwrap();
    let alice = vault.named_writer("alice").unwrap();
    let notes: Vec<_> = (0..3).map(|n| alice.commit(note(n.to_string())).unwrap()).collect();
    let (_folder, copy) = restored(&export(&vault, Filter::all()));
    alice.commit(Event::raw("answer", "").stream("other").parent(&notes[1])).unwrap();
    let file = File::open(&news(&vault, &copy));
    let moved = file.with(file.of(ENTRY)[0], |body| {
        let parents = field(body, "parents");
        body[parents].copy_from_slice(&3_u64.to_be_bytes());
    });
    assert!(verify(&moved.seal(), &[]).is_ok());
    let error = copy.import(&moved.seal()[..], &[]).unwrap_err();
    assert!(matches!(error, StoreError::BundleBroken { rule: ChainRule::Parent, position: Some(4), .. }), "{error}");
    assert_eq!(copy.import(&file.seal()[..], &[]).unwrap().imported, 1);
    assert_same(&vault, &copy);
}

#[test]
fn subscribers_are_told_what_was_imported_and_a_retry_of_an_imported_event_finds_it() {
    let vault = full();
    let (_folder, copy) = restored(&export(&vault, Filter::all()));
    let event = note("once").id(causal_vault::EventId::from_bytes([5; 16]));
    let receipt = vault.named_writer("alice").unwrap().commit(event.clone()).unwrap();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = std::sync::Arc::clone(&seen);
    let _guard = copy.subscribe(Filter::all(), move |header| heard.lock().unwrap().push(header.seq)).unwrap();
    copy.import(&news(&vault, &copy)[..], &[]).unwrap();
    assert_eq!(*seen.lock().unwrap(), [receipt.seq]);
    let again = copy.named_writer("alice").unwrap().commit(event).unwrap();
    assert_eq!((again.hash, again.position, again.is_new), (receipt.hash, receipt.position, false));
    assert!(copy.get(receipt.id).unwrap().header.position > Position::START);
}

#[test]
fn a_vault_keeps_its_own_inline_threshold_for_what_it_imports() {
    let vault = full();
    let bundle = export(&vault, Filter::all());
    let restored = |bundle: &[u8], threshold| {
        let folder = tempfile::tempdir().unwrap();
        let builder = Vault::builder().inline_threshold(threshold);
        let (copy, _) = builder.restore(folder.path().join("v"), bundle, &[]).unwrap();
        (copy.backend().exec("UPDATE vault_payload SET id = id", &[]).unwrap(), folder, copy)
    };
    // What the bundle keeps once is kept once whatever its size, and so are the longer payloads of its entries.
    for (threshold, kept_once) in [(0, 9), (3, 5), (1 << 20, 3)] {
        let (found, _folder, copy) = restored(&bundle, threshold);
        assert_eq!(found, kept_once, "{threshold}");
        assert_same(&vault, &copy);
    }
    let (_, committed) = forge::honest().into_iter().find(|(name, _)| name == "a commitment").unwrap();
    assert_eq!(restored(&committed, 0).0, 0, "the digest of a commitment is not that of its bytes");
}
