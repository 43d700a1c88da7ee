#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    causal_vault_fuzz::intents::target(data);
});

/// Without libFuzzer: the files that are named on the command line, to look at what it found.
#[cfg(not(fuzzing))]
fn main() {
    causal_vault_fuzz::replay(causal_vault_fuzz::intents::target);
}
