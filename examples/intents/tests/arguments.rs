use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use crate::args::{HELP, Options, Request, Source, parse};
use crate::run;

fn request(line: &str) -> Result<Request, String> {
    parse(line.split_whitespace().map(OsString::from))
}

#[track_caller]
fn assert_refused(line: &str, words: &str) {
    let error = request(line).unwrap_err();
    assert!(error.contains(words) && error.ends_with("try --help"), "{line:?}: {error}");
}

/// The code to exit with, and what was said where.
fn said(arguments: &[&str]) -> (u8, String, String) {
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let code = run(arguments.iter().map(OsString::from), &mut out, &mut errors);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(errors).unwrap())
}

#[test]
fn there_is_one_source_and_without_a_word_it_is_the_week() {
    let asks = |source, out: &str| Ok(Request::Draw(Options { source, out: PathBuf::from(out) }));
    assert_eq!(request(""), asks(Source::Week, "intents.html"));
    assert_eq!(request("notes --out=a.html"), asks(Source::Folder("notes".into()), "a.html"));
    assert_eq!(request("--out a.html --data set"), asks(Source::Data("set".into()), "a.html"));
    assert_eq!(request("notes --help"), Ok(Request::Help));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    assert_refused("notes --data set", "either a FOLDER or --data");
    assert_refused("notes more", "FOLDER is given twice");
    assert_refused("--data a --data b", "--data is given twice");
    assert_refused("--out a --out b", "--out is given twice");
    assert_refused("--out", "--out");
    assert_refused("--frm 1", "--frm");
    let error = parse(["--out".into(), OsString::new()]).unwrap_err();
    assert!(error.contains("--out is empty"), "{error}");
}

#[test]
fn every_option_is_in_the_help() {
    assert_eq!(said(&["-h"]), (0, HELP.to_owned(), String::new()));
    ["FOLDER", "--data", "--out", "--help"].iter().for_each(|word| assert!(HELP.contains(word), "{word}"));
}

#[test]
fn a_page_is_written_and_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    let (code, out, errors) = said(&["--out", file.to_str().unwrap()]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(out.contains("312 events have") && out.contains("page.html"), "{out}");
    assert!(fs::read_to_string(file).unwrap().starts_with("<!doctype html>"));
}

#[test]
fn what_fails_exits_with_1_and_what_is_not_understood_with_2_and_neither_writes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    let out = file.to_str().unwrap();
    let (code, _, errors) = said(&["--out", out, "--frm"]);
    assert!(code == 2 && errors.starts_with("intents: "), "{code}: {errors}");
    let (code, _, errors) = said(&["--out", out, "/nowhere/at/all"]);
    assert!(code == 1 && errors.contains("/nowhere/at/all: "), "{code}: {errors}");
    assert!(!file.exists());
    let (code, _, errors) = said(&["--out", folder.path().to_str().unwrap()]);
    assert!(code == 1 && errors.contains("cannot write"), "{code}: {errors}");
}
