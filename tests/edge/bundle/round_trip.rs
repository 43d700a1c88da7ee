use causal_vault::{Anchor, Bundle, BundleContents, ErrorKind, Event, Filter, LogVerdict, TailVerdict, Vault, limits};

use super::file::{ENTRY, File, PAYLOAD, field};
use super::{at, export, forms, full, head, key, log_key, note, verify};

#[test]
fn every_form_of_a_bundle_verifies_under_the_head_of_the_tree() {
    let vault = full();
    for (name, file) in forms(&vault) {
        let report = verify(&file, &[]).unwrap();
        assert_eq!(report.tail, TailVerdict::Unanchored, "{name}");
        assert_eq!((report.realm, &*report.tenant, report.bytes), (vault.realm(), "default", file.len() as u64));
        let anchor: Anchor = report.tree.into();
        let anchored = verify(&file, &[anchor]).unwrap();
        assert_eq!(anchored.tail, TailVerdict::Consistent { anchored: anchor.size }, "{name}");
        assert!(anchored.logs.iter().all(|log| log.verdict == LogVerdict::Anchored), "{anchored:?}");
        if name == "log-behind" {
            let bob = vault.writer(key(7)).unwrap().id();
            let part = format!("logs of stream \"conv:demo\" of writer {bob} at positions 4 to 9, 1 entries in 1 logs");
            assert!(report.to_string().contains(&part), "{report}");
        }
    }
}

#[test]
fn a_part_is_bound_to_the_newest_checkpoint_that_covers_it_and_otherwise_to_the_tree_as_it_is() {
    let vault = full();
    let trees: Vec<_> =
        forms(&vault).iter().map(|(name, file)| (*name, verify(file, &[]).unwrap().tree.size)).collect();
    let expected = [
        ("everything", 9),
        ("range", 7),
        ("beginning", 7),
        ("end", 9),
        ("stream", 9),
        ("stream-to-checkpoint", 7),
        ("writer", 9),
        ("log-behind", 9),
    ];
    assert_eq!(trees, expected);
    for (name, file) in forms(&vault) {
        let bundle = Bundle::open(&file[..]).unwrap();
        let noted = bundle.checkpoint().map(|note| Anchor::from_note(note, &log_key(&vault).verifier()).unwrap());
        assert_eq!(noted.is_some(), name == "everything" || bundle.tree_head().size == 7, "{name}");
        if let Some(anchor) = noted {
            assert_eq!(bundle.verify(&[anchor]).unwrap().tail, TailVerdict::Consistent { anchored: 7 });
        }
    }
}

#[test]
fn an_anchor_that_a_bundle_contradicts_or_does_not_reach_is_told() {
    let vault = full();
    for (name, file) in forms(&vault) {
        let size = verify(&file, &[]).unwrap().tree.size;
        let tail = |anchor| verify(&file, &[anchor]).unwrap().tail;
        assert_eq!(tail(Anchor { size, root: [1; 32] }), TailVerdict::Diverged { at: size }, "{name}");
        let beyond = Anchor { size: size + 1, root: [1; 32] };
        assert_eq!(tail(beyond), TailVerdict::Truncated { anchored: size + 1, found: size }, "{name}");
    }
    let everything = export(&vault, Filter::all());
    let range = export(&vault, Filter::all().after(at(&vault, 2)).up_to(at(&vault, 6)));
    for size in 0..=9 {
        let anchor: Anchor = vault.tree_head_at(at(&vault, size)).unwrap().into();
        let wrong = Anchor { root: [1; 32], ..anchor };
        let consistent = TailVerdict::Consistent { anchored: size };
        assert_eq!(verify(&everything, &[anchor]).unwrap().tail, consistent);
        assert_eq!(verify(&everything, &[wrong]).unwrap().tail, TailVerdict::Diverged { at: size });
        let shown = [2, 3, 4, 5, 6, 7].contains(&size);
        let (right, wrong) = (verify(&range, &[anchor]).unwrap().tail, verify(&range, &[wrong]).unwrap().tail);
        match size {
            // It shows no tree of these sizes.
            0 | 1 => assert_eq!((right, wrong), (TailVerdict::Unanchored, TailVerdict::Unanchored)),
            _ if shown => assert_eq!((right, wrong), (consistent, TailVerdict::Diverged { at: size })),
            _ => assert_eq!(right, TailVerdict::Truncated { anchored: size, found: 7 }),
        }
    }
}

