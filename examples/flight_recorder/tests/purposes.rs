use causal_vault::Query;

use super::sandbox::{Sandbox, record_into, vault};
use super::vaults::{event, recorded, run};
use crate::ledger::Ledger;
use crate::object::ObjectId;
use crate::purpose::{Purpose, Purposes};
use crate::vault_ledger::VaultLedger;

const TOPICS: [(&str, &str); 3] = [
    ("billing", "billing: refund the customer's invoice"),
    ("parser", "parser: tokens of a nested expression"),
    ("website", "website: colours of the landing page"),
];

/// Ten commits on each topic, one topic after the other.
fn topics() -> Sandbox {
    let sandbox = Sandbox::new();
    for (folder, message) in TOPICS {
        for n in 0..10 {
            sandbox.write(&format!("{folder}/part-{}", n % 4), format!("{n}\n"));
            sandbox.commit(&format!("{message}, step {n}"));
        }
    }
    sandbox
}

#[test]
fn commits_of_one_topic_are_one_group_with_its_words_its_ends_and_its_place_in_time() {
    let sandbox = topics();
    let ledger = recorded(&sandbox);
    let Purposes(groups) = ledger.purposes(true).unwrap();
    assert_eq!(groups.iter().map(|group| group.commits).collect::<Vec<_>>(), [10; 3], "{groups:?}");
    for (group, (topic, message)) in groups.iter().zip(TOPICS) {
        assert!(group.label.split(' ').all(|word| message.contains(word)), "{topic}: {}", group.label);
        assert_eq!(group.growth.iter().sum::<u64>(), 10);
        for (end, step) in [(group.first, 0), (group.last, 9)] {
            let found = String::from_utf8(ledger.load(&end).unwrap().message.0).unwrap();
            assert_eq!(found.trim_end(), format!("{message}, step {step}"));
        }
    }
    let held = |parts: std::ops::Range<usize>| -> Vec<u64> {
        groups.iter().map(|group| group.growth[parts.clone()].iter().sum()).collect()
    };
    assert_eq!((held(0..2), held(14..16)), (vec![4, 0, 0], vec![0, 0, 2]), "{groups:?}");
}

#[test]
fn the_summary_ends_with_the_groups() {
    let told = run(&topics(), None, false).unwrap();
    let (_, table) = told.split_once("\n  commits for").unwrap();
    assert_eq!((table.lines().count(), table.matches("        10  ").count()), (4, 3), "{told}");
    assert!(told.lines().all(|line| line.chars().count() <= 100), "{told}");
}

#[test]
fn a_commit_whose_message_holds_no_word_is_in_no_group() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "one\n");
    let silent = sandbox.commit("?!");
    let ledger = recorded(&sandbox);
    assert_eq!(event(&ledger, &silent).header.model(), None);
    let told = run(&sandbox, None, false).unwrap();
    assert!(!told.contains("commits for"), "{told}");
    let spoken = sandbox.commit("now with words");
    assert_eq!(event(&recorded(&sandbox), &spoken).header.model(), Some("hashing-v1-768"));
    assert_eq!(recorded(&sandbox).purposes(true).unwrap().0[0].commits, 1);
}

#[test]
fn a_message_of_any_length_and_any_bytes_has_an_embedding() {
    for message in [&b"\xff words"[..], &"ü".repeat(40_000).into_bytes(), &b"w ".repeat(1 << 20)] {
        let sandbox = Sandbox::new();
        let head = format!("commit refs/heads/main\ncommitter A <a@b> 1 +0000\ndata {}\n", message.len());
        sandbox.import(&[head.as_bytes(), message, b"\n"].concat());
        let ledger = recorded(&sandbox);
        assert!(event(&ledger, &sandbox.head()).header.model().is_some());
        let Purposes(groups) = ledger.purposes(true).unwrap();
        assert!(groups.len() == 1 && !groups[0].label.is_empty(), "{groups:?}");
    }
}

#[test]
fn a_recording_in_two_runs_gives_the_embeddings_of_one() {
    let sandbox = topics();
    let head = sandbox.head();
    let whole = recorded(&sandbox);
    let mut ledger = vault();
    sandbox.git(&["reset", "--quiet", "--hard", "HEAD~7"]);
    record_into(&mut ledger, &sandbox.path).unwrap();
    sandbox.git(&["reset", "--quiet", "--hard", &head.to_string()]);
    let mut ledger = VaultLedger::new(ledger.vault().clone()).unwrap();
    assert_eq!(record_into(&mut ledger, &sandbox.path).unwrap().recorded, 7);
    // What one found is asked of the other: where the embeddings are the same, it is as like as can be.
    for ledger in [&whole, &ledger] {
        ledger.purposes(false).unwrap();
    }
    let near = |ledger: &VaultLedger| -> Vec<(u64, f32)> {
        let place = ledger.place(&head).unwrap().1;
        let found = ledger.vault().similar(&Query::event(place), 30).unwrap();
        found.into_iter().map(|found| (found.event.header.position.number(), found.similarity)).collect()
    };
    assert_eq!(near(&whole), near(&ledger));
}

#[test]
fn the_ten_largest_groups_are_told_with_bars_and_the_rest_is_counted() {
    let id: ObjectId = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
    let group = |n: u64| Purpose {
        label: format!("topic {n} {}", "long ".repeat(usize::try_from(n).unwrap())).trim_end().to_owned(),
        commits: 1200 - n,
        first: id,
        last: id,
        growth: (0..16).map(|part| part * n).collect(),
    };
    let told = Purposes((0..12).map(group).collect()).to_string();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 13, "{told}");
    assert_eq!(lines[2], "  topic 0                                       1,200  0123456  0123456                  ");
    assert_eq!(lines[3], "  topic 1 long                                  1,199  0123456  0123456   ▁▂▂▃▃▄▄▅▅▆▆▇▇██");
    assert_eq!(lines[12], "  and 2 more");
    assert!(lines.iter().all(|line| line.chars().count() <= 100), "{told}");
    assert_eq!(Purposes::default().to_string(), "");
}
