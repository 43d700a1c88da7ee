//! Every kind of damage, each under a name, and each but the first few with the digest at the end made right again.

use causal_vault::{ChainRule, EntryV1, Filter, StoreError, Vault};

use super::file::{END, ENTRY, File, HEADER, PAYLOAD, WRITER, field, fields};
use super::{at, export, forms, full, key, note, scene, verify};

/// Bundles that must be refused.
pub(super) fn damaged(good: &[u8]) -> Vec<(String, Vec<u8>)> {
    let file = File::open(good);
    let mut all = Vec::new();
    let mut add = |name: String, bytes: Vec<u8>| all.push((name, bytes));
    for at in file.boundaries() {
        for cut in [at.saturating_sub(1), at, at + 1, at + 5].into_iter().filter(|cut| *cut < good.len()) {
            add(format!("cut to {cut} bytes"), good[..cut].to_vec());
        }
    }
    add("a byte more".into(), [good, &[0]].concat());
    add("twice".into(), [good, good].concat());
    let (last, rest) = good.split_last().unwrap();
    let mut newer = good[..good.len() - 32].to_vec();
    newer[7] = 2;
    add("version 2".into(), [newer.as_slice(), &blake3::derive_key("causal-vault v1 2026 bundle", &newer)].concat());
    add("a header that calls itself a writer".into(), with_tag(&file, 0, WRITER).seal_as_counted());
    add("another digest".into(), [rest, &[last ^ 1]].concat());
    let last = file.records.len() - 1;
    for at in 0..last {
        let tag = file.records[at].0;
        if is_attachment(&file, at) {
            continue;
        }
        if !is_last_of_part(&file, at) {
            add(format!("record {at} of kind {tag} gone"), file.without(at).seal());
        }
        add(format!("record {at} of kind {tag} twice"), file.twice(at).seal());
        add(format!("record {at} of kind {tag} twice, and counted once"), file.twice(at).seal_as_counted());
        if !may_swap(&file, at) {
            add(format!("records {at} and {} swapped", at + 1), file.swapped(at).seal());
        }
        add(format!("record {at} of no kind"), with_tag(&file, at, 9).seal());
        add(format!("record {at} of no kind and empty"), with_tag(&file.with(at, Vec::clear), at, 9).seal());
        add(format!("record {at} longer"), file.with(at, |body| body.push(0)).seal());
        add(format!("record {at} empty"), file.with(at, Vec::clear).seal());
    }
    let (is_part, is_sparse) = (file.records[0].1[85] != 0, file.records[0].1[85] == 2);
    for at in 1..=last {
        add(format!("a writer of nothing before record {at}"), file.more(at, WRITER, b"\0\x06nobody\0\0").seal());
        if is_part {
            add(format!("a payload for nobody before record {at}"), file.more(at, PAYLOAD, b"smuggled").seal());
        }
    }
    if is_sparse {
        let (header, end) = (file.records[0].clone(), file.records[last].clone());
        add("no entry at all".into(), File { records: vec![header, end] }.seal());
    }
    for count in 0..3 {
        let changed = file.with(last, |body| body[count * 8 + 7] ^= 1);
        add(format!("count {count}"), changed.seal_as_counted());
    }
    for at in file.of(ENTRY) {
        let (list, item) = if is_sparse { ("parents", 8) } else { ("path", 32) };
        let more = file.with(at, |body| {
            let list = field(body, list);
            body[list.start - 1] += 1;
            body.splice(list.end..list.end, vec![0; item]);
        });
        add(format!("record {at}, one more in {list}"), more.seal());
        for (name, from, len) in fields(&file.records[at].1) {
            for byte in [from, from + len / 2, from + len.max(1) - 1].into_iter().filter(|byte| *byte < from + len) {
                if name == "parents" && is_hint(&file, at, byte) {
                    continue;
                }
                let flipped = file.with(at, |body| body[byte] ^= 1);
                add(format!("record {at}, {name}, byte {}", byte - from), flipped.seal());
            }
        }
    }
    all
}

/// Whether it is the end of a log in a bundle that leaves out positions: that a log goes on, nothing in it can prove.
fn is_last_of_part(file: &File, at: usize) -> bool {
    let place = |at: usize| {
        let body = &file.records[at].1;
        let stored = EntryV1::decode(&body[field(body, "bytes")]).unwrap();
        (stored.stream.to_owned(), stored.writer, stored.seq)
    };
    if file.records[at].0 != ENTRY || file.records[0].1[85] != 2 {
        return false;
    }
    let (stream, writer, seq) = place(at);
    !file.of(ENTRY).into_iter().any(|other| place(other) == (stream.clone(), writer, seq + 1))
}

/// Where a parent stands that is before the bundle: only a vault that has it can tell.
fn is_hint(file: &File, at: usize, byte: usize) -> bool {
    let number = |body: &[u8], at: usize| u64::from_be_bytes(body[at..at + 8].try_into().unwrap());
    let begin = field(&file.records[at].1, "parents").start;
    number(&file.records[at].1, byte - (byte - begin) % 8) <= number(&file.records[0].1, 86)
}

