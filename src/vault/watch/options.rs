//! How a vault is watched.

use std::time::Duration;

use crate::vault::Position;

/// The shortest wait between two looks: right after a hint, when a writer may be about to flush.
pub(super) const SHORTEST: Duration = Duration::from_micros(250);
/// The longest wait unless set, where hints are heard and where they are not.
const HEARING: Duration = Duration::from_secs(1);
const DEAF: Duration = Duration::from_millis(4);
const LONGEST: Duration = Duration::from_secs(60);

/// Settings of a [`Watcher`](crate::Watcher).
///
/// ```
/// use std::time::Duration;
/// use causal_vault::{Vault, WatchOptions};
///
/// let vault = Vault::in_memory()?;
/// let watcher = vault.watch(WatchOptions::new().idle(Duration::from_millis(20)))?;
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct WatchOptions {
    pub(super) after: Option<Position>,
    pub(super) hints: bool,
    idle: Option<Duration>,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self { after: None, hints: true, idle: None }
    }
}

impl WatchOptions {
    /// Announces what is committed from now on, and uses the hints of the backend.
    ///
    /// ```
    /// let options = causal_vault::WatchOptions::new();
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Announces first what was committed behind this position, by whomever: the last one that the subscribers know.
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    /// use causal_vault::{Event, Filter, Position, Vault, WatchOptions};
    ///
    /// let vault = Vault::in_memory()?;
    /// vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// let (send, receive) = channel();
    /// let guard = vault.subscribe(Filter::all(), move |header| {
    ///     let _ = send.send(header.position.number());
    /// })?;
    /// let watcher = vault.watch(WatchOptions::new().after(Position::START))?;
    /// assert_eq!(receive.recv_timeout(Duration::from_secs(10)), Ok(1));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn after(mut self, position: Position) -> Self {
        self.after = Some(position);
        self
    }

    /// The longest time between two looks, and so until a commit is noticed of which no hint came. Unless set: a second
    /// where the backend gives hints, 4 milliseconds where it gives none. At least a quarter of a millisecond, at most
    /// a minute.
    ///
    /// ```
    /// use std::time::Duration;
    /// use causal_vault::WatchOptions;
    ///
    /// let options = WatchOptions::new().idle(Duration::from_millis(50));
    /// ```
    pub fn idle(mut self, interval: Duration) -> Self {
        self.idle = Some(interval.clamp(SHORTEST, LONGEST));
        self
    }

    /// Whether hints of the backend are used; they are unless this says otherwise.
    ///
    /// ```
    /// let options = causal_vault::WatchOptions::new().hints(false);
    /// ```
    pub fn hints(mut self, hints: bool) -> Self {
        self.hints = hints;
        self
    }

    pub(super) fn longest(&self, hears: bool) -> Duration {
        self.idle.unwrap_or(if hears { HEARING } else { DEAF })
    }
}
