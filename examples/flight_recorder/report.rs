//! What a person sees: a bar while it runs, and a summary at the end.

use std::env;
use std::fmt;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressState, ProgressStyle};

use crate::history::Tally;

/// Everything that the summary tells.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) repository: String,
    pub(crate) branches: usize,
    pub(crate) tags: usize,
    pub(crate) tally: Tally,
    pub(crate) elapsed: Duration,
    pub(crate) vault: Option<VaultFacts>,
    pub(crate) check: Check,
}

/// What there is to say about the vault that was recorded into.
#[derive(Debug)]
pub(crate) struct VaultFacts {
    pub(crate) file: String,
    pub(crate) file_bytes: u64,
    pub(crate) events: u64,
    pub(crate) root: String,
    pub(crate) verdict: String,
}

/// The comparison with git, which went well: a difference is an error and there is no summary.
#[derive(Debug, Default)]
pub(crate) struct Check {
    pub(crate) head: bool,
    pub(crate) others: usize,
    pub(crate) paths: u64,
    pub(crate) files_proved: usize,
    pub(crate) elapsed: Duration,
}

/// A bar on standard error, unless nobody is looking.
pub(crate) fn progress(what: &'static str, length: usize) -> ProgressBar {
    // The bar hides by itself where standard error is no terminal.
    if env::var_os("CI").is_some() {
        return ProgressBar::hidden();
    }
    let template = "{msg:>10} {bar:32.cyan/dim} {human_pos}/{human_len} commits  {rate:.dim}  {eta:.dim}";
    let style = ProgressStyle::with_template(template).map(|style| style.progress_chars("━╸─").with_key("rate", rate));
    let bar = ProgressBar::new(length as u64).with_message(what);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tally = &self.tally;
        let mut rows = vec![
            ("repository", self.repository.clone()),
            ("refs", format!("{}, {}", count(self.branches, "branch", "es"), count(self.tags, "tag", "s"))),
            ("recorded", self.recorded()),
            ("speed", speed(tally.recorded, self.elapsed)),
            ("writers", HumanCount(tally.writers.len() as u64).to_string()),
            ("files changed", HumanCount(tally.files_changed).to_string()),
            ("file bytes", deduplicated(tally)),
        ];
        if tally.cut_off > 0 {
            let ends = count(tally.cut_off, "commit", "s");
            rows.push(("shallow clone", format!("{ends} with parents that are not here, kept as a whole tree each")));
        }
        if let Some(vault) = &self.vault {
            rows.push(("vault", format!("{}, {}", vault.file, HumanBytes(vault.file_bytes))));
            rows.push(("events in it", HumanCount(vault.events).to_string()));
            rows.push(("root", vault.root.clone()));
            rows.push(("verify", vault.verdict.clone()));
        }
        rows.push(("self check", self.check.to_string()));
        writeln!(f)?;
        for (label, value) in rows {
            writeln!(f, "  {label:<14}  {value}")?;
        }
        self.chart(f)
    }
}

impl Summary {
    fn recorded(&self) -> String {
        let tally = &self.tally;
        let mut text = format!("{} in {}", count(tally.recorded, "commit", "s"), seconds(self.elapsed));
        if tally.merges > 0 {
            text += &format!(", {} of them", count(tally.merges, "merge", "s"));
        }
        if tally.known_before > 0 {
            text += &format!("; {} there before", HumanCount(tally.known_before));
        }
        text
    }

    /// The ten writers with the most events.
    fn chart(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BAR: u64 = 32;
        let mut writers: Vec<(&String, u64)> =
            self.tally.writers.iter().map(|(name, events)| (name, *events)).collect();
        writers.sort_by(|(a, x), (b, y)| y.cmp(x).then(a.cmp(b)));
        writers.truncate(10);
        let Some((_, most)) = writers.first().copied() else { return Ok(()) };
        let names: Vec<String> = writers.iter().map(|(name, _)| short(name)).collect();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
        writeln!(f)?;
        for (name, (_, events)) in names.iter().zip(&writers) {
            // In half steps, and at least one: no writer is nothing.
            let halves = (events * BAR * 2).div_ceil(most.max(1));
            let bar = format!(
                "{}{}",
                "━".repeat(usize::try_from(halves / 2).unwrap_or(0)),
                ["", "╸"][usize::from(halves % 2 == 1)]
            );
            writeln!(f, "  {name:<width$}  {bar:<32}  {:>9}", HumanCount(*events).to_string())?;
        }
        Ok(())
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = match (self.head, self.others) {
            (true, 0) => "at HEAD".to_owned(),
            (true, others) => format!("at HEAD and at {}", count(others, "other commit", "s")),
            (false, others) => format!("at {}", count(others, "commit", "s")),
        };
        let (paths, files) = (count(self.paths, "path", "s"), count(self.files_proved, "file", "s"));
        let took = seconds(self.elapsed);
        write!(f, "passed: the tree {at} equals git ls-tree -r ({paths}; {files} proved by their bytes, {took})")
    }
}

fn count<N: TryInto<u64>>(number: N, noun: &str, plural: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{} {noun}{}", HumanCount(number), if number == 1 { "" } else { plural })
}

fn seconds(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        0..60 => format!("{:.2} s", elapsed.as_secs_f64()),
        long => format!("{} min {:02} s", long / 60, long % 60),
    }
}

fn speed(events: u64, elapsed: Duration) -> String {
    let per_second = u128::from(events) * 1_000_000 / elapsed.as_micros().max(1);
    match u64::try_from(per_second) {
        Ok(_) if events == 0 => "nothing new".to_owned(),
        Ok(rate) => format!("{} events/s", HumanCount(rate)),
        Err(_) => "too fast to tell".to_owned(),
    }
}

/// The speed as the bar shows it.
fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    // That the bar cannot be drawn is the bar's to handle.
    let _ = write!(out, "{:.0}/s", state.per_sec());
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people is shown with one decimal")]
fn deduplicated(tally: &Tally) -> String {
    let (named, kept) = (HumanBytes(tally.bytes_named), HumanBytes(tally.bytes_kept));
    if tally.bytes_kept == 0 {
        return named.to_string();
    }
    format!("{named} before dedup, {kept} after ({:.1} : 1)", tally.bytes_named as f64 / tally.bytes_kept as f64)
}

/// A name that leaves room for its bar.
fn short(name: &str) -> String {
    const WIDTH: usize = 34;
    if name.chars().count() <= WIDTH {
        return name.to_owned();
    }
    name.chars().take(WIDTH - 1).chain(['…']).collect()
}