/// What no entry names, no hash covers.
fn is_attachment(file: &File, at: usize) -> bool {
    let (tag, body) = &file.records[at];
    *tag == PAYLOAD && body.len() < 1000
}

/// Whether this record and the next can stand the other way round: writers may be told earlier, and payloads in any order.
fn may_swap(file: &File, at: usize) -> bool {
    let (this, next) = (file.records[at].0, file.records[at + 1].0);
    this != HEADER && next == WRITER || [WRITER, PAYLOAD].contains(&this) && next == PAYLOAD
}

fn with_tag(file: &File, at: usize, tag: u8) -> File {
    let mut file = file.clone();
    file.records[at].0 = tag;
    file
}

/// Forgeries that need to know what they forge, in a bundle of everything in the scene.
pub(super) fn forged() -> Vec<(String, Vec<u8>)> {
    let vault = full();
    let file = File::open(&export(&vault, Filter::all()));
    let (header, entries) = (file.of(HEADER)[0], file.of(ENTRY));
    let other = Vault::in_memory().unwrap();
    scene(&other);
    let tenant = vault.for_tenant("acme").unwrap();
    scene(&tenant);
    let theirs = File::open(&export(&other, Filter::all()));
    let tenants = File::open(&export(&tenant, Filter::all()));
    let put = |at: usize, body: &Vec<u8>| file.with(at, |own| own.clone_from(body)).seal();
    let strip = |at: usize| {
        file.with(at, |body| {
            let signature = field(body, "signature");
            body.drain(signature.clone());
            body[signature.start - 1] = 0;
        })
    };
    let mut named = file.clone();
    let writers = file.of(WRITER);
    let signer = *writers.iter().find(|at| file.records[**at].1[0] == 1).unwrap();
    named.records[signer].1 = [&[0, 3], b"bob\0\0".as_slice()].concat();
    vec![
        ("another vault's header".into(), put(header, &theirs.records[header].1)),
        ("another tenant's header".into(), put(header, &tenants.records[header].1)),
        ("another vault's entry".into(), put(entries[0], &theirs.records[theirs.of(ENTRY)[0]].1)),
        ("another tenant's entry".into(), put(entries[0], &tenants.records[tenants.of(ENTRY)[0]].1)),
        ("the last signature of a signed log stripped".into(), strip(*entries.last().unwrap()).seal()),
        ("a signed writer told as a named one".into(), named.seal()),
        ("the last entry gone".into(), file.without(*entries.last().unwrap()).seal()),
        ("another realm".into(), file.with(header, |body| body[0] ^= 1).seal()),
        ("another root".into(), file.with(header, |body| body[32 + 8 + 5 + 8] ^= 1).seal()),
        ("a smaller tree".into(), file.with(header, |body| body[32 + 8 + 5 + 7] -= 1).seal()),
        ("a header of a range".into(), file.with(header, |body| body[32 + 8 + 5 + 40] = 1).seal()),
        ("a note of another size".into(), replace(&file, header, "\n7\n", "\n6\n").seal()),
        ("a note of another vault".into(), replace(&file, header, "vault.example/", "vault.example/0").seal()),
    ]
}

fn replace(file: &File, at: usize, from: &str, to: &str) -> File {
    file.with(at, |body| {
        let found = body.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
        body.splice(found..found + from.len(), to.bytes());
    })
}

#[test]
fn every_kind_of_damage_is_refused_in_every_form_of_a_bundle() {
    let mut caught = 0;
    for (form, good) in forms(&full()) {
        for (name, bytes) in damaged(&good) {
            assert!(verify(&bytes, &[]).is_err(), "{form}: {name} went through");
            caught += 1;
        }
    }
    println!("{caught} damaged bundles were refused");
    assert!(caught > 1_000);
}

#[test]
fn forgeries_are_refused_by_the_rule_that_they_break() {
    let found: Vec<_> = forged()
        .into_iter()
        .map(|(name, bytes)| match verify(&bytes, &[]) {
            Err(StoreError::BundleBroken { rule, .. }) => (name, rule),
            other => panic!("{name}: {other:?}"),
        })
        .collect();
    let rules: Vec<ChainRule> = found.iter().map(|(_, rule)| *rule).collect();
    use ChainRule::{Encoding, Payload, Position, Scope, Signature, TreeHead, WriterIdentity};
    let expected = [
        Scope,
        Scope,
        Scope,
        Scope,
        Signature,
        WriterIdentity,
        Position,
        Encoding,
        TreeHead,
        Encoding,
        Payload,
        TreeHead,
        Encoding,
    ];
    assert_eq!(rules, expected, "{found:#?}");
}

