//! Bundles made from nothing by somebody who knows the format: hashes, root, counts and digest are right, and one rule of
//! the entries does not hold.

use causal_vault::{
    ChainRule, EntryHash, EntryV1, Extensions, Fingerprint, PayloadDigest, Realm, Scheme, Signer, StoreError, Vault,
    tree_root,
};

use super::file::{END, ENTRY, File, HEADER, WRITER};
use super::{key, verify};

/// One record of an entry, before it is put together.
pub(super) struct Made {
    pub(super) bytes: Vec<u8>,
    pub(super) children: u32,
    pub(super) parents: Vec<u64>,
    pub(super) signature: Option<[u8; 64]>,
    pub(super) payload: Vec<u8>,
}

fn realm() -> Realm {
    Realm::from_bytes([0x11; 32])
}

/// The first entry of alice's log.
fn first() -> EntryV1<'static> {
    begin("alice", "demo", "note", b"hi")
}

fn begin<'a>(name: &str, stream: &'a str, kind: &'a str, payload: &[u8]) -> EntryV1<'a> {
    begin_log(Fingerprint::named(name).unwrap(), stream, 0, kind, payload)
}

/// The first entry of a writer's log in a stream.
pub(super) fn begin_log<'a>(
    writer: Fingerprint,
    stream: &'a str,
    epoch: u32,
    kind: &'a str,
    payload: &[u8],
) -> EntryV1<'a> {
    EntryV1 {
        realm: realm(),
        tenant: "default",
        stream,
        writer,
        epoch,
        seq: 1,
        prev: genesis(stream, &writer, epoch),
        lamport: 1,
        parents: Default::default(),
        kind,
        ts_ms: 0,
        event_id: causal_vault::Uuid::nil(),
        scheme: Scheme::Plain,
        payload_len: payload.len() as u64,
        payload_digest: PayloadDigest::of(payload),
        extensions: Extensions::NONE,
    }
}

fn genesis(stream: &str, writer: &Fingerprint, epoch: u32) -> EntryHash {
    let len = [u8::try_from(stream.len()).unwrap()];
    let (realm, stream) = (realm(), stream.as_bytes());
    let epoch = epoch.to_be_bytes();
    let scope = [realm.as_bytes().as_slice(), b"\x07default", &len, stream, writer.as_bytes(), &epoch].concat();
    EntryHash::from_bytes(blake3::derive_key("causal-vault v1 2026 log-genesis", &scope))
}

/// The entry behind another one.
fn after<'a>(before: &EntryV1<'a>) -> EntryV1<'a> {
    let prev = EntryHash::of(&before.encode().unwrap());
    EntryV1 { seq: before.seq + 1, prev, lamport: before.lamport + 1, ..before.clone() }
}

fn made(entry: &EntryV1<'_>) -> Made {
    raw(entry.encode().unwrap())
}

fn raw(bytes: Vec<u8>) -> Made {
    Made { bytes, children: 0, parents: Vec::new(), signature: None, payload: b"hi".to_vec() }
}

pub(super) fn bundle(writers: &[Vec<u8>], entries: &[Made]) -> Vec<u8> {
    let root = tree_root(entries.iter().map(|entry| EntryHash::of(&entry.bytes).into()));
    let size = (entries.len() as u64).to_be_bytes();
    let realm = realm();
    let header = [realm.as_bytes().as_slice(), b"\x07default", b"\x04main", &size, &root, &[0; 9], &size, &[0; 4]];
    let mut records = vec![(HEADER, header.concat())];
    records.extend(writers.iter().map(|writer| (WRITER, writer.clone())));
    for (at, entry) in entries.iter().enumerate() {
        let mut body = (at as u64 + 1).to_be_bytes().to_vec();
        body.extend(entry.children.to_be_bytes());
        body.push(entry.signature.is_some().into());
        body.extend(entry.signature.iter().flatten());
        body.extend(u32::try_from(entry.bytes.len()).unwrap().to_be_bytes());
        body.extend(&entry.bytes);
        body.push(u8::try_from(entry.parents.len()).unwrap());
        body.extend(entry.parents.iter().flat_map(|parent| parent.to_be_bytes()));
        body.extend([0, 0, 0, 0, 0, 1]);
        body.extend(&entry.payload);
        records.push((ENTRY, body));
    }
    records.push((END, vec![0; 56]));
    File { records }.seal()
}

