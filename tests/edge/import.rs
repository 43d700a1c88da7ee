use causal_vault::{
    ChainRule, ErrorKind, Event, Filter, Fingerprint, Generation, ImportReport, SqliteBackend, SqliteOptions,
    StoreError, Value, Vault, WriterLog, import_agent_store, verify_agent_store_import,
};
use serde::Deserialize;

use super::flaky::flaky;
use super::old_store::{OldStore, append};

fn import(store: &OldStore, vault: &Vault) -> causal_vault::Result<ImportReport> {
    import_agent_store(&store.read(), vault)
}

fn payloads(vault: &Vault, stream: &str, writer: &str) -> Vec<String> {
    let entries = WriterLog::entries(vault.backend(), stream, writer).unwrap();
    assert!(entries.iter().map(|entry| entry.seq).eq(1..=entries.len() as u64));
    entries.into_iter().map(|entry| String::from_utf8(entry.payload).unwrap()).collect()
}

fn assert_sound(vault: &Vault) {
    let report = vault.verify(&[]).unwrap();
    assert!(report.is_intact(), "{report:?}");
    verify_agent_store_import(vault).unwrap();
}

#[test]
fn the_file_that_agent_store_wrote_is_imported_whole_and_left_as_it_was() {
    let store = OldStore::golden();
    let before = std::fs::read(store.path()).unwrap();
    let vault = Vault::in_memory().unwrap();
    let report = import(&store, &vault).unwrap();
    assert_eq!(report.imported, 8);
    assert_eq!(report.generations, [("board: größe".to_owned(), 1 << 40), ("report".to_owned(), 3)]);
    let newt = Fingerprint::from_ed25519_pubkey(&[7; 32]).to_hex();
    let found: Vec<_> = report.logs.iter().map(|log| (&*log.stream, &*log.writer, log.entries)).collect();
    let newts = ("conv:größe ✓", &*newt, 2);
    assert_eq!(found, [("conv:demo", "alice", 3), ("conv:demo", "bob", 2), ("conv:größe ✓", "alice", 1), newts]);

    assert_eq!(payloads(&vault, "conv:demo", "alice"), ["hello", "", "\0\0\0"]);
    assert_eq!(payloads(&vault, "conv:demo", "bob"), ["hello, alice", "grüße"]);
    let bytes = &WriterLog::entries(vault.backend(), "conv:größe ✓", &newt).unwrap()[0].payload;
    assert_eq!(*bytes, (0..=255).collect::<Vec<u8>>());
    assert_eq!(Generation::new("board: größe").bump(vault.backend()), Ok((1 << 40) + 1));
    assert_sound(&vault);
    assert_eq!(verify_agent_store_import(&vault).unwrap(), report.logs);

    assert_eq!(std::fs::read(store.path()).unwrap(), before);
    let version: i64 = store.connect().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 7);
}

/// A fuzzer found it: the rows were verified in the order of the index, and copied in their own until the two differed.
#[test]
fn a_store_whose_index_says_otherwise_than_its_rows_is_refused_and_nothing_is_stored() {
    let store = OldStore::golden();
    let mut bytes = std::fs::read(store.path()).unwrap();
    bytes[0x12be..][..3].copy_from_slice(&[1, 0x64, 0x49]);
    std::fs::write(store.path(), &bytes).unwrap();
    let vault = Vault::in_memory().unwrap();
    let error = import(&store, &vault).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("table _agent_store_log") && error.to_string().contains("backup"), "{error}");
    assert_eq!(vault.tree_head().unwrap().size, 0);
}

#[test]
fn a_conversation_keeps_the_order_in_which_its_writers_spoke() {
    let vault = Vault::in_memory().unwrap();
    import(&OldStore::golden(), &vault).unwrap();
    let turns: Vec<_> =
        vault.events(Filter::stream("conv:demo")).unwrap().map(|event| event.unwrap().header.writer_name).collect();
    assert_eq!(turns.iter().map(|name| &**name).collect::<Vec<_>>(), ["alice", "bob", "alice", "bob", "alice"]);
}

