use std::io::{BufRead, BufReader, pipe};
use std::thread;

use causal_vault::Event;

use super::sandbox::{Sandbox, run_into};

#[test]
fn what_others_commit_is_followed_until_nobody_reads() {
    let sandbox = Sandbox::new();
    let file = sandbox.file();
    let (reader, mut writer) = pipe().unwrap();
    let tail = thread::spawn(move || {
        let mut errors = Vec::new();
        let code = run_into(&file, &["tail", "-f", "-n", "1", "--writer", "alice"], &mut writer, &mut errors);
        (code, String::from_utf8(errors).unwrap())
    });
    let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().ends_with("\"again\""));
    let note = |text: &str| Event::raw("note", text).stream("conv:demo");
    for text in ["news", "more", "\x1b[2J"] {
        sandbox.carol().commit(note("not wanted")).unwrap();
        sandbox.alice().commit(note(text)).unwrap();
        let line = lines.next().unwrap();
        assert!(line.ends_with(&format!("\"{}\"", text.replace('\x1b', "\\u{1b}"))), "{line}");
    }
    drop(lines);
    while !tail.is_finished() {
        sandbox.alice().commit(note("nobody reads this")).unwrap();
        thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(tail.join().unwrap(), (0, String::new()));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error_and_hides_none() {
    let sandbox = Sandbox::new();
    let unread = |arguments: &[&str]| {
        let (reader, mut writer) = pipe().unwrap();
        drop(reader);
        let mut errors = Vec::new();
        let code = run_into(&sandbox.file(), arguments, &mut writer, &mut errors);
        assert_eq!(String::from_utf8(errors).unwrap(), "");
        code
    };
    for arguments in [
        &["info"][..],
        &["log"],
        &["show", "1"],
        &["verify"],
        &["prove", "1"],
        &["tail"],
        &["tail", "-f"],
        &["export", "-"],
        &["--help"],
    ] {
        assert_eq!(unread(arguments), 0, "{arguments:?}");
    }
    sandbox.tamper("UPDATE vault_entry SET payload = zeroblob(5) WHERE payload IS NOT NULL");
    assert_eq!(unread(&["verify"]), 1);
    assert_eq!(unread(&["verify", "--json"]), 1);
}

#[test]
fn a_vault_that_is_rolled_back_while_it_is_followed_is_an_error() {
    let sandbox = Sandbox::new();
    let file = sandbox.file();
    let (reader, mut writer) = pipe().unwrap();
    let tail = thread::spawn(move || {
        let mut errors = Vec::new();
        let code = run_into(&file, &["tail", "-f", "--tenant", "default"], &mut writer, &mut errors);
        (code, String::from_utf8(errors).unwrap())
    });
    let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
    assert!(lines.nth(4).unwrap().ends_with("\"two\""));
    let empty = causal_vault::Vault::in_memory().unwrap();
    empty.named_writer("a").unwrap().commit(Event::raw("n", "n").stream("s")).unwrap();
    let peaks = empty.backend().query("SELECT peaks FROM vault_head WHERE id = -1", &[]).unwrap().remove(0);
    sandbox
        .vault
        .backend()
        .exec("UPDATE vault_head SET entry = (1 << 40) + 1, peaks = ? WHERE id = -1", &peaks)
        .unwrap();
    let (code, errors) = tail.join().unwrap();
    assert!(code == 2 && errors.contains("has 1 events, where it had 5"), "{code} {errors}");
}