fn alice(entries: &[Made]) -> Vec<u8> {
    bundle(&[b"\0\x05alice\0\0".to_vec()], entries)
}

fn lone(entry: &EntryV1<'_>) -> Vec<u8> {
    alice(&[made(entry)])
}

/// The first entry with some of its bytes replaced.
fn patched(from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = first().encode().unwrap();
    let found = bytes.windows(from.len()).rposition(|part| part == from).unwrap();
    bytes.splice(found..found + from.len(), to.iter().copied());
    alice(&[raw(bytes)])
}

/// The first entry with these extensions, as they stand.
fn extended(extensions: &[u8]) -> Vec<u8> {
    let bytes = first().encode().unwrap();
    alice(&[raw([&bytes[..bytes.len() - 2], extensions].concat())])
}

/// The first entry, by the writer of this public key.
fn signed(public: [u8; 32], signature: [u8; 64]) -> Vec<u8> {
    let writer = Fingerprint::from_ed25519_pubkey(&public);
    let entry = EntryV1 { writer, prev: genesis("demo", &writer, 0), ..first() };
    bundle(&[[&[1], public.as_slice(), &[0; 2]].concat()], &[Made { signature: Some(signature), ..made(&entry) }])
}

/// The same with a key and a signature that were made for it with the curve's own arithmetic.
fn crafted([key, r, s]: [&str; 3]) -> Vec<u8> {
    let bytes = |text: &str| <[u8; 32]>::try_from(hex::decode(text).unwrap()).unwrap();
    signed(bytes(key), [bytes(r), bytes(s)].as_flattened().try_into().unwrap())
}

const CRAFTED: [&str; 3] = [
    "fdd07d0bb562760cdb1ce08a937535c048a62e41bf2d1f5eb2b7701a78e1347c",
    "1d84c09c915b1e355f4130b3950f6754270b37696f36f1b6ca5d4a9b4cf48860",
    "1075b0aa71283feebcae8b5edc6cd65f15baa222c962d613cbd9944cb1cca50a",
];

/// What must go through: the forger can make honest bundles.
pub(super) fn honest() -> Vec<(String, Vec<u8>)> {
    let one = first();
    let two = EntryV1 { parents: [EntryHash::of(&one.encode().unwrap())].into_iter().collect(), ..after(&one) };
    let parent = Made { children: 1, ..made(&one) };
    let name = |name: &str, bytes| (name.to_owned(), bytes);
    vec![
        name("nothing", bundle(&[], &[])),
        name("one", lone(&one)),
        name("two", alice(&[made(&one), made(&after(&one))])),
        name("a parent", alice(&[parent, Made { parents: vec![1], ..made(&two) }])),
        name("extensions", extended(b"\0\x02\0\x05\0\0\0\x2012345678901234567890123456789012\x7f\0\0\0\0\x01x")),
        name("a revocation of nobody here", {
            let about = format!("vault:writer:{}", Fingerprint::named("carol").unwrap());
            let revocation = begin("causal-vault", &about, "vault.revocation", b"");
            let made = Made { payload: Vec::new(), ..made(&revocation) };
            bundle(&[b"\0\x0ccausal-vault\0\0".to_vec()], &[made])
        }),
        name("a signature", crafted(CRAFTED)),
        name(
            "a key that is not of the group's order, and not of a small one",
            crafted([
                "21d47f8ee5e3baf91b8e9bfdeec6074c1e83de918cc361a895261f9f9f93230d",
                CRAFTED[1],
                "f279204163a48b264860ee6cd128640c67c01817169cabb13305a313157d7601",
            ]),
        ),
        name("a commitment", lone(&EntryV1 { scheme: Scheme::Commitment, ..first() })),
    ]
}

