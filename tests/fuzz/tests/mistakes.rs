//! What each target must catch.

use std::path::Path;

use causal_vault::{
    Bundle, ConsistencyProof, EntryV1, Equivocation, Event, ImportReport, InclusionProof, IntentStore, SignedNote,
    SqliteBackend, SqliteOptions, StoreError, TailVerdict, TreeHead, Vault, import_agent_store, verify_consistency,
    verify_inclusion,
};
use causal_vault_fuzz::driver::caught;
use causal_vault_fuzz::{bundle, entry, equivocation, file, import, intents, note, payload, tree_proof};
use rmp_serde::Deserializer;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

#[test]
fn a_bundle_whose_anchor_is_taken_on_trust_is_caught() {
    caught("bundle", 10_000, |data| {
        bundle::target_with(data, |data, anchor| {
            Bundle::open(data)?;
            Ok(TailVerdict::Consistent { anchored: anchor.size })
        })
    });
}

#[test]
fn an_entry_decoder_that_overlooks_what_follows_is_caught() {
    let encoded = |data: &[u8]| EntryV1::decode(data).ok()?.encode().ok();
    caught("entry", 1_000, |data| {
        entry::target_with(data, |data| encoded(data).or_else(|| encoded(data.get(..data.len().checked_sub(1)?)?)))
    });
}

#[test]
fn an_entry_decoder_that_reads_every_version_as_its_own_is_caught() {
    caught("entry", 10_000, |data| {
        entry::target_with(data, |data| {
            let (_, rest) = data.split_first_chunk::<8>()?;
            EntryV1::decode(&[b"CVENTRY\x01", rest].concat()).ok()?.encode().ok()
        })
    });
}

#[test]
fn a_reader_of_proofs_that_overlooks_what_follows_or_repairs_what_it_reads_is_caught() {
    let read = |data: &[u8]| Equivocation::from_bytes(data).ok();
    let shorter = |data: &[u8]| (1..=8).find_map(|more| read(data.get(..data.len().checked_sub(more)?)?));
    caught("equivocation", 100_000, |data| {
        equivocation::target_with(data, |data| read(data).or_else(|| shorter(data)))
    });
    caught("equivocation", 10_000, |data| {
        equivocation::target_with(data, |data| {
            let (_, rest) = data.split_first_chunk::<8>()?;
            read(&[b"CVEQUIV\x01", rest].concat())
        })
    });
}

#[test]
fn a_reader_of_snapshots_that_overlooks_what_follows_is_caught() {
    let shorter =
        |data: &[u8]| (1..=8).find_map(|more| IntentStore::restore(data.get(..data.len().checked_sub(more)?)?).ok());
    caught("intents", 10_000, |data| {
        intents::target_with(data, |data| IntentStore::restore(data).or_else(|error| shorter(data).ok_or(error)))
    });
}

#[test]
fn a_note_parser_that_trims_is_caught() {
    let verifier = note::signer().verifier();
    caught("note", 10_000, |data| {
        let trims = |text: &str| format!("{}\n", text.trim()).parse::<SignedNote>().ok();
        note::target_with(data, trims, |note| note.verify(&verifier).is_ok())
    });
}

#[test]
fn a_verifier_that_only_looks_for_a_signature_is_caught() {
    caught("note", 10_000, |data| {
        note::target_with(data, |text| text.parse().ok(), |note| note.signatures()[0].name() == note::signer().name())
    });
}

#[test]
fn a_bridge_that_lets_serde_decide_is_caught() {
    fn lax<T: DeserializeOwned>(mut bytes: &[u8]) -> Option<T> {
        T::deserialize(&mut Deserializer::new(&mut bytes)).ok()
    }
    caught("payload", 10_000, |data| payload::target_with(data, &lax::<IgnoredAny>, &lax));
    let strict = |bytes: &[u8]| {
        let mut rest = bytes;
        let value = IgnoredAny::deserialize(&mut Deserializer::new(&mut rest)).ok()?;
        rest.is_empty().then_some(value)
    };
    caught("payload", 100_000, |data| payload::target_with(data, &strict, &|_| None));
}

#[test]
fn a_proof_of_another_size_is_caught() {
    caught("tree_proof", 10_000, |data| {
        let includes = |proof: &InclusionProof, leaf: &_, head: &TreeHead| {
            proof.index < proof.size
                && (proof.path.is_empty() || verify_inclusion(leaf, proof.index, proof.size, &proof.path, &head.root))
        };
        tree_proof::target_with(data, includes, |_, _, _| false)
    });
    caught("tree_proof", 10_000, |data| {
        let continues = |proof: &ConsistencyProof, older: &TreeHead, newer: &TreeHead| {
            proof.from == proof.to || verify_consistency(proof.from, &older.root, proof.to, &newer.root, &proof.path)
        };
        tree_proof::target_with(data, |_, _, _| false, continues)
    });
}

#[test]
fn a_verification_that_believes_the_file_is_caught() {
    caught("file", 5_000, |data| file::target_with(data, |_, _| Ok(true)));
}

#[test]
fn an_import_that_stores_before_it_has_read_is_caught() {
    caught("import", 5_000, |data| {
        import::target_with(data, |path, vault| {
            vault.named_writer("early")?.commit(Event::raw("early", "").stream("s"))?;
            real(path, vault)
        })
    });
}

#[test]
fn an_import_that_overlooks_a_broken_chain_is_caught() {
    caught("import", 5_000, |data| {
        import::target_with(data, |path, vault| match real(path, vault) {
            Err(StoreError::ChainBroken { .. }) => {
                let empty = SqliteBackend::in_memory()?;
                empty.connection().execute_batch(import::SCHEMA).expect("a schema");
                import_agent_store(&empty, vault)
            }
            other => other,
        })
    });
}

fn real(path: &Path, vault: &Vault) -> Result<ImportReport, StoreError> {
    import_agent_store(&SqliteOptions::new().read_only(true).open(path)?, vault)
}
