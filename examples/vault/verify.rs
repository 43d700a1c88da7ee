//! `verify`: everything is checked.

use causal_vault::{Anchor, Break, LogVerdict, TailVerdict, Vault, VerifyReport};
use serde_json::{Value, json};

use crate::args::Options;
use crate::screen::{Colour, Screen, plural, safe};
use crate::trust::{self, Trusted};
use crate::{Outcome, Verdict, find};

pub(crate) fn run(vault: &Vault, options: &Options, screen: &mut Screen<'_>) -> Outcome<Verdict> {
    let trusted = trust::all(options)?;
    let tenants = find::tenants(vault, options.tenant.as_deref())?;
    check(&trusted, &tenants, options)?;
    let mut verdict = Verdict::Well;
    for tenant in &tenants {
        let trusted: Vec<&Trusted> =
            trusted.iter().filter(|trusted| trusted.is_about(tenant.realm(), tenant.tenant())).collect();
        let anchors: Vec<Anchor> = trusted.iter().map(|trusted| trusted.head.into()).collect();
        let report = tenant.verifier().anchors(&anchors).threads(options.threads).run()?;
        if !report.is_intact() {
            verdict = Verdict::Broken;
        }
        let shown = match options.json {
            true => screen.json(&object(tenant, &report)).map_err(Into::into),
            false => page(tenant, &report, &trusted, screen),
        };
        // Whoever reads has seen enough; what was found stays what it is.
        if let Err(error) = shown
            && !crate::is_broken_pipe(&*error)
        {
            return Err(error);
        }
    }
    if tenants.is_empty() {
        screen.line("no tenant has stored anything yet")?;
    }
    Ok(verdict)
}

/// What is trusted must be about what is verified: nothing that was given is left aside in silence.
fn check(trusted: &[Trusted], tenants: &[Vault], options: &Options) -> Outcome<()> {
    if !options.anchors.is_empty() && tenants.len() != 1 {
        return Err(format!("say with --tenant which of {} tenants the --anchor is of", tenants.len()).into());
    }
    match trusted.iter().find(|trusted| !tenants.iter().any(|tenant| trusted.is_about(tenant.realm(), tenant.tenant())))
    {
        Some(other) => Err(format!("{} is not about this vault, or not about the tenant", other.by).into()),
        None => Ok(()),
    }
}

fn page(vault: &Vault, report: &VerifyReport, trusted: &[&Trusted], screen: &mut Screen<'_>) -> Outcome<()> {
    let verdict = match report.is_intact() {
        true => screen.paint(Colour::Good, "intact"),
        false => screen.paint(Colour::Bad, "BROKEN"),
    };
    let (size, root) = (report.tree.size, hex::encode(report.tree.root));
    screen.line(&format!(
        "tenant {}: {verdict}, {} in {}",
        safe(vault.tenant()),
        plural(size, "event"),
        plural(report.logs.len(), "log")
    ))?;
    screen.line(&format!("  tree head   {size}:{}", screen.paint(Colour::Hash, &root)))?;
    for trusted in trusted {
        screen.line(&format!("  trusted     {}", safe(&trusted.by)))?;
    }
    let tail = tail(&report.tail);
    let colour = if is_sound(&report.tail) { Colour::Good } else { Colour::Bad };
    screen.line(&format!("  end         {}", screen.paint(colour, &tail)))?;
    let count = |wanted: fn(&LogVerdict) -> bool| report.logs.iter().filter(|log| wanted(&log.verdict)).count();
    let counts = [
        (count(|verdict| matches!(verdict, LogVerdict::Anchored)), "anchored"),
        (count(|verdict| matches!(verdict, LogVerdict::SignedUnanchored)), "signed, and not anchored to the end"),
        (
            count(|verdict| matches!(verdict, LogVerdict::Unsigned)),
            "unsigned: whoever can write the file could have written them",
        ),
        (count(|verdict| matches!(verdict, LogVerdict::Broken(_))), "broken"),
    ];
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        screen.line(&format!("  {:<11} {what}", plural(count, "log")))?;
    }
    for log in &report.logs {
        if let LogVerdict::Broken(found) = &log.verdict {
            let place = format!("{}/{}: {found}", log.stream, log.writer_name);
            screen.line(&format!("  {} {}", screen.paint(Colour::Bad, "broken     "), safe(&place)))?;
        }
    }
    for found in &report.breaks {
        screen.line(&format!("  {} {}", screen.paint(Colour::Bad, "broken     "), safe(&found.to_string())))?;
    }
    Ok(())
}

fn tail(tail: &TailVerdict) -> String {
    match tail {
        TailVerdict::Consistent { anchored } => format!("what was anchored is there: {}", plural(*anchored, "event")),
        TailVerdict::Diverged { at } => format!("DIVERGED: another history was anchored at {at} events"),
        TailVerdict::Truncated { anchored, found } => {
            format!("TRUNCATED: {anchored} events were anchored, {found} are there")
        }
        _ => "not anchored: a vault that was rolled back would look the same".to_owned(),
    }
}

fn is_sound(tail: &TailVerdict) -> bool {
    !matches!(tail, TailVerdict::Diverged { .. } | TailVerdict::Truncated { .. })
}

fn object(vault: &Vault, report: &VerifyReport) -> Value {
    let tail = match report.tail {
        TailVerdict::Consistent { anchored } => json!({ "verdict": "consistent", "anchored": anchored }),
        TailVerdict::Diverged { at } => json!({ "verdict": "diverged", "at": at }),
        TailVerdict::Truncated { anchored, found } => {
            json!({ "verdict": "truncated", "anchored": anchored, "found": found })
        }
        _ => json!({ "verdict": "unanchored" }),
    };
    let logs = report.logs.iter().map(|log| {
        let (verdict, found) = match &log.verdict {
            LogVerdict::Anchored => ("anchored", None),
            LogVerdict::Broken(found) => ("broken", Some(break_json(found))),
            LogVerdict::SignedUnanchored => ("signed", None),
            _ => ("unsigned", None),
        };
        json!({
            "stream": &*log.stream,
            "writer": log.writer.to_hex(),
            "writer_name": &*log.writer_name,
            "epoch": log.epoch,
            "first": log.first,
            "entries": log.entries,
            "anchored": log.anchored,
            "signed": log.signed,
            "verdict": verdict,
            "break": found,
        })
    });
    json!({
        "tenant": vault.tenant(),
        "intact": report.is_intact(),
        "size": report.tree.size,
        "root": hex::encode(report.tree.root),
        "tail": tail,
        "logs": logs.collect::<Vec<_>>(),
        "breaks": report.breaks.iter().map(break_json).collect::<Vec<_>>(),
    })
}

fn break_json(found: &Break) -> Value {
    json!({
        "position": found.position,
        "seq": found.seq,
        "rule": found.rule.to_string(),
        "found": found.found,
        "expected": found.expected,
    })
}
