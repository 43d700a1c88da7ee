//! The verifier in Python, which shares no code with the crate, says of every bundle what the crate says; and were there a
//! mistake in it, it would not.
//!
//! Runs where `CAUSAL_VAULT_PYTHON` names a Python that has the package `blake3`, as the step `bundle` does.

use std::path::{Path, PathBuf};
use std::process::Command;

use causal_vault::{
    Anchor, Bundle, BundleContents, BundleReport, Filter, LogVerdict, NoteSigner, NoteVerifier, TailVerdict, Vault,
};
use serde_json::json;

use super::damage::{damaged, forged};
use super::file::File;
use super::{at, events, export, forge, forms, full, head, key, limits, log_key, notes, scene, verify, writers};
use crate::suite::suite;

/// A bundle, what the verifier is told about it, and what the crate says of it: what it holds, or that it is refused.
struct Question {
    name: String,
    bytes: Vec<u8>,
    arguments: Vec<String>,
    expected: Option<String>,
}

/// A script of `tests/bundle`, under the Python that can run it.
fn python(script: &str) -> Option<Command> {
    let Some(python) = std::env::var_os("CAUSAL_VAULT_PYTHON") else {
        println!("SKIPPED: CAUSAL_VAULT_PYTHON names no Python with blake3; the step `bundle` makes one");
        return None;
    };
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bundle").join(script));
    Some(command)
}

/// Without anchor and key.
fn question((name, bytes): (String, Vec<u8>)) -> Question {
    let expected = verify(&bytes, &[]).ok().map(|report| says(&report, &[]));
    Question { name, bytes, arguments: Vec::new(), expected }
}

/// The line that the verifier ends with, where these are the anchors that the bundle can be compared with.
fn says(report: &BundleReport, compared: &[Anchor]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let what = match &report.contents {
        BundleContents::Range { after, up_to } | BundleContents::Logs { after, up_to, .. } => {
            format!("positions {} to {up_to}", after + 1)
        }
        _ => "everything".to_owned(),
    };
    let revoked = match report.logs.iter().filter(|log| matches!(log.verdict, LogVerdict::Broken(_))).count() {
        0 => String::new(),
        count => format!(", {count} of them with revoked entries"),
    };
    let sizes: Vec<_> = compared.iter().map(|anchor| anchor.size.to_string()).collect();
    let anchored = match report.tail {
        TailVerdict::Consistent { anchored } => {
            assert_eq!(sizes.last(), Some(&anchored.to_string()));
            format!("anchored at {}", sizes.join(", "))
        }
        _ => "not anchored".to_owned(),
    };
    format!(
        "vault {}, tenant '{}', {what}: {} entries in {} logs{revoked}, in a tree of {} with root {}, {anchored}",
        hex(&report.realm.as_bytes()[..8]),
        report.tenant,
        report.entries,
        report.logs.len(),
        report.tree.size,
        hex(&report.tree.root),
    )
}

fn good() -> Vec<Question> {
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
    bundles.extend(events::honest());
    bundles.extend(writers::forms());
    bundles.into_iter().map(question).collect()
}

/// At the limits, on either side.
fn near() -> Vec<Question> {
    limits::all().into_iter().map(|(name, bytes, _)| question((name, bytes))).collect()
}

fn bad() -> Vec<Question> {
    let mut bundles = forged();
    bundles.extend(forge::forged().into_iter().map(|(name, bytes, _)| (name, bytes)));
    bundles.extend(events::forged().into_iter().map(|(name, bytes, _)| (name, bytes)));
    bundles.extend(writers::forged().into_iter().map(|(name, bytes, _)| (name, bytes)));
    for (form, good) in forms(&full()) {
        bundles.extend(damaged(&good).into_iter().map(|(name, bytes)| (format!("{form}: {name}"), bytes)));
    }
    bundles.into_iter().map(question).collect()
}

/// The verifier's arguments that name these anchors.
fn told(anchors: &[Anchor]) -> Vec<String> {
    let hex = |root: [u8; 32]| root.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let each = |anchor: &Anchor| ["--anchor".to_owned(), format!("{}:{}", anchor.size, hex(anchor.root))];
    anchors.iter().flat_map(each).collect()
}

