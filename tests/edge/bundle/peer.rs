//! The verifier in Python, which shares no code with the crate, says of every bundle what the crate says.
//!
//! Runs where `CAUSAL_VAULT_PYTHON` names a Python that has the package `blake3`, as the step `bundle` does.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use causal_vault::{Anchor, Bundle, Filter, Vault};

use super::damage::{damaged, forged};
use super::file::File;
use super::{at, export, forge, forms, full, head, log_key, scene, verify, writers};
use crate::suite::suite;

fn python() -> Option<PathBuf> {
    let python = std::env::var_os("CAUSAL_VAULT_PYTHON").map(PathBuf::from);
    if python.is_none() {
        println!("SKIPPED: CAUSAL_VAULT_PYTHON names no Python with blake3; the step `bundle` makes one");
    }
    python
}

/// What the verifier says of each file, and whether it ended as it must.
fn ask(python: &Path, arguments: &[String], files: &[PathBuf]) -> HashMap<PathBuf, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bundle/verify_bundle.py");
    let output = Command::new(python).arg(script).args(arguments).args(files).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let said: HashMap<_, _> = said
        .lines()
        .map(|line| {
            let (verdict, rest) = line.split_at(7);
            let (file, _) = rest.split_once(": ").unwrap();
            (PathBuf::from(file), format!("{} {rest}", verdict.trim()))
        })
        .collect();
    let all_well = said.values().all(|verdict| verdict.starts_with("OK"));
    let expected = if all_well { 0 } else { 1 };
    assert_eq!(output.status.code(), Some(expected), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.len(), files.len());
    said
}

/// Writes the bundles, asks, and compares each verdict with the crate's. Returns how many were good and bad.
fn agree(python: &Path, bundles: Vec<(String, Vec<u8>)>) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<_> = (0..bundles.len()).map(|n| folder.path().join(format!("{n}.bundle"))).collect();
    for (file, (_, bytes)) in files.iter().zip(&bundles) {
        std::fs::write(file, bytes).unwrap();
    }
    let (mut good, mut bad) = (0, 0);
    let mut differ = Vec::new();
    for files in files.chunks(500) {
        let said = ask(python, &[], files);
        for file in files {
            let n: usize = file.file_stem().unwrap().to_str().unwrap().parse().unwrap();
            let (name, bytes) = &bundles[n];
            let own = verify(bytes, &[]);
            if own.is_ok() != said[file].starts_with("OK") {
                differ.push(format!("{name}: {} and {own:?}", said[file]));
            }
            if own.is_ok() { good += 1 } else { bad += 1 }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    (good, bad)
}

#[test]
fn both_verifiers_accept_every_good_bundle_and_refuse_every_damaged_one() {
    let Some(python) = python() else { return };
    let vault = full();
    let mut bundles: Vec<(String, Vec<u8>)> =
        forms(&vault).into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
    bundles.push(("empty".to_owned(), export(&Vault::in_memory().unwrap(), Filter::all())));
    scene(&vault);
    for (after, up_to) in [(0, 0), (1, 18), (8, 16), (7, 8), (16, 17), (18, 18)] {
        let range = export(&vault, Filter::all().after(at(&vault, after)).up_to(at(&vault, up_to)));
        bundles.push((format!("behind {after} up to {up_to}"), range));
    }
    bundles.extend(forge::honest());
    bundles.extend(writers::forms());
    let count = bundles.len();
    assert_eq!(agree(&python, bundles), (count, 0));

    let mut bundles = forged();
    bundles.extend(forge::forged().into_iter().map(|(name, bytes, _)| (name, bytes)));
    bundles.extend(writers::forged().into_iter().map(|(name, bytes, _)| (name, bytes)));
    for (form, good) in forms(&full()) {
        bundles.extend(damaged(&good).into_iter().map(|(name, bytes)| (format!("{form}: {name}"), bytes)));
    }
    let count = bundles.len();
    assert_eq!(agree(&python, bundles), (0, count));
    println!("both refuse {count} damaged bundles");
}

/// Flips that the digest at the end does not tell: some do no harm, and about each both must say the same.
#[test]
fn both_verifiers_say_the_same_of_random_changes() {
    let Some(python) = python() else { return };
    let suite = suite("two verifiers of one bundle", 400, 40_000);
    let mut dice = suite.dice(0);
    let forms = forms(&full());
    let mut bundles = Vec::new();
    for n in 0..suite.cases {
        let (form, good) = &forms[usize::try_from(dice.below(forms.len() as u64)).unwrap()];
        let mut file = File::open(good);
        let record = usize::try_from(dice.below(file.records.len() as u64)).unwrap();
        let body = &mut file.records[record].1;
        let byte = usize::try_from(dice.below(body.len() as u64)).unwrap();
        let change = dice.below(4);
        match change {
            0 => drop(body.remove(byte)),
            1 => body.insert(byte, u8::try_from(dice.below(256)).unwrap()),
            2 => body[byte] = u8::try_from(dice.below(256)).unwrap(),
            _ => body[byte] ^= 1 << dice.below(8),
        }
        bundles.push((format!("{n}: {form}, record {record}, byte {byte}, change {change}"), file.seal()));
    }
    let (good, bad) = agree(&python, bundles);
    println!("{good} did no harm, {bad} were refused, and both say so");
    assert!(bad > 200);
}

#[test]
fn both_verifiers_judge_anchors_and_the_key_of_a_checkpoint_alike() {
    let Some(python) = python() else { return };
    let vault = full();
    let folder = tempfile::tempdir().unwrap();
    let key = log_key(&vault).verifier();
    let other = causal_vault::NoteSigner::new(key.name(), super::key(3)).unwrap().verifier();
    for (name, bytes) in forms(&vault) {
        let file = folder.path().join(name);
        std::fs::write(&file, &bytes).unwrap();
        let says = |arguments: &[String]| ask(&python, arguments, std::slice::from_ref(&file))[&file].starts_with("OK");
        for size in [0, 2, 5, 7, 8, 9, 10] {
            let right: Option<Anchor> = (size < 10).then(|| vault.tree_head_at(at(&vault, size)).unwrap().into());
            for anchor in right.into_iter().chain([Anchor { size, root: [1; 32] }]) {
                let hex: String = anchor.root.iter().map(|byte| format!("{byte:02x}")).collect();
                let own = verify(&bytes, &[anchor]).unwrap().is_consistent();
                assert_eq!(says(&["--anchor".into(), format!("{size}:{hex}")]), own, "{name} at {size}");
            }
        }
        for key in [&key, &other] {
            let note = Bundle::open(&bytes[..]).unwrap().checkpoint().cloned();
            let own = note.is_some_and(|note| Anchor::from_note(&note, key).is_ok());
            assert_eq!(says(&["--key".into(), key.to_string()]), own, "{name}, {key}");
        }
    }
    assert!(verify(&forms(&vault)[0].1, &[head(&vault)]).unwrap().is_consistent());
}
