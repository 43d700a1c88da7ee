//! Signed notes and checkpoints: text that is read is text that is written, and no text but the signed one verifies.

use causal_vault::{Checkpoint, NoteSigner, SignedNote, SigningKey};

/// Every text that the key of [`signer`] has signed.
pub const SIGNED: [&str; 3] = [
    "vault.example/0000000000000000/default\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
    "vault.example/0000000000000000/default\n12\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nan extension\n",
    "vault.example/0000000000000000/default\n\n\n— not a signature\n",
];

pub fn signer() -> NoteSigner {
    NoteSigner::new("vault.example/0000000000000000/default", SigningKey::from_bytes(&[9; 32])).expect("a good name")
}

pub fn target(data: &[u8]) -> bool {
    thread_local!(static VERIFIER: causal_vault::NoteVerifier = signer().verifier());
    target_with(data, |text| text.parse().ok(), |note| VERIFIER.with(|verifier| note.verify(verifier).is_ok()))
}

pub fn target_with(
    data: &[u8],
    parse: impl Fn(&str) -> Option<SignedNote>,
    verifies: impl Fn(&SignedNote) -> bool,
) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    if let Ok(checkpoint) = text.parse::<Checkpoint>() {
        assert_eq!(checkpoint.to_string(), text, "another text is read as the same checkpoint");
    }
    let Some(note) = parse(text) else { return false };
    assert_eq!(note.to_string(), text, "another text is read as the same note");
    if verifies(&note) {
        assert!(SIGNED.contains(&note.text()), "a text verifies that was never signed: {:?}", note.text());
    }
    let mut again = note.clone();
    for signature in note.signatures() {
        assert_eq!(signature.to_string().parse().as_ref(), Ok(signature));
        again.add(signature.clone()).expect("it is there already");
    }
    assert_eq!(again, note);
    true
}
