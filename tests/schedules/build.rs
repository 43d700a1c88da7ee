//! Tells the vault's source that a schedule says which thread runs.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(threads_in_turn)");
    println!("cargo::rustc-cfg=threads_in_turn");
    println!("cargo::rerun-if-changed=build.rs");
}
