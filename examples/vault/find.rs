//! The vault, the tenant and the event that an argument names.

use std::io::ErrorKind;
use std::path::Path;

use causal_vault::{EventId, EventKey, Filter, Fingerprint, Position, StoredEvent, Vault};

use crate::Outcome;
use crate::args::Options;
use crate::screen::short;

/// The tenant of a vault that was opened without naming one.
const DEFAULT: &str = "default";
/// How many candidates of an ambiguous name are listed.
const LISTED: usize = 8;

/// Opens the file to read it, whoever writes it meanwhile.
pub(crate) fn open(file: &Path) -> Outcome<Vault> {
    match std::fs::metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(format!("{}: there is no such file", file.display()).into())
        }
        _ => Ok(Vault::builder().read_only(true).open(file)?),
    }
}

/// The tenants that are asked about: the one that is named, or all.
pub(crate) fn tenants(vault: &Vault, named: Option<&str>) -> Outcome<Vec<Vault>> {
    let all = vault.tenants()?;
    match named {
        None => all.iter().map(|tenant| Ok(vault.for_tenant(tenant)?)).collect(),
        Some(named) if all.iter().any(|tenant| tenant == named) => Ok(vec![vault.for_tenant(named)?]),
        Some(named) => Err(format!("there is no tenant {named:?}; {}", listed(&all)).into()),
    }
}

/// The tenant that is asked about: the one that is named, the only one, or the one of the default name.
pub(crate) fn tenant(vault: &Vault, named: Option<&str>) -> Outcome<Vault> {
    let mut found = tenants(vault, named)?;
    match found.iter().position(|vault| vault.tenant() == DEFAULT) {
        _ if found.len() == 1 => Ok(found.remove(0)),
        Some(default) => Ok(found.remove(default)),
        None if found.is_empty() => Ok(vault.clone()),
        None => Err(format!("say with --tenant which one is meant; {}", listed(&vault.tenants()?)).into()),
    }
}

fn listed(tenants: &[String]) -> String {
    match tenants.len() {
        0 => "the vault has none yet".to_owned(),
        count if count > LISTED => format!("the vault has {count}, of which the first are {:?}", &tenants[..LISTED]),
        _ => format!("the vault has {tenants:?}"),
    }
}

/// The position of `--from`; the first where there is none.
pub(crate) fn from(options: &Options) -> Outcome<u64> {
    match options.from.as_deref().map(str::parse::<u64>) {
        None => Ok(1),
        Some(Ok(from)) => Ok(from.max(1)),
        Some(Err(_)) => Err(format!("--from {:?} is no position", options.from.as_deref().unwrap_or_default()).into()),
    }
}

/// Which events are wanted.
pub(crate) fn filter(vault: &Vault, options: &Options) -> Outcome<Filter> {
    let mut filter = Filter::all();
    if let Some(stream) = &options.stream {
        filter = filter.with_stream(stream);
    }
    if let Some(kind) = &options.kind {
        filter = filter.with_kind(kind);
    }
    if let Some(named) = &options.writer {
        filter = filter.with_writer(writer(vault, named)?);
    }
    Ok(filter)
}

/// A writer, by its name, its fingerprint or the first digits of that.
fn writer(vault: &Vault, named: &str) -> Outcome<Fingerprint> {
    let mut writers: Vec<_> = vault.logs()?.into_iter().map(|log| (log.writer, log.writer_name)).collect();
    writers.sort();
    writers.dedup();
    if let Some((writer, _)) = writers.iter().find(|(_, name)| **name == *named) {
        return Ok(*writer);
    }
    writers.retain(|(writer, _)| named.len() >= 4 && writer.to_hex().starts_with(&named.to_lowercase()));
    match writers.as_slice() {
        [(writer, _)] => Ok(*writer),
        [] => Err(format!("there is no writer {named:?} in tenant {:?}", vault.tenant()).into()),
        several => Err(format!("writer {named:?} could be any of {}; give more digits", several.len()).into()),
    }
}

/// The event that a reference names.
pub(crate) fn event(vault: &Vault, reference: &str) -> Outcome<StoredEvent> {
    let key = key(vault, reference)?;
    Ok(vault.get(key)?)
}

fn key(vault: &Vault, reference: &str) -> Outcome<EventKey> {
    let missing = || Err(format!("there is no event {reference:?} in tenant {:?}", vault.tenant()).into());
    if reference == "HEAD" {
        return match vault.tree_head()?.size {
            0 => missing(),
            size => Ok(Position::new(size).into()),
        };
    }
    if let Ok(position) = reference.parse().map(Position::new)
        && vault.try_get(position)?.is_some()
    {
        return Ok(position.into());
    }
    if let Some(positions) = log_entry(vault, reference)? {
        return match positions.as_slice() {
            [position] => Ok((*position).into()),
            [] => missing(),
            several => {
                Err(format!("{reference:?} stands in several epochs; give one of the positions {several:?}").into())
            }
        };
    }
    if (4..=64).contains(&reference.len()) && reference.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        match vault.hashes_with_prefix(reference, LISTED)?.as_slice() {
            [hash] => return Ok((*hash).into()),
            [] => {}
            several => {
                let several: Vec<_> = several.iter().map(|hash| hash.to_hex()[..16].to_owned()).collect();
                return Err(
                    format!("{reference:?} is the beginning of {}; give more digits", several.join(", ")).into()
                );
            }
        }
    }
    match reference.parse::<EventId>() {
        Ok(id) => Ok(id.into()),
        Err(_) => missing(),
    }
}

/// The positions of `STREAM/WRITER/SEQ`, and `None` where it is nothing of the kind. Either name may hold slashes.
fn log_entry(vault: &Vault, reference: &str) -> Outcome<Option<Vec<Position>>> {
    let Some((log, seq)) = reference.rsplit_once('/') else { return Ok(None) };
    let Ok(seq) = seq.parse() else { return Ok(None) };
    let logs = vault.logs()?;
    let mut positions = Vec::new();
    for (at, _) in log.match_indices('/') {
        let (stream, writer) = (&log[..at], &log[at + 1..]);
        let mut writers: Vec<_> = logs
            .iter()
            .filter(|log| *log.stream == *stream)
            .filter(|log| *log.writer_name == *writer || short(&log.writer.to_hex()) == writer)
            .map(|log| log.writer)
            .collect();
        writers.dedup();
        for writer in writers {
            positions.extend(vault.positions_of(stream, writer, seq)?);
        }
    }
    positions.sort();
    positions.dedup();
    Ok(Some(positions))
}
