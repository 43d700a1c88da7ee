//! Bundles: a tenant, a stream or a range as one file that verifies offline.
//!
//! ```text
//! frame    tag, length, body: what passes is counted, hashed and bounded
//! header   what the bundle says it is            ┐
//! record   writers, payloads, entries            ┘ bytes
//! single   what an entry can break by itself     ┐
//! standing what events about writers allow       │
//! state    how much is kept of them              │
//! check    the rules of all records together     │
//! log      a log as far as it is there           │ what they must say
//! report   what holds                            ┘
//! export   a vault's rows, checked, to records
//! read     records, checked, to whoever wants them
//! import   records, checked, to a vault's rows
//! ```

/// A rule of the record that a checker is at.
macro_rules! ensure {
    ($self:ident, $rule:ident, $holds:expr, $found:expr, $expected:expr) => {
        if !$holds {
            return Err($self.broken(ChainRule::$rule, $found, $expected));
        }
    };
}

mod check;
mod export;
mod frame;
mod header;
mod import;
mod log;
mod read;
mod record;
mod report;
mod single;
mod standing;
mod state;

pub use header::BundleContents;
pub use import::BundleImport;
pub use read::Bundle;
pub use report::BundleReport;
