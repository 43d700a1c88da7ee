//! What someone who can write the file can do, and what verification says about it.
//!
//! Every attack edits a copy of one vault file with plain SQLite, behind the vault's back. The same attack is made on the
//! plain chain `H(prev || payload)`, to show which ones get through there.

mod bitflips;
mod chain;
mod embeddings;
mod entries;
mod forger;
mod identities;
mod indexes;
mod owners;
mod plain;
mod random;
mod scene;
mod schema;
mod separators;
mod threads;
mod writers;

use causal_vault::{
    ChainRule, Durability, ErrorKind, LogVerdict, StoreError, TailVerdict, Vault, VerifyReport, WriterLog,
};
use rusqlite::Connection;

use self::plain::{Plain, PlainEdit};
use self::scene::Scene;

/// One way to falsify a vault.
struct Attack {
    name: &'static str,
    edit: fn(&Connection),
    caught: Caught,
    plain: PlainEdit,
}

/// Who notices.
enum Caught {
    /// `verify` with no anchor, by this rule.
    By(ChainRule),
    /// `verify` cannot even read the row.
    Unreadable,
    /// Opening the file, with this in the message.
    Opening(&'static str),
    /// Nothing but an anchor: the forger recomputed every hash that needs no key.
    OnlyAnchored(TailVerdict),
}

fn rules(report: &VerifyReport) -> Vec<ChainRule> {
    let logs = report.logs.iter().filter_map(|log| match &log.verdict {
        LogVerdict::Broken(broken) => Some(broken.rule),
        _ => None,
    });
    logs.chain(report.breaks.iter().map(|broken| broken.rule)).collect()
}

/// What a vault says after the edit.
struct Findings {
    unanchored: Result<VerifyReport, StoreError>,
    anchored: Result<VerifyReport, StoreError>,
    log: Result<(), StoreError>,
}

fn examine(scene: &Scene, edit: impl FnOnce(&Connection)) -> Result<Findings, StoreError> {
    let copy = scene.copy();
    copy.edit(edit);
    let vault = Vault::builder().durability(Durability::Fast).open(&copy.path)?;
    Ok(Findings {
        unanchored: threads::verify(&copy.path, &[]),
        anchored: threads::verify(&copy.path, &[scene.anchor]),
        log: WriterLog::verify(vault.backend(), "ledger", "alice"),
    })
}

fn run(attacks: &[Attack]) {
    let complaints: Vec<String> = attacks.iter().filter_map(complaint).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// What is wrong with the outcome of an attack, if anything is.
fn complaint(attack: &Attack) -> Option<String> {
    let outcome = judge(&attack.caught, examine(scene::scene(), attack.edit)).and_then(|()| attack.plain.judge());
    let outcome = outcome.and_then(|()| judge_rebuild(attack));
    outcome.err().map(|complaint| format!("{}: {complaint}", attack.name))
}

/// What only damages what follows from the entries is rebuilt, and reads as it did; anything else is refused.
fn judge_rebuild(attack: &Attack) -> Result<(), String> {
    let scene = scene::scene();
    let copy = scene.copy();
    copy.edit(attack.edit);
    let before = std::fs::read(&copy.path).unwrap();
    let expected = bitflips::read(&scene.copy().open()).unwrap();
    let is_rebuilt = bitflips::rebuild(&copy.path, scene.anchor, &expected);
    expect(is_rebuilt == REBUILT.contains(&attack.name), format!("rebuilt: {is_rebuilt}"))?;
    expect(is_rebuilt || std::fs::read(&copy.path).unwrap() == before, "refused, and something changed".to_owned())
}

/// The attacks on derived data alone.
const REBUILT: &[&str] = &[
    "a hash of another length",
    "a log's newest entry",
    "a negative number",
    "a size that its peaks do not fit",
    "add an edge",
    "add an edge to an entry that is not there",
    "forget a log's row",
    "forget a model",
    "give an entry another entry's shared payload",
    "give an entry two payloads",
    "give one entry's edge to another",
    "how far back the entry before it stands",
    "move a log to another epoch",
    "move a log to another stream",
    "move a log to another tenant",
    "move a log to another writer",
    "move a model to another tenant",
    "move an entry to the end of another log",
    "redirect an edge",
    "remove an edge",
    "rename a model",
    "the Lamport time",
    "the causal digest",
    "the dimensions of a model",
    "the hash",
    "the key of an event id",
    "the kind of an entry",
    "the model of an embedding",
    "the name of a kind",
    "the number of an entry",
    "the stored tree head's peaks",
    "the stored tree head's size",
    "turn an edge round",
];

fn judge(caught: &Caught, outcome: Result<Findings, StoreError>) -> Result<(), String> {
    let findings = match (outcome, caught) {
        (Ok(findings), Caught::By(_) | Caught::OnlyAnchored(_) | Caught::Unreadable) => findings,
        (Ok(findings), Caught::Opening(_)) => {
            return Err(format!("it opened, and verify said {:?}", findings.unanchored));
        }
        (Err(error), Caught::Opening(words)) => {
            let kind = matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported);
            return expect(kind && error.to_string().contains(words), format!("refused as {error:?}: {error}"));
        }
        (Err(error), _) => return Err(format!("refused with {error}")),
    };
    match (caught, findings.unanchored, findings.anchored) {
        (Caught::By(rule), Ok(report), Ok(anchored)) => {
            expect(!report.is_intact() && report.to_string().starts_with("BROKEN"), format!("passed: {report}"))?;
            expect(rules(&report).contains(rule), format!("expected {rule:?}: {report}"))?;
            expect(!anchored.is_intact(), format!("the anchor let it pass: {anchored}"))?;
            log_agrees(&report, &findings.log)
        }
        (Caught::OnlyAnchored(verdict), Ok(report), Ok(anchored)) => {
            expect(
                report.is_intact() && report.tail == TailVerdict::Unanchored,
                format!("without an anchor: {report}"),
            )?;
            expect(!anchored.is_intact() && anchored.tail == *verdict, format!("with the anchor: {anchored}"))
        }
        (Caught::Unreadable, Err(error), Err(_)) => {
            expect(error.kind() == ErrorKind::Corrupt, format!("not called corrupt: {error:?}"))
        }
        (_, unanchored, anchored) => Err(format!("verify said {unanchored:?} and {anchored:?}")),
    }
}

fn expect(holds: bool, complaint: String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(complaint) }
}

