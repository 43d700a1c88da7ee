//! `export` and `import`: events as one file that verifies by itself.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use causal_vault::limits::PAYLOAD_BYTES_MAX;
use causal_vault::{
    Anchor, Bundle, BundleContents, BundleReport, ErrorKind, Filter, LogVerdict, Position, StoreError, Vault,
    VaultBuilder,
};
use serde_json::{Map, Value, json};

use crate::args::Options;
use crate::screen::{Screen, plural, safe};
use crate::{Broken, Outcome, Verdict, find, trust};

/// Writes a file that is not there yet, or to the standard output in its place.
pub(crate) fn export(vault: &Vault, options: &Options, screen: &mut Screen<'_>) -> Outcome<Verdict> {
    let (filter, path) = (filter(vault, options)?, Path::new(&options.operands[0]));
    if path == Path::new("-") {
        let mut pipe = Pipe { out: screen.out, failed: None };
        let exported = vault.export(filter, &mut pipe);
        pipe.failed.map_or(Ok(()), Err)?;
        return exported.map(|_| Verdict::Well).map_err(judged);
    }
    let file = File::create_new(path).map_err(|error| about(path, error))?;
    match write(vault, filter, file) {
        Ok(report) => tell(&report, None, options, screen),
        Err(error) => {
            // What has no end is no bundle.
            fs::remove_file(path)?;
            Err(error)
        }
    }
}

fn write(vault: &Vault, filter: Filter, file: File) -> Outcome<BundleReport> {
    let mut out = BufWriter::new(file);
    let report = vault.export(filter, &mut out).map_err(judged)?;
    out.flush()?;
    out.get_ref().sync_all()?;
    Ok(report)
}

/// Keeps the error of a write as it was: whether nobody reads any more.
struct Pipe<'a> {
    out: &'a mut dyn Write,
    failed: Option<io::Error>,
}

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes).map_err(|error| {
            let kind = error.kind();
            self.failed = Some(error);
            kind.into()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Creates the vault from a bundle of everything, or continues it where it is there.
pub(crate) fn import(options: &Options, screen: &mut Screen<'_>) -> Outcome<Verdict> {
    let path = Path::new(&options.operands[0]);
    let open = || File::open(path).map(BufReader::new).map_err(|error| about(path, error));
    let bundle = Bundle::open(open()?).map_err(judged)?;
    let (realm, tenant) = (bundle.realm(), bundle.tenant().to_owned());
    if let Some(other) = options.tenant.as_ref().filter(|named| **named != tenant) {
        return Err(format!("the bundle is of tenant {tenant:?}, not of {other:?}").into());
    }
    let trusted = trust::all(options)?;
    if let Some(other) = trusted.iter().find(|trusted| !trusted.is_about(realm, &tenant)) {
        return Err(format!("{} is not about the vault and the tenant of the bundle", other.by).into());
    }
    let anchors: Vec<Anchor> = trusted.iter().map(|trusted| trusted.head.into()).collect();
    let done = match holds_vault(&options.file)? {
        true => settings().open(&options.file)?.for_tenant(&tenant)?.import(open()?, &anchors),
        false => settings().restore(&options.file, open()?, &anchors).map(|(_, done)| done),
    };
    let done = done.map_err(judged)?;
    tell(&done.bundle, Some(done.imported), options, screen)
}

/// An error of a bundle, of the vault that it is written from, or of the two together: whether something is broken.
fn judged(error: StoreError) -> Box<dyn Error + Send + Sync> {
    match error {
        error if error.kind() == ErrorKind::Corrupt => Broken(error).into(),
        error @ StoreError::BundleDiverges { .. } => Broken(error).into(),
        error => error.into(),
    }
}

/// What another vault has accepted, this one accepts.
fn settings() -> VaultBuilder {
    Vault::builder().payload_limit(PAYLOAD_BYTES_MAX)
}

fn holds_vault(file: &Path) -> Outcome<bool> {
    if !file.try_exists()? {
        return Ok(false);
    }
    match Vault::builder().read_only(true).open(file) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn filter(vault: &Vault, options: &Options) -> Outcome<Filter> {
    let mut filter = find::filter(vault, options)?;
    if options.from.is_some() {
        filter = filter.after(Position::new(find::from(options)? - 1));
    }
    Ok(match options.to {
        Some(to) => filter.up_to(Position::new(to)),
        None => filter,
    })
}

fn tell(report: &BundleReport, imported: Option<u64>, options: &Options, screen: &mut Screen<'_>) -> Outcome<Verdict> {
    if options.json {
        screen.json(&object(report, imported))?;
        return Ok(Verdict::Well);
    }
    screen.line(&safe(&report.to_string()))?;
    screen.line(&match imported {
        Some(imported) => format!("imported {}; the others were there", plural(imported, "event")),
        None => format!("exported {}", plural(report.bytes, "byte")),
    })?;
    Ok(Verdict::Well)
}

fn object(report: &BundleReport, imported: Option<u64>) -> Value {
    let mut contents = Map::new();
    match &report.contents {
        BundleContents::Range { after, up_to } | BundleContents::Logs { after, up_to, .. } => {
            contents.insert("from".to_owned(), json!(after.saturating_add(1)));
            contents.insert("to".to_owned(), json!(up_to));
        }
        _ => {}
    }
    if let BundleContents::Logs { stream, writer, .. } = &report.contents {
        contents.insert("stream".to_owned(), json!(stream));
        contents.insert("writer".to_owned(), json!(writer.map(|writer| writer.to_hex())));
    }
    let revoked = report.logs.iter().filter(|log| matches!(log.verdict, LogVerdict::Broken(_))).count();
    json!({
        "realm": report.realm.to_hex(),
        "tenant": report.tenant,
        "part": contents,
        "entries": report.entries,
        "revoked_logs": revoked,
        "payloads": report.payloads,
        "bytes": report.bytes,
        "tree_size": report.tree.size,
        "root": hex::encode(report.tree.root),
        "imported": imported,
    })
}

/// An error of a file says which.
fn about(path: &Path, error: io::Error) -> String {
    format!("{}: {error}", path.display())
}
