//! Tests of `src/edge` through the public API.

use causal_vault as store;

mod agent_store_units;
mod bundle;
mod consumer;
mod flaky;
mod import;
mod old_store;