/// A log that `verify` calls broken is broken for whoever checks it alone.
fn log_agrees(report: &VerifyReport, log: &Result<(), StoreError>) -> Result<(), String> {
    let alices = report.logs.iter().find(|log| &*log.stream == "ledger" && &*log.writer_name == "alice");
    match (alices.map(|log| &log.verdict), log) {
        (Some(LogVerdict::Broken(_)), Err(StoreError::ChainBroken { .. })) => Ok(()),
        (Some(LogVerdict::Broken(broken)), other) => Err(format!("verify found {broken}, and the log alone {other:?}")),
        _ => Ok(()),
    }
}

#[test]
fn an_untouched_vault_is_intact_and_so_is_an_untouched_plain_chain() {
    let scene = scene::scene();
    let findings = examine(scene, |_| {}).unwrap();
    let report = findings.anchored.unwrap();
    assert!(report.is_intact(), "{report}");
    assert_eq!(report.tail, TailVerdict::Consistent { anchored: scene.anchor.size });
    assert!(report.logs.iter().all(|log| log.verdict == LogVerdict::Anchored), "{:?}", report.logs);
    let report = findings.unanchored.unwrap();
    let verdicts: Vec<_> = report.logs.iter().map(|log| (&*log.writer_name, &log.verdict)).collect();
    assert!(verdicts.contains(&("alice", &LogVerdict::Unsigned)), "{verdicts:?}");
    assert_eq!(verdicts.iter().filter(|(_, verdict)| **verdict == LogVerdict::SignedUnanchored).count(), 2);
    findings.log.unwrap();
    assert!(Plain::story().verify().is_ok());
}

/// The control: what changes nothing is not taken for a caught attack, nor what is caught for a missed one.
#[test]
fn an_attack_that_changes_nothing_is_not_taken_for_a_caught_one() {
    let attack = |edit, caught| Attack { name: "control", edit, caught, plain: PlainEdit::Absent("a control") };
    let tampers: fn(&Connection) =
        |conn| scene::sql(conn, "UPDATE vault_entry SET payload = x'00' WHERE payload IS NOT NULL");
    assert!(complaint(&attack(|_| {}, Caught::By(ChainRule::Payload))).unwrap().contains("passed: intact"));
    assert!(complaint(&attack(|_| {}, Caught::OnlyAnchored(TailVerdict::Diverged { at: 12 }))).is_some());
    assert!(complaint(&attack(|_| {}, Caught::Opening(""))).is_some());
    assert!(complaint(&attack(tampers, Caught::By(ChainRule::Signature))).unwrap().contains("expected Signature"));
    assert_eq!(complaint(&attack(tampers, Caught::By(ChainRule::Payload))), None);
    let mut attack = attack(tampers, Caught::By(ChainRule::Payload));
    attack.plain = PlainEdit::Caught(|_| {});
    assert!(complaint(&attack).unwrap().contains("the plain chain did not notice"));
}
