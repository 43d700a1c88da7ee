//! Each command, on vaults that are made here.

mod arguments;
mod bundles;
mod following;
mod hostile;
mod proving;
mod reading;
mod rendering;
mod sandbox;
mod verifying;
