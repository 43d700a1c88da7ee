//! Which events a reader, a subscriber or a cursor wants.

use super::header::{EventHeader, Position};
use crate::causal::{EventRef, Fingerprint};
use crate::intent::IntentId;
use crate::words::{Result, check_name};

/// Which events are wanted: all that match every part that is given.
///
/// ```
/// use causal_vault::{Event, Filter, Vault};
///
/// let vault = Vault::in_memory()?;
/// let alice = vault.named_writer("alice")?;
/// alice.commit(Event::raw("ledger.mint", "5").stream("ledger"))?;
/// alice.commit(Event::raw("chat.message", "hi").stream("conv:demo"))?;
/// assert_eq!(vault.events(Filter::kind("ledger.*"))?.count(), 1);
/// assert_eq!(vault.events(Filter::stream("ledger").with_kind("chat.*"))?.count(), 0);
/// assert_eq!(vault.events(Filter::all())?.count(), 2);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a filter is given to a reader, a subscription or a cursor"]
pub struct Filter {
    pub(crate) stream: Option<String>,
    pub(crate) writer: Option<Fingerprint>,
    pub(crate) kind: Option<String>,
    pub(crate) parent: Option<EventRef>,
    pub(crate) intent: Option<IntentId>,
    pub(crate) after: Position,
    pub(crate) up_to: Option<Position>,
}

impl Filter {
    /// Every event.
    ///
    /// ```
    /// assert_eq!(causal_vault::Filter::all(), causal_vault::Filter::default());
    /// ```
    pub fn all() -> Self {
        Self::default()
    }

    /// The events of one stream.
    ///
    /// ```
    /// let filter = causal_vault::Filter::stream("ledger");
    /// ```
    pub fn stream(stream: impl Into<String>) -> Self {
        Self::all().with_stream(stream)
    }

    /// The events of one kind, or of all kinds that a pattern fits: each `*` in it stands for any text, or none.
    ///
    /// ```
    /// let mints = causal_vault::Filter::kind("ledger.mint");
    /// let all_of_the_ledger = causal_vault::Filter::kind("ledger.*");
    /// ```
    pub fn kind(pattern: impl Into<String>) -> Self {
        Self::all().with_kind(pattern)
    }

