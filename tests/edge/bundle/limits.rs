//! Bundles at the limits of the format and one beyond each: made from nothing, and right but for one thing.

use causal_vault::{Filter, Fingerprint, Vault, limits};

use super::file::{END, ENTRY, File, HEADER, PAYLOAD, WRITER};
use super::{notes, proofs, verify};

/// Entry bytes as they may never have been encoded.
#[derive(Clone)]
struct Raw {
    realm: [u8; 32],
    tenant: Vec<u8>,
    stream: Vec<u8>,
    writer: [u8; 32],
    seq: u64,
    prev: [u8; 32],
    lamport: u64,
    parents: Vec<[u8; 32]>,
    kind: Vec<u8>,
    scheme: u8,
    len: u64,
    digest: [u8; 32],
    extensions: Vec<(u16, Vec<u8>)>,
}

/// A bundle of one entry, by default the second of two, of which nothing is known but that they are in the tree.
#[derive(Clone)]
struct Part {
    entry: Raw,
    tenant: Vec<u8>,
    timeline: Vec<u8>,
    size: u64,
    contents: u8,
    after: u64,
    up_to: u64,
    stream: Vec<u8>,
    only: Option<[u8; 32]>,
    note: Vec<u8>,
    writer: Vec<u8>,
    position: u64,
    children: u32,
    places: Vec<u64>,
    values: Vec<u8>,
    form: u8,
    payload: Vec<u8>,
    /// A payload in a record of its own.
    shared: Option<Vec<u8>>,
}

fn alice() -> [u8; 32] {
    *Fingerprint::named("alice").unwrap().as_bytes()
}

fn dk(context: &str, bytes: &[u8]) -> [u8; 32] {
    blake3::derive_key(&format!("causal-vault v1 2026 {context}"), bytes)
}

fn lp8(name: &[u8]) -> Vec<u8> {
    [&[u8::try_from(name.len()).unwrap()], name].concat()
}

fn part() -> Part {
    let entry = Raw {
        realm: [0x11; 32],
        tenant: b"default".into(),
        stream: b"demo".into(),
        writer: alice(),
        seq: 2,
        prev: [3; 32],
        lamport: 2,
        parents: Vec::new(),
        kind: b"note".into(),
        scheme: 1,
        len: 2,
        digest: dk("payload", b"hi"),
        extensions: Vec::new(),
    };
    Part {
        entry,
        tenant: b"default".into(),
        timeline: b"main".into(),
        size: 2,
        contents: 2,
        after: 1,
        up_to: 2,
        stream: b"demo".into(),
        only: None,
        note: Vec::new(),
        writer: b"\0\x05alice\0\0".into(),
        position: 2,
        children: 0,
        places: Vec::new(),
        values: Vec::new(),
        form: 1,
        payload: b"hi".into(),
        shared: None,
    }
}

/// The first and only entry, in a bundle of everything.
fn whole() -> Part {
    let mut part = Part { size: 1, contents: 0, after: 0, up_to: 1, stream: Vec::new(), position: 1, ..part() };
    let place = [[0x11; 32].as_slice(), b"\x07default\x04demo", &alice(), &[0; 4]].concat();
    part.entry = Raw { seq: 1, lamport: 1, prev: dk("log-genesis", &place), ..part.entry };
    part
}

impl Raw {
    fn bytes(&self) -> Vec<u8> {
        let count = |len: usize| u16::try_from(len).unwrap().to_be_bytes();
        let mut bytes = [b"CVENTRY\x01".as_slice(), &self.realm, &lp8(&self.tenant), &lp8(&self.stream)].concat();
        bytes.extend([self.writer.as_slice(), &[0; 4], &self.seq.to_be_bytes(), &self.prev].concat());
        bytes.extend([self.lamport.to_be_bytes().as_slice(), &count(self.parents.len())].concat());
        bytes.extend(self.parents.as_flattened());
        bytes.extend([&lp8(&self.kind), [0; 24].as_slice(), &[self.scheme], &self.len.to_be_bytes()].concat());
        bytes.extend([self.digest.as_slice(), &count(self.extensions.len())].concat());
        for (tag, body) in &self.extensions {
            bytes.extend(
                [&tag.to_be_bytes(), u32::try_from(body.len()).unwrap().to_be_bytes().as_slice(), body].concat(),
            );
        }
        bytes
    }
}

fn node(left: &[u8], right: &[u8]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest([b"\x01", left, right].concat()).into()
}