/// Good bundles under anchors and keys that are theirs or not.
fn judged() -> Vec<Question> {
    let vault = full();
    let own = log_key(&vault).verifier();
    let other = NoteSigner::new(own.name(), key(3)).unwrap().verifier();
    let mut all = Vec::new();
    let right: Vec<Anchor> = (0..=9).map(|size| vault.tree_head_at(at(&vault, size)).unwrap().into()).collect();
    for (name, bytes) in forms(&vault) {
        let mut add = |arguments: Vec<String>, expected| {
            let name = format!("{name}, {}", arguments.join(" "));
            all.push(Question { name, bytes: bytes.clone(), arguments, expected });
        };
        for size in [0, 2, 5, 7, 8, 9, 10] {
            let right = right.iter().copied().find(|right| right.size == size);
            for anchor in right.into_iter().chain([Anchor { size, root: [1; 32] }]) {
                let report = verify(&bytes, &[anchor]).unwrap();
                add(told(&[anchor]), report.is_consistent().then(|| says(&report, &[anchor])));
            }
        }
        let tree = Bundle::open(&bytes[..]).unwrap().tree_head();
        let reached: Vec<Anchor> = right.iter().filter(|anchor| anchor.size <= tree.size).copied().collect();
        let is_compared = |anchor: &&Anchor| verify(&bytes, &[**anchor]).unwrap().tail != TailVerdict::Unanchored;
        let compared: Vec<Anchor> = reached.iter().filter(is_compared).copied().collect();
        add(told(&reached), Some(says(&verify(&bytes, &reached).unwrap(), &compared)));
        for key in [&own, &other] {
            let note = Bundle::open(&bytes[..]).unwrap().checkpoint().cloned();
            let anchor = note.and_then(|note| Anchor::from_note(&note, key).ok());
            let expected = anchor.map(|anchor| says(&verify(&bytes, &[anchor]).unwrap(), &[anchor]));
            add(vec!["--key".to_owned(), key.to_string()], expected);
        }
    }
    for (name, bytes, key, _) in notes::keyed(&limits::with_note) {
        let expected = Bundle::open(&bytes[..]).and_then(|bundle| {
            let note = bundle.checkpoint().cloned().expect("each has one");
            let anchor = Anchor::from_note(&note, &key)?;
            bundle.verify(&[anchor]).map(|report| says(&report, &[anchor]))
        });
        let arguments = vec!["--key".to_owned(), key.to_string()];
        all.push(Question { name, bytes, arguments, expected: expected.ok() });
    }
    for (name, bytes, key) in notes::no_keys(&limits::with_note) {
        let expected = key.parse::<NoteVerifier>().and_then(|key| {
            let bundle = Bundle::open(&bytes[..])?;
            let anchor = Anchor::from_note(bundle.checkpoint().expect("each has one"), &key)?;
            bundle.verify(&[anchor]).map(|report| says(&report, &[anchor]))
        });
        all.push(Question { name, bytes, arguments: vec!["--key".to_owned(), key], expected: expected.ok() });
    }
    all
}

/// Writes the bundle of each question into a folder.
fn write(questions: &[Question], folder: &Path) -> Vec<PathBuf> {
    let files: Vec<_> = (0..questions.len()).map(|n| folder.join(format!("{n}.bundle"))).collect();
    for (file, question) in files.iter().zip(questions) {
        std::fs::write(file, &question.bytes).unwrap();
    }
    files
}

/// Asks, and compares each verdict with the crate's.
fn agree(questions: &[Question]) {
    let folder = tempfile::tempdir().unwrap();
    let files = write(questions, folder.path());
    let mut questions = questions.iter().zip(&files).peekable();
    while let Some((first, _)) = questions.peek() {
        let arguments = &first.arguments;
        let mut some = Vec::new();
        while let Some(next) = questions.next_if(|(next, _)| next.arguments == *arguments && some.len() < 500) {
            some.push(next);
        }
        let Some(mut python) = python("verify_bundle.py") else { return };
        let output = python.args(arguments).args(some.iter().map(|(_, file)| file)).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        for (said, (question, file)) in said.lines().zip(&some) {
            let begin = format!("BROKEN {}: ", file.display());
            let agreed = match &question.expected {
                Some(expected) => said == format!("OK     {}: {expected}", file.display()),
                None => said.starts_with(&begin) && said.len() > begin.len(),
            };
            assert!(agreed, "{}: {said}; the crate says {:?}", question.name, question.expected);
        }
        let code = i32::from(some.iter().any(|(question, _)| question.expected.is_none()));
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(said.lines().count(), some.len());
    }
}

#[test]
fn both_verifiers_accept_every_good_bundle_and_refuse_every_damaged_one() {
    let (good, bad) = (good(), bad());
    assert!(good.iter().all(|question| question.expected.is_some()));
    assert!(bad.iter().all(|question| question.expected.is_none()));
    let near = near();
    let questions: Vec<_> = good.into_iter().chain(bad).chain(near).collect();
    agree(&questions);
    let accepted = questions.iter().filter(|question| question.expected.is_some()).count();
    println!("both accept {accepted} bundles and refuse {}", questions.len() - accepted);
}

/// Flips that the digest at the end does not tell: some do no harm, and about each both must say the same.
#[test]
fn both_verifiers_say_the_same_of_random_changes() {
    let suite = suite("two verifiers of one bundle", 400, 40_000);
    let mut dice = suite.dice(0);
    let forms = forms(&full());
    let mut questions = Vec::new();
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
        questions.push(question((format!("{n}: {form}, record {record}, byte {byte}, change {change}"), file.seal())));
    }
    agree(&questions);
    let bad = questions.iter().filter(|question| question.expected.is_none()).count();
    println!("{} did no harm, {bad} were refused, and both say so", questions.len() - bad);
    assert!(bad * 2 > questions.len());
}

#[test]
fn both_verifiers_judge_anchors_and_the_key_of_a_checkpoint_alike() {
    let vault = full();
    assert!(verify(&forms(&vault)[0].1, &[head(&vault)]).unwrap().is_consistent());
    agree(&judged());
}

/// The control: one mistake after another is planted in the verifier, and each makes it say something else.
#[test]
fn a_mistake_in_the_verifier_is_found() {
    let Some(mut python) = python("mistakes.py") else { return };
    let suite = suite("mistakes in the verifier in Python", 100, 1_000_000);
    let mut questions = good();
    questions.extend(near());
    questions.extend(judged());
    questions.extend(bad());
    let folder = tempfile::tempdir().unwrap();
    let files = write(&questions, folder.path());
    let list = folder.path().join("questions.json");
    let told = questions.iter().zip(files).map(|(question, file)| {
        let mut arguments = question.arguments.clone();
        arguments.push(file.display().to_string());
        json!({ "name": question.name, "arguments": arguments, "expected": question.expected })
    });
    std::fs::write(&list, json!(told.collect::<Vec<_>>()).to_string()).unwrap();
    let status = python.arg(list).args([suite.cases.to_string(), suite.seed.to_string()]).status().unwrap();
    assert!(status.success());
}
