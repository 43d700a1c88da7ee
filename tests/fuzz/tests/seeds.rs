//! The inputs that the corpus began with. What a fuzzer has found since stands beside them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use causal_vault::{
    ConsistencyProof, Event, Extension, Filter, InclusionProof, IntentOptions, IntentStore, NoteSigner, SignedNote,
    SigningKey, Vault,
};
use causal_vault_fuzz::payload::Tree;
use causal_vault_fuzz::{equivocation, note, tree_proof};

fn put(target: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
}

#[test]
#[ignore = "writes the first inputs of the corpus"]
fn write_seeds() {
    bundles();
    entries();
    equivocations();
    intents();
    notes();
    payloads();
    proofs();
    files();
    imports();
}

fn bundles() {
    let vault = causal_vault_fuzz::bundle::golden(&causal_vault_fuzz::patch::Scratch::new());
    let middle = vault.events(Filter::all()).unwrap().nth(5).unwrap().unwrap().header.position;
    let parts = [
        ("everything", Filter::all()),
        ("range", Filter::all().after(middle)),
        ("beginning", Filter::all().up_to(middle)),
        ("stream", Filter::stream("ledger")),
        ("part-of-a-stream", Filter::stream("conv:demo").after(middle)),
    ];
    for (name, filter) in parts {
        let mut file = Vec::new();
        vault.export(filter, &mut file).unwrap();
        put("bundle", name, &file);
    }
}

fn entries() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/vectors-v1.json");
    let vectors: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let entries = vectors["entries"].as_array().unwrap().iter().chain([&vectors["named"]]);
    for (at, vector) in entries.enumerate() {
        put("entry", &format!("vector-{at}"), &hex::decode(vector["entry_bytes"].as_str().unwrap()).unwrap());
    }
    let conn =
        rusqlite::Connection::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/vault-0.1.0.db")).unwrap();
    let mut query = conn.prepare("SELECT bytes FROM vault_entry ORDER BY length(bytes)").unwrap();
    let stored = query.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap().map(Result::unwrap);
    for (at, bytes) in stored.enumerate().filter(|(at, _)| at % 3 == 0) {
        put("entry", &format!("golden-{at}"), &bytes);
    }
}

fn equivocations() {
    for (at, proof) in equivocation::SIGNED.iter().enumerate() {
        put("equivocation", &format!("vector-{at}"), proof);
    }
}

