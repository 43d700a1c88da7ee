//! A golden file that says it is something else.

use causal_vault::{ErrorKind, SqliteBackend, SqliteOptions, StoreError, Vault};

use super::Golden;

#[test]
fn a_file_of_a_newer_format_is_refused_by_its_number_and_left_as_it_is() {
    for golden in Golden::all() {
        for newer in ["PRAGMA user_version = 1000", "UPDATE vault_realm SET format = 1000"] {
            let golden = Golden::copy(&golden.version);
            golden.edit(newer);
            let before = std::fs::read(golden.path()).unwrap();
            let error = Vault::open(golden.path()).unwrap_err();
            assert_eq!(error, StoreError::NewerFormat { found: 1000, supported: 1 }, "{newer}");
            assert!(error.to_string().contains("format 1000"), "{error}");
            assert!(std::fs::read(golden.path()).unwrap() == before, "{newer}");
        }
    }
}

#[test]
fn a_file_of_another_application_is_refused_by_its_id_unless_it_is_asked_for() {
    for golden in Golden::all() {
        golden.edit("PRAGMA application_id = 0x47504b47");
        let error = Vault::open(golden.path()).unwrap_err();
        assert!(matches!(error, StoreError::FileRefused { .. }), "{error}");
        assert!(error.to_string().contains("application_id is 0x47504b47"), "{error}");
        assert_eq!(SqliteBackend::open(golden.path()).err(), Some(error));
        let db = SqliteOptions::new().allow_foreign_application(true).open(golden.path()).unwrap();
        let vault = Vault::builder().over(db).unwrap();
        assert!(vault.verify(&[golden.anchor(&vault)]).unwrap().is_intact());
    }
}

#[test]
fn a_file_with_a_table_of_another_schema_is_refused_by_the_tables_name() {
    for golden in Golden::all() {
        golden.edit("ALTER TABLE vault_entry ADD COLUMN colour TEXT");
        let error = Vault::open(golden.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("vault_entry") && error.to_string().contains("schema"), "{error}");
    }
}
