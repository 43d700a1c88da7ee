//! Bundles of tenants whose writers changed keys, were revoked or frozen, and began new epochs.

use causal_vault::{ChainRule, Event, EventRef, Filter, StoreError, Vault};

use super::file::{ENTRY, File, WRITER, field};
use super::{at, export, head, key, note, verify};

/// Bob rotates twice, carol is revoked from her last good entry on, an epoch begins, and dave goes on through it.
/// The positions: 1 bob, 2 rotation, 3 bob, 4 dave, 5 epoch, 6 bob, 7 dave, 8 rotation, 9 bob, 10 carol, 11 revocation.
fn eventful(vault: &Vault) {
    let (bob, dave) = (vault.writer(key(7)).unwrap(), vault.named_writer("dave").unwrap());
    bob.commit(note("with the first key")).unwrap();
    let bob = bob.rotate(key(17)).unwrap();
    bob.commit(note("with the second")).unwrap();
    dave.commit(note("before")).unwrap();
    vault.begin_epoch("restored").unwrap();
    bob.commit(note("still with the second")).unwrap();
    dave.commit(note("after")).unwrap();
    let bob = bob.rotate(key(27)).unwrap();
    bob.commit(note("with the third")).unwrap();
    let carol = vault.writer(key(8)).unwrap();
    let good = EventRef::from(&carol.commit(note("good")).unwrap());
    vault.revoke(carol.id(), good).unwrap();
}

fn scene() -> Vault {
    let vault = Vault::in_memory().unwrap();
    eventful(&vault);
    vault
}

/// A vault and one in which a writer lied, so that it is frozen.
fn frozen() -> Vault {
    let vault = scene();
    let folder = tempfile::tempdir().unwrap();
    let other = Vault::restore(folder.path().join("v"), &export(&vault, Filter::all())[..], &[]).unwrap();
    let [_, lie] = [&vault, &other].map(|vault| {
        let liar = vault.writer(key(5)).unwrap();
        liar.commit(Event::raw("note", vault.tree_head().unwrap().root).stream(format!("{:p}", vault))).unwrap();
        liar.commit(note(format!("{:p}", vault))).unwrap()
    });
    let proof = vault.find_equivocation(&other.signed_entry(&lie).unwrap()).unwrap().unwrap();
    vault.report_equivocation(&proof).unwrap();
    vault
}

/// A vault and one whose key was in other hands from the beginning: whoever had it went on to another, and nothing counts.
fn stolen() -> Vault {
    let vault = scene();
    let thief = vault.writer(key(5)).unwrap();
    thief.commit(note("with a stolen key")).unwrap();
    let thief = thief.rotate(key(15)).unwrap();
    thief.commit(note("with one of the thief's")).unwrap();
    thief.commit(Event::raw("note", "elsewhere").stream("elsewhere")).unwrap();
    vault.revoke(thief.id(), None).unwrap();
    vault
}

pub(super) fn forms() -> Vec<(String, Vec<u8>)> {
    let (vault, frozen) = (scene(), frozen());
    let bob = vault.writer(key(7)).unwrap().id();
    let mut all = Vec::new();
    for (name, filter) in [
        ("everything", Filter::all()),
        ("behind both rotations", Filter::all().after(at(&vault, 8))),
        ("between the rotations", Filter::all().after(at(&vault, 2)).up_to(at(&vault, 6))),
        ("before the second", Filter::all().up_to(at(&vault, 7))),
        ("bob", Filter::writer(bob)),
        ("bob's last", Filter::stream("conv:demo").with_writer(bob).after(at(&vault, 8))),
    ] {
        all.push((format!("writers, {name}"), export(&vault, filter)));
    }
    all.push(("writers, frozen".to_owned(), export(&frozen, Filter::all())));
    all.push(("writers, stolen".to_owned(), export(&stolen(), Filter::all())));
    all
}

