//! A vault with several of everything, and what the commands say about it.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use causal_vault::{Event, NoteSigner, Receipt, SignedNote, SigningKey, Vault, Writer};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::screen::Screen;

pub(super) struct Sandbox {
    folder: TempDir,
    pub(super) vault: Vault,
    pub(super) receipts: Vec<Receipt>,
}

/// What a command did.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: u8,
    pub(super) out: Vec<u8>,
    pub(super) errors: String,
}

pub(super) const TIME: i64 = 1_767_225_600_000;
pub(super) const BIG: usize = 5000;

impl Sandbox {
    /// Two tenants; in `default` four events of two streams: two notes of alice, who has a name, and a mint and a batch of
    /// carol, who has a key.
    pub(super) fn new() -> Sandbox {
        let mut sandbox = Sandbox::empty();
        let (alice, carol) = (sandbox.alice(), sandbox.carol());
        let note = |text: &str| Event::raw("note", text).stream("conv:demo").timestamp(TIME);
        let first = alice.commit(note("hello")).unwrap();
        let second = alice.commit(note("again").parent(&first)).unwrap();
        let mint = json!({ "amount": 5, "to": "bob", "memo": "x".repeat(BIG) });
        let mint = Event::new("ledger.mint", &mint).unwrap().stream("ledger").timestamp(TIME + 1);
        let third = carol.commit(mint.parent(&first).parent(&second).touches(["file:a"])).unwrap();
        sandbox.receipts = vec![first, second, third];
        let batch = ["one", "two"].map(|text| Event::raw("batch", text).stream("ledger").timestamp(TIME + 2));
        sandbox.receipts.extend(carol.signing_last().commit_batch(batch).unwrap());
        let acme = sandbox.vault.for_tenant("acme").unwrap();
        acme.named_writer("alice").unwrap().commit(note("secret")).unwrap();
        sandbox
    }

    pub(super) fn empty() -> Sandbox {
        let folder = TempDir::new().unwrap();
        let vault = Vault::open(folder.path().join("agents.vault")).unwrap();
        Sandbox { folder, vault, receipts: Vec::new() }
    }

    pub(super) fn alice(&self) -> Writer {
        self.vault.named_writer("alice").unwrap()
    }

    pub(super) fn carol(&self) -> Writer {
        self.vault.writer(SigningKey::from_bytes(&[7; 32])).unwrap()
    }

    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn file(&self) -> PathBuf {
        self.beside("agents.vault")
    }

    /// Issues a checkpoint into a file; gives its name and the key.
    pub(super) fn checkpoint(&self) -> (String, String) {
        let signer = self.signer();
        let note = self.vault.checkpoint(&signer).unwrap();
        (self.write_note("checkpoint", &note), signer.verifier().to_string())
    }

    pub(super) fn signer(&self) -> NoteSigner {
        let name = self.vault.origin("vault.example").unwrap();
        NoteSigner::new(name, SigningKey::from_bytes(&[9; 32])).unwrap()
    }

    pub(super) fn write_note(&self, name: &str, note: &SignedNote) -> String {
        let path = self.beside(name);
        std::fs::write(&path, note.to_string()).unwrap();
        path.display().to_string()
    }

    /// The tree head, as `--anchor` takes it.
    pub(super) fn anchor(&self) -> String {
        let head = self.vault.tree_head().unwrap();
        format!("{}:{}", head.size, hex::encode(head.root))
    }

    /// Runs SQL behind the vault's back.
    pub(super) fn tamper(&self, statement: &str) {
        self.vault.backend().exec(statement, &[]).unwrap();
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Said {
        run(&self.file(), arguments)
    }

    /// What a command says that finds nothing wrong.
    pub(super) fn text(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!((said.code, said.errors.as_str()), (0, ""), "{arguments:?}");
        String::from_utf8(said.out).unwrap()
    }

    /// The objects that a command writes with `--json`, one for each line.
    pub(super) fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.text(&[arguments, &["--json"]].concat());
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Said {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }
}

pub(super) fn run(file: &Path, arguments: &[&str]) -> Said {
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let code = run_into(file, arguments, &mut out, &mut errors);
    Said { code, out, errors: String::from_utf8(errors).unwrap() }
}

pub(super) fn run_into(file: &Path, arguments: &[&str], out: &mut dyn Write, errors: &mut dyn Write) -> u8 {
    let arguments = arguments.iter().map(OsString::from);
    crate::run([file.into()].into_iter().chain(arguments), &mut Screen { out, colours: false }, errors)
}
