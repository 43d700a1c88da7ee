//! Reading the real vault, and comparing what it says with the model.

use causal_vault::{
    EventKey, EventRef, Filter, LogVerdict, PayloadDigest, Position, StoredEvent, TailVerdict, TreeHead,
};

use super::naive::{KINDS, Naive, STREAMS};
use super::operations::Look;
use super::world::World;

fn position(number: u64) -> Position {
    serde_json::from_value(number.into()).unwrap()
}

impl World {
    /// What every step must leave in order.
    pub(super) fn compare(&self, look: &Look) {
        self.compare_surroundings();
        for tenant in 0..2 {
            let size = self.model.tenants[tenant].len();
            let head = TreeHead { size: size as u64, root: self.model.root(tenant, size) };
            assert_eq!(self.vault(tenant).tree_head(), Ok(head));
        }
        let everything =
            Look { stream: None, writer: None, kind: None, parent: None, after: None, up_to: None, ..*look };
        self.compare_filter(&everything);
        self.compare_filter(look);
        if !self.model.tenants[look.tenant].is_empty() {
            self.compare_event(look.tenant, look.event % self.model.tenants[look.tenant].len());
        }
    }

    /// Everything about everything.
    pub(super) fn compare_all(&self) {
        for tenant in 0..2 {
            for at in 0..self.model.tenants[tenant].len() {
                self.compare_event(tenant, at);
            }
            let report = self.vault(tenant).verify(&self.anchors[tenant]).unwrap();
            assert!(report.is_intact(), "{report}");
            let newest = self.anchors[tenant].iter().map(|anchor| anchor.size).max();
            assert_eq!(
                report.tail,
                newest.map_or(TailVerdict::Unanchored, |anchored| TailVerdict::Consistent { anchored })
            );
            for log in &report.logs {
                let entries = self.model.tenants[tenant].iter().enumerate().filter(|(_, event)| {
                    STREAMS[event.stream] == &*log.stream && self.model.writers[event.writer] == log.writer
                });
                let last = entries.clone().next_back().unwrap();
                assert_eq!((log.first, log.entries), (1, entries.clone().count() as u64));
                let anchored =
                    entries.filter(|(at, _)| newest.is_some_and(|newest| (*at as u64) < newest)).count() as u64;
                let is_signed = [1, 2].contains(&last.1.writer);
                assert_eq!((log.anchored, log.signed), (anchored, if is_signed { log.entries } else { 0 }));
                let beyond = if is_signed { LogVerdict::SignedUnanchored } else { LogVerdict::Unsigned };
                let expected = [(1, anchored, LogVerdict::Anchored), (anchored + 1, log.entries, beyond)];
                let ranges = log.ranges().into_iter().map(|range| (range.first, range.last, range.verdict));
                assert!(ranges.eq(expected.into_iter().filter(|(first, last, _)| first <= last)), "{log:?}");
                let expected = match (newest, is_signed) {
                    (Some(newest), _) if (last.0 as u64) < newest => LogVerdict::Anchored,
                    (_, true) => LogVerdict::SignedUnanchored,
                    (_, false) => LogVerdict::Unsigned,
                };
                assert_eq!(log.verdict, expected);
            }
        }
    }

    fn compare_filter(&self, look: &Look) {
        let mut filter = Filter::all();
        filter = look.stream.into_iter().fold(filter, |filter, stream| filter.with_stream(STREAMS[stream]));
        filter = look.writer.into_iter().fold(filter, |filter, writer| filter.with_writer(self.model.writers[writer]));
        filter = look.kind.into_iter().fold(filter, Filter::with_kind);
        filter = look.after.into_iter().fold(filter, |filter, after| filter.after(position(after)));
        filter = look.up_to.into_iter().fold(filter, |filter, up_to| filter.up_to(position(up_to)));
        let events = &self.model.tenants[look.tenant];
        if let Some(n) = look.parent {
            if events.is_empty() {
                return;
            }
            filter = filter.with_parent(self.model.reference(&events[n % events.len()]));
        }
        let wanted = self.model.wanted(look);
        let found: Vec<_> = self.vault(look.tenant).events(filter.clone()).unwrap().collect::<Result<_, _>>().unwrap();
        let positions: Vec<_> = found.iter().map(|event| event.header.position.number()).collect();
        assert_eq!(positions, wanted.iter().map(|at| *at as u64 + 1).collect::<Vec<_>>(), "{filter:?}");
        for (event, at) in found.iter().zip(wanted) {
            assert_same(self, look.tenant, at, event);
            assert!(filter.matches(&event.header));
        }
    }

    fn compare_event(&self, tenant: usize, at: usize) {
        let vault = self.vault(tenant);
        let event = &self.model.tenants[tenant][at];
        let reference = self.model.reference(event);
        let found = vault.get(&reference).unwrap();
        assert_same(self, tenant, at, &found);
        let keys: [EventKey; 4] =
            [event.hash.into(), found.header.id.into(), position(at as u64 + 1).into(), (&found).into()];
        for key in keys {
            assert_eq!(vault.get(key).unwrap(), found);
        }
        let missing: [EventKey; 3] = [
            EventRef { seq: event.seq + 1, ..reference.clone() }.into(),
            position(self.model.tenants[tenant].len() as u64 + 1).into(),
            causal_vault::EntryHash::from_bytes([3; 32]).into(),
        ];
        for key in missing {
            assert_eq!(vault.try_get(key), Ok(None));
        }
        assert_eq!(self.vault(1 - tenant).try_get(event.hash), Ok(None));
        for bytes in [Some(&event.payload), event.attachment.as_ref()].into_iter().flatten() {
            assert_eq!(vault.payload(&PayloadDigest::of(bytes)).as_ref(), Ok(bytes));
        }
        let hashes = |lineage: causal_vault::Result<causal_vault::Lineage>| -> Vec<_> {
            lineage.unwrap().map(|header| header.unwrap().hash).collect()
        };
        assert_eq!(hashes(vault.ancestors(&reference)), self.model.lineage(tenant, at, true));
        assert_eq!(hashes(vault.descendants(&reference)), self.model.lineage(tenant, at, false));
    }
}

fn assert_same(world: &World, tenant: usize, at: usize, found: &StoredEvent) {
    let event: &Naive = &world.model.tenants[tenant][at];
    let header = &found.header;
    assert_eq!(found.payload, event.payload);
    assert_eq!(header.position.number(), at as u64 + 1);
    assert_eq!((&*header.stream, &*header.kind), (STREAMS[event.stream], KINDS[event.kind]));
    assert_eq!((header.writer, header.seq), (world.model.writers[event.writer], event.seq));
    assert_eq!((header.hash, header.digest, header.lamport), (event.hash, event.digest, event.lamport));
    assert!(event.id.is_none_or(|id| id == header.id));
    let parents: Vec<_> = event.parents.iter().map(|parent| world.model.tenants[tenant][*parent].hash).collect();
    assert_eq!(header.parents.to_vec(), parents);
    assert_eq!(
        (header.payload_len, header.payload_digest),
        (event.payload.len() as u64, PayloadDigest::of(&event.payload))
    );
    assert_eq!(header.content_type(), "application/octet-stream");
}
