//! `log`: the events, newest first.

use std::collections::VecDeque;

use causal_vault::{Filter, Position, StoredEvent, Vault};
use serde_json::Value;

use crate::args::Options;
use crate::screen::{Screen, safe_json};
use crate::{Outcome, Verdict, event, find};

/// Positions that are looked at together at first, and at most.
const WINDOW: u64 = 64;
const WINDOW_MAX: u64 = 1 << 16;

pub(crate) fn run(vault: &Vault, options: &Options, screen: &mut Screen<'_>) -> Outcome<Verdict> {
    let filter = find::filter(vault, options)?;
    let size = vault.tree_head()?.size;
    let (from, to) = (find::from(options)?, options.to.unwrap_or(size).min(size));
    let mut left = options.count.unwrap_or(usize::MAX);
    if options.reverse {
        let range = filter.after(Position::new(from - 1)).up_to(Position::new(to));
        for event in vault.events(range)?.take(left) {
            let line = line(&event?, options, screen);
            screen.line(&line)?;
        }
        return Ok(Verdict::Well);
    }
    let mut window = Window { end: to, width: WINDOW };
    while let Some(range) = window.back(from).filter(|_| left > 0) {
        let lines = last_lines(vault, filter.clone(), range, left, options, screen)?;
        window.widen(lines.len());
        left -= lines.len();
        lines.iter().rev().try_for_each(|line| screen.line(line))?;
    }
    Ok(Verdict::Well)
}

/// An event as the options want it shown.
pub(crate) fn line(event: &StoredEvent, options: &Options, screen: &Screen<'_>) -> String {
    match options.json {
        true => safe_json(&Value::Object(event::json(event)).to_string()),
        false => event::line(event, screen),
    }
}

/// The last `most` lines of the events up to `end`, oldest first.
pub(crate) fn last(
    vault: &Vault,
    filter: &Filter,
    end: u64,
    most: usize,
    options: &Options,
    screen: &Screen<'_>,
) -> Outcome<VecDeque<String>> {
    let mut found = VecDeque::new();
    let mut window = Window { end, width: WINDOW };
    while let Some(range) = window.back(1).filter(|_| found.len() < most) {
        let lines = last_lines(vault, filter.clone(), range, most - found.len(), options, screen)?;
        window.widen(lines.len());
        lines.into_iter().rev().for_each(|line| found.push_front(line));
    }
    Ok(found)
}

/// The last lines of a range: events are read forward, so that memory holds the lines of a window and no more.
fn last_lines(
    vault: &Vault,
    filter: Filter,
    (after, up_to): (u64, u64),
    most: usize,
    options: &Options,
    screen: &Screen<'_>,
) -> Outcome<VecDeque<String>> {
    let mut lines = VecDeque::new();
    for event in vault.events(filter.after(Position::new(after)).up_to(Position::new(up_to)))? {
        if lines.len() == most {
            lines.pop_front();
        }
        lines.push_back(line(&event?, options, screen));
    }
    Ok(lines)
}

/// A stretch of positions that moves towards the beginning, and grows where little is found in it.
struct Window {
    end: u64,
    width: u64,
}

impl Window {
    /// The next stretch, as the positions it lies behind and ends with.
    fn back(&mut self, from: u64) -> Option<(u64, u64)> {
        if self.end < from {
            return None;
        }
        let up_to = self.end;
        self.end = up_to.saturating_sub(self.width).max(from - 1);
        Some((self.end, up_to))
    }

    fn widen(&mut self, found: usize) {
        if (found as u64) < WINDOW {
            self.width = (self.width * 2).min(WINDOW_MAX);
        }
    }
}