#[test]
fn what_is_wrong_is_named_with_the_place_of_its_record_and_the_position_of_its_entry() {
    let found = |file: &File| match verify(&file.seal_as_counted(), &[]) {
        Err(StoreError::BundleBroken { offset, position, .. }) => (offset, position),
        other => panic!("{other:?}"),
    };
    let (vault, mut forms) = (Vault::in_memory().unwrap(), forms(&full()));
    let alice = vault.named_writer("alice").unwrap();
    alice.commit_batch([vec![b's'], vec![b'l'; 2000]].map(note)).unwrap();
    forms.push(("a payload behind an entry", export(&vault, Filter::all().up_to(at(&vault, 2)))));
    for (form, good) in forms {
        let (file, places) = (File::open(&good), File::open(&good).boundaries());
        let place = |at: usize| places[at + 1] as u64;
        for (at, (tag, body)) in file.records.iter().enumerate() {
            assert_eq!(found(&with_tag(&file, at, 9)), (place(at), None), "{form}");
            let again = (place(at + 1), None);
            match *tag {
                WRITER | PAYLOAD => assert_eq!(found(&file.twice(at)), again, "{form}: {at}"),
                ENTRY => {
                    let moved = file.with(at, |body| body[7] += 1);
                    assert_eq!(found(&moved), (place(at), Some(u64::from(body[7] + 1))), "{form}: {at}");
                    if file.records[0].1[85] == 2 {
                        let parent = file.with(at, |body| body[11] = 1);
                        assert_eq!(found(&parent), (place(at), Some(body[7].into())), "{form}: {at}");
                    }
                }
                END => assert_eq!(found(&file.with(at, |body| body[7] ^= 1)), (place(at), None), "{form}"),
                _ => {}
            }
        }
        if form == "range" {
            let edges = 32 + 8 + 5 + 8 + 32 + 1 + 8 + 8 + 2;
            let fewer = file.with(0, |header| {
                header[edges] -= 1;
                header.drain(edges + 1..edges + 33);
            });
            assert_eq!(found(&fewer), (8, None));
        }
        if form == "everything" {
            let more = file.with(file.of(ENTRY)[8], |body| body[11] += 1);
            assert_eq!(found(&more), (place(file.records.len() - 1), Some(9)));
        }
    }
}

#[test]
fn a_root_that_the_entries_do_not_lead_to_is_named() {
    let file = File::open(&export(&full(), Filter::all()));
    let error = verify(&file.with(0, |header| header[53..85].fill(0xab)).seal(), &[]).unwrap_err();
    assert!(error.to_string().contains(&"ab".repeat(32)), "{error}");
}

/// What is in the file and is not covered: the note's host and signatures, which only its key can judge, attachments,
/// which no hash covers until an entry's payload names them, where parents stand that are before the bundle, and whether
/// a range from the first to the last position calls itself everything.
#[test]
fn a_flipped_bit_in_any_byte_is_refused_although_the_digest_at_the_end_was_made_right() {
    for (form, good) in forms(&full()) {
        let file = File::open(&good);
        for (at, (tag, body)) in file.records.iter().enumerate() {
            let covered = match *tag {
                HEADER => body.windows(5).position(|part| part == b"vault").unwrap_or(body.len()),
                PAYLOAD if is_attachment(&file, at) => 0,
                PAYLOAD => 64,
                END => 0,
                _ => body.len(),
            };
            let parents = if *tag == ENTRY { field(body, "parents") } else { 0..0 };
            for byte in 0..covered {
                let form_byte = (form, at, byte) == ("beginning", 0, 85);
                if form_byte || parents.contains(&byte) && is_hint(&file, at, byte) {
                    continue;
                }
                let flipped = file.with(at, |body| body[byte] ^= 1 << (byte % 8)).seal();
                assert!(verify(&flipped, &[]).is_err(), "{form}: record {at}, byte {byte}");
            }
        }
    }
}

#[test]
fn a_flipped_bit_in_any_byte_of_the_file_is_told_by_the_digest_at_the_end() {
    let good = export(&full(), Filter::all());
    for byte in 0..good.len() {
        let mut flipped = good.clone();
        flipped[byte] ^= 4;
        assert!(verify(&flipped, &[]).is_err(), "byte {byte} of the file");
    }
}

#[test]
fn a_signature_that_a_later_one_covers_can_be_missing_and_is_counted_as_such() {
    let vault = Vault::in_memory().unwrap();
    let bob = vault.writer(key(7)).unwrap();
    bob.commit_batch(["one", "two"].map(note)).unwrap();
    let file = File::open(&export(&vault, Filter::all()));
    let strip = |at: usize| {
        file.with(at, |body| {
            let signature = field(body, "signature");
            body.drain(signature.clone());
            body[signature.start - 1] = 0;
        })
    };
    let [first, last] = file.of(ENTRY)[..] else { panic!() };
    assert_eq!(verify(&strip(first).seal(), &[]).unwrap().logs[0].signed, 2);
    assert!(matches!(
        verify(&strip(last).seal(), &[]),
        Err(StoreError::BundleBroken { rule: ChainRule::Signature, position: Some(2), .. })
    ));
    // In a part, the log may go on behind it: that is told, and is no error.
    let part = File::open(&export(&vault, Filter::all().up_to(at(&vault, 1))));
    assert_eq!(verify(&part.seal(), &[]).unwrap().logs[0].signed, 1);
}
