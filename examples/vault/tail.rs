//! `tail`: the last events, and those to come.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use causal_vault::{Filter, Position, Vault, WatchOptions};

use crate::args::Options;
use crate::screen::Screen;
use crate::{Outcome, Verdict, find, log};

const EVENTS: usize = 10;
/// Without news the file is looked at so often all the same: it may be gone.
const LOOK: Duration = Duration::from_secs(1);

pub(crate) fn run(vault: &Vault, options: &Options, screen: &mut Screen<'_>) -> Outcome<Verdict> {
    let filter = find::filter(vault, options)?;
    let mut seen = vault.tree_head()?.size;
    for line in log::last(vault, &filter, seen, options.count.unwrap_or(EVENTS), options, screen)? {
        screen.line(&line)?;
    }
    screen.out.flush()?;
    if !options.follow {
        return Ok(Verdict::Well);
    }
    let (ring, rung) = sync_channel(1);
    let _subscription = vault.subscribe(Filter::all(), move |_| {
        // One that is not taken yet is enough.
        let _ = ring.try_send(());
    })?;
    let _watcher = vault.watch(WatchOptions::new().after(Position::new(seen)))?;
    loop {
        if rung.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected) {
            return Ok(Verdict::Well);
        }
        let size = vault.tree_head()?.size;
        if size < seen {
            return Err(format!("the vault has {size} events, where it had {seen}: it was rolled back").into());
        }
        for event in vault.events(filter.clone().after(Position::new(seen)).up_to(Position::new(size)))? {
            let line = log::line(&event?, options, screen);
            screen.line(&line)?;
        }
        screen.out.flush()?;
        seen = size;
    }
}
