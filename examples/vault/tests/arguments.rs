use std::ffi::OsString;

use super::sandbox::{Sandbox, run};
use crate::args::{Command, HELP, Request, parse};

fn request(line: &str) -> Result<Request, String> {
    parse(line.split_whitespace().map(OsString::from))
}

#[track_caller]
fn assert_refused(line: &str, words: &str) {
    let error = request(line).unwrap_err();
    assert!(error.contains(words) && error.ends_with("try --help"), "{line:?}: {error}");
}

#[test]
fn options_may_stand_anywhere_and_be_joined_to_their_values() {
    for line in ["v log -n 5 --tenant acme --json", "--json v -n5 log --tenant=acme"] {
        let Ok(Request::Run(options)) = request(line) else { panic!("{line:?} was refused") };
        assert_eq!((options.command, options.count, options.json), (Command::Log, Some(5), true));
        assert_eq!(options.tenant.as_deref(), Some("acme"));
    }
    assert_eq!(request("v log --help"), Ok(Request::Help));
}

#[test]
fn what_a_command_has_no_use_for_is_refused() {
    assert_refused("", "name the vault's file");
    assert_refused("v", "name a command");
    assert_refused("v fsck", "\"fsck\" is no command");
    assert_refused("v info --stream a", "info has no use for --stream");
    assert_refused("v verify -n 3", "verify has no use for -n");
    assert_refused("v log 7", "log was given 1 operand");
    assert_refused("v show", "show was given 0 operands");
    assert_refused("v prove", "either a REF or --from");
    assert_refused("v prove 1 --from 2", "either a REF or --from");
    assert_refused("v log --kind a --kind b", "kind is given twice");
    assert_refused("v log -n many", "many");
    assert_refused("v log --frm 1", "--frm");
    assert_refused("v log --tenant", "--tenant");
}

#[test]
fn every_option_and_command_is_in_the_help() {
    let sandbox = Sandbox::empty();
    let said = run(&sandbox.file(), &["--help"]);
    assert_eq!((said.code, said.text().as_str()), (0, HELP));
    for word in ["info", "log", "show", "verify", "prove", "tail", "export", "import"] {
        assert!(HELP.contains(&format!("\n  {word} ")), "{word}");
        assert!(request(&format!("v {word} 1")).is_ok() || request(&format!("v {word}")).is_ok(), "{word}");
    }
    let options = "tenant stream writer kind from to reverse payload follow anchor checkpoint key threads json";
    options.split(' ').for_each(|option| assert!(HELP.contains(&format!("--{option}")), "{option}"));
}

#[test]
fn a_refused_command_line_exits_with_2_and_opens_nothing() {
    let sandbox = Sandbox::empty();
    let file = sandbox.beside("none.vault");
    let said = run(&file, &["log", "7"]);
    assert_eq!((said.code, said.out.len()), (2, 0));
    assert!(said.errors.starts_with("vault: log was given 1 operand"), "{}", said.errors);
    assert!(!file.exists());
}
