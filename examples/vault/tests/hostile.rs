use causal_vault::Backend as _;
use causal_vault::{Event, SqliteBackend, Vault};

use super::sandbox::{Said, Sandbox, run};

const COMMANDS: &[&[&str]] = &[
    &["info"],
    &["log"],
    &["log", "--json"],
    &["log", "--stream", "conv:demo", "--kind", "n*"],
    &["show", "1", "3", "5"],
    &["show", "3", "--json"],
    &["show", "ledger/0871f3aa/1"],
    &["verify"],
    &["verify", "--json"],
    &["prove", "2"],
    &["prove", "--from", "2"],
    &["tail"],
];

/// Said once more, as the test of what is shown should not lean on what shows it.
fn drives(c: char) -> bool {
    c.is_control() && c != '\n'
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[track_caller]
fn assert_calm(said: &Said) {
    assert!(said.code <= 2, "{said:?}");
    assert_eq!(said.code == 2, !said.errors.is_empty(), "{said:?}");
    for text in [&said.text(), &said.errors] {
        assert!(!text.chars().any(drives), "{text:?}");
    }
}

#[test]
fn names_and_payloads_that_were_made_to_drive_a_terminal_do_not() {
    let sandbox = Sandbox::new();
    let name = "evil\u{202e}\u{2066}\u{200b}";
    let tenant = sandbox.vault.for_tenant(name).unwrap();
    let writer = tenant.named_writer(name).unwrap();
    let event = Event::raw(name, "\x1b[2J\x1b]0;owned\x07").stream(name).touches([name]).content_type(name);
    writer.commit(event).unwrap();
    for command in COMMANDS.iter().copied().chain([&["show", "HEAD"][..], &["show", "HEAD", "--json"]]) {
        assert_calm(&sandbox.run(command));
        assert_calm(&sandbox.run(&[command, &["--tenant", name]].concat()));
        assert_calm(&sandbox.run(&[command, &["--tenant", "\x1b[2J"]].concat()));
    }
    // What no vault accepts as a name, SQL can put there.
    for change in [
        "UPDATE vault_timeline SET tenant = 'x' || char(27) || '[2J' WHERE tenant = 'acme'",
        "UPDATE vault_log SET stream = 'x' || char(27, 7, 155) || id",
        "UPDATE vault_kind SET kind = 'k' || char(27) || id",
        "UPDATE vault_writer SET name = 'w' || char(27) || id WHERE name IS NOT NULL",
    ] {
        sandbox.tamper(change);
        for command in COMMANDS {
            assert_calm(&sandbox.run(command));
        }
    }
    assert_ne!(sandbox.run(&["verify"]).code, 0);
}

#[test]
fn a_file_that_is_no_vault_is_refused_with_what_was_found() {
    let sandbox = Sandbox::new();
    let path = sandbox.beside("other");
    let refused = |words: &str| {
        for command in COMMANDS {
            let said = run(&path, command);
            assert_calm(&said);
            assert!(said.code == 2 && said.errors.contains(words), "{said:?}");
        }
    };
    std::fs::create_dir(&path).unwrap();
    refused("it is a folder");
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, "not a database, whatever it is".repeat(100)).unwrap();
    refused("not a SQLite database");
    std::fs::write(&path, "").unwrap();
    refused("a vault in");
    SqliteBackend::open(&path).unwrap().exec("CREATE TABLE mine (x INTEGER)", &[]).unwrap();
    refused("a vault in");
    std::fs::remove_file(&path).unwrap();
    drop(Vault::open(&path).unwrap());
    SqliteBackend::open(&path).unwrap().exec("UPDATE vault_realm SET format = 7", &[]).unwrap();
    refused("7");
}

#[test]
fn rows_that_contradict_themselves_are_told_and_never_a_panic() {
    for change in [
        "DELETE FROM vault_writer",
        "DELETE FROM vault_log",
        "DELETE FROM vault_kind",
        "DELETE FROM vault_payload",
        "DELETE FROM vault_edge",
        "DELETE FROM vault_entry WHERE id % 2",
        "UPDATE vault_entry SET bytes = zeroblob(9)",
        "UPDATE vault_entry SET bytes = substr(bytes, 1, 200)",
        "UPDATE vault_entry SET hash = x'00'",
        "UPDATE vault_entry SET seq = -seq",
        "UPDATE vault_entry SET seq = 9223372036854775807 - seq",
        "UPDATE vault_entry SET signature = x'01'",
        "UPDATE vault_entry SET payload = zeroblob(9), payload_id = 1",
        "UPDATE vault_head SET entry = (1 << 40) + 1099511627775",
        "UPDATE vault_head SET entry = -1",
        "UPDATE vault_head SET peaks = x'00'",
        "UPDATE vault_timeline SET id = id + 1000",
        "UPDATE vault_log SET epoch = -1",
        "UPDATE vault_log SET timeline = timeline + 1000",
        "UPDATE OR REPLACE vault_edge SET parent = child",
        "UPDATE vault_payload SET bytes = zeroblob(100000)",
        "UPDATE vault_realm SET realm = x'0102'",
        "INSERT INTO vault_checkpoint VALUES ('default', 1, 'x', 'no note')",
        "DROP TABLE vault_edge",
    ] {
        let sandbox = Sandbox::new();
        sandbox.tamper(change);
        let mut told = false;
        for command in COMMANDS {
            let said = sandbox.run(command);
            assert_calm(&said);
            told |= said.code > 0;
        }
        assert!(told, "{change}");
    }
}

#[test]
fn a_file_of_which_any_byte_was_changed_or_lost_is_never_a_panic() {
    let sandbox = Sandbox::new();
    sandbox.vault.backend().query("PRAGMA wal_checkpoint(TRUNCATE)", &[]).unwrap();
    let whole = std::fs::read(sandbox.file()).unwrap();
    let path = sandbox.beside("damaged");
    let step = whole.len() / 60;
    for at in (0..whole.len()).step_by(step) {
        let mut damaged = whole.clone();
        damaged[at..(at + 8).min(whole.len())].fill(0xa5);
        for bytes in [&damaged[..], &whole[..at]] {
            std::fs::write(&path, bytes).unwrap();
            for command in [COMMANDS[0], COMMANDS[1], COMMANDS[4], COMMANDS[7]] {
                assert_calm(&run(&path, command));
            }
            for end in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{end}", path.display()));
            }
        }
    }
}