/// A proof that the leaf is in a tree of this size, and its root: the other nodes are what they are said to be.
pub(super) fn prove(leaf: [u8; 32], position: u64, size: u64) -> (Vec<[u8; 32]>, [u8; 32]) {
    let (mut index, mut last, mut path, mut root) = (position - 1, size - 1, Vec::new(), leaf);
    while last > 0 {
        if index % 2 == 1 || index < last {
            let other = dk("another node", &last.to_be_bytes());
            path.push(other);
            root = if index % 2 == 1 { node(&other, &root) } else { node(&root, &other) };
        }
        (index, last) = (index / 2, last / 2);
    }
    (path, root)
}

/// The entry at this position of a tree of this size.
pub(super) fn at_position(position: u64, size: u64) -> Vec<u8> {
    Part { up_to: size, position, size, ..part() }.seal()
}

impl Part {
    fn seal(&self) -> Vec<u8> {
        let bytes = self.entry.bytes();
        let leaf = causal_vault::tree_root([causal_vault::EntryHash::of(&bytes).into()]);
        let (path, root) = prove(leaf, self.position, self.size);
        let number = |number: u64| number.to_be_bytes();
        let mut header = [[0x11; 32].as_slice(), &lp8(&self.tenant), &lp8(&self.timeline)].concat();
        header.extend([number(self.size).as_slice(), &root, &[self.contents]].concat());
        header.extend([number(self.after).as_slice(), &number(self.up_to), &lp8(&self.stream)].concat());
        header.push(self.only.is_some().into());
        header.extend(self.only.iter().flatten());
        header.extend([&[0, 0], self.note.as_slice()].concat());
        let mut entry = [number(self.position).as_slice(), &self.children.to_be_bytes(), &[0]].concat();
        entry.extend([&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes.as_slice()].concat());
        entry.push(u8::try_from(self.places.len()).unwrap());
        entry.extend(self.places.iter().flat_map(|place| place.to_be_bytes()));
        entry.push(u8::try_from(path.len()).unwrap());
        entry.extend(path.as_flattened());
        entry.extend([&u32::try_from(self.values.len()).unwrap().to_be_bytes(), self.values.as_slice()].concat());
        entry.extend([&[self.form], self.payload.as_slice()].concat());
        let mut records = vec![(HEADER, header), (WRITER, self.writer.clone())];
        records.extend(self.shared.iter().map(|payload| (PAYLOAD, payload.clone())));
        records.extend([(ENTRY, entry), (END, vec![0; 56])]);
        File { records }.seal()
    }
}

