//! Which events' texts a tenant wants to search.

use std::collections::{BTreeMap, BTreeSet};

use crate::backend::{Access, Sql};
use crate::causal::schema::{ensure_table, is_present};
use crate::causal::table::{text as table, text_rule, timeline};
use crate::vault::open::Vault;
use crate::words::limits::{TEXT_FIELDS, TEXT_RULES};
use crate::words::{Result, StoreError, check_name};

/// Which texts can be searched: those of events of a kind, or of all kinds that a pattern fits, whole or in some fields.
///
/// ```
/// use causal_vault::TextRule;
///
/// let everything = TextRule::kind("chat.*");
/// let the_title_and_the_first_words = TextRule::kind("page").field("title").field("body.summary");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "a rule is given to Vault::index_text"]
pub struct TextRule {
    kind: String,
    fields: BTreeSet<String>,
}

impl TextRule {
    /// Every string in the payloads of these events: of a MessagePack payload its strings, but not the keys of its maps; of
    /// a payload whose media type is `text/..` all of it, if it is UTF-8. Other payloads have no text. Each `*` in the
    /// pattern stands for any text, or none.
    ///
    /// ```
    /// let rule = causal_vault::TextRule::kind("chat.*");
    /// assert_eq!(rule.pattern(), "chat.*");
    /// ```
    pub fn kind(pattern: impl Into<String>) -> Self {
        Self { kind: pattern.into(), fields: BTreeSet::new() }
    }

    /// Only this field of a MessagePack payload, and others that are named as well: the keys of maps, joined by dots. All
    /// strings within it count, and an array on the way stands for each of its members. A payload that is text itself has
    /// no fields and counts as a whole.
    ///
    /// ```
    /// let rule = causal_vault::TextRule::kind("chat.*").field("messages.text").field("title");
    /// assert_eq!(rule.fields().collect::<Vec<_>>(), ["messages.text", "title"]);
    /// ```
    pub fn field(mut self, path: impl Into<String>) -> Self {
        self.fields.insert(path.into());
        self
    }

    /// The kind or the pattern.
    ///
    /// ```
    /// assert_eq!(causal_vault::TextRule::kind("note").pattern(), "note");
    /// ```
    pub fn pattern(&self) -> &str {
        &self.kind
    }

    /// The fields that count, in order; none means that all do.
    ///
    /// ```
    /// assert_eq!(causal_vault::TextRule::kind("note").fields().count(), 0);
    /// ```
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(String::as_str)
    }

    fn check(&self) -> Result<()> {
        check_name("kind", &self.kind)?;
        if self.fields.len() > TEXT_FIELDS {
            return Err(StoreError::Limit {
                what: "the text rule",
                found: self.fields.len() as u64,
                limit: TEXT_FIELDS as u64,
                unit: "fields",
            });
        }
        for field in &self.fields {
            check_name("field", field)?;
            if field.split('.').any(str::is_empty) {
                return Err(StoreError::InvalidName {
                    what: "field",
                    name: field.clone(),
                    reason: "a part between its dots is empty; give the keys of maps, joined by one dot each",
                });
            }
        }
        Ok(())
    }
}