/// What must be refused, and the rule that it breaks.
pub(super) fn forged() -> Vec<(String, Vec<u8>, ChainRule)> {
    use ChainRule::{
        Encoding, Frozen, KeyEvent, Lamport, Parent, Payload, Previous, Revoked, Scope, Sequence, Signature, TreeHead,
        WriterIdentity,
    };
    let one = first();
    let hash = EntryHash::of(&one.encode().unwrap());
    let two = || after(&first());
    let child = |lamport| EntryV1 { parents: [hash].into_iter().collect(), lamport, ..two() };
    let behind = |entry: &EntryV1<'_>| alice(&[made(&first()), made(entry)]);
    let begot = |children, entry: &EntryV1<'_>, parents: &[u64]| {
        alice(&[Made { children, ..made(&first()) }, Made { parents: parents.to_vec(), ..made(entry) }])
    };
    // Of order one: R = 1 and S = 0 fit every message under rules that are not strict.
    let identity: [u8; 32] = std::array::from_fn(|at| u8::from(at == 0));
    let zero: [u8; 64] = std::array::from_fn(|at| u8::from(at == 0));
    let about = format!("vault:writer:{}", first().writer);
    let said =
        |name, kind, payload: &[u8]| Made { payload: payload.to_vec(), ..made(&begin(name, &about, kind, payload)) };
    let told = |entries: [Made; 2]| {
        let both = [b"\0\x05alice\0\0".to_vec(), b"\0\x0ccausal-vault\0\0".to_vec()];
        bundle(&both, &entries)
    };
    let revoked = || said("causal-vault", "vault.revocation", b"");
    let frozen = || said("causal-vault", "vault.equivocation", b"proof");
    // No entry, in a tree of another root than the empty one's.
    let nothing = |contents| {
        let spoilt = |header: &mut Vec<u8>| (header[53], header[85]) = (header[53] ^ 1, contents);
        File::open(&bundle(&[], &[])).with(0, spoilt).seal()
    };
    let mut all: Vec<(&str, Vec<u8>, ChainRule)> = vec![
        ("everything of nothing, and another root", nothing(0), TreeHead),
        ("a range of nothing, and another root", nothing(1), TreeHead),
        ("an entry of a revoked writer", told([revoked(), made(&one)]), Revoked),
        ("an entry of a frozen writer", told([frozen(), made(&one)]), Frozen),
        ("a freeze by itself", alice(&[said("alice", "vault.equivocation", b"proof")]), KeyEvent),
        ("a rotation of a named writer", alice(&[said("alice", "vault.rotation", &[7; 32])]), KeyEvent),
        ("an epoch in a writer's stream", alice(&[said("alice", "vault.epoch", b"why")]), KeyEvent),
        ("a revocation without a signature", alice(&[said("alice", "vault.revocation", b"")]), KeyEvent),
        ("seq 2 first", lone(&EntryV1 { seq: 2, ..first() }), Sequence),
        ("a gap", behind(&EntryV1 { seq: 3, ..two() }), Sequence),
        ("a number twice", behind(&EntryV1 { seq: 1, ..two() }), Sequence),
        ("another genesis", lone(&EntryV1 { prev: hash, ..first() }), Previous),
        ("another prev", behind(&EntryV1 { prev: first().prev, ..two() }), Previous),
        ("lamport 2 first", lone(&EntryV1 { lamport: 2, ..first() }), Lamport),
        ("lamport behind", behind(&EntryV1 { lamport: 1, ..two() }), Lamport),
        ("lamport ahead of a parent", begot(1, &child(4), &[1]), Lamport),
        ("a parent without a place", begot(1, &child(2), &[]), Parent),
        ("a place without a parent", begot(1, &two(), &[1]), Parent),
        ("a parent at no place", begot(1, &child(2), &[0]), Parent),
        ("a parent that is itself", begot(1, &child(2), &[2]), Parent),
        ("a parent without a place, and no child", begot(0, &child(2), &[]), Parent),
        ("a parent at no place, and no child", begot(0, &child(2), &[0]), Parent),
        ("a place for no parent", begot(0, &two(), &[1]), Parent),
        ("a parent that expects no child", begot(0, &child(2), &[1]), Parent),
        ("a parent that expects another child", begot(2, &child(2), &[1]), Parent),
        ("a child that did not come", begot(1, &two(), &[]), Parent),
        (
            "a parent that is another",
            begot(1, &EntryV1 { parents: [EntryHash::from_bytes([5; 32])].into_iter().collect(), ..child(2) }, &[1]),
            Parent,
        ),
        ("another realm", lone(&EntryV1 { realm: Realm::from_bytes([0x12; 32]), ..first() }), Scope),
        ("another tenant", lone(&EntryV1 { tenant: "acme", ..first() }), Scope),
        ("another writer", lone(&EntryV1 { writer: Fingerprint::named("bob").unwrap(), ..first() }), WriterIdentity),
        ("another payload", alice(&[Made { payload: b"ho".to_vec(), ..made(&one) }]), Payload),
        ("a longer payload", alice(&[Made { payload: b"hi!".to_vec(), ..made(&one) }]), Payload),
        ("another length", lone(&EntryV1 { payload_len: 3, ..first() }), Payload),
        ("a longer commitment", lone(&EntryV1 { scheme: Scheme::Commitment, payload_len: 3, ..first() }), Payload),
        ("a named writer's signature", alice(&[Made { signature: Some([7; 64]), ..made(&one) }]), Signature),
        ("a signature of another", signed(key(7).public_key(), [7; 64]), Signature),
        ("a key of small order", signed(identity, zero), Signature),
        (
            "a key of order 8",
            crafted([
                "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                "af6e8e63f857d90bf1afb0d2cd8753a15efed2964adc823c24f85082207e073e",
                "3930000000000000000000000000000000000000000000000000000000000000",
            ]),
            Signature,
        ),
        (
            "R of order 1",
            crafted([
                CRAFTED[0],
                "0100000000000000000000000000000000000000000000000000000000000000",
                "77ed227b4420c1b39d5874dfac10ba5d95b6ff78559395e5aa0c24687ddbf20d",
            ]),
            Signature,
        ),
        (
            "R of order 8",
            crafted([
                "f5ebe72386e05ed39668b973490ef7f0bc22eba871d686ba6467c589cb59b031",
                "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
                "19477996679689b13423d961636267a2c8e8044c71a9b3fcd7ed359f93db0d0e",
            ]),
            Signature,
        ),
        (
            "S beyond the group's order",
            crafted([CRAFTED[0], CRAFTED[1], "fd48a6078c8b5146934b8301bb66b57415baa222c962d613cbd9944cb1cca51a"]),
            Signature,
        ),
        ("a key that is no point", signed([2; 32], zero), Signature),
        ("version 2", patched(b"CVENTRY\x01", b"CVENTRY\x02"), Encoding),
        ("a control character", patched(b"\x04note", b"\x04no\te"), Encoding),
        ("a control character of two bytes", patched(b"\x04note", b"\x04no\xc2\x85"), Encoding),
        ("no UTF-8", patched(b"\x04note", b"\x04no\xff\xff"), Encoding),
        ("an empty kind", patched(b"\x04note", b"\x00"), Encoding),
        ("a kind of 129 bytes", patched(b"\x04note", &[&[129], [b'k'; 129].as_slice()].concat()), Encoding),
        ("scheme 3", patched(&[1, 0, 0, 0, 0, 0, 0, 0, 2], &[3, 0, 0, 0, 0, 0, 0, 0, 2]), Encoding),
        ("no payload and a digest", patched(&[1, 0, 0, 0, 0, 0, 0, 0, 2], &[0; 9]), Encoding),
        ("65 MiB", patched(&[1, 0, 0, 0, 0, 0, 0, 0, 2], &[1, 0, 0, 0, 0, 4, 16, 0, 0]), Encoding),
        ("extensions out of order", extended(b"\0\x02\x7f\0\0\0\0\0\x7e\0\0\0\0\0"), Encoding),
        ("an extension twice", extended(b"\0\x02\x7f\0\0\0\0\0\x7f\0\0\0\0\0"), Encoding),
        ("a critical extension", extended(b"\0\x01\x80\x02\0\0\0\0"), Encoding),
        ("a grant of 31 bytes", extended(&[b"\0\x01\0\x05\0\0\0\x1f", [0; 31].as_slice()].concat()), Encoding),
        (
            "an embedding of no dimension",
            extended(&[b"\0\x01\0\x01\0\0\0\x24\x01m\0\0", [0; 32].as_slice()].concat()),
            Encoding,
        ),
        ("a media type and more", extended(b"\0\x01\0\x06\0\0\0\x03\x01tx"), Encoding),
        (
            "an extension of 64 KiB and a byte",
            extended(&[b"\0\x01\x7f\0\0\x01\0\x01", [0; 65_537].as_slice()].concat()),
            Encoding,
        ),
        ("bytes behind the extensions", extended(b"\0\0\0"), Encoding),
    ];
    // What `encode` does not make: counters of 0, and parents in another order.
    let head = [[0; 7].as_slice(), &[1]].concat();
    let counters = [head.as_slice(), first().prev.as_bytes(), &head].concat();
    for (name, seq, lamport) in [("seq 0", 0, 1), ("lamport 0", 1, 0), ("a lamport beyond the last", 1, 1 << 63)] {
        let number = |number: u64| number.to_be_bytes();
        let bytes = [&number(seq), first().prev.as_bytes().as_slice(), &number(lamport)].concat();
        all.push((name, patched(&counters, &bytes), Encoding));
    }
    let ends = [&head, b"\0\0\x04note".as_slice()].concat();
    for (name, parents) in [("parents twice", [[5; 32], [5; 32]]), ("parents out of order", [[6; 32], [5; 32]])] {
        let bytes = [&head, b"\0\x02".as_slice(), parents.as_flattened(), b"\x04note"].concat();
        all.push((name, patched(&ends, &bytes), Encoding));
    }
    all.into_iter().map(|(name, bytes, rule)| (name.to_owned(), bytes, rule)).collect()
}

