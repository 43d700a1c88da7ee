//! Histories made from nothing that break a rule about events, rotations or Lamport times, and nothing else: number,
//! genesis, previous hash, parents and signatures of every entry are right.

use std::collections::BTreeMap;

use causal_vault::{
    Bundle, BundleContents, ChainRule, EntryHash, EntryV1, Filter, Fingerprint, LogReport, LogVerdict, PayloadDigest,
    Realm, Signer, StoreError, Vault, tree_root,
};

use super::file::{ENTRY, File, field};
use super::forge::{Made, begin_log, bundle};
use super::{export, key, verify};

/// A writer by its first key and the one that signs now, or by its name.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Key(u8, u8),
    Name(&'static str),
}

const ALICE: By = By::Name("alice");
const VAULT: By = By::Name("causal-vault");
/// Who has not rotated, once, and twice.
const BOB: By = By::Key(7, 7);
const BOB_1: By = By::Key(7, 17);
const BOB_2: By = By::Key(7, 27);
const CAROL: By = By::Key(8, 8);

impl By {
    fn id(self) -> Fingerprint {
        match self {
            Self::Key(first, _) => Fingerprint::from_ed25519_pubkey(&key(first).public_key()),
            Self::Name(name) => Fingerprint::named(name).unwrap(),
        }
    }

