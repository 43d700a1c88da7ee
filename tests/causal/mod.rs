//! Tests of `src/causal` through the public API.

mod checkpoint;
mod doorbell;
mod equivocation;
mod limits;
mod proof;
mod vectors;
mod verify;
mod writer_log;
