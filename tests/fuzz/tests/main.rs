//! Every target over its corpus and mutations of it; and readers with a mistake, which must be caught.

mod mistakes;
mod seeds;

use causal_vault_fuzz::driver::hold;
use causal_vault_fuzz::{bundle, entry, equivocation, file, import, intents, note, payload, tree_proof};

#[test]
fn a_bundle_that_verifies_is_what_was_exported() {
    hold("bundle", 10_000, 1_000_000, 2_000, bundle::target);
}

#[test]
fn entry_bytes_have_one_reading() {
    hold("entry", 100_000, 10_000_000, 20, entry::target);
}

#[test]
fn proofs_of_equivocation_have_one_reading_and_accuse_nobody_falsely() {
    hold("equivocation", 20_000, 2_000_000, 1_000, equivocation::target);
}

#[test]
fn an_edited_file_is_refused_or_damaged_or_as_it_was() {
    hold("file", 1_500, 200_000, 1, file::target);
}

#[test]
fn an_old_store_is_taken_over_whole_or_not_at_all() {
    hold("import", 1_500, 200_000, 20, import::target);
}

#[test]
fn embeddings_are_counted_or_refused_and_snapshots_have_one_reading() {
    hold("intents", 10_000, 1_000_000, 20, intents::target);
}

#[test]
fn notes_have_one_reading_and_no_text_is_forged() {
    hold("note", 30_000, 3_000_000, 20, note::target);
}

#[test]
fn a_typed_payload_is_one_value_that_is_read_as_it_was_written() {
    hold("payload", 100_000, 10_000_000, 20, payload::target);
}

#[test]
fn proofs_have_one_reading_and_show_nothing_that_is_not_so() {
    hold("tree_proof", 5_000, 500_000, 20, tree_proof::target);
}
