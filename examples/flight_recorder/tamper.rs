//! Edits behind the vault's back, each on a fresh copy, and what verification says about it.

use std::io::Write;
use std::path::Path;

use causal_vault::{Anchor, Break, ChainRule, Fingerprint, LogVerdict, TailVerdict, VerifyReport};
use indicatif::HumanCount;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params};
use tempfile::TempDir;

use crate::Outcome;
use crate::ledger::Ledger;
use crate::object::ObjectId;
use crate::record::CommitRecord;
use crate::report::{clip, short};
use crate::vault_ledger::{VaultLedger, settings};

/// A row that is edited: the event of one commit.
pub(crate) struct Victim {
    record: CommitRecord,
    id: i64,
    log: i64,
}

/// Edits one row of a copy, and says what was done.
pub(crate) type Edit = fn(&Connection, &Victim) -> Outcome<String>;

const EDITS: [(&str, Edit); 3] =
    [("an edited payload", edit_payload), ("a deleted commit", delete_commit), ("another author", change_author)];

const FORGER: &str = "Mallory <mallory@example.org>";

/// Edits one row of a copy of the vault in `file` in each of three ways, and shows what verification says. That it says
/// nothing is an error.
pub(crate) fn demonstrate(
    ledger: &VaultLedger,
    file: &Path,
    commit: &ObjectId,
    anchor: Anchor,
    out: &mut dyn Write,
) -> Outcome<()> {
    writeln!(out, "\n  tampering       one row edited in each of three copies of the vault, behind its back:")?;
    for attempt in EDITS {
        try_one(attempt, ledger, file, commit, anchor, out)?;
    }
    writeln!(out, "\n  tampering       noticed: all three")?;
    Ok(())
}

pub(crate) fn try_one(
    (name, edit): (&str, Edit),
    ledger: &VaultLedger,
    file: &Path,
    commit: &ObjectId,
    anchor: Anchor,
    out: &mut dyn Write,
) -> Outcome<()> {
    let folder = TempDir::with_prefix("flight_recorder-")?;
    let copy = folder.path().join("copy.vault");
    let done = forge(ledger, file, &copy, commit, edit)?;
    let report = settings().open(&copy)?.verify(&[anchor])?;
    let (place, found) = first_break(&report).ok_or_else(|| format!("verify did not notice {name}"))?;
    let more = match breaks(&report).count() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    writeln!(out, "\n  {name}")?;
    writeln!(out, "    edit          {done}")?;
    writeln!(out, "    verify        BROKEN: {}{more}", meaning(found.rule))?;
    writeln!(out, "    where         {place}")?;
    writeln!(out, "    found         {}", clip(&found.found, 80))?;
    writeln!(out, "    expected      {}", clip(&found.expected, 80))?;
    writeln!(out, "    root          {}", tail(report.tail))?;
    Ok(())
}

