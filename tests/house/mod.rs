//! The rules of this repository, as tests. A rule is a function from files to complaints, so that a text which breaks it
//! can be shown to be caught.

mod gate;
mod layers;
mod lexer;
mod sources;

use std::fs;
use std::path::Path;

use lexer::{Lexed, lex};

/// A text file: its path in the repository, with `/`, and what it holds.
struct File {
    path: String,
    text: String,
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// The file as code and string literals, without comments.
    fn code(&self) -> Lexed {
        lex(&self.text)
    }

    fn is_rust_of(&self, folder: &str) -> bool {
        self.path.starts_with(folder) && self.path.ends_with(".rs")
    }
}

/// Every text file that a stranger reads, tooling included.
fn repository() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests", "examples", "benches", ".ci", ".github", ".githooks"] {
        collect(root, &root.join(folder), &mut files);
    }
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        // In a worktree `.git` is a file that names the checkout's path on this machine.
        if path.is_file() && !path.ends_with(".git") {
            read(root, &path, &mut files);
        }
    }
    assert!(files.iter().any(|file| file.path == "src/lib.rs"), "the walk found no src/lib.rs under {root:?}");
    files
}

/// A packaged crate does not carry the tooling; a checkout always does.
fn is_packaged() -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml.orig").exists()
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            read(root, &path, files);
        }
    }
}

fn read(root: &Path, path: &Path, files: &mut Vec<File>) {
    if let Ok(text) = fs::read_to_string(path) {
        let path = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        files.push(File { path, text });
    }
}

#[track_caller]
fn assert_clean(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[track_caller]
fn assert_complains(complaints: &[String], expected: &str) {
    assert!(
        complaints.len() == 1 && complaints[0].contains(expected),
        "expected one complaint with {expected:?}, found {complaints:#?}"
    );
}

/// Where `word` stands in `line` with no letter, digit or underscore on either side.
fn find_word(line: &str, word: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .find(|(at, _)| !line[..*at].ends_with(is_part) && !line[at + word.len()..].starts_with(is_part))
        .map(|(at, _)| at)
}