    fn record(self, rotations: &[Vec<u8>]) -> Vec<u8> {
        let mut record = match self {
            Self::Key(first, _) => [&[1], key(first).public_key().as_slice()].concat(),
            Self::Name(name) => [&[0, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat(),
        };
        record.extend(u16::try_from(rotations.len()).unwrap().to_be_bytes());
        record.extend(rotations.concat());
        record
    }

    fn sign(self, entry: &EntryV1<'_>) -> Option<[u8; 64]> {
        let Self::Key(_, now) = self else { return None };
        let purpose = if ["vault.rotation", "vault.revocation"].contains(&entry.kind) { 2 } else { 1 };
        let hash = EntryHash::of(&entry.encode().unwrap());
        let message = [b"CVSIG\x01".as_slice(), &[purpose], entry.realm.as_bytes(), hash.as_bytes()].concat();
        Some(key(now).sign(&message).unwrap())
    }
}

/// The stream of the events about a writer.
fn about(writer: By) -> String {
    format!("vault:writer:{}", writer.id())
}

/// What is said in a history that is played.
#[derive(Clone)]
struct Said {
    by: By,
    stream: String,
    kind: &'static str,
    payload: Vec<u8>,
    epoch: u32,
    /// Their positions.
    parents: Vec<usize>,
    is_signed: bool,
}

fn said(by: By, stream: impl Into<String>, kind: &'static str) -> Said {
    Said { by, stream: stream.into(), kind, payload: Vec::new(), epoch: 0, parents: Vec::new(), is_signed: true }
}

fn note(by: By) -> Said {
    said(by, "demo", "note")
}

fn revocation(by: By, of: By, good: &[usize]) -> Said {
    Said { parents: good.into(), ..said(by, about(of), "vault.revocation") }
}

fn rotation(by: By, to: u8) -> Said {
    Said { payload: key(to).public_key().into(), ..said(by, about(by), "vault.rotation") }
}

fn epoch(by: By, stream: &str, kind: &'static str, epoch: u32) -> Said {
    Said { epoch, ..said(by, stream, kind) }
}

/// The entries of a history, and its bundle of everything, in which these rotations are told of bob.
fn play(history: &[Said], told: &[Vec<u8>]) -> (Vec<Made>, Vec<u8>) {
    let (mut logs, mut made, mut writers) = (BTreeMap::new(), Vec::<Made>::new(), Vec::new());
    let mut times = Vec::new();
    for event in history {
        let (id, stream) = (event.by.id(), event.stream.as_str());
        let mut entry = begin_log(id, stream, event.epoch, event.kind, &event.payload);
        let (seq, prev, lamport) = logs.remove(&(id, stream, event.epoch)).unwrap_or((0, entry.prev, 0));
        let mut parents: Vec<_> = event.parents.iter().map(|at| (hash(&made[*at - 1]), *at as u64)).collect();
        parents.sort_unstable();
        let behind = event.parents.iter().map(|at| times[*at - 1]).chain([lamport]).max().unwrap();
        (entry.seq, entry.prev, entry.lamport) = (seq + 1, prev, behind + 1);
        entry.parents = parents.iter().map(|(hash, _)| *hash).collect();
        event.parents.iter().for_each(|at| made[*at - 1].children += 1);
        let bytes = entry.encode().unwrap();
        logs.insert((id, stream, event.epoch), (entry.seq, EntryHash::of(&bytes), entry.lamport));
        times.push(entry.lamport);
        let signature = event.by.sign(&entry).filter(|_| event.is_signed);
        let (parents, payload) = (parents.iter().map(|(_, at)| *at).collect(), event.payload.clone());
        made.push(Made { bytes, children: 0, parents, signature, payload });
        let record = event.by.record(if id == BOB.id() { told } else { &[] });
        if !writers.contains(&record) {
            writers.push(record);
        }
    }
    let bundle = bundle(&writers, &made);
    (made, bundle)
}

fn hash(made: &Made) -> EntryHash {
    EntryHash::of(&made.bytes)
}

fn everything(history: &[Said]) -> Vec<u8> {
    play(history, &[]).1
}

/// A rotation as a writer's record has it.
fn told(key: [u8; 32], signature: [u8; 64], bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [key.as_slice(), &signature, &len, bytes].concat()
}

/// The same entries as a range that begins with the first: not everything, and all there is.
fn range(bundle: &[u8]) -> Vec<u8> {
    File::open(bundle).with(0, |header| header[85] = 1).seal()
}

/// The same as a range behind the first entry.
fn range_behind_first(first: &Made, bundle: &[u8]) -> Vec<u8> {
    let mut file = File::open(bundle);
    file.records.remove(file.of(ENTRY)[0]);
    let header = &mut file.records[0].1;
    header[85] = 1;
    header[93] = 1;
    header.splice(104..105, [&[1], tree_root([hash(first).into()]).as_slice()].concat());
    file.seal()
}

/// One or two entries as those of the stream `demo`.
fn logs(made: &[Made], bundle: &[u8]) -> Vec<u8> {
    let mut file = File::open(bundle).with(0, |header| {
        header[85] = 2;
        header.splice(102..103, *b"\x04demo");
    });
    for (entry, at) in file.of(ENTRY).into_iter().enumerate() {
        let other = made.iter().enumerate().find(|(other, _)| *other != entry);
        let body = &mut file.records[at].1;
        let path = field(body, "path");
        let nodes: Vec<u8> = other.iter().flat_map(|(_, made)| tree_root([hash(made).into()])).collect();
        body[path.start - 1] = u8::from(other.is_some());
        body.splice(path, nodes);
    }
    file.seal()
}

/// A note by bob's newest key in this epoch, and the rotations that are told of him: nothing else is there.
fn rotated(rotations: &[(By, By, u32)], now: By, epoch: u32, change: impl Fn(usize, &mut EntryV1<'_>)) -> Vec<u8> {
    let mut all = Vec::new();
    for (n, (from, to, epoch)) in rotations.iter().enumerate() {
        let By::Key(_, to) = *to else { unreachable!("who has a key") };
        let (stream, key) = (about(BOB), key(to).public_key());
        let mut entry = begin_log(BOB.id(), &stream, *epoch, "vault.rotation", &key);
        change(n, &mut entry);
        all.push(told(key, from.sign(&entry).unwrap(), &entry.encode().unwrap()));
    }
    let (made, bundle) = play(&[Said { epoch, ..note(now) }], &all);
    logs(&made, &bundle)
}

/// One rotation, changed before it is signed.
fn once(change: impl Fn(&mut EntryV1<'_>)) -> Vec<u8> {
    rotated(&[(BOB, BOB_1, 0)], BOB_1, 1, |_, entry| change(entry))
}

fn twice(first: u32, second: u32) -> Vec<u8> {
    rotated(&[(BOB, BOB_1, first), (BOB_1, BOB_2, second)], BOB_2, 9, |_, _| ())
}

/// Bob's note and rotation, in a range, so that nothing later tells; with what is told and whether the entry is signed.
fn rotating(is_told: bool, is_signed: bool) -> Vec<u8> {
    let history = [note(BOB), Said { is_signed, ..rotation(BOB, 17) }];
    let (made, _) = play(&[history[0].clone(), rotation(BOB, 17)], &[]);
    let rotation = told(key(17).public_key(), made[1].signature.unwrap(), &made[1].bytes);
    let rotations = if is_told { vec![rotation] } else { Vec::new() };
    range(&play(&history, &rotations).1)
}

/// Two notes of one log, the second at this Lamport time, with a path for each.
fn sparse(lamport: u64) -> Vec<u8> {
    let (mut made, _) = play(&[note(ALICE), note(ALICE)], &[]);
    let mut second = EntryV1::decode(&made[1].bytes).unwrap();
    second.lamport = lamport;
    made[1].bytes = second.encode().unwrap();
    logs(&made, &bundle(&[ALICE.record(&[])], &made))
}

/// Behind the first of three: a parent whose log goes on at 5, and its child at this time in a log that goes on as well.
fn behind(lamport: u64) -> Vec<u8> {
    let other = Said { stream: "other".into(), parents: vec![2], ..note(ALICE) };
    let (mut made, _) = play(&[note(ALICE), note(ALICE), other], &[]);
    let mut parent = EntryV1::decode(&made[1].bytes).unwrap();
    (parent.lamport, parent.prev) = (5, EntryHash::from_bytes([5; 32]));
    let bytes = parent.encode().unwrap();
    let mut child = EntryV1::decode(&made[2].bytes).unwrap();
    (child.lamport, child.seq, child.parents) = (lamport, 2, [EntryHash::of(&bytes)].into_iter().collect());
    made[2].bytes = child.encode().unwrap();
    made[1].bytes = bytes;
    range_behind_first(&made[0], &bundle(&[ALICE.record(&[])], &made))
}

/// Streams that look like one about alice.
fn lookalikes() -> Vec<(&'static str, String)> {
    let id = ALICE.id().to_string();
    let letter = id.find(|digit: char| digit.is_ascii_lowercase()).unwrap();
    let mut upper = id.clone();
    upper[letter..=letter].make_ascii_uppercase();
    vec![
        ("other words", format!("vault-writer-{id}")),
        ("62 digits", format!("vault:writer:{}", &id[..62])),
        ("66 digits", format!("vault:writer:{id}00")),
        ("a digit of upper case", format!("vault:writer:{upper}")),
        ("digits of upper case", format!("vault:writer:{}", "A".repeat(64))),
        ("another letter", format!("vault:writer:{}x", &id[..63])),
        ("another letter and too long", format!("vault:writer:{id}x")),
        ("no digits", "vault:writer:alice".to_owned()),
    ]
}

/// Writers that were revoked once entries of theirs stood there, each with how many of the logs go on behind a last good one.
fn taken_back() -> Vec<(String, Vec<u8>, usize)> {
    let other = |by| Said { stream: "other".into(), ..note(by) };
    let from =
        |good: &[usize]| vec![note(CAROL), note(CAROL), other(CAROL), note(ALICE), revocation(VAULT, CAROL, good)];
    let also = |first: &[usize], second: &[usize]| [from(first), vec![revocation(VAULT, CAROL, second)]].concat();
    [
        ("all it wrote", from(&[]), 2),
        ("all but its first", from(&[1]), 2),
        ("all behind the end of a log", from(&[2]), 1),
        ("nothing", from(&[3]), 0),
        ("less, and then more", also(&[3], &[1]), 2),
        ("more, and then less", also(&[2], &[3]), 1),
        ("all it wrote, and then nothing", also(&[], &[3]), 2),
        ("the only entry", vec![note(ALICE), revocation(VAULT, ALICE, &[])], 1),
        ("nothing but its own word", vec![note(ALICE), revocation(CAROL, CAROL, &[])], 0),
        ("what it says itself", vec![note(CAROL), note(CAROL), revocation(CAROL, CAROL, &[1])], 1),
        ("what it says twice", vec![note(CAROL), revocation(CAROL, CAROL, &[]), revocation(CAROL, CAROL, &[1])], 1),
    ]
    .map(|(name, history, logs)| (format!("a revocation of {name}"), everything(&history), logs))
    .into()
}

/// What must go through.
pub(super) fn honest() -> Vec<(String, Vec<u8>)> {
    let begun = [epoch(VAULT, "vault:writers", "vault.epoch", 5), Said { epoch: 5, ..note(ALICE) }];
    let revoked = [note(BOB), revocation(BOB, BOB, &[1]), revocation(BOB, BOB, &[1])];
    let mut all = vec![
        ("an epoch", everything(&begun)),
        ("who revokes itself twice", everything(&revoked)),
        ("a note about somebody", everything(&[said(CAROL, about(ALICE), "note"), note(ALICE)])),
        ("a rotation", rotating(true, true)),
        ("one rotation", once(|_| ())),
        ("two rotations", twice(0, 1)),
        ("two rotations with an epoch between", twice(0, 7)),
        ("two notes", sparse(2)),
        ("a parent's time and one more", behind(6)),
        ("a parent's time and more", behind(7)),
    ]
    .into_iter()
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .collect::<Vec<_>>();
    all.extend(taken_back().into_iter().map(|(name, bytes, _)| (name, bytes)));
    for (name, stream) in lookalikes() {
        all.push((format!("an epoch in a stream of {name}"), everything(&[said(ALICE, stream, "vault.epoch")])));
    }
    all
}

/// What must be refused, and the rule that it breaks.
pub(super) fn forged() -> Vec<(String, Vec<u8>, ChainRule)> {
    use ChainRule::{Epoch, Frozen, KeyEvent, Lamport, Revoked};
    let revoked = [note(CAROL), note(CAROL), revocation(VAULT, CAROL, &[1]), note(CAROL)];
    let begins = |by, stream, kind| everything(&[epoch(by, stream, kind, 5)]);
    let carols = [note(CAROL), revocation(BOB, CAROL, &[1])];
    let with_payload = Said { payload: b"why".into(), ..revocation(VAULT, CAROL, &[1]) };
    let frozen = [said(VAULT, about(ALICE), "vault.equivocation"), said(VAULT, about(ALICE), "note"), note(ALICE)];
    let back = [epoch(VAULT, "vault:writers", "vault.epoch", 5), epoch(VAULT, "vault:writers", "vault.epoch", 3)];
    [
        ("an epoch that nothing begins", everything(&[Said { epoch: 1, ..note(ALICE) }]), Epoch),
        ("an epoch in another stream", begins(VAULT, "elsewhere", "vault.epoch"), Epoch),
        ("an epoch of another kind", begins(VAULT, "vault:writers", "note"), Epoch),
        ("an epoch by another", begins(ALICE, "vault:writers", "vault.epoch"), Epoch),
        ("an epoch that goes back", everything(&back), Epoch),
        ("a revocation by another", everything(&carols), KeyEvent),
        ("a revocation with a payload", everything(&[note(CAROL), with_payload]), KeyEvent),
        (
            "a revocation of two last ones",
            everything(&[note(CAROL), note(CAROL), revocation(VAULT, CAROL, &[1, 2])]),
            KeyEvent,
        ),
        ("an entry behind a revocation", everything(&revoked), Revoked),
        ("a frozen writer, and a note about it", everything(&frozen), Frozen),
        ("a rotation that is not told", rotating(false, true), KeyEvent),
        ("a rotation that is told and not signed", rotating(true, false), KeyEvent),
        ("a rotation in another vault", once(|entry| entry.realm = Realm::from_bytes([1; 32])), KeyEvent),
        ("a rotation in another tenant", once(|entry| entry.tenant = "acme"), KeyEvent),
        ("a rotation of another kind", once(|entry| entry.kind = "note"), KeyEvent),
        ("a rotation in another stream", once(|entry| entry.stream = "demo"), KeyEvent),
        ("a rotation to a longer key", once(|entry| entry.payload_len = 33), KeyEvent),
        ("a rotation to another key", once(|entry| entry.payload_digest = PayloadDigest::of(b"another")), KeyEvent),
        ("two rotations in one epoch", twice(0, 0), KeyEvent),
        ("two rotations, the second in an earlier epoch", twice(3, 1), KeyEvent),
        ("a time ahead in its log", sparse(3), Lamport),
        ("a time that is a parent's", behind(5), Lamport),
        ("a time behind a parent's", behind(4), Lamport),
    ]
    .into_iter()
    .map(|(name, bytes, rule)| (name.to_owned(), bytes, rule))
    .chain([("a rotation of another writer".to_owned(), others_rotation(), KeyEvent)])
    .collect()
}

/// Carol's rotation in her own stream, signed by bob's key and told as his.
fn others_rotation() -> Vec<u8> {
    let (stream, new) = (about(CAROL), key(17).public_key());
    let entry = begin_log(CAROL.id(), &stream, 0, "vault.rotation", &new);
    let rotation = told(new, BOB.sign(&entry).unwrap(), &entry.encode().unwrap());
    let (made, bundle) = play(&[Said { epoch: 1, ..note(BOB_1) }], &[rotation]);
    logs(&made, &bundle)
}

#[test]
fn a_history_that_breaks_one_rule_is_refused_by_that_rule() {
    for (name, bytes, expected) in forged() {
        match verify(&bytes, &[]) {
            Err(StoreError::BundleBroken { rule, .. }) => assert_eq!(rule, expected, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    for (name, bytes) in honest() {
        assert!(verify(&bytes, &[]).is_ok(), "{name}: {:?}", verify(&bytes, &[]));
    }
}

#[test]
fn a_history_that_breaks_no_rule_is_restored_and_verifies_in_the_vault() {
    let is_whole = |bytes: &[u8]| *Bundle::open(bytes).unwrap().contents() == BundleContents::Everything;
    for (name, bytes) in honest().into_iter().filter(|(_, bytes)| is_whole(bytes)) {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::restore(folder.path().join("v"), &bytes[..], &[]).unwrap();
        let report = vault.verify(&[]).unwrap();
        let revoked = revoked_logs(&verify(&bytes, &[]).unwrap().logs);
        assert_eq!((revoked_logs(&report.logs), report.breaks.len()), (revoked, 0), "{name}: {report}");
        assert_eq!(report.is_intact(), revoked == 0, "{name}: {report}");
        assert_eq!(vault.rebuild(&[]).unwrap(), report, "{name}");
        let again = verify(&export(&vault, Filter::all()), &[]).unwrap();
        assert_eq!(revoked_logs(&again.logs), revoked, "{name}");
    }
}

fn revoked_logs(logs: &[LogReport]) -> usize {
    let broken = logs.iter().filter_map(|log| match &log.verdict {
        LogVerdict::Broken(broken) => Some(broken.rule),
        _ => None,
    });
    broken.inspect(|rule| assert_eq!(*rule, ChainRule::Revoked)).count()
}

/// A vault whose stolen key was revoked from the beginning could not be exported any more.
#[test]
fn what_was_revoked_once_it_stood_there_is_told_and_breaks_no_bundle() {
    for (name, bytes, expected) in taken_back() {
        let report = verify(&bytes, &[]).unwrap();
        assert_eq!(revoked_logs(&report.logs), expected, "{name}");
        // Which of its entries they are, the log alone does not say.
        for log in report.logs.iter().filter(|log| matches!(log.verdict, LogVerdict::Broken(_))) {
            let ranges: Vec<_> = log.ranges().into_iter().map(|range| (range.first, range.last)).collect();
            assert_eq!(ranges, [(log.first, log.entries)], "{name}");
        }
        assert_eq!(report.to_string().contains("REVOKED"), expected > 0, "{name}: {report}");
        assert_eq!(revoked_logs(&verify(&range(&bytes), &[]).unwrap().logs), expected, "{name}");
    }
}

/// A range behind the first position cannot tell who was revoked; the vault does.
#[test]
fn what_a_revoked_writer_wrote_before_is_imported_and_what_it_wrote_behind_is_not() {
    let history = [note(BOB), note(BOB), revocation(VAULT, BOB, &[1]), note(BOB)];
    for (count, is_good) in [(3, true), (4, false)] {
        let (made, bundle) = play(&history[..count], &[]);
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::restore(folder.path().join("v"), &everything(&history[..1])[..], &[]).unwrap();
        let outcome = vault.import(&range_behind_first(&made[0], &bundle)[..], &[]);
        match outcome {
            Ok(done) => assert_eq!((done.imported, is_good), (2, true)),
            Err(StoreError::BundleBroken { rule: ChainRule::Revoked, position: Some(4), .. }) => assert!(!is_good),
            Err(error) => panic!("{error}"),
        }
        assert_eq!(vault.verify(&[]).unwrap().is_intact(), !is_good);
    }
}
