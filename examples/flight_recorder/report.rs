//! What a person sees: a bar while it runs, and a summary at the end.

use std::env;
use std::fmt;
use std::time::Duration;

use causal_vault::limits::PARENTS;
use causal_vault::{TailVerdict, VerifyReport};
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressState, ProgressStyle};

use crate::census::Census;
use crate::history::Tally;
use crate::purpose::Purposes;

/// Everything that the summary tells.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) repository: String,
    pub(crate) branches: usize,
    pub(crate) tags: usize,
    pub(crate) tally: Tally,
    pub(crate) elapsed: Duration,
    pub(crate) vault: VaultFacts,
    pub(crate) check: Check,
    pub(crate) purposes: Purposes,
}

/// What there is to say about the vault that was recorded into. It is intact: otherwise there is no summary.
#[derive(Debug)]
pub(crate) struct VaultFacts {
    pub(crate) file: String,
    pub(crate) file_bytes: u64,
    pub(crate) is_kept: bool,
    pub(crate) census: Census,
    pub(crate) root: String,
    pub(crate) verdict: VerifyReport,
    pub(crate) verified_in: Duration,
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

/// Says on standard error what is going on while `work` does it.
pub(crate) fn waiting<T>(what: &'static str, work: impl FnOnce() -> T) -> T {
    let spinner = ProgressBar::no_length().with_message(what);
    if env::var_os("CI").is_some() {
        return work();
    }
    let style = ProgressStyle::with_template("{msg:>10} {spinner:.cyan}");
    spinner.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    spinner.enable_steady_tick(Duration::from_millis(100));
    let value = work();
    spinner.finish_and_clear();
    value
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let census = &self.vault.census;
        let refs = format!("{}, {}", count(self.branches, "branch", "es"), count(self.tags, "tag", "s"));
        rows(f, &[("repository", &self.repository), ("refs", &refs), ("recorded", &self.recorded())])?;
        let mut facts = vec![
            ("vault", self.vault.file()),
            ("events", self.vault.events()),
            ("writers", HumanCount(census.writers.len() as u64).to_string()),
            ("files changed", HumanCount(census.files_changed).to_string()),
            ("payload bytes", deduplicated(census)),
        ];
        if census.wide_merges > 0 {
            let merges = count(census.wide_merges, "merge", "s");
            facts.push((
                "wide merges",
                format!("{merges} of more than {PARENTS} parents: the event names the first, its payload all"),
            ));
        }
        if census.cut_off > 0 {
            let ends = count(census.cut_off, "commit", "s");
            facts.push(("shallow clone", format!("{ends} without parents here, kept as a whole tree each")));
        }
        facts.push(("root", self.vault.root.clone()));
        rows(f, &facts)?;
        rows(f, &[("verify", &self.vault.verdict()), ("self check", &self.check.to_string())])?;
        self.chart(f)?;
        self.purposes.fmt(f)
    }
}

/// Aligned rows after an empty line; a row of several lines goes on under its value.
fn rows(f: &mut fmt::Formatter<'_>, rows: &[(&str, impl AsRef<str>)]) -> fmt::Result {
    writeln!(f)?;
    for (label, value) in rows {
        for (at, line) in value.as_ref().lines().enumerate() {
            writeln!(f, "  {:<14}  {line}", if at == 0 { label } else { "" })?;
        }
    }
    Ok(())
}

impl VaultFacts {
    fn file(&self) -> String {
        let bytes = HumanBytes(self.file_bytes);
        if self.is_kept {
            return format!("{}, {bytes}", self.file);
        }
        format!("a temporary file, {bytes}; --vault FILE keeps it")
    }

    fn verdict(&self) -> String {
        let anchored = match self.verdict.tail {
            TailVerdict::Consistent { anchored } => format!("anchored at {}", count(anchored, "event", "s")),
            _ => "unanchored".to_owned(),
        };
        format!("intact, {anchored}: every hash, link and payload, in {}", seconds(self.verified_in))
    }

    fn events(&self) -> String {
        let commits = count(self.census.events, "commit", "s");
        match self.census.merges {
            0 => commits,
            merges => format!("{commits} ({})", count(merges, "merge", "s")),
        }
    }
}

impl Summary {
    fn recorded(&self) -> String {
        let Tally { recorded, known_before, .. } = self.tally;
        let before = match known_before {
            0 => String::new(),
            known => format!("{} there before", HumanCount(known)),
        };
        match (recorded, known_before) {
            (0, _) => format!("nothing new: {before}"),
            (_, 0) => self.speed(),
            _ => format!("{}; {before}", self.speed()),
        }
    }

    fn speed(&self) -> String {
        let took = seconds(self.elapsed);
        let commits = count(self.tally.recorded, "commit", "s");
        let per_second = u128::from(self.tally.recorded) * 1_000_000 / self.elapsed.as_micros().max(1);
        let rate = HumanCount(u64::try_from(per_second).unwrap_or(u64::MAX));
        format!("{commits} in {took}: {rate} events/s")
    }

    /// The ten writers with the most events.
    fn chart(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BAR: u64 = 32;
        let mut writers: Vec<(&String, u64)> =
            self.vault.census.writers.iter().map(|(name, events)| (name, *events)).collect();
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
        write!(f, "passed: the tree {at} equals git ls-tree -r\n{paths}; {files} proved by their bytes, in {took}")
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

/// The speed as the bar shows it.
fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    // That the bar cannot be drawn is the bar's to handle.
    let _ = write!(out, "{:.0}/s", state.per_sec());
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people is shown with one decimal")]
fn deduplicated(census: &Census) -> String {
    let (named, stored) = (HumanBytes(census.bytes_named), HumanBytes(census.bytes_stored));
    let ratio = census.bytes_named as f64 / census.bytes_stored.max(1) as f64;
    format!("{named} before dedup, {stored} after ({ratio:.1} : 1)")
}

/// A name that leaves room for its bar.
pub(crate) fn short(name: &str) -> String {
    clip(name, 34)
}

/// The beginning of a text that is too long for its place.
pub(crate) fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}
