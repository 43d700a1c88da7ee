//! The unit tests of agent-store 0.1.2, module by module. Changed is what renaming the dependency changes, and the table
//! that one of them tampers with.

mod generation {
    use causal_vault::{Generation, SqliteBackend, StoreError};

    fn db() -> SqliteBackend {
        let db = SqliteBackend::in_memory().unwrap();
        Generation::ensure_schema(&db).unwrap();
        db
    }

    #[test]
    fn starts_at_zero_then_increments() {
        let db = db();
        let g = Generation::new("report");
        assert_eq!(g.current(&db).unwrap(), 0);
        assert_eq!(g.bump(&db).unwrap(), 1);
        assert_eq!(g.bump(&db).unwrap(), 2);
        assert_eq!(g.current(&db).unwrap(), 2);
    }

    #[test]
    fn counters_are_independent() {
        let db = db();
        let a = Generation::new("a");
        let b = Generation::new("b");
        a.bump(&db).unwrap();
        a.bump(&db).unwrap();
        b.bump(&db).unwrap();
        assert_eq!(a.current(&db).unwrap(), 2);
        assert_eq!(b.current(&db).unwrap(), 1);
    }

    #[test]
    fn set_advances_but_never_rewinds() {
        let db = db();
        let g = Generation::new("report");
        g.set(&db, 10).unwrap();
        assert_eq!(g.current(&db).unwrap(), 10);

        let err = g.set(&db, 3).unwrap_err();
        assert!(matches!(err, StoreError::NonMonotonicGeneration { current: 10, attempted: 3, .. }));
        assert_eq!(g.current(&db).unwrap(), 10);
    }
}

mod doorbell {
    use std::sync::{Arc, Mutex};

    use causal_vault::{CommitEvent, Doorbell};

    #[test]
    fn delivers_events_to_subscribers() {
        let bell = Doorbell::new();
        let seen: Arc<Mutex<Vec<u64>>> = Arc::new(Mutex::new(Vec::new()));
        let seen_clone = Arc::clone(&seen);
        bell.subscribe(move |e| seen_clone.lock().unwrap().push(e.seq));

        bell.ring(&CommitEvent { stream: "conv:x".into(), writer: "alice".into(), seq: 1, content_hash: [0u8; 32] });
        bell.ring(&CommitEvent { stream: "conv:x".into(), writer: "alice".into(), seq: 2, content_hash: [0u8; 32] });

        assert_eq!(*seen.lock().unwrap(), vec![1, 2]);
    }

    #[test]
    fn multiple_subscribers_all_fire() {
        let bell = Doorbell::new();
        let count = Arc::new(Mutex::new(0u32));
        for _ in 0..3 {
            let c = Arc::clone(&count);
            bell.subscribe(move |_| *c.lock().unwrap() += 1);
        }
        bell.ring(&CommitEvent { stream: "s".into(), writer: "w".into(), seq: 1, content_hash: [0u8; 32] });
        assert_eq!(*count.lock().unwrap(), 3);
    }
}

mod fingerprint {
    use causal_vault::Fingerprint;

    #[test]
    fn derivation_is_deterministic() {
        let a = Fingerprint::from_ed25519_pubkey(b"some-ed25519-pubkey-bytes");
        let b = Fingerprint::from_ed25519_pubkey(b"some-ed25519-pubkey-bytes");
        assert_eq!(a, b);
    }

    #[test]
    fn different_keys_differ() {
        let a = Fingerprint::from_ed25519_pubkey(b"key-one");
        let b = Fingerprint::from_ed25519_pubkey(b"key-two");
        assert_ne!(a, b);
    }

    #[test]
    fn hex_round_trips() {
        let fp = Fingerprint::from_ed25519_pubkey(b"round-trip-me");
        let hex = fp.to_hex();
        assert_eq!(hex.len(), 64);
        assert_eq!(Fingerprint::from_hex(&hex), Some(fp));
    }

    #[test]
    fn from_hex_rejects_garbage() {
        assert_eq!(Fingerprint::from_hex("not-hex"), None);
        assert_eq!(Fingerprint::from_hex("dead"), None);
    }
}

mod backend {
    use causal_vault::{Backend, Dialect, SqliteBackend, Value};

