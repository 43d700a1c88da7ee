use causal_vault::limits::{NOTE_BYTES, NOTE_SIGNATURES};
use causal_vault::{
    Anchor, Checkpoint, ErrorKind, NoteSignature, NoteSigner, NoteVerifier, SignedNote, SigningKey, StoreError,
    TreeHead, tree_root,
};
use proptest::prelude::*;

const ORIGIN: &str = "example.com/log";

fn log() -> NoteSigner {
    NoteSigner::new(ORIGIN, SigningKey::from_bytes(&[9; 32])).unwrap()
}

fn witness() -> NoteSigner {
    NoteSigner::new("witness.example/w1", SigningKey::from_bytes(&[3; 32])).unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint::new(ORIGIN, TreeHead { size: 2, root: tree_root([[1; 32], [2; 32]]) }).unwrap()
}

fn note() -> SignedNote {
    SignedNote::sign(checkpoint().to_string(), &log()).unwrap()
}

#[test]
fn the_note_of_the_vectors_is_made_byte_for_byte_and_verified() {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("../data/vectors-v1.json")).unwrap();
    let vector = &vectors["checkpoint"];
    let secret = *blake3::Hash::from_hex(vector["secret_key"].as_str().unwrap()).unwrap().as_bytes();
    let size = vector["size"].as_u64().unwrap();
    let root = vectors["roots"][usize::try_from(size).unwrap()].as_str().unwrap();
    let head = TreeHead { size, root: *blake3::Hash::from_hex(root).unwrap().as_bytes() };
    let origin = vector["origin"].as_str().unwrap();
    let signer = NoteSigner::new(origin, SigningKey::from_bytes(&secret)).unwrap();
    let note = SignedNote::sign(Checkpoint::new(origin, head).unwrap().to_string(), &signer).unwrap();
    assert_eq!(note.to_string(), vector["note"].as_str().unwrap());
    let read: SignedNote = vector["note"].as_str().unwrap().parse().unwrap();
    assert_eq!(Checkpoint::from_note(&read, &signer.verifier()).unwrap().head(), head);
    assert_eq!(Anchor::from_note(&read, &signer.verifier()), Ok(head.into()));
}

