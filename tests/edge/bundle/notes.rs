//! Checkpoints in a bundle that are written as they may be, and as they may not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use causal_vault::{Anchor, Bundle, NoteSigner, NoteVerifier, SignedNote, Signer, limits};
use sha2::{Digest, Sha256};

use super::key;

const ORIGIN: &str = "vault.example/1111111111111111/default";

fn signature(name: &str, bytes: &[u8]) -> String {
    format!("\u{2014} {name} {}\n", STANDARD.encode(bytes))
}

/// A checkpoint that only its form vouches for.
pub(super) fn unsigned(size: u64, root: &[u8]) -> String {
    format!("{ORIGIN}\n{size}\n{}\n\n{}", STANDARD.encode(root), signature("vault.example", &[7; 68]))
}

/// The root of the bundle that a note is put into, as notes have it.
fn root(bundle: &dyn Fn(&str) -> Vec<u8>) -> String {
    STANDARD.encode(Bundle::open(&bundle("")[..]).unwrap().verify(&[]).unwrap().tree.root)
}

/// Each with whether it is good, without the log's key.
pub(super) fn all(bundle: &dyn Fn(&str) -> Vec<u8>) -> Vec<(String, Vec<u8>, Option<bool>)> {
    let root = root(bundle);
    let mut all = Vec::new();
    let mut add = |name: String, note: &str, is_good: bool| {
        all.push((format!("a note: {name}"), bundle(note), Some(is_good)));
    };
    let text = format!("{ORIGIN}\n1\n{root}\n");
    let line = signature("vault.example", &[7; 68]);
    for (name, note, is_good) in [
        ("as it may be", format!("{text}\n{line}"), true),
        ("twice signed", format!("{text}\n{line}{line}"), true),
        ("with more lines", format!("{text}more\nand more\n\n{line}"), true),
        ("with a line of one letter", format!("{text}x\n\n{line}"), true),
        ("a signature that is short behind one that is not", format!("{text}\n{line}\u{2014} x AAAAAA==\n"), false),
        ("not signed", format!("{text}\n"), false),
        ("an empty line in it", format!("{text}\nmore\n\n{line}"), false),
        ("an empty line behind it", format!("{text}\n{line}\n"), false),
        ("no empty line", format!("{text}{line}"), false),
        ("no text", format!("\n\n{line}"), false),
        ("nothing but a signature", format!("\n{line}"), false),
        ("a line of text", format!("{ORIGIN}\n\n{line}"), false),
        ("two lines of text", format!("{ORIGIN}\n1\n\n{line}"), false),
        ("cut", format!("{text}\n{}", line.trim_end()), false),
        ("a byte instead of its end", format!("{text}\n{}x", line.trim_end()), false),
        ("a tab", format!("{text}mo\tre\n\n{line}"), false),
        ("a carriage return", format!("{text}more\r\n\n{line}"), false),
        ("a tab behind a signature", format!("{text}\n{}\t\n", line.trim_end()), false),
        ("a space behind a signature", format!("{text}\n{} \n", line.trim_end()), false),
        ("a hyphen", format!("{text}\n{}", line.replace('\u{2014}', "-")), false),
        ("no dash", format!("{text}\n{}", line.replace("\u{2014} ", "")), false),
        ("a name and no signature", format!("{text}\n\u{2014} vault.example\n"), false),
        ("a name, a space and no signature", format!("{text}\n\u{2014} vault.example \n"), false),
        ("base64 without its end", format!("{text}\n\u{2014} vault.example AAAAAAA\n"), false),
        ("base64 that is not canonical", format!("{text}\n\u{2014} vault.example AAAAAAB=\n"), false),
        ("base64 for addresses", format!("{text}\n\u{2014} vault.example ____AAA=\n"), false),
    ] {
        add(name.to_owned(), &note, is_good);
    }
    for (name, is_good) in [
        ("x", true),
        ("Straße", true),
        ("", false),
        ("a b", false),
        ("a+b", false),
        ("a\u{a0}b", false),
        ("a\u{2003}b", false),
        ("a\u{85}b", false),
        ("a\u{7f}b", false),
    ] {
        add(format!("signed by {name:?}"), &format!("{text}\n{}", signature(name, &[7; 68])), is_good);
    }
    for (len, is_good) in [(0, false), (4, false), (5, true)] {
        let line = signature("vault.example", &vec![7; len]);
        add(format!("a signature of {len} bytes"), &format!("{text}\n{line}"), is_good);
    }
    for (count, is_good) in [(limits::NOTE_SIGNATURES, true), (limits::NOTE_SIGNATURES + 1, false)] {
        add(format!("{count} signatures"), &format!("{text}\n{}", line.repeat(count)), is_good);
    }
    for size in ["", "0", "01", "+1", "-1", "1 ", " 1", "1x", "x", "\u{b9}", "\u{661}", "2", "1_0"] {
        add(format!("the size {size:?}"), &format!("{ORIGIN}\n{size}\n{root}\n\n{line}"), false);
    }
    let endless = "1".repeat(5000);
    for size in ["18446744073709551615", "18446744073709551616", "000000000000000000001", &endless] {
        add(format!("the size {size:?}"), &format!("{ORIGIN}\n{size}\n{root}\n\n{line}"), false);
    }
    for (what, root) in [
        ("31 bytes", STANDARD.encode([7; 31])),
        ("33 bytes", STANDARD.encode([7; 33])),
        ("another", STANDARD.encode([7; 32])),
        ("no base64", "*".repeat(44)),
        ("none", String::new()),
    ] {
        add(format!("a root: {what}"), &format!("{ORIGIN}\n1\n{root}\n\n{line}"), false);
    }
    for (origin, is_good) in [
        ("x/1111111111111111/default", true),
        ("x/y/1111111111111111/default", true),
        ("1111111111111111/default", false),
        ("vault.example/1111111111111111/default2", false),
        ("vault.example/1111111111111111", false),
        ("vault.example/1111111111111112/default", false),
        ("", false),
    ] {
        add(format!("the origin {origin:?}"), &format!("{origin}\n1\n{root}\n\n{line}"), is_good);
    }
    for (more, is_good) in [(0, true), (1, false)] {
        let long = "x".repeat(limits::NOTE_BYTES - text.len() - 1 + more);
        add(format!("{more} bytes too long"), &format!("{text}{long}\n\n{line}"), is_good);
        let bytes = (limits::NOTE_BYTES - "\u{2014} abcd \n".len() + 4 * more) / 4 * 3;
        let line = signature("abcd", &vec![7; bytes]);
        assert_eq!(line.len() > limits::NOTE_BYTES, !is_good);
        add(format!("a signature {more} times too long"), &format!("{text}\n{line}"), is_good);
    }
    all
}

