//! Small repositories, made with git, recorded into memory and into a vault, and held against `git ls-tree -r` at every commit.

mod histories;
mod purposes;
mod repositories;
mod rest;
mod sandbox;
mod tampering;
mod vaults;