fn intents() {
    for (name, events, turns) in [("one", 1, 1), ("few", 9, 3), ("many", 60, 5)] {
        let store = IntentStore::new(IntentOptions::new("fuzz", 4)).unwrap();
        let mut values = Vec::new();
        for n in 0..events {
            let turn = (n % turns) as f32;
            let event = [1.0, turn, 0.5 * turn - 1.0, (n * n % 7) as f32 / 20.0];
            store.assign(&event).unwrap();
            values.extend(event.iter().flat_map(|value| value.to_le_bytes()));
        }
        put("intents", &format!("events-{name}"), &values);
        put("intents", &format!("snapshot-{name}"), &store.snapshot().unwrap());
    }
    let odd = [f32::NAN, f32::INFINITY, 0.0, f32::MAX, f32::MIN_POSITIVE, -0.0, 1e-45, -1.0];
    put("intents", "odd", &odd.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
}

fn notes() {
    let witness = NoteSigner::new("witness.example/w1", SigningKey::from_bytes(&[3; 32])).unwrap();
    for (at, text) in note::SIGNED.into_iter().enumerate() {
        let mut signed = SignedNote::sign(text, &note::signer()).unwrap();
        put("note", &format!("signed-{at}"), signed.to_string().as_bytes());
        put("note", &format!("text-{at}"), text.as_bytes());
        if let Ok(cosignature) = witness.cosign(&signed, 1_700_000_000) {
            signed.add(cosignature).unwrap();
            put("note", &format!("cosigned-{at}"), signed.to_string().as_bytes());
        }
    }
}

fn payloads() {
    let text = |text: &str| Tree::Text(text.to_owned());
    let map: BTreeMap<_, _> = (0..20).map(|n| (format!("key {n}"), Tree::Number(n))).collect();
    let keyed = [(1, None), (1, Some(7)), (-1, Some(9))].map(|key| (key, Tree::Leaf)).into();
    let fields =
        Tree::Fields { left: Box::new(text("größe")), right: Some(Box::new(Tree::Flag(true))), wide: u64::MAX };
    let deep = (0..28).fold(Tree::Leaf, |inner, _| Tree::List(vec![inner]));
    let trees = [Tree::Leaf, Tree::Float(1.5), Tree::Number(-70_000), Tree::Map(map), Tree::Keyed(keyed), fields, deep];
    for (at, tree) in trees.iter().enumerate() {
        put("payload", &format!("tree-{at}"), &rmp_serde::to_vec_named(tree).unwrap());
    }
    put("payload", "compact", &rmp_serde::to_vec(&Tree::List(trees.to_vec())).unwrap());
    put("payload", "bytes", b"\x83\xc4\x01a\xca\x3f\x80\x00\x00\xa1b\xc7\x02\x05zz\xd9\x01c\xdc\x00\x02\xd3\xff\xff\xff\xff\xff\xff\xff\xfe\xc0");
    put("payload", "twice", b"\x82\xa1a\x01\xd9\x01a\x02");
    put("payload", "long", b"\xdd\xff\xff\xff\xff\xc0");
}

fn proofs() {
    let vault = Vault::in_memory().unwrap();
    vault.named_writer("alice").unwrap().commit_batch((0..8).map(|_| Event::raw("tick", "").stream("s"))).unwrap();
    put(
        "tree_proof",
        "other-tree",
        &vault
            .prove_inclusion(vault.events(Filter::all()).unwrap().next().unwrap().unwrap().header.hash, None)
            .unwrap()
            .to_bytes(),
    );
    // The vault makes proofs of what it holds only; these are of the leaves that the target knows.
    for (index, size) in [(0, 1), (0, 2), (1, 2), (4, 7), (6, 7), (31, 64), (69, 70)] {
        let proof = InclusionProof { index, size, path: inclusion(index, 0, size) };
        put("tree_proof", &format!("inclusion-{index}-{size}"), &proof.to_bytes());
    }
    for (from, to) in [(0, 5), (1, 2), (3, 7), (4, 7), (6, 64), (64, 70), (70, 70)] {
        let proof = ConsistencyProof {
            from,
            to,
            path: if from == 0 || from == to { Vec::new() } else { consistency(from, 0, to, true) },
        };
        put("tree_proof", &format!("consistency-{from}-{to}"), &proof.to_bytes());
    }
}

/// RFC 6962, 2.1.1, as it is written there.
fn inclusion(index: u64, start: u64, end: u64) -> Vec<[u8; 32]> {
    let size = end - start;
    if size == 1 {
        return Vec::new();
    }
    let split = start + (size.next_power_of_two() / 2);
    let (inner, other) = if start + index < split {
        ((index, start, split), (split, end))
    } else {
        ((start + index - split, split, end), (start, split))
    };
    let mut path = inclusion(inner.0, inner.1, inner.2);
    path.push(causal_vault::tree_root((other.0..other.1).map(tree_proof::leaf)));
    path
}

/// RFC 6962, 2.1.2, as it is written there.
fn consistency(from: u64, start: u64, end: u64, is_whole: bool) -> Vec<[u8; 32]> {
    let size = end - start;
    let root = |start, end| causal_vault::tree_root((start..end).map(tree_proof::leaf));
    if from == size {
        return if is_whole { Vec::new() } else { vec![root(start, end)] };
    }
    let half = size.next_power_of_two() / 2;
    if from <= half {
        let mut path = consistency(from, start, start + half, is_whole);
        path.push(root(start + half, end));
        return path;
    }
    let mut path = consistency(from - half, start + half, end, false);
    path.push(root(start, start + half));
    path
}

fn files() {
    put("file", "unchanged", b"");
    put("file", "user-version", &[0, 0, 60, 4, 0, 0, 0, 9]);
    put("file", "freelist", &[0, 0, 32, 8, 0, 0, 0, 3, 0, 0, 0, 1]);
    put("file", "page-count", &[0, 0, 28, 4, 0, 0, 0, 7]);
    for page in (1..48u32).step_by(7) {
        let at = (page * 512).to_be_bytes();
        put("file", &format!("page-{page}"), &[at[1], at[2], at[3], 3, 5, 0, 0]);
        put("file", &format!("cell-{page}"), &[at[1], at[2] + 1, at[3], 4, 1, 2, 3, 4]);
    }
}

fn imports() {
    put("import", "edited-0", &[0]);
    put("import", "edited-1", &[0, 0, 18, 0, 2, 1, 9]);
    put("import", "raw", &[1]);
    let rows: Vec<u8> = (0..12u8).flat_map(|n| [n % 5, 0, 2, n, n]).collect();
    put("import", "rows", &[&[2], &rows[..]].concat());
    for fault in 1..7u8 {
        put("import", &format!("fault-{fault}"), &[&[3], &rows[..25], &[1, fault, 1, 0], &rows[25..]].concat());
    }
}

#[test]
fn the_first_inputs_of_the_corpus_are_there() {
    let extension = Extension::Touches(vec!["x".into()]);
    assert_eq!(extension.tag(), 2);
    for target in ["bundle", "entry", "file", "import", "note", "payload", "tree_proof"] {
        assert!(causal_vault_fuzz::driver::corpus(target).len() > 4, "{target}");
    }
}
