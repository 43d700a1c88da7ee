//! Small repositories, made with git, recorded into memory and held against `git ls-tree -r` at every commit.

mod histories;
mod repositories;
mod rest;
mod sandbox;
mod tampering;