#[test]
fn an_imported_entry_is_the_event_that_an_append_makes_and_the_log_goes_on() {
    let vault = Vault::in_memory().unwrap();
    import(&OldStore::small(), &vault).unwrap();
    let next = WriterLog::append(vault.backend(), "conv:demo", "alice", b"alice 4").unwrap();
    assert_eq!(next.seq, 4);
    assert_eq!(payloads(&vault, "conv:demo", "alice"), ["alice 1", "alice 2", "alice 3", "alice 4"]);
    let filter = Filter::stream("conv:demo").with_writer(Fingerprint::named("alice").unwrap());
    let events: Vec<_> = vault.events(filter).unwrap().map(|event| event.unwrap().header).collect();
    for event in &events {
        assert_eq!((&*event.kind, event.content_type()), ("log.entry", "application/octet-stream"));
        assert_eq!(event.extensions, events[3].extensions);
    }
    assert_sound(&vault);
}

/// Numbers begin again in a new epoch, and an old log is not shorter for that.
#[test]
fn an_imported_log_goes_on_in_a_new_epoch_after_a_restore() {
    let store = OldStore::small();
    let vault = Vault::open(store.path()).unwrap();
    import_agent_store(vault.backend(), &vault).unwrap();
    vault.begin_epoch("restored").unwrap();
    assert_eq!(WriterLog::append(vault.backend(), "conv:demo", "alice", b"alice 4").unwrap().seq, 1);
    WriterLog::ensure_schema(vault.backend()).unwrap();
    assert_eq!(import_agent_store(vault.backend(), &vault).unwrap().imported, 0);
    assert_sound(&vault);
}

#[test]
fn where_a_log_came_from_is_an_event_that_its_first_entry_follows() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Provenance {
        format: String,
        stream: String,
        writer: String,
        first_seq: u64,
        last_seq: u64,
        prev_hash: Option<String>,
        hash: String,
    }
    let store = OldStore::small();
    let vault = Vault::in_memory().unwrap();
    let first = import(&store, &vault).unwrap();
    store.append("conv:demo", "bob", b"bob 4");
    let second = import(&store, &vault).unwrap();
    assert_eq!((first.imported, second.imported), (6, 1));
    let hash = |report: &ImportReport| hex::encode(report.logs[1].content_hash);
    let bob = |first_seq, last_seq, prev_hash, hash| Provenance {
        format: "agent-store 0.1.2".into(),
        stream: "conv:demo".into(),
        writer: "bob".into(),
        first_seq,
        last_seq,
        prev_hash,
        hash,
    };
    let origins: Vec<_> = vault.events(Filter::kind("vault.import")).unwrap().map(Result::unwrap).collect();
    assert_eq!(origins.len(), 3);
    assert_eq!(origins[1].decode::<Provenance>().unwrap(), bob(1, 3, None, hash(&first)));
    assert_eq!(origins[2].decode::<Provenance>().unwrap(), bob(4, 4, Some(hash(&first)), hash(&second)));
    for (origin, seq) in [(&origins[1], 1), (&origins[2], 4)] {
        assert_eq!((&*origin.header.stream, &*origin.header.writer_name), ("vault:import", "causal-vault"));
        let follows: Vec<_> = vault.events(Filter::parent(origin)).unwrap().map(Result::unwrap).collect();
        assert_eq!(follows.iter().map(|event| event.header.seq).collect::<Vec<_>>(), [seq]);
        assert_eq!(&*follows[0].header.writer_name, "bob");
    }
    assert_sound(&vault);
}

#[test]
fn importing_again_stores_nothing_even_after_the_log_has_gone_on() {
    let store = OldStore::small();
    let vault = Vault::in_memory().unwrap();
    import(&store, &vault).unwrap();
    let head = vault.tree_head().unwrap();
    assert_eq!(import(&store, &vault).unwrap().imported, 0);
    assert_eq!(vault.tree_head().unwrap(), head);
    WriterLog::append(vault.backend(), "conv:demo", "alice", b"alice 4").unwrap();
    assert_eq!(import(&store, &vault).unwrap().imported, 0);
    assert_sound(&vault);
}

