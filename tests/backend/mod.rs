//! Tests of `src/backend` through the public API.

#[cfg(feature = "conformance")]
mod conformance;
mod connection;
mod faults;
mod opening;
mod processes;
mod settings;
mod threads;

use std::path::Path;

use causal_vault::{Backend, ErrorKind, StoreError, Value};

/// A table of one column to keep score in.
fn ensure_notes(db: &dyn Backend) {
    db.exec("CREATE TABLE IF NOT EXISTS note (n INTEGER)", &[]).unwrap();
}

fn note(db: &dyn Backend, n: i64) {
    assert_eq!(db.exec("INSERT INTO note VALUES (?)", &[Value::Int(n)]), Ok(1));
}

fn notes(db: &dyn Backend) -> Vec<i64> {
    let rows = db.query("SELECT n FROM note ORDER BY n", &[]).unwrap();
    rows.into_iter().map(|row| if let [Value::Int(n)] = row[..] { n } else { panic!("{row:?}") }).collect()
}

/// The error is of this kind, names the file and gives this advice.
#[track_caller]
fn assert_explains(error: &StoreError, kind: ErrorKind, path: &Path, advice: &str) {
    let message = error.to_string();
    assert_eq!(error.kind(), kind, "{message}");
    assert!(message.contains(&path.display().to_string()), "{message:?} does not name {}", path.display());
    assert!(message.contains(advice), "{message:?} does not advise {advice:?}");
}

/// Runs `work` on a thread whose file permissions count, even where the tests run as root.
fn without_privileges<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            #[cfg(target_os = "linux")]
            {
                use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
                let mut sets = capabilities(None).unwrap();
                sets.effective -= CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
                set_capabilities(None, sets).unwrap();
            }
            work()
        });
        thread.join().unwrap()
    })
}
