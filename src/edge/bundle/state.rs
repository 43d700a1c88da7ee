//! How much is kept of a bundle while it is checked.

use super::check::Checker;
use crate::words::{Result, StoreError};

impl Checker<'_> {
    /// Whether one more of these can be kept.
    pub(super) fn check_state(&self, unit: &'static str, have: usize) -> Result<()> {
        match have < self.most {
            true => Ok(()),
            false => {
                let (found, limit) = (have as u64 + 1, self.most as u64);
                Err(StoreError::Limit { what: "the bundle", found, limit, unit })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Source;
    use super::super::header::Header;
    use super::super::record::Record;
    use super::*;
    use crate::vault::{Event, Filter, Vault};
    use crate::words::limits::BUNDLE_STATE;

    /// Reads a bundle of everything with room for so many of each.
    fn read(bundle: &[u8], most: usize) -> Result<()> {
        let mut source = Source::open(bundle)?;
        let header = Header::decode(source.record()?.body)?;
        let mut checker = Checker::new(&header, &[], source.at())?;
        assert_eq!(std::mem::replace(&mut checker.most, most), BUNDLE_STATE);
        loop {
            let frame = source.record()?;
            match Record::decode(frame.tag, frame.body)? {
                Record::Writer(identity, rotations) => checker.writer(identity, rotations)?,
                Record::Payload(bytes) => drop(checker.payload(bytes)?),
                Record::Entry(entry) => drop(checker.entry(&entry)?),
                Record::End => return checker.finish(source.end()?, source.bytes()).map(drop),
            }
        }
    }

    #[test]
    fn as_many_of_each_kind_are_kept_as_the_limit_says_and_no_more() {
        let note = |stream: &str| Event::raw("note", stream).stream(stream);
        type Fill<'f> = &'f dyn Fn(&Vault);
        let scenes: [(&str, Fill<'_>); 4] = [
            ("writers", &|vault| {
                for name in ["alice", "bob", "carol"] {
                    vault.named_writer(name).unwrap().commit(note("demo")).unwrap();
                }
            }),
            ("logs", &|vault| {
                let alice = vault.named_writer("alice").unwrap();
                alice.commit_batch(["a", "b", "c"].map(note)).unwrap();
            }),
            ("payloads that are kept once", &|vault| {
                let film = note("demo").attach("a").attach("b").attach("c");
                vault.named_writer("alice").unwrap().commit(film).unwrap();
            }),
            ("parents whose children are yet to come", &|vault| {
                let alice = vault.named_writer("alice").unwrap();
                let parents = alice.commit_batch([(); 3].map(|()| note("demo"))).unwrap();
                alice.commit_batch(parents.iter().map(|parent| note("demo").parent(parent))).unwrap();
            }),
        ];
        for (unit, make) in scenes {
            let (vault, mut bundle) = (Vault::in_memory().unwrap(), Vec::new());
            make(&vault);
            vault.export(Filter::all(), &mut bundle).unwrap();
            assert_eq!(read(&bundle, 3), Ok(()), "{unit}");
            assert_eq!(read(&bundle, 2), Err(StoreError::Limit { what: "the bundle", found: 3, limit: 2, unit }));
        }
    }
}
