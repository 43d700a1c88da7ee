//! Verification of what is new since an anchor.

use causal_vault::{Anchor, ChainRule, Event, LogVerdict, Receipt, TailVerdict, Vault, VerifyReport};

use super::{alice, note, notes, vault};

/// Six hundred entries of two logs, the later ones with parents among the earlier; returns an anchor after 500.
fn history(vault: &Vault) -> (Anchor, Vec<Receipt>) {
    let mut told = notes(&alice(vault), 499);
    told.push(vault.named_writer("bob").unwrap().commit(note("old").id(causal_vault::EventId::new())).unwrap());
    let anchor = vault.tree_head().unwrap().into();
    for n in 0..100 {
        let writer = vault.named_writer(["alice", "bob"][n % 2]).unwrap();
        let mut event = Event::raw("note", vec![b'x'; if n % 10 == 0 { 3000 } else { n }]).stream("conv:demo");
        event = event.parent(&told[n * 4]).parent(&told[told.len() - 1]);
        if n % 3 == 0 {
            event = event.id(causal_vault::EventId::new());
        }
        told.push(writer.commit(event).unwrap());
    }
    (anchor, told)
}

#[track_caller]
fn since(vault: &Vault, anchor: Anchor) -> VerifyReport {
    let alone = vault.verifier().since(anchor).run().unwrap();
    for threads in [2, 5] {
        assert_eq!(vault.verifier().since(anchor).threads(threads).run(), Ok(alone.clone()), "{threads} threads");
    }
    alone
}

#[test]
fn what_is_new_is_verified_and_the_report_says_from_where_on() {
    let vault = vault();
    let (anchor, _) = history(&vault);
    let (report, full) = (since(&vault, anchor), vault.verify(&[]).unwrap());
    assert!(report.is_intact() && full.is_intact(), "{report} | {full}");
    assert_eq!((report.since, report.tree, report.tail), (500, full.tree, TailVerdict::Consistent { anchored: 500 }));
    assert_eq!(report.logs.iter().map(|log| log.entries).collect::<Vec<_>>(), [50, 50]);
    assert!(report.to_string().contains("checked from 501 on"), "{report}");
    assert_eq!((full.since, full.to_string().contains("checked from")), (0, false), "{full}");
}

#[test]
fn every_anchor_of_a_history_gives_the_tree_of_the_whole() {
    let vault = vault();
    let (_, told) = history(&vault);
    let whole = vault.verify(&[]).unwrap();
    for size in [0_usize, 1, 2, 255, 256, 257, 499, 500, 501, 512, 599, 600] {
        let position = size.checked_sub(1).map_or(causal_vault::Position::START, |at| told[at].position);
        let anchor: Anchor = vault.tree_head_at(position).unwrap().into();
        let smaller: Anchor = vault.tree_head_at(told[0].position).unwrap().into();
        let report = vault.verifier().since(anchor).anchor(smaller).anchor(vault.tree_head().unwrap()).run().unwrap();
        assert!(report.is_intact() && report.tree == whole.tree, "{size}: {report}");
        assert_eq!((report.since, report.tail), (size as u64, TailVerdict::Consistent { anchored: 600 }));
        assert_eq!(report.logs.iter().map(|log| log.entries).sum::<u64>(), 600 - size as u64);
        let elsewhere = Anchor { root: [7; 32], ..anchor };
        let report = since(&vault, elsewhere);
        assert_eq!(report.tail, TailVerdict::Diverged { at: size as u64 }, "{size}");
        assert_eq!((report.since, report.logs.len()), (size as u64, 0), "nothing else is looked at");
    }
    let report = since(&vault, Anchor { size: 601, root: [0; 32] });
    assert_eq!(report.tail, TailVerdict::Truncated { anchored: 601, found: 600 });
    assert!(!report.is_intact());
}