#[test]
fn a_log_that_went_another_way_in_the_vault_is_a_conflict_and_nothing_is_stored() {
    let store = OldStore::small();
    let vault = Vault::in_memory().unwrap();
    WriterLog::append(vault.backend(), "conv:demo", "bob", b"bob 1").unwrap();
    let conflict = |seq| StoreError::ImportConflict { stream: "conv:demo".into(), writer: "bob".into(), seq };
    assert_eq!(import(&store, &vault), Err(conflict(1)));
    assert_eq!(conflict(1).kind(), ErrorKind::Conflict);
    assert_eq!(vault.tree_head().unwrap().size, 1);

    let vault = Vault::in_memory().unwrap();
    import(&store, &vault).unwrap();
    WriterLog::append(vault.backend(), "conv:demo", "bob", b"went on here").unwrap();
    store.append("conv:demo", "bob", b"went on there");
    let size = vault.tree_head().unwrap().size;
    assert_eq!(import(&store, &vault), Err(conflict(4)));
    assert_eq!(vault.tree_head().unwrap().size, size);
}

#[test]
fn an_import_that_is_interrupted_at_any_commit_is_finished_by_the_next() {
    let store = OldStore::empty();
    store.fill(2500, 2);
    let whole = Vault::in_memory().unwrap();
    import(&store, &whole).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut interrupted = 0;
    for commits in 0..=4 {
        let path = folder.path().join(format!("{commits}.vault"));
        Vault::open(&path).unwrap();
        let flaky = Vault::builder().over(flaky(SqliteBackend::open(&path).unwrap(), commits)).unwrap();
        let outcome = import(&store, &flaky);
        drop(flaky);
        let vault = Vault::open(&path).unwrap();
        if outcome.is_err() {
            interrupted += 1;
            if vault.tree_head().unwrap().size > 0 {
                let unfinished = verify_agent_store_import(&vault).unwrap_err();
                assert!(matches!(unfinished, StoreError::NotImported { left: 1250, .. }), "{unfinished}");
            }
        }
        let before = vault.events(Filter::stream("conv:long")).unwrap().count() as u64;
        assert_eq!(import(&store, &vault).unwrap().imported, 2500 - before);
        for writer in ["writer 0", "writer 1"] {
            assert_eq!(payloads(&vault, "conv:long", writer), payloads(&whole, "conv:long", writer));
        }
        assert_sound(&vault);
    }
    assert_eq!(interrupted, 4, "an import of 2,500 entries takes four commits");
}