/// The example in the documentation of Go's `golang.org/x/mod/sumdb/note`, whose secret key is published with it.
#[test]
fn the_published_note_of_gos_checksum_database_is_made_and_verified() {
    use base64::Engine;
    let secret = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    let secret = base64::engine::general_purpose::STANDARD.decode(secret).unwrap();
    let signer = NoteSigner::new("PeterNeumann", SigningKey::from_bytes(&secret[1..].try_into().unwrap())).unwrap();
    let vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    assert_eq!(signer.verifier().to_string(), vkey);
    let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    let expected = format!(
        "{text}\n— PeterNeumann \
         x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    );
    assert_eq!(SignedNote::sign(text, &signer).unwrap().to_string(), expected);
    let note: SignedNote = expected.parse().unwrap();
    assert_eq!(note.verify(&vkey.parse().unwrap()), Ok(()));
    let changed: SignedNote = expected.replace("problem is", "answer is").parse().unwrap();
    assert!(changed.verify(&vkey.parse().unwrap()).is_err());
}

/// From `c2sp.org/signed-note`, `golang.org/x/mod` and the tests of transparency-dev/formats.
#[test]
fn published_verifier_keys_are_read_and_written_back() {
    for (vkey, is_witness) in [
        ("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", false),
        ("EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop", false),
        ("TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6", false),
        ("remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2", true),
    ] {
        let verifier: NoteVerifier = vkey.parse().unwrap();
        assert_eq!((verifier.to_string().as_str(), verifier.is_witness()), (vkey, is_witness));
    }
}

#[test]
fn every_part_and_every_changed_letter_of_a_verifier_key_is_refused() {
    let vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    for from in 0..vkey.len() {
        for to in (from..=vkey.len()).filter(|to| (from, *to) != (0, vkey.len())) {
            assert!(vkey[from..to].parse::<NoteVerifier>().is_err(), "{}", &vkey[from..to]);
        }
        let mut letters = vkey.as_bytes().to_vec();
        letters[from] += 1;
        assert!(String::from_utf8(letters).unwrap().parse::<NoteVerifier>().is_err());
    }
    for bad in [
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "rekor.sigstore.dev+12345678+AwEB",
    ] {
        assert_eq!(bad.parse::<NoteVerifier>().unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
    }
}

/// The two notes in the text of `c2sp.org/tlog-cosignature`, whose keys are not published.
#[test]
fn the_cosigned_checkpoint_of_the_specification_is_read() {
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let note = format!(
        "{text}\n— example.com/behind-the-sofa \
         Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
         — witness.example.com/w1 \
         jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    );
    let parsed: SignedNote = note.parse().unwrap();
    assert_eq!(parsed.to_string(), note);
    let checkpoint: Checkpoint = parsed.text().parse().unwrap();
    assert_eq!((checkpoint.origin(), checkpoint.head().size), ("example.com/behind-the-sofa", 20_852_163));
    let [_, cosignature] = parsed.signatures() else { panic!("two signatures") };
    assert_eq!(cosignature.bytes().len(), 72);
    assert_eq!(cosignature.bytes()[..8], 1_679_315_147_u64.to_be_bytes());
}

#[test]
fn notes_that_are_not_exactly_as_written_are_refused() {
    let good = note().to_string();
    assert!(good.parse::<SignedNote>().is_ok());
    let line = good.lines().last().unwrap();
    let text = checkpoint().to_string();
    for (bad, why) in [
        (String::new(), "empty"),
        (text.clone(), "no signature"),
        (format!("{text}\n"), "an empty line and no signature"),
        (good.trim_end().to_owned(), "no newline at the end"),
        (good.replace('\n', "\r\n"), "CRLF"),
        (good.replace("\n2\n", "\n2\t\n"), "a tab"),
        (format!("{text}\n\0{line}\n"), "NUL"),
        (format!("{good}\n"), "an empty line at the end"),
        (good.replace("— ", "- "), "a hyphen"),
        (good.replace("— ", "—"), "no space"),
        (format!("{text}\n{line} \n"), "a space at the end"),
        (format!("{text}\n{line}=\n"), "more padding"),
        (format!("{text}\n{}\n", line.trim_end_matches('=')), "less padding"),
        (format!("{text}\n— na+me AAAAAAA=\n"), "a plus in a name"),
        (format!("{text}\n— na\u{a0}me AAAAAAA=\n"), "a space in a name"),
        (format!("{text}\n—  AAAAAAA=\n"), "no name"),
        (format!("{text}\n— name AAAAAA==\n"), "a key id and no signature"),
        (format!("{text}\n— name AAAAAAB=\n"), "bits behind the end"),
        (format!("{text}\n— name AAAA_-A=\n"), "base64 for URLs"),
        (format!("{text}\n{}", "— name AAAAAAA=\n".repeat(101)), "too many signatures"),
        (format!("{}\n— name AAAAAAA=\n", "long\n".repeat(300_000)), "too much text"),
    ] {
        assert!(bad.parse::<SignedNote>().is_err(), "{why}: {:?}", bad.get(..200));
    }
    let inner = "one\n\ntwo\n\n— name AAAAAAA=\n".parse::<SignedNote>().unwrap();
    assert_eq!(inner.text(), "one\n\ntwo\n", "the last empty line ends the text");
}

#[test]
fn checkpoints_that_are_not_exactly_as_written_are_refused() {
    let root = checkpoint().to_string().lines().nth(2).unwrap().to_owned();
    let good = format!("{ORIGIN}\n2\n{root}\n");
    assert_eq!(good.parse(), Ok(checkpoint()));
    let extended = format!("{good}one\ntwo\n");
    let parsed: Checkpoint = extended.parse().unwrap();
    assert_eq!((parsed.extensions().len(), parsed.to_string()), (2, extended));
    for bad in [
        String::new(),
        "\n".to_owned(),
        format!("{ORIGIN}\n2\n"),
        format!("\n2\n{root}\n"),
        format!("{ORIGIN}\n02\n{root}\n"),
        format!("{ORIGIN}\n+2\n{root}\n"),
        format!("{ORIGIN}\n-2\n{root}\n"),
        format!("{ORIGIN}\n 2\n{root}\n"),
        format!("{ORIGIN}\n\u{0662}\n{root}\n"),
        format!("{ORIGIN}\n18446744073709551616\n{root}\n"),
        format!("{ORIGIN}\n\n{root}\n"),
        format!("{ORIGIN}\n2\n{}\n", root.trim_end_matches('=')),
        format!("{ORIGIN}\n2\n{root}=\n"),
        format!("{ORIGIN}\n2\nAAAA\n"),
        format!("{ORIGIN}\n2\n{root}\n\n"),
        format!("{ORIGIN}\n2\n{root}\none\n\ntwo\n"),
        format!("{ORIGIN}\r\n2\r\n{root}\r\n"),
        format!("{ORIGIN}\n2\n{root}"),
    ] {
        assert!(bad.parse::<Checkpoint>().is_err(), "{bad:?}");
    }
    for origin in ["", "evil\n999", "evil\r", "nul\0"] {
        assert!(Checkpoint::new(origin, checkpoint().head()).is_err(), "{origin:?}");
    }
}

#[test]
fn a_note_has_at_most_a_mebibyte_of_text_and_100_signatures() {
    let over = |what, found: usize, limit: usize, unit| StoreError::Limit {
        what,
        found: found as u64,
        limit: limit as u64,
        unit,
    };
    let (largest, larger) = ("x".repeat(NOTE_BYTES - 1) + "\n", "x".repeat(NOTE_BYTES) + "\n");
    let mut note = SignedNote::sign(largest, &log()).unwrap();
    assert_eq!(note.to_string().parse(), Ok(note.clone()));
    assert_eq!(SignedNote::sign(larger, &log()), Err(over("note", NOTE_BYTES + 1, NOTE_BYTES, "bytes")));
    let mut others = (0..).map(|at| NoteSigner::new(format!("w{at}"), SigningKey::from_bytes(&[3; 32])).unwrap());
    for other in others.by_ref().take(NOTE_SIGNATURES - 1) {
        note.add(other.sign("hello\n").unwrap()).unwrap();
    }
    let again = note.signatures()[7].clone();
    note.add(again).unwrap();
    let one_more = others.next().unwrap().sign("hello\n").unwrap();
    let too_many = over("the note", NOTE_SIGNATURES + 1, NOTE_SIGNATURES, "signatures");
    assert_eq!(note.add(one_more), Err(too_many));
    assert_eq!((note.signatures().len(), note.to_string().parse()), (NOTE_SIGNATURES, Ok(note)));
}

#[test]
fn signatures_of_unknown_keys_are_ignored_and_a_false_one_of_a_known_key_is_not() {
    let mut known = note();
    known.add("— stranger.example AAAAAAA=".parse().unwrap()).unwrap();
    let namesake = NoteSigner::new(ORIGIN, SigningKey::from_bytes(&[8; 32])).unwrap();
    known.add(namesake.sign(known.text()).unwrap()).unwrap();
    assert_eq!(known.verify(&log().verifier()), Ok(()));
    assert_eq!(known.to_string().parse(), Ok(known.clone()));
    let elsewhere = log().sign("another text\n").unwrap();
    known.add(elsewhere).unwrap();
    assert!(known.verify(&log().verifier()).is_err(), "one of two signatures of the key does not hold");
    let stranger = NoteSigner::new("other.example", SigningKey::from_bytes(&[9; 32])).unwrap();
    let error = note().verify(&stranger.verifier()).unwrap_err().to_string();
    assert!(
        error.contains("no signature by other.example+") && error.contains("found signatures by [\"example.com/log\"]"),
        "{error}"
    );
}

#[test]
fn any_changed_bit_of_a_note_is_refused_or_leaves_it_unsigned() {
    let good = note().to_string().into_bytes();
    let mut readable = 0;
    for bit in (0..good.len() * 8).step_by(5) {
        let mut changed = good.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let Ok(changed) = String::from_utf8(changed) else { continue };
        if let Ok(parsed) = changed.parse::<SignedNote>() {
            readable += 1;
            assert!(parsed.verify(&log().verifier()).is_err(), "bit {bit}");
        }
    }
    assert!(readable > 100, "{readable} of the changed notes could be read");
}

/// One key signs for two logs: the name in a signature line is not signed, so that somebody may write another over it.
#[test]
fn a_checkpoint_of_another_log_with_the_same_key_is_not_taken_for_one_of_this() {
    let other = NoteSigner::new("example.com/other", SigningKey::from_bytes(&[9; 32])).unwrap();
    let text = Checkpoint::new("example.com/other", checkpoint().head()).unwrap().to_string();
    let relabelled = SignedNote::sign(text, &log()).unwrap();
    assert_eq!(relabelled.verify(&log().verifier()), Ok(()));
    let error = Checkpoint::from_note(&relabelled, &log().verifier()).unwrap_err();
    assert!(error.to_string().contains("example.com/other"), "{error}");
    assert!(Checkpoint::from_note(&relabelled, &other.verifier()).is_err());
}

#[test]
fn a_cosignature_holds_for_its_witness_its_time_and_its_checkpoint_only() {
    let (mut note, verifier) = (note(), witness().cosignature_verifier());
    note.add(witness().cosign(&note, 1_767_225_600).unwrap()).unwrap();
    assert_eq!(note.cosigned_at(&verifier), Ok(1_767_225_600));
    note.add(witness().cosign(&note, 1_767_225_700).unwrap()).unwrap();
    assert_eq!(note.cosigned_at(&verifier), Ok(1_767_225_700), "the newest");
    assert_eq!(note.verify(&verifier), Ok(()));
    assert_eq!(note.verify(&log().verifier()), Ok(()));

    // The message, as the specification writes it, signed without us.
    use ed25519_dalek::Signer;
    let message = format!("cosignature/v1\ntime 1767225600\n{}", note.text());
    let signed = SigningKey::from_bytes(&[3; 32]).sign(message.as_bytes());
    assert_eq!(note.signatures()[1].bytes(), [1_767_225_600_u64.to_be_bytes().as_slice(), &signed.to_bytes()].concat());

    let line = note.signatures()[1].to_string();
    let bytes = note.signatures()[1].bytes();
    for bit in (0..bytes.len() * 8).step_by(3) {
        let mut changed = [&note.signatures()[1].key_id(), bytes].concat();
        changed[4 + bit / 8] ^= 1 << (bit % 8);
        let mut forged = self::note();
        forged.add(signature("witness.example/w1", &changed)).unwrap();
        assert!(forged.cosigned_at(&verifier).is_err(), "bit {bit}");
    }
    let mut moved = SignedNote::sign(format!("{}extension\n", checkpoint()), &log()).unwrap();
    moved.add(line.parse().unwrap()).unwrap();
    assert!(moved.cosigned_at(&verifier).is_err(), "extension lines are cosigned too");

    let mut plain = SignedNote::sign("not a checkpoint\n", &log()).unwrap();
    assert!(witness().cosign(&plain, 0).is_err());
    let signed = SigningKey::from_bytes(&[3; 32]).sign(b"cosignature/v1\ntime 0\nnot a checkpoint\n");
    let bytes = [verifier.key_id().as_slice(), &[0; 8], &signed.to_bytes()].concat();
    plain.add(signature("witness.example/w1", &bytes)).unwrap();
    assert!(plain.cosigned_at(&verifier).is_err(), "a witness says nothing about other texts");
    assert_eq!(witness().cosign(&note, u64::MAX).unwrap_err().kind(), ErrorKind::Limit);
    assert!(note.cosigned_at(&log().verifier()).is_err(), "a log's key is no witness");
    assert!(Checkpoint::from_note(&note, &verifier).is_err(), "a witness's key is no log's");
    assert!(note.verify(&witness().verifier()).is_err(), "the same key, as a signer of notes, has another id");
}

#[test]
fn a_cosignature_is_made_up_to_the_largest_time_that_one_is_read_at() {
    let latest = i64::MAX as u64;
    let mut note = note();
    note.add(witness().cosign(&note, latest).unwrap()).unwrap();
    assert_eq!(note.cosigned_at(&witness().cosignature_verifier()), Ok(latest));
    let error = witness().cosign(&note, latest + 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
}

#[test]
fn a_signer_tells_its_name_and_nothing_of_its_key() {
    assert_eq!(log().name(), ORIGIN);
    assert_eq!(format!("{:?}", log()), format!("NoteSigner {{ name: {ORIGIN:?}, .. }}"));
}

fn signature(name: &str, bytes: &[u8]) -> NoteSignature {
    use base64::Engine;
    format!("— {name} {}", base64::engine::general_purpose::STANDARD.encode(bytes)).parse().unwrap()
}

proptest! {
    #[test]
    fn any_text_is_refused_or_written_back_as_it_was(text in "(\\PC|[\n\r— =+A-Za-z0-9/]){0,120}") {
        if let Ok(note) = text.parse::<SignedNote>() {
            prop_assert_eq!(note.to_string(), text.clone());
        }
        if let Ok(checkpoint) = text.parse::<Checkpoint>() {
            prop_assert_eq!(checkpoint.to_string(), text.clone());
        }
        if let Ok(verifier) = text.parse::<NoteVerifier>() {
            prop_assert_eq!(verifier.to_string(), text);
        }
    }
}