/// What is made of an entry that is right, and whether it is right still.
fn entries() -> Vec<(String, Part, bool)> {
    let mut all: Vec<(String, Part, bool)> = Vec::new();
    let mut add = |name: &str, is_good: bool, change: &dyn Fn(&mut Part)| {
        let mut part = part();
        change(&mut part);
        all.push((name.to_owned(), part, is_good));
    };
    add("nothing changed", true, &|_| {});
    for (number, is_good) in [(0, false), (2, true), ((1 << 63) - 1, true), (1 << 63, false)] {
        add(&format!("seq {number}"), is_good, &|part| part.entry.seq = number);
        add(&format!("lamport {number}"), is_good, &|part| part.entry.lamport = number);
    }
    add("the first of its log, behind another", false, &|part| part.entry.seq = 1);
    add("lamport 1", true, &|part| part.entry.lamport = 1);
    for (count, is_good) in [(1, true), (64, true), (65, false)] {
        let parents: Vec<[u8; 32]> = (0..count).map(|n| [n; 32]).collect();
        add(&format!("{count} parents"), is_good, &|part| part.entry.parents.clone_from(&parents));
    }
    for (len, is_good) in [(0, false), (1, true), (128, true), (129, false)] {
        let name = vec![b'n'; len];
        add(&format!("a kind of {len} bytes"), is_good, &|part| part.entry.kind.clone_from(&name));
        let is_stream = is_good;
        add(&format!("a stream of {len} bytes"), is_stream, &|part| {
            (part.entry.stream, part.stream) = (name.clone(), name.clone());
        });
        add(&format!("a tenant of {len} bytes"), is_good, &|part| {
            (part.entry.tenant, part.tenant) = (name.clone(), name.clone());
        });
    }
    for (text, is_good) in [("\u{1f}", false), (" ", true), ("\u{7f}", false), ("\u{9f}", false), ("\u{a0}", true)] {
        add(&format!("a kind {text:?}"), is_good, &|part| part.entry.kind = text.into());
    }
    for (scheme, form, len, digest, payload, is_good) in [
        (0, 0, 0, [0; 32], "", true),
        (0, 0, 1, [0; 32], "", false),
        (0, 0, 0, [1; 32], "", false),
        (0, 0, 0, [0; 32], "x", false),
        (0, 1, 0, [0; 32], "", false),
        (1, 0, 0, dk("payload", b""), "", false),
        (1, 1, 0, dk("payload", b""), "", true),
        (1, 1, 1, dk("payload", b""), "", false),
        (1, 1, 0, dk("payload", b"x"), "", false),
        (1, 2, 2, dk("payload", b"hi"), "", false),
        (1, 3, 2, dk("payload", b"hi"), "hi", false),
        (2, 1, 2, [7; 32], "hi", true),
        (2, 1, 3, [7; 32], "hi", false),
        (2, 2, 2, [7; 32], "hi", false),
        (2, 0, 0, [7; 32], "", false),
        (3, 1, 2, dk("payload", b"hi"), "hi", false),
        (1, 1, 65 << 20, dk("payload", b"hi"), "hi", false),
        (2, 1, 65 << 20, [7; 32], "hi", false),
    ] {
        add(&format!("scheme {scheme}, form {form}, {len} bytes, {payload:?}, {digest:?}"), is_good, &|part| {
            (part.entry.scheme, part.entry.len, part.entry.digest) = (scheme, len, digest);
            (part.form, part.payload) = (form, payload.into());
        });
    }
    for (name, extensions, is_good) in extensions() {
        add(&format!("extensions: {name}"), is_good, &|part| part.entry.extensions.clone_from(&extensions));
    }
    let values = [0, 0, 128, 63].repeat(4097);
    for (model, dimensions, told, given, digest, is_good) in [
        ("m", 1, 4, 4, 32, true),
        ("m", 4096, 4 * 4096, 4 * 4096, 32, true),
        ("m", 0, 0, 0, 32, false),
        ("m", 4097, 4 * 4097, 4 * 4097, 32, false),
        ("m", 2, 8, 8, 31, false),
        ("m", 2, 8, 8, 33, false),
        ("", 2, 8, 8, 32, false),
        ("\t", 2, 8, 8, 32, false),
        ("m", 2, 8, 0, 32, false),
        ("m", 2, 4, 4, 32, false),
        ("m", 2, 12, 12, 32, false),
        ("m", 2, 7, 7, 32, false),
        ("m", 2, 9, 9, 32, false),
        ("m", 2, 4, 8, 32, false),
    ] {
        let hash = [dk("embedding", &values[..told]).as_slice(), &[7]].concat();
        let body = [&lp8(model.as_bytes()), u16::to_be_bytes(dimensions).as_slice(), &hash[..digest]].concat();
        let name = format!("{model:?} of {dimensions}, the digest {digest} bytes of {told} and {given} bytes");
        add(&name, is_good, &|part| {
            part.entry.extensions = vec![(1, body.clone())];
            part.values = values[..given].to_vec();
        });
    }
    for (before, given, is_good) in [
        (b"".as_slice(), 8, true),
        (b"x", 8, true),
        (b"", 0, false),
        (b"x", 0, false),
        (b"", 4, false),
        (b"", 12, false),
    ] {
        let body = [b"\x01m\0\x02".as_slice(), &dk("embedding", &values[..8])].concat();
        add(&format!("{given} bytes of 8, the embedding behind tag 0 of {before:?}"), is_good, &|part| {
            part.entry.extensions = vec![(0, before.into()), (1, body.clone())];
            part.values = values[..given].to_vec();
        });
    }
    add("an embedding of other values, behind tag 0", false, &|part| {
        let body = [b"\x01m\0\x02".as_slice(), &[7; 32]].concat();
        part.entry.extensions = vec![(0, Vec::new()), (1, body)];
        part.values = values[..8].to_vec();
    });
    add("values and no embedding", false, &|part| part.values = vec![0; 4]);
    add("values and no embedding, but tag 0", false, &|part| {
        (part.entry.extensions, part.values) = (vec![(0, Vec::new())], vec![0; 4]);
    });
    for (digest, len, shared, payload, form, is_good) in [
        (b"hi".as_slice(), 2, b"hi".as_slice(), "", 2, true),
        (b"hi", 3, b"hi", "", 2, false),
        (b"hi", 1, b"hi", "", 2, false),
        (b"hi", 2, b"ho", "", 2, false),
        (b"hi", 2, b"hi", "x", 2, false),
        (b"hi", 2, b"hi", "hi", 1, false),
        (b"hi", 2, b"ho", "hi", 1, false),
    ] {
        let name = format!("{len} bytes of {digest:?} in form {form} as {payload:?}, told of {shared:?}");
        add(&name, is_good, &|part| {
            (part.entry.digest, part.entry.len, part.shared) = (dk("payload", digest), len, Some(shared.into()));
            (part.form, part.payload) = (form, payload.into());
        });
    }
    for (parents, is_good) in
        [([1, 2, 3], true), ([1, 1, 2], false), ([1, 2, 2], false), ([2, 1, 3], false), ([1, 3, 2], false)]
    {
        add(&format!("parents {parents:?}"), is_good, &|part| part.entry.parents = parents.map(|n| [n; 32]).into());
    }
    add("an entry of another tenant", false, &|part| part.entry.tenant = b"acme".into());
    add("an entry of another realm", false, &|part| part.entry.realm = [0x12; 32]);
    add("an entry of another stream", false, &|part| part.entry.stream = b"other".into());
    add("an entry of another writer", false, &|part| part.entry.writer = [9; 32]);
    add("the one writer", true, &|part| part.only = Some(alice()));
    add("the one writer, any stream", true, &|part| (part.only, part.stream) = (Some(alice()), Vec::new()));
    add("another writer than the one", false, &|part| part.only = Some([9; 32]));
    add("logs of nothing", false, &|part| part.stream = Vec::new());
    add("another timeline", false, &|part| part.timeline = b"fork".into());
    add("contents 3", false, &|part| part.contents = 3);
    add("contents of a range", false, &|part| part.contents = 1);
    add("a child", false, &|part| part.children = 1);
    add("a place", false, &|part| part.places = vec![1]);
    add("a place and a parent", false, &|part| (part.places, part.entry.parents) = (vec![1], vec![[5; 32]]));
    add("a writer and a byte", false, &|part| part.writer.push(0));
    add("a writer of no name", false, &|part| part.writer = vec![0; 4]);
    add("a writer by a flag of 2", false, &|part| part.writer[0] = 2);
    add("another writer told", false, &|part| part.writer = b"\0\x03bob\0\0".into());
    for (after, up_to, position, size, is_good) in [
        (0, 2, 2, 2, false),
        (1, 1, 2, 2, false),
        (2, 2, 2, 2, false),
        (1, 3, 2, 2, false),
        (1, 2, 2, 3, true),
        (1, 3, 2, 3, true),
        (3, 2, 2, 3, false),
        (1, (1 << 40) - 1, (1 << 40) - 1, (1 << 40) - 1, true),
        (1, 1 << 40, (1 << 40) - 1, 1 << 40, false),
    ] {
        add(&format!("position {position} of {after} to {up_to} of {size}"), is_good, &|part| {
            (part.after, part.up_to, part.position, part.size) = (after, up_to, position, size);
        });
    }
    for size in 2..18 {
        for position in 2..=size {
            add(&format!("position {position} of {size}"), true, &|part| {
                (part.up_to, part.position, part.size) = (size, position, size);
            });
        }
    }
    all
}