#[test]
fn payloads_come_once_and_attachments_only_with_everything() {
    let vault = full();
    let payloads = |file: &[u8]| {
        let file = File::open(file);
        file.of(PAYLOAD).into_iter().map(|at| file.records[at].1.len()).collect::<Vec<_>>()
    };
    let forms = forms(&vault);
    let of = |name: &str| payloads(&forms.iter().find(|form| form.0 == name).unwrap().1);
    let mut everything = of("everything");
    everything.sort_unstable();
    assert_eq!(everything, [5, 90, 2000]);
    assert_eq!(of("beginning"), [2000]);
    assert_eq!(of("writer"), [2000]);
    assert_eq!(of("end"), [0; 0]);
}

#[test]
fn a_log_is_told_with_as_many_entries_and_signatures_as_the_bundle_has() {
    let vault = full();
    let file = export(&vault, Filter::stream("conv:demo").up_to(at(&vault, 5)));
    let logs = verify(&file, &[]).unwrap().logs;
    let found: Vec<_> = logs.iter().map(|log| (&*log.stream, &*log.writer_name, log.entries, log.signed)).collect();
    let (bob, carol) = (vault.writer(key(7)).unwrap().id().to_hex(), vault.writer(key(8)).unwrap().id().to_hex());
    // Carol signs the end of her batch, which is not in it.
    assert_eq!(found, [("conv:demo", "alice", 1, 0), ("conv:demo", &bob, 1, 1), ("conv:demo", &carol, 2, 0)]);
    let verdicts: Vec<_> = logs.into_iter().map(|log| log.verdict).collect();
    assert_eq!(verdicts, [LogVerdict::Unsigned, LogVerdict::SignedUnanchored, LogVerdict::Unsigned]);
}

#[test]
fn a_log_is_told_with_as_many_entries_as_an_anchor_and_signatures_cover() {
    let vault = full();
    let anchored = |filter, anchor| {
        let logs = verify(&export(&vault, filter), &[anchor]).unwrap().logs;
        logs.iter().map(|log| (log.entries, log.anchored, log.signed)).collect::<Vec<_>>()
    };
    let anchor = |size| vault.tree_head_at(at(&vault, size)).unwrap().into();
    assert_eq!(anchored(Filter::all(), anchor(4)), [(2, 1, 0), (2, 1, 2), (1, 1, 0), (3, 1, 3), (1, 0, 1)]);
    assert_eq!(anchored(Filter::all().after(at(&vault, 7)), anchor(8)), [(1, 1, 0), (1, 0, 1)]);
    let another = Anchor { size: 4, root: [1; 32] };
    assert_eq!(anchored(Filter::all(), another), [(2, 0, 0), (2, 0, 2), (1, 0, 0), (3, 0, 3), (1, 0, 1)]);
}

#[test]
fn an_entry_with_as_many_parents_as_there_can_be_goes_through() {
    let vault = Vault::in_memory().unwrap();
    let alice = vault.named_writer("alice").unwrap();
    let parents = alice.commit_batch((0..limits::PARENTS).map(|n| note(n.to_string()))).unwrap();
    alice.commit(parents.iter().fold(note("all"), |event, parent| event.parent(parent))).unwrap();
    let file = export(&vault, Filter::all());
    assert_eq!(verify(&file, &[]).unwrap().entries, parents.len() as u64 + 1);
    assert!(format!("{:?}", Bundle::open(&file[..]).unwrap()).contains("default"));
}

#[test]
fn an_empty_tenant_is_a_bundle_and_so_is_an_empty_range() {
    let vault = Vault::in_memory().unwrap();
    let report = verify(&export(&vault, Filter::all()), &[head(&vault)]).unwrap();
    assert_eq!((report.contents, report.tail), (BundleContents::Everything, TailVerdict::Consistent { anchored: 0 }));
    let vault = full();
    let news = export(&vault, Filter::all().after(vault.tree_head().unwrap().into()));
    let report = verify(&news, &[head(&vault)]).unwrap();
    assert_eq!(report.contents, BundleContents::Range { after: 9, up_to: 9 });
    assert_eq!(report.tail, TailVerdict::Consistent { anchored: 9 });
}

