//! `info`: what the file holds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use causal_vault::{Checkpoint, Position, Value as Cell, Vault};
use serde_json::{Value, json};

use crate::args::Options;
use crate::screen::{Colour, Screen, plural, safe};
use crate::time::utc;
use crate::{Outcome, Verdict, find};

/// How many streams are named.
const STREAMS: usize = 10;

pub(crate) fn run(vault: &Vault, options: &Options, screen: &mut Screen<'_>) -> Outcome<Verdict> {
    let format = match vault.backend().query("SELECT format FROM vault_realm", &[])?.first().and_then(|row| row.first())
    {
        Some(Cell::Int(format)) => *format,
        other => return Err(format!("the format is {other:?}, which is no number").into()),
    };
    let (bytes, log_bytes) = (length(&options.file), length(&beside(&options.file, "-wal")));
    let tenants = find::tenants(vault, options.tenant.as_deref())?;
    let tenants = tenants.iter().map(Tenant::read).collect::<Outcome<Vec<_>>>()?;
    if options.json {
        screen.json(&json!({
            "realm": vault.realm().to_hex(),
            "format": format,
            "file_bytes": bytes,
            "log_bytes": log_bytes,
            "tenants": tenants.iter().map(Tenant::json).collect::<Vec<_>>(),
        }))?;
        return Ok(Verdict::Well);
    }
    screen.line(&format!("realm    {}", vault.realm()))?;
    screen.line(&format!("format   {format}"))?;
    screen.line(&format!("file     {bytes} bytes, and {log_bytes} in the log beside it"))?;
    if tenants.is_empty() {
        screen.line("no tenant has stored anything yet")?;
    }
    tenants.iter().try_for_each(|tenant| tenant.show(screen))?;
    Ok(Verdict::Well)
}

/// One tenant in numbers. As everything here, it is what the file says.
struct Tenant {
    name: String,
    events: u64,
    root: String,
    logs: usize,
    signed: usize,
    named: usize,
    streams: Vec<(String, u64)>,
    first: Option<i64>,
    last: Option<i64>,
    checkpoints: usize,
    newest: Option<(String, u64, usize)>,
}

impl Tenant {
    fn read(vault: &Vault) -> Outcome<Self> {
        let head = vault.tree_head()?;
        let time = |position| {
            Ok::<_, causal_vault::StoreError>(
                vault.try_get(Position::new(position))?.map(|event| event.header.timestamp),
            )
        };
        let logs = vault.logs()?;
        let mut streams = BTreeMap::<String, u64>::new();
        for log in &logs {
            let events = streams.entry(log.stream.to_string()).or_default();
            *events = events.saturating_add(log.entries);
        }
        let mut streams: Vec<_> = streams.into_iter().collect();
        streams.sort_by_key(|(_, events)| std::cmp::Reverse(*events));
        let writers: BTreeSet<_> = logs.iter().map(|log| (log.writer, log.public_key.is_some())).collect();
        let signed = writers.iter().filter(|(_, signs)| *signs).count();
        let checkpoints = vault.checkpoints()?;
        let newest = match checkpoints.last() {
            None => None,
            Some(note) => {
                let checkpoint: Checkpoint = note.text().parse()?;
                Some((checkpoint.origin().to_owned(), checkpoint.head().size, note.signatures().len()))
            }
        };
        Ok(Self {
            name: vault.tenant().to_owned(),
            events: head.size,
            root: hex::encode(head.root),
            logs: logs.len(),
            signed,
            named: writers.len() - signed,
            streams,
            first: time(1)?,
            last: time(head.size)?,
            checkpoints: checkpoints.len(),
            newest,
        })
    }

    fn json(&self) -> Value {
        json!({
            "tenant": self.name,
            "events": self.events,
            "root": self.root,
            "logs": self.logs,
            "signed_writers": self.signed,
            "named_writers": self.named,
            "streams": self.streams.iter().map(|(name, events)| json!({ "stream": name, "events": events })).collect::<Vec<_>>(),
            "first_ms": self.first,
            "last_ms": self.last,
            "checkpoints": self.checkpoints,
            "newest_checkpoint": self.newest.as_ref().map(|(origin, size, signatures)| {
                json!({ "origin": origin, "size": size, "signatures": signatures })
            }),
        })
    }

    fn show(&self, screen: &mut Screen<'_>) -> Outcome<()> {
        screen.line("")?;
        screen.line(&format!("tenant   {}", screen.paint(Colour::Good, &safe(&self.name))))?;
        screen.line(&format!("  events      {}", self.events))?;
        if let (Some(first), Some(last)) = (self.first, self.last) {
            screen.line(&format!("  claimed     {} to {}", utc(first), utc(last)))?;
        }
        let (logs, signed, named) = (self.logs, self.signed, self.named);
        screen.line(&format!("  writers     {signed} with a key, {named} by name, in {}", plural(logs, "log")))?;
        screen.line(&format!("  tree head   {}:{}", self.events, screen.paint(Colour::Hash, &self.root)))?;
        match &self.newest {
            None => screen.line("  checkpoints none")?,
            Some((origin, size, signatures)) => screen.line(&format!(
                "  checkpoints {}, the newest of {} by {} with {}",
                self.checkpoints,
                plural(*size, "event"),
                safe(origin),
                plural(*signatures, "signature"),
            ))?,
        }
        for (at, (stream, events)) in self.streams.iter().take(STREAMS).enumerate() {
            let title = if at == 0 { "streams" } else { "" };
            screen.line(&format!("  {title:<11} {events:>8} {}", safe(stream)))?;
        }
        match self.streams.len().saturating_sub(STREAMS) {
            0 => Ok(()),
            more => Ok(screen.line(&format!("  {:<11} {:>8} streams more", "", more))?),
        }
    }
}

fn length(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |file| file.len())
}

fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}