type Tagged = Vec<(u16, Vec<u8>)>;

fn extensions() -> Vec<(String, Tagged, bool)> {
    let mut all = Vec::new();
    let mut add = |name: String, extensions: Vec<(u16, Vec<u8>)>, is_good| all.push((name, extensions, is_good));
    for (body, is_good) in [
        (b"\0\x02\x01a\x02bc".as_slice(), true),
        (b"\0\0", true),
        (b"\0\x01\0", false),
        (b"\0\x01\x01\t", false),
        (b"\0\x01\x01a!", false),
        (b"\0\x03\x01a\x02bc", false),
        (b"\0", false),
    ] {
        add(format!("touches {body:?}"), vec![(2, body.into())], is_good);
    }
    let sized = |count: u16, len: usize| [count.to_be_bytes().as_slice(), &vec![7; len]].concat();
    for (count, len, is_good) in
        [(0, 0, true), (1, 32, true), (2, 64, true), (2, 63, false), (1, 33, false), (1, 64, false)]
    {
        add(format!("{count} reads of {len} bytes"), vec![(3, sized(count, len))], is_good);
    }
    for (tag, len) in [(4, 24), (5, 32), (0x8001, 80)] {
        for (len, is_good) in [(len - 1, false), (len, true), (len + 1, false), (0, false)] {
            add(format!("{tag} of {len} bytes"), vec![(tag, vec![7; len])], is_good);
        }
    }
    for (body, is_good) in [(b"\x01t".as_slice(), true), (b"\0", false), (b"\x01tx", false), (b"\x02t", false)] {
        add(format!("a media type {body:?}"), vec![(6, body.into())], is_good);
    }
    let empty = |tags: &[u16]| tags.iter().map(|tag| (*tag, Vec::new())).collect::<Vec<_>>();
    for (tags, is_good) in [
        ([0, 7].as_slice(), true),
        (&[7, 8, 0x7fff], true),
        (&[0x7fff], true),
        (&[7, 7], false),
        (&[8, 7], false),
        (&[0x8000], false),
        (&[0x8002], false),
        (&[0xffff], false),
    ] {
        add(format!("tags {tags:x?}"), empty(tags), is_good);
    }
    let (one, rest) = (limits::EXTENSION_BYTES, limits::EXTENSIONS_BYTES);
    add("64 KiB".into(), vec![(0x7f, vec![0; one])], true);
    add("64 KiB and a byte".into(), vec![(0x7f, vec![0; one + 1])], false);
    let many = |last: usize| {
        let mut some: Vec<_> = (7..11).map(|tag| (tag, vec![0; one])).collect();
        some[3].1.truncate(last);
        some
    };
    // Two bytes for how many there are and six before each.
    let last = rest - 3 * one - 2 - 4 * 6;
    add("256 KiB".into(), many(last), true);
    add("256 KiB and a byte".into(), many(last + 1), false);
    all
}