impl Vault {
    /// Has the texts that this rule means found by [`search`](Self::search): those of events that are stored already, and
    /// of those to come. There is one rule for a pattern; a later one takes its place. A text that several rules mean counts
    /// once.
    ///
    /// Rules are this tenant's, and stand in the store: every handle and process goes by them. The index is filled by
    /// whoever searches, and anew when a rule changes. At most 256 KiB of an event's text are indexed; what comes behind is
    /// cut off between two characters, and not found.
    ///
    /// Refused as [unsupported](crate::ErrorKind::Unsupported): an engine without a full-text index, and a call within a
    /// transaction of the same thread.
    ///
    /// ```
    /// use causal_vault::{Event, Filter, TextRule, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// vault.index_text(TextRule::kind("chat.*"))?;
    /// let alice = vault.named_writer("alice")?;
    /// alice.commit(Event::new("chat.message", "Where is the key?")?.stream("conv:demo"))?;
    /// assert_eq!(vault.search("key", &Filter::all(), 10)?.len(), 1);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn index_text(&self, rule: TextRule) -> Result<()> {
        rule.check()?;
        table::check(self.db())?;
        table::TABLES.iter().chain([&&text_rule::TABLE]).try_for_each(|table| ensure_table(self.db(), table))?;
        let tx = self.db().begin(Access::Write)?;
        let rules = read(&*tx, self.tenant())?;
        if rules.contains(&rule) {
            return Ok(());
        }
        let found = rules.iter().filter(|other| other.kind != rule.kind).count() + 1;
        if found > TEXT_RULES {
            let (found, limit) = (found as u64, TEXT_RULES as u64);
            return Err(StoreError::Limit { what: "the tenant", found, limit, unit: "text rules" });
        }
        text_rule::delete(&*tx, self.tenant(), &rule.kind)?;
        match rule.fields.is_empty() {
            true => text_rule::insert(&*tx, self.tenant(), &rule.kind, "")?,
            false => {
                rule.fields.iter().try_for_each(|field| text_rule::insert(&*tx, self.tenant(), &rule.kind, field))?
            }
        }
        self.restart(&*tx)?;
        self.commit_own(tx)
    }

    /// Takes back the rule for this pattern; false if there is none. What other rules mean is still found.
    ///
    /// ```
    /// use causal_vault::{Event, Filter, TextRule, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// vault.index_text(TextRule::kind("note"))?;
    /// vault.named_writer("alice")?.commit(Event::new("note", "hi")?.stream("conv:demo"))?;
    /// assert!(vault.unindex_text("note")?);
    /// assert!(vault.search("hi", &Filter::all(), 10)?.is_empty());
    /// assert!(!vault.unindex_text("note")?);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn unindex_text(&self, pattern: &str) -> Result<bool> {
        check_name("kind", pattern)?;
        if !is_present(self.db(), &text_rule::TABLE)? {
            return Ok(false);
        }
        let tx = self.db().begin(Access::Write)?;
        if text_rule::delete(&*tx, self.tenant(), pattern)? == 0 {
            return Ok(false);
        }
        self.restart(&*tx)?;
        self.commit_own(tx)?;
        Ok(true)
    }

    /// This tenant's rules, in the order of their patterns.
    ///
    /// ```
    /// use causal_vault::{TextRule, Vault};
    ///
    /// let vault = Vault::in_memory()?;
    /// let rule = TextRule::kind("chat.*").field("text");
    /// vault.index_text(rule.clone())?;
    /// assert_eq!(vault.text_rules()?, [rule]);
    /// # Ok::<(), causal_vault::StoreError>(())
    /// ```
    pub fn text_rules(&self) -> Result<Vec<TextRule>> {
        match is_present(self.db(), &text_rule::TABLE)? {
            true => read(self.db(), self.tenant()),
            false => Ok(Vec::new()),
        }
    }

    fn restart<S: Sql + ?Sized>(&self, sql: &S) -> Result<()> {
        match timeline::size(sql, self.tenant(), timeline::MAIN)? {
            Some((timeline, _)) => table::restart(sql, timeline),
            None => Ok(()),
        }
    }
}

/// A tenant's rules, of a store that has the table.
pub(super) fn read<S: Sql + ?Sized>(sql: &S, tenant: &str) -> Result<Vec<TextRule>> {
    let mut rules = BTreeMap::<String, TextRule>::new();
    for (kind, field) in text_rule::all(sql, tenant)? {
        let rule = rules.entry(kind.clone()).or_insert_with(|| TextRule::kind(kind));
        if !field.is_empty() {
            rule.fields.insert(field);
        }
    }
    Ok(rules.into_values().collect())
}
