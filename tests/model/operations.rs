//! What a user may do, drawn at random. Numbers stand for things that exist by then, taken modulo how many there are.

use proptest::prelude::*;

/// Bytes up to which a payload stands in its entry's row, and the most that a payload may have.
pub(super) const INLINE: usize = 64;
pub(super) const LIMIT: usize = 200;

#[derive(Clone, Debug)]
pub(super) enum Operation {
    Acknowledge,
    Anchor,
    Append { stream: usize, by_dave: bool, payload: Payload },
    Batch { tenant: usize, writer: usize, drafts: Vec<Draft> },
    Commit { tenant: usize, writer: usize, draft: Draft },
    Crash,
    Poll(usize),
    Reopen,
    ReopenCursor,
    Transaction { tenant: usize, drafts: Vec<(usize, Draft)>, ending: Ending, swallow: bool },
}

/// How a transaction ends that no error has ended before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ending {
    Acknowledge,
    Commit,
    Panic,
    RollBack,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Payload {
    pub(super) fill: u8,
    pub(super) size: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) stream: usize,
    pub(super) kind: usize,
    pub(super) payload: Payload,
    pub(super) parents: Vec<Parent>,
    pub(super) id: Id,
    pub(super) expect: Expect,
    pub(super) attach: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Parent {
    Existing(usize),
    /// An existing entry's hash at another number of its log.
    Misplaced(usize),
    OtherTenants(usize),
    Twice(usize),
    Unknown(usize),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Expect {
    Nothing,
    Right,
    Wrong,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Id {
    /// The id and the content of an event that is there.
    Again(usize),
    /// The vault's own choice.
    Fresh,
    New,
    /// The id of an event that is there, with this draft's content.
    Taken(usize),
}

/// One way to read, compared after each operation.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) event: usize,
    pub(super) tenant: usize,
    pub(super) stream: Option<usize>,
    pub(super) writer: Option<usize>,
    pub(super) kind: Option<&'static str>,
    pub(super) parent: Option<usize>,
    pub(super) after: Option<u64>,
    pub(super) up_to: Option<u64>,
}

fn payload() -> impl Strategy<Value = Payload> {
    let size = prop_oneof![
        8 => prop::sample::select(vec![0, 1, 9, INLINE - 1, INLINE, INLINE + 1, LIMIT - 1, LIMIT]),
        1 => Just(LIMIT + 1),
    ];
    (0_u8..3, size).prop_map(|(fill, size)| Payload { fill, size })
}

fn parent() -> impl Strategy<Value = Parent> {
    prop_oneof![
        12 => any::<usize>().prop_map(Parent::Existing),
        1 => any::<usize>().prop_map(Parent::Misplaced),
        1 => any::<usize>().prop_map(Parent::OtherTenants),
        1 => any::<usize>().prop_map(Parent::Twice),
        1 => any::<usize>().prop_map(Parent::Unknown),
    ]
}

fn draft() -> impl Strategy<Value = Draft> {
    let id = prop_oneof![
        3 => Just(Id::Fresh),
        3 => Just(Id::New),
        2 => any::<usize>().prop_map(Id::Again),
        1 => any::<usize>().prop_map(Id::Taken),
    ];
    let expect = prop_oneof![6 => Just(Expect::Nothing), 1 => Just(Expect::Right), 1 => Just(Expect::Wrong)];
    let parents = prop_oneof![1 => Just(Vec::new()), 1 => prop::collection::vec(parent(), 1..4)];
    (0..3_usize, 0..3_usize, payload(), parents, id, expect, prop::bool::weighted(0.1)).prop_map(
        |(stream, kind, payload, parents, id, expect, attach)| Draft {
            stream,
            kind,
            payload,
            parents,
            id,
            expect,
            attach,
        },
    )
}

fn operation() -> impl Strategy<Value = Operation> {
    let tenant = || prop_oneof![3 => Just(0_usize), 1 => Just(1_usize)];
    let ending = prop_oneof![
        3 => Just(Ending::Commit),
        1 => Just(Ending::Acknowledge),
        1 => Just(Ending::Panic),
        1 => Just(Ending::RollBack)
    ];
    prop_oneof![
        10 => (tenant(), 0..3_usize, draft()).prop_map(|(tenant, writer, draft)| Operation::Commit { tenant, writer, draft }),
        4 => (tenant(), 0..3_usize, prop::collection::vec(draft(), 0..4))
            .prop_map(|(tenant, writer, drafts)| Operation::Batch { tenant, writer, drafts }),
        4 => (tenant(), prop::collection::vec((0..3_usize, draft()), 0..4), ending, any::<bool>())
            .prop_map(|(tenant, drafts, ending, swallow)| Operation::Transaction { tenant, drafts, ending, swallow }),
        2 => (0..3_usize, any::<bool>(), payload())
            .prop_map(|(stream, by_dave, payload)| Operation::Append { stream, by_dave, payload }),
        2 => (0..4_usize).prop_map(Operation::Poll),
        1 => Just(Operation::Acknowledge),
        1 => Just(Operation::Anchor),
        1 => Just(Operation::Crash),
        1 => Just(Operation::Reopen),
        1 => Just(Operation::ReopenCursor),
    ]
}

fn look() -> impl Strategy<Value = Look> {
    let kinds = vec!["a.x", "a.*", "*", "b", "a", "nothing.*", "log.entry"];
    (
        any::<usize>(),
        0..2_usize,
        prop::option::of(0..4_usize),
        prop::option::of(0..5_usize),
        prop::option::of(prop::sample::select(kinds)),
        prop::option::weighted(0.3, any::<usize>()),
        prop::option::weighted(0.3, 0..20_u64),
        prop::option::weighted(0.3, 0..20_u64),
    )
        .prop_map(|(event, tenant, stream, writer, kind, parent, after, up_to)| Look {
            event,
            tenant,
            stream,
            writer,
            kind,
            parent,
            after,
            up_to,
        })
}

pub(super) fn session() -> impl Strategy<Value = Vec<(Operation, Look)>> {
    prop::collection::vec((operation(), look()), 1..14)
}