    #[test]
    fn round_trips_values() {
        let db = SqliteBackend::in_memory().unwrap();
        db.exec("CREATE TABLE t (i INTEGER, r REAL, s TEXT, b BLOB, n INTEGER)", &[]).unwrap();
        db.exec(
            "INSERT INTO t (i, r, s, b, n) VALUES (?, ?, ?, ?, ?)",
            &[Value::Int(42), Value::Real(1.5), Value::Text("hi".into()), Value::Blob(vec![1, 2, 3]), Value::Null],
        )
        .unwrap();
        let rows = db.query("SELECT i, r, s, b, n FROM t", &[]).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(
            rows[0],
            vec![Value::Int(42), Value::Real(1.5), Value::Text("hi".into()), Value::Blob(vec![1, 2, 3]), Value::Null]
        );
    }

    #[test]
    fn dialect_is_sqlite() {
        let db = SqliteBackend::in_memory().unwrap();
        assert_eq!(db.dialect(), Dialect::Sqlite);
    }

    #[test]
    fn from_connection_wraps_and_shares_the_database() {
        let conn = rusqlite::Connection::open_in_memory().unwrap();
        let db = SqliteBackend::from_connection(conn);

        db.exec("CREATE TABLE t (x INTEGER)", &[]).unwrap();
        db.connection().execute("INSERT INTO t VALUES (7)", []).unwrap();

        let rows = db.query("SELECT x FROM t", &[]).unwrap();
        assert_eq!(rows, vec![vec![Value::Int(7)]]);
    }
}

mod policy {
    use causal_vault::{BackendKind, StorePolicy};

    #[test]
    fn default_is_safe_sqlite() {
        assert_eq!(StorePolicy::default().backend, BackendKind::Sqlite);
    }

    #[test]
    fn deserializes_flat_lowercase_knob() {
        let p: StorePolicy = toml::from_str(r#"backend = "postgres""#).unwrap();
        assert_eq!(p.backend, BackendKind::Postgres);

        let p: StorePolicy = toml::from_str(r#"backend = "sqlite""#).unwrap();
        assert_eq!(p.backend, BackendKind::Sqlite);
    }

    #[test]
    fn empty_config_is_the_default() {
        let p: StorePolicy = toml::from_str("").unwrap();
        assert_eq!(p.backend, BackendKind::Sqlite);
    }

    #[test]
    fn unknown_backend_is_an_error() {
        assert!(toml::from_str::<StorePolicy>(r#"backend = "mongo""#).is_err());
    }
}

mod writer_log {
    use causal_vault::{Backend, SqliteBackend, StoreError, Value, WriterLog};

    fn db() -> SqliteBackend {
        let db = SqliteBackend::in_memory().unwrap();
        WriterLog::ensure_schema(&db).unwrap();
        db
    }

    #[test]
    fn appends_chain_and_verify() {
        let db = db();
        let e1 = WriterLog::append(&db, "conv:x", "alice", b"hello").unwrap();
        let e2 = WriterLog::append(&db, "conv:x", "alice", b"world").unwrap();
        assert_eq!(e1.seq, 1);
        assert_eq!(e1.prev_hash, None);
        assert_eq!(e2.seq, 2);
        assert_eq!(e2.prev_hash, Some(e1.content_hash));
        assert_ne!(e1.content_hash, e2.content_hash);
        WriterLog::verify(&db, "conv:x", "alice").unwrap();
    }

    #[test]
    fn writers_have_independent_sequences() {
        let db = db();
        WriterLog::append(&db, "conv:x", "alice", b"a").unwrap();
        let bob1 = WriterLog::append(&db, "conv:x", "bob", b"b").unwrap();
        assert_eq!(bob1.seq, 1, "each writer's seq starts at 1");
        WriterLog::verify(&db, "conv:x", "alice").unwrap();
        WriterLog::verify(&db, "conv:x", "bob").unwrap();
    }

    #[test]
    fn verify_detects_tampering() {
        let db = db();
        WriterLog::append(&db, "conv:x", "alice", b"original").unwrap();
        WriterLog::append(&db, "conv:x", "alice", b"second").unwrap();
        // The names of stream and writer stand in `vault_log` and `vault_writer`.
        db.exec(
            "UPDATE vault_entry SET payload = ? WHERE seq = 1 AND log = (SELECT l.id FROM vault_log l \
             JOIN vault_writer w ON w.id = l.writer WHERE l.stream = ? AND w.name = ?)",
            &[Value::Blob(b"TAMPERED".to_vec()), Value::Text("conv:x".into()), Value::Text("alice".into())],
        )
        .unwrap();
        let err = WriterLog::verify(&db, "conv:x", "alice").unwrap_err();
        assert!(matches!(err, StoreError::ChainBroken { seq: 1, .. }));
    }

    #[test]
    fn verify_empty_log_is_ok() {
        let db = db();
        WriterLog::verify(&db, "conv:none", "nobody").unwrap();
    }
}