#[test]
fn a_store_that_is_not_in_order_is_refused_by_entry_and_nothing_is_stored() {
    let set = |what: &str| format!("UPDATE _agent_store_log SET {what} WHERE writer = 'bob' AND seq = 2");
    let broken = |rule| move |error: &StoreError| matches!(error, StoreError::ChainBroken { stream, writer, seq, rule: found, .. } if stream == "conv:demo" && writer == "bob" && (*seq == 2 || *seq == 3) && *found == rule);
    let refused = |part: &'static str| {
        move |error: &StoreError| {
            let text = error.to_string();
            matches!(error, StoreError::ImportRefused { .. } | StoreError::MalformedRow(_)) && text.contains(part)
        }
    };
    // The schema that agent-store made would not let these in.
    let loose = |insert: &str| {
        format!(
            "CREATE TABLE loose (stream TEXT, writer TEXT, seq INTEGER, prev_hash BLOB, content_hash BLOB, payload BLOB,
             PRIMARY KEY (stream, writer, seq));
             INSERT INTO loose SELECT * FROM _agent_store_log; DROP TABLE _agent_store_log;
             ALTER TABLE loose RENAME TO _agent_store_log; {insert}"
        )
    };
    let long = format!("INSERT INTO _agent_store_log VALUES ('{}', 'x', 1, NULL, zeroblob(32), x'')", "s".repeat(129));
    let large = set("payload = zeroblob(1048577)");
    type Case<'a> = (String, Box<dyn Fn(&StoreError) -> bool + 'a>);
    let cases: Vec<Case<'_>> = vec![
        (set("payload = x'00'"), Box::new(broken(ChainRule::EntryHash))),
        (set("content_hash = zeroblob(32)"), Box::new(broken(ChainRule::EntryHash))),
        (set("prev_hash = zeroblob(32)"), Box::new(broken(ChainRule::Previous))),
        (set("prev_hash = NULL"), Box::new(broken(ChainRule::Previous))),
        (set("seq = 9"), Box::new(broken(ChainRule::Sequence))),
        ("DELETE FROM _agent_store_log WHERE writer = 'bob' AND seq = 2".into(), Box::new(broken(ChainRule::Sequence))),
        ("DELETE FROM _agent_store_log WHERE writer = 'bob' AND seq = 1".into(), Box::new(broken(ChainRule::Sequence))),
        (set("seq = 0"), Box::new(refused("stream 'conv:demo' writer 'bob' seq 0"))),
        (set("seq = -7"), Box::new(refused("stream 'conv:demo' writer 'bob' seq -7"))),
        (set("seq = 'two'"), Box::new(refused("stream 'conv:demo' writer 'bob' seq 'two'"))),
        (set("seq = 1.5"), Box::new(refused("writer 'bob' seq 1.5"))),
        (set("stream = x'00ff'"), Box::new(refused("stream X'00FF' writer 'bob' seq 2"))),
        (set("writer = ''"), Box::new(refused("stream 'conv:demo' writer '' seq 2"))),
        (loose("UPDATE _agent_store_log SET stream = NULL WHERE seq = 3"), Box::new(refused("stream NULL writer"))),
        (loose("UPDATE _agent_store_log SET seq = NULL WHERE seq = 3"), Box::new(refused("seq NULL"))),
        (loose("UPDATE _agent_store_log SET payload = NULL WHERE seq = 3"), Box::new(refused("found NULL"))),
        (loose("UPDATE _agent_store_log SET content_hash = NULL WHERE seq = 3"), Box::new(refused("found NULL"))),
        (set("payload = 'text'"), Box::new(refused("entry 2 of stream \"conv:demo\" writer \"bob\""))),
        (set("content_hash = zeroblob(31)"), Box::new(refused("a blob of 31 bytes"))),
        (set("content_hash = zeroblob(33)"), Box::new(refused("a blob of 33 bytes"))),
        (set("prev_hash = 'none'"), Box::new(refused("found text of 4 bytes"))),
        (large, Box::new(refused("1048577 bytes, more than the limit of 1048576 bytes"))),
        (set("stream = char(9) || 'tab', seq = 1"), Box::new(refused("control character"))),
        (set("writer = 'a' || char(0), seq = 1"), Box::new(refused("control character"))),
        (set("stream = CAST(x'01ff' AS TEXT)"), Box::new(|error| error.to_string().contains("not UTF-8"))),
        (long, Box::new(refused("129 bytes, more than the limit of 128 bytes"))),
        (
            "UPDATE _agent_store_log SET stream = 'vault:import', writer = 'causal-vault' WHERE writer = 'bob'".into(),
            Box::new(refused("where imports are recorded")),
        ),
        (
            "INSERT INTO _agent_store_meta VALUES ('down', -1)".into(),
            Box::new(|error| error.to_string().contains("the integer -1")),
        ),
        (
            "INSERT INTO _agent_store_meta VALUES ('', 1)".into(),
            Box::new(|error| matches!(error, StoreError::InvalidName { what: "generation", .. })),
        ),
        (
            "ALTER TABLE _agent_store_log ADD COLUMN note TEXT".into(),
            Box::new(|error| matches!(error, StoreError::Corrupt { what, .. } if what == "table _agent_store_log")),
        ),
        (
            "ALTER TABLE _agent_store_log RENAME TO kept; DROP TABLE _agent_store_meta;
             CREATE VIEW _agent_store_log AS SELECT * FROM kept"
                .into(),
            Box::new(|error| error.kind() == ErrorKind::NotFound),
        ),
    ];
    for (change, expected) in cases {
        let store = OldStore::small();
        store.sql("INSERT INTO _agent_store_meta VALUES ('report', 5)");
        store.sql(&change);
        let vault = Vault::in_memory().unwrap();
        let error = import(&store, &vault).unwrap_err();
        assert!(expected(&error), "{change}: {error:?}");
        assert_eq!(vault.tree_head().unwrap().size, 0, "{change}");
        assert!(Generation::new("report").current(vault.backend()).is_err(), "{change}");
    }
}