#[test]
fn what_cannot_be_exported_is_refused_by_name() {
    let vault = full();
    let refused = |filter| vault.export(filter, Vec::new()).unwrap_err();
    assert_eq!(refused(Filter::kind("note")).kind(), ErrorKind::Unsupported);
    let parent = vault.events(Filter::all()).unwrap().next().unwrap().unwrap();
    assert_eq!(refused(Filter::parent(&parent)).kind(), ErrorKind::Unsupported);
    assert!(
        refused(Filter::all().after(at(&vault, 3)).up_to(at(&vault, 2))).to_string().contains("behind 3 and up to 2")
    );
    assert_eq!(refused(Filter::stream("")).kind(), ErrorKind::Invalid);
    assert_eq!(refused(Filter::stream("nobody writes here")).kind(), ErrorKind::NotFound);
    let longer = full();
    longer.named_writer("alice").unwrap().commit(note("ten")).unwrap();
    assert!(refused(Filter::all().up_to(at(&longer, 10))).to_string().contains("the last one is 9"));
}

#[test]
fn a_vault_that_is_damaged_gives_no_bundle() {
    for statement in [
        "UPDATE vault_entry SET payload = x'00' WHERE id % 10 = 0 AND payload IS NOT NULL",
        "UPDATE vault_entry SET signature = NULL WHERE signature IS NOT NULL",
        "UPDATE vault_payload SET bytes = x'00' WHERE length(bytes) = 2000",
        "UPDATE vault_writer SET name = 'mallory' WHERE name = 'alice'",
        "DELETE FROM vault_edge",
        "DELETE FROM vault_entry WHERE id % 8 = 5",
        "UPDATE vault_checkpoint SET note = replace(note, char(10) || '7' || char(10), char(10) || '6' || char(10))",
    ] {
        let vault = full();
        assert_ne!(vault.backend().exec(statement, &[]), Ok(0), "{statement}");
        let mut file = Vec::new();
        let error = vault.export(Filter::all(), &mut file).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Invalid), "{statement}: {error}");
        assert!(verify(&file, &[]).is_err(), "{statement}");
    }
}

#[test]
fn an_export_sees_one_state_while_others_commit() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::open(folder.path().join("v")).unwrap();
    let alice = vault.named_writer("alice").unwrap();
    alice.commit_batch((0..300).map(|n| note(n.to_string()))).unwrap();
    /// Commits while it is written to.
    struct Busy(Vec<u8>, causal_vault::Writer);
    impl std::io::Write for Busy {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let writer = self.1.clone();
            std::thread::spawn(move || writer.commit(note("meanwhile")).unwrap()).join().unwrap();
            self.0.write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut busy = Busy(Vec::new(), alice);
    let report = vault.export(Filter::all(), &mut busy).unwrap();
    assert_eq!(report.entries, 300);
    assert!(vault.tree_head().unwrap().size > 305);
    assert_eq!(verify(&busy.0, &[]), Ok(report));
}

#[test]
fn many_logs_many_parents_and_many_tiles_go_through_in_every_form() {
    let vault = Vault::in_memory().unwrap();
    let writers: Vec<_> = (0..40).map(|n| vault.named_writer(&format!("w{n}")).unwrap()).collect();
    let mut before = None;
    for n in 0..600_usize {
        let event = Event::raw("tick", n.to_be_bytes()).stream(["even", "odd"][n % 2]);
        let event = before.iter().fold(event, |event, parent| event.parent(parent));
        before = Some(writers[n % 40].commit(event).unwrap());
    }
    let report = verify(&export(&vault, Filter::stream("odd")), &[head(&vault)]).unwrap();
    assert_eq!((report.entries, report.logs.len()), (300, 20));
    for (after, up_to) in [(0, 256), (255, 257), (256, 512), (100, 599), (513, 600)] {
        let file = export(&vault, Filter::all().after(at(&vault, after)).up_to(at(&vault, up_to)));
        assert_eq!(verify(&file, &[head(&vault)]).unwrap().entries, up_to - after);
    }
    let file = File::open(&export(&vault, Filter::all()));
    let children = |at: &usize| file.records[*at].1[field(&file.records[*at].1, "children")] == [0, 0, 0, 1];
    assert_eq!(file.of(ENTRY).iter().filter(|at| children(at)).count(), 599);
}
