use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::args::Source;
use crate::source::{Stream, half_floats, read};
use crate::story::Story;

const HEADER: &str = "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 3), }";
/// 1, -2, 0.5, the smallest half float, the largest, and -0.
const HALVES: [u16; 6] = [0x3c00, 0xc000, 0x3800, 0x0001, 0x7bff, 0x8000];

fn npy(header: &str, halves: &[u16]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&u16::try_from(header.len() + 1).unwrap().to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.push(b'\n');
    bytes.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
    bytes
}

#[track_caller]
fn assert_refused(bytes: &[u8], words: &str) {
    let error = half_floats(bytes).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn texts(folder: &Path) -> Result<Stream, String> {
    read(&Source::Folder(folder.to_owned())).map_err(|error| error.to_string())
}

fn data(texts: &str, npy: &[u8]) -> Result<Story, String> {
    let folder = folder(&[("clinc150-text.json", texts.as_bytes()), ("clinc150-minilm.npy", npy)]);
    read(&Source::Data(folder.path().to_owned())).and_then(Story::of).map_err(|error| error.to_string())
}

#[test]
fn a_matrix_of_half_floats_is_read_value_by_value() {
    let rows = half_floats(&npy(HEADER, &HALVES)).unwrap();
    assert_eq!(rows, [[1.0, -2.0, 0.5], [2.0f32.powi(-24), 65_504.0, -0.0]]);
}

#[test]
fn another_layout_of_a_matrix_is_refused_with_what_was_found() {
    assert_refused(b"", "it begins with \"\"; expected");
    assert_refused(b"\x93NUMPY\x02\x00", "\\x02\\x00");
    assert_refused(b"\x93NUMPY\x01\x00\x05", "before the length");
    assert_refused(b"\x93NUMPY\x01\x00\xff\xffabc", "65535 bytes; 3 are left");
    for (from, to) in [
        ("<f2", "<f4"),
        ("False", "True"),
        ("(2, 3)", "(6,)"),
        ("(2, 3)", "(1, 2, 3)"),
        ("2, 3", "-2, 3"),
        ("), }", "), 'more': 1, }"),
    ] {
        let header = HEADER.replace(from, to);
        assert_refused(&npy(&header, &HALVES), &header);
    }
    assert_refused(&npy(HEADER, &HALVES[1..]), "10 bytes of values; 2 rows of 3");
    assert_refused(&npy(&HEADER.replace("2, 3", "6, 0"), &HALVES), "rows have 0 values");
    assert_refused(&npy(&HEADER.replace("2, 3", "1, 5000"), &HALVES), "rows have 5000 values; give 1 to 4096");
    let huge = format!("{}, 3", usize::MAX);
    assert_refused(&npy(&HEADER.replace("2, 3", &huge), &HALVES), "take another number");
}

#[test]
fn a_data_set_needs_an_embedding_for_each_text() {
    let story = data(r#"["one", "two"]"#, &npy(HEADER, &HALVES)).unwrap();
    assert_eq!((story.events.len(), story.model.as_str()), (2, "all-MiniLM-L6-v2"));
    let error = data(r#"["one"]"#, &npy(HEADER, &HALVES)).unwrap_err();
    assert!(error.contains("1 texts and 2 embeddings"), "{error}");
    let not_a_number = [0x3c00, 0, 0, 0, 0x7e00, 0];
    let error = data(r#"["one", "two"]"#, &npy(HEADER, &not_a_number)).unwrap_err();
    assert!(error.contains("text 2: ") && error.contains("NaN"), "{error}");
    let error = data("{", &npy(HEADER, &HALVES)).unwrap_err();
    assert!(error.contains("clinc150-text.json: "), "{error}");
    assert!(data("[]", &npy(&HEADER.replace("2, 3", "0, 3"), &[])).unwrap_err().contains("no texts"));
}

#[test]
fn every_paragraph_of_a_folder_is_an_event_in_the_order_of_names() {
    let folder = folder(&[
        ("b.txt", b"last\none\r\n\r\n \n---\n"),
        ("a/deep.md", b"# Title\n\nfirst words\n"),
        ("image.png", b"\xff\xd8"),
        ("c.txt", b""),
    ]);
    let stream = texts(folder.path()).unwrap();
    let found: Vec<_> = stream.texts.iter().map(|text| (text.text.as_str(), text.writer.as_str())).collect();
    assert_eq!(found, [("# Title", "a/deep.md"), ("first words", "a/deep.md"), ("last one", "b.txt")]);
}

#[test]
fn a_folder_without_a_word_and_a_file_that_is_no_text_are_refused_by_name() {
    let empty = folder(&[("a.txt", b"---\n\n?!\n")]);
    assert!(texts(empty.path()).unwrap_err().contains("no .txt or .md file in it has a word"));
    let binary = folder(&[("a.txt", b"good\n\n\xff\xfe")]);
    let error = texts(binary.path()).unwrap_err();
    assert!(error.contains("a.txt: it is not UTF-8"), "{error}");
    assert!(texts(&binary.path().join("gone")).unwrap_err().contains("gone: "));
}

#[cfg(unix)]
#[test]
fn links_that_lead_round_in_a_circle_are_not_followed() {
    let folder = folder(&[("a.txt", b"word")]);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("round")).unwrap();
    assert_eq!(texts(folder.path()).unwrap().texts.len(), 1);
}

#[test]
fn a_text_longer_than_the_encoder_takes_is_refused_with_its_number() {
    let folder = folder(&[("a.txt", format!("short\n\n{}", "x".repeat(2 << 20)).as_bytes())]);
    let error = Story::of(texts(folder.path()).unwrap()).unwrap_err().to_string();
    assert!(error.contains("text 2: ") && error.contains("limit"), "{error}");
}