#[test]
fn what_is_no_agent_store_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, garbage) = (folder.path().join("missing.db"), folder.path().join("garbage.db"));
    let read_only = SqliteOptions::new().read_only(true);
    assert_eq!(read_only.open(&missing).err().unwrap().kind(), ErrorKind::Denied);
    assert!(!missing.exists());
    std::fs::write(&garbage, "no database ".repeat(1000)).unwrap();
    assert_eq!(read_only.open(&garbage).err().unwrap().kind(), ErrorKind::Corrupt);
    let vault = Vault::in_memory().unwrap();
    let error = import_agent_store(vault.backend(), &vault).unwrap_err();
    assert!(error.to_string().contains("_agent_store_log or _agent_store_meta was not found"), "{error}");
    let acme = vault.for_tenant("acme").unwrap();
    let error = import(&OldStore::small(), &acme).unwrap_err();
    assert!(error.to_string().contains("on tenant \"acme\"") && error.to_string().contains("for_tenant"), "{error}");
    assert!(Vault::builder().over(OldStore::small().read()).is_err());
}

#[test]
fn a_table_without_the_other_is_enough() {
    let store = OldStore::small();
    store.sql("DROP TABLE _agent_store_meta");
    assert_eq!(import(&store, &Vault::in_memory().unwrap()).unwrap().imported, 6);
    let store = OldStore::empty();
    store.sql("DROP TABLE _agent_store_log; INSERT INTO _agent_store_meta VALUES ('report', 5)");
    let vault = Vault::in_memory().unwrap();
    assert_eq!(import(&store, &vault).unwrap().generations, [("report".to_owned(), 5)]);
    assert_eq!(Generation::new("report").bump(vault.backend()), Ok(6));
}

#[test]
fn a_generation_that_is_already_further_stays_there() {
    let store = OldStore::empty();
    store.sql("INSERT INTO _agent_store_meta VALUES ('behind', 5), ('ahead', 9)");
    let vault = Vault::in_memory().unwrap();
    Generation::ensure_schema(vault.backend()).unwrap();
    Generation::new("behind").set(vault.backend(), 7).unwrap();
    import(&store, &vault).unwrap();
    let current = |key| Generation::new(key).current(vault.backend()).unwrap();
    assert_eq!((current("behind"), current("ahead")), (7, 9));
}

#[test]
fn old_tables_in_the_same_file_are_never_passed_over_and_imported_in_place() {
    let store = OldStore::small();
    store.sql("INSERT INTO _agent_store_meta VALUES ('report', 5)");
    let db = SqliteBackend::open(store.path()).unwrap();
    let error = WriterLog::ensure_schema(&db).unwrap_err();
    let what = "stream \"conv:demo\" writer \"alice\"".to_owned();
    assert_eq!(error, StoreError::NotImported { what, left: 3, found: 0 });
    assert!(error.to_string().contains("import_agent_store"), "{error}");
    assert_eq!(
        Generation::ensure_schema(&db),
        Err(StoreError::NotImported { what: "generation \"report\"".into(), left: 5, found: 0 })
    );
    drop(db);

    let vault = Vault::open(store.path()).unwrap();
    assert_eq!(import_agent_store(vault.backend(), &vault).unwrap().imported, 6);
    assert_sound(&vault);
    drop(vault);

    let db = SqliteBackend::open(store.path()).unwrap();
    WriterLog::ensure_schema(&db).unwrap();
    Generation::ensure_schema(&db).unwrap();
    assert_eq!(WriterLog::append(&db, "conv:demo", "alice", b"alice 4").unwrap().seq, 4);
    assert_eq!(Generation::new("report").bump(&db), Ok(6));
    // The old program runs once more beside the new one.
    append(&store.connect(), "conv:new", "carol", b"hello");
    let what = "stream \"conv:new\" writer \"carol\"".to_owned();
    assert_eq!(WriterLog::ensure_schema(&db), Err(StoreError::NotImported { what, left: 1, found: 0 }));
}