/// Each edit is of something new, or of something old that something new names.
#[test]
fn a_change_behind_the_anchor_or_of_what_stands_there_is_found() {
    let id = |position: u64| format!("(1 << 40) + {position}");
    for (edit, rule) in [
        (format!("UPDATE vault_entry SET payload = x'00' WHERE id = {}", id(550)), ChainRule::Payload),
        (format!("UPDATE vault_entry SET lamport = 1 WHERE id = {}", id(599)), ChainRule::Column),
        (format!("UPDATE vault_entry SET hash = zeroblob(32) WHERE id = {}", id(600)), ChainRule::EntryHash),
        (format!("DELETE FROM vault_entry WHERE id = {}", id(600)), ChainRule::TreeHead),
        (format!("DELETE FROM vault_entry WHERE id = {}", id(550)), ChainRule::Position),
        (format!("UPDATE vault_entry SET back = back + 1 WHERE id = {}", id(550)), ChainRule::Column),
        (format!("DELETE FROM vault_edge WHERE child = {}", id(520)), ChainRule::Edge),
        (format!("INSERT INTO vault_edge VALUES ({}, {})", id(520), id(510)), ChainRule::Edge),
        ("UPDATE vault_payload SET bytes = zeroblob(3000)".to_owned(), ChainRule::Payload),
        ("DELETE FROM vault_node WHERE number = 1".to_owned(), ChainRule::Node),
        (
            "UPDATE vault_head SET entry = (1 << 40) + 512, peaks = zeroblob(32) WHERE id = -1".to_owned(),
            ChainRule::TreeHead,
        ),
        // The last old entry of alice's log and an old parent.
        (format!("UPDATE vault_entry SET bytes = x'00' WHERE id = {}", id(499)), ChainRule::Encoding),
        (format!("UPDATE vault_entry SET bytes = substr(bytes, 2) WHERE id = {}", id(9)), ChainRule::Edge),
        (
            format!(
                "UPDATE vault_entry SET bytes = (SELECT bytes FROM vault_entry WHERE id = {}) WHERE id = {}",
                id(8),
                id(9)
            ),
            ChainRule::Parent,
        ),
        (format!("UPDATE vault_entry SET hash = zeroblob(32) WHERE id = {}", id(5)), ChainRule::Edge),
        // The hash is right and the time is not, and the other way round.
        (format!("UPDATE vault_entry SET lamport = 1 WHERE id = {}", id(9)), ChainRule::Parent),
        (
            format!(
                "UPDATE vault_entry SET bytes = (SELECT bytes FROM vault_entry WHERE id = {}) WHERE id = {}",
                id(500),
                id(1)
            ),
            ChainRule::Parent,
        ),
    ] {
        let vault = vault();
        let (anchor, _) = history(&vault);
        assert!(vault.backend().exec(&edit, &[]).unwrap() > 0, "{edit}");
        let report = since(&vault, anchor);
        let in_logs = report.logs.iter().filter_map(|log| match &log.verdict {
            LogVerdict::Broken(broken) => Some(broken.rule),
            _ => None,
        });
        let rules: Vec<_> = in_logs.chain(report.breaks.iter().map(|broken| broken.rule)).collect();
        assert!(rules.contains(&rule), "{edit}: {report}");
    }
}

/// The last entries before an anchor stand in no complete tile: the tree is made of their hashes.
#[test]
fn an_entry_that_is_gone_from_the_last_tile_before_the_anchor_contradicts_it() {
    let vault = vault();
    let (anchor, _) = history(&vault);
    vault.backend().exec("DELETE FROM vault_entry WHERE id = (1 << 40) + 499", &[]).unwrap();
    assert_eq!(since(&vault, anchor).tail, TailVerdict::Diverged { at: 500 });
}

#[test]
fn an_entry_that_is_gone_from_the_last_tile_before_an_older_anchor_contradicts_that_one() {
    let vault = vault();
    let (_, told) = history(&vault);
    let [older, newer] = [299, 511].map(|at| vault.tree_head_at(told[at].position).unwrap());
    let run = || vault.verifier().since(newer).anchor(older).anchor(vault.tree_head().unwrap()).run().unwrap();
    assert_eq!(run().tail, TailVerdict::Consistent { anchored: 600 });
    vault.backend().exec("DELETE FROM vault_entry WHERE id = (1 << 40) + 290", &[]).unwrap();
    let report = run();
    assert_eq!((report.tail, report.since, report.is_intact()), (TailVerdict::Diverged { at: 300 }, 512, false));
    assert!(report.breaks.is_empty(), "what is new is sound: {report}");
}

#[test]
fn a_change_before_the_anchor_is_left_for_a_whole_verification() {
    let vault = vault();
    let (anchor, _) = history(&vault);
    vault.backend().exec("UPDATE vault_entry SET payload = x'00' WHERE id = (1 << 40) + 10", &[]).unwrap();
    assert!(since(&vault, anchor).is_intact());
    assert!(!vault.verify(&[anchor]).unwrap().is_intact());
}

/// Of the last entry before the anchor the payload is not read, and it is nobody's break but its own.
#[test]
fn a_large_payload_before_the_anchor_is_left_for_a_whole_verification() {
    let vault = vault();
    alice(&vault).commit(note(vec![b'x'; 5000])).unwrap();
    let anchor: Anchor = vault.tree_head().unwrap().into();
    alice(&vault).commit(note("new")).unwrap();
    vault.backend().exec("UPDATE vault_payload SET bytes = zeroblob(5000)", &[]).unwrap();
    assert!(since(&vault, anchor).is_intact());
    let whole = vault.verify(&[]).unwrap();
    assert_eq!((whole.breaks.len(), &whole.logs[0].verdict), (1, &LogVerdict::Unsigned), "{whole}");
}

#[test]
fn a_history_that_was_cut_to_its_anchor_has_nothing_new() {
    let vault = vault();
    let (_, _) = history(&vault);
    let head: Anchor = vault.tree_head().unwrap().into();
    let report = since(&vault, head);
    assert!(report.is_intact() && report.logs.is_empty(), "{report}");
    assert_eq!(
        since(&super::vault(), Anchor { size: 3, root: [0; 32] }).tail,
        TailVerdict::Truncated { anchored: 3, found: 0 }
    );
}
