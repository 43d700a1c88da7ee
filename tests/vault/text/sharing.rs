//! One index for several handles, processes and tenants.

use std::path::Path;
use std::thread;

use causal_vault::{Access, Backend, Filter, Position, SqliteBackend, TextRule, Vault};

use super::super::{alice, on_disk, vault};
use super::{bits, chat, indexed, many, search};

const QUERY: &str = "message number3 \"message number7\" number2*";

fn open(folder: &Path) -> Vault {
    Vault::open(folder.join("agents.vault")).unwrap()
}

fn answer(vault: &Vault, filter: &Filter) -> Vec<(u64, u64)> {
    bits(&vault.search(QUERY, filter, usize::MAX).unwrap())
}

#[test]
fn a_vault_that_is_opened_again_and_a_second_handle_answer_alike() {
    let (folder, vault) = on_disk();
    vault.index_text(TextRule::kind("chat.*")).unwrap();
    many(&vault, 600);
    let before = answer(&vault, &Filter::all());
    let second = open(folder.path());
    assert_eq!(answer(&second, &Filter::all()), before);
    many(&second, 600);
    second.index_text(TextRule::kind("chat.*").field("nothing")).unwrap();
    assert!(answer(&vault, &Filter::all()).is_empty(), "a rule that another handle changed");
    second.index_text(TextRule::kind("chat.*")).unwrap();
    assert_eq!(answer(&vault, &Filter::all().up_to(Position::new(600))), before);
    assert_eq!(answer(&vault, &Filter::all()).len(), 1200);
    drop((vault, second));
    assert_eq!(answer(&open(folder.path()), &Filter::all().up_to(Position::new(600))), before);
}

#[test]
fn handles_that_search_and_commit_at_once_index_each_text_once() {
    let (folder, vault) = on_disk();
    vault.index_text(TextRule::kind("chat.*")).unwrap();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let vault = open(folder.path());
                for round in 1..=4 {
                    many(&vault, 400);
                    // Each sees at least what it has committed itself.
                    assert!(search(&vault, "number399").len() >= round);
                }
            });
        }
    });
    many(&vault, 1);
    assert_eq!(search(&vault, "number399").len(), 12);
    assert_eq!(search(&vault, "message").len(), 4801);
    let positions = search(&vault, "\"message number5\"");
    assert_eq!(positions.len(), 12);
}

#[test]
fn a_reader_that_cannot_write_answers_alike_whatever_is_indexed() {
    let (folder, vault) = on_disk();
    let path = folder.path().join("agents.vault");
    let reader = || Vault::builder().read_only(true).open(&path).unwrap();
    many(&vault, 500);
    assert!(answer(&reader(), &Filter::all()).is_empty(), "no rule, and no tables");
    assert_eq!(reader().text_rules(), Ok(vec![]));
    vault.index_text(TextRule::kind("chat.*")).unwrap();
    let nothing_indexed = answer(&reader(), &Filter::all());
    assert_eq!((nothing_indexed.len(), indexed(&vault)), (500, 0));
    assert_eq!(answer(&vault, &Filter::all()), nothing_indexed);
    assert_eq!((answer(&reader(), &Filter::all()), indexed(&vault)), (nothing_indexed.clone(), 500));
    many(&vault, 500);
    let half_indexed = answer(&reader(), &Filter::all());
    assert_eq!((half_indexed.len(), indexed(&vault)), (1000, 500));
    assert_eq!(answer(&reader(), &Filter::all().up_to(Position::new(500))), nothing_indexed);
    assert_eq!(answer(&vault, &Filter::all()), half_indexed);
    assert!(reader().index_text(TextRule::kind("other")).is_err());
    assert!(reader().unindex_text("chat.*").is_err());
    assert_eq!(reader().text_rules().unwrap().len(), 1);
}

#[test]
fn while_another_connection_keeps_the_lock_events_are_read_one_by_one() {
    let (folder, _) = on_disk();
    let path = folder.path().join("agents.vault");
    let vault = Vault::builder().busy_timeout(std::time::Duration::from_millis(1)).open(&path).unwrap();
    vault.index_text(TextRule::kind("chat.*")).unwrap();
    many(&vault, 500);
    let other = SqliteBackend::open(&path).unwrap();
    let lock = other.begin(Access::Write).unwrap();
    let locked = answer(&vault, &Filter::all());
    assert_eq!((locked.len(), indexed(&vault)), (500, 0));
    drop(lock);
    assert_eq!((answer(&vault, &Filter::all()), indexed(&vault)), (locked, 500));
}

#[test]
fn tenants_find_their_own_texts_by_their_own_rules_and_statistics() {
    let vault = vault();
    let [acme, globex] = ["acme", "globex"].map(|tenant| vault.for_tenant(tenant).unwrap());
    acme.index_text(TextRule::kind("chat.*")).unwrap();
    many(&vault, 300);
    many(&acme, 300);
    let alone = answer(&acme, &Filter::all());
    assert_eq!(alone.len(), 300);
    assert!(answer(&vault, &Filter::all()).is_empty());
    assert_eq!(vault.text_rules(), Ok(vec![]));

    globex.index_text(TextRule::kind("chat.*")).unwrap();
    alice(&globex).commit_batch((0..600).map(|_| chat("number3 number7 message"))).unwrap();
    assert_eq!(answer(&globex, &Filter::all()).len(), 600);
    vault.index_text(TextRule::kind("chat.*")).unwrap();
    assert_eq!(answer(&vault, &Filter::all()), alone);
    assert_eq!(answer(&acme, &Filter::all()), alone);
    globex.unindex_text("chat.*").unwrap();
    assert!(answer(&globex, &Filter::all()).is_empty());
    assert_eq!(answer(&acme, &Filter::all()), alone);
    assert_eq!(indexed(&vault), 600);
}

#[test]
fn events_that_arrive_by_a_bundle_are_found_as_well() {
    let vault = vault();
    many(&vault, 300);
    let mut bytes = Vec::new();
    vault.export(Filter::all(), &mut bytes).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copy = Vault::restore(folder.path().join("copy.vault"), bytes.as_slice(), &[]).unwrap();
    copy.index_text(TextRule::kind("chat.*")).unwrap();
    vault.index_text(TextRule::kind("chat.*")).unwrap();
    assert_eq!(answer(&vault, &Filter::all()).len(), 300);
    assert_eq!(answer(&copy, &Filter::all()), answer(&vault, &Filter::all()));
}