#[test]
fn logs_whose_names_no_vault_takes_are_not_passed_over_either() {
    let store = OldStore::empty();
    store.append("conv:demo", "line\nbreak", b"hello");
    let db = SqliteBackend::open(store.path()).unwrap();
    assert!(matches!(WriterLog::ensure_schema(&db), Err(StoreError::NotImported { left: 1, found: 0, .. })));
    store.sql("ALTER TABLE _agent_store_log RENAME TO kept_log");
    assert_eq!(WriterLog::ensure_schema(&db), Ok(()));
}

#[test]
fn rows_that_stand_in_another_order_are_imported_log_by_log() {
    let store = OldStore::small();
    store.sql("UPDATE _agent_store_log SET rowid = 100 - rowid");
    let vault = Vault::in_memory().unwrap();
    assert_eq!(import(&store, &vault).unwrap().imported, 6);
    assert_eq!(payloads(&vault, "conv:demo", "bob"), ["bob 1", "bob 2", "bob 3"]);
    assert_sound(&vault);
}

#[test]
fn a_payload_that_changes_after_the_import_no_longer_has_the_old_hash() {
    let vault = Vault::in_memory().unwrap();
    import(&OldStore::small(), &vault).unwrap();
    let change = "UPDATE vault_entry SET payload = ? WHERE payload = ?";
    let (new, old) = (Value::Blob(b"bob !".to_vec()), Value::Blob(b"bob 2".to_vec()));
    assert_eq!(vault.backend().exec(change, &[new, old]), Ok(1));
    let error = verify_agent_store_import(&vault).unwrap_err();
    assert!(matches!(&error, StoreError::ChainBroken { writer, seq: 3, .. } if writer == "bob"), "{error}");
}

#[test]
fn payloads_larger_than_a_batch_come_over_where_the_vault_allows_them() {
    let store = OldStore::empty();
    for size in [5 << 20, 5 << 20, 20 << 20, 10] {
        store.append("conv:demo", "alice", &vec![7; size]);
    }
    let vault = Vault::builder().payload_limit(20 << 20).in_memory().unwrap();
    assert_eq!(import(&store, &vault).unwrap().imported, 4);
    assert_sound(&vault);
}

#[test]
fn a_subscriber_hears_of_imported_entries() {
    let vault = Vault::in_memory().unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    vault.doorbell().subscribe(move |event| send.send((event.stream.clone(), event.seq)).unwrap());
    import(&OldStore::small(), &vault).unwrap();
    assert_eq!(receive.try_iter().filter(|(stream, _)| stream == "conv:demo").count(), 6);
}

#[test]
fn an_event_that_took_the_id_of_an_entry_is_not_mistaken_for_it() {
    let store = OldStore::small();
    let scout = Vault::in_memory().unwrap();
    import(&store, &scout).unwrap();
    let bob = Filter::stream("conv:demo").with_writer(Fingerprint::named("bob").unwrap());
    let id = scout.events(bob).unwrap().next().unwrap().unwrap().header.id;
    let vault = Vault::in_memory().unwrap();
    vault.named_writer("mallory").unwrap().commit(Event::raw("log.entry", "bob 1").stream("conv:demo").id(id)).unwrap();
    assert!(matches!(import(&store, &vault), Err(StoreError::IdempotencyConflict { differs: "writer", .. })));
}

#[test]
fn a_long_store_comes_over_page_by_page() {
    let store = OldStore::empty();
    store.fill(10_000, 7);
    let vault = Vault::in_memory().unwrap();
    assert_eq!(import(&store, &vault).unwrap().imported, 10_000);
    assert_eq!(import(&store, &vault).unwrap().imported, 0);
    assert_eq!(verify_agent_store_import(&vault).unwrap().iter().map(|log| log.entries).sum::<u64>(), 10_000);
}