/// Bundles, the key by which they are to be signed, and whether they are.
pub(super) fn keyed(bundle: &dyn Fn(&str) -> Vec<u8>) -> Vec<(String, Vec<u8>, NoteVerifier, bool)> {
    let text = format!("{ORIGIN}\n1\n{}\n", root(bundle));
    let own = NoteSigner::new(ORIGIN, key(9)).unwrap();
    let (other, elsewhere) = (NoteSigner::new(ORIGIN, key(3)).unwrap(), NoteSigner::new("elsewhere", key(9)).unwrap());
    let signed = SignedNote::sign(text.as_str(), &own).unwrap();
    let by_both = {
        let mut note = SignedNote::sign(text.as_str(), &other).unwrap();
        note.add(own.sign(&text).unwrap()).unwrap();
        note.to_string()
    };
    let bytes = signed.signatures()[0].bytes();
    let line = |bytes: &[u8]| signature(ORIGIN, &[&own.verifier().key_id(), bytes].concat());
    let mut wrong = bytes.to_vec();
    wrong[40] ^= 1;
    // By another name, as if it had the same id.
    let namesake = signature("elsewhere", &[&own.verifier().key_id(), wrong.as_slice()].concat());
    let plus = (0..=255).map(|n| NoteSigner::new(ORIGIN, key(n)).unwrap());
    let plus = plus.into_iter().find(|signer| signer.verifier().to_string().matches('+').count() > 2).unwrap();
    [
        ("own", signed.to_string(), true),
        ("own, and another's", by_both, true),
        ("another's", SignedNote::sign(text.as_str(), &other).unwrap().to_string(), false),
        ("of another name", SignedNote::sign(text.as_str(), &elsewhere).unwrap().to_string(), false),
        ("wrong", format!("{text}\n{}", line(&wrong)), false),
        ("right and wrong", format!("{text}\n{}{}", line(bytes), line(&wrong)), false),
        ("wrong and right", format!("{text}\n{}{}", line(&wrong), line(bytes)), false),
        ("right, and wrong by a namesake", format!("{text}\n{}{namesake}", line(bytes)), true),
        ("wrong by a namesake", format!("{text}\n{namesake}"), false),
        ("short", format!("{text}\n{}", line(&bytes[..63])), false),
        ("long", format!("{text}\n{}", line(&[bytes, &[0]].concat())), false),
        ("of another text", format!("{text}more\n\n{}", line(bytes)), false),
        ("of a longer text", SignedNote::sign(format!("{text}more\n"), &own).unwrap().to_string(), true),
    ]
    .into_iter()
    .map(|(name, note, is_good)| (format!("signatures: {name}"), bundle(&note), own.verifier(), is_good))
    .chain([(
        "signatures: of a log of another name".to_owned(),
        bundle(&SignedNote::sign(text.as_str(), &elsewhere).unwrap().to_string()),
        elsewhere.verifier(),
        false,
    )])
    .chain([(
        "signatures: of a key with a plus in it".to_owned(),
        bundle(&SignedNote::sign(text.as_str(), &plus).unwrap().to_string()),
        plus.verifier(),
        true,
    )])
    .collect()
}

/// Bundles whose checkpoint is signed by what is told, and that is no key of a log: its id is another, or its kind.
pub(super) fn no_keys(bundle: &dyn Fn(&str) -> Vec<u8>) -> Vec<(String, Vec<u8>, String)> {
    let text = format!("{ORIGIN}\n1\n{}\n", root(bundle));
    let signed = key(9).sign(text.as_bytes()).unwrap();
    let told = |kind: u8, change: u8| {
        let public = [&[kind], key(9).public_key().as_slice()].concat();
        let mut id = Sha256::digest([ORIGIN.as_bytes(), b"\n", &public].concat())[..4].to_vec();
        id[0] ^= change;
        let note = format!("{text}\n{}", signature(ORIGIN, &[&id, signed.as_slice()].concat()));
        (bundle(&note), format!("{ORIGIN}+{}+{}", hex::encode(&id), STANDARD.encode(&public)))
    };
    [("a log", 1, 0), ("another id", 1, 1), ("another kind", 2, 0)]
        .map(|(name, kind, change)| (name, told(kind, change)))
        .map(|(name, (bytes, vkey))| (format!("a vkey of {name}"), bytes, vkey))
        .into()
}

#[test]
fn a_note_is_signed_by_its_key_or_it_is_not() {
    for (name, bytes, key, is_good) in keyed(&super::limits::with_note) {
        let note = Bundle::open(&bytes[..]).unwrap().checkpoint().cloned().unwrap();
        assert_eq!(Anchor::from_note(&note, &key).is_ok(), is_good, "{name}");
    }
}