/// Makes a copy through SQLite itself, which takes what is still in the log beside the file along, and edits it.
fn forge(ledger: &VaultLedger, file: &Path, copy: &Path, commit: &ObjectId, edit: Edit) -> Outcome<String> {
    let source = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    source.execute("VACUUM INTO ?", [copy.to_str().ok_or("the folder for temporary files has no UTF-8 name")?])?;
    let db = Connection::open(copy)?;
    let hash = ledger.place(commit)?.0.hash;
    let (id, log) = db.query_row("SELECT id, log FROM vault_entry WHERE hash = ?", [hash.as_bytes()], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    edit(&db, &Victim { record: ledger.load(commit)?, id, log })
}

/// Changes the case of the first letter of the message where it has one, and the last byte where it has none.
fn edit_payload(db: &Connection, victim: &Victim) -> Outcome<String> {
    let (table, row) =
        match db.query_row("SELECT payload_id FROM vault_entry WHERE id = ?", [victim.id], |row| row.get(0))? {
            Value::Integer(shared) => ("vault_payload", shared),
            _ => ("vault_entry", victim.id),
        };
    let column = if table == "vault_entry" { "payload" } else { "bytes" };
    let mut payload: Vec<u8> =
        db.query_row(&format!("SELECT {column} FROM {table} WHERE id = ?"), [row], |row| row.get(0))?;

    let message = &victim.record.message;
    let field = [&rmp_serde::to_vec("message")?[..], &rmp_serde::to_vec(message)?].concat();
    let start = payload.windows(field.len()).position(|window| window == field).ok_or("the record has no message")?;
    let letter =
        message.0.iter().position(u8::is_ascii_alphabetic).filter(|at| message.0[..*at].iter().all(|b| *b != b'\n'));
    let done = match letter {
        Some(at) => {
            payload[start + field.len() - message.0.len() + at] ^= 0x20;
            let mut edited = message.0.clone();
            edited[at] ^= 0x20;
            format!("{:?} became {:?} in {}", subject(&message.0), subject(&edited), id(&victim.record.id))
        }
        None => {
            *payload.last_mut().ok_or("the record is empty")? ^= 1;
            format!("one bit of the record of {}", id(&victim.record.id))
        }
    };
    one(db.execute(&format!("UPDATE {table} SET {column} = ? WHERE id = ?"), params![payload, row])?)?;
    Ok(done)
}

fn delete_commit(db: &Connection, victim: &Victim) -> Outcome<String> {
    one(db.execute("DELETE FROM vault_entry WHERE id = ?", [victim.id])?)?;
    Ok(format!("{} is gone: {:?}", id(&victim.record.id), subject(&victim.record.message.0)))
}

/// Hands the whole log of an author to somebody else, who is a writer like any other.
fn change_author(db: &Connection, victim: &Victim) -> Outcome<String> {
    let forger = Fingerprint::named(FORGER)?;
    db.execute("INSERT OR IGNORE INTO vault_writer (writer, name) VALUES (?, ?)", params![forger.as_bytes(), FORGER])?;
    let update = "UPDATE vault_log SET writer = (SELECT id FROM vault_writer WHERE writer = ?) WHERE id = ?";
    one(db.execute(update, params![forger.as_bytes(), victim.log])?)?;
    Ok(format!("all of {} is now by {FORGER}", short(&victim.record.writer_name())))
}

fn one(rows: usize) -> Outcome<()> {
    if rows == 1 { Ok(()) } else { Err(format!("the edit changed {rows} rows instead of one").into()) }
}

/// Everything that a report complains of, with its place in words.
fn breaks(report: &VerifyReport) -> impl Iterator<Item = (String, &Break)> {
    let logs = report.logs.iter().filter_map(|log| match &log.verdict {
        LogVerdict::Broken(found) => Some((format!(" of {}", short(&log.writer_name)), found)),
        _ => None,
    });
    let rest = report.breaks.iter().map(|found| (String::new(), found));
    logs.chain(rest).map(|(writer, found)| {
        let place = match (found.position.map(HumanCount), found.seq.map(HumanCount)) {
            (Some(position), Some(seq)) => format!("position {position}, entry {seq}{writer}"),
            (Some(position), None) => format!("position {position}"),
            (None, _) => "the vault as a whole".to_owned(),
        };
        (place, found)
    })
}

/// The one that comes first in the vault.
fn first_break(report: &VerifyReport) -> Option<(String, &Break)> {
    breaks(report).min_by_key(|(_, found)| found.position.unwrap_or(u64::MAX))
}

fn meaning(rule: ChainRule) -> String {
    let meaning = match rule {
        ChainRule::Payload => ", the bytes are not those that the entry names",
        ChainRule::Position => ", one is missing",
        ChainRule::Scope => ", the entry names another writer than its log",
        _ => "",
    };
    format!("{rule}{meaning}")
}

/// What the root that was kept elsewhere says.
fn tail(tail: TailVerdict) -> String {
    match tail {
        TailVerdict::Consistent { .. } => "as it was kept: the edit is not in an entry, but beside it".to_owned(),
        TailVerdict::Diverged { at } => format!("not the one that was kept of the first {} entries", HumanCount(at)),
        TailVerdict::Truncated { anchored, found } => {
            format!("kept of {} entries, of which {} are there", HumanCount(anchored), HumanCount(found))
        }
        _ => "not compared".to_owned(),
    }
}

fn id(commit: &ObjectId) -> String {
    format!("commit {}", &commit.to_string()[..10])
}

/// The beginning of a message's first line.
fn subject(message: &[u8]) -> String {
    let line = message.split(|byte| *byte == b'\n').next().unwrap_or_default();
    clip(&String::from_utf8_lossy(line), 28)
}
