//! Takes the sources that are tested from the vault's crate, gives them loom's locks and atomics, and plants mistakes: each
//! is a text of the source and what replaces it. A text that is no longer there fails the build.

use std::path::Path;
use std::{env, fs};

/// A mistake has a name and edits; the source without any is `sound`.
type Mistake = (&'static str, &'static [(&'static str, &'static str)]);

const DOORBELL: &[Mistake] = &[
    ("sound", &[]),
    // Callbacks are called under the lock.
    (
        "locked",
        &[
            ("let called: SmallVec", "let held = self.shared.subscribers.lock();\nlet called: SmallVec"),
            ("self.shared.subscribers.lock().list.iter()", "held.list.iter()"),
        ],
    ),
    // The list is copied, and put back with one more.
    (
        "copied",
        &[
            (
                "let mut subscribers = self.shared.subscribers.lock();\n        subscribers.last += 1;",
                "let (last, list) = { let held = self.shared.subscribers.lock(); (held.last + 1, held.list.clone()) };\n\
            let mut subscribers = Subscribers { last, list };",
            ),
            (
                "subscribers.list.push((id, subscriber));",
                "subscribers.list.push((id, subscriber));\n*self.shared.subscribers.lock() = subscribers;",
            ),
        ],
    ),
    // An id is taken before the place in the list.
    (
        "unsorted",
        &[(
            "let id = SubscriptionId(subscribers.last);",
            "let id = SubscriptionId(subscribers.last);\ndrop(subscribers);\n\
            let mut subscribers = self.shared.subscribers.lock();",
        )],
    ),
    // What is to be cancelled is looked for under one lock and taken out under the next.
    (
        "twice",
        &[
            (
                "let list = &mut self.subscribers.lock().list;\n",
                "let found = self.subscribers.lock().list.iter().find(|(it, _)| *it == id).map(|(_, it)| Arc::clone(it));\n\
            self.subscribers.lock().list.retain(|(it, _)| *it != id);\nfound.map(|it| (id, it))\n",
            ),
            ("// Ids only grow, so the list is sorted by them.\n", ""),
            ("list.binary_search_by_key(&id, |(id, _)| *id).ok().map(|at| list.remove(at))\n", ""),
        ],
    ),
    // What was cancelled stays in the list.
    (
        "kept",
        &[
            (".map(|at| list.remove(at))", ".map(|at| (id, Arc::clone(&list[at].1)))"),
            ("subscriber.active.store(false, Ordering::Release);", ""),
        ],
    ),
    // A ring under way does not see that it was cancelled.
    ("blind", &[("if subscriber.active.load(Ordering::Acquire) {", "{")]),
    // Panics are counted by reading and writing.
    (
        "uncounted",
        &[(
            "self.panics.fetch_add(1, Ordering::Relaxed);",
            "self.panics.store(self.panics.load(Ordering::Relaxed) + 1, Ordering::Relaxed);",
        )],
    ),
];

const QUEUE: &[Mistake] = &[
    ("sound", &[]),
    // Who waits is not called when the leader ends.
    ("uncalled", &[("next.take(Seat::Leading);", "drop(next);")]),
    // The next leader is named, and the place is free as well.
    ("doubled", &[("state.is_led = next.is_some();", "state.is_led = false;")]),
    // A member is woken before it is told.
    (
        "hasty",
        &[(
            "*self.seat.lock() = seat;\n        self.called.notify_one();",
            "self.called.notify_one();\n        *self.seat.lock() = seat;",
        )],
    ),
    // Whether somebody leads is seen under one lock, and the member waits under the next.
    (
        "late",
        &[(
            "state.waiting.push_back(Arc::clone(member));",
            "drop(state);\nlet mut state = self.state.lock();\nstate.waiting.push_back(Arc::clone(member));",
        )],
    ),
    // Whoever is taken in waits on.
    (
        "kept",
        &[(
            "self.members.extend(state.waiting.pop_front());",
            "let next = state.waiting.pop_front();\nstate.waiting.extend(next.clone());\nself.members.extend(next);",
        )],
    ),
    // The place of the leader is handed over again when its members are told.
    ("again", &[("self.queue.filter(|_| !self.has_handed_over)", "self.queue")]),
    // A member sleeps without a look at what it was told meanwhile.
    (
        "deaf",
        &[("self.called.wait_while(&mut seat, |seat| matches!(seat, Seat::Waiting));", "self.called.wait(&mut seat);")],
    ),
    // A leader that panics leaves its members alone.
    ("abandoned", &[("self.members.drain(..).for_each(|member| member.take(Seat::Answered(None)));", "")]),
    // A leader looks at the queue without its lock being held until the members are taken in.
    (
        "torn",
        &[(
            "self.members.extend(state.waiting.pop_front());",
            "let next = state.waiting.front().cloned();\ndrop(state);\nself.members.extend(next);\n\
             state = queue.state.lock();\nstate.waiting.pop_back();",
        )],
    ),
];

fn main() {
    println!("cargo::rustc-check-cfg=cfg(threads_in_turn)");
    println!("cargo::rustc-cfg=threads_in_turn");
    generate("queue", "../../src/vault/group/queue.rs", QUEUE);
    generate("doorbell", "../../src/causal/doorbell.rs", DOORBELL);
}

fn generate(name: &str, path: &str, mistakes: &[Mistake]) {
    println!("cargo::rerun-if-changed={path}");
    println!("cargo::rerun-if-changed=build.rs");
    let source = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (source, _) = source.split_once("\n#[cfg(test)]\nmod tests").unwrap_or((&source, ""));
    // An included file has no place for documentation of a module.
    let source = source.lines().filter(|line| !line.starts_with("//!")).collect::<Vec<_>>().join("\n");
    let source = source.replace("use std::sync::atomic::", "use loom::sync::atomic::");
    let source = source.replace("use parking_lot::", "use crate::locks::");
    let source = source.replace("use std::thread;", "use loom::thread;");
    for real in ["std::sync::atomic", "std::thread", "parking_lot"] {
        assert!(!source.contains(real), "{path} uses {real} in a way that is not replaced here");
    }
    for (mistake, edits) in mistakes {
        let mut text = source.clone();
        for (from, to) in *edits {
            assert_eq!(text.matches(from).count(), 1, "{path}: {mistake}: {from:?} is not there once; plant it anew");
            text = text.replace(from, to);
        }
        let folder = env::var("OUT_DIR").expect("cargo sets it");
        fs::write(Path::new(&folder).join(format!("{name}-{mistake}.rs")), text).expect("a folder of cargo's");
    }
}