/// Each with whether it is good, where it is not the crate alone that says so.
pub(super) fn all() -> Vec<(String, Vec<u8>, Option<bool>)> {
    let made = |(name, part, is_good): (String, Part, bool)| (name, part.seal(), Some(is_good));
    let mut all: Vec<_> = entries().into_iter().map(made).collect();
    for (contents, is_good) in [(0, true), (1, true), (2, false), (3, false)] {
        let bytes = Part { contents, ..whole() }.seal();
        all.push((format!("one entry of one, contents {contents}"), bytes, Some(is_good)));
    }
    let mut nothing = File::open(&whole().seal());
    nothing.records.drain(1..3);
    nothing.records[0].1[101] = 0;
    all.push(("everything, and no entry of one".to_owned(), nothing.seal(), Some(false)));
    // Behind stream and writer.
    let (file, edges) = (File::open(&part().seal()), 32 + 8 + 5 + 8 + 32 + 1 + 8 + 8 + 5 + 1);
    for (left, right) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let lists =
            [vec![left], vec![7; 32 * usize::from(left)], vec![right], vec![7; 32 * usize::from(right)]].concat();
        let edged = file.with(0, |body| drop(body.splice(edges..edges + 2, lists)));
        all.push((format!("logs with edges of {left} and {right}"), edged.seal(), Some(left + right == 0)));
    }
    let of_two = notes::unsigned(2, &[9; 32]);
    let unshown = Part { size: 3, up_to: 3, note: of_two.into(), ..part() };
    all.push(("logs with a note of another tree".to_owned(), unshown.seal(), Some(false)));
    all.extend(notes::all(&with_note));
    all.extend(proofs::all());
    all
}

/// A bundle of everything with this checkpoint, for a tree of one entry.
pub(super) fn with_note(note: &str) -> Vec<u8> {
    Part { note: note.into(), ..whole() }.seal()
}

#[test]
fn what_is_at_a_limit_is_taken_and_what_is_beyond_it_is_refused() {
    let mut wrong = Vec::new();
    for (name, bytes, is_good) in all() {
        let verdict = verify(&bytes, &[]);
        if is_good.is_some_and(|is_good| verdict.is_ok() != is_good) {
            wrong.push(format!("{name}: {verdict:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_embedding_that_does_not_stand_first_is_stored_verified_and_rebuilt() {
    let (folder, mut part) = (tempfile::tempdir().unwrap(), whole());
    part.values = vec![0, 0, 128, 63];
    let body = [b"\x01m\0\x01".as_slice(), &dk("embedding", &part.values)].concat();
    part.entry.extensions = vec![(0, Vec::new()), (1, body)];
    let vault = Vault::restore(folder.path().join("v"), &part.seal()[..], &[]).unwrap();
    let rows = || vault.backend().exec("UPDATE vault_embedding SET id = id", &[]).unwrap();
    assert_eq!(rows(), 1);
    assert!(vault.verify(&[]).unwrap().is_intact());
    assert!(vault.rebuild(&[]).unwrap().is_intact());
    assert_eq!((rows(), vault.events(Filter::all()).unwrap().next().unwrap().unwrap().header.model()), (1, Some("m")));
    vault.backend().exec("DELETE FROM vault_embedding", &[]).unwrap();
    assert!(!vault.verify(&[]).unwrap().is_intact());
}