    /// The events of one writer.
    ///
    /// ```
    /// use causal_vault::{Filter, Fingerprint};
    ///
    /// let filter = Filter::writer(Fingerprint::named("alice")?);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn writer(writer: Fingerprint) -> Self {
        Self::all().with_writer(writer)
    }

    /// The events that explicitly follow this one.
    ///
    /// ```
    /// use causal_vault::{Event, Filter, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let question = alice.commit(Event::raw("question", "why?").stream("conv:demo"))?;
    /// alice.commit(Event::raw("answer", "because").stream("conv:demo").parent(&question))?;
    /// assert_eq!(vault.events(Filter::parent(&question))?.count(), 1);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn parent(parent: impl Into<EventRef>) -> Self {
        Self::all().with_parent(parent)
    }

    /// Only those of this stream.
    ///
    /// ```
    /// let filter = causal_vault::Filter::kind("ledger.*").with_stream("ledger");
    /// ```
    pub fn with_stream(mut self, stream: impl Into<String>) -> Self {
        self.stream = Some(stream.into());
        self
    }

    /// Only those of this kind; each `*` stands for any text. See [`kind`](Self::kind).
    ///
    /// ```
    /// let filter = causal_vault::Filter::stream("ledger").with_kind("ledger.*");
    /// ```
    pub fn with_kind(mut self, pattern: impl Into<String>) -> Self {
        self.kind = Some(pattern.into());
        self
    }

    /// Only those of this writer.
    ///
    /// ```
    /// use causal_vault::{Filter, Fingerprint};
    ///
    /// let filter = Filter::stream("ledger").with_writer(Fingerprint::named("alice")?);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn with_writer(mut self, writer: Fingerprint) -> Self {
        self.writer = Some(writer);
        self
    }

    /// Only those that explicitly follow this event. See [`parent`](Self::parent).
    ///
    /// ```
    /// use causal_vault::{EntryHash, EventRef, Filter, Fingerprint};
    ///
    /// let hash = EntryHash::from_bytes([7; 32]);
    /// let parent = EventRef { stream: "ledger".into(), writer: Fingerprint::named("alice")?, seq: 1, hash };
    /// let filter = Filter::stream("ledger").with_parent(parent);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn with_parent(mut self, parent: impl Into<EventRef>) -> Self {
        self.parent = Some(parent.into());
        self
    }

    /// Only those of this intent, as it is seen from the end of what is read: from now, or from the position that the filter
    /// goes [up to](Self::up_to). An id that was retired stands for its successor. For subscribers, who are told of events as
    /// these are committed, it is the intent that an event was put under.
    ///
    /// ```
    /// use causal_vault::{Event, Filter, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// for (text, values) in [("north", [0.0, 1.0]), ("east", [1.0, 0.0]), ("north again", [0.0, 1.0])] {
    ///     alice.commit(Event::raw("note", text).stream("conv:demo").embedding("minilm", &values))?;
    /// }
    /// let north = vault.events(Filter::all())?.next().expect("there are events")?.header.intent;
    /// let filter = Filter::all().with_intent(north.expect("it was assigned"));
    /// assert_eq!(vault.events(filter)?.count(), 2);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn with_intent(mut self, intent: IntentId) -> Self {
        self.intent = Some(intent);
        self
    }

    /// Only those behind this position.
    ///
    /// ```
    /// use causal_vault::{Filter, Position};
    ///
    /// let filter = Filter::all().after(Position::START);
    /// ```
    pub fn after(mut self, position: Position) -> Self {
        self.after = position;
        self
    }

    /// Only those up to this position: the timeline as it was.
    ///
    /// ```
    /// use causal_vault::{Event, Filter, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let alice = vault.named_writer("alice")?;
    /// let first = alice.commit(Event::raw("note", "1").stream("conv:demo"))?;
    /// alice.commit(Event::raw("note", "2").stream("conv:demo"))?;
    /// assert_eq!(vault.events(Filter::all().up_to(first.position))?.count(), 1);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn up_to(mut self, position: Position) -> Self {
        self.up_to = Some(position);
        self
    }

    /// Whether an event is among those that are wanted.
    ///
    /// ```
    /// use causal_vault::{Event, Filter, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let note = vault.named_writer("alice")?.commit(Event::raw("note", "hi").stream("conv:demo"))?;
    /// assert!(Filter::kind("no*").matches(&vault.get(&note)?.header));
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn matches(&self, header: &EventHeader) -> bool {
        self.stream.as_deref().is_none_or(|stream| stream == &*header.stream)
            && self.writer.is_none_or(|writer| writer == header.writer)
            && self.matches_kind(&header.kind)
            && self.parent.as_ref().is_none_or(|parent| header.parents.contains(&parent.hash))
            && self.intent.is_none_or(|intent| header.intent == Some(intent))
            && header.position > self.after
            && self.up_to.is_none_or(|up_to| header.position <= up_to)
    }

    /// A name that no event can have is a mistake, and not a filter that wants nothing.
    pub(crate) fn check(&self) -> Result<()> {
        self.stream.as_deref().map_or(Ok(()), |stream| check_name("stream", stream))?;
        self.kind.as_deref().map_or(Ok(()), |pattern| check_name("kind", pattern))
    }

    pub(super) fn matches_kind(&self, kind: &str) -> bool {
        self.kind.as_deref().is_none_or(|pattern| fits(pattern, kind))
    }
}

/// Each part between two stars is looked for behind the one before it; the first and the last stand at the ends.
pub(super) fn fits(pattern: &str, kind: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return kind == pattern };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let found = kind.strip_prefix(first).and_then(|kind| {
        middle.split('*').try_fold(kind, |kind, part| kind.split_once(part).map(|(_, behind)| behind))
    });
    found.is_some_and(|kind| kind.ends_with(last))
}