#[test]
fn an_entry_made_from_nothing_is_refused_by_the_rule_that_it_breaks() {
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
fn an_honest_bundle_made_from_nothing_becomes_a_vault_that_verifies() {
    for (name, bytes) in honest().into_iter().chain(forged().into_iter().map(|(name, bytes, _)| (name, bytes))) {
        let folder = tempfile::tempdir().unwrap();
        if let Ok(vault) = Vault::restore(folder.path().join("v"), &bytes[..], &[]) {
            let report = vault.verify(&[]).unwrap();
            assert!(report.is_intact(), "{name}: {report}");
            assert!(verify(&bytes, &[]).is_ok(), "{name}");
        }
    }
}

/// A range behind the first entry, with an edge that fits.
fn behind_first(second: &EntryV1<'_>) -> Vec<u8> {
    let mut file = File::open(&alice(&[made(&first()), made(second)]));
    file.records.remove(file.of(ENTRY)[0]);
    let header = &mut file.records[0].1;
    header[85] = 1;
    header[86..94].copy_from_slice(&1_u64.to_be_bytes());
    let leaf = tree_root([EntryHash::of(&first().encode().unwrap()).into()]);
    header.splice(104..105, [&[1], leaf.as_slice()].concat());
    file.seal()
}

/// A range cannot know the log that it goes on with; the vault does.
#[test]
fn an_entry_that_does_not_go_on_where_the_store_ends_is_not_imported() {
    use ChainRule::{Lamport, Previous, Sequence};
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::restore(folder.path().join("v"), &lone(&first())[..], &[]).unwrap();
    let two = || after(&first());
    for (second, expected) in [
        (EntryV1 { seq: 3, ..two() }, Sequence),
        (EntryV1 { prev: EntryHash::from_bytes([5; 32]), ..two() }, Previous),
        (EntryV1 { lamport: 3, ..two() }, Lamport),
    ] {
        let bundle = behind_first(&second);
        verify(&bundle, &[]).unwrap();
        match vault.import(&bundle[..], &[]) {
            Err(StoreError::BundleBroken { rule, position: Some(2), .. }) => assert_eq!(rule, expected),
            other => panic!("{expected}: {other:?}"),
        }
        assert_eq!(vault.tree_head().unwrap().size, 1);
    }
    assert_eq!(vault.import(&behind_first(&two())[..], &[]).unwrap().imported, 1);
    assert!(vault.verify(&[]).unwrap().is_intact());
}