/// Writers that may not write, keys that are not theirs, and epochs that nothing began.
pub(super) fn forged() -> Vec<(String, Vec<u8>, ChainRule)> {
    let file = File::open(&export(&scene(), Filter::all()));
    let writer = file.of(WRITER).into_iter().find(|at| file.records[*at].1.len() > 100).unwrap();
    let entries = file.of(ENTRY);
    let strip = |at: usize| {
        file.with(at, |body| {
            let signature = field(body, "signature");
            body.drain(signature.clone());
            body[signature.start - 1] = 0;
        })
    };
    let cut = |body: &mut Vec<u8>, keep: u8| {
        let one = 32 + 64 + 4 + u32::from_be_bytes(body[131..135].try_into().unwrap()) as usize;
        body[34] = keep;
        body.truncate(35 + one * usize::from(keep));
    };
    let vault = Vault::in_memory().unwrap();
    let bob = vault.writer(key(7)).unwrap();
    bob.commit(note("before")).unwrap();
    let before = File::open(&export(&vault, Filter::all()));
    drop(bob.rotate(key(17)).unwrap());
    let told = File::open(&export(&vault, Filter::all())).records[1].1.clone();
    use ChainRule::{KeyEvent, Signature};
    vec![
        ("a rotation that is not there".into(), before.with(1, |body| *body = told).seal(), KeyEvent),
        ("no rotation told".into(), file.with(writer, |body| cut(body, 0)).seal(), KeyEvent),
        ("one rotation told of two".into(), file.with(writer, |body| cut(body, 1)).seal(), KeyEvent),
        ("another new key".into(), file.with(writer, |body| body[35] ^= 1).seal(), KeyEvent),
        ("another signature of a rotation".into(), file.with(writer, |body| body[70] ^= 1).seal(), KeyEvent),
        ("a rotation that is not signed".into(), strip(entries[1]).seal(), KeyEvent),
        ("the last entry not signed".into(), strip(entries[8]).seal(), Signature),
    ]
}

#[test]
fn every_part_of_an_eventful_history_verifies_with_the_keys_of_its_time() {
    for (name, bytes) in forms() {
        let report = verify(&bytes, &[]).unwrap();
        assert!(report.entries > 0, "{name}");
    }
}

#[test]
fn a_vault_with_rotations_revocations_and_epochs_is_restored_and_continued() {
    for vault in [scene(), frozen()] {
        let folder = tempfile::tempdir().unwrap();
        let copy =
            Vault::restore(folder.path().join("v"), &export(&vault, Filter::all())[..], &[head(&vault)]).unwrap();
        assert!(copy.verify(&[head(&vault)]).unwrap().is_intact());
        let bob = vault.writer(key(7)).unwrap().id();
        for vault in [&vault, &copy] {
            assert!(vault.writer(key(8)).unwrap().commit(note("revoked")).is_err());
        }
        vault.writer_as(bob, key(27)).unwrap().commit(note("on")).unwrap();
        let news = export(&vault, Filter::all().after(copy.tree_head().unwrap().into()));
        assert_eq!(copy.import(&news[..], &[head(&vault)]).unwrap().imported, 1);
        assert!(copy.verify(&[head(&vault)]).unwrap().is_intact());
    }
}

#[test]
fn a_vault_whose_stolen_key_counts_for_nothing_is_exported_restored_and_continued() {
    let (vault, folder) = (stolen(), tempfile::tempdir().unwrap());
    let bundle = export(&vault, Filter::all());
    let told = verify(&bundle, &[head(&vault)]).unwrap().to_string();
    assert!(told.contains("4 of them with REVOKED entries"), "{told}");
    let copy = Vault::restore(folder.path().join("v"), &bundle[..], &[head(&vault)]).unwrap();
    let report = copy.verify(&[head(&vault)]).unwrap();
    assert_eq!(report, vault.verify(&[head(&vault)]).unwrap());
    assert_eq!((report.is_intact(), report.breaks.len()), (false, 0));
    let bob = vault.writer(key(7)).unwrap().id();
    vault.writer_as(bob, key(27)).unwrap().commit(note("on")).unwrap();
    let news = export(&vault, Filter::all().after(copy.tree_head().unwrap().into()));
    assert_eq!(copy.import(&news[..], &[head(&vault)]).unwrap().imported, 1);
    assert!(copy.writer_as(vault.writer(key(5)).unwrap().id(), key(15)).unwrap().commit(note("more")).is_err());
}

#[test]
fn keys_that_are_not_a_writers_and_events_that_do_not_count_are_refused_by_their_rule() {
    for (name, bytes, expected) in forged() {
        match verify(&bytes, &[]) {
            Err(StoreError::BundleBroken { rule, .. }) => assert_eq!(rule, expected, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}
