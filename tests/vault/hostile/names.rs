use causal_vault::{ErrorKind, Event, Filter, Fingerprint, Generation, Result, Vault, WriterLog};

use super::{Untouched, note};

/// Each argument that is a name, and a call that takes it.
type Call = (&'static str, fn(&Untouched, &str) -> Result<()>);

const WRITES: &[Call] = &[
    ("tenant", |_, name| Vault::builder().tenant(name).in_memory().map(drop)),
    ("tenant", |here, name| here.vault.for_tenant(name).map(drop)),
    ("writer", |here, name| here.vault.named_writer(name).map(drop)),
    ("writer", |_, name| Fingerprint::named(name).map(drop)),
    ("writer", |here, name| WriterLog::append(here.vault.backend(), "demo", name, b"x").map(drop)),
    ("stream", |here, name| WriterLog::append(here.vault.backend(), name, "alice", b"x").map(drop)),
    ("stream", |here, name| here.alice.commit(Event::raw("note", "x").stream(name)).map(drop)),
    ("stream", |here, name| here.alice.commit_batch([note("x"), Event::raw("note", "x").stream(name)]).map(drop)),
    ("kind", |here, name| here.alice.commit(Event::raw(name, "x").stream("demo")).map(drop)),
    ("content type", |here, name| here.alice.commit(note("x").content_type(name)).map(drop)),
    ("touched resource", |here, name| here.alice.commit(note("x").touches(["fine", name])).map(drop)),
    ("cursor", |here, name| here.vault.cursor(name, Filter::all()).map(drop)),
];

#[test]
fn a_name_that_is_no_name_is_refused_by_every_call_and_stores_nothing() {
    let here = Untouched::new();
    let long = "é".repeat(64) + "x";
    for (what, call) in WRITES {
        let error = call(&here, &long).unwrap_err();
        assert_eq!(error.to_string(), format!("{what} has 129 bytes, more than the limit of 128 bytes"));
        assert_eq!(error.kind(), ErrorKind::Limit);
        let error = call(&here, "").unwrap_err();
        assert_eq!(error.to_string(), format!("invalid {what} name \"\": it is empty; give it at least one byte"));
        for control in ["a\0b", "line\nbreak", "\u{7f}", "\u{85}", "\x1b[31mred"] {
            let error = call(&here, control).unwrap_err();
            let expected = format!("invalid {what} name {control:?}: it holds a control character; use printable text");
            assert_eq!(error.to_string(), expected);
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(!error.to_string().contains(char::is_control), "{error:?} reaches a terminal as it is");
        }
    }
    here.assert_unharmed();
}

#[test]
fn a_name_of_128_bytes_is_a_name() {
    let here = Untouched::new();
    let longest = "é".repeat(64);
    for (what, call) in WRITES {
        call(&here, &longest).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    assert!(here.vault.verify(&[]).unwrap().is_intact());
}

/// Reading by a name that nobody can have finds nothing, or says why not. It never panics.
#[test]
fn reading_by_a_name_that_is_no_name_is_an_error() {
    let here = Untouched::new();
    let db = here.vault.backend();
    Generation::ensure_schema(db).unwrap();
    for name in ["", "a\0b", "line\nbreak", &"x".repeat(129), &"x".repeat(1 << 20)] {
        let filters = [Filter::stream(name), Filter::kind(name), Filter::all().with_stream(name).with_kind(name)];
        for filter in filters {
            assert!(here.vault.events(filter.clone()).is_err(), "{name:?}");
            assert!(here.vault.cursor("reader", filter.clone()).is_err(), "{name:?}");
            assert!(here.vault.subscribe(filter, |_| {}).is_err(), "{name:?}");
        }
        for (stream, writer) in [(name, "alice"), ("demo", name)] {
            let nothing = [
                WriterLog::head(db, stream, writer).map(|head| head.is_none()),
                WriterLog::entries(db, stream, writer).map(|entries| entries.is_empty()),
                WriterLog::verify(db, stream, writer).map(|()| true),
            ];
            assert!(nothing.into_iter().all(|nothing| nothing.unwrap_or(true)), "{name:?}");
        }
        let _ = Generation::new(name).bump(db);
    }
    here.assert_unharmed();
}
